"""Counts of what a spool holds: by state, and by feed where shares are limited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from stillcast.spool.item import State, feed_of

Measure = Literal["bytes", "files"]


@dataclass(slots=True)
class Holding:
    """What one feed holds."""

    files: int = 0
    bytes: int = 0


class Ledger:
    """Counts files as they come, move and go. Not for several threads at once."""

    def __init__(self, *, feed_share: float) -> None:
        """Begin with nothing.

        Args:
            feed_share: the part of everything above which a feed is heavy; 1 looks at no feed.
        """
        self.states: Final[dict[State, int]] = dict.fromkeys(State, 0)
        self.files = 0
        self.bytes = 0
        self._share = feed_share
        self._feeds: dict[str, Holding] = {}
        self._heavy: set[str] = set()  # every feed that is heavy, and some that are no longer

    def add(self, state: State, name: str, size: int) -> None:
        """Count a file that came."""
        self.states[state] += 1
        self.files += 1
        self.bytes += size
        if self._share < 1:
            self._grow(feed_of(name), 1, size)

    def take(self, state: State, name: str, size: int) -> None:
        """Count a file that went."""
        self.states[state] -= 1
        self.files -= 1
        self.bytes -= size
        holding = self._feeds.get(feed_of(name))
        if holding is None:
            return
        holding.files -= 1
        holding.bytes -= size
        if holding.files == 0:
            del self._feeds[feed_of(name)]

    def move(self, from_state: State, to_state: State) -> None:
        """Count a change of state."""
        self.states[from_state] -= 1
        self.states[to_state] += 1

    def absorb(self, other: Ledger) -> None:
        """Count everything that another ledger holds too."""
        for state, count in other.states.items():
            self.states[state] += count
        self.files += other.files
        self.bytes += other.bytes
        for feed, holding in other._feeds.items():
            self._grow(feed, holding.files, holding.bytes)

    def heaviest(self, by: Measure) -> str | None:
        """The feed that holds most, if that is more than its share of everything."""
        total = self.bytes if by == "bytes" else self.files
        held = [(getattr(self._feeds[feed], by), feed) for feed in self.heavy()]
        most, feed = max(held, default=(0, None))
        return feed if most > self._share * total else None

    def heavy(self) -> set[str]:
        """Feeds that hold more than their share of the bytes or of the files."""
        self._heavy = {feed for feed in self._heavy if self._is_heavy(self._feeds.get(feed))}
        return self._heavy

    def weigh(self) -> None:
        """Find the feeds that became heavy because others became lighter; looks at every feed."""
        self._heavy = {feed for feed, holding in self._feeds.items() if self._is_heavy(holding)}

    def _grow(self, feed: str, count: int, size: int) -> None:
        holding = self._feeds.get(feed)
        if holding is None:
            holding = self._feeds[feed] = Holding()
        holding.files += count
        holding.bytes += size
        if self._is_heavy(holding):
            self._heavy.add(feed)

    def _is_heavy(self, holding: Holding | None) -> bool:
        if holding is None:
            return False
        return holding.bytes > self._share * self.bytes or holding.files > self._share * self.files
