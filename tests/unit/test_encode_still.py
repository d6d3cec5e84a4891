"""Stills are true: checked by Pillow, a second decoder, and by numbers."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image

from stillcast import ConfigError, Frame, FrameFormatError, encode_still

# sRGB levels of the bars; 75 % and 100 % colours, greys, and one that no axis favours.
BARS = [
    (255, 255, 255), (191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0),
    (0, 0, 191), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (0, 0, 0), (200, 120, 40),
]  # fmt: skip
BAR_WIDTH = 64
LUMA_SHARES = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


def bars_rgb(height: int = 96) -> np.ndarray:
    row = np.repeat(np.array(BARS, np.uint8), BAR_WIDTH, axis=0)
    return np.broadcast_to(row, (height, *row.shape)).copy()


def to_ycbcr(rgb: np.ndarray, matrix: str, *, full_range: bool) -> np.ndarray:
    """The recommendations' own formulas (BT.601, BT.709, BT.2020), in doubles."""
    red, blue = LUMA_SHARES[matrix]
    levels = rgb / 255.0
    luma = levels @ [red, 1 - red - blue, blue]
    pb = (levels[..., 2] - luma) / (2 * (1 - blue))
    pr = (levels[..., 0] - luma) / (2 * (1 - red))
    scale, zero, chroma = (255, 0, 255) if full_range else (219, 16, 224)
    planes = np.stack([zero + scale * luma, 128 + chroma * pb, 128 + chroma * pr])
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)


def frame_of(rgb: np.ndarray, format_: str, matrix: str, *, full_range: bool) -> Frame:
    height, width, _ = rgb.shape
    facts = {"matrix": matrix, "full_range": full_range}
    if format_ in {"RGB24", "BGR24", "RGBA", "BGRA"}:
        order = [2, 1, 0] if format_.startswith("B") else [0, 1, 2]
        samples = rgb[..., order]
        if format_.endswith("A"):
            samples = np.dstack([samples, np.full((height, width), 77, np.uint8)])
        return Frame.from_array(np.ascontiguousarray(samples), format_)
    luma, cb, cr = to_ycbcr(rgb, matrix, full_range=full_range)
    if format_ in {"YUY2", "UYVY"}:
        packed = np.empty((height, width, 2), np.uint8)
        packed[..., int(format_ == "UYVY")] = luma
        packed[:, 0::2, int(format_ == "YUY2")] = cb[:, ::2]
        packed[:, 1::2, int(format_ == "YUY2")] = cr[:, ::2]
        return Frame.from_array(packed, format_, **facts)
    u, v = cb[::2, ::2], cr[::2, ::2]
    if format_ == "I420":
        return Frame((luma, np.ascontiguousarray(u), np.ascontiguousarray(v)), format_, width, height, **facts)
    pairs = np.stack([u, v] if format_ == "NV12" else [v, u], axis=-1)
    return Frame((luma, pairs), format_, width, height, **facts)


