"""What the hot path makes: the encoded picture, and the still with its facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedStill:
    """A small JPEG and what was measured while it was made.

    Attributes:
        jpeg: baseline 4:2:0 JFIF file, full-range BT.601.
        width: pixels, even.
        height: pixels, even.
        mean_luma: mean of the JPEG's luma plane, 0 (black) to 255 (white).
        luma_deviation: standard deviation of the same plane, 0 to 127.5.
        dhash: 64-bit difference hash of the same plane: area-scaled to 9x8, bit set where a pixel is darker than
            its right neighbour, row by row from the most significant bit. The Hamming distance of two hashes says how
            different the pictures look.
    """

    jpeg: bytes = field(repr=False)
    width: int
    height: int
    mean_luma: float
    luma_deviation: float
    dhash: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Still(EncodedStill):
    """One captured JPEG with its facts; its ``jpeg`` has the capture time as Exif too (``stillcast.exif``).

    Attributes:
        sid: 32 lowercase hex digits, unique to this still.
        cname: the channel.
        uid: the user whose video it shows.
        captured_at: when the host pushed the frame; aware, UTC, whole milliseconds.
        frame_age_ms: how old the frame was when the still was made of it.
        lateness_ms: how long after its tick (or after the call of ``snapshot``) the frame came.
        source_width: pixels of the frame as pushed, before rotation.
        source_height: pixels of the frame as pushed, before rotation.
        pts_ns: the frame's ``pts_ns`` as the host gave it, on the host's own media clock.
        object_key: where the still will be in the store.
        flags: what is odd about it, of ``black``, ``frozen`` and ``stale`` in this order (``stillcast.flags``):
            nothing to see, no change against the feed's still before, an old frame.
    """

    sid: str
    cname: str
    uid: str
    captured_at: datetime
    frame_age_ms: float
    lateness_ms: float
    source_width: int
    source_height: int
    pts_ns: int | None = None
    object_key: str
    flags: tuple[str, ...] = ()
