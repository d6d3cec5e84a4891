"""The body of a callback, as the contract has it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from stillcast.naming import format_utc

OK_CODE: Final = 200
OK_MSG: Final = "Supervise complete"
MISSED_CODE: Final = 206


class Named(Protocol):
    """What a callback says of a still, whether one was made or not."""

    @property
    def object_key(self) -> str:
        """Where the still is, or would have been, in the store."""

    @property
    def cname(self) -> str:
        """The channel."""

    @property
    def uid(self) -> str:
        """The user."""

    @property
    def captured_at(self) -> datetime:
        """Capture time; aware."""

    @property
    def request_id(self) -> str:
        """``requestId``, made once at capture."""

    @property
    def extra_info(self) -> str:
        """``callbackData``."""


class Pictured(Named, Protocol):
    """What the extended body says besides."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def bytes(self) -> int:
        """Length of the JPEG."""

    @property
    def sha256(self) -> str:
        """Of the JPEG, 64 lowercase hex digits."""

    @property
    def frame_age_ms(self) -> float:
        """Age of the frame when the still was made of it."""

    @property
    def mean_luma(self) -> float:
        """0 (black) to 255 (white)."""

    @property
    def dhash(self) -> int:
        """64-bit difference hash."""

    @property
    def flags(self) -> Sequence[str]:
        """What is odd about it: ``black``, ``frozen``, ``stale``."""


def new_request_id(sid: str, now: float) -> str:
    """Make the ``requestId`` of a still's callback, once, at capture.

    Args:
        sid: the still's own.
        now: seconds since 1970.
    """
    return f"{sid}_{int(now)}_{secrets.token_hex(16)}"


def checksum(url: str, code: int, object_key: str, request_id: str) -> str:
    """Lowercase hex MD5 of the four, joined by nothing. Finds accidents; it proves no origin."""
    return hashlib.md5(f"{url}{code}{object_key}{request_id}".encode(), usedforsecurity=False).hexdigest()


def build_body(item: Pictured, *, url: str, code: int = OK_CODE, msg: str = OK_MSG, extended: bool = False) -> bytes:
    """Build the body that announces a still; the same item makes the same bytes.

    Args:
        item: the still's facts.
        url: the callback's address exactly as it is set, which the checksum covers.
        code: 200.
        msg: what it means.
        extended: add the field ``still``.

    Returns:
        JSON in ASCII, which is UTF-8 too.
    """
    fields = _fields(item, url, code, msg)
    if extended:
        fields["still"] = {
            "width": item.width,
            "height": item.height,
            "bytes": item.bytes,
            "sha256": item.sha256,
            "frameAgeMs": item.frame_age_ms,
            "meanLuma": item.mean_luma,
            "dhash": f"{item.dhash:016x}",
            "flags": list(item.flags),
        }
    return _json(fields)


def build_missed_body(item: Named, *, url: str, msg: str, code: int = MISSED_CODE) -> bytes:
    """Build the body that tells of a tick without a still; there is no picture to extend it with.

    Args:
        item: the facts that the still would have had.
        url: the callback's address exactly as it is set.
        msg: why there is none, as ``No frame`` or ``Upload failed``.
        code: 206.
    """
    return _json(_fields(item, url, code, msg))


def _fields(item: Named, url: str, code: int, msg: str) -> dict[str, object]:
    return {
        "requestId": item.request_id,
        "callbackParam": {"cname": item.cname},
        "callbackData": item.extra_info,
        "checksum": checksum(url, code, item.object_key, item.request_id),
        "object": item.object_key,
        "code": code,
        "msg": msg,
        "channelName": item.cname,
        "userId": item.uid,
        "timestamp": int(format_utc(item.captured_at)),
    }


def _json(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii")
