"""The contact sheet: one picture of many stills with their names."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from stillcast.contact_sheet import make_contact_sheet


def still(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def share_of(sheet: Image.Image, colour: tuple[int, int, int]) -> int:
    """Count the pixels that are nearly of a colour."""
    return int((np.abs(np.asarray(sheet).astype(int) - colour).max(axis=2) <= 8).sum())


def box_of(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int]:
    rows, columns = np.nonzero(np.abs(np.asarray(sheet).astype(int) - colour).max(axis=2) <= 8)
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def test_every_still_is_on_the_sheet_in_its_own_aspect() -> None:
    red, green = (200, 30, 30), (30, 160, 40)
    sheet = make_contact_sheet([("a", still(640, 272, red)), ("b", still(270, 480, green))])
    assert box_of(sheet, red) == (320, 136)
    assert box_of(sheet, green) == (180, 320)


def test_a_small_still_is_not_enlarged() -> None:
    blue = (20, 60, 220)
    assert box_of(make_contact_sheet([("a", still(160, 90, blue))]), blue) == (160, 90)


def test_stills_fill_the_rows_from_left_to_right() -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    sheet = make_contact_sheet([("", still(320, 180, colour)) for colour in colours], columns=2)
    centres = [
        np.argwhere(np.abs(np.asarray(sheet).astype(int) - colour).max(axis=2) <= 8).mean(axis=0) for colour in colours
    ]
    (row_a, column_a), (row_b, column_b), (row_c, column_c) = centres
    assert row_a == row_b < row_c
    assert column_a == column_c < column_b


def test_caption_and_title_are_written_in_light_letters() -> None:
    bare = make_contact_sheet([("", still(320, 180, (0, 0, 0)))])
    captioned = make_contact_sheet([("uid 91\n640x360", still(320, 180, (0, 0, 0)))], title="demo")

    def light(sheet: Image.Image) -> int:
        return int((np.asarray(sheet.convert("L")) > 120).sum())

    assert light(bare) == 0
    assert light(captioned) > 200
    assert captioned.height > bare.height


def test_a_caption_too_long_for_its_cell_is_cut_and_does_not_reach_the_next() -> None:
    sheet = make_contact_sheet([("W" * 500, still(320, 180, (0, 0, 0))), ("", still(320, 180, (0, 0, 0)))], columns=2)
    gap_and_second_cell = np.asarray(sheet.convert("L"))[:, 14 + 320 + 1 :]
    assert gap_and_second_cell.max() < 60


def test_the_columns_are_chosen_for_a_sheet_that_is_wider_than_high() -> None:
    sheet = make_contact_sheet([("a\nb", still(640, 360, (9, 9, 9)))] * 20)
    assert 1.0 < sheet.width / sheet.height < 2.4


def test_bytes_that_are_no_picture_are_refused() -> None:
    with pytest.raises(UnidentifiedImageError):
        make_contact_sheet([("a", b"no picture")])


@pytest.mark.parametrize(("stills", "columns"), [([], None), ([("a", still(8, 8, (0, 0, 0)))], 0)])
def test_a_sheet_of_nothing_is_refused(stills: list[tuple[str, bytes]], columns: int | None) -> None:
    with pytest.raises(ValueError, match="at least one"):
        make_contact_sheet(stills, columns=columns)
