"""Carries everything that stands in one state of the spool to one destination."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Final

from stillcast.delivery.bell import Bell
from stillcast.delivery.gate import Gate
from stillcast.delivery.retries import Retries
from stillcast.errors import SpoolError
from stillcast.spool import Spool, State
from stillcast.workers import WorkerPool

_LIVE_MAX: Final = 256
_CHUNK: Final = 4096
_RETRIES_MAX: Final = 64
_LAST_FAILURES_MAX: Final = 3


class Verdict(Enum):
    """How an attempt ended, if not in trouble."""

    ACCEPTED = auto()
    """The destination took the item."""
    SETTLED = auto()
    """The item left this state, and the destination was not asked or not to blame."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The item has to be tried again.

    Attributes:
        reason: one line.
        at_gate: whether the destination is to blame, so that others would fare alike.
        parks: whether every item will fail alike until somebody mends something.
    """

    reason: str
    at_gate: bool
    parks: bool = False


Work = Callable[[str], Awaitable[Verdict | Trouble]]


class Lane:
    """Live items before the backlog, several at a time, each tried until it has left the state.

    In memory are names only, and a bounded number of them: a few live ones, a chunk of the backlog, those that failed.
    Everything else is on disk and comes when there is room. ``offer`` is for any thread, the rest for the loop's.
    """

    def __init__(
        self,
        spool: Spool,
        state: State,
        work: Work,
        *,
        gate: Gate,
        disk: WorkerPool,
        on_progress: Callable[[], None],
        random: Random | None = None,
    ) -> None:
        """Describe a lane; ``run`` works it.

        Args:
            spool: where the items are.
            state: whose items are carried.
            work: makes one attempt for one name.
            gate: of the destination.
            disk: threads in which the backlog is looked for.
            on_progress: told after every attempt.
            random: of the back-off.
        """
        self._spool = spool
        self._state = state
        self._work = work
        self._gate = gate
        self._disk = disk
        self._on_progress = on_progress
        self._bell = Bell()
        self._mutex = threading.Lock()  # guards the two below
        self._live: deque[str] = deque()
        self._more_on_disk = True
        self._backlog: deque[str] = deque()
        self._retries = Retries(_RETRIES_MAX, random)
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._refill: asyncio.Task[None] | None = None
        self._last_failures: int | None = None  # counted from the moment the lane is told to end

    @property
    def in_flight(self) -> int:
        """Attempts that are under way; any thread may ask."""
        return len(self._in_flight)

    def offer(self, name: str) -> None:
        """Carry an item that has just come into the state; where too many wait, it comes with the backlog."""
        with self._mutex:
            if len(self._live) == _LIVE_MAX:
                self._live.popleft()
                self._more_on_disk = True
            self._live.append(name)
        self._bell.ring()

    async def run(self) -> None:
        """Work until ``end``."""
        self._bell.bind()
        while not self._is_over():
            while self._start_next():
                pass
            if not self._is_over():
                await self._bell.listen(self._pause_s())

    def look_again(self) -> None:
        """Look at the disk if it holds more than is known here: what was forgotten, or could not be listed."""
        with self._mutex:
            in_hand = self._retries.names() | self._in_flight.keys()
            known = len(self._live) + len(self._backlog) + len(in_hand)
            self._more_on_disk = self._more_on_disk or self._spool.counts()[self._state] > known
        self._bell.ring()

    def end(self) -> None:
        """Interrupt every wait, try once more what is in memory, then let ``run`` return."""
        self._last_failures = 0
        self._backlog.clear()
        self._gate.hurry()
        self._retries.hurry(_now())
        self._bell.ring()

    async def cancel(self) -> None:
        """Cut what is under way; the items stay as they are on disk."""
        tasks = [*self._in_flight.values(), *([self._refill] if self._refill else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_over(self) -> bool:
        if self._last_failures is None or self._in_flight:
            return False
        return self._last_failures >= _LAST_FAILURES_MAX or not (self._live or self._retries.next_due() is not None)

    def _pause_s(self) -> float | None:
        now = _now()
        ahead = [at for at in (self._gate.probe_at, self._retries.next_due()) if at is not None and at > now]
        return min(ahead) - now if ahead else None

    def _start_next(self) -> bool:
        now = _now()
        if (self._last_failures or 0) >= _LAST_FAILURES_MAX or not self._gate.has_room(len(self._in_flight), now):
            return False
        name = self._choose(now)
        if name is None:
            self._look_for_more()
            return False
        task = asyncio.get_running_loop().create_task(self._carry(name, self._gate.enter()))
        self._in_flight[name] = task
        return True

    def _choose(self, now: float) -> str | None:
        """Live ones first, then those that failed and are due, then the oldest of the backlog.

        A probe takes one that failed last of all: it may be the only one at fault.
        """
        if live := self._take_new(self._live):
            return live
        if self._gate.probe_at is None:
            return self._retries.take_due(now) or self._take_new(self._backlog)
        return self._take_new(self._backlog) or (None if self._has_unseen() else self._retries.take_due(now))

    def _take_new(self, names: deque[str]) -> str | None:
        """Take a name that is not in our hands already: a scan may have seen what was offered too."""
        with self._mutex:
            while names:
                name = names.popleft()
                if name not in self._in_flight and name not in self._retries:
                    return name
        return None

    async def _carry(self, name: str, ticket: int) -> None:
        try:
            result = await self._work(name)
        except Exception as error:  # whatever breaks in one attempt must not stop the others
            result = Trouble(f"unexpected {type(error).__name__}", at_gate=False)
        finally:
            del self._in_flight[name]
        self._conclude(name, ticket, result)
        self._on_progress()
        self._bell.ring()

    def _conclude(self, name: str, ticket: int, result: Verdict | Trouble) -> None:
        if isinstance(result, Trouble):
            self._fail(name, ticket, result)
            return
        self._retries.forget(name)
        if result is Verdict.ACCEPTED:
            self._gate.accepted(ticket)
            self._last_failures = None if self._last_failures is None else 0
        else:
            self._gate.undecided(ticket)

    def _fail(self, name: str, ticket: int, trouble: Trouble) -> None:
        if trouble.at_gate:
            self._gate.failed(ticket, _now(), trouble.reason, parks=trouble.parks)
        else:
            self._gate.undecided(ticket)
        if self._last_failures is None:
            self._retries.failed(name, _now())
            return
        self._retries.forget(name)
        self._last_failures += 1
        self._gate.hurry()

    def _has_unseen(self) -> bool:
        return (self._more_on_disk or self._refill is not None) and self._last_failures is None

    def _look_for_more(self) -> None:
        if not self._has_unseen() or self._refill is not None:
            return
        with self._mutex:
            self._more_on_disk = False  # before the scan: what it cannot see any more sets it again
        self._refill = asyncio.get_running_loop().create_task(self._scan())

    async def _scan(self) -> None:
        exclude = self._retries.names() | self._in_flight.keys()
        try:
            with suppress(SpoolError):  # look_again() comes back to it
                names = await self._disk.run(self._spool.oldest, self._state, _CHUNK, exclude)
                if self._last_failures is None:
                    self._backlog.extend(names)
                with self._mutex:
                    self._more_on_disk = self._more_on_disk or len(names) == _CHUNK
        finally:
            self._refill = None
        self._bell.ring()


def _now() -> float:
    return asyncio.get_running_loop().time()
