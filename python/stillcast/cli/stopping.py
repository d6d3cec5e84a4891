"""Ctrl-C and SIGTERM, turned into something that a loop can wait for."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Long enough to cost nothing, short enough that a live table looks alive.
_STEP_S = 0.2


class StopSignal:
    """Whether somebody asked the process to stop."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def was_asked(self) -> bool:
        """True once Ctrl-C or SIGTERM came."""
        return self._asked.is_set()

    def wait_until(
        self, is_done: Callable[[], bool], *, limit_s: float | None = None, each_step: Callable[[], None] | None = None
    ) -> None:
        """Wait until asked to stop, until something is done, or until a time is over.

        Args:
            is_done: asked a few times a second.
            limit_s: seconds; None for no limit.
            each_step: called a few times a second.
        """
        end_s = None if limit_s is None else time.monotonic() + limit_s
        while not is_done():
            left_s = _STEP_S if end_s is None else min(_STEP_S, end_s - time.monotonic())
            if left_s <= 0 or self._asked.wait(left_s):
                return
            if each_step:
                each_step()

    def pause(self) -> None:
        """Wait for a fraction of a second, or until asked to stop."""
        self._asked.wait(_STEP_S)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            raise KeyboardInterrupt  # asked twice: somebody is in a hurry
        self._asked.set()


@contextmanager
def stop_signals() -> Iterator[StopSignal]:
    """Catch Ctrl-C and SIGTERM within the block; call it on the main thread."""
    stop = StopSignal()
    before = {number: signal.signal(number, stop._ask) for number in (signal.SIGINT, signal.SIGTERM)}  # noqa: SLF001
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
