"""Video that does not change: what is kept of it, and that every tick has its account."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import stillcast
from stillcast.cli.accounting import account, unaccounted
from stillcast.receiver import Receiver
from support.agents import Host, settings, stored
from support.stills import wait_until

DARK = stillcast.Frame.from_array(np.zeros((144, 256), np.uint8), "GRAY8")


def test_a_feed_that_does_not_change_is_kept_once_and_every_tick_is_accounted_for(tmp_path: Path) -> None:
    with Receiver() as receiver:
        config = settings(
            tmp_path,
            capture={"skip_unchanged": True, "heartbeat": 3600},
            callback={"url": receiver.url, "report_failures": True, "extended": True},
        )
        with stillcast.Agent(config) as agent:
            feed = agent.open_feed("lobby", "91", interval=0.05)
            with Host(feed) as host:
                wait_until(lambda: agent.stats().skipped >= 5)
                host.frame = DARK
                wait_until(lambda: agent.stats().spooled >= 2)
                wait_until(lambda: agent.stats().skipped >= 10)
                snapshot = feed.snapshot(5)
            assert agent.flush(10)
        stats = agent.stats()
        announced = [still for still in receiver.received if still.code == 200]
        assert {still.msg for still in receiver.received} <= {"Supervise complete", "No frame"}
        assert receiver.problems == []
    assert stats.ticks == stats.stills - stats.snapshots + stats.skipped + sum(stats.missed.values())
    assert unaccounted(stats) == 0
    assert f"{stats.skipped} skipped" in account(stats, announces=True)
    assert stats.stills == stats.spooled == stats.stored == len(announced) == 3
    assert {still.object_key for still in announced} == stored(tmp_path) >= {snapshot.object_key}
    assert sorted(still.still["flags"] for still in announced if still.still) == [[], ["black"], ["black", "frozen"]]
    assert stats.flagged == {"black": 2, "frozen": 1, "stale": 0}


def test_what_is_skipped_does_not_hold_up_a_flush(tmp_path: Path) -> None:
    with stillcast.Agent(settings(tmp_path, capture={"skip_unchanged": True})) as agent:
        feed = agent.open_feed("lobby", "91", interval=0.05)
        with Host(feed):
            wait_until(lambda: agent.stats().skipped >= 3)
            assert agent.flush(30)
