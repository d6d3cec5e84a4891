"""A disk that is full, broken, read-only or slow to take, below the spool of a running agent."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.fault_agent import PRELOADED, Bench, Listening, pause
from support.fault_nursery import Nursery, nursery
from support.fault_shim import DISK_FAULTS, Call, Shim
from support.fault_table import FaultTable, scaled
from support.s3_faults import stall_until
from support.s3_front import S3Front
from support.stills import WEBHOOK_SECRET, wait_until

FAULT_S = scaled(1, 20)
WAITING = 8
DROPPED_MAX = 4  # two tries to make room for one still, each of which may take two that are a little smaller


@dataclass(frozen=True)
class DiskFault:
    """An error, and the calls that meet with it."""

    name: str
    error: int
    calls: tuple[Call, ...]
    durability: str = "process"


FAULTS = (
    *[DiskFault(errno.errorcode[error], error, calls) for error, calls in DISK_FAULTS.items()],
    DiskFault("EIO of fsync", errno.EIO, (Call.SYNC,), durability="power"),
)


@pytest.fixture(scope="module")
def children(disk: Shim) -> Iterator[Nursery]:
    with nursery(*PRELOADED, env=disk.environment) as made:
        yield made


@pytest.fixture
def bench(disk: Shim, children: Nursery, tmp_path: Path) -> Iterator[Bench]:
    with S3Front() as front, Listening(secret=WEBHOOK_SECRET) as receiver:
        made = Bench(tmp_path, children, front, receiver)
        disk.watch(made.spool)
        yield made
        disk.heal()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_an_agent_outlives_a_disk_that_fails(disk: Shim, bench: Bench, faults: FaultTable, fault: DiskFault) -> None:
    bench.configure({"spool": {"durability": fault.durability}})
    with bench.agent() as bounds:
        bench.wait_for_live_still()
        bounds.begin()
        disk.fail(fault.error, fault.calls)
        bench.wait_for_stats(lambda stats: stats["spool_failed"] > 0, "a still that could not be spooled")
        pause(FAULT_S)
        disk.heal()
        alive_s = bench.wait_for_live_still()
        bench.wait_until_drained()
    stats = bench.stats()
    dropped = assert_every_still_is_counted(stats, bench)
    bench.assert_invariants(dropped=dropped)
    bench.deliver_the_rest()
    bench.assert_all_delivered(dropped=dropped)
    faults.add(
        f"{fault.name} below the spool of a running agent",
        how=f"LD_PRELOAD shim: {', '.join(call.name.lower().replace('_', ' ') for call in fault.calls)} fail",
        times=disk.failed,
        happened=f"{stats['spool_failed']:,} stills not spooled and counted, {dropped} dropped to make room, the rest "
        f"of {stats['spooled']:,} delivered; the next still was stored after {alive_s:.2f} s",
        held=f"conservation, purity, liveness, bounds ({bounds.assert_bounded()})",
    )


def test_a_full_disk_lets_go_of_stills_that_are_stored(disk: Shim, bench: Bench, faults: FaultTable) -> None:
    front, release = bench.store, threading.Event()
    assert isinstance(front, S3Front)
    bench.configure()
    front.behave(stall_until(release))
    with bench.agent():
        bench.wait_for_stats(lambda stats: stats["waiting_store"] >= WAITING, "stills that wait")
        disk.fail(errno.ENOSPC, DISK_FAULTS[errno.ENOSPC])
        bench.wait_for_stats(lambda stats: stats["spool_failed"] > 0, "a still that could not be spooled")
        release.set()
        # A still leaves its queue a moment before it is counted.
        stats = bench.wait_for_stats(
            lambda stats: (
                stats["waiting_store"] == stats["waiting_announce"] == 0
                and stats["announced"] + sum(stats["dropped"].values()) >= WAITING
            ),
            "an empty spool on a full disk, and all of it counted",
        )
        assert bench.waiting() == []
        disk.heal()
        bench.wait_for_live_still()
    dropped = assert_every_still_is_counted(bench.stats(), bench)
    assert stats["announced"] >= WAITING - dropped
    bench.assert_invariants(dropped=dropped)
    bench.deliver_the_rest()
    bench.assert_all_delivered(dropped=dropped)
    faults.add(
        "disk full while stills wait",
        how="LD_PRELOAD shim: ENOSPC to create, write and mkdir; the store comes back meanwhile",
        times=disk.failed,
        happened=f"{stats['announced']:,} waiting stills stored, announced and removed meanwhile; {dropped} dropped "
        "to make room, in vain",
        held="conservation, purity, liveness",
    )


def test_writes_that_take_less_than_they_are_given_spool_whole_stills(
    disk: Shim, bench: Bench, faults: FaultTable
) -> None:
    bench.configure()
    disk.shorten_writes(700)
    with bench.agent():
        bench.wait_for_promises(scaled(40, 400))
    wait_until(lambda: disk.shortened > 0, "a short write")
    stats = bench.stats()
    assert stats["spool_failed"] == stats["quarantined"] == 0
    assert_every_still_is_counted(stats, bench)
    bench.deliver_the_rest()
    bench.assert_all_delivered()
    faults.add(
        "short writes",
        how="LD_PRELOAD shim: a write takes 700 bytes at most",
        times=disk.shortened,
        happened=f"{stats['spooled']:,} stills spooled whole and delivered, none in quarantine",
        held="conservation, purity",
    )


def assert_every_still_is_counted(stats: dict[str, Any], bench: Bench) -> int:
    """Gives how many were dropped: a full disk may cost a few, which show that dropping does not help there."""
    assert stats["stills"] == stats["spooled"] + stats["spool_failed"] + stats["queued"], stats
    # Those that listeners were too slow for were promised to nobody.
    assert stats["spooled"] == len(bench.promised()) + stats["listener_dropped"], stats
    assert stats["quarantined"] == stats["dead_letters"] == 0, stats
    dropped = int(sum(stats["dropped"].values()))
    assert dropped <= DROPPED_MAX, stats
    assert all(reason.startswith("disk_full") for reason in stats["dropped"]), stats
    return dropped
