"""SIGSTOP of the agent and of the store, and a host that forks while its agent runs."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fault_agent import PRELOADED, Bench, Listening, pause
from support.fault_nursery import Nursery, nursery
from support.fault_processes import remote
from support.fault_table import FaultTable, scaled
from support.s3_front import S3Front
from support.stills import WEBHOOK_SECRET, wait_until

STOPPED_S = scaled(3, 60)
CHILDREN = scaled(3, 20)


@pytest.fixture(scope="module")
def children() -> Iterator[Nursery]:
    with nursery(*PRELOADED, "faults.forking_host") as made:
        yield made


@pytest.fixture
def bench(children: Nursery, tmp_path: Path) -> Iterator[Bench]:
    with S3Front() as front, Listening(secret=WEBHOOK_SECRET) as receiver:
        yield Bench(tmp_path, children, front, receiver)


def test_an_agent_that_was_stopped_goes_on_where_it_was(bench: Bench, faults: FaultTable) -> None:
    bench.configure()
    with bench.agent() as bounds:
        bench.wait_for_live_still()
        bounds.begin()
        os.kill(bench.pid, signal.SIGSTOP)
        pause(STOPPED_S)
        before = len(bench.promised())
        os.kill(bench.pid, signal.SIGCONT)
        alive_s = bench.wait_for_live_still()
        bench.wait_until_drained()
    bench.assert_invariants()
    bench.deliver_the_rest()
    bench.assert_all_delivered()
    stats = bench.stats()
    assert stats["stills"] - stats["snapshots"] + sum(stats["missed"].values()) == stats["ticks"], stats
    faults.add(
        "SIGSTOP of the agent",
        how=f"stopped for {STOPPED_S} s, then SIGCONT",
        times=1,
        happened=f"{before:,} stills before, {len(bench.promised()) - before:,} after, all delivered; a new one stored "
        f"after {alive_s:.2f} s; ticks of the pause counted as missed",
        held=f"conservation, purity, liveness, bounds ({bounds.assert_bounded()})",
    )


def test_a_store_that_was_stopped_is_filled_when_it_goes_on(bench: Bench, faults: FaultTable) -> None:
    """The process that is stopped is the one that the agent talks to: it takes connections, and nothing more."""
    front = bench.store
    assert isinstance(front, S3Front)
    with remote("proxy", front.port) as proxy:
        proxy.order("forward")
        bench.configure({"storage": {"endpoint": f"http://localhost:{proxy.where}"}})
        with bench.agent() as bounds:
            bench.wait_for_live_still()
            bounds.begin()
            proxy.process.send_signal(signal.SIGSTOP)
            bench.wait_for_stats(lambda stats: stats["waiting_store"] > 2, "stills that wait")
            pause(STOPPED_S)
            waited = bench.stats()["waiting_store"]
            proxy.process.send_signal(signal.SIGCONT)
            alive_s = bench.wait_for_live_still()
            bench.wait_until_drained()
        bench.assert_invariants()
        bench.deliver_the_rest()
        bench.assert_all_delivered()
    faults.add(
        "SIGSTOP of what the agent talks to",
        how=f"the proxy before the store stopped for {STOPPED_S} s, then SIGCONT",
        times=1,
        happened=f"{waited:,} stills waited, all delivered; a new one stored after {alive_s:.2f} s",
        held=f"conservation, purity, liveness, bounds ({bounds.assert_bounded()})",
    )


@pytest.mark.parametrize("ending", ["exit", "_exit", "multiprocessing"])
def test_a_host_that_forks_keeps_its_agent_and_its_children_end(
    bench: Bench, children: Nursery, faults: FaultTable, ending: str
) -> None:
    bench.configure()
    report = bench.directory / "children.json"
    bench.pid = children.start(
        "faults.forking_host:main", bench.settings, bench.promises_file, report, ending, CHILDREN, log=bench.log
    )
    try:
        wait_until(lambda: bench.is_alive() and report.exists(), "the end of every child", 60.0)
        found = json.loads(report.read_text())
        bench.wait_for_live_still()
    finally:
        os.kill(bench.pid, signal.SIGKILL)
        children.wait(bench.pid)
    assert found["statuses"] == [0] * CHILDREN, bench.log.read_text()
    assert found["taken"] == 0, "a push of a child was taken"
    bench.assert_invariants()
    bench.deliver_the_rest()  # the lock is free although a child of its owner lives on
    os.kill(found["lingers"], signal.SIGKILL)
    bench.assert_all_delivered()
    faults.add(
        f"fork in the host, children end by {ending}",
        how="fork while stills are spooled and stored; each child pushes, asks for statistics, and ends; then kill -9",
        times=CHILDREN,
        happened=f"every child ended with 0 and none was taken from; {len(bench.promised()):,} stills of the parent "
        "delivered; the next owner got the lock while a child lived on",
        held="conservation, purity, liveness",
    )
