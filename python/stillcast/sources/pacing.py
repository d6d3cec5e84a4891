"""Playing at the speed of the video's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable

# Behind by more than this, or asked to wait longer, the clock starts afresh: the decoder is too slow, or the time
# stamps jump. Frames are never played in a burst to catch up, and a broken time stamp does not stop the video.
_LATE_MAX_S = 0.5
_EARLY_MAX_S = 5.0


class Pacer:
    """Says when each frame is due, given its presentation time.

    Attributes:
        restarts: how often the clock had to start afresh.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with no clock: the first frame is due at once.

        Args:
            clock: seconds that never jump.
        """
        self.restarts = 0
        self._clock = clock
        self._zero_s: float | None = None

    def delay_s(self, pts_s: float) -> float:
        """Say how many seconds to wait before the frame of this presentation time is shown; 0 or more."""
        now_s = self._clock()
        if self._zero_s is None:
            self._zero_s = now_s - pts_s
        delay_s = self._zero_s + pts_s - now_s
        if -_LATE_MAX_S <= delay_s <= _EARLY_MAX_S:
            return max(0.0, delay_s)
        self._zero_s = now_s - pts_s
        self.restarts += 1
        return 0.0
