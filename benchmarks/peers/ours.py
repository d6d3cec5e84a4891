"""stillcast by its public function, from the array to the bytes: the host's frame is wrapped anew each time.

And its hot path in C++, where encoder and instruction set can be chosen.
"""

from __future__ import annotations

import stillcast
from benchmarks import native
from benchmarks.frames import Array, SourceFrame
from benchmarks.peers import Job


class Stillcast:
    def __init__(self, job: Job, format_: str) -> None:
        self._format = format_
        self._max_size, self._quality = job.target, job.quality

    def load(self, frame: SourceFrame) -> Array:
        return frame.array(self._format)

    def still(self, loaded: Array) -> bytes:
        frame = stillcast.Frame.from_array(loaded, self._format)
        return stillcast.encode_still(frame, max_size=self._max_size, quality=self._quality).jpeg


class InCpp:
    """``name`` is what ours_peer.cpp knows."""

    def __init__(self, job: Job, name: str) -> None:
        self._handle = native.Handle("ours", *job.source, *job.target, job.quality, name.encode())
        self._jpeg = native.JpegPointer()
        self._still = native.function("ours_still")

    def load(self, frame: SourceFrame) -> tuple[Array, int]:
        array = frame.array("I420")
        return array, native.address(array)

    def still(self, loaded: tuple[Array, int]) -> bytes:
        return self._jpeg.take(self._still(self._handle.pointer, loaded[1], self._jpeg.out))
