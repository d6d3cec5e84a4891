"""What the host pays, and what a still costs, case by case; run by ``make bench``. Compare within one run only.

The frame is a real one of bigbuckbunny, enlarged to the sizes that streams have.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import stillcast
from benchmarks.cases import SOURCES, TARGETS, Size
from benchmarks.frames import SourceFrame, source_frames
from benchmarks.stages import FORMATS
from support.stills import wait_until


@functools.cache
def frame_of(source: str) -> SourceFrame:
    return source_frames("bigbuckbunny", SOURCES[source], 2)[1]


def name_of(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


@pytest.fixture
def i420() -> np.ndarray:
    return frame_of("1080p").array("I420")


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


def test_memcpy_of_a_frame(benchmark: BenchmarkFixture, i420: np.ndarray) -> None:
    benchmark(np.copyto, i420.copy(), i420)


@pytest.mark.parametrize("target", TARGETS, ids=name_of)
@pytest.mark.parametrize("source", SOURCES)
def test_whole_still(benchmark: BenchmarkFixture, source: str, target: Size) -> None:
    make_still(benchmark, source, "I420", target)


@pytest.mark.parametrize("target", TARGETS, ids=name_of)
@pytest.mark.parametrize("format_", [format_ for format_ in FORMATS if format_ != "I420"])
def test_whole_still_of_1080p(benchmark: BenchmarkFixture, format_: str, target: Size) -> None:
    make_still(benchmark, "1080p", format_, target)


def make_still(benchmark: BenchmarkFixture, source: str, format_: str, target: Size) -> None:
    frame = stillcast.Frame.from_array(frame_of(source).array(format_), format_)
    still = benchmark(stillcast.encode_still, frame, max_size=target)
    assert (still.width, still.height) == target
    benchmark.extra_info["bytes"] = len(still.jpeg)
