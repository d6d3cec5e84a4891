"""From captured pictures to spooled stills: one thread between the sampler and the delivery."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from stillcast.agent.feed import Feed
from stillcast.agent.history import Seen
from stillcast.callbacks import new_request_id
from stillcast.capture import CapturedPicture, age_ms, encoded_still
from stillcast.errors import SpoolError
from stillcast.exif import with_capture_time
from stillcast.flags import FLAGS, Looks, flags_of, is_stale
from stillcast.naming import format_object_key, new_sid
from stillcast.spool import Spool, SpoolItem
from stillcast.stills import EncodedStill, Still

_LOG: Final = logging.getLogger("stillcast.agent")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_MS: Final = 1_000_000
_LOOK_S: Final = 0.25
_LOG_EVERY_S: Final = 60.0
# What the user's server is told, by the sampler's reason.
_REPORTS: Final = {"no_frame": "No frame", "encode_failed": "Encoding failed"}


class PictureSource(Protocol):
    """Where captured pictures come from."""

    def take(self, timeout_s: float) -> CapturedPicture | None:
        """Wait for the next one; None after the time, or when no more will come."""

    def queued(self) -> int:
        """How many wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedStill:
    """What a still would have been, had there been one."""

    object_key: str
    cname: str
    uid: str
    captured_at: datetime
    request_id: str
    extra_info: str


@dataclass(slots=True)
class Tally:
    """What the collector counted; written under its mutex."""

    spooled: int = 0
    spool_failed: int = 0
    shown_again: int = 0
    unknown: int = 0
    skipped: int = 0
    flagged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FLAGS, 0))


