"""Where a lane finds its items on disk."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Final, Protocol

from stillcast.spool import Spool, State

_SHARE: Final = 0.05


class Shelf(Protocol):
    """The items of one lane, as far as they are on disk."""

    def find(self, limit: int, exclude: Container[str]) -> list[str]:
        """Names of those that go first, in their order; blocks, raises ``SpoolError``."""

    def may_hold_more_than(self, known: int) -> bool:
        """Whether a look is worth its while, when so many are known already; costs nothing."""


class StateShelf:
    """Everything in one state, oldest first."""

    def __init__(self, spool: Spool, state: State) -> None:
        self._spool = spool
        self._state = state

    def find(self, limit: int, exclude: Container[str]) -> list[str]:
        """Names of the oldest."""
        return self._spool.oldest(self._state, limit, exclude)

    def may_hold_more_than(self, known: int) -> bool:
        """Whether more stand in the state."""
        return self._spool.counts()[self._state] > known


class DueShelf:
    """What was deferred and whose time has come, earliest first.

    No event tells that a time has come, so it has to be looked for; where very many are deferred, looks are as far
    apart as it takes to cost a twentieth of a thread.
    """

    def __init__(self, spool: Spool, now: Callable[[], float]) -> None:
        """Describe the shelf.

        Args:
            spool: where the items are.
            now: seconds of a clock that is never set back; for any thread.
        """
        self._spool = spool
        self._now = now
        self._next_look_s = 0.0

    def find(self, limit: int, exclude: Container[str]) -> list[str]:
        """Names of those whose time came first."""
        began = self._now()
        found = self._spool.due(limit, exclude)
        ended = self._now()
        self._next_look_s = ended + (ended - began) / _SHARE
        return found

    def may_hold_more_than(self, known: int) -> bool:
        """Whether more are deferred, and the last look is long enough ago."""
        return self._spool.counts()[State.DEFERRED] > known and self._now() >= self._next_look_s
