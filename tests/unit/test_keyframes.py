"""Key frames alone: which packets are decoded, and that their pictures are the same."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stillcast.sources import Timeouts, locate, open_video
from stillcast.sources.keyframes import KeyFrames
from support.clips import clip

FPS = 25


def stream(keys: KeyFrames, seconds: float, *, apart_s: float, start_s: float = 0.0) -> list[float]:
    """Times of the packets that are decoded, of a stream with key frames so far apart."""
    period = round(apart_s * FPS)
    return [
        start_s + i / FPS
        for i in range(round(seconds * FPS))
        if keys.admits(is_key=i % period == 0, at_s=start_s + i / FPS)
    ]


def test_key_frames_that_come_often_enough_suffice():
    keys = KeyFrames(interval_s=2.0)
    assert stream(keys, 10, apart_s=2.0) == [*(i / FPS for i in range(50)), 2.0, 4.0, 6.0, 8.0]
    assert keys.skipped == 4 * 49
    assert keys.is_alone
    assert keys.news() == "a key frame every 2.0 s: of 50 frames 1 is decoded"
    assert keys.news() == ""


def test_every_frame_is_decoded_where_key_frames_are_too_rare():
    keys = KeyFrames(interval_s=2.0)
    assert stream(keys, 10, apart_s=4.0) == [i / FPS for i in range(250)]
    assert not keys.is_alone
    assert keys.news() == "key frames 4.0 s apart, a still every 2 s: every frame is decoded"


def test_every_frame_is_decoded_for_good_from_the_first_key_frame_on_that_comes_too_late():
    keys = KeyFrames(interval_s=2.0)
    stream(keys, 4, apart_s=2.0)
    assert keys.is_alone
    decoded = stream(keys, 20, apart_s=6.0, start_s=7.0)
    assert decoded == [7.0 + i / FPS for i in range(500)]
    assert stream(keys, 4, apart_s=1.0, start_s=27.0) == [27.0 + i / FPS for i in range(100)]


def test_a_stream_with_one_key_frame_alone_is_decoded():
    keys = KeyFrames(interval_s=2.0)
    assert len(stream(keys, 6, apart_s=100.0)) == 150
    assert keys.news() == ""


def test_without_being_asked_every_frame_is_decoded():
    keys = KeyFrames()
    assert len(stream(keys, 2, apart_s=1.0)) == 50
    assert keys.skipped == 0


def test_a_stream_that_was_opened_anew_is_not_measured_against_its_past():
    keys = KeyFrames(interval_s=2.0)
    stream(keys, 4, apart_s=2.0)
    keys.begin()
    assert stream(keys, 4, apart_s=2.0, start_s=1000.0) == [*(1000.0 + i / FPS for i in range(50)), 1002.0]


def coded(path: Path, codec: str, *, period: int, b_frames: int) -> Path:
    """Half of Big Buck Bunny with a key frame every so many frames."""
    with av.open(str(clip("bigbuckbunny"))) as reader, av.open(str(path), "w") as writer:
        out = writer.add_stream(codec, rate=FPS, options={"sc_threshold": "0"})
        out.width, out.height, out.pix_fmt = 320, 180, "yuv420p"
        out.time_base = Fraction(1, FPS)
        out.codec_context.gop_size, out.codec_context.max_b_frames = period, b_frames
        for number, frame in zip(range(60), reader.decode(video=0), strict=False):
            small = frame.reformat(width=320, height=180, format="yuv420p")
            small.pts, small.time_base, small.pict_type = number, Fraction(1, FPS), 0
            for packet in out.encode(small):
                writer.mux(packet)
        for packet in out.encode(None):
            writer.mux(packet)
    return path


def pictures(path: Path, key_frames: KeyFrames | None = None) -> dict[float, np.ndarray]:
    video = open_video(locate(str(path)), Timeouts(), key_frames=key_frames)
    try:
        return {round(frame.time, 3): frame.to_ndarray() for frame, is_good in video.frames() if is_good}
    finally:
        video.close()


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 3), ("mpeg4", 0)])
def test_pictures_of_key_frames_are_those_of_a_whole_decode(codec: str, b_frames: int, tmp_path: Path):
    path = coded(tmp_path / "keys.mp4", codec, period=12, b_frames=b_frames)
    whole = pictures(path)
    keys = KeyFrames(interval_s=1.0)
    alone = pictures(path, keys)
    assert list(alone) == [*(i / FPS for i in range(12)), 0.48, 0.96, 1.44, 1.92]
    assert keys.skipped == 44
    for time, picture in alone.items():
        assert np.array_equal(picture, whole[time]), time
