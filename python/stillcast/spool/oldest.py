"""Which files go first when a cap is reached."""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Collection
from pathlib import Path
from typing import Final

from stillcast.spool.item import State, feed_of
from stillcast.spool.lowest import lowest_of_feeds

# Measured: a scan of a million names takes about half a second, so it shall serve many drops.
_KNOWN: Final = 16_384
_KNOWN_MIN: Final = 256


class Oldest:
    """The oldest files of all states together, and of single feeds, in bounded memory.

    A scan of the directories keeps the oldest few thousand names; the next one comes when those are used up, or before
    that on a thread that has time for it. A name handed out may be gone by then. For any thread.
    """

    def __init__(self, root: Path) -> None:
        self._directories = [root / state for state in State]
        self._scanning = threading.Lock()  # held while one thread scans
        self._mutex = threading.Lock()  # guards the queues
        self._queues: dict[str | None, list[str]] = {}

    def note(self, name: str) -> None:
        """Know of a file that came; one that is older than what is known takes its place among it."""
        with self._mutex:
            for feed in (None, feed_of(name)):
                queue = self._queues.get(feed)
                if queue and name < queue[-1]:
                    insort(queue, name)

    def peek(self) -> str | None:
        """The oldest file of all that is known without a scan."""
        with self._mutex:
            queue = self._queues.get(None)
            return queue[0] if queue else None

    def pop(self, feed: str | None = None) -> str | None:
        """Take the oldest file, scanning if none is known; None where there is none.

        Args:
            feed: whose; None means the oldest of all.
        """
        name = self._take(feed)
        if name is None:
            self.refill([feed])
            name = self._take(feed)
        return name

    def refill(self, feeds: Collection[str | None]) -> None:
        """Scan for those queues that are empty; the others are served meanwhile."""
        self._scan(feeds, 0)

    def refill_low(self, feeds: Collection[str | None]) -> None:
        """Scan for those queues that run low; they are served meanwhile."""
        self._scan(feeds, _KNOWN // len(feeds) // 4)

    def discard(self, name: str) -> None:
        """Forget the oldest file of all, if it is this one."""
        with self._mutex:
            queue = self._queues.get(None)
            if queue and queue[0] == name:
                del queue[0]

    def keep(self, feeds: Collection[str | None]) -> None:
        """Forget the queues of feeds that are not among these."""
        with self._mutex:
            self._queues = {feed: queue for feed, queue in self._queues.items() if feed in feeds}

    def _scan(self, feeds: Collection[str | None], low: int) -> None:
        with self._scanning:
            with self._mutex:
                wanted = [feed for feed in feeds if len(self._queues.get(feed, ())) <= low]
            if wanted:
                found = lowest_of_feeds(self._directories, wanted, max(_KNOWN // len(wanted), _KNOWN_MIN))
                with self._mutex:
                    self._queues.update(found)

    def _take(self, feed: str | None) -> str | None:
        with self._mutex:
            queue = self._queues.get(feed)
            return queue.pop(0) if queue else None
