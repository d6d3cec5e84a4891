"""A plain model of the spool: what it should hold after each operation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from stillcast.spool import State
from stillcast.spool.item import feed_of

UTC_DIGITS = 17


@dataclass(frozen=True)
class Record:
    """One still: where it stands, what it is, and what was written down of it."""

    state: State
    size: int
    jpeg: bytes
    is_damaged: bool = False
    due_s: float = 0.0
    attempts: int = 1
    goes_back_to: State = State.READY


@dataclass
class Model:
    max_bytes: int
    max_files: int
    feed_share: float
    records: dict[str, Record] = field(default_factory=dict)
    put_count: int = 0
    removed_count: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def of(self, *states: State) -> list[str]:
        return sorted(name for name, record in self.records.items() if record.state in states)

    def change(self, name: str, **facts: object) -> None:
        self.records[name] = replace(self.records[name], **facts)  # type: ignore[arg-type]

    def put(self, name: str, record: Record) -> None:
        self.make_room(record.size)
        self.records[name] = record
        self.put_count += 1

    def remove(self, name: str) -> None:
        del self.records[name]
        self.removed_count += 1

    def drop(self, name: str, reason: str) -> None:
        state = self.records.pop(name).state
        self.dropped[reason if state is State.READY else f"{reason}_{state}"] += 1

    def move(self, name: str, to_state: State, *, with_reason: bool) -> None:
        state = self.records[name].state
        if with_reason:
            self.change(name, goes_back_to=State.STORED if state in (State.STORED, State.DEFERRED) else State.READY)
        else:
            self.change(name, goes_back_to=State.READY)
        self.change(name, state=to_state)

    def drop_older_than(self, cutoff: str) -> None:
        for name in [name for name in self.records if name[:UTC_DIGITS] < cutoff]:
            self.drop(name, "max_age")

    def due(self, now: float) -> list[str]:
        return sorted(
            (name for name in self.of(State.DEFERRED) if self.records[name].due_s <= now),
            key=lambda name: (self.records[name].due_s, name),
        )

    def make_room(self, size: int) -> None:
        heavy = {feed for feed in map(feed_of, self.records) if self._is_heavy(feed)}
        while (reason := self._exceeded(size)) is not None:
            heavy = {feed for feed in heavy if self._is_heavy(feed)}
            self.drop(self._victim(heavy, by_files=reason == "max_files"), reason)

    def _exceeded(self, size: int) -> str | None:
        if self._bytes() + size > self.max_bytes:
            return "max_bytes"
        return "max_files" if len(self.records) + 1 > self.max_files else None

    def _victim(self, heavy: set[str], *, by_files: bool) -> str:
        held = [(self._held(feed)[by_files], feed) for feed in heavy]
        most, feed = max(held, default=(0, ""))
        total = len(self.records) if by_files else self._bytes()
        names = [name for name in self.records if feed_of(name) == feed] if most > self.feed_share * total else []
        return min(names or self.records)

    def _bytes(self) -> int:
        return sum(record.size for record in self.records.values())

    def _held(self, feed: str) -> tuple[int, int]:
        sizes = [record.size for name, record in self.records.items() if feed_of(name) == feed]
        return sum(sizes), len(sizes)

    def _is_heavy(self, feed: str) -> bool:
        held_bytes, held_files = self._held(feed)
        return held_bytes > self.feed_share * self._bytes() or held_files > self.feed_share * len(self.records)
