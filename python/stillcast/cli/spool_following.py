"""What becomes of stills that were put back, seen from beside the spool."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from stillcast.cli.status import plain
from stillcast.spool import SpoolEntry, State
from stillcast.spool.peeking import place_of, reason_of

Word = Literal["delivered", "failed", "waits", "gone"]

_GIVEN_UP: Final = (State.DEFERRED, State.DEAD, State.QUARANTINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one still.

    Attributes:
        outcome: ``delivered`` (it is stored, and announced where there is a callback), ``failed`` (again), ``waits``
            (the agent goes on trying), ``gone`` (somebody else took it, or a cap dropped it).
        sid: the still's own.
        object_key: None where the file cannot be read.
        reason: why, where it is not delivered.
    """

    outcome: Word
    sid: str
    object_key: str | None
    reason: str | None = None

    @classmethod
    def of(cls, entry: SpoolEntry, word: Word, reason: str | None = None) -> Outcome:
        """Say what became of a still."""
        return cls(word, entry.sid, entry.object_key, reason)

    def as_json(self) -> str:
        """Write it for a program."""
        return json.dumps(asdict(self))

    def as_line(self) -> str:
        """Write it for a person."""
        why = f"  {plain(self.reason)}" if self.reason else ""
        return f"{self.outcome:<10} {self.object_key or self.sid}{why}"


class Following:
    """Follows stills from state to state until they leave the spool or are given up. Used by one thread."""

    def __init__(
        self,
        root: Path,
        revived: Mapping[str, SpoolEntry],
        *,
        max_age_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to follow.

        Args:
            root: the spool.
            revived: dead letters that were just put back, by file name.
            max_age_s: seconds after capture at which the spool drops a still.
            clock: seconds, from any origin.
        """
        self._root = root
        self._left = dict(revived)
        self._missed: set[str] = set()  # not to be seen at the last look; twice in a row means that it has left
        self._places: dict[str, State] = {}
        self._max_age_s = max_age_s
        self._clock = clock
        self._began_s = self._moved_s = clock()

    @property
    def is_over(self) -> bool:
        """Whether it is known of each what became of it."""
        return not self._left

    @property
    def idle_s(self) -> float:
        """Seconds since any of them moved."""
        return self._clock() - self._moved_s

    def look(self) -> Iterator[Outcome]:
        """Say of which stills it is known now what became of them."""
        for name, entry in list(self._left.items()):
            place = place_of(self._root, name)
            if place is not None:
                self._missed.discard(name)
                self._note_place(name, place)
            if place in _GIVEN_UP:
                yield self._decided(name, "failed", reason_of(self._root, place, name))
            elif place is None and name in self._missed:
                is_old = entry.age_s + self._clock() - self._began_s > self._max_age_s
                yield (
                    self._decided(name, "gone", "dropped: over spool.max_age")
                    if is_old
                    else self._decided(name, "delivered")
                )
            elif place is None:
                self._missed.add(name)

    def give_up(self, reason: str) -> Iterator[Outcome]:
        """Say of all others that they still wait."""
        for name in list(self._left):
            yield self._decided(name, "waits", reason)

    def _decided(self, name: str, word: Word, reason: str | None = None) -> Outcome:
        self._moved_s = self._clock()
        return Outcome.of(self._left.pop(name), word, reason)

    def _note_place(self, name: str, place: State) -> None:
        if self._places.get(name) is not place:
            self._places[name] = place
            self._moved_s = self._clock()
