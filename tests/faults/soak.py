"""Stills at a high rate into a real S3 server, its network broken by a schedule. ``python -m faults.soak --help``.

Collector, spool and delivery are real and run in this process; store, network and receiver have processes of their own.
At the end the bucket is listed and every callback held against it. It ends with a report, or with what did not hold.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from stillcast.config import AgentConfig
from stillcast.delivery import DeliveryStats
from support.fault_invariants import Usage, usage
from support.fault_load import Load, cpu_by_thread, load, real_stills
from support.fault_processes import Remote, remote
from support.servers import S3Server, rclone, seaweedfs

_MEBIBYTE = 1 << 20
_STILLS = 60
_THREADS_MAX, _SOCKETS_MAX = 48, 64
_GROWTH_MAX = 128 * _MEBIBYTE  # of which 50 are the programme's own record of 120,000 stills
_SERVERS = {"seaweedfs": seaweedfs, "rclone": rclone}
# Orders to the proxy, each with the second of the minute at which it is given; shorter runs squeeze the minute.
_MINUTE_S = 60.0
_SCHEDULE = ((20.0, "refuse"), (25.0, "forward"), (32.0, "forward 100000"), (38.0, "forward"))
_SCHEDULE_END = ((45.0, "lose_answers"), (49.0, "refuse"), (50.0, "forward"))
_FAULTS = (*_SCHEDULE, *_SCHEDULE_END)


@dataclass(frozen=True)
class Sample:
    """What was seen at one instant."""

    second: float
    spooled: int
    stats: DeliveryStats
    use: Usage


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="stillcast-soak-", dir=options.dir) as name,
        _parts(Path(name), options) as (
            server,
            proxy,
            receiver,
        ),
    ):
        config = _config(Path(name), server, proxy, receiver, options)
        stills = real_stills(_STILLS, quality=options.quality)
        with load(config, stills, options.rate) as work:
            before, began = cpu_by_thread(), time.monotonic()
            samples = list(_watch(work, proxy, options))
            capturing = cpu_by_thread()  # the collector's thread is about to end, and its account with it
            work.stop_capture()
            proxy.order("forward")
            drained = _drained(work, options.patience)
            lasted, used = time.monotonic() - began, (cpu_by_thread() | capturing) - before
            stats = work.delivery.stats()
        assert drained, f"not all was delivered: {stats}"
        told = _check(server, Path(name) / "callbacks", work)
        size = sum(len(still.jpeg) for still in stills) // len(stills)
        _report(options, samples, work, stats, used, lasted=lasted, told=told, size=size)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=200.0, help="stills a second")
    parser.add_argument("--server", choices=sorted(_SERVERS), default="seaweedfs")
    parser.add_argument("--engine", choices=["boto3", "obstore"], default="boto3")
    parser.add_argument("--quality", type=int, default=40, help="of the JPEGs; 40 makes 25 KB")
    parser.add_argument("--calm", action="store_true", help="no faults: what it costs when nothing breaks")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for the backlog after the end")
    parser.add_argument("--dir", default=None, help="where files are made; they are removed")
    return parser.parse_args(arguments)


@contextmanager
def _parts(directory: Path, options: argparse.Namespace) -> Iterator[tuple[S3Server, Remote, Remote]]:
    (directory / "s3").mkdir()
    with _SERVERS[options.server](directory / "s3") as server:
        port = urlsplit(server.endpoint).port
        with remote("proxy", port) as proxy, remote("receiver", directory / "callbacks") as receiver:
            proxy.order("forward")
            yield server, proxy, receiver


def _config(
    directory: Path, server: S3Server, proxy: Remote, receiver: Remote, options: argparse.Namespace
) -> AgentConfig:
    endpoint = f"https://localhost:{proxy.where}"
    storage = server.settings(endpoint=endpoint, prefix=["soak"], engine=options.engine)
    return AgentConfig.load(
        storage=storage,
        callback={"url": receiver.where},
        spool={"path": str(directory / "spool"), "max_bytes": "20GiB"},
    )


def _watch(work: Load, proxy: Remote, options: argparse.Namespace) -> Iterator[Sample]:
    seconds = options.minutes * 60
    every = max(1.0, seconds / 20)
    minute = min(_MINUTE_S, seconds)
    orders = [
        (start + at / _MINUTE_S * minute, order)
        for start in _starts(seconds, minute)
        for at, order in _FAULTS
        if not options.calm
    ]
    began = time.monotonic()
    next_sample = 0.0
    while (now := time.monotonic() - began) < seconds:
        while orders and orders[0][0] <= now:
            proxy.order(*orders.pop(0)[1].split())
        if now >= next_sample:
            next_sample += every
            yield Sample(now, len(work.promised), work.delivery.stats(), usage(os.getpid()))
        time.sleep(0.05)


def _starts(seconds: float, minute: float) -> list[float]:
    return [number * minute for number in range(max(1, int(seconds / minute)))]


def _drained(work: Load, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if work.delivery.flush(1.0):
            return True
    return False


def _check(server: S3Server, callbacks: Path, work: Load) -> int:
    """Hold bucket, promises and callbacks against one another; gives how many callbacks there were."""
    stats = work.delivery.stats()
    assert sum(stats.dropped.values()) == stats.dead_letters == stats.quarantined == 0, stats
    keys = server.all_keys("soak/")
    assert sorted(keys) == sorted(work.promised), f"bucket {len(keys)}, spooled {len(work.promised)}"
    lines = [line.split(" ", 1) for line in callbacks.read_text().splitlines()]
    assert [line for line in lines if line[0] == "problem"] == []
    requests: dict[str, set[str]] = {}
    for key, request_id in lines:
        requests.setdefault(key, set()).add(request_id)
    assert sorted(requests) == sorted(keys), f"announced {len(requests)}, stored {len(keys)}"
    assert max(map(len, requests.values())) == 1, "announced under two requestIds"
    return len(lines)


def _report(
    options: argparse.Namespace,
    samples: list[Sample],
    work: Load,
    stats: DeliveryStats,
    used: Counter[str],
    *,
    lasted: float,
    told: int,
    size: int,
) -> None:
    count = len(work.promised)
    kind = "no faults" if options.calm else "faults by schedule"
    lines = [
        f"{count:,} stills of {size:,} bytes in {lasted:.0f} s into {options.server} by {options.engine}, {kind}",
        f"bucket == spooled == announced: {count:,}; callbacks received {told:,}; nothing dropped, no dead letter",
        f"failed uploads {sum(stats.store_failures.values()):,} {dict(stats.store_failures)}",
        f"failed callbacks {sum(stats.callback_failures.values()):,}",
        "",
        "CPU a still, ms: " + ", ".join(f"{name} {used[name] / count * 1000:.3f}" for name in sorted(used)),
        f"CPU a still in all, ms: {sum(used.values()) / count * 1000:.3f}",
        "",
        f"{'s':>6} {'spooled':>9} {'stored':>9} {'waiting':>8} {'MiB':>6} {'threads':>8} {'sockets':>8}",
    ]
    for each in samples:
        waiting = each.stats.waiting_store + each.stats.waiting_announce
        numbers = f"{each.second:6.0f} {each.spooled:9,} {each.stats.stored:9,} {waiting:8,}"
        lines.append(f"{numbers} {each.use.rss / _MEBIBYTE:6.0f} {each.use.threads:8} {each.use.sockets:8}")
    print("\n".join(lines))
    _assert_bounded([each.use for each in samples])


def _assert_bounded(uses: Sequence[Usage]) -> None:
    threads, sockets = max(use.threads for use in uses), max(use.sockets for use in uses)
    grown = max(use.rss for use in uses) - uses[0].rss
    assert threads <= _THREADS_MAX, f"{threads} threads"
    assert sockets <= _SOCKETS_MAX, f"{sockets} sockets"
    assert grown <= _GROWTH_MAX, f"memory grew by {grown} bytes"


if __name__ == "__main__":
    main()
