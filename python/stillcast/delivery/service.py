"""The delivery: one thread with one event loop, its lanes, and a way to stop them in time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from random import Random
from typing import Any, Final

from stillcast.callbacks import Named
from stillcast.delivery.lanes import Lanes, Pools
from stillcast.delivery.model import DeliveryStats, LatestStore, Listener, Notifier, Store
from stillcast.delivery.rounds import ROUND_S, Rounds
from stillcast.delivery.tally import Tally
from stillcast.spool import Spool, SpoolItem, State

_LOG: Final = logging.getLogger("stillcast.delivery")
_CLOSE_S: Final = 1.0
_LOOK_S: Final = 0.25


class Delivery:
    """Stores what is in the spool and announces it; what fails is tried again for as long as it takes.

    ``start`` and ``stop`` once each, by the owner; everything else by any thread.
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        notifier: Notifier | None = None,
        *,
        latest: LatestStore | None = None,
        report_failures: bool = False,
        store_workers: int = 8,
        chores: Sequence[Callable[[], None]] = (),
        listener: Listener | None = None,
        random: Random | None = None,
        clock: Callable[[], float] = time.time,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        """Describe a delivery; nothing runs before ``start``.

        Args:
            spool: open, and left open by ``stop``.
            store: closed by ``stop``.
            notifier: started by ``start`` and closed by ``stop``; None where nobody is to be told, and a still is done
                with once it is stored.
            latest: where each still is put once more as the newest picture of its feed, the same store as a rule; None
                where nobody wants that.
            report_failures: whether the notifier also tells of stills that were missed.
            store_workers: uploads at the same time, as long as the store does not ask for less.
            chores: blocking functions that are called about every second, one after the other, on a worker thread.
            listener: told of every event, on the delivery's thread: it has to be quick. What it raises is counted.
            random: of the back-off.
            clock: seconds since 1970, the spool's own.
            loop_factory: makes the event loop, whose clock all waits follow.
        """
        self._spool = spool
        self._store = store
        self._notifier = notifier
        self._loop_factory = loop_factory
        self._tally = Tally(listener)
        self._pools = Pools.of(store_workers)
        self._lanes = Lanes(
            spool,
            store,
            notifier,
            latest=latest,
            store_workers=store_workers,
            report_failures=report_failures,
            pools=self._pools,
            tally=self._tally,
            random=random,
            clock=clock,
        )
        self._rounds = Rounds(spool, store, self._lanes, chores=chores, workers=self._pools.chores)
        self._thread = threading.Thread(target=self._main, name="stillcast-delivery", daemon=True)
        self._begun: Future[None] = Future()
        self._over = threading.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_s = 0.0

    def start(self) -> None:
        """Start; returns when the notifier is ready.

        Raises:
            CallbackError: the notifier's settings cannot be used.
        """
        self._lanes.begin()
        self._thread.start()
        self._begun.result()

    def offer(self, item: SpoolItem) -> None:
        """Deliver what ``Spool.put`` just returned, before what waits longer. Never blocks and never raises."""
        self._lanes.store.offer(item.name)

    def report_missed(self, item: Named, msg: str) -> None:
        """Tell of a still that was missed, and why, if that is asked for; best effort, counted. Never blocks.

        Args:
            item: what the still would have been.
            msg: why there is none, for the user's server.
        """
        self._lanes.report_missed(item, msg)

    def flush(self, timeout: float) -> bool:
        """Wait until all that is spooled is stored and announced, what is put off to a later callback included.

        Returns:
            True once nothing waits and nothing is under way; False if that was not so within ``timeout`` seconds, or if
            a still became a dead letter since ``start``.
        """
        deadline = time.monotonic() + timeout
        while not self._lanes.is_idle():
            left = deadline - time.monotonic()
            if left <= 0 or self._over.is_set():
                return False
            # A cap of the spool may drop what we wait for without telling us, so look now and then.
            self._tally.wait(self._lanes.is_idle, min(left, _LOOK_S))
        return self._tally.counts().dead == 0

    def stop(self, timeout: float) -> None:
        """Interrupt every wait, try once more what is in memory, and close, within ``timeout`` seconds.

        What is not delivered then stays in the spool. An upload that hangs is left to itself.
        """
        if self._loop is None or not self._thread.is_alive():
            return
        self._stop_s = timeout
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout + 2 * _CLOSE_S)

    def stats(self) -> DeliveryStats:
        """What happened since ``start``, and what waits."""
        counts, waiting, gate = self._tally.counts(), self._spool.counts(), self._lanes.store.gate
        parked = gate.closure if gate.closure is not None and gate.closure.parked else None
        held = self._lanes.callbacks_closure
        return DeliveryStats(
            stored=counts.stored,
            announced=counts.announced,
            waiting_store=waiting[State.READY],
            waiting_announce=waiting[State.STORED],
            deferred=waiting[State.DEFERRED],
            dead_letters=waiting[State.DEAD],
            quarantined=waiting[State.QUARANTINE],
            spool_bytes=self._spool.bytes_used,
            dropped=self._spool.dropped,
            store_failures=dict(counts.store_failures),
            callback_failures=dict(counts.callback_failures),
            upload_limit=gate.limit,
            parked=parked.reason if parked else None,
            parked_since_s=self._now() - parked.since_s if parked else None,
            store_clock_skew_s=self._store.clock_skew_s,
            callbacks_parked=held.reason if held else None,
            reported=counts.reported,
            reports_failed=counts.reports_failed,
            listener_failures=counts.listener_failures,
            latest_failed=counts.latest_failed,
        )

    def _now(self) -> float:
        return self._loop.time() if self._loop is not None else 0.0

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._loop_factory) as runner:
                runner.run(self._serve())
        except Exception as error:  # told to start(), or logged: nobody else is here to hear it
            if self._begun.done():
                _LOG.exception("the delivery ended; stills wait in the spool: start the agent again")
            else:
                self._begun.set_exception(error)
        finally:
            self._over.set()
            self._tally.moved()

    async def _serve(self) -> None:
        if self._notifier is not None:
            await self._notifier.start()
        tasks = [asyncio.create_task(task) for task in self._tasks()]
        self._loop = asyncio.get_running_loop()
        self._begun.set_result(None)
        try:
            await self._stopping.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._stop_s):
                    await self._last_try(tasks)
        finally:
            await self._close(tasks)

    def _tasks(self) -> list[Coroutine[Any, Any, None]]:
        runs = [_kept_running(lane.run) for lane in self._lanes.all()]
        reports = [] if self._lanes.reports is None else [_kept_running(self._lanes.reports.run)]
        rounds = [_kept_running(self._rounds.run_store), _kept_running(self._rounds.run_spool)]
        return [*runs, *rounds, *reports]

    async def _last_try(self, tasks: list[asyncio.Task[None]]) -> None:
        for lane, task in zip(self._lanes.all(), tasks, strict=False):
            lane.end()
            await task

    async def _close(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes.all():
            await lane.cancel()
        if self._notifier is not None:
            await _shortly(self._notifier.close())
        await _shortly(self._pools.disk.run(self._store.close))  # on a worker: it may hang with the store
        self._pools.close()


async def _shortly(closing: Coroutine[Any, Any, None]) -> None:
    """Wait a second for something to close; what cannot be closed must not hold up the end."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await closing
    except TimeoutError:
        return
    except Exception:
        _LOG.exception("a part of the delivery could not be closed: report it")


async def _kept_running(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start it again when it breaks: a fault of ours must not stop the delivery for good."""
    while True:
        try:
            return await run()
        except Exception:
            _LOG.exception("a part of the delivery broke and is started again: report it")
            await asyncio.sleep(ROUND_S)
