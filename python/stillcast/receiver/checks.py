"""Checks a callback against the contract, field by field."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from stillcast.callbacks import checksum, webhook_signature
from stillcast.flags import FLAGS
from stillcast.naming import ObjectKeyError, format_utc, parse_object_key
from stillcast.redaction import shown

_OK_CODE: Final = 200
_MISSED_CODE: Final = 206
_OK_MSG: Final = "Supervise complete"
_TOLERANCE_S: Final = 300
_EXTRA_INFO_BYTES_MAX: Final = 1024
_SIDE_MAX: Final = 16384
_REQUEST_ID: Final = re.compile(r"([0-9a-f]{32})_([0-9]{1,12})_[0-9a-f]{32}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NEWER: Final = frozenset({"flags"})  # fields that an older sender does not know
_DHASH: Final = re.compile(r"[0-9a-f]{16}")
_TYPES: Final[Mapping[str, type]] = {
    "requestId": str,
    "callbackParam": dict,
    "callbackData": str,
    "checksum": str,
    "object": str,
    "code": int,
    "msg": str,
    "channelName": str,
    "userId": str,
    "timestamp": int,
}


class BodyProblem(ValueError):  # noqa: N818  # it is the answer that the sender gets
    """What is wrong with a callback, one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedStill:
    """A callback that passed every check.

    Attributes:
        request_id: the same on every attempt for one still.
        object_key: where the still is in the store, or would have been.
        sid: the still's own.
        cname: the channel.
        uid: the user.
        captured_at: aware, UTC, whole milliseconds.
        code: 200, or 206 where there is no still.
        msg: what the code means.
        extra_info: ``callbackData``.
        still: the field of that name of an extended body; None without one.
        signed: whether a signature was asked for, and so was right.
    """

    request_id: str
    object_key: str
    sid: str
    cname: str
    uid: str
    captured_at: datetime
    code: int
    msg: str
    extra_info: str
    still: Mapping[str, object] | None
    signed: bool


def check_body(raw: bytes, url: str, *, signed: bool = False) -> ReceivedStill:
    """Check a body and read it.

    Args:
        raw: as it arrived.
        url: the callback's address exactly as the sender has it in its settings, which the checksum covers.
        signed: whether its signature was checked before.

    Raises:
        BodyProblem: naming the field, its value and what is right.
    """
    fields = _fields(raw)
    _check_types(fields)
    _check_code(fields)
    _check_key(fields)
    expected = checksum(url, fields["code"], fields["object"], fields["requestId"])
    if not hmac.compare_digest(expected.encode(), fields["checksum"].encode("utf-8", "replace")):
        text = f"does not match: it is made of {shown(url)}, code, object and requestId"
        raise BodyProblem(f"checksum: {shown(fields['checksum'])}: {text}")
    _check_still(fields)
    key = parse_object_key(fields["object"])
    return ReceivedStill(
        request_id=fields["requestId"],
        object_key=fields["object"],
        sid=key.sid,
        cname=key.cname,
        uid=key.uid,
        captured_at=key.captured_at,
        code=fields["code"],
        msg=fields["msg"],
        extra_info=fields["callbackData"],
        still=fields.get("still"),
        signed=signed,
    )


