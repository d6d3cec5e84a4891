"""One picture of many stills with their names. Needs the extra ``video``, which brings Pillow."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_BACKGROUND = (22, 25, 29)
_FRAME = (10, 12, 14)
_TITLE = (240, 242, 245)
_FIRST_LINE = (226, 230, 235)
_OTHER_LINES = (150, 158, 168)

_CELL_WIDTH_MAX = 320
_CELL_WIDTH_MIN = 240  # so that a caption has room under the narrowest still
_GAP = 14
_TITLE_SIZE = 24
_CAPTION_SIZE = 17
_LINE_HEIGHT = 22
_SHAPE = 16 / 10


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where everything goes, in pixels."""

    columns: int
    rows: int
    cell: tuple[int, int]
    caption_height: int
    title_height: int

    @property
    def size(self) -> tuple[int, int]:
        width = self.columns * (self.cell[0] + _GAP) + _GAP
        return width, self.title_height + self.rows * self.row_height + _GAP

    @property
    def row_height(self) -> int:
        return self.cell[1] + self.caption_height + _GAP

    def corner(self, index: int) -> tuple[int, int]:
        row, column = divmod(index, self.columns)
        return _GAP + column * (self.cell[0] + _GAP), self.title_height + _GAP + row * self.row_height


def make_contact_sheet(
    stills: Sequence[tuple[str, bytes]], *, columns: int | None = None, title: str | None = None
) -> Image.Image:
    """Put stills side by side, row after row, each over its caption.

    All cells have one size. A larger still is shrunk into its cell with its aspect kept; a smaller one is not enlarged,
    so that nothing looks less sharp than it is.

    Args:
        stills: at least one pair of a caption and a JPEG. The first line of a caption stands out; a line too long for
            the cell is cut.
        columns: cells in a row; chosen for a sheet of about 16:10 if None.
        title: one line at the top.

    Returns:
        An RGB picture; its ``save(path)`` writes it.

    Raises:
        ValueError: no stills, or fewer than one column.
        PIL.UnidentifiedImageError: bytes that are no picture.
    """
    if not stills or (columns is not None and columns < 1):
        raise ValueError(f"stills: {len(stills)}, columns: {columns}: a sheet needs at least one of each")
    pictures = [_fit(jpeg) for _, jpeg in stills]
    captions = [caption.splitlines() for caption, _ in stills]
    grid = _plan(pictures, captions, columns, has_title=bool(title))
    sheet = Image.new("RGB", grid.size, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    if title:
        font = ImageFont.load_default(_TITLE_SIZE)
        draw.text((_GAP, _GAP), _cut(title, font, grid.size[0] - 2 * _GAP), _TITLE, font)
    for index, (picture, lines) in enumerate(zip(pictures, captions, strict=True)):
        _draw_cell(sheet, draw, grid, index, picture, lines)
    return sheet


def _fit(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    scale = min(1.0, _CELL_WIDTH_MAX / picture.width, _CELL_WIDTH_MAX / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture if scale == 1.0 else picture.resize(size, Image.Resampling.LANCZOS)


def _plan(pictures: list[Image.Image], captions: list[list[str]], columns: int | None, *, has_title: bool) -> _Grid:
    cell = max(_CELL_WIDTH_MIN, *(p.width for p in pictures)), max(p.height for p in pictures)
    caption_height = 8 + _LINE_HEIGHT * max(len(lines) for lines in captions)
    if columns is None:
        tall = (cell[1] + caption_height + _GAP) / (cell[0] + _GAP)
        columns = min(len(pictures), max(1, round(math.sqrt(len(pictures) * tall * _SHAPE))))
    return _Grid(
        columns=columns,
        rows=math.ceil(len(pictures) / columns),
        cell=cell,
        caption_height=caption_height,
        title_height=_TITLE_SIZE + 2 * _GAP - 6 if has_title else 0,
    )


def _draw_cell(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, grid: _Grid, index: int, picture: Image.Image, lines: list[str]
) -> None:
    left, top = grid.corner(index)
    width, height = grid.cell
    draw.rectangle((left, top, left + width - 1, top + height - 1), _FRAME)
    sheet.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
    font = ImageFont.load_default(_CAPTION_SIZE)
    for number, line in enumerate(lines):
        at = (left, top + height + 6 + number * _LINE_HEIGHT)
        draw.text(at, _cut(line, font, width), _OTHER_LINES if number else _FIRST_LINE, font)


def _cut(text: str, font: _Font, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
