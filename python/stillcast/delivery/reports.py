"""Reports of missed stills: best effort, in memory, never in the way of a still."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from stillcast.callbacks import CallbackFailure, Named
from stillcast.delivery.bell import Bell
from stillcast.delivery.model import Notifier
from stillcast.delivery.tally import Tally

_WAITING_MAX: Final = 256


class Reports:
    """Posts one report after the other; where too many wait, the oldest is counted as failed.

    While callbacks are held, reports are counted as failed instead of being posted: a server that is down would get
    nothing but them, and they are old by the time it is back.
    """

    def __init__(self, notifier: Notifier, tally: Tally, *, held: Callable[[], bool]) -> None:
        """Describe the reports; ``run`` posts them.

        Args:
            notifier: tells the user's server.
            tally: counts what arrived.
            held: whether callbacks are held; any thread may ask.
        """
        self._notifier = notifier
        self._tally = tally
        self._held = held
        self._bell = Bell()
        self._mutex = threading.Lock()  # guards _waiting
        self._waiting: deque[tuple[Named, str]] = deque()

    def offer(self, item: Named, msg: str) -> None:
        """Post a report some time soon; any thread, never blocks."""
        with self._mutex:
            full = len(self._waiting) == _WAITING_MAX
            if full:
                self._waiting.popleft()
            self._waiting.append((item, msg))
        if full:
            self._tally.reported(arrived=False)
        self._bell.ring()

    async def run(self) -> None:
        """Work until cancelled."""
        self._bell.bind()
        while True:
            while (report := self._next()) is not None:
                await self._post(*report)
            await self._bell.listen(None)

    def _next(self) -> tuple[Named, str] | None:
        with self._mutex:
            return self._waiting.popleft() if self._waiting else None

    async def _post(self, item: Named, msg: str) -> None:
        if self._held():
            self._tally.reported(arrived=False)
            return
        try:
            reasons = await self._notifier.notify(self._notifier.missed_body(item, msg), item.request_id)
        except CallbackFailure as failure:
            self._tally.callbacks_failed(failure.reasons)
            self._tally.reported(arrived=False)
        except Exception:  # a notifier that breaks in a new way must not end the reports
            self._tally.reported(arrived=False)
        else:
            self._tally.callbacks_failed(reasons)
            self._tally.reported(arrived=True)
