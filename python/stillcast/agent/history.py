"""What the stills of one feed looked like before."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from stillcast.flags import Looks

_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Seen:
    pushed_ns: int
    looks: Looks
    frozen: bool = False


class History:
    """Compares stills of a feed with the one before and the one kept last; any thread: snapshots come on the host's."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards what follows
        self._last: _Seen | None = None
        self._kept: _Seen | None = None

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

    def is_unchanged(self, pushed_ns: int, looks: Looks, heartbeat_s: float) -> bool:
        """Whether a picture shows no change against the feed's still that was kept last, within the heartbeat.

        It is compared with the one that was kept and not with the one before, so that a change that comes slowly is
        seen once it has added up.

        Args:
            pushed_ns: when its frame was pushed, on the monotonic clock.
            looks: of the picture.
            heartbeat_s: how long nothing has to be kept.
        """
        with self._mutex:
            kept = self._kept
        return kept is not None and pushed_ns - kept.pushed_ns < heartbeat_s * _NS_PER_S and looks.is_like(kept.looks)

    def keep(self, pushed_ns: int, looks: Looks) -> None:
        """Note a still that was kept, as ``is_unchanged`` compares with."""
        with self._mutex:
            if self._kept is None or pushed_ns > self._kept.pushed_ns:
                self._kept = _Seen(pushed_ns, looks)
