"""Carries everything that stands on one shelf of the spool to one destination."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Final

from stillcast.delivery.bell import Bell
from stillcast.delivery.gate import Blame, Gate
from stillcast.delivery.retries import Retries
from stillcast.delivery.shelf import Shelf
from stillcast.delivery.waiting import CHUNK, Waiting
from stillcast.errors import SpoolError
from stillcast.workers import WorkerPool

RETRIES_MAX: Final = 64
_LAST_FAILURES_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, for the item and for the destination.

    Attributes:
        again: whether the item is still on the shelf and has to be tried again.
        accepted: whether the destination took the item.
        blame: what the destination is to blame for; None if it was not asked, or is not to blame.
    """

    again: bool = False
    accepted: bool = False
    blame: Blame | None = None


Work = Callable[[str], Awaitable[Outcome]]


class Lane:
    """Live items before the backlog, several at a time, each tried until it has left the shelf.

    In memory are names only, and a bounded number of them: a few live ones, a chunk of the backlog, those that failed.
    Everything else is on disk and comes when there is room. ``offer`` is for any thread, the rest for the loop's.
    """

    def __init__(
        self,
        shelf: Shelf,
        work: Work,
        *,
        gate: Gate,
        disk: WorkerPool,
        on_progress: Callable[[], None],
        random: Random | None = None,
    ) -> None:
        """Describe a lane; ``run`` works it.

        Args:
            shelf: where the items are.
            work: makes one attempt for one name.
            gate: of the destination.
            disk: threads in which the backlog is looked for.
            on_progress: told after every attempt.
            random: of the back-off.
        """
        self.gate = gate
        self._shelf = shelf
        self._work = work
        self._disk = disk
        self._on_progress = on_progress
        self._bell = Bell()
        self._waiting = Waiting()
        self._retries = Retries(RETRIES_MAX, random)
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._refill: asyncio.Task[None] | None = None
        self._last_failures: int | None = None  # counted from the moment the lane is told to end

    @property
    def in_flight(self) -> int:
        """Attempts that are under way; any thread may ask."""
        return len(self._in_flight)

    @property
    def in_memory(self) -> int:
        """Names that are held, whatever waits on disk; any thread may ask."""
        return len(self._waiting) + len(self._retries) + len(self._in_flight)

    def offer(self, name: str) -> None:
        """Carry an item that has just come onto the shelf; where too many wait, it comes with the backlog."""
        self._waiting.offer(name)
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
        in_hand = self._retries.names() | self._in_flight.keys()
        if self._shelf.may_hold_more_than(len(self._waiting) + len(in_hand)):
            self._waiting.expect_more()
        self._bell.ring()

    def end(self) -> None:
        """Interrupt every wait, try once more what is in memory, then let ``run`` return."""
        self._last_failures = 0
        self._waiting.drop_backlog()
        self.gate.hurry()
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
        return self._is_giving_up() or not (len(self._waiting) or self._retries.next_due() is not None)

    def _is_giving_up(self) -> bool:
        return self._last_failures is not None and self._last_failures >= _LAST_FAILURES_MAX

    def _pause_s(self) -> float | None:
        now = _now()
        ahead = [at for at in (self.gate.probe_at, self._retries.next_due()) if at is not None and at > now]
        return min(ahead) - now if ahead else None

    def _start_next(self) -> bool:
        now = _now()
        if self._is_giving_up() or not self.gate.has_room(len(self._in_flight), now):
            return False
        name = self._choose(now)
        if self._waiting.is_low:
            self._look_for_more()
        if name is None:
            return False
        task = asyncio.get_running_loop().create_task(self._carry(name, self.gate.enter(now)))
        self._in_flight[name] = task
        return True

    def _choose(self, now: float) -> str | None:
        """Live ones first, then those that failed and are due, then the oldest of the backlog.

        A probe takes one that failed last of all: it may be the only one at fault.
        """
        if live := self._waiting.take_live(self._is_new):
            return live
        if self.gate.probe_at is None:
            return self._retries.take_due(now) or self._waiting.take_backlog(self._is_new)
        return self._waiting.take_backlog(self._is_new) or (None if self._has_unseen() else self._retries.take_due(now))

    def _is_new(self, name: str) -> bool:
        """Whether a name is not in our hands already: a look may have seen what was offered too."""
        return name not in self._in_flight and name not in self._retries

    async def _carry(self, name: str, ticket: int) -> None:
        try:
            outcome = await self._work(name)
        except Exception:  # whatever breaks in one attempt must not stop the others
            outcome = Outcome(again=True)
        finally:
            del self._in_flight[name]
        self._conclude(name, ticket, outcome)
        self._on_progress()
        self._bell.ring()

    def _conclude(self, name: str, ticket: int, outcome: Outcome) -> None:
        if outcome.blame is not None:
            self.gate.failed(ticket, _now(), outcome.blame)
        elif outcome.accepted:
            if self.gate.accepted(ticket):
                self._retries.excuse(_now())
        else:
            self.gate.undecided(ticket)
        if outcome.again and self._last_failures is None:
            self._retries.failed(name, _now())
        else:
            self._retries.forget(name)
        if self._last_failures is not None:
            self._count_last(outcome)

    def _count_last(self, outcome: Outcome) -> None:
        if outcome.again or outcome.blame is not None:
            self._last_failures = (self._last_failures or 0) + 1
            self.gate.hurry()
        elif outcome.accepted:
            self._last_failures = 0

    def _has_unseen(self) -> bool:
        return (self._waiting.more_on_disk or self._refill is not None) and self._last_failures is None

    def _look_for_more(self) -> None:
        if self._refill is not None or self._last_failures is not None:
            return
        self._waiting.looking()
        self._refill = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        exclude = self._waiting.names() | self._retries.names() | self._in_flight.keys()
        try:
            with suppress(SpoolError):  # look_again() comes back to it
                names = await self._disk.run(self._shelf.find, CHUNK, exclude)
                if self._last_failures is None:
                    self._waiting.found(names, all_of_it=len(names) < CHUNK)
        finally:
            self._refill = None
        self._bell.ring()


def _now() -> float:
    return asyncio.get_running_loop().time()
