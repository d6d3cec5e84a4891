"""Planes as hosts describe them: an address, a stride, so many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stillcast.errors import FrameFormatError

if TYPE_CHECKING:
    from typing_extensions import Buffer

Plane = np.ndarray[Any, np.dtype[np.uint8]]


def plane(
    buffer: Buffer, *, stride_bytes: int, row_bytes: int, rows: int, offset: int = 0, name: str = "plane"
) -> Plane:
    """Look at rows in a host's buffer, padded ones and ones stored from the last up included.

    Args:
        buffer: the host's memory; not copied.
        stride_bytes: from row to row; negative if the first row is the last one in memory.
        row_bytes: of a row that count.
        rows: how many.
        offset: of the first byte of the plane in memory.
        name: what errors call it.

    Returns:
        uint8 of shape (rows, row_bytes).

    Raises:
        FrameFormatError: the buffer is too short, or rows overlap.
    """
    step = abs(stride_bytes)
    memory = np.frombuffer(memoryview(buffer), np.uint8)
    needed = offset + step * (rows - 1) + row_bytes
    if step < row_bytes:
        raise FrameFormatError(f"{name}: a stride of {stride_bytes} bytes is below a row of {row_bytes}: rows overlap")
    if rows < 1 or memory.size < needed:
        raise FrameFormatError(f"{name}: has {memory.size} bytes, {needed} are needed for {rows} rows of {row_bytes}")
    view = np.lib.stride_tricks.as_strided(memory[offset:], (rows, row_bytes), (step, 1), writeable=False)
    return view if stride_bytes > 0 else view[::-1]
