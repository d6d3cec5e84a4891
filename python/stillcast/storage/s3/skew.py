"""How far a store's clock is from ours, by the dates of its answers."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

_MID_OF_A_SECOND: Final = 0.5  # a date of HTTP has whole seconds, cut off


class ClockSkew:
    """Remembers the last date; reading it is left until somebody asks, because every answer has one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: tuple[str, float] | None = None

    def heard(self, date: str | None) -> None:
        """Take the header ``Date`` of an answer that has just come."""
        if date is not None:
            self._last = (date, self._clock())

    @property
    def seconds(self) -> float | None:
        """The store's clock minus ours, true to a second or two; None if it never said what can be read."""
        last = self._last
        if last is None:
            return None
        try:
            told = parsedate_to_datetime(last[0]).timestamp()
        except (ValueError, OverflowError):
            return None
        return told + _MID_OF_A_SECOND - last[1]
