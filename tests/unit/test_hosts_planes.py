"""Planes as hosts describe them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillcast import FrameFormatError
from stillcast.hosts.planes import plane


@given(
    row_bytes=st.integers(1, 40),
    rows=st.integers(1, 20),
    padding=st.integers(0, 9),
    offset=st.integers(0, 9),
    flipped=st.booleans(),
)
def test_rows_come_as_they_lie(row_bytes: int, rows: int, padding: int, offset: int, flipped: bool):
    stride = row_bytes + padding
    # The last row's padding may be missing: hosts allocate so.
    memory = np.arange(offset + stride * (rows - 1) + row_bytes, dtype=np.uint32).astype(np.uint8)
    view = plane(memory, stride_bytes=-stride if flipped else stride, row_bytes=row_bytes, rows=rows, offset=offset)
    expected = [memory[offset + stride * y : offset + stride * y + row_bytes] for y in range(rows)]
    assert np.array_equal(view, expected[::-1] if flipped else expected)
    assert np.shares_memory(view, memory)


def test_memory_that_does_not_suffice_is_refused_in_words():
    with pytest.raises(FrameFormatError, match="u_buffer: has 99 bytes, 100 are needed for 10 rows of 10"):
        plane(bytes(99), stride_bytes=10, row_bytes=10, rows=10, name="u_buffer")
    with pytest.raises(FrameFormatError, match="a stride of 9 bytes is below a row of 10: rows overlap"):
        plane(bytes(100), stride_bytes=9, row_bytes=10, rows=10)
    with pytest.raises(FrameFormatError, match="has 100 bytes"):
        plane(bytes(100), stride_bytes=10, row_bytes=10, rows=0)
