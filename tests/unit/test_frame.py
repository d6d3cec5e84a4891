"""What a Frame takes, what it refuses, and in which words."""

from __future__ import annotations

import ctypes
import gc
import mmap
import weakref
from collections.abc import Callable

import numpy as np
import pytest

from stillcast import Frame, FrameFormatError, StillcastError, encode_still

RNG = np.random.default_rng(7)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def released() -> memoryview:
    view = memoryview(noise(4, 4))
    view.release()
    return view


def closed_map() -> memoryview:
    memory = mmap.mmap(-1, 64)
    memory.close()
    return memory


ARRAY_SHAPES = {
    "I420": (36, 32),
    "NV12": (36, 32),
    "NV21": (36, 32),
    "YUY2": (24, 32, 2),
    "UYVY": (24, 32, 2),
    "GRAY8": (24, 32),
    "RGB24": (24, 32, 3),
    "BGR24": (24, 32, 3),
    "RGBA": (24, 32, 4),
    "BGRA": (24, 32, 4),
}


@pytest.mark.parametrize(("format_", "shape"), ARRAY_SHAPES.items())
def test_an_array_in_numpys_usual_shape_is_a_frame_of_its_size(format_: str, shape: tuple[int, ...]) -> None:
    frame = Frame.from_array(noise(*shape), format_)
    assert (frame.format, frame.width, frame.height) == (format_, 32, 24)


@pytest.mark.parametrize(("format_", "shape"), ARRAY_SHAPES.items())
def test_padded_rows_give_the_same_still_as_dense_ones(format_: str, shape: tuple[int, ...]) -> None:
    padded = noise(shape[0] + 3, shape[1] + 5, *shape[2:])[1 : shape[0] + 1, 2 : shape[1] + 2]
    dense = np.ascontiguousarray(padded)
    assert encode_still(Frame.from_array(padded, format_)) == encode_still(Frame.from_array(dense, format_))


