"""What the host pays, and what a still costs. Run by ``make bench``; compare within one run only.

The picture is real: a frame of bigbuckbunny, enlarged from 1280x720 to the 1920x1080 that most streams have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import stillcast
from support.clips import clip
from support.stills import wait_until

FRAME_NUMBER = 60


@pytest.fixture(scope="module")
def picture() -> av.VideoFrame:
    with av.open(str(clip("bigbuckbunny"))) as container:
        frame = next(frame for number, frame in enumerate(container.decode(video=0)) if number == FRAME_NUMBER)
    return frame.reformat(width=1920, height=1080)


@pytest.fixture(scope="module")
def i420(picture: av.VideoFrame) -> np.ndarray:
    return picture.to_ndarray(format="yuv420p")


@pytest.fixture
def feed(tmp_path: Path, i420: np.ndarray) -> Iterator[stillcast.Feed]:
    """A feed with a first still behind it and the next an hour away: nothing is due."""
    config = stillcast.AgentConfig.load(
        capture={"interval": 3600},
        storage={"url": (tmp_path / "stills").as_uri()},
        spool={"path": str(tmp_path / "spool")},
    )
    with stillcast.Agent(config) as agent:
        feed = agent.open_feed("bench", "1")
        frame = stillcast.Frame.from_array(i420, "I420")

        def taken() -> bool:
            feed.push(frame)
            return agent.stats().stored == 1 and not feed.wanted

        wait_until(taken)
        yield feed


def test_wanted(benchmark: BenchmarkFixture, feed: stillcast.Feed) -> None:
    benchmark(lambda: feed.wanted)


def test_push_with_nothing_due(benchmark: BenchmarkFixture, feed: stillcast.Feed, i420: np.ndarray) -> None:
    frame = stillcast.Frame.from_array(i420, "I420")
    assert benchmark(feed.push, frame) is False


def test_push_that_is_due(benchmark: BenchmarkFixture, feed: stillcast.Feed, i420: np.ndarray) -> None:
    frame = stillcast.Frame.from_array(i420, "I420")

    def make_due() -> None:
        wait_until(lambda: not feed._native.frames_in_work)
        feed._native.request_snapshot()

    assert benchmark.pedantic(feed.push, (frame,), setup=make_due, rounds=200) is True


def test_frame_from_array(benchmark: BenchmarkFixture, i420: np.ndarray) -> None:
    benchmark(stillcast.Frame.from_array, i420, "I420")


@pytest.mark.parametrize(
    "size", [(320, 180), (640, 360), (854, 480), (1280, 720)], ids=lambda size: f"{size[0]}x{size[1]}"
)
def test_whole_still_of_1080p(benchmark: BenchmarkFixture, i420: np.ndarray, size: tuple[int, int]) -> None:
    frame = stillcast.Frame.from_array(i420, "I420")
    still = benchmark(stillcast.encode_still, frame, max_size=size)
    benchmark.extra_info["bytes"] = len(still.jpeg)


@pytest.mark.parametrize("format_", ["I420", "NV12", "YUY2", "BGR24"])
def test_whole_still_to_640x360(benchmark: BenchmarkFixture, picture: av.VideoFrame, format_: str) -> None:
    names = {"I420": "yuv420p", "NV12": "nv12", "YUY2": "yuyv422", "BGR24": "bgr24"}
    frame = stillcast.Frame.from_array(picture.to_ndarray(format=names[format_]), format_)
    benchmark(stillcast.encode_still, frame)
