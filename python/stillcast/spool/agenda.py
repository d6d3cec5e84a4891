"""When deferred stills are due, as far ahead as memory shall hold."""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Callable, Container, Iterable
from typing import Final

_AHEAD_MAX: Final = 16_384

Scan = Callable[[], Iterable[tuple[float, str]]]


class Agenda:
    """The next stills to be due, by due time.

    A scan of the directory looks at every file's times, so it comes only when everything that it found is used up: a
    million deferred stills are looked at once for each 16,384 that become due. For any thread.
    """

    def __init__(self) -> None:
        self._scanning = threading.Lock()  # held while one thread scans
        self._mutex = threading.Lock()  # guards the rest
        self._due: dict[str, float] = {}
        self._until = -math.inf  # every still that is due by then is in ``_due``
        self._changed: dict[str, float | None] | None = None  # while a scan is under way: what it may have missed

    def note(self, name: str, due_s: float) -> None:
        """Know of a still that was deferred, or deferred anew."""
        with self._mutex:
            self._keep(name, due_s)
            if self._changed is not None:
                self._changed[name] = due_s

    def forget(self, name: str) -> None:
        """Know that a still is no longer deferred."""
        with self._mutex:
            self._due.pop(name, None)
            if self._changed is not None:
                self._changed[name] = None

    def due(self, now: float, limit: int, exclude: Container[str], scan: Scan) -> list[str]:
        """Names whose time has come, earliest first.

        Args:
            now: seconds since 1970.
            limit: at most so many.
            exclude: names to leave out.
            scan: streams due time and name of every deferred still.
        """
        with self._scanning:
            if self._must_scan(now):
                self._look(scan)
        with self._mutex:
            found = ((due_s, name) for name, due_s in self._due.items() if due_s <= now and name not in exclude)
            return [name for _, name in heapq.nsmallest(limit, found)]

    def _must_scan(self, now: float) -> bool:
        with self._mutex:
            must = now >= self._until and not any(due_s <= now for due_s in self._due.values())
            self._changed = {} if must else None
            return must

    def _look(self, scan: Scan) -> None:
        found = heapq.nsmallest(_AHEAD_MAX, scan())
        with self._mutex:
            self._due = {name: due_s for due_s, name in found}
            self._until = math.inf if len(found) < _AHEAD_MAX else found[-1][0]
            changed, self._changed = self._changed or {}, None
            for name, due_s in changed.items():
                self._due.pop(name, None)
                if due_s is not None:
                    self._keep(name, due_s)

    def _keep(self, name: str, due_s: float) -> None:
        if due_s > self._until:
            self._due.pop(name, None)
            return
        self._due[name] = due_s
        if len(self._due) > 2 * _AHEAD_MAX:
            first = heapq.nsmallest(_AHEAD_MAX, ((due_s, name) for name, due_s in self._due.items()))
            self._due = {name: due_s for due_s, name in first}
            self._until = first[-1][0]
