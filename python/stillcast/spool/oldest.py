"""Which files go first when a cap is reached."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stillcast.spool import files
from stillcast.spool.item import State

_CHUNK: Final = 1024


class Oldest:
    """The oldest files of all states together, in bounded memory.

    A scan of the directories keeps the oldest thousand; the next one comes when those are used up. So dropping one file
    of n costs n / 1024 directory entries, and a name handed out may be gone by then. Not for several threads at once.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._queue: deque[tuple[str, State]] = deque()

    def peek(self) -> tuple[str, State] | None:
        """Name and state of the oldest file known without a scan."""
        return self._queue[0] if self._queue else None

    def pop(self) -> tuple[str, State] | None:
        """Take the oldest file, scanning if none is known; None where the spool is empty."""
        if not self._queue:
            self.scan()
        return self._queue.popleft() if self._queue else None

    def scan(self) -> None:
        """Look at the directories anew."""
        self._queue = deque(heapq.nsmallest(_CHUNK, self._all()))

    def _all(self) -> Iterator[tuple[str, State]]:
        for state in State:
            for name in files.names(self._root / state):
                yield name, state
