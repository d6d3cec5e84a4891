"""Contenders in alternation on one core."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

# Read before the libraries are loaded: each is held to one thread.
ONE_THREAD = {
    "VIPS_CONCURRENCY": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}

# A frame comes to stay in the caches only after it was read twice: measured here as 519, 471, 335, 322, 322 us for the
# same stills five times over.
WARM_UPS = 3

Work = Callable[[int], object]  # makes the still of the frame of that number


@dataclass(slots=True)
class Series:
    """Microseconds a still, one number a round."""

    cpu_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)


def pin() -> int:
    """Bind this process, and the threads that it will start, to the last core that it may use. Returns the core."""
    os.environ.update(ONE_THREAD)
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def alternate(contenders: Mapping[str, Work], *, frames: int, rounds: int, batch: int) -> dict[str, Series]:
    """Let every contender make ``batch`` stills in each of ``rounds`` rounds, in an order that changes by chance.

    All have the same frames in a round, and go through ``frames`` of them from round to round. CPU time is that of the
    whole process: what a library does in threads of its own counts.
    """
    series = {name: Series() for name in contenders}
    order = list(contenders)
    chance = random.Random(1)
    with no_collection():
        for number in range(rounds):
            chance.shuffle(order)
            chosen = [(number * batch + index) % frames for index in range(batch)]
            for name in order:
                cpu, wall = one_batch(contenders[name], chosen)
                series[name].cpu_us.append(cpu)
                series[name].wall_us.append(wall)
    return series


def one_batch(work: Work, chosen: list[int]) -> tuple[float, float]:
    """Microseconds of CPU and of the clock for each still.

    The same stills are made before, untimed: then frames of all formats are as near as those that many contenders
    share, and code and tables as near as in a host that makes one still after the other.
    """
    for _ in range(WARM_UPS):
        for index in chosen:
            work(index)
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for index in chosen:
        work(index)
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
    return cpu / len(chosen) / 1000, wall / len(chosen) / 1000


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python's collector out of what is measured."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
