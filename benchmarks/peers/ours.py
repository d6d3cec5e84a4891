"""stillcast by its public function, from the array to the bytes: the host's frame is wrapped anew each time."""

from __future__ import annotations

import stillcast
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
