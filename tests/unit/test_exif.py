"""The capture time inside a JPEG, read back by Pillow; the picture around it stays what it was."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from stillcast import Frame, encode_still
from stillcast.exif import capture_time_of, with_capture_time
from support.stills import START

MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
NOISE = np.random.default_rng(1).integers(0, 256, (90, 160, 3), dtype=np.uint8)
JPEG = encode_still(Frame.from_array(NOISE, "RGB24")).jpeg


def tags(jpeg: bytes) -> dict[str, object]:
    """What Pillow finds in the Exif IFD, by the tags' names."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        found = picture.getexif().get_ifd(ExifTags.IFD.Exif)
    return {ExifTags.TAGS[tag]: value for tag, value in found.items()}


def pixels(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return np.asarray(picture)


def to_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_another_reader_finds_the_capture_time_to_the_millisecond_in_utc() -> None:
    assert tags(with_capture_time(JPEG, START)) == {
        "ExifVersion": b"0232",
        "DateTimeOriginal": "2020:12:16 08:11:28",
        "OffsetTimeOriginal": "+00:00",
        "SubsecTimeOriginal": "672",
    }


@given(moment=MOMENTS)
def test_every_moment_reads_back_in_pillow_and_here(moment: datetime) -> None:
    stamped = with_capture_time(JPEG, moment)
    found = tags(stamped)
    text = f"{found['DateTimeOriginal']}.{found['SubsecTimeOriginal']}{found['OffsetTimeOriginal']}"
    assert datetime.strptime(text, "%Y:%m:%d %H:%M:%S.%f%z") == to_milliseconds(moment)
    assert capture_time_of(stamped) == capture_time_of(stamped[:256]) == to_milliseconds(moment)


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    elsewhere = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert with_capture_time(JPEG, elsewhere) == with_capture_time(JPEG, START)


def test_nothing_but_one_segment_behind_the_jfif_header_is_new() -> None:
    stamped = with_capture_time(JPEG, START)
    header = 2 + 2 + int.from_bytes(JPEG[4:6], "big")
    length = int.from_bytes(stamped[header + 2 : header + 4], "big")
    assert stamped[:header] == JPEG[:header]
    assert stamped[header : header + 2] == b"\xff\xe1"
    assert stamped[header + 2 + length :] == JPEG[header:]
    assert len(stamped) == len(JPEG) + 118


def test_pixels_and_jfif_header_stay() -> None:
    stamped = with_capture_time(JPEG, START)
    assert np.array_equal(pixels(stamped), pixels(JPEG))
    with Image.open(io.BytesIO(stamped)) as picture, Image.open(io.BytesIO(JPEG)) as plain:
        for name in ("jfif", "jfif_version", "jfif_unit", "jfif_density"):
            assert picture.info[name] == plain.info[name]


def test_the_segment_stands_first_where_there_is_no_jfif_header() -> None:
    bare = JPEG[:2] + JPEG[2 + 2 + int.from_bytes(JPEG[4:6], "big") :]
    stamped = with_capture_time(bare, START)
    assert stamped[2:4] == b"\xff\xe1"
    assert tags(stamped)["SubsecTimeOriginal"] == "672"
    assert capture_time_of(stamped) == START


@pytest.mark.parametrize("text", [b"", b"\xff", b"GIF89a", b"\x89PNG"])
def test_what_is_no_jpeg_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="is no JPEG"):
        with_capture_time(text, START)
    assert capture_time_of(text) is None


@pytest.mark.parametrize("place", [26, 30, 40, 60, 94, 110, 120, 137])
def test_a_time_that_somebody_else_wrote_is_not_taken_for_ours(place: int) -> None:
    changed = bytearray(with_capture_time(JPEG, START))
    changed[place] ^= 0x40
    assert capture_time_of(bytes(changed)) is None


def test_a_picture_without_a_time_has_none() -> None:
    assert capture_time_of(JPEG) is None
