"""What the stills of one feed looked like before."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from stillcast.flags import Looks


@dataclass(frozen=True, slots=True)
class _Seen:
    pushed_ns: int
    looks: Looks
    frozen: bool


class History:
    """Compares each still of a feed with the one before; any thread, because snapshots come on the host's."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards what follows
        self._last: _Seen | None = None

    def is_frozen(self, pushed_ns: int, looks: Looks) -> bool:
        """Whether a picture shows no change against the feed's still before.

        A picture that is shown once more, for a snapshot, is judged as it was the first time: that it is the same one
        says nothing about the video.

        Args:
            pushed_ns: when its frame was pushed, on the monotonic clock.
            looks: of the picture.
        """
        with self._mutex:
            last = self._last
            if last is not None and pushed_ns == last.pushed_ns:
                return last.frozen
            frozen = last is not None and looks.is_like(last.looks)
            if last is None or pushed_ns > last.pushed_ns:
                self._last = _Seen(pushed_ns, looks, frozen)
            return frozen
