"""What the host's thread pays, from Python: ``push`` with nothing due, and one that is due beside a memcpy."""

from __future__ import annotations

import ctypes
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import stillcast
from benchmarks.cases import SOURCES
from benchmarks.frames import Array, source_frames
from benchmarks.timing import no_collection
from support.stills import wait_until

IDLE_PUSHES = 10_000  # a round
COPIES = 4


@dataclass(slots=True)
class HostCosts:
    """Of the host's thread alone, one number a round."""

    idle_ns: list[float]
    due_us: list[float]
    memcpy_us: list[float]


def measure(rounds: int) -> HostCosts:
    arrays = [frame.array("I420") for frame in source_frames("bigbuckbunny", SOURCES["1080p"], 8)]
    frames = [stillcast.Frame.from_array(array, "I420") for array in arrays]
    copies = [array.copy() for array in arrays[:COPIES]]
    costs = HostCosts([], [], [])
    with feed_with_nothing_due(frames[0]) as feed, no_collection():
        for number in range(rounds):
            costs.idle_ns.append(idle_push_ns(feed, frames[0]))
            index = number % len(arrays)
            costs.due_us.append(due_push_us(feed, frames[index]))
            costs.memcpy_us.append(memcpy_us(copies[number % COPIES], arrays[(index + COPIES) % len(arrays)]))
    return costs


@contextmanager
def feed_with_nothing_due(frame: stillcast.Frame) -> Iterator[stillcast.Feed]:
    """A feed with a first still behind it and the next an hour away."""
    with tempfile.TemporaryDirectory() as directory:
        config = stillcast.AgentConfig.load(
            capture={"interval": 3600},
            storage={"url": (Path(directory) / "stills").as_uri()},
            spool={"path": str(Path(directory) / "spool")},
        )
        with stillcast.Agent(config) as agent:
            feed = agent.open_feed("bench", "1")

            def taken() -> bool:
                feed.push(frame)
                return agent.stats().stored == 1 and not feed.wanted

            wait_until(taken)
            yield feed


def idle_push_ns(feed: stillcast.Feed, frame: stillcast.Frame) -> float:
    """With the loop around it, which is a part of what a host pays."""
    push = feed.push
    began = time.perf_counter_ns()
    for _ in range(IDLE_PUSHES):
        push(frame)
    return (time.perf_counter_ns() - began) / IDLE_PUSHES


def due_push_us(feed: stillcast.Feed, frame: stillcast.Frame) -> float:
    wait_until(lambda: not feed._native.frames_in_work)
    feed._native.request_snapshot()
    began = time.thread_time_ns()  # the sampler wakes up and may have this core at once
    pushed = feed.push(frame)
    took = time.thread_time_ns() - began
    if not pushed:
        raise RuntimeError("a push that is due was not taken")
    return took / 1000


def memcpy_us(to: Array, source: Array) -> float:
    """Of as many bytes, into memory that was touched before."""
    assert to.nbytes == source.nbytes
    assert to.dtype == np.uint8
    target, origin, count = to.ctypes.data, source.ctypes.data, source.nbytes
    began = time.thread_time_ns()
    ctypes.memmove(target, origin, count)
    return (time.thread_time_ns() - began) / 1000
