"""What the delivery needs of its neighbours, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from stillcast.callbacks import CallbackFailure, Named
from stillcast.spool import SpoolItem


class Store(Protocol):
    """Where stills end; called from several threads at the same time."""

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        """Store one still, and what its object shall say of it; raises ``StorageFailure``. Repeating it is harmless."""

    def tend(self) -> None:
        """Called about once a second from another thread: ends attempts that are beyond their whole deadline."""

    @property
    def clock_skew_s(self) -> float | None:
        """The store's clock minus ours, as its answers tell; None while they do not."""

    def close(self) -> None:
        """Let go of connections."""


class LatestStore(Protocol):
    """Where the newest picture of each feed is; called from several threads, for one key by one at a time."""

    def put_latest(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        """Put a picture in the place of whatever is there; raises ``StorageFailure``."""

    def latest_captured_at(self, key: str) -> datetime | None:
        """When the picture that is there was captured; None if there is none, ``StorageFailure`` if nobody can say."""


class Notifier(Protocol):
    """Who tells the user's server; all methods run on the delivery's event loop."""

    async def start(self) -> None:
        """Get ready; raises ``CallbackError`` where the settings cannot be used."""

    def body(self, item: SpoolItem) -> bytes:
        """Build the announcement of one still; the same item makes the same bytes."""

    def missed_body(self, item: Named, msg: str) -> bytes:
        """Build the report of a still that was missed."""

    async def notify(self, body: bytes, request_id: str) -> tuple[str, ...]:
        """Make all attempts; returns why the first ones failed, raises ``CallbackFailure`` if all did."""

    def retry_in_s(self, failure: CallbackFailure, attempts: int) -> float | None:
        """Seconds until a still that failed so many times in all is tried again; None to give up. For any thread."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEvent:
    """Something that a person who watches would want to see.

    Attributes:
        kind: ``stored``, ``announced`` and ``dead`` are about one still; ``parked`` says that the store refuses every
            still until somebody mends something, ``resumed`` that it takes them again.
        sid: of the still; None where the event is about the store.
        object_key: of the still; None where the event is about the store or the file could not be read.
        milliseconds: how long the upload or all attempts of the callback took.
        reason: why it is dead or parked, one line.
    """

    kind: Literal["stored", "announced", "dead", "parked", "resumed"]
    sid: str | None = None
    object_key: str | None = None
    milliseconds: float | None = None
    reason: str | None = None


Listener = Callable[[DeliveryEvent], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStats:
    """Where the stills are. Counts begin at ``start``; what waits is what is on disk now.

    Attributes:
        stored: stills that the store took.
        announced: stills whose callback succeeded.
        waiting_store: stills in the spool that are not stored yet.
        waiting_announce: stills that are stored and not announced yet.
        deferred: stills that are stored and whose callback failed; it is tried again later (``callback.profile``).
        dead_letters: stills kept for replay in the spool.
        quarantined: spool files that are not what was put.
        spool_bytes: length of all files of the spool.
        dropped: stills that a cap of the spool dropped, by reason.
        store_failures: failed uploads by code; one still may fail often.
        callback_failures: failed attempts of callbacks by reason.
        upload_limit: uploads at the same time that the store takes well; fewer than there are workers after it asked
            for less.
        parked: why the store refuses every still, and what to do; None while it does not.
        parked_since_s: for how many seconds already; None while it does not.
        store_clock_skew_s: seconds that the store's clock is ahead of ours; None while that is not known.
        callbacks_parked: why callbacks are held but for one at a time that probes; None while they are not.
        reported: reports of missed stills that arrived.
        reports_failed: reports of missed stills that did not.
        listener_failures: exceptions of the listener.
        latest_failed: failed tries to put a feed's newest picture where ``capture.latest`` wants it.
    """

    stored: int = 0
    announced: int = 0
    waiting_store: int = 0
    waiting_announce: int = 0
    deferred: int = 0
    dead_letters: int = 0
    quarantined: int = 0
    spool_bytes: int = 0
    dropped: Mapping[str, int]
    store_failures: Mapping[str, int]
    callback_failures: Mapping[str, int]
    upload_limit: int = 0
    parked: str | None = None
    parked_since_s: float | None = None
    store_clock_skew_s: float | None = None
    callbacks_parked: str | None = None
    reported: int = 0
    reports_failed: int = 0
    listener_failures: int = 0
    latest_failed: int = 0
