"""The newest still of a feed at an address that does not change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import stillcast
from stillcast.cli.accounting import account
from stillcast.exif import with_capture_time
from stillcast.naming import latest_key_of
from support.agents import GREY, Host, settings
from support.stills import wait_until


def newest(stills: list[stillcast.Still]) -> stillcast.Still:
    return max(stills, key=lambda still: still.captured_at)


def test_the_newest_still_of_each_feed_is_at_its_address_across_restarts(tmp_path: Path) -> None:
    told: list[stillcast.Still] = []
    config = settings(tmp_path, capture={"latest": True}, storage={"prefix": ["a"]})
    for _ in range(2):
        with stillcast.Agent(config) as agent:
            agent.on_still(told.append)
            feeds = [agent.open_feed("lobby", uid, interval=0.05) for uid in ("91", "a/b")]
            already = len(told)
            with Host(*feeds):
                wait_until(lambda before=already: len(told) >= before + 8)
            for feed in feeds:
                feed.close()
            assert agent.flush(10)
        assert agent.stats().latest_failed == 0
        for uid, key in (("91", "a/latest/lobby/91.jpg"), ("a/b", "a/latest/lobby/a%2Fb.jpg")):
            still = newest([still for still in told if still.uid == uid])
            assert latest_key_of(still.object_key) == key
            assert (tmp_path / "stills" / key).read_bytes() == still.jpeg


def test_a_newer_picture_that_somebody_else_put_there_stays(tmp_path: Path) -> None:
    newer = with_capture_time(stillcast.encode_still(GREY).jpeg, datetime.now(UTC) + timedelta(minutes=2))
    address = tmp_path / "stills" / "latest" / "lobby" / "91.jpg"
    address.parent.mkdir(parents=True)
    address.write_bytes(newer)
    with stillcast.Agent(settings(tmp_path, capture={"latest": True})) as agent:
        feed = agent.open_feed("lobby", "91", interval=3600)
        with Host(feed):
            still = feed.snapshot(5)
        assert agent.flush(10)
    assert address.read_bytes() == newer
    assert (tmp_path / "stills" / still.object_key).is_file()
    assert agent.stats().latest_failed == 0


def test_an_address_that_cannot_be_written_costs_the_stills_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "stills").mkdir()
    (tmp_path / "stills" / "latest").write_text("in the way")
    with stillcast.Agent(settings(tmp_path, capture={"latest": True})) as agent:
        feed = agent.open_feed("lobby", "91", interval=3600)
        with Host(feed):
            still = feed.snapshot(5)
        feed.close()
        assert agent.flush(10)
    stats = agent.stats()
    assert stats.stored == stats.stills == stats.latest_failed > 0
    assert (tmp_path / "stills" / still.object_key).is_file()
    assert len(caplog.records) == 1
    assert "a file is in the way" in caplog.text
    assert f"not put in their place: {stats.latest_failed}" in account(stats, announces=False)