@pytest.mark.parametrize("height", [2, 6, 10, 24])
def test_i420_chroma_that_ends_in_the_middle_of_a_line_is_found(height: int) -> None:
    array = noise(height * 3 // 2, 16)
    flat = array.reshape(-1)
    luma, quarter = height * 16, height * 4
    planes = (
        flat[:luma].reshape(height, 16),
        flat[luma : luma + quarter].reshape(height // 2, 8),
        flat[luma + quarter :].reshape(height // 2, 8),
    )
    padded = np.zeros((height * 3 // 2, 21), np.uint8)
    padded[:, :16] = array
    want = encode_still(Frame(planes, "I420", 16, height))
    assert encode_still(Frame.from_array(array, "I420")) == want
    assert encode_still(Frame.from_array(padded[:, :16], "I420")) == want


def test_planes_may_have_odd_sizes_padding_and_a_last_dimension_of_samples() -> None:
    luma, pairs = noise(7, 12)[:, :9], noise(4, 16)[:, :10]
    flat = Frame((luma, pairs), "NV12", 9, 7)
    paired = Frame((luma, np.ascontiguousarray(pairs).reshape(4, 5, 2)), "NV12", 9, 7)
    assert encode_still(flat) == encode_still(paired)


def test_a_frame_upside_down_in_memory_is_read_by_its_negative_stride() -> None:
    array = noise(24, 32, 3)
    upside_down = np.ascontiguousarray(array[::-1])
    assert encode_still(Frame.from_array(upside_down[::-1], "RGB24")) == encode_still(Frame.from_array(array, "RGB24"))


def test_a_frame_looks_at_the_callers_memory_and_holds_it() -> None:
    class Array(np.ndarray):
        pass

    array = np.zeros((24, 32), np.uint8).view(Array)
    gone = weakref.ref(array)
    frame = Frame.from_array(array, "GRAY8")
    array[:] = 200
    assert encode_still(frame).mean_luma == 200
    del array
    gc.collect()
    assert gone() is not None
    del frame
    gc.collect()
    assert gone() is None


def test_what_is_not_said_is_taken_from_size_and_format() -> None:
    small, tall = Frame.from_array(noise(864, 32), "I420"), Frame.from_array(noise(1080, 32), "I420")
    assert (small.height, small.matrix, small.full_range) == (576, "bt601", False)
    assert (tall.height, tall.matrix, tall.full_range) == (720, "bt709", False)
    assert Frame.from_array(noise(4, 4, 3), "RGB24").full_range
    assert Frame.from_array(noise(4, 4), "GRAY8").full_range


def test_bytes_of_ctypes_are_bytes() -> None:
    assert Frame.from_array(((ctypes.c_uint8 * 4) * 4)(), "GRAY8").width == 4


def test_facts_of_a_frame_read_back() -> None:
    frame = Frame.from_array(
        noise(4, 6), "GRAY8", matrix="bt2020", full_range=False, rotation=270, pixel_aspect=(64, 45), pts_ns=-(2**62)
    )
    assert (frame.matrix, frame.full_range, frame.rotation, frame.pixel_aspect) == ("bt2020", False, 270, (64, 45))
    assert frame.pts_ns == -(2**62)
    assert repr(frame) == "Frame(GRAY8 6x4, bt2020 limited range, rotation 270)"


def grey(**arguments: object) -> Callable[[], Frame]:
    return lambda: Frame.from_array(noise(4, 4), "GRAY8", **arguments)


REFUSALS: dict[str, tuple[Callable[[], Frame], str]] = {
    "float": (
        lambda: Frame.from_array(noise(4, 4).astype(float), "GRAY8"),
        "array: dtype of buffer format 'd': use uint8",
    ),
    "int8": (
        lambda: Frame.from_array(noise(4, 4).astype(np.int8), "GRAY8"),
        "array: dtype of buffer format 'b': use uint8",
    ),
    "bool": (lambda: Frame.from_array(noise(4, 4) > 3, "GRAY8"), "array: dtype of buffer format '[?]': use uint8"),
    "no buffer": (lambda: Frame.from_array(None, "GRAY8"), "NoneType.*give a live uint8 array"),
    "released": (lambda: Frame.from_array(released(), "GRAY8"), "released memoryview.*give a live uint8 array"),
    "closed map": (lambda: Frame.from_array(closed_map(), "GRAY8"), "closed.*give a live uint8 array"),
    "dead plane": (lambda: Frame([released()], "GRAY8", 4, 4), r"planes\[0\].*released"),
    "flat": (lambda: Frame.from_array(noise(16), "GRAY8"), r"array: shape \(16,\): GRAY8 needs \(height, width\)"),
    "bytes": (lambda: Frame.from_array(b"abcd", "GRAY8"), r"array: shape \(4,\)"),
    "channels": (
        lambda: Frame.from_array(noise(4, 4, 4), "BGR24"),
        r"shape \(4, 4, 4\): BGR24 needs \(height, width, 3\)",
    ),
    "planar as 3-D": (lambda: Frame.from_array(noise(6, 4, 1), "I420"), r"I420 needs \(height \* 3 / 2, width\)"),
    "odd height": (lambda: Frame.from_array(noise(7, 4), "NV12"), r"shape \(7, 4\): NV12 in one array needs an even"),
    "odd width": (lambda: Frame.from_array(noise(6, 5), "I420"), r"shape \(6, 5\): I420 in one array needs an even"),
    "odd pair": (lambda: Frame.from_array(noise(6, 5, 2), "YUY2"), r"shape \(6, 5, 2\): YUY2 .* needs an even width"),
    "empty": (lambda: Frame.from_array(noise(0, 4), "GRAY8"), "height: 0: use 1 to 16384"),
    "wide": (lambda: Frame.from_array(noise(1, 16385), "GRAY8"), "width: 16385: use 1 to 16384"),
    "columns skipped": (lambda: Frame.from_array(noise(4, 8)[:, ::2], "GRAY8"), "stride.*side by side"),
    "mirrored": (lambda: Frame.from_array(noise(4, 8)[:, ::-1], "GRAY8"), "stride.*side by side"),
    "channels turned": (lambda: Frame.from_array(noise(4, 8, 3)[..., ::-1], "RGB24"), "stride.*side by side"),
    "one row for all": (lambda: Frame.from_array(np.broadcast_to(noise(8), (4, 8)), "GRAY8"), "stride 0: rows of 8"),
    "transposed": (lambda: Frame.from_array(noise(8, 4).T, "GRAY8"), "stride.*side by side"),
    "format": (lambda: Frame.from_array(noise(4, 4), "I421"), "format: 'I421': use one of I420, NV12"),
    "format type": (lambda: Frame.from_array(noise(4, 4), 3), "format: 3: use one of"),
    "long text": (lambda: Frame.from_array(noise(4, 4), "\u00e9" * 100), r"format: '\\xe9.*\.\.\.: use one of"),
    "no UTF-8": (grey(matrix="\udc80"), r"matrix: '\\udc80': use"),
    "range as text": (grey(full_range="false"), "full_range: 'false': use True, False or None"),
    "plane count": (lambda: Frame([noise(4, 4)], "I420", 4, 4), "planes: 1 of them: I420 has 3"),
    "planes as array": (lambda: Frame(noise(4, 4), "GRAY8", 4, 4), "planes: .*ndarray.*: give a sequence of 1 arrays"),
    "plane shape": (
        lambda: Frame([noise(4, 4), noise(2, 3), noise(2, 2)], "I420", 4, 4),
        r"planes\[1\]: shape \(2, 3\): I420 of 4x4 needs \(2, 2\)",
    ),
    "zero": (lambda: Frame([noise(4, 4)], "GRAY8", 0, 4), "width: 0: use 1 to 16384"),
    "huge": (lambda: Frame([noise(4, 4)], "GRAY8", 4, 2**70), "height: .*: use 1 to 16384"),
    "not a number": (lambda: Frame([noise(4, 4)], "GRAY8", 4.0, 4), "width: 4.0: use a whole number"),
    "matrix": (grey(matrix="bt470"), "matrix: 'bt470': use 'bt601', 'bt709', 'bt2020' or None"),
    "rotation": (grey(rotation=45), "rotation: 45: use 0, 90, 180 or 270"),
    "turned twice": (grey(rotation=360), "rotation: 360: use 0, 90"),
    "aspect": (grey(pixel_aspect=(0, 1)), r"pixel_aspect\[0\]: 0: use 1 to 16384"),
    "aspect shape": (grey(pixel_aspect=1.5), "pixel_aspect: 1.5: use two whole numbers"),
    "pts": (grey(pts_ns=2**63), "pts_ns: .*: use whole nanoseconds of 64 bits"),
}


@pytest.mark.parametrize(("make", "text"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_a_frame_is_refused_by_name_value_and_way_out(make: Callable[[], Frame], text: str) -> None:
    with pytest.raises(FrameFormatError, match=text) as caught:
        make()
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, StillcastError)
