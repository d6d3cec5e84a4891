"""Blocking work for asyncio, in threads that never hold up the end of the process."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class WorkerPool:
    """A fixed number of daemon threads that run blocking calls for one event loop.

    Note [Why not ThreadPoolExecutor]: the interpreter joins an executor's threads at exit, whatever ``shutdown`` was
    told, so one stuck upload or name look-up would hold the process beyond its ten seconds.

    ``run`` and ``close`` are called on the loop's thread only.
    """

    def __init__(self, size: int, name: str) -> None:
        """Describe the pool; threads start with the first call.

        Args:
            size: threads, and so calls at the same time; more wait in line.
            name: of the threads, for whoever looks at the process.
        """
        self._size = size
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    async def run(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call the function in a thread and wait for it.

        A cancelled wait leaves a call that has begun to itself: it runs to its end, and what it returns is dropped.
        """
        self._start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()

        def job() -> None:
            if answer.cancelled():
                return
            try:
                value = function(*args, **kwargs)
            except Exception as error:  # it belongs to whoever waits
                _post(loop, answer, partial(answer.set_exception, error))
            else:
                _post(loop, answer, partial(answer.set_result, value))

        self._jobs.put(job)
        return await answer

    def close(self) -> None:
        """Let idle threads end; a busy one ends after its call. Waits for none."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads.clear()

    def _start(self) -> None:
        while len(self._threads) < self._size:
            name = f"{self._name}-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _post(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[_T], settle: Callable[[], None]) -> None:
    def unless_cancelled() -> None:
        if not answer.done():
            settle()

    try:
        loop.call_soon_threadsafe(unless_cancelled)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