def check_signature(raw: bytes, headers: Mapping[str, str], key: bytes, now: float) -> None:
    """Check the Standard Webhooks headers of a callback.

    Args:
        raw: the body as it arrived; parsing and writing it again would change it.
        headers: of the request, looked up in lowercase.
        key: the shared secret, decoded.
        now: seconds since 1970.

    Raises:
        BodyProblem: a header is missing, too old, or does not match.
    """
    message_id, stamp, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (message_id and signatures and stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        raise BodyProblem("webhook-id, webhook-timestamp, webhook-signature: are needed: set callback.secret")
    if abs(now - int(stamp)) > _TOLERANCE_S:
        raise BodyProblem(f"webhook-timestamp: {stamp}: over {_TOLERANCE_S} s from our clock: set the clocks (NTP)")
    expected = webhook_signature(key, message_id, int(stamp), raw).encode()
    given = [each.encode("utf-8", "replace") for each in signatures.split(" ")]
    if not any(hmac.compare_digest(expected, each) for each in given):
        raise BodyProblem("webhook-signature: does not match: both sides need the same secret")


def _fields(raw: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise BodyProblem("body: is not JSON") from None
    if not isinstance(fields, dict):
        raise BodyProblem("body: is not a JSON object")
    return fields


def _check_types(fields: dict[str, Any]) -> None:
    for name, kind in _TYPES.items():
        if name not in fields:
            raise BodyProblem(f"{name}: is missing")
        if not isinstance(fields[name], kind) or isinstance(fields[name], bool):
            raise BodyProblem(f"{name}: {shown(fields[name])}: is not of type {kind.__name__}")
    for name in fields.keys() - _TYPES.keys() - {"still"}:
        raise BodyProblem(f"{shown(name)}: is no field of a callback")
    if len(fields["callbackData"].encode("utf-8", "replace")) > _EXTRA_INFO_BYTES_MAX:
        raise BodyProblem(f"callbackData: is longer than {_EXTRA_INFO_BYTES_MAX} bytes")


def _check_code(fields: dict[str, Any]) -> None:
    code, msg = fields["code"], fields["msg"]
    if code not in (_OK_CODE, _MISSED_CODE):
        raise BodyProblem(f"code: {shown(code)}: is neither {_OK_CODE} nor {_MISSED_CODE}")
    if not msg or (code == _OK_CODE) != (msg == _OK_MSG):
        raise BodyProblem(f"msg: {shown(msg)}: does not belong to code {code}")


def _check_key(fields: dict[str, Any]) -> None:
    try:
        key = parse_object_key(fields["object"])
    except ObjectKeyError as error:
        raise BodyProblem(f"object: {error}") from None
    request = _REQUEST_ID.fullmatch(fields["requestId"])
    if request is None or request[1] != key.sid:
        raise BodyProblem(f"requestId: {shown(fields['requestId'])}: is not <sid>_<unix seconds>_<32 hex digits>")
    expected = {
        "callbackParam": {"cname": key.cname},
        "channelName": key.cname,
        "userId": key.uid,
        "timestamp": int(format_utc(key.captured_at)),
    }
    for name, value in expected.items():
        if fields[name] != value:
            raise BodyProblem(f"{name}: {shown(fields[name])}: the object key says {shown(value)}")


def _check_still(fields: dict[str, Any]) -> None:
    if "still" not in fields:
        return
    still, code = fields["still"], fields["code"]
    if code != _OK_CODE or not isinstance(still, dict):
        raise BodyProblem("still: belongs to code 200, and is an object")
    rules: dict[str, Callable[[object], bool]] = {
        "width": lambda value: _is_number(value, int, 2, _SIDE_MAX),
        "height": lambda value: _is_number(value, int, 2, _SIDE_MAX),
        "bytes": lambda value: _is_number(value, int, 1, 1 << 32),
        "sha256": lambda value: isinstance(value, str) and _SHA256.fullmatch(value) is not None,
        "frameAgeMs": lambda value: _is_number(value, (int, float), 0, float("inf")),
        "meanLuma": lambda value: _is_number(value, (int, float), 0, 255),
        "dhash": lambda value: isinstance(value, str) and _DHASH.fullmatch(value) is not None,
        "flags": lambda value: isinstance(value, list) and value == [flag for flag in FLAGS if flag in value],
    }
    if not rules.keys() - _NEWER <= still.keys() <= rules.keys():
        raise BodyProblem(f"still: has not exactly the fields {', '.join(rules)}")
    for name, value in still.items():
        if not rules[name](value):
            raise BodyProblem(f"still.{name}: {shown(value)}: is out of its rules")


def _is_number(value: object, kinds: type | tuple[type, ...], low: float, high: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, kinds) or not isinstance(value, int | float):
        return False
    return low <= value <= high
