"""How much may go to one destination at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from stillcast.backoff import Backoff
from stillcast.delivery.limit import Limit

Change = Literal["slowed", "closed", "parked", "opened"]


@dataclass(frozen=True, slots=True)
class Blame:
    """What an attempt that failed says of the destination.

    Attributes:
        reason: one line.
        parks: whether every item will fail alike until somebody mends something.
        throttled: whether the destination only asks for less at a time.
    """

    reason: str
    parks: bool = False
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Closure:
    """Why a gate is closed.

    Attributes:
        reason: of the last failure.
        parked: whether somebody has to mend something.
        since_s: when it came to that, in seconds of the loop's clock.
    """

    reason: str
    parked: bool
    since_s: float


class Gate:
    """Open while the destination takes what comes; closed after failures, then one probe at a time with back-off.

    Note [Why a gate besides each item's back-off]: with a million items waiting, a back-off for each still means many
    attempts a second against a destination that is down, and state for each item. One probe costs the same however
    much waits. Each probe takes another item, so an item that alone offends cannot keep the gate closed.

    Note [How long a closed gate waits]: new stills have to be stored within 30 s after a fault ends. Only a probe finds
    that out, so the longest wait between two probes is 15 s, and a probe that hangs since before the mend holds up the
    next one for 10 s at most (``overdue_s``). Either leaves a second probe time within the 30 s. A probe every 15 s,
    full jitter halving that on average, is nothing to a store.

    On the loop's thread only, but for ``closure`` and ``limit``, which any thread may read.
    """

    def __init__(
        self,
        limit: Limit,
        backoff: Backoff,
        on_change: Callable[[Change, str], None],
        *,
        patience: int = 1,
        overdue_s: float = math.inf,
    ) -> None:
        """Make an open gate.

        Args:
            limit: how many attempts at the same time while it is open.
            backoff: between two probes.
            on_change: told of each change and its reason, on the loop's thread.
            patience: failures in a row, without a success between, that close it.
            overdue_s: after so many seconds the next probe does not wait for the last one any more.
        """
        self._limit = limit
        self._backoff = backoff
        self._on_change = on_change
        self._patience = patience
        self._overdue_s = overdue_s
        self._epoch = 0  # an attempt that began before the last change says nothing of what is now
        self._failures = 0
        self._next_probe_s = 0.0
        self._closure: Closure | None = None

    @property
    def closure(self) -> Closure | None:
        """Why it is closed; None while it is open."""
        return self._closure

    @property
    def limit(self) -> int:
        """How many attempts at the same time while it is open."""
        return self._limit.now

    @property
    def probe_at(self) -> float | None:
        """When the next probe may start, in seconds of the loop's clock; None while the gate is open."""
        return None if self._closure is None else self._next_probe_s

    def has_room(self, in_flight: int, now: float) -> bool:
        """Whether one more attempt may start."""
        if self._closure is None:
            return in_flight < self._limit.now
        return in_flight < self._limit.most and now >= self._next_probe_s

    def enter(self, now: float) -> int:
        """Start an attempt; returns its ticket for the three below."""
        if self._closure is not None:
            self._epoch += 1  # only the last probe has a say
            self._next_probe_s = now + self._overdue_s
        return self._epoch

    def accepted(self, ticket: int) -> bool:
        """The destination took an item: open, and after enough of them room for one more.

        Returns:
            Whether this opened it.
        """
        if ticket != self._epoch:
            return False
        self._failures = 0
        if self._closure is None:
            self._limit.succeeded()
            return False
        self._epoch += 1
        self._closure = None
        self._backoff.reset()
        self._on_change("opened", "")
        return True

    def undecided(self, ticket: int) -> None:
        """The attempt ended without a word about the destination: the next probe may start at once."""
        if ticket == self._epoch:
            self.hurry()

    def failed(self, ticket: int, now: float, blame: Blame) -> None:
        """The destination failed: take less, close, or wait longer for the next probe.

        Args:
            ticket: of ``enter``.
            now: seconds of the loop's clock.
            blame: what happened.
        """
        if ticket != self._epoch:
            return
        if self._closure is None and blame.throttled and self._limit.halve():
            self._epoch += 1
            self._on_change("slowed", blame.reason)
            return
        self._failures += 1
        if self._closure is not None or self._failures >= self._patience:
            self._close(now, blame)

    def hurry(self) -> None:
        """Let the next probe start at once."""
        self._next_probe_s = 0.0

    def _close(self, now: float, blame: Blame) -> None:
        self._epoch += 1
        self._next_probe_s = now + self._backoff.next()
        before = self._closure
        if before is None or (blame.parks and not before.parked):
            self._closure = Closure(blame.reason, blame.parks, now)
        elif blame.parks or not before.parked:
            self._closure = replace(before, reason=blame.reason)
        self._on_change("parked" if blame.parks else "closed", blame.reason)
