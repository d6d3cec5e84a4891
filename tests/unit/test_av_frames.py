"""From PyAV's frames to stillcast's: checked by the picture that comes out, decoded by Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from PIL import Image

from stillcast.capture import encode_still
from stillcast.errors import FrameFormatError
from stillcast.hosts.pyav import PixelAspect, frame_from_av
from support.clips import clip, turned

NATIVE = ["yuv420p", "yuvj420p", "nv12", "nv21", "yuyv422", "uyvy422", "gray", "rgb24", "bgr24", "rgba", "bgra"]
CONVERTED = ["yuv422p", "yuvj422p", "yuv444p", "yuv420p10le", "p010le", "gbrp", "rgb0", "argb", "gray10le"]


def picture(frame: av.VideoFrame, pixel_aspect: tuple[int, int] = (1, 1)) -> np.ndarray:
    encoded = encode_still(frame_from_av(frame, pixel_aspect=pixel_aspect), max_size=(4096, 4096), quality=95)
    return np.asarray(Image.open(io.BytesIO(encoded.jpeg)).convert("RGB")).astype(int)


def lavfi(graph: str) -> av.VideoFrame:
    with av.open(graph, format="lavfi") as container:
        frames: Iterator[av.VideoFrame] = container.decode(video=0)
        return next(frames)


def bars() -> np.ndarray:
    """Wide patches of known colours: chroma subsampling does not show inside them."""
    colours = [
        (235, 235, 235),
        (180, 180, 16),
        (16, 180, 180),
        (180, 16, 180),
        (180, 30, 30),
        (20, 20, 180),
        (40, 40, 40),
    ]
    return np.repeat(np.array([colours], np.uint8), 96, axis=0).repeat(32, axis=1)


def difference_inside(actual: np.ndarray, expected: np.ndarray) -> int:
    """Largest difference of the patches' means, edges left out."""
    columns = range(0, expected.shape[1], 32)
    return max(
        int(
            np.abs(
                actual[16:80, x + 8 : x + 24].mean(axis=(0, 1)) - expected[16:80, x + 8 : x + 24].mean(axis=(0, 1))
            ).max()
        )
        for x in columns
    )


@pytest.mark.parametrize("name", NATIVE + CONVERTED)
def test_a_frame_of_every_pixel_format_keeps_its_colours(name: str) -> None:
    expected = bars()
    source = av.VideoFrame.from_ndarray(expected, "rgb24")
    if av.VideoFormat(name).is_rgb:
        source = source.reformat(format=name)
    else:
        full = "JPEG" if name.startswith(("yuvj", "gray")) else "MPEG"
        source = source.reformat(format=name, dst_colorspace="ITU601", dst_color_range=full)
    if name.startswith("gray"):
        luma = expected @ [0.299, 0.587, 0.114]
        expected = np.stack([luma] * 3, axis=2)
    assert difference_inside(picture(source), expected) <= 3


def test_a_picture_with_a_palette_keeps_its_colours(tmp_path: Path) -> None:
    Image.fromarray(bars()).quantize(16).save(tmp_path / "palette.png")
    with av.open(str(tmp_path / "palette.png")) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == "pal8"
    assert difference_inside(picture(frame), bars()) <= 3


@pytest.mark.parametrize(("colorspace", "number"), [("ITU709", 1), ("ITU601", 5), ("SMPTE170M", 6)])
@pytest.mark.parametrize(("color_range", "range_number"), [("MPEG", 1), ("JPEG", 2)])
@pytest.mark.parametrize("name", ["yuv420p", "nv12", "yuv444p"])
def test_the_matrix_and_range_that_the_stream_states_are_used(
    colorspace: str, number: int, color_range: str, range_number: int, name: str
) -> None:
    source = av.VideoFrame.from_ndarray(bars(), "rgb24").reformat(
        format=name, dst_colorspace=colorspace, dst_color_range=color_range
    )
    source.colorspace, source.color_range = number, range_number
    assert difference_inside(picture(source), bars()) <= 3


@pytest.mark.parametrize("size", ["641x361", "127x93", "33x17"])
@pytest.mark.parametrize("name", ["yuv420p", "nv12", "rgb24", "yuyv422"])
def test_odd_sizes_keep_their_picture(size: str, name: str) -> None:
    width, height = map(int, size.split("x"))
    with av.open(str(clip("bigbuckbunny"))) as container:
        source = next(container.decode(video=0)).reformat(width=width, height=height, format=name)
    actual = picture(source)
    upright = source.to_image().resize((actual.shape[1], actual.shape[0]), Image.Resampling.BOX)
    assert np.abs(actual - np.asarray(upright).astype(int)).mean() < 8


def test_padded_rows_are_looked_at_without_a_copy() -> None:
    with av.open(str(clip("carphone_pristine"))) as container:
        frame = next(container.decode(video=0))
    assert frame.planes[0].line_size > frame.width, "this clip is here for its padded rows"
    luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8)
    before = picture(frame)
    luma.flags.writeable = True
    luma[:] = 128
    assert np.abs(picture(frame) - before).mean() > 10, "the frame must look at FFmpeg's own memory"


def test_a_flipped_frame_with_negative_strides_is_upright() -> None:
    straight = lavfi("testsrc2=size=320x240")
    graph = Graph()
    source = graph.add_buffer(width=320, height=240, format=straight.format, time_base=straight.time_base)
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(straight)
    flipped = graph.pull()
    assert isinstance(flipped, av.VideoFrame)
    assert flipped.planes[0].line_size < 0, "this filter is here for its negative strides"
    assert np.abs(picture(flipped) - picture(straight)[::-1]).mean() < 3


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_video_comes_out_upright(tmp_path: Path, degrees: int) -> None:
    with av.open(str(turned(clip("bikes"), tmp_path / "turned.mp4", degrees))) as container:
        frame = next(container.decode(video=0))
    upright = np.rot90(frame.to_ndarray(format="rgb24"), -degrees // 90).astype(int)
    actual = picture(frame)
    assert actual.shape == upright.shape
    assert np.abs(actual - upright).mean() < 4


def test_pixels_that_are_not_square_come_out_in_the_display_aspect() -> None:
    with av.open(str(clip("carphone_pristine"))) as container:
        frame = next(container.decode(video=0))
        aspect = PixelAspect(container.streams.video[0])()
    assert aspect == (128, 117)
    height, width, _ = picture(frame, aspect).shape
    assert width / height == pytest.approx(176 * 128 / 117 / 144, rel=0.02)


def test_the_time_stamp_is_in_nanoseconds() -> None:
    with av.open(str(clip("bigbuckbunny"))) as container:
        frames = container.decode(video=0)
        next(frames)
        second = next(frames)
    assert frame_from_av(second).pts_ns == 40_000_000


def test_a_frame_larger_than_stillcast_takes_is_refused_with_its_size() -> None:
    with pytest.raises(FrameFormatError, match="16386"):
        frame_from_av(lavfi("color=size=16386x16"))


def test_an_empty_frame_is_refused_in_words() -> None:
    with pytest.raises(FrameFormatError, match="frame: is empty"):
        frame_from_av(av.VideoFrame())
