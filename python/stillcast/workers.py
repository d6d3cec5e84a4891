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

    Note [Threads that hang]: a call that nobody waits for any more keeps its thread until it returns, if it ever does.
    Another thread takes its place, up to ``spare`` of them, so that a few calls that hang do not take the pool from
    the others; and the number of threads stays bounded whatever hangs.

    ``run`` and ``close`` are called on the loop's thread only.
    """

    def __init__(self, size: int, name: str, *, spare: int = 0) -> None:
        """Describe the pool; threads start with the first call.

        Args:
            size: threads, and so calls at the same time; more wait in line.
            name: of the threads, for whoever looks at the process.
            spare: threads besides, in place of those that hang in a call whose wait was cancelled.
        """
        self._size = size
        self._name = name
        self._spare = spare
        self._started = 0
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._hanging: list[_Worker] = []

    async def run(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call the function in a thread and wait for it.

        A cancelled wait leaves a call that has begun to itself: it runs to its end, and what it returns is dropped.
        """
        self._fill()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()

        def work() -> None:
            if answer.cancelled():
                return
            try:
                value = function(*args, **kwargs)
            except Exception as error:  # it belongs to whoever waits
                _post(loop, answer, partial(answer.set_exception, error))
            else:
                _post(loop, answer, partial(answer.set_result, value))

        call = _Call(work)
        self._calls.put(call)
        try:
            return await answer
        except asyncio.CancelledError:
            self._replace(call.worker)
            raise

    def close(self) -> None:
        """Let idle threads end; a busy one ends after its call. Waits for none."""
        for _ in self._workers:
            self._calls.put(None)
        self._workers.clear()
        self._hanging.clear()

    def _replace(self, worker: _Worker | None) -> None:
        """Count a thread out whose call nobody waits for; it ends with that call."""
        if worker is not None and worker in self._workers:
            worker.last = True
            self._workers.remove(worker)
            self._hanging.append(worker)

    def _fill(self) -> None:
        if self._hanging:
            self._hanging = [worker for worker in self._hanging if worker.thread.is_alive()]
        room = self._size + self._spare - len(self._hanging)
        while len(self._workers) < min(self._size, room):
            self._workers.append(_Worker(self._calls, f"{self._name}-{self._started}"))
            self._started += 1


class _Call:
    """One call, and who is at it."""

    __slots__ = ("work", "worker")

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.worker: _Worker | None = None  # while it runs


class _Worker:
    """One thread."""

    def __init__(self, calls: queue.SimpleQueue[_Call | None], name: str) -> None:
        self.last = False  # set by the pool: the call at hand is the last one
        self._calls = calls
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.last and (call := self._calls.get()) is not None:
            call.worker = self
            call.work()
            call.worker = None


def _post(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[_T], settle: Callable[[], None]) -> None:
    def unless_cancelled() -> None:
        if not answer.done():
            settle()

    try:
        loop.call_soon_threadsafe(unless_cancelled)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
