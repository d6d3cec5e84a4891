"""What an agent counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillcast.histograms import Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStats:
    """What happened since the agent's start, and what waits now.

    Every tick is accounted for: ``ticks == stills - snapshots + skipped + sum(missed.values()) + waiting_ticks``. Every
    still is too: ``stills == queued + spooled + spool_failed`` but for the one in hand, and what is spooled is stored,
    waits, was given up as a dead letter, or was dropped by a cap with its reason.

    Attributes:
        feeds: feeds that are open.
        ticks: moments at which a feed's next still was due.
        stills: stills that were captured, for a tick or a snapshot.
        snapshots: stills that were captured for a snapshot and for no tick.
        skipped: ticks whose picture showed no change and was not kept (``capture.skip_unchanged``); they are no stills.
            A picture that waits to be looked at counts as a still until then.
        waiting_ticks: ticks that are due and wait for their frame; at most one a feed, none after ``stop``.
        missed: ticks without a still, by reason: ``no_frame`` (none came in the interval), ``late`` (skipped because
            the machine did not keep up), ``closed`` (the feed ended first), ``encode_failed``, ``queue_full``.
        refused: pushes that were not taken, by reason: ``closed``, ``not_a_frame``, ``no_slot`` (every slot of the
            ring in use), ``slot_too_small`` (frames became larger: the ring grows for the next one), ``no_memory`` (it
            could not grow; the next one tries again).
        missed_snapshots: stills for a snapshot and for no tick that were lost, by reason: ``encode_failed``,
            ``queue_full``. Who asked is shown the picture before.
        lateness: of stills for a tick: from the time at which it was due to the push of the frame that it shows.
        frame_age: of stills for a tick or a snapshot: from the push of the frame until its still is begun. Both have
            every still that was made, those included that a full queue dropped or that were skipped.
        encoder: what makes the JPEGs on this machine: ``turbo``, or ``native`` and its instruction set in brackets, as
            ``native (AVX2)`` (``capture.encoder``).
        queued: stills between the encoder and the spool, and reports of missed ticks.
        spooled: stills that were put into the spool.
        flagged: those of them that have the flags ``black``, ``frozen`` and ``stale``, by flag; one may have several.
        spool_failed: stills that could not be spooled, as when the disk is full; they are lost.
        listener_dropped: stills of which functions given to ``on_still`` were not told because they are too slow.
        listener_failed: calls of such functions that raised.
        stored: stills that the store took.
        announced: stills whose callback succeeded.
        waiting_store: stills in the spool that are not stored yet, older ones of an earlier run included.
        waiting_announce: stills that are stored and not announced yet.
        deferred: stills that are stored and whose callback failed; it is tried again later (``callback.profile``).
        dead_letters: stills kept in the spool for replay.
        quarantined: spool files that are not what was put.
        spool_bytes: length of all files of the spool, dead letters and quarantine included.
        dropped: stills that a cap of the spool dropped, by reason.
        store_failures: failed uploads by code; one still may fail often.
        callback_failures: failed attempts of callbacks by reason.
        reported: ticks without a still that the user's server was told of (``callback.report_failures``).
        reports_failed: such reports that did not arrive, or were left out because too many waited.
        latest_failed: failed tries to put a feed's newest picture where ``capture.latest`` wants it; the still itself
            is stored, and the feed's next one comes in its place.
        upload_limit: uploads at the same time that the store takes well; fewer than the eight workers after it asked
            for less.
        parked: why the store refuses every still, and what to do; None while it does not.
        parked_since_s: for how many seconds already; None while it does not.
        store_clock_skew_s: seconds that the store's clock is ahead of ours; None while that is not known.
        callbacks_parked: why callbacks are held but for one at a time that probes; None while they are not.
    """

    feeds: int
    ticks: int
    stills: int
    snapshots: int
    skipped: int
    waiting_ticks: int
    missed: Mapping[str, int]
    refused: Mapping[str, int]
    missed_snapshots: Mapping[str, int]
    lateness: Histogram
    frame_age: Histogram
    encoder: str
    queued: int
    spooled: int
    flagged: Mapping[str, int]
    spool_failed: int
    listener_dropped: int
    listener_failed: int
    stored: int
    announced: int
    waiting_store: int
    waiting_announce: int
    deferred: int
    dead_letters: int
    quarantined: int
    spool_bytes: int
    dropped: Mapping[str, int]
    store_failures: Mapping[str, int]
    callback_failures: Mapping[str, int]
    reported: int
    reports_failed: int
    latest_failed: int
    upload_limit: int
    parked: str | None
    parked_since_s: float | None
    store_clock_skew_s: float | None
    callbacks_parked: str | None
