"""Counts what happened, and tells those who watch."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from stillcast.delivery.model import DeliveryEvent, Listener

_CODES_MAX: Final = 64  # beyond them, as a store may invent one for each answer, new ones are counted together
_OTHER: Final = "other"


@dataclass(slots=True)
class Counts:
    """Since ``start``; what each means is said in ``DeliveryStats``."""

    stored: int = 0
    announced: int = 0
    dead: int = 0
    reported: int = 0
    reports_failed: int = 0
    listener_failures: int = 0
    latest_failed: int = 0
    store_failures: Counter[str] = field(default_factory=Counter)
    callback_failures: Counter[str] = field(default_factory=Counter)


class Tally:
    """The counts, behind one condition that is notified when something moved. For any thread."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener
        self._changed = threading.Condition()  # guards _counts
        self._counts = Counts()

    def counts(self) -> Counts:
        """A copy of the counts, all of one instant."""
        with self._changed:
            now = self._counts
            return Counts(
                now.stored,
                now.announced,
                now.dead,
                now.reported,
                now.reports_failed,
                now.listener_failures,
                now.latest_failed,
                Counter(now.store_failures),
                Counter(now.callback_failures),
            )

    def stored(self) -> None:
        """One more still is in the store; any thread, so the event is told apart from it."""
        with self._changed:
            self._counts.stored += 1

    def announced(self, event: DeliveryEvent) -> None:
        """One more still is announced."""
        with self._changed:
            self._counts.announced += 1
        self.tell(event)

    def dead(self, event: DeliveryEvent) -> None:
        """One more still was given up."""
        with self._changed:
            self._counts.dead += 1
        self.tell(event)

    def reported(self, *, arrived: bool) -> None:
        """One more report of a missed still arrived, or did not."""
        with self._changed:
            self._counts.reported += arrived
            self._counts.reports_failed += not arrived

    def store_failed(self, code: str) -> None:
        """One more upload failed."""
        with self._changed:
            known = self._counts.store_failures
            known[code if code in known or len(known) < _CODES_MAX else _OTHER] += 1

    def latest_failed(self) -> None:
        """One more picture did not become the newest one of its feed in the store."""
        with self._changed:
            self._counts.latest_failed += 1

    def callbacks_failed(self, reasons: Iterable[str]) -> None:
        """So many more attempts of callbacks failed."""
        with self._changed:
            self._counts.callback_failures.update(reasons)

    def tell(self, event: DeliveryEvent) -> None:
        """Tell the listener; what it raises is counted, and is nobody else's trouble."""
        if self._listener is None:
            return
        try:
            self._listener(event)
        except Exception:  # whatever it is, it is the listener's
            with self._changed:
                self._counts.listener_failures += 1

    def moved(self) -> None:
        """Wake whoever is in ``wait``."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until the condition holds, looking again whenever something moved; False if it never did."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)
