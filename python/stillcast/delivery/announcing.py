"""One callback for one still."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from stillcast.callbacks import CallbackFailure
from stillcast.delivery.gate import Blame
from stillcast.delivery.judging import event, unreadable
from stillcast.delivery.lane import Outcome
from stillcast.delivery.model import Notifier
from stillcast.delivery.notices import Notices
from stillcast.delivery.tally import Tally
from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolItem, State
from stillcast.workers import WorkerPool

_REMEMBERED_MAX: Final = 256


class Announcing:
    """Takes a still out of its state once its callback succeeded; where it failed, to ``deferred`` or to ``dead``."""

    def __init__(
        self,
        spool: Spool,
        state: State,
        notifier: Notifier,
        *,
        disk: WorkerPool,
        tally: Tally,
        notices: Notices,
        clock: Callable[[], float],
    ) -> None:
        """Describe the work.

        Args:
            spool: where the still is.
            state: ``stored`` for the first callback, ``deferred`` for the later ones.
            notifier: tells the user's server.
            disk: threads for the work on files.
            tally: counts what happened.
            notices: limits the log lines.
            clock: seconds since 1970, the spool's own.
        """
        self._spool = spool
        self._state = state
        self._notifier = notifier
        self._disk = disk
        self._tally = tally
        self._notices = notices
        self._clock = clock
        self._mutex = threading.Lock()  # guards _remembered
        self._remembered: dict[str, SpoolItem] = {}

    def remember(self, item: SpoolItem) -> None:
        """Spare the next attempt for this still a look at the disk; any thread. Bounded: the oldest is forgotten."""
        with self._mutex:
            self._remembered[item.name] = item
            if len(self._remembered) > _REMEMBERED_MAX:
                del self._remembered[next(iter(self._remembered))]

    async def __call__(self, name: str) -> Outcome:
        """Make all attempts of one callback."""
        try:
            item = await self._item(name)
            began = time.perf_counter()
            try:
                reasons = await self._notifier.notify(self._notifier.body(item), item.request_id)
            except CallbackFailure as failure:
                self._tally.callbacks_failed(failure.reasons)
                await self._failed(item, failure)
                return Outcome(blame=Blame(str(failure)))
            self._tally.callbacks_failed(reasons)
            milliseconds = (time.perf_counter() - began) * 1000
            if await self._disk.run(self._spool.remove, self._state, name):
                self._tally.announced(event("announced", item, milliseconds=milliseconds))
        except SpoolError as error:
            return unreadable(error, self._notices)
        return Outcome(accepted=True)

    async def _item(self, name: str) -> SpoolItem:
        with self._mutex:
            item = self._remembered.pop(name, None)
        return item or (await self._disk.run(self._spool.read, self._state, name))[0]

    async def _failed(self, item: SpoolItem, failure: CallbackFailure) -> None:
        given_up = await self._disk.run(self._put_off, item.name, failure)
        if given_up is not None:
            self._notices.warn("callback", f"a callback failed, and its still is kept as a dead letter: {given_up}")
            self._tally.dead(event("dead", item, reason=given_up))

    def _put_off(self, name: str, failure: CallbackFailure) -> str | None:
        """Move a still whose callback failed, on a disk worker; the reason if it became a dead letter."""
        attempts = 1 if self._state is State.STORED else self._spool.attempts(name) + 1
        wait_s = self._notifier.retry_in_s(failure, attempts)
        if wait_s is not None:
            due_s = self._clock() + wait_s
            self._spool.defer(name, self._state, due_s=due_s, attempts=attempts, reason=str(failure))
            return None
        text = str(failure) if attempts == 1 else f"{failure} (callback {attempts}, the last one)"
        return text if self._spool.move(name, self._state, State.DEAD, text) else None
