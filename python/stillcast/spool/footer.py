"""The format of a spool file: JPEG, facts as JSON, then a footer of fixed length.

Note [Why a footer]: a picture viewer stops at the JPEG's end marker, so a person can open every waiting still; and a
file that was cut short has no footer, so it cannot pass for a whole one.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from datetime import datetime
from typing import Any, Final

from stillcast.spool.item import SpoolItem, file_name

_MAGIC: Final = b"STILLC01"
_FOOTER: Final = struct.Struct(">III8s")  # length of the JPEG, length of the facts, CRC32 over both, magic
_FACTS_BYTES_MAX: Final = 64 * 1024
_TEXTS: Final = ("sid", "object_key", "cname", "uid", "request_id", "extra_info", "sha256")
_INTEGERS: Final = ("width", "height", "bytes")
_NUMBERS: Final = ("frame_age_ms", "mean_luma")


class NotASpoolFileError(ValueError):
    """The bytes are not what ``encode`` made under that name; the text says what does not fit."""


def encode(item: SpoolItem, jpeg: bytes) -> bytes:
    """Bytes of the spool file of one still."""
    facts = _facts(item)
    crc = zlib.crc32(facts, zlib.crc32(jpeg))
    return b"".join((jpeg, facts, _FOOTER.pack(len(jpeg), len(facts), crc, _MAGIC)))


def read(descriptor: int, name: str) -> tuple[SpoolItem, bytes]:
    """Read a whole spool file and check it.

    Args:
        descriptor: of the open file.
        name: the file's name, which has to agree with its facts.

    Raises:
        NotASpoolFileError: cut short, changed, renamed, or never a spool file.
        OSError: the disk failed.
    """
    jpeg_bytes, facts_bytes, crc = _lengths(descriptor)
    jpeg = _read_exactly(descriptor, jpeg_bytes, 0)
    facts = _read_exactly(descriptor, facts_bytes, jpeg_bytes)
    if zlib.crc32(facts, zlib.crc32(jpeg)) != crc:
        raise NotASpoolFileError("checksum does not match: the file was changed after it was written")
    return _item(facts, name, jpeg_bytes), jpeg


def read_facts(descriptor: int, name: str) -> SpoolItem:
    """Like ``read``, but without the picture, whose checksum then stays unchecked."""
    jpeg_bytes, facts_bytes, _ = _lengths(descriptor)
    return _item(_read_exactly(descriptor, facts_bytes, jpeg_bytes), name, jpeg_bytes)


def _facts(item: SpoolItem) -> bytes:
    facts: dict[str, object] = {key: getattr(item, key) for key in (*_TEXTS, *_INTEGERS, *_NUMBERS)}
    facts["captured_at"] = item.captured_at.isoformat(timespec="milliseconds")
    facts["dhash"] = f"{item.dhash:016x}"
    facts["flags"] = item.flags
    return json.dumps(facts, separators=(",", ":")).encode("ascii")


def _lengths(descriptor: int) -> tuple[int, int, int]:
    size = os.fstat(descriptor).st_size
    if size < _FOOTER.size:
        raise NotASpoolFileError(f"{size} bytes are too few to hold a footer: the file was cut short")
    tail = _read_exactly(descriptor, _FOOTER.size, size - _FOOTER.size)
    jpeg_bytes, facts_bytes, crc, magic = _FOOTER.unpack(tail)
    if magic != _MAGIC:
        raise NotASpoolFileError("no footer: the file was cut short or is no spool file")
    if jpeg_bytes + facts_bytes + _FOOTER.size != size or facts_bytes > _FACTS_BYTES_MAX:
        raise NotASpoolFileError("the footer's lengths do not fit the file: it was changed after it was written")
    return jpeg_bytes, facts_bytes, crc


def _read_exactly(descriptor: int, length: int, offset: int) -> bytes:
    parts: list[bytes] = []
    while length > 0:
        part = os.pread(descriptor, length, offset)
        if not part:
            raise NotASpoolFileError("the file became shorter while it was read")
        parts.append(part)
        length -= len(part)
        offset += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _item(facts: bytes, name: str, jpeg_bytes: int) -> SpoolItem:
    try:
        item = _from_facts(json.loads(facts), name)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotASpoolFileError(
            f"its facts cannot be read ({type(error).__name__}): written by another version"
        ) from error
    if item.name != file_name(item.captured_at, item.sid, cname=item.cname, uid=item.uid):
        raise NotASpoolFileError("its name does not belong to its facts: the file was renamed")
    if item.bytes != jpeg_bytes:
        raise NotASpoolFileError("its facts belong to another picture")
    return item


def _from_facts(facts: Any, name: str) -> SpoolItem:
    checked: dict[str, Any] = {}
    for keys, kinds in ((_TEXTS, str), (_INTEGERS, int), (_NUMBERS, (int, float))):
        for key in keys:
            if not isinstance(facts[key], kinds):
                raise TypeError(key)
            checked[key] = facts[key]
    captured_at = datetime.fromisoformat(facts["captured_at"])
    # What came to the format later may be missing: a spool is read by newer versions than the one that wrote it.
    flags = _texts(facts.get("flags", []))
    return SpoolItem(name=name, captured_at=captured_at, dhash=int(facts["dhash"], 16), flags=flags, **checked)


def _texts(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise TypeError("flags")
    return tuple(given)
