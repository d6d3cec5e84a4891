"""Object keys: where a still stands in the store, and the way back from the key to its facts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from stillcast.errors import StillcastError
from stillcast.redaction import shown

MAX_KEY_BYTES = 1024
"""S3's own limit for an object key in UTF-8."""

PREFIX_CHARACTERS_MAX = 128
"""Of the joined prefix, with a slash after each part."""

_SHAPE = "<prefix>/<yyyymmdd>/<sid>_<cname>__uid_s_<uid>__uid_e_video_<yyyyMMddHHmmssSSS>.jpg"
# Note [Why the key reads back]: an encoded name has no "_" and no "/", so the separators of the key, which all have
# one, cannot stand inside a name, and every part has one place only.
_KEY = re.compile(
    r"(?P<prefix>(?:[A-Za-z0-9]+/)*)(?P<day>[0-9]{8})/(?P<sid>[0-9a-f]{32})"
    r"_(?P<cname>[A-Za-z0-9%-]*)__uid_s_(?P<uid>[A-Za-z0-9%-]*)__uid_e_video_(?P<utc>[0-9]{17})\.jpg"
)
_NOT_PLAIN = re.compile(rb"[^A-Za-z0-9-]")
_NOT_IN_PREFIX = re.compile(r"[^A-Za-z0-9]")
_SID = re.compile(r"[0-9a-f]{32}")


class ObjectKeyError(StillcastError, ValueError):
    """Facts that make no object key, or text that is none; the message names the part, its value and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKey:
    """What an object key says.

    Attributes:
        prefix: the directories before the day; may be empty.
        sid: 32 lowercase hex digits, unique to the still.
        cname: the channel, decoded.
        uid: the user, decoded.
        captured_at: the capture time; aware, UTC, whole milliseconds.
    """

    prefix: tuple[str, ...]
    sid: str
    cname: str
    uid: str
    captured_at: datetime


def format_object_key(*, prefix: Sequence[str], sid: str, cname: str, uid: str, captured_at: datetime) -> str:
    """Build the key under which a still is stored.

    Args:
        prefix: directories, each ``[A-Za-z0-9]+``, 128 characters at most with a slash after each; may be empty.
        sid: 32 lowercase hex digits, as ``new_sid`` makes them.
        cname: the channel; any text that has a UTF-8 form.
        uid: the user; any text that has a UTF-8 form.
        captured_at: aware; converted to UTC and cut to whole milliseconds.

    Returns:
        ASCII text of at most 1,024 characters. ASCII letters, digits and ``-`` of ``cname`` and ``uid`` stand
        unchanged, every other character is percent-encoded as UTF-8 (RFC 3986, section 2.1).

    Raises:
        ObjectKeyError: if a part breaks its rule or the key would be longer than 1,024 bytes.
    """
    if problems := check_prefix(prefix):
        raise ObjectKeyError("\n".join(problems))
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        raise ObjectKeyError(
            f"sid: {shown(sid)} is not a still's id: use 32 lowercase hex digits, as new_sid() makes them"
        )
    directories = "".join(f"{part}/" for part in prefix)
    utc = format_utc(captured_at)
    names = f"{encode_name('cname', cname)}__uid_s_{encode_name('uid', uid)}"
    key = f"{directories}{utc[:8]}/{sid}_{names}__uid_e_video_{utc}.jpg"
    if len(key) > MAX_KEY_BYTES:
        raise ObjectKeyError(
            f"object key: {len(key)} bytes with cname {shown(cname)} and uid {shown(uid)}: "
            f"use shorter names, {MAX_KEY_BYTES} bytes are the most a key may have"
        )
    return key


def parse_object_key(key: str) -> ObjectKey:
    """Read a key back; the inverse of ``format_object_key``.

    Args:
        key: a key exactly as ``format_object_key`` writes it.

    Returns:
        The facts that the key was made of.

    Raises:
        ObjectKeyError: if ``format_object_key`` could not have written this text.
    """
    if not isinstance(key, str) or len(key) > MAX_KEY_BYTES or not (match := _KEY.fullmatch(key)):
        raise ObjectKeyError(f"object key: {shown(key)} is not a still's key: use {_SHAPE}")
    try:
        parsed = ObjectKey(
            prefix=tuple(match["prefix"].split("/")[:-1]),
            sid=match["sid"],
            cname=unquote(match["cname"], errors="strict"),
            uid=unquote(match["uid"], errors="strict"),
            captured_at=_parse_utc(match["utc"]),
        )
        written = format_object_key(
            prefix=parsed.prefix, sid=parsed.sid, cname=parsed.cname, uid=parsed.uid, captured_at=parsed.captured_at
        )
    except ValueError as error:
        raise ObjectKeyError(f"object key: {shown(key)} does not read back ({error}): use {_SHAPE}") from error
    # Lowercase hex, letters that were encoded without need, or a folder of another day: two keys for one still.
    if written != key:
        raise ObjectKeyError(f"object key: {shown(key)} is not how stillcast writes it: use {shown(written)}")
    return parsed


def latest_key_of(object_key: str) -> str:
    """Give the key of the newest picture of a still's feed: ``<prefix>/latest/<cname>/<uid>.jpg``.

    ``parse_object_key`` refuses such a key: it names no still. The two cannot be taken for each other, because the last
    part of a still's key has ``_`` in it, which stands in no encoded name.

    Args:
        object_key: of any still of the feed, as ``format_object_key`` writes it.

    Returns:
        A key below the still's own prefix, names encoded as there, and shorter than it.

    Raises:
        ObjectKeyError: it is not the key of a still.
    """
    still = parse_object_key(object_key)
    names = f"{encode_name('cname', still.cname)}/{encode_name('uid', still.uid)}"
    return "/".join([*still.prefix, "latest", f"{names}.jpg"])


def new_sid() -> str:
    """Make a still's id: 32 lowercase hex digits, 128 random bits."""
    return secrets.token_hex(16)


