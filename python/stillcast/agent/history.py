"""What the stills of one feed looked like before."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from stillcast.flags import Looks

_NS_PER_S: Final = 1_000_000_000
# Lateness is told in milliseconds with a fraction: when a tick was due is known to less than this.
_ROUNDED_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A picture as it was seen.

    Attributes:
        pushed_ns: when its frame was pushed, on the monotonic clock.
        due_ns: when its tick was due, on the same clock.
        looks: of the picture.
    """

    pushed_ns: int
    due_ns: int
    looks: Looks


class History:
    """Compares pictures of a feed with the still that was kept last; any thread: snapshots come on the host's."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards what follows
        self._kept: Seen | None = None
        self._kept_frozen = False

    def is_frozen(self, seen: Seen) -> bool:
        """Whether a picture shows no change against the feed's still before.

        A picture that is shown once more, for a snapshot, is judged as it was the first time: that it is the same one
        says nothing about the video.
        """
        with self._mutex:
            if self._kept is not None and seen.pushed_ns == self._kept.pushed_ns:
                return self._kept_frozen
            return self._kept is not None and seen.looks.is_like(self._kept.looks)

    def is_unchanged(self, seen: Seen, heartbeat_s: float) -> bool:
        """Whether a picture shows no change against the feed's still before, within the heartbeat.

        Times are those when the ticks were due: frames come a little sooner or later, and a heartbeat of thirty
        intervals would be one of thirty-one as often as not.

        Args:
            seen: the picture.
            heartbeat_s: how long nothing has to be kept.
        """
        with self._mutex:
            kept = self._kept
        if kept is None or seen.due_ns - kept.due_ns >= heartbeat_s * _NS_PER_S - _ROUNDED_NS:
            return False
        return seen.looks.is_like(kept.looks)

    def keep(self, seen: Seen, *, frozen: bool) -> None:
        """Note a still that is in the spool; what was skipped or lost is not compared with."""
        with self._mutex:
            if self._kept is None or seen.pushed_ns > self._kept.pushed_ns:
                self._kept, self._kept_frozen = seen, frozen