def decoded(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", LUMA_SHARES)
@pytest.mark.parametrize("format_", ["I420", "NV12", "NV21", "YUY2", "UYVY", "RGB24", "BGR24", "RGBA", "BGRA"])
def test_every_bar_is_within_3_levels_of_its_srgb_value(format_: str, matrix: str, full_range: bool) -> None:
    rgb = bars_rgb()
    still = encode_still(frame_of(rgb, format_, matrix, full_range=full_range), max_size=(448, 360), quality=95)
    picture = decoded(still.jpeg)
    half = BAR_WIDTH * still.width // rgb.shape[1]
    for index, bar in enumerate(BARS):
        middle = picture[8:-8, index * half + half // 4 : (index + 1) * half - half // 4]
        error = np.abs(middle - np.array(bar))
        assert error.max() <= 3, f"bar {bar} came out as {middle.mean(axis=(0, 1))}"


def test_grey_is_grey_at_every_level() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 16)[None, :].repeat(32, axis=0)
    picture = decoded(encode_still(Frame.from_array(ramp, "GRAY8"), max_size=(4096, 32), quality=100).jpeg)
    middles = picture[16, 8::16]
    assert np.abs(middles - np.arange(256)[:, None]).max() <= 1


def test_the_still_is_a_baseline_420_jfif_file() -> None:
    jpeg = encode_still(Frame.from_array(bars_rgb(), "RGB24")).jpeg
    picture = Image.open(io.BytesIO(jpeg))
    assert jpeg[:4] == b"\xff\xd8\xff\xe0"
    assert jpeg[6:11] == b"JFIF\0"
    assert "progressive" not in picture.info
    assert [component[1:3] for component in picture.layer] == [(2, 2), (1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("shape", "rotation", "size"),
    [
        ((1080, 1920), 0, (640, 360)),
        ((1080, 1920), 90, (202, 360)),
        ((272, 640), 0, (640, 272)),
        ((100, 100), 0, (100, 100)),
        ((251, 333), 0, (332, 250)),
    ],
)
def test_the_still_fits_keeps_its_aspect_and_is_even(
    shape: tuple[int, int], rotation: int, size: tuple[int, int]
) -> None:
    still = encode_still(Frame.from_array(np.zeros(shape, np.uint8), "GRAY8", rotation=rotation))
    assert (still.width, still.height) == size
    assert Image.open(io.BytesIO(still.jpeg)).size == size


@pytest.mark.parametrize(("rotation", "turns"), [(0, 0), (90, 3), (180, 2), (270, 1)])
def test_a_rotated_frame_comes_out_upright(rotation: int, turns: int) -> None:
    upright = np.zeros((96, 160, 3), np.uint8)
    upright[:48, :80] = (250, 30, 30)
    upright[48:, 80:] = (30, 30, 250)
    as_sent = np.ascontiguousarray(np.rot90(upright, k=-turns))  # what a camera held askew delivers
    picture = decoded(encode_still(Frame.from_array(as_sent, "RGB24", rotation=rotation), quality=95).jpeg)
    assert picture.shape == upright.shape
    assert np.abs(picture - upright).mean() < 2


def test_statistics_are_those_of_the_pictures_luma() -> None:
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 256, (12, 20), dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    still = encode_still(Frame.from_array(blocks, "GRAY8"))
    assert still.mean_luma == pytest.approx(blocks.mean(), abs=0.01)
    assert still.luma_deviation == pytest.approx(blocks.std(), abs=0.01)


def test_the_hash_is_the_difference_hash_of_area_means() -> None:
    rng = np.random.default_rng(4)
    cells = rng.integers(0, 256, (8, 9), dtype=np.uint8)
    still = encode_still(Frame.from_array(cells.repeat(16, axis=0).repeat(16, axis=1), "GRAY8"))
    bits = (cells[:, :-1] < cells[:, 1:]).reshape(-1)
    assert still.dhash == int("".join("01"[bit] for bit in bits.astype(int)), 2)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"quality": 0}, "quality: 0"),
        ({"quality": 101}, "quality: 101"),
        ({"quality": "high"}, "quality: "),
        ({"max_size": (0, 360)}, "max_size: "),
        ({"max_size": (640, 20000)}, "max_size: "),
        ({"max_size": 640}, "max_size: 640"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        encode_still(Frame.from_array(np.zeros((4, 4), np.uint8), "GRAY8"), **arguments)


def test_numbers_of_numpy_are_numbers() -> None:
    frame = Frame.from_array(np.zeros((90, 160), np.uint8), "GRAY8")
    still = encode_still(frame, max_size=(np.int32(80), np.int64(45)), quality=np.uint8(80))  # type: ignore[arg-type]
    assert (still.width, still.height) == (78, 44)


@pytest.mark.parametrize(
    "thing", [None, np.zeros((4, 4), np.uint8), Frame.__new__(Frame)], ids=["none", "array", "new"]
)
def test_what_is_no_frame_is_refused(thing: object) -> None:
    with pytest.raises(FrameFormatError, match=r"make a stillcast\.Frame of it first"):
        encode_still(thing)  # type: ignore[arg-type]


def test_threads_encode_at_the_same_time_and_get_the_same_bytes() -> None:
    frame = Frame.from_array(bars_rgb(480), "BGR24")
    want = encode_still(frame).jpeg
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(encode_still(frame).jpeg)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [want] * 8
