"""A store that is down for hours: simulated time, real files. Run it as ``python -m faults.outage --help``.

A clock that the programme moves drives the spool and the event loop of the delivery; the files, threads and renames are
real. It ends with a report, or with the assertion that did not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from typing import TextIO

from stillcast.delivery import Delivery
from stillcast.delivery.waiting import LIVE_MAX
from stillcast.naming import new_sid
from stillcast.spool import Spool
from stillcast.stills import Still
from stillcast.storage import FailureKind, StorageFailure
from support.fakes import ManualLoop
from support.fault_invariants import usage
from support.stills import START, make_spool, make_still, put, wait_until

_WORKERS = 8
_MEBIBYTE = 1 << 20
_RSS_GROWTH_MAX = 24 * _MEBIBYTE
_PUT_S = 0.002


class Clock:
    """Seconds since 1970 that the programme moves, with the loop that follows."""

    def __init__(self) -> None:
        self.now_s = START.timestamp()
        self.loop = ManualLoop()

    def advance(self, seconds: float) -> None:
        """Move both, and let the loop do what has become due."""
        self.now_s += seconds
        self.loop.advance(seconds)
        turned = threading.Event()
        self.loop.call_soon_threadsafe(self.loop.call_soon, turned.set)
        turned.wait(10)


class OutageStore:
    """A store that is down, then up; remembers in which order stills came, not their bytes."""

    def __init__(self) -> None:
        self.is_down = True
        self.order: list[str] = []
        self.refused = self.busy = self.busy_max = 0
        self.clock_skew_s: float | None = None
        self._mutex = threading.Lock()

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        if self.is_down:
            self.refused += 1
            raise StorageFailure("storage.url: down", kind=FailureKind.PASSING, code="EndpointConnectionError")
        with self._mutex:
            self.busy += 1
            self.busy_max = max(self.busy_max, self.busy)
        time.sleep(_PUT_S)  # what a near store takes, so that uploads overlap
        with self._mutex:
            self.busy -= 1
            self.order.append(key)

    def tend(self) -> None:
        """Nothing hangs here."""

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Outage:
    """What happened."""

    keys: TextIO  # of what was spooled, in a file: a list of hundreds of thousands would hide what the delivery takes
    spooled: int = 0
    live: list[tuple[str, int]] = field(default_factory=list)  # key, and how many were stored when it was put
    rss: list[int] = field(default_factory=list)
    bytes_max: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="stillcast-outage-", dir=options.dir) as directory:
        for cap in options.caps.split(","):
            _run(Path(directory) / cap, options, dropping=cap == "drop")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0, help="of simulated time that the store is down")
    parser.add_argument("--rate", type=int, default=4, help="stills in a simulated second")
    parser.add_argument("--bytes", type=int, default=6000, help="of each JPEG")
    parser.add_argument("--after", type=int, default=120, help="simulated seconds of live stills after the healing")
    parser.add_argument("--caps", default="keep,drop", help="keep: caps order no drop; drop: they order half")
    parser.add_argument("--dir", default=None, help="where the files are made; they are removed")
    return parser.parse_args(arguments)


def _run(directory: Path, options: argparse.Namespace, *, dropping: bool) -> None:
    seconds = int(options.hours * 3600)
    whole_one = options.bytes + 1200  # with its facts, and some to spare
    whole = seconds * options.rate * whole_one
    cap = max(1 << 20, whole // 2) if dropping else 4 * whole
    clock, store = Clock(), OutageStore()
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as keys, make_spool(directory, max_bytes=cap, clock=lambda: clock.now_s) as spool:
        seen = Outage(keys)
        delivery = Delivery(
            spool, store, store_workers=_WORKERS, loop_factory=lambda: clock.loop, random=random.Random(1)
        )
        delivery.start()
        for second in range(seconds):
            _second(clock, spool, delivery, store, seen, options)
            assert spool.bytes_used <= cap, "the cap on bytes was broken"
            if second % max(1, seconds // 100) == 0:
                seen.rss.append(usage(os.getpid()).rss)
        down_s, waiting = time.monotonic() - began, sum(spool.counts().values())
        assert not spool.dropped or spool.bytes_used > cap - 2 * whole_one, "more was dropped than the cap orders"
        store.is_down = False
        while store.order == []:  # the gate opens by a probe
            _second(clock, spool, delivery, store, seen, options)
        seen.live.clear()
        opened = time.monotonic()
        for _ in range(options.after):
            _second(clock, spool, delivery, store, seen, options, is_live=True)
        _drain(clock, spool)
        drained_s = time.monotonic() - opened
        dropped = dict(spool.dropped)
        delivery.stop(10)
        _report(options, seen, store, dropped, waiting=waiting, down_s=down_s, drained_s=drained_s, dropping=dropping)


def _second(
    clock: Clock,
    spool: Spool,
    delivery: Delivery,
    store: OutageStore,
    seen: Outage,
    options: argparse.Namespace,
    *,
    is_live: bool = False,
) -> None:
    for _ in range(options.rate):
        still = _still(clock, seen.spooled, options.bytes)
        item = put(spool, still)
        seen.spooled += 1
        seen.keys.write(f"{still.object_key}\n")
        seen.bytes_max = max(seen.bytes_max, spool.bytes_used)
        if is_live:
            seen.live.append((still.object_key, len(store.order)))
        delivery.offer(item)
    clock.advance(1.0)


def _still(clock: Clock, number: int, size: int) -> Still:
    captured_at = START + timedelta(seconds=clock.now_s - START.timestamp(), milliseconds=number % 1000)
    return make_still(sid=new_sid(), captured_at=captured_at, jpeg=b"\xff\xd8" + bytes([number % 256]) * (size - 2))


def _drain(clock: Clock, spool: Spool) -> None:
    def is_empty() -> bool:
        clock.advance(0.05)
        return sum(spool.counts().values()) == 0

    wait_until(is_empty, "an empty spool", 600.0)


def _report(
    options: argparse.Namespace,
    seen: Outage,
    store: OutageStore,
    dropped: dict[str, int],
    *,
    waiting: int,
    down_s: float,
    drained_s: float,
    dropping: bool,
) -> None:
    lost = sum(dropped.values())
    stored, at = set(store.order), {key: index for index, key in enumerate(store.order)}
    assert len(stored) == len(store.order), "a still was stored twice"
    seen.keys.seek(0)
    kept = seen.keys.read().splitlines()[lost:]
    assert stored == set(kept), "what was dropped is not the oldest, or more than that is missing"
    assert bool(lost) == dropping, f"dropped: {dropped}"
    overtaken = max(at[key] - count for key, count in seen.live)
    backlog = set(kept[: len(kept) - len(seen.live) - LIVE_MAX])  # the newest ones count as live, whenever they came
    of_backlog = list(accumulate((key in backlog for key in store.order), initial=0))
    before = max(of_backlog[at[key]] - of_backlog[count] for key, count in seen.live)
    assert before <= 2 * _WORKERS, f"{before} stills of the backlog were stored before a live one"
    assert store.busy_max == _WORKERS, f"the backlog was drained with {store.busy_max} at a time"
    # What was there in the first quarter is caches and names; from then on nothing may grow with the backlog.
    grown = max(seen.rss) - max(seen.rss[: max(1, len(seen.rss) // 4)])
    assert grown < _RSS_GROWTH_MAX, f"memory grew by {grown} bytes"
    for name, value in {
        "outage": f"{options.hours:g} h simulated in {down_s:.0f} s, {options.rate} stills/s of {options.bytes} bytes",
        "spooled": f"{seen.spooled:,}",
        "waiting when it healed": f"{waiting:,}, {seen.bytes_max / _MEBIBYTE:.0f} MiB at most",
        "dropped by caps": f"{lost:,} {dropped}, the oldest",
        "attempts while it was down": f"{store.refused:,}",
        "memory": f"{seen.rss[0] / _MEBIBYTE:.0f} MiB, +{grown / _MEBIBYTE:.1f} MiB after the first quarter",
        "live stills afterwards": f"{len(seen.live):,}; at most {before} of the backlog, {overtaken} in all before one",
        "drained": f"{len(store.order):,} stored in {drained_s:.1f} s, {store.busy_max} at a time",
    }.items():
        print(f"{name:28} {value}")
    print()


if __name__ == "__main__":
    main()
