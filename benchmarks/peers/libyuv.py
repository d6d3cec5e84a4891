"""libyuv's box filter and libjpeg-turbo, in C++: what a careful native programme would do today. See its source."""

from __future__ import annotations

from benchmarks import native
from benchmarks.frames import Array, SourceFrame
from benchmarks.peers import Job


class Libyuv:
    def __init__(self, job: Job) -> None:
        self._handle = native.Handle("libyuv", *job.source, *job.target, job.quality)
        self._jpeg = native.JpegPointer()
        self._still = native.function("libyuv_still")

    def load(self, frame: SourceFrame) -> tuple[Array, int]:
        array = frame.array("I420")
        return array, native.address(array)

    def still(self, loaded: tuple[Array, int]) -> bytes:
        return self._jpeg.take(self._still(self._handle.pointer, loaded[1], self._jpeg.out))
