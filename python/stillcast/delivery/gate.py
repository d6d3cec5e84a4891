"""How much may go to one destination at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from stillcast.backoff import Backoff

Change = Literal["closed", "parked", "opened"]


class Gate:
    """Open while the destination takes what comes; closed after a failure, then one probe at a time with back-off.

    Note [Why a gate besides each item's back-off]: with a million items waiting, a back-off for each still means many
    attempts a second against a destination that is down, and state for each item. One probe costs the same however
    much waits. Each probe takes another item, so an item that alone offends cannot keep the gate closed.

    On the loop's thread only.
    """

    def __init__(self, limit: int, backoff: Backoff, on_change: Callable[[Change, str], None]) -> None:
        """Make an open gate.

        Args:
            limit: how many attempts at the same time while it is open.
            backoff: between two probes.
            on_change: told of each change and its reason, on the loop's thread.
        """
        self._limit = limit
        self._backoff = backoff
        self._on_change = on_change
        self._epoch = 0  # an attempt that began before the last change says nothing of what is now
        self._closed_until: float | None = None
        self._probing = False
        self.parked: str | None = None

    @property
    def probe_at(self) -> float | None:
        """When the next probe may start, in seconds of the loop's clock; None while the gate is open."""
        return self._closed_until

    def has_room(self, in_flight: int, now: float) -> bool:
        """Whether one more attempt may start."""
        if in_flight >= self._limit:
            return False
        return self._closed_until is None or (not self._probing and now >= self._closed_until)

    def enter(self) -> int:
        """Start an attempt; returns its ticket for the three below."""
        self._probing = self._closed_until is not None
        return self._epoch

    def accepted(self, ticket: int) -> None:
        """The destination took an item: open."""
        if ticket != self._epoch or self._closed_until is None:
            return
        self._epoch += 1
        self._closed_until, self._probing, self.parked = None, False, None
        self._backoff.reset()
        self._on_change("opened", "")

    def undecided(self, ticket: int) -> None:
        """The attempt ended without a word about the destination: the next probe may start at once."""
        if ticket == self._epoch:
            self._probing = False

    def failed(self, ticket: int, now: float, reason: str, *, parks: bool) -> None:
        """The destination failed: close, or wait longer for the next probe.

        Args:
            ticket: of ``enter``.
            now: seconds of the loop's clock.
            reason: one line.
            parks: whether every item will fail alike until somebody mends something.
        """
        if ticket != self._epoch:
            return
        self._epoch += 1
        self._closed_until, self._probing = now + self._backoff.next(), False
        if parks:
            self.parked = reason
        self._on_change("parked" if parks else "closed", reason)

    def hurry(self) -> None:
        """Let the next probe start at once."""
        if self._closed_until is not None:
            self._closed_until = 0.0