class Collector:
    """Names each captured picture, spools it and hands it on."""

    def __init__(
        self,
        source: PictureSource,
        spool: Spool,
        *,
        prefix: tuple[str, ...],
        deliver: Callable[[SpoolItem], None],
        report_missed: Callable[[MissedStill, str], None],
        tell: Callable[[Still], None],
        heartbeat_s: float | None = None,
    ) -> None:
        """Describe a collector; nothing runs before ``start``.

        Args:
            source: gives the pictures.
            spool: takes the stills; open while the collector runs.
            prefix: of every object key.
            deliver: called with each spooled item; never blocks.
            report_missed: called with each tick that the source says was missed, and why; never blocks.
            tell: called with each spooled still; never blocks.
            heartbeat_s: how long a feed goes without a still of its ticks while nothing changes; None keeps them all.
        """
        self._source = source
        self._spool = spool
        self._prefix = prefix
        self._deliver = deliver
        self._report_missed = report_missed
        self._tell = tell
        self._heartbeat_s = heartbeat_s
        self._thread = threading.Thread(target=self._run, name="stillcast-collector", daemon=True)
        self._ending = threading.Event()
        self._mutex = threading.Lock()  # guards what follows
        self._feeds: dict[int, Feed] = {}
        self._tally = Tally()
        self._logged_at: float | None = None
        # The collector's thread only: pictures taken, and at how many of them a retired feed can be forgotten.
        self._taken = 0
        self._leaving: dict[int, int] = {}
        self._look_at = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Collect what the source still has, and end; the source gives nothing new any more. Harmless before ``start``.

        Returns:
            Whether that was done within ``timeout`` seconds.
        """
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def add(self, feed_id: int, feed: Feed) -> None:
        """Expect pictures of a feed."""
        with self._mutex:
            self._feeds[feed_id] = feed

    def feeds(self) -> list[Feed]:
        """The feeds that may still have pictures."""
        with self._mutex:
            return list(self._feeds.values())

    def tally(self) -> Tally:
        """What was counted so far."""
        with self._mutex:
            return replace(self._tally, flagged=dict(self._tally.flagged))

    def accept_again(self, feed: Feed, captured: CapturedPicture) -> Still:
        """Make one more still of a picture that was captured before, for a snapshot that no newer frame came for.

        Raises:
            SpoolError: it could not be spooled.
        """
        with self._mutex:
            self._tally.shown_again += 1
        return self._spool_still(feed, captured, frame_age_ms=age_ms(captured))

    def _run(self) -> None:
        while True:
            ending = self._ending.is_set()
            captured = self._source.take(_LOOK_S)
            if captured is not None:
                self._taken += 1
                self._accept(captured)
            elif ending:
                return
            if (now := time.monotonic()) >= self._look_at:
                self._look_at = now + _LOOK_S
                self._forget_retired()

    # A retired feed has put its last picture into the queue: once all that waited then is taken, it can be forgotten.
    def _forget_retired(self) -> None:
        with self._mutex:
            for feed_id in [feed_id for feed_id, taken in self._leaving.items() if self._taken >= taken]:
                del self._feeds[feed_id], self._leaving[feed_id]
            retired = [feed_id for feed_id, feed in self._feeds.items() if feed.retired]
        last = self._taken + self._source.queued()
        for feed_id in retired:
            self._leaving.setdefault(feed_id, last)

    def _accept(self, captured: CapturedPicture) -> None:
        with self._mutex:
            feed = self._feeds.get(captured.feed_id)
            self._tally.unknown += feed is None
        if feed is not None:
            self._accept_of(feed, captured)

    def _accept_of(self, feed: Feed, captured: CapturedPicture) -> None:
        if captured.missed is not None:
            self._report(feed, captured, _REPORTS.get(captured.missed, captured.missed))
            return
        if self._is_skipped(feed, captured):
            with self._mutex:
                self._tally.skipped += 1
            return
        try:
            answer: Still | Exception = self._spool_still(feed, captured, frame_age_ms=captured.frame_age_ms)
        except SpoolError as error:
            self._log_spool_error(error)
            self._report(feed, captured, "Not spooled")
            answer = error
        except Exception as error:  # one bad still must not stop the others
            _LOG.exception("a still of %s/%s was lost", feed.facts.cname, feed.facts.uid)
            answer = error
        if captured.snapshot:
            feed.answer_snapshots(answer)

    def _is_skipped(self, feed: Feed, captured: CapturedPicture) -> bool:
        if self._heartbeat_s is None or captured.snapshot:
            return False
        return feed.history.is_unchanged(_seen(captured), self._heartbeat_s)

    def _report(self, feed: Feed, captured: CapturedPicture, msg: str) -> None:
        sid, captured_at = new_sid(), _captured_at(captured)
        missed = MissedStill(
            object_key=self._key(feed, sid, captured_at),
            cname=feed.facts.cname,
            uid=feed.facts.uid,
            captured_at=captured_at,
            request_id=new_request_id(sid, captured_at.timestamp()),
            extra_info=feed.facts.extra_info,
        )
        self._report_missed(missed, msg)

    def _spool_still(self, feed: Feed, captured: CapturedPicture, *, frame_age_ms: float) -> Still:
        flags: tuple[str, ...] | None = None  # of what was spooled
        try:
            still = self._still(feed, captured, frame_age_ms)
            request_id = new_request_id(still.sid, still.captured_at.timestamp())
            extra_info = feed.extra_info_at(captured.pushed_ns)
            item = self._spool.put(still, request_id=request_id, extra_info=extra_info)
            flags = still.flags
        finally:
            self._count(flags)
        feed.history.keep(_seen(captured), frozen="frozen" in still.flags)
        self._deliver(item)
        self._tell(still)
        return still

    def _count(self, flags: tuple[str, ...] | None) -> None:
        with self._mutex:
            self._tally.spooled += flags is not None
            self._tally.spool_failed += flags is None
            for flag in flags or ():
                self._tally.flagged[flag] += 1

    def _still(self, feed: Feed, captured: CapturedPicture, frame_age_ms: float) -> Still:
        encoded = encoded_still(captured.picture)
        sid, captured_at = new_sid(), _captured_at(captured)
        measured = {each.name: getattr(encoded, each.name) for each in fields(EncodedStill)}
        measured["jpeg"] = with_capture_time(encoded.jpeg, captured_at)
        seen = _seen(captured)
        frozen = feed.history.is_frozen(seen)
        return Still(
            **measured,
            sid=sid,
            cname=feed.facts.cname,
            uid=feed.facts.uid,
            captured_at=captured_at,
            frame_age_ms=frame_age_ms,
            lateness_ms=captured.lateness_ms,
            source_width=captured.source_width,
            source_height=captured.source_height,
            pts_ns=captured.pts_ns,
            object_key=self._key(feed, sid, captured_at),
            flags=flags_of(seen.looks, frozen=frozen, stale=is_stale(frame_age_ms, feed.interval_s)),
        )

    def _key(self, feed: Feed, sid: str, captured_at: datetime) -> str:
        return format_object_key(
            prefix=self._prefix, sid=sid, cname=feed.facts.cname, uid=feed.facts.uid, captured_at=captured_at
        )

    def _log_spool_error(self, error: SpoolError) -> None:
        now = time.monotonic()
        if self._logged_at is None or now - self._logged_at >= _LOG_EVERY_S:
            self._logged_at = now
            _LOG.error("still lost: %s; further ones of the next minute are only counted", error)


def _seen(captured: CapturedPicture) -> Seen:
    due_ns = captured.pushed_ns - round(captured.lateness_ms * _NS_PER_MS)
    return Seen(pushed_ns=captured.pushed_ns, due_ns=due_ns, looks=Looks.of(captured.picture))


def _captured_at(captured: CapturedPicture) -> datetime:
    return _EPOCH + timedelta(milliseconds=captured.captured_utc_ns // _NS_PER_MS)
