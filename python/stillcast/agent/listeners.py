"""Functions that are told of every still, on a thread of their own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from stillcast.stills import Still

Listener: TypeAlias = Callable[[Still], object]

_LOG: Final = logging.getLogger("stillcast.agent")
_STILLS_WAITING_MAX: Final = 256


class Listeners:
    """Calls each function with each still, in order; a slow one makes stills pass by, it never holds up capture."""

    def __init__(self, functions: Iterable[Listener] = ()) -> None:
        self._functions = list(functions)  # grows by append alone, which needs no lock
        self._stills: queue.Queue[Still | None] = queue.Queue(_STILLS_WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="stillcast-listeners", daemon=True)
        self._logged: set[int] = set()
        self._mutex = threading.Lock()  # guards the two below; snapshots are told of by the threads that asked for them
        self._dropped = 0
        self._failed = 0

    @property
    def functions(self) -> tuple[Listener, ...]:
        """Those that were added."""
        return tuple(self._functions)

    @property
    def dropped(self) -> int:
        """Stills that the functions were not told of because too many waited."""
        with self._mutex:
            return self._dropped

    @property
    def failed(self) -> int:
        """Calls that raised."""
        with self._mutex:
            return self._failed

    def add(self, function: Listener) -> None:
        """Have a function called from the next still on."""
        if not callable(function):
            raise TypeError(f"on_still: {function!r}: give a function of one still")
        self._functions.append(function)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def tell(self, still: Still) -> None:
        """Queue a still; never blocks."""
        if not self._functions:
            return
        try:
            self._stills.put_nowait(still)
        except queue.Full:
            with self._mutex:
                self._dropped += 1

    def stop(self, timeout: float) -> None:
        """End after the stills that are queued, or after ``timeout`` seconds."""
        if not self._thread.is_alive() or self.is_current_thread():
            return
        try:
            self._stills.put(None, timeout=timeout)
        except queue.Full:
            return  # a function hangs; its thread is a daemon
        self._thread.join(timeout)

    def is_current_thread(self) -> bool:
        """Whether one of the functions asks."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        while (still := self._stills.get()) is not None:
            for function in self.functions:
                self._call(function, still)

    def _call(self, function: Listener, still: Still) -> None:
        try:
            function(still)
        except BaseException:  # SystemExit too: it would end the thread for all of them
            with self._mutex:
                self._failed += 1
            if id(function) not in self._logged:  # the first time says all; the rest is counted
                self._logged.add(id(function))
                _LOG.exception("on_still: %r raised; further failures of it are only counted", function)
