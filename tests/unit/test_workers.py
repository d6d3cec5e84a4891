"""Threads for blocking calls: bounded, replaced where one hangs, gone when they are not needed any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from stillcast.workers import WorkerPool
from support.stills import wait_until

NAME = "test-workers"


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()
    wait_until(lambda: not threads(), "the end of the threads")


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


async def leave(pool: WorkerPool, hang: threading.Event, count: int) -> None:
    """Begin calls that hang, and stop waiting for them."""
    begun = threading.Semaphore(0)

    def call() -> None:
        begun.release()
        hang.wait()

    for _ in range(count):
        waiting = asyncio.create_task(pool.run(call))
        while not begun.acquire(blocking=False):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def test_a_call_returns_its_value_or_raises_its_error_to_who_waits() -> None:
    async def run() -> None:
        pool = WorkerPool(2, NAME)
        assert await pool.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await pool.run(divmod, 7, 0)
        pool.close()

    asyncio.run(run())
    wait_until(lambda: not threads(), "the end of the threads")


def test_calls_that_hang_are_replaced_up_to_the_spare_threads(hang: threading.Event) -> None:
    async def run() -> None:
        pool = WorkerPool(1, NAME, spare=3)
        await leave(pool, hang, 3)
        assert await pool.run(abs, -1) == 1
        assert len(threads()) == 4
        await leave(pool, hang, 1)
        waiting = asyncio.create_task(pool.run(abs, -2))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        assert len(threads()) == 4
        hang.set()
        wait_until(lambda: not threads(), "the end of those that hung")
        assert await pool.run(abs, -3) == 3
        assert await waiting == 2
        pool.close()

    asyncio.run(run())


def test_without_spare_threads_one_that_hangs_is_missed_until_it_comes_back(hang: threading.Event) -> None:
    async def run() -> None:
        pool = WorkerPool(2, NAME)
        await leave(pool, hang, 1)
        assert await pool.run(abs, -1) == 1
        assert len(threads()) == 2
        hang.set()
        pool.close()

    asyncio.run(run())


def test_a_call_that_was_cancelled_before_its_turn_is_not_made(hang: threading.Event) -> None:
    called: list[int] = []

    async def run() -> None:
        pool = WorkerPool(1, NAME)
        first = asyncio.create_task(pool.run(hang.wait))
        second = asyncio.create_task(pool.run(called.append, 1))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        hang.set()
        await first
        await pool.run(called.append, 2)
        pool.close()

    asyncio.run(run())
    assert called == [2]
