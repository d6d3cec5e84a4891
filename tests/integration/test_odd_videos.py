"""Videos that are not what they seem: turned, not square, full range, of odd sides. Their stills look right."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from stillcast import Frame
from stillcast.hosts import pyav
from stillcast.sources import Source
from support.clips import clip, turned
from support.host_frames import StillSink, picture


def face(width: int, height: int) -> Image.Image:
    """A circle on grey, a red bar at its top, black and white patches below."""
    image = Image.new("RGB", (width, height), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    radius = min(width, height) // 3
    x, y = width // 2, height // 2
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(60, 160, 60))
    draw.rectangle((0, 0, width, height // 10), fill=(200, 30, 30))
    draw.rectangle((0, height - height // 10, width // 2, height), fill=(0, 0, 0))
    draw.rectangle((width // 2, height - height // 10, width, height), fill=(255, 255, 255))
    return image


def video(
    path: Path, image: Image.Image, *, codec: str = "libx264", format_: str = "yuv420p", **stream: object
) -> Path:
    with av.open(str(path), "w") as writer:
        out = writer.add_stream(codec, rate=25)
        out.width, out.height, out.pix_fmt = image.width, image.height, format_
        for name, value in stream.items():
            setattr(out.codec_context, name, value)
        for number in range(25):
            frame = av.VideoFrame.from_image(image).reformat(format=format_)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            writer.mux(out.encode(frame))
        writer.mux(out.encode(None))
    return path


def still_of(path: Path) -> np.ndarray:
    sink = StillSink()
    with av.open(str(path)) as reader:
        (stream,) = reader.streams.video
        stills = pyav.Stills(sink, pixel_aspect=pyav.PixelAspect(stream))
        assert stills.offer(next(reader.decode(stream)))
    return picture(sink.stills[0])


def circle_of(image: np.ndarray) -> tuple[int, int]:
    """Width and height of the green circle."""
    green = (image[..., 1] > 140) & (image[..., 0] < 100)
    columns, rows = np.flatnonzero(green.any(axis=0)), np.flatnonzero(green.any(axis=1))
    return columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1


def assert_upright_and_round(image: np.ndarray) -> None:
    height, width, _ = image.shape
    assert np.abs(image[4 : height // 14, width // 4 : 3 * width // 4].mean(axis=(0, 1)) - (200, 30, 30)).max() < 12
    across, down = circle_of(image)
    assert across / down == pytest.approx(1.0, abs=0.03)


def assert_black_and_white(image: np.ndarray) -> None:
    height, width, _ = image.shape
    assert image[-height // 20 :, : width // 3].mean() < 3
    assert image[-height // 20 :, 2 * width // 3 :].mean() > 252


@pytest.fixture
def videos(tmp_path: Path) -> dict[str, Path]:
    lying = face(360, 640).rotate(90, expand=True)  # a phone held upright stores its picture lying, with a note
    plain = video(tmp_path / "lying.mp4", lying)
    return {
        "phone": turned(plain, tmp_path / "phone.mp4", 90),
        "anamorphic": video(
            tmp_path / "wide.mp4", face(1024, 576).resize((720, 576)), sample_aspect_ratio=Fraction(64, 45)
        ),
        "webcam": video(tmp_path / "webcam.avi", face(640, 480), codec="mjpeg", format_="yuvj420p", color_range=2),
        "odd": video(tmp_path / "odd.mkv", face(641, 361), codec="ffv1", format_="yuv420p"),
    }


@pytest.mark.parametrize(
    ("name", "size"), [("phone", (360, 640)), ("anamorphic", (720, 404)), ("webcam", (640, 480)), ("odd", (640, 360))]
)
def test_stills_are_upright_undistorted_and_of_true_levels(videos: dict[str, Path], name: str, size: tuple[int, int]):
    image = still_of(videos[name])
    Image.fromarray(image.astype(np.uint8)).save(videos[name].with_suffix(".png"))
    assert image.shape[1::-1] == pytest.approx(size, abs=2)
    assert_upright_and_round(image)
    assert_black_and_white(image)


@pytest.mark.parametrize("size", [(641, 361), (321, 181), (161, 91)])
def test_a_window_of_odd_sides_that_is_captured_as_bgra(size: tuple[int, int]):
    sink = StillSink()
    pixels = np.asarray(face(*size).convert("RGBA"))[..., [2, 1, 0, 3]]
    sink.push(Frame.from_array(np.ascontiguousarray(pixels), "BGRA"))
    assert_upright_and_round(picture(sink.stills[0]))


def part(path: Path, pixel_aspect: Fraction) -> Path:
    """A second of Big Buck Bunny as broadcasters send it, 720x576 with pixels of one shape."""
    with av.open(str(clip("bigbuckbunny"))) as reader, av.open(str(path), "w", format="mpegts") as writer:
        out = writer.add_stream("mpeg2video", rate=25)
        out.width, out.height, out.pix_fmt, out.bit_rate = 720, 576, "yuv420p", 4_000_000
        out.codec_context.sample_aspect_ratio, out.codec_context.gop_size = pixel_aspect, 5
        for number, frame in zip(range(25), reader.decode(video=0), strict=False):
            small = frame.reformat(width=720, height=576, format="yuv420p")
            small.pts, small.time_base, small.pict_type = number, Fraction(1, 25), 0
            writer.mux(out.encode(small))
        writer.mux(out.encode(None))
    return path


def test_pixels_that_change_their_shape_in_mid_stream(tmp_path: Path):
    parts = [part(tmp_path / "narrow.ts", Fraction(16, 15)), part(tmp_path / "wide.ts", Fraction(64, 45))]
    whole = tmp_path / "whole.ts"
    whole.write_bytes(b"".join(each.read_bytes() for each in parts))
    sink, own = StillSink(), StillSink()
    source = Source(str(whole), sink)
    source.start()
    assert source.join(60)
    with av.open(str(whole)) as container:
        stills = pyav.Stills(own, pixel_aspect=pyav.PixelAspect(container.streams.video[0]))
        for frame in container.decode(video=0):
            stills.offer(frame)
    for taken in (sink.stills, own.stills):
        shapes = [still.width / still.height for still in taken]
        assert (shapes[0], shapes[-1]) == (pytest.approx(4 / 3, rel=0.01), pytest.approx(16 / 9, rel=0.01))
