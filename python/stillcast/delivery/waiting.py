"""The names of a lane that are in memory and not under way: a bounded number of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

LIVE_MAX: Final = 8_192
CHUNK: Final = 16_384
_REFILL_AT: Final = CHUNK // 4


class Waiting:
    """Live names, and a chunk of the backlog behind them; whatever does not fit is on disk and is looked for.

    Note [Why the newest live still goes first]: after an outage a gate stays closed for up to 15 s more. What is
    captured in these seconds must not queue up before what is captured now, and must not fall out of the live ones,
    which would put it behind the whole backlog. So the live ones are a stack, and it holds 15 s of 500 stills a second.
    While the store keeps up, there is one in it, and no order to speak of.

    ``offer`` is for any thread, the rest for the loop's.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards the two below
        self._live: deque[str] = deque()
        self._more_on_disk = True
        self._backlog: deque[str] = deque()

    def __len__(self) -> int:
        return len(self._live) + len(self._backlog)

    def __contains__(self, name: object) -> bool:
        with self._mutex:
            return name in self._live or name in self._backlog

    def names(self) -> set[str]:
        """Every name that is here."""
        with self._mutex:
            return {*self._live, *self._backlog}

    def offer(self, name: str) -> None:
        """Add a live one; where too many wait, the one that waits longest comes again with the backlog."""
        with self._mutex:
            if len(self._live) == LIVE_MAX:
                self._live.popleft()
                self._more_on_disk = True
            self._live.append(name)

    def take_live(self, may_take: Callable[[str], bool]) -> str | None:
        """Take the live one that came last; passes over what may not be taken."""
        with self._mutex:
            return _take(self._live.pop, self._live, may_take)

    def take_backlog(self, may_take: Callable[[str], bool]) -> str | None:
        """Take the oldest of the backlog; passes over what may not be taken."""
        return _take(self._backlog.popleft, self._backlog, may_take)

    def drop_backlog(self) -> None:
        """Forget the backlog; it is on disk."""
        self._backlog.clear()

    @property
    def more_on_disk(self) -> bool:
        """Whether the disk may hold what is not here."""
        return self._more_on_disk

    @property
    def is_low(self) -> bool:
        """Whether to look for more now: early enough that nobody runs out of work meanwhile."""
        return self._more_on_disk and len(self._backlog) <= _REFILL_AT

    def expect_more(self) -> None:
        """The disk may hold more than is here."""
        with self._mutex:
            self._more_on_disk = True

    def looking(self) -> None:
        """A look begins; what it cannot see any more says so by itself."""
        with self._mutex:
            self._more_on_disk = False

    def found(self, names: Iterable[str], *, all_of_it: bool) -> None:
        """Add what a look found."""
        self._backlog.extend(names)
        if not all_of_it:
            self.expect_more()


def _take(next_of: Callable[[], str], names: deque[str], may_take: Callable[[str], bool]) -> str | None:
    while names:
        name = next_of()
        if may_take(name):
            return name
    return None
