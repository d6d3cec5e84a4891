"""The few items that failed and wait for their own next try."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from stillcast.backoff import Backoff


@dataclass(slots=True)
class _Wait:
    backoff: Backoff
    due: float | None  # None while its attempt is under way
    was_excused: bool = False


class Retries:
    """Own back-off of each item that failed, for a bounded number of items.

    Where it is full, the one that would wait longest is forgotten: it is on disk, and comes again with the backlog.
    """

    def __init__(self, limit: int, random: Random | None) -> None:
        self._limit = limit
        self._random = random
        self._waits: dict[str, _Wait] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._waits

    def __len__(self) -> int:
        return len(self._waits)

    def names(self) -> set[str]:
        """Every item that is remembered."""
        return set(self._waits)

    def failed(self, name: str, now: float) -> None:
        """Let an item wait for its next try, longer than the last time."""
        wait = self._waits.get(name)
        if wait is None:
            wait = self._waits[name] = _Wait(Backoff(random=self._random), None)
        wait.due = now + wait.backoff.next()
        if len(self._waits) > self._limit:
            del self._waits[max(self._waits, key=lambda each: self._waits[each].due or 0.0)]

    def forget(self, name: str) -> None:
        """The item is through, or no longer ours."""
        self._waits.pop(name, None)

    def next_due(self) -> float | None:
        """When the next item may be tried; None where none waits."""
        return min((wait.due for wait in self._waits.values() if wait.due is not None), default=None)

    def take_due(self, now: float) -> str | None:
        """Take the item that has been due longest; it stays remembered until it is through."""
        due = self.next_due()
        if due is None or due > now:
            return None
        name = next(name for name, wait in self._waits.items() if wait.due == due)
        self._waits[name].due = None
        return name

    def excuse(self, now: float) -> None:
        """Let every item be tried at once, because the destination that failed it has come back; each once only.

        One that is at fault itself would otherwise close the gate again each time that the others open it.
        """
        for wait in self._waits.values():
            if not wait.was_excused and wait.due is not None:
                wait.was_excused, wait.due = True, now

    def hurry(self, now: float) -> None:
        """Let every item be tried at once."""
        for wait in self._waits.values():
            wait.due = None if wait.due is None else now
