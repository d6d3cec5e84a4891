"""GStreamer as a pipeline that plays for ever, fed and read by C; see its source for the elements' settings."""

from __future__ import annotations

from benchmarks import native
from benchmarks.frames import Array, SourceFrame
from benchmarks.peers import Job


class GStreamer:
    def __init__(self, job: Job) -> None:
        self._handle = native.Handle("gstreamer", *job.source, *job.target, job.quality)
        self._jpeg = native.JpegPointer()
        self._still = native.function("gstreamer_still")

    def load(self, frame: SourceFrame) -> tuple[Array, int]:
        array = frame.array("I420")
        return array, native.address(array)

    def still(self, loaded: tuple[Array, int]) -> bytes:
        array, address = loaded
        return self._jpeg.take(self._still(self._handle.pointer, address, array.nbytes, self._jpeg.out))
