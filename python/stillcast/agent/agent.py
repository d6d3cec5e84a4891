"""The agent that a streaming host embeds."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Self, TypeVar

from stillcast.agent.collector import Collector, Tally
from stillcast.agent.feed import Feed, FeedFacts
from stillcast.agent.listeners import Listeners
from stillcast.agent.stats import AgentStats
from stillcast.callbacks import Notifier
from stillcast.capture import Capture, CaptureCounters
from stillcast.config import AgentConfig, FeedConfig, checked
from stillcast.delivery import Delivery, DeliveryStats
from stillcast.errors import ClosedError, ConfigError
from stillcast.naming import ObjectKeyError, format_object_key
from stillcast.redaction import LogRedaction, Redactor
from stillcast.spool import Spool
from stillcast.spool.requests import Inbox
from stillcast.stills import Still
from stillcast.storage import StorageFailure, open_store

_Listener = TypeVar("_Listener", bound=Callable[[Still], object])

_LOOK_S: Final = 0.002
_UNDO_S: Final = 1.0
_ANY_SID: Final = "0" * 32
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Agent:
    """Captures stills of feeds and delivers them: capture, spool, store, callback.

    ``start`` and ``stop`` once each, by the owner; everything else by any thread. As a context manager it starts and
    stops itself.

    Note [Forks of the host]: an agent works in the process that started it. A forked child has its memory and none of
    its threads; there ``stop`` returns at once, everything else is refused, no lock is taken, and what threads of the
    parent use is neither closed nor freed. One that was made but not started before the fork can be started in each
    child.
    """

    def __init__(self, config: AgentConfig) -> None:
        """Describe an agent; nothing is opened before ``start``.

        Args:
            config: all settings; see ``AgentConfig.load``.
        """
        self._config = config
        self._redaction = LogRedaction(Redactor(config.secrets()))
        self._listeners = Listeners()
        self._build()

    # Nothing of it runs before start(), but threads, locks and pipes belong to the process that made them.
    def _build(self) -> None:
        config = self._config
        reports = config.callback.report_failures and config.callback.url is not None
        self._capture = Capture(workers=config.capture.workers, report_missed=reports, encoder=config.capture.encoder)
        self._listeners = Listeners(self._listeners.functions)
        self._spool = Spool.of(config.spool)
        power_safe = config.spool.durability == "power"
        self._store = open_store(config.storage, sync=power_safe)
        self._delivery = Delivery(
            self._spool,
            self._store,
            Notifier(config.callback) if config.callback.url else None,
            latest=self._store if config.capture.latest else None,
            report_failures=reports,
            chores=[Inbox(self._spool).serve],
        )
        self._collector = Collector(
            self._capture,
            self._spool,
            prefix=config.storage.prefix,
            deliver=self._delivery.offer,
            report_missed=self._delivery.report_missed,
            tell=self._listeners.tell,
            heartbeat_s=config.capture.heartbeat if config.capture.skip_unchanged else None,
        )
        self._mutex = threading.RLock()  # guards the next three; a signal handler may come in again
        self._started = False
        self._stopped = False
        self._stopper: int | None = None
        self._over = threading.Event()

    def start(self) -> None:
        """Take the spool, begin to deliver what waits in it, and be ready for feeds.

        Raises:
            SpoolError: the spool cannot be used, or another agent uses it.
            CallbackError: the callback's settings cannot be used.
            ClosedError: the agent was started before.
            RuntimeError: there is no thread to be had; everything is let go of again.
        """
        if self._capture.in_child:
            if self._started:
                raise self._inherited_error()
            self._build()
        with self._mutex:
            if self._started:
                raise ClosedError("agent: was started before: make a new Agent")
            self._started = True
        self._redaction.start()
        try:
            self._spool.open()
            self._delivery.start()
            self._listeners.start()
            self._collector.start()
            self._capture.start()
        except BaseException:
            self._stopped = True
            self._shut_down(_UNDO_S)
            raise
        # Threads that run on while the interpreter ends would lose what they hold.
        atexit.register(self.stop)

    def stop(self, timeout: float = 10.0) -> None:
        """Stop cleanly; nothing that was captured is lost. Is called at the process's end if not before.

        In a forked child it does nothing: the parent's agent goes on.

        Called once more, it waits until the first call is done; a function given to ``on_still`` may call it too.

        Refuses further frames, makes stills of those that were copied, spools them, tries once more to deliver what is
        at hand, and closes. What is not delivered by then waits in the spool for the next start.

        Args:
            timeout: seconds in all.
        """
        if self._capture.in_child:
            return
        with self._mutex:
            if not self._started:
                return
            stopping, self._stopped = self._stopped, True
            if not stopping:
                self._stopper = threading.get_ident()
        if stopping:
            # A function of on_still and a signal handler would wait for themselves.
            if not self._listeners.is_current_thread() and self._stopper != threading.get_ident():
                self._over.wait(timeout)
            return
        atexit.unregister(self.stop)
        self._shut_down(timeout)

    # Harmless for parts that were not started.
    def _shut_down(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        try:
            for feed in self._collector.feeds():
                feed.close()
            self._capture.stop()
            self._collector.stop(max(0.0, deadline - time.monotonic()))
            self._delivery.stop(max(0.0, deadline - time.monotonic()))
            self._listeners.stop(max(0.1, deadline - time.monotonic()))
        finally:
            self._spool.close()
            self._redaction.stop()
            self._over.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def open_feed(
        self,
        cname: str,
        uid: str,
        *,
        interval: float | None = None,
        max_size: tuple[int, int] | None = None,
        quality: int | None = None,
        extra_info: str | None = None,
    ) -> Feed:
        """Open the feed of one user in one channel; its ticks begin now.

        Args:
            cname: the channel; any text but an empty one.
            uid: the user; any text but an empty one.
            interval: seconds between two stills; None takes ``capture.interval``.
            max_size: box in pixels for the still; None takes ``capture.max_size``.
            quality: of the JPEG; None takes ``capture.quality``.
            extra_info: ``callbackData`` of the callbacks, 1,024 bytes at most; None takes ``callback.extra_info``.

        Raises:
            ConfigError: arguments out of their rules, each named, or names too long for an object key.
            ClosedError: the agent is not running, or not in this process.
        """
        self._refuse_child()
        own = checked(
            FeedConfig,
            cname=cname,
            uid=uid,
            interval=interval,
            max_size=max_size,
            quality=quality,
            extra_info=extra_info,
        )
        self._check_names(cname, uid)
        facts = FeedFacts(
            cname=cname, uid=uid, extra_info=self._config.callback.extra_info if extra_info is None else extra_info
        )
        with self._mutex:
            if not self._started or self._stopped:
                state = "stopped: make a new Agent" if self._stopped else "not started: call start() first"
                raise ClosedError(f"agent: is {state}")
            settings = own.capture(self._config.capture)
            native = self._capture.open_feed(settings)
            feed = Feed(native, facts, self._collector, settings)
            self._collector.add(native.id, feed)
        return feed

    def on_still(self, function: _Listener) -> _Listener:
        """Have a function called with each still once it is spooled, on a thread of the agent.

        What it raises is counted and logged once. While it is slow, stills pass by it, counted. Also a decorator.
        """
        self._listeners.add(function)
        return function

    def flush(self, timeout: float) -> bool:
        """Wait until all that was captured is spooled, stored and announced.

        Frames that ``push`` has taken count as captured.

        Args:
            timeout: seconds.

        Returns:
            True once nothing waits; False if that was not so in time, or if a still was given up since the start.

        Raises:
            ClosedError: this process was forked from the one that started the agent.
        """
        self._refuse_child()
        deadline = time.monotonic() + timeout
        captured = self._capture.counters()
        wanted = captured.in_work + captured.tick_stills + captured.snapshot_stills
        while not self._is_spooled(wanted):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_S)
        return self._delivery.flush(max(0.0, deadline - time.monotonic()))

    def stats(self) -> AgentStats:
        """Count what happened since the start, and what waits.

        Raises:
            ClosedError: this process was forked from the one that started the agent.
        """
        self._refuse_child()
        tally = self._collector.tally()  # first: what it counts was a still of the sampler's before
        return _stats(
            self._capture.encoder,
            self._capture.counters(),
            self._collector.feeds(),
            tally,
            self._listeners,
            self._delivery.stats(),
        )

    def _refuse_child(self) -> None:
        if self._capture.in_child:
            raise self._inherited_error()

    def _inherited_error(self) -> ClosedError:
        return ClosedError(
            "agent: was made before this process was forked: make a new Agent here, with its own spool.path"
        )

    def _is_spooled(self, stills: int) -> bool:
        # In this order: what moves on meanwhile is seen later, not missed. Not every frame in work becomes a still.
        captured = self._capture.counters()
        tally = self._collector.tally()
        settled = tally.spooled + tally.spool_failed + tally.skipped + tally.unknown - tally.shown_again
        idle = captured.in_work == 0 and captured.tick_stills + captured.snapshot_stills <= settled
        return idle or settled >= stills

    def _check_names(self, cname: str, uid: str) -> None:
        prefix = self._config.storage.prefix
        try:
            self._store.check(
                format_object_key(prefix=prefix, sid=_ANY_SID, cname=cname, uid=uid, captured_at=_ANY_TIME)
            )
        except (ObjectKeyError, StorageFailure) as error:
            raise ConfigError(str(error)) from None


def _stats(
    encoder: str,
    captured: CaptureCounters,
    feeds: list[Feed],
    tally: Tally,
    listeners: Listeners,
    delivered: DeliveryStats,
) -> AgentStats:
    snapshots = captured.snapshot_stills + tally.shown_again
    missed = sum(captured.missed.values())
    return AgentStats(
        feeds=sum(not feed.retired for feed in feeds),
        ticks=captured.ticks,
        stills=captured.tick_stills + snapshots - tally.skipped,
        snapshots=snapshots,
        skipped=tally.skipped,
        waiting_ticks=captured.ticks - captured.tick_stills - missed,
        missed=captured.missed,
        refused=captured.refused,
        missed_snapshots=captured.missed_snapshots,
        lateness=captured.lateness,
        frame_age=captured.frame_age,
        encoder=encoder,
        queued=captured.queued,
        spooled=tally.spooled,
        flagged=tally.flagged,
        spool_failed=tally.spool_failed,
        listener_dropped=listeners.dropped,
        listener_failed=listeners.failed,
        stored=delivered.stored,
        announced=delivered.announced,
        waiting_store=delivered.waiting_store,
        waiting_announce=delivered.waiting_announce,
        deferred=delivered.deferred,
        dead_letters=delivered.dead_letters,
        quarantined=delivered.quarantined,
        spool_bytes=delivered.spool_bytes,
        dropped=delivered.dropped,
        store_failures=delivered.store_failures,
        callback_failures=delivered.callback_failures,
        reported=delivered.reported,
        reports_failed=delivered.reports_failed,
        latest_failed=delivered.latest_failed,
        upload_limit=delivered.upload_limit,
        parked=delivered.parked,
        parked_since_s=delivered.parked_since_s,
        store_clock_skew_s=delivered.store_clock_skew_s,
        callbacks_parked=delivered.callbacks_parked,
    )
