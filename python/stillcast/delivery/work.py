"""One attempt for one still: to store it, or to announce it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from stillcast.callbacks import CallbackFailure
from stillcast.delivery.lane import Trouble, Verdict
from stillcast.delivery.model import DeliveryEvent, Notifier, Store
from stillcast.delivery.notices import Notices
from stillcast.delivery.tally import Tally
from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolItem, SpoolItemCorruptError, SpoolItemGoneError, State
from stillcast.storage import FailureKind, StorageFailure
from stillcast.workers import WorkerPool

_UPLOAD_FAILED: Final = "Upload failed"


@dataclass(frozen=True, slots=True)
class _Attempt:
    item: SpoolItem
    milliseconds: float
    failure: StorageFailure | None


class Storing:
    """Takes a still from ``ready`` to ``stored``, or out of the spool where nobody is to be told."""

    def __init__(
        self,
        spool: Spool,
        store: Store,
        *,
        pool: WorkerPool,
        tally: Tally,
        notices: Notices,
        announce: Callable[[str], None] | None,
        report_missed: Callable[[SpoolItem, str], None],
    ) -> None:
        """Describe the work.

        Args:
            spool: where the still is.
            store: where it shall be.
            pool: threads for the blocking work, one a concurrent upload.
            tally: counts what happened.
            notices: limits the log lines.
            announce: takes the name of what is stored; None where nobody is to be told.
            report_missed: takes what will never be stored, and why.
        """
        self._spool = spool
        self._store = store
        self._pool = pool
        self._tally = tally
        self._notices = notices
        self._announce = announce
        self._report_missed = report_missed

    async def __call__(self, name: str) -> Verdict | Trouble:
        """Make one attempt."""
        try:
            attempt = await self._pool.run(self._attempt, name)
            if attempt.failure is not None:
                return await self._failed(attempt.item, attempt.failure)
        except SpoolError as error:
            return unreadable(error, self._notices)
        self._tally.stored(_event("stored", attempt.item, attempt.milliseconds))
        if self._announce is not None:
            self._announce(name)
        return Verdict.ACCEPTED

    def _attempt(self, name: str) -> _Attempt:
        """Read, put and move in one go of a worker thread."""
        item, jpeg = self._spool.read(State.READY, name)
        began = time.perf_counter()
        failure = self._put(item.object_key, jpeg)
        milliseconds = (time.perf_counter() - began) * 1000
        if failure is None:
            self._let_go(name)
        return _Attempt(item, milliseconds, failure)

    def _put(self, key: str, jpeg: bytes) -> StorageFailure | None:
        try:
            self._store.put(key, jpeg)
        except StorageFailure as failure:
            return failure
        except Exception as error:  # a store that breaks in a new way must not lose a still
            code = type(error).__name__
            text = f"storage: unexpected {code}: it is tried again; report it with the version of boto3"
            return StorageFailure(text, kind=FailureKind.PASSING, code=code)
        return None

    def _let_go(self, name: str) -> None:
        if self._announce is None:
            self._spool.remove(State.READY, name)
        else:
            self._spool.move(name, State.READY, State.STORED)

    async def _failed(self, item: SpoolItem, failure: StorageFailure) -> Verdict | Trouble:
        self._tally.store_failed(failure.code)
        if failure.kind is not FailureKind.ITEM:
            parks = failure.kind is FailureKind.DESTINATION
            return Trouble(str(failure), at_gate=True, parks=parks)
        await self._pool.run(self._spool.move, item.name, State.READY, State.DEAD, str(failure))
        self._notices.warn("dead", f"a still cannot be stored and is kept as a dead letter: {failure}")
        self._tally.dead(_event("dead", item, None, str(failure)))
        self._report_missed(item, _UPLOAD_FAILED)
        return Verdict.SETTLED


class Announcing:
    """Takes a still out of ``stored`` once its callback succeeded, or to ``dead`` when every attempt failed."""

    def __init__(self, spool: Spool, notifier: Notifier, *, disk: WorkerPool, tally: Tally, notices: Notices) -> None:
        """Describe the work.

        Args:
            spool: where the still is.
            notifier: tells the user's server.
            disk: threads for the work on files.
            tally: counts what happened.
            notices: limits the log lines.
        """
        self._spool = spool
        self._notifier = notifier
        self._disk = disk
        self._tally = tally
        self._notices = notices

    async def __call__(self, name: str) -> Verdict | Trouble:
        """Make all attempts of one callback."""
        try:
            item, _ = await self._disk.run(self._spool.read, State.STORED, name)
            began = time.perf_counter()
            try:
                reasons = await self._notifier.notify(self._notifier.body(item), item.request_id)
            except CallbackFailure as failure:
                return await self._failed(item, failure)
            await self._disk.run(self._spool.remove, State.STORED, name)
        except SpoolError as error:
            return unreadable(error, self._notices)
        self._tally.callbacks_failed(reasons)
        self._tally.announced(_event("announced", item, (time.perf_counter() - began) * 1000))
        return Verdict.ACCEPTED

    async def _failed(self, item: SpoolItem, failure: CallbackFailure) -> Verdict:
        self._tally.callbacks_failed(failure.reasons)
        await self._disk.run(self._spool.move, item.name, State.STORED, State.DEAD, str(failure))
        self._notices.warn("callback", f"a callback failed, and its still is kept as a dead letter: {failure}")
        self._tally.dead(_event("dead", item, None, str(failure)))
        return Verdict.SETTLED


def unreadable(error: SpoolError, notices: Notices) -> Verdict | Trouble:
    """Judge what the spool said: gone and corrupt files are done with, a failing disk is tried again."""
    if isinstance(error, SpoolItemGoneError):
        return Verdict.SETTLED
    notices.warn("spool", str(error))
    if isinstance(error, SpoolItemCorruptError):
        return Verdict.SETTLED
    return Trouble(str(error), at_gate=False)


def _event(
    kind: Literal["stored", "announced", "dead"], item: SpoolItem, milliseconds: float | None, reason: str | None = None
) -> DeliveryEvent:
    return DeliveryEvent(kind=kind, sid=item.sid, object_key=item.object_key, milliseconds=milliseconds, reason=reason)