def format_utc(captured_at: datetime) -> str:
    """Write a capture time as the key and the callback have it.

    Args:
        captured_at: aware; converted to UTC and cut to whole milliseconds.

    Returns:
        17 digits, ``yyyyMMddHHmmssSSS``.

    Raises:
        ObjectKeyError: if it is not an aware datetime, or its UTC form is outside the years 1 to 9999.
    """
    if not isinstance(captured_at, datetime) or captured_at.utcoffset() is None:
        raise ObjectKeyError(
            f"captured_at: {shown(captured_at)} is not an aware datetime: use a time zone, as datetime.now(UTC)"
        )
    try:
        utc = captured_at.astimezone(UTC)
    except OverflowError as error:
        raise ObjectKeyError(f"captured_at: {shown(captured_at)} has no UTC form: use the years 1 to 9999") from error
    # Not strftime: its %Y has no leading zeros before the year 1000 on Linux.
    return (
        f"{utc.year:04}{utc.month:02}{utc.day:02}{utc.hour:02}{utc.minute:02}{utc.second:02}"
        f"{utc.microsecond // 1000:03}"
    )


def check_prefix(prefix: object, *, name: str = "prefix") -> list[str]:
    """Find every rule of object keys that a prefix breaks.

    Args:
        prefix: should be a list or tuple of strings.
        name: what the prefix is called in the problems.

    Returns:
        The problems, each with name, value and way out; empty if the prefix is good.
    """
    if not isinstance(prefix, list | tuple):
        return [f'{name}: {shown(prefix)} is not an array: use an array of strings, as ["directory1", "directory2"]']
    problems = [
        f"{name}[{index}]: {shown(part)} {wrong}"
        # More parts than this are too many characters in any case.
        for index, part in enumerate(prefix[:PREFIX_CHARACTERS_MAX])
        if (wrong := _part_wrong(part))
    ]
    characters = sum(len(part) + 1 for part in prefix if isinstance(part, str))
    if characters > PREFIX_CHARACTERS_MAX:
        problems.append(
            f"{name}: {shown(prefix)} has {characters} characters with the slashes: use at most {PREFIX_CHARACTERS_MAX}"
        )
    return problems


def _part_wrong(part: object) -> str | None:
    if not isinstance(part, str):
        return "is not text: use letters and digits in quotes"
    if not part:
        return "is empty: use letters and digits, or leave it out"
    bad = _NOT_IN_PREFIX.search(part)
    return f"has {shown(bad[0])}: use letters and digits only" if bad else None


def encode_name(name: str, text: str) -> str:
    """Write ``cname`` or ``uid`` as the object key has it.

    Args:
        name: what the text is called in the problem.
        text: any that has a UTF-8 form.

    Returns:
        ASCII letters, digits and ``-`` unchanged, every other character percent-encoded as UTF-8.

    Raises:
        ObjectKeyError: it is no text, has no UTF-8 form, or is too long for any key.
    """
    if not isinstance(text, str):
        raise ObjectKeyError(f"{name}: {shown(text)} is not text: use a str")
    if len(text) > MAX_KEY_BYTES:  # encoding millions of characters would hold up whoever opens the feed
        raise ObjectKeyError(
            f"{name}: {shown(text)} has {len(text)} characters: use shorter names, "
            f"{MAX_KEY_BYTES} bytes are the most a key may have"
        )
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise ObjectKeyError(
            f"{name}: {shown(text)} has a lone surrogate, which has no UTF-8 form: use whole characters"
        ) from error
    return _NOT_PLAIN.sub(lambda match: f"%{match[0][0]:02X}".encode(), encoded).decode("ascii")


def _parse_utc(utc: str) -> datetime:
    year, month, day, hour, minute, second = (
        int(utc[start:end]) for start, end in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
    )
    return datetime(year, month, day, hour, minute, second, int(utc[14:]) * 1000, tzinfo=UTC)
