"""Stills on demand: what a snapshot shows, and when."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import stillcast
from support.agents import GREY, Host, stored
from support.stills import wait_until


def test_a_snapshot_takes_the_next_frame_beside_the_ticks(tmp_path: Path, agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", interval=3600)
    with Host(feed):
        stills = [feed.snapshot(5) for _ in range(3)]
    assert len({still.sid for still in stills}) == 3
    assert agent.flush(5)
    assert {still.object_key for still in stills} <= stored(tmp_path)


def test_a_snapshot_on_the_pushing_thread_shows_the_newest_picture_there_is(agent: stillcast.Agent) -> None:
    agent.open_feed("lobby", "first")  # takes the phase that is due at once
    feed = agent.open_feed("lobby", "91", interval=3600)
    assert feed.push(GREY)
    still = feed.snapshot(timeout=0.05)
    again = feed.snapshot(timeout=0.05)
    assert still.mean_luma == 90
    assert (again.jpeg, again.captured_at) == (still.jpeg, still.captured_at)
    assert again.sid != still.sid
    assert again.frame_age_ms >= 50


def test_a_snapshot_does_not_deny_a_frame_that_was_pushed_just_before(agent: stillcast.Agent) -> None:
    for number in range(20):
        feed = agent.open_feed("lobby", str(number), interval=3600)
        assert feed.push(GREY)
        assert feed.snapshot(timeout=0).mean_luma == 90


def test_a_snapshot_that_no_frame_came_for_leaves_no_request_behind(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", interval=3600)
    assert feed.push(GREY)
    feed.snapshot(0.01)
    wait_until(lambda: not feed.wanted)
    spooled = agent.stats().spooled
    assert feed.push(GREY) is False
    assert agent.flush(5)
    assert agent.stats().spooled == spooled
    with pytest.raises(TypeError):
        feed.snapshot(None)  # type: ignore[arg-type]
    assert not feed.wanted


def test_a_snapshot_of_a_feed_without_frames_says_so(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91")
    with pytest.raises(stillcast.NoFrameError, match=r'"lobby"/"91": no frame came in 0\.01 s') as caught:
        feed.snapshot(0.01)
    assert isinstance(caught.value, TimeoutError)


def test_a_snapshot_that_waits_ends_when_the_feed_is_closed(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", interval=3600)
    threading.Timer(0.05, feed.close).start()
    with pytest.raises(stillcast.ClosedError):
        feed.snapshot(60)
    with pytest.raises(stillcast.ClosedError, match="is closed: open a new one"):
        feed.snapshot(60)
