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


def test_a_key_frame_that_comes_too_late_is_forgiven_when_eight_were_in_time_and_a_second_one_after_64():
    keys = KeyFrames(interval_s=2.0)
    stream(keys, 4, apart_s=2.0)
    keys.news()
    for first_s, needed in ((100.0, 8), (1000.0, 64)):
        assert keys.is_alone
        decoded = stream(keys, 3 * needed, apart_s=2.0, start_s=first_s)
        assert decoded[: 50 * needed] == [first_s + i / FPS for i in range(50 * needed)]
        assert decoded[50 * needed :] == [first_s + 2.0 * i for i in range(needed, round(1.5 * needed))]
        assert "a key frame every 2.0 s" in keys.news()


def test_a_stream_of_key_frames_alone_is_not_praised_for_what_it_saves():
    keys = KeyFrames(interval_s=2.0)
    assert len(stream(keys, 2, apart_s=1 / FPS)) == 50
    assert keys.news() == "every frame is a key frame: all are decoded"


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


def with_a_damaged_key_frame(path: Path, whole: Path, which: int) -> Path:
    """Cut all but the first bytes off one of the key frames of a file."""
    with av.open(str(whole)) as reader, av.open(str(path), "w") as writer:
        video = reader.streams.video[0]
        out = writer.add_stream_from_template(video)
        keys = 0
        for packet in reader.demux(video):
            if packet.size == 0:
                continue
            keys += packet.is_keyframe
            written = packet
            if packet.is_keyframe and keys == which:
                written = av.Packet(bytes(packet)[:20])
                written.pts, written.dts, written.time_base = packet.pts, packet.dts, packet.time_base
                written.duration, written.is_keyframe = packet.duration, True
            written.stream = out
            writer.mux(written)
    return path


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_damaged_key_frame_costs_no_picture_but_its_own(codec: str, tmp_path: Path):
    whole = coded(tmp_path / "keys.mp4", codec, period=12, b_frames=0)
    damaged = with_a_damaged_key_frame(tmp_path / "damaged.mp4", whole, 3)
    assert list(pictures(damaged, KeyFrames(interval_s=1.0)))[12:] == [0.48, 1.44, 1.92]
