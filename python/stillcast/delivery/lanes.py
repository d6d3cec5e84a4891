"""The lanes of a delivery: what goes where, through which gate, and what is said when a gate closes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from stillcast.backoff import Backoff
from stillcast.callbacks import Named
from stillcast.delivery.announcing import Announcing
from stillcast.delivery.gate import Change, Closure, Gate
from stillcast.delivery.lane import Lane
from stillcast.delivery.latest import Latest
from stillcast.delivery.limit import Limit
from stillcast.delivery.model import DeliveryEvent, LatestStore, Notifier, Store
from stillcast.delivery.notices import Notices
from stillcast.delivery.reports import Reports
from stillcast.delivery.shelf import DueShelf, StateShelf
from stillcast.delivery.storing import Storing
from stillcast.delivery.tally import Tally
from stillcast.spool import Spool, SpoolItem, State
from stillcast.workers import WorkerPool

# Note [How long a closed gate waits]
PROBE_CAP_S: Final = 15.0
PROBE_OVERDUE_S: Final = 10.0
CALLBACKS: Final = 16
LATER_CALLBACKS: Final = 4
BREAKER: Final = 16
_DISK_THREADS: Final = 2
_CHORE_THREADS: Final = 3


@dataclass(frozen=True, slots=True)
class Pools:
    """The threads of a delivery.

    Attributes:
        uploads: one a concurrent upload.
        disk: reads and removes single files for the callbacks.
        chores: looks through directories and does what comes every second; never in the way of the other two.
    """

    uploads: WorkerPool
    disk: WorkerPool
    chores: WorkerPool

    @classmethod
    def of(cls, store_workers: int) -> Pools:
        """Describe them; threads start when they are needed."""
        return cls(
            WorkerPool(store_workers, "stillcast-store", spare=store_workers),
            WorkerPool(_DISK_THREADS, "stillcast-disk"),
            WorkerPool(_CHORE_THREADS, "stillcast-chore"),
        )

    def close(self) -> None:
        """Let idle threads end."""
        self.uploads.close()
        self.disk.close()
        self.chores.close()


class Lanes:
    """Builds the lanes and answers for all of them.

    ``store`` takes stills from ``ready`` to ``stored``, ``announce`` from ``stored`` to done, ``later`` from
    ``deferred`` to done when their time has come. Without a notifier there is the first one alone.
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        notifier: Notifier | None,
        *,
        latest: LatestStore | None,
        store_workers: int,
        report_failures: bool,
        pools: Pools,
        tally: Tally,
        random: Random | None,
        clock: Callable[[], float],
    ) -> None:
        """Describe the lanes; the arguments are those of ``Delivery``."""
        self._spool = spool
        self._pools = pools
        self._tally = tally
        self._random = random
        self._clock = clock
        self.notices = Notices()
        self.reports: Reports | None = None
        self._callbacks: tuple[Lane, ...] = ()
        self._later: Lane | None = None
        announce = None
        if notifier is not None:
            announce = self._build_callbacks(notifier)
            if report_failures:
                self.reports = Reports(notifier, tally, held=lambda: self.callbacks_closure is not None)
        self._latest: Latest | None = None
        if latest is not None:
            self._latest = Latest(latest, pool=pools.uploads, tally=tally, notices=self.notices, clock=clock)
        work = Storing(
            spool,
            store,
            pool=pools.uploads,
            tally=tally,
            notices=self.notices,
            announce=announce,
            report_missed=self.report_missed,
            latest=self._latest,
        )
        gate = Gate(Limit(store_workers), self._backoff(), self._store_changed, overdue_s=PROBE_OVERDUE_S)
        self.store = self._lane(StateShelf(spool, State.READY), work, gate)

    def begin(self) -> None:
        """Note when this run begins, before anything runs."""
        if self._latest is not None:
            self._latest.begin()

    def all(self) -> tuple[Lane, ...]:
        """Every lane, in the order in which a still goes through them."""
        return (self.store, *self._callbacks)

    @property
    def callbacks_closure(self) -> Closure | None:
        """Why callbacks are held; None while they are not. Any thread."""
        return next((lane.gate.closure for lane in self._callbacks if lane.gate.closure is not None), None)

    def report_missed(self, item: Named, msg: str) -> None:
        """Tell of a still that was missed, where that is asked for; any thread, never blocks."""
        if self.reports is not None:
            self.reports.offer(item, msg)

    def is_idle(self) -> bool:
        """Whether nothing waits that somebody works on, and nothing is under way; any thread."""
        if not self._spool.counted or any(lane.in_flight for lane in self.all()):
            return False
        waiting = self._spool.counts()
        # Without a notifier nobody works on what an earlier run left to announce.
        states = (State.READY, State.STORED, State.DEFERRED) if self._callbacks else (State.READY,)
        return not any(waiting[state] for state in states)

    def _build_callbacks(self, notifier: Notifier) -> Callable[[SpoolItem], None]:
        """Build the lanes of the callbacks; what takes a still that has just been stored."""
        first, later = self._announcing(notifier, State.STORED), self._announcing(notifier, State.DEFERRED)
        lane = self._lane(StateShelf(self._spool, State.STORED), first, self._breaker(CALLBACKS))
        due = self._lane(DueShelf(self._spool, time.monotonic), later, self._breaker(LATER_CALLBACKS))
        self._callbacks = (lane, due)

        def announce(item: SpoolItem) -> None:
            first.remember(item)
            lane.offer(item.name)

        return announce

    def _announcing(self, notifier: Notifier, state: State) -> Announcing:
        return Announcing(
            self._spool,
            state,
            notifier,
            disk=self._pools.disk,
            tally=self._tally,
            notices=self.notices,
            clock=self._clock,
        )

    def _breaker(self, limit: int) -> Gate:
        """Make a gate that closes when so many stills in a row were not announced.

        No probe of it can be overdue: each attempt ends within ``callback.timeout``.
        """
        return Gate(Limit(limit), self._backoff(), self._callbacks_changed, patience=BREAKER)

    def _backoff(self) -> Backoff:
        return Backoff(cap_s=PROBE_CAP_S, random=self._random)

    def _lane(self, shelf: StateShelf | DueShelf, work: Storing | Announcing, gate: Gate) -> Lane:
        return Lane(
            shelf,
            work,
            gate=gate,
            disk=self._pools.chores,
            on_progress=self._tally.moved,
            random=self._random,
        )

    def _store_changed(self, change: Change, reason: str) -> None:
        match change:
            case "slowed":
                self.notices.warn("slowed", f"the store asks for less at a time, and gets it: {reason}")
            case "closed":
                self.notices.warn("store", f"stills wait in the spool: {reason}")
            case "parked":
                self.notices.warn("parked", f"stills wait in the spool until this is mended: {reason}")
                self._tally.tell(DeliveryEvent(kind="parked", reason=reason))
            case "opened":
                self.notices.calm(("store", "parked"), "the store takes stills again")
                self._tally.tell(DeliveryEvent(kind="resumed"))

    def _callbacks_changed(self, change: Change, reason: str) -> None:
        if change == "opened":
            self.notices.calm(("callbacks",), "callbacks succeed again")
        else:
            self.notices.warn("callbacks", f"callbacks are held but for a probe now and then: {reason}")
