"""The delivery: one thread with one event loop, two lanes, and a way to stop them in time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from random import Random
from typing import Any, Final

from stillcast.backoff import Backoff
from stillcast.callbacks import Named
from stillcast.delivery.gate import Change, Gate
from stillcast.delivery.lane import Lane
from stillcast.delivery.model import DeliveryEvent, DeliveryStats, Listener, Notifier, Store
from stillcast.delivery.notices import Notices
from stillcast.delivery.reports import Reports
from stillcast.delivery.tally import Tally
from stillcast.delivery.work import Announcing, Storing
from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolItem, State
from stillcast.workers import WorkerPool

_LOG: Final = logging.getLogger("stillcast.delivery")
_CALLBACKS: Final = 16
_DISK_THREADS: Final = 2
_ROUND_S: Final = 5.0
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
        report_failures: bool = False,
        store_workers: int = 8,
        listener: Listener | None = None,
        random: Random | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        """Describe a delivery; nothing runs before ``start``.

        Args:
            spool: open, and left open by ``stop``.
            store: closed by ``stop``.
            notifier: started by ``start`` and closed by ``stop``; None where nobody is to be told, and a still is done
                with once it is stored.
            report_failures: whether the notifier also tells of stills that were missed.
            store_workers: uploads at the same time.
            listener: told of every event, on the delivery's thread: it has to be quick. What it raises is counted.
            random: of the back-off.
            loop_factory: makes the event loop, whose clock all waits follow.
        """
        self._spool = spool
        self._store = store
        self._notifier = notifier
        self._loop_factory = loop_factory
        self._random = random
        self._tally = Tally(listener)
        self._notices = Notices()
        self._uploads = WorkerPool(store_workers, "stillcast-store")
        self._disk = WorkerPool(_DISK_THREADS, "stillcast-disk")
        self._gate = Gate(store_workers, Backoff(random=random), self._gate_changed)
        self._reports = Reports(notifier, self._tally) if notifier is not None and report_failures else None
        self._announcing = self._announce_lane(notifier) if notifier is not None else None
        self._storing = self._lane(State.READY, self._storing_work(), self._gate)
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
        self._thread.start()
        self._begun.result()

    def offer(self, item: SpoolItem) -> None:
        """Deliver what ``Spool.put`` just returned, before what waits longer. Never blocks and never raises."""
        self._storing.offer(item.name)

    def report_missed(self, item: Named, msg: str) -> None:
        """Tell of a still that was missed, and why, if that is asked for; best effort, counted. Never blocks.

        Args:
            item: what the still would have been.
            msg: why there is none, for the user's server.
        """
        if self._reports is not None:
            self._reports.offer(item, msg)

    def flush(self, timeout: float) -> bool:
        """Wait until all that is spooled is stored and announced.

        Returns:
            True once nothing waits and nothing is under way; False if that was not so within ``timeout`` seconds, or if
            a still became a dead letter since ``start``.
        """
        deadline = time.monotonic() + timeout
        while not self._is_idle():
            left = deadline - time.monotonic()
            if left <= 0 or self._over.is_set():
                return False
            # A cap of the spool may drop what we wait for without telling us, so look now and then.
            self._tally.wait(self._is_idle, min(left, _LOOK_S))
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
        counts, waiting = self._tally.counts(), self._spool.counts()
        return DeliveryStats(
            stored=counts.stored,
            announced=counts.announced,
            waiting_store=waiting[State.READY],
            waiting_announce=waiting[State.STORED],
            dead_letters=waiting[State.DEAD],
            quarantined=waiting[State.QUARANTINE],
            dropped=self._spool.dropped,
            store_failures=dict(counts.store_failures),
            callback_failures=dict(counts.callback_failures),
            parked=self._gate.parked,
            reported=counts.reported,
            reports_failed=counts.reports_failed,
            listener_failures=counts.listener_failures,
        )

    def _storing_work(self) -> Storing:
        announce = self._announcing.offer if self._announcing is not None else None
        return Storing(
            self._spool,
            self._store,
            pool=self._uploads,
            tally=self._tally,
            notices=self._notices,
            announce=announce,
            report_missed=self.report_missed,
        )

    def _announce_lane(self, notifier: Notifier) -> Lane:
        work = Announcing(self._spool, notifier, disk=self._disk, tally=self._tally, notices=self._notices)
        gate = Gate(_CALLBACKS, Backoff(random=self._random), lambda _change, _reason: None)
        return self._lane(State.STORED, work, gate)

    def _lane(self, state: State, work: Storing | Announcing, gate: Gate) -> Lane:
        return Lane(
            self._spool,
            state,
            work,
            gate=gate,
            disk=self._disk,
            on_progress=self._tally.moved,
            random=self._random,
        )

    def _lanes(self) -> list[Lane]:
        return [self._storing] if self._announcing is None else [self._storing, self._announcing]

    def _is_idle(self) -> bool:
        if any(lane.in_flight for lane in self._lanes()):
            return False
        waiting = self._spool.counts()
        # Without a notifier nobody works on what an earlier run left to announce.
        return waiting[State.READY] == 0 and (self._announcing is None or waiting[State.STORED] == 0)

    def _gate_changed(self, change: Change, reason: str) -> None:
        match change:
            case "closed":
                self._notices.warn("store", f"stills wait in the spool: {reason}")
            case "parked":
                self._notices.warn("parked", f"stills wait in the spool until this is mended: {reason}")
                self._tally.tell(DeliveryEvent(kind="parked", reason=reason))
            case "opened":
                self._notices.calm(("store", "parked"), "the store takes stills again")
                self._tally.tell(DeliveryEvent(kind="resumed"))

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
        runs = [_kept_running(lane.run) for lane in self._lanes()]
        reports = [] if self._reports is None else [_kept_running(self._reports.run)]
        return [*runs, _kept_running(self._rounds), *reports]

    async def _rounds(self) -> None:
        """Come back now and then to what no event tells of."""
        while True:
            with suppress(SpoolError):  # the next round tries again
                await self._disk.run(self._spool.tidy)
            for lane in self._lanes():
                lane.look_again()
            await asyncio.sleep(_ROUND_S)

    async def _last_try(self, tasks: list[asyncio.Task[None]]) -> None:
        for lane, task in zip(self._lanes(), tasks, strict=False):
            lane.end()
            await task

    async def _close(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes():
            await lane.cancel()
        if self._notifier is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._notifier.close()
        self._uploads.close()
        self._disk.close()
        self._store.close()


async def _kept_running(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start it again when it breaks: a fault of ours must not stop the delivery for good."""
    while True:
        try:
            return await run()
        except Exception:
            _LOG.exception("a part of the delivery broke and is started again: report it")
            await asyncio.sleep(_ROUND_S)
