"""The smallest names of a stream."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Final

from stillcast.spool import files
from stillcast.spool.item import feed_of

_ABOVE_ALL: Final = "~"  # sorts behind every name


class Lowest:
    """Keeps the smallest few names that it is offered, in memory for twice as many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._names: list[str] = []
        self.bound = _ABOVE_ALL
        """Names from this one on need not be offered."""

    def offer(self, name: str) -> None:
        """Take a name, if it is below the bound."""
        if name < self.bound:
            self._names.append(name)
            if len(self._names) >= 2 * self._limit:
                self._cut()

    def names(self) -> list[str]:
        """The smallest names, in order."""
        self._cut()
        return self._names

    def _cut(self) -> None:
        self._names.sort()
        del self._names[self._limit :]
        if len(self._names) == self._limit:
            self.bound = self._names[-1]


def lowest(directory: Path, limit: int, *, after: str = "", exclude: Container[str] = ()) -> list[str]:
    """The first names of the spool files in a directory; streams, so memory follows the limit.

    Args:
        directory: a state's.
        limit: most names.
        after: names up to this one are left out.
        exclude: names that are left out too.
    """
    kept = Lowest(limit)
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name
            # The cheap question first: of a million names nearly all end here.
            if after < name < kept.bound and name not in exclude and _is_ours(entry):
                kept.offer(name)
    return kept.names()


def lowest_of_feeds(
    directories: Iterable[Path], feeds: Iterable[str | None], limit: int
) -> dict[str | None, list[str]]:
    """The first names of each feed over several directories, in one go.

    Args:
        directories: of spool files.
        feeds: hashes as they stand in the names; None means all feeds together.
        limit: most names of each.
    """
    kept = {feed: Lowest(limit) for feed in feeds}
    everything = kept.get(None)
    for directory in directories:
        with os.scandir(directory) as entries:
            for entry in entries:
                name = entry.name
                own = kept.get(feed_of(name))
                for heap in (everything, own):
                    if heap is not None and name < heap.bound and _is_ours(entry):
                        heap.offer(name)
    return {feed: heap.names() for feed, heap in kept.items()}


def _is_ours(entry: os.DirEntry[str]) -> bool:
    return files.is_name(entry.name) and entry.is_file(follow_symlinks=False)
