"""The newest picture of each feed, under a key that does not change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, ParamSpec, TypeVar

from stillcast.delivery.model import LatestStore
from stillcast.delivery.notices import Notices
from stillcast.delivery.tally import Tally
from stillcast.naming import ObjectKeyError, latest_key_of
from stillcast.spool import SpoolItem
from stillcast.storage import FailureKind, StorageFailure, object_metadata
from stillcast.workers import WorkerPool

_P = ParamSpec("_P")
_T = TypeVar("_T")

FEEDS_MAX: Final = 16_384
_HUNG_S: Final = 60.0
_NOTHING: Final = datetime.min.replace(tzinfo=UTC)
_AHEAD_MAX_S: Final = 300.0
_TOPIC: Final = "latest"
_AHEAD: Final = "latest ahead"


@dataclass(frozen=True, slots=True)
class _Picture:
    item: SpoolItem
    jpeg: bytes


@dataclass(slots=True)
class _Feed:
    """One feed's newest picture; for the loop's thread, but for ``at_work``.

    Attributes:
        newest: capture time of what was put, may have been put, or was found there; None while that is not known.
        waiting: the newest of those that came and were not put yet.
        turn: held by who puts one.
        is_next: whether somebody waits for that, who will take ``waiting`` then.
        at_work: whether a worker thread is at it, one that hangs included.
    """

    newest: datetime | None = None
    waiting: _Picture | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_next: bool = False
    at_work: bool = False

    def is_idle(self) -> bool:
        return not (self.turn.locked() or self.is_next or self.at_work)


class Latest:
    """Puts each still once more as the newest picture of its feed, unless a newer one is there.

    Note [What latest promises]: stills are stored by several threads, again after failures, and out of a backlog that
    comes after live ones; but of each feed one upload of its newest picture runs at a time, and what was captured no
    later than the newest one that was tried is left out. So within one run an older picture never replaces a newer.
    What an earlier run or another agent has put is read before a feed's first put. Where that cannot be read, for want
    of the right to, pictures from before this run are left out, because a run before may have put newer ones. A put
    that fails is counted and not repeated: the feed's next still comes in its place. Nothing here touches the still
    itself, which is stored by then. A time that lies ahead of our clock is not believed, because a clock that was wrong
    once would keep every true picture away. Not in our hands: a put that we gave up at its deadline, and that the
    server works on after it has stored a newer one.

    ``begin`` comes first; ``keep`` is for the loop's thread.
    """

    def __init__(
        self,
        store: LatestStore,
        *,
        pool: WorkerPool,
        tally: Tally,
        notices: Notices,
        clock: Callable[[], float],
    ) -> None:
        """Describe the work.

        Args:
            store: where the pictures shall be.
            pool: threads for the blocking work, those of the uploads.
            tally: counts what failed.
            notices: limits the log lines.
            clock: seconds since 1970.
        """
        self._clock = clock
        self._store = store
        self._pool = pool
        self._tally = tally
        self._notices = notices
        self._feeds: dict[str, _Feed] = {}  # by key; who was used last is last
        self._floor = _NOTHING  # where it is not known what is there, only what was captured later is put

    def begin(self) -> None:
        """Note when this run began; no later than its first capture."""
        self._floor = datetime.fromtimestamp(self._clock(), UTC)

    async def keep(self, item: SpoolItem, jpeg: bytes) -> None:
        """Put a still that has just been stored, or leave it to the one that is next in its feed; never raises.

        Each call makes one put at most, so that no still holds its place among the uploads for long.

        Args:
            item: its facts.
            jpeg: its picture.
        """
        try:
            key = latest_key_of(item.object_key)
        except ObjectKeyError as error:
            self._failed(str(error))
            return
        feed = self._feed(key)
        if feed.waiting is None or item.captured_at > feed.waiting.item.captured_at:
            feed.waiting = _Picture(item, jpeg)
        if feed.is_next:
            return
        feed.is_next = True
        try:
            await feed.turn.acquire()
        finally:
            feed.is_next = False
        try:
            if feed.at_work:
                self._failed("an upload of it hangs")
            elif feed.waiting is not None:
                picture, feed.waiting = feed.waiting, None
                await self._replace(key, feed, picture)
        finally:
            feed.turn.release()

    async def _replace(self, key: str, feed: _Feed, picture: _Picture) -> None:
        item = picture.item
        try:
            if feed.newest is None:
                feed.newest = await self._found(key, feed)
            feed.newest = self._believed(key, feed.newest)
            if item.captured_at <= feed.newest:
                return
            # Before it is sent: an attempt whose answer is lost may have arrived.
            feed.newest = item.captured_at
            await self._run(feed, self._store.put_latest, key, picture.jpeg, object_metadata(item))
        except TimeoutError:
            self._failed(f"storage: the newest picture of a feed was not stored within {_HUNG_S:.0f} s")
        except StorageFailure as failure:
            self._failed(str(failure))
        except Exception as error:  # whatever breaks here, the still itself is stored
            self._failed(f"storage: unexpected {type(error).__name__}: report it")

    async def _found(self, key: str, feed: _Feed) -> datetime:
        """Ask the store what is there; the floor where it does not tell and will not tell later either."""
        try:
            return await self._run(feed, self._store.latest_captured_at, key) or _NOTHING
        except StorageFailure as failure:
            if failure.kind is FailureKind.PASSING:
                raise
            return self._floor

    def _believed(self, key: str, moment: datetime) -> datetime:
        if moment.timestamp() <= self._clock() + _AHEAD_MAX_S:
            return moment
        self._notices.warn(_AHEAD, f"{key}: the picture there says {moment}, which is ahead of this clock: replaced")
        return self._floor

    async def _run(self, feed: _Feed, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call the store on a worker; what hangs there is left to itself, and its feed waits for it."""

        def attempt() -> _T:
            feed.at_work = True
            try:
                return function(*args, **kwargs)
            finally:
                feed.at_work = False

        async with asyncio.timeout(_HUNG_S):
            return await self._pool.run(attempt)

    def _failed(self, reason: str) -> None:
        self._tally.latest_failed()
        self._notices.warn(_TOPIC, f"the newest picture of a feed is not in its place until the next one: {reason}")

    def _feed(self, key: str) -> _Feed:
        feed = self._feeds.pop(key, None) or _Feed()
        if len(self._feeds) >= FEEDS_MAX:
            self._forget()
        self._feeds[key] = feed
        return feed

    def _forget(self) -> None:
        """Let go of the feed that was used longest ago; it is asked for again, and the floor keeps what was known."""
        for key, feed in self._feeds.items():
            if feed.is_idle():
                self._floor = max(self._floor, feed.newest or _NOTHING)
                del self._feeds[key]
                return
