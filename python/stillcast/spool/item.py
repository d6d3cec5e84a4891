"""The facts of one spooled still."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from stillcast.naming import format_utc
from stillcast.stills import Still


class State(StrEnum):
    """Where a spooled still stands; each state is a directory of that name."""

    READY = "ready"
    """Waits to be stored."""
    STORED = "stored"
    """Is in the store and waits to be announced."""
    DEFERRED = "deferred"
    """Is in the store; its callback failed and is tried again later."""
    DEAD = "dead"
    """Was given up, and is kept for replay with the reason beside it."""
    QUARANTINE = "quarantine"
    """Is not the file that was put."""


WITH_REASON: Final = (State.DEFERRED, State.DEAD, State.QUARANTINE)
"""States that keep a reason beside each still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolItem:
    """What is known of one spooled still; fixed at capture, so every retry repeats it.

    Attributes:
        name: file name, ``<utc 17 digits>_<sid>_<feed 8 hex digits>.jpg``; names sort by capture time.
        sid: 32 lowercase hex digits, unique to the still.
        object_key: where the still will be in the store.
        cname: the channel.
        uid: the user.
        captured_at: aware, UTC, whole milliseconds.
        request_id: ``requestId`` of every attempt of its callback.
        extra_info: ``callbackData`` of its callback.
        width: pixels.
        height: pixels.
        bytes: length of the JPEG.
        sha256: of the JPEG, 64 lowercase hex digits.
        frame_age_ms: age of the frame when the still was made of it.
        mean_luma: 0 (black) to 255 (white).
        dhash: 64-bit difference hash.
        flags: as ``Still.flags``; none where the version that spooled it had none.
    """

    name: str
    sid: str
    object_key: str
    cname: str
    uid: str
    captured_at: datetime
    request_id: str
    extra_info: str
    width: int
    height: int
    bytes: int
    sha256: str
    frame_age_ms: float
    mean_luma: float
    dhash: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolEntry:
    """One line of ``stillcast spool ls``.

    Attributes:
        state: where the still stands.
        name: file name.
        sid: the still's own.
        age_s: seconds since capture.
        bytes: length of the spool file.
        object_key: None where the file cannot be read.
        reason: why it is deferred, dead or in quarantine; None elsewhere.
    """

    state: State
    name: str
    sid: str
    age_s: float
    bytes: int
    object_key: str | None
    reason: str | None


def file_name(captured_at: datetime, sid: str, *, cname: str, uid: str) -> str:
    """Name of a still's spool file; sorting names sorts by capture time.

    It ends in a hash of the feed, so that shares of the spool can be counted without opening a file.
    """
    feed = hashlib.blake2s(f"{len(cname)}:{cname}{uid}".encode("utf-8", "surrogatepass"), digest_size=4)
    return f"{format_utc(captured_at)}_{sid}_{feed.hexdigest()}.jpg"


def feed_of(name: str) -> str:
    """Hash of the feed in a file name, 8 hex digits."""
    return name[-12:-4]


def describe(still: Still, *, request_id: str, extra_info: str) -> SpoolItem:
    """Fix the facts of a still that is about to be spooled."""
    return SpoolItem(
        name=file_name(still.captured_at, still.sid, cname=still.cname, uid=still.uid),
        sid=still.sid,
        object_key=still.object_key,
        cname=still.cname,
        uid=still.uid,
        captured_at=still.captured_at,
        request_id=request_id,
        extra_info=extra_info,
        width=still.width,
        height=still.height,
        bytes=len(still.jpeg),
        sha256=hashlib.sha256(still.jpeg).hexdigest(),
        frame_age_ms=still.frame_age_ms,
        mean_luma=still.mean_luma,
        dhash=still.dhash,
        flags=still.flags,
    )
