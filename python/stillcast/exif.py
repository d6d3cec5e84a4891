"""The capture time inside the JPEG: an Exif segment, put in without decoding anything.

Sources: CIPA DC-008-2019 (Exif 2.32), sections 4.6.2 (structure of an IFD), 4.6.5 and 4.6.6 (tags), 4.7.2 (APP1); TIFF
6.0, section 2; JFIF 1.02, whose APP0 has to stand first. Exif asks for the first place too; JFIF first and Exif next is
what readers of both take.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Final

_SOI: Final = b"\xff\xd8"
_APP0: Final = b"\xff\xe0"
_MARKER: Final = struct.Struct(">2sH")  # of a segment: the marker, and the length of the rest with this length
_ENTRY: Final = struct.Struct(">HHI4s")  # tag, type, count, value or its offset
_ASCII, _LONG, _UNDEFINED = 2, 4, 7
_NOT_JPEG: Final = "is no JPEG: it does not begin with its start marker"

# Offsets from the byte order mark on: header, IFD 0 with one entry, Exif IFD with four, the texts that need more room.
_IFD0_AT: Final = 8
_EXIF_IFD_AT: Final = _IFD0_AT + 2 + 1 * 12 + 4
_DATE_AT: Final = _EXIF_IFD_AT + 2 + 4 * 12 + 4
_OFFSET_AT: Final = _DATE_AT + 20
_TIFF_BYTES: Final = _OFFSET_AT + 8  # "+00:00", its end, and one byte to an even length


def _offset(at: int) -> bytes:
    return at.to_bytes(4, "big")


_BEFORE_MILLISECONDS: Final = b"".join(
    (
        _MARKER.pack(b"\xff\xe1", 2 + 6 + _TIFF_BYTES),
        b"Exif\0\0",
        b"MM\0\x2a",
        _offset(_IFD0_AT),
        (1).to_bytes(2, "big"),
        _ENTRY.pack(0x8769, _LONG, 1, _offset(_EXIF_IFD_AT)),
        _offset(0),
        (4).to_bytes(2, "big"),
        _ENTRY.pack(0x9000, _UNDEFINED, 4, b"0232"),  # ExifVersion
        _ENTRY.pack(0x9003, _ASCII, 20, _offset(_DATE_AT)),  # DateTimeOriginal
        _ENTRY.pack(0x9011, _ASCII, 7, _offset(_OFFSET_AT)),  # OffsetTimeOriginal
        _ENTRY.pack(0x9291, _ASCII, 4, b"\0\0\0\0")[:-4],  # SubSecTimeOriginal
    )
)
_BEFORE_DATE: Final = b"\0" + _offset(0)
_AFTER_DATE: Final = b"\0+00:00\0\0"
_SEGMENT_BYTES: Final = 2 + 2 + 6 + _TIFF_BYTES
_DATE_IN_SEGMENT: Final = 2 + 2 + 6 + _DATE_AT


def with_capture_time(jpeg: bytes, captured_at: datetime) -> bytes:
    """Give a JPEG the time of its capture: DateTimeOriginal, SubSecTimeOriginal, OffsetTimeOriginal.

    Args:
        jpeg: without an Exif segment of its own; nothing of it is changed.
        captured_at: aware; converted to UTC and cut to whole milliseconds.

    Returns:
        The same picture, 118 bytes longer; the segment stands behind the JFIF header, or first where there is none.

    Raises:
        ValueError: it does not begin as a JPEG does.
    """
    at = _place(jpeg)
    return b"".join((jpeg[:at], _segment(captured_at), jpeg[at:]))


def capture_time_of(jpeg: bytes) -> datetime | None:
    """Read back what ``with_capture_time`` wrote; None for any other picture.

    Args:
        jpeg: at least the first 256 bytes of it.
    """
    try:
        at = _place(jpeg)
    except ValueError:
        return None
    segment = jpeg[at : at + _SEGMENT_BYTES]
    milliseconds = len(_BEFORE_MILLISECONDS)
    written = segment[_DATE_IN_SEGMENT : _DATE_IN_SEGMENT + 19] + segment[milliseconds : milliseconds + 3]
    try:
        found = datetime.strptime(written.decode("ascii"), "%Y:%m:%d %H:%M:%S%f").replace(tzinfo=UTC)
    except ValueError:
        return None
    # Only what we write ourselves is certain to be meant as we mean it.
    return found if _segment(found) == segment else None


def _segment(captured_at: datetime) -> bytes:
    utc = captured_at.astimezone(UTC)
    # Not strftime: its %Y has no leading zeros before the year 1000 on Linux.
    date = f"{utc.year:04}:{utc.month:02}:{utc.day:02} {utc.hour:02}:{utc.minute:02}:{utc.second:02}"
    milliseconds = f"{utc.microsecond // 1000:03}"
    return b"".join((_BEFORE_MILLISECONDS, milliseconds.encode(), _BEFORE_DATE, date.encode(), _AFTER_DATE))


def _place(jpeg: bytes) -> int:
    """Where the segment stands: behind the JFIF header, where there is one, else behind the start marker."""
    if not jpeg.startswith(_SOI):
        raise ValueError(f"jpeg: {jpeg[:4]!r}: {_NOT_JPEG}")
    if jpeg[2:4] != _APP0 or jpeg[6:11] != b"JFIF\0":
        return len(_SOI)
    return len(_SOI) + 2 + int.from_bytes(jpeg[4:6], "big")
