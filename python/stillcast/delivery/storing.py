"""One attempt to store one still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stillcast.delivery.gate import Blame
from stillcast.delivery.judging import SETTLED, event, unreadable
from stillcast.delivery.lane import Outcome
from stillcast.delivery.latest import Latest
from stillcast.delivery.model import Store
from stillcast.delivery.notices import Notices
from stillcast.delivery.tally import Tally
from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolItem, State
from stillcast.storage import FailureKind, StorageFailure, object_metadata
from stillcast.workers import WorkerPool

_UPLOAD_FAILED: Final = "Upload failed"
_HUNG_S: Final = 60.0
_HUNG: Final = f"storage: a still was not stored within {_HUNG_S:.0f} s, and the attempt cannot be ended"
_WAY_OUT: Final = "check the disk or the network of the store; it is tried again"


@dataclass(frozen=True, slots=True)
class _Attempt:
    item: SpoolItem
    jpeg: bytes
    milliseconds: float
    moved: bool
    failure: StorageFailure | None


class Storing:
    """Takes a still from ``ready`` to ``stored``, or out of the spool where nobody is to be told.

    Note [Attempts that hang]: a store ends its own attempts (``tend``). One that hangs nevertheless, on a dead network
    disk say, is left to itself after a minute, so that its worker can be replaced and the gate hears of it. Its still
    is not tried again as long as it hangs: two attempts for one key would be at work at the same time.
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        *,
        pool: WorkerPool,
        tally: Tally,
        notices: Notices,
        announce: Callable[[SpoolItem], None] | None,
        report_missed: Callable[[SpoolItem, str], None],
        latest: Latest | None = None,
    ) -> None:
        """Describe the work.

        Args:
            spool: where the still is.
            store: where it shall be.
            pool: threads for the blocking work, one a concurrent upload.
            tally: counts what happened.
            notices: limits the log lines.
            announce: takes what is stored; None where nobody is to be told.
            report_missed: takes what will never be stored, and why.
            latest: takes what is stored, as the newest picture of its feed; None where nobody wants that.
        """
        self._spool = spool
        self._store = store
        self._pool = pool
        self._tally = tally
        self._notices = notices
        self._announce = announce
        self._report_missed = report_missed
        self._latest = latest
        self._at_work: set[str] = set()  # names in the hands of a worker thread, hanging ones included

    async def __call__(self, name: str) -> Outcome:
        """Make one attempt."""
        if name in self._at_work:
            return Outcome(again=True)
        try:
            async with asyncio.timeout(_HUNG_S):
                attempt = await self._pool.run(self._attempt, name)
        except SpoolError as error:
            return unreadable(error, self._notices)
        except TimeoutError:
            self._tally.store_failed("Hung")
            return Outcome(again=True, blame=Blame(f"{_HUNG}: {_WAY_OUT}"))
        if attempt.failure is not None:
            return await self._failed(attempt.item, attempt.failure)
        outcome = self._stored(attempt)
        if self._latest is not None and attempt.moved:
            await self._latest.keep(attempt.item, attempt.jpeg)
        return outcome

    def _stored(self, attempt: _Attempt) -> Outcome:
        if attempt.moved:
            self._tally.tell(event("stored", attempt.item, milliseconds=attempt.milliseconds))
            if self._announce is not None:
                self._announce(attempt.item)
        return Outcome(accepted=True)

    def _attempt(self, name: str) -> _Attempt:
        """Read, put, move and count in one go of a worker thread, whether anybody still waits for it or not."""
        self._at_work.add(name)
        try:
            item, jpeg = self._spool.read(State.READY, name)
            began = time.perf_counter()
            failure = self._put(item, jpeg)
            milliseconds = (time.perf_counter() - began) * 1000
            # What a cap dropped meanwhile is counted as dropped, and not as stored besides.
            moved = failure is None and self._let_go(name)
            if moved:
                self._tally.stored()
        finally:
            self._at_work.discard(name)
        return _Attempt(item, jpeg, milliseconds, moved, failure)

    def _put(self, item: SpoolItem, jpeg: bytes) -> StorageFailure | None:
        try:
            self._store.put(item.object_key, jpeg, object_metadata(item))
        except StorageFailure as failure:
            return failure
        except Exception as error:  # a store that breaks in a new way must not lose a still
            code = type(error).__name__
            text = f"storage: unexpected {code}: it is tried again; report it with the version of boto3"
            return StorageFailure(text, kind=FailureKind.PASSING, code=code)
        return None

    def _let_go(self, name: str) -> bool:
        if self._announce is None:
            return self._spool.remove(State.READY, name)
        return self._spool.move(name, State.READY, State.STORED)

    async def _failed(self, item: SpoolItem, failure: StorageFailure) -> Outcome:
        self._tally.store_failed(failure.code)
        if failure.kind is not FailureKind.ITEM:
            parks = failure.kind is FailureKind.DESTINATION
            return Outcome(again=True, blame=Blame(str(failure), parks=parks, throttled=failure.throttled))
        try:
            moved = await self._pool.run(self._spool.move, item.name, State.READY, State.DEAD, str(failure))
        except SpoolError as error:
            return unreadable(error, self._notices)
        if moved:
            self._notices.warn("dead", f"a still cannot be stored and is kept as a dead letter: {failure}")
            self._tally.dead(event("dead", item, reason=str(failure)))
            self._report_missed(item, _UPLOAD_FAILED)
        return SETTLED
