"""The agent as a host embeds it: real threads, real files, a real receiver on loopback."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
from PIL import Image

import stillcast
from stillcast.receiver import Receiver
from support.agents import GREY, Host, settings, stored
from support.stills import wait_until

BARE = stillcast.Frame.__new__(stillcast.Frame)  # its __init__ has not run


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[stillcast.Agent]:
    with stillcast.Agent(settings(tmp_path)) as running:
        yield running


def test_every_still_of_two_feeds_is_stored_and_announced_under_its_name(tmp_path: Path) -> None:
    told: list[stillcast.Still] = []
    receiver = Receiver()
    receiver.start()
    try:
        config = settings(tmp_path, callback={"url": receiver.url}, storage={"prefix": ["a", "b"]})
        with stillcast.Agent(config) as agent:
            agent.on_still(told.append)
            feeds = [agent.open_feed("lobby", uid=uid, extra_info=f"info {uid}") for uid in ("91", "a/b")]
            with Host(*feeds):
                wait_until(lambda: len(told) >= 8)
            assert agent.flush(10)
        stats = agent.stats()
        calls = {call.object_key: call for call in receiver.received}
    finally:
        receiver.stop()
    assert {still.object_key for still in told} == stored(tmp_path) == set(calls)
    assert stats.stills == stats.spooled == stats.stored == stats.announced == len(calls)
    assert {still.uid for still in told} == {"91", "a/b"}
    for still in told:
        key = stillcast.parse_object_key(still.object_key)
        assert (key.prefix, key.sid, key.cname, key.uid) == (("a", "b"), still.sid, "lobby", still.uid)
        assert key.captured_at == still.captured_at
        jpeg = (tmp_path / "stills" / still.object_key).read_bytes()
        assert jpeg == still.jpeg
        assert Image.open(io.BytesIO(jpeg)).size == (still.width, still.height) == (256, 144)


def test_every_tick_is_a_still_or_missed_with_a_reason(tmp_path: Path) -> None:
    with stillcast.Agent(settings(tmp_path)) as agent:
        shown, dark = agent.open_feed("lobby", "shown"), agent.open_feed("lobby", "dark")
        with Host(shown):
            wait_until(lambda: agent.stats().missed["no_frame"] >= 3)
        dark.close()
    stats = agent.stats()
    assert stats.missed["no_frame"] >= 3
    assert stats.ticks == stats.stills + sum(stats.missed.values())
    assert stats.waiting_ticks == stats.queued == stats.feeds == 0
    assert stats.stills == stats.spooled == stats.stored


def test_ticks_without_a_frame_are_reported_where_that_is_asked_for(tmp_path: Path) -> None:
    with Receiver() as receiver:
        config = settings(tmp_path, callback={"url": receiver.url, "report_failures": True, "extra_info": "whose"})
        with stillcast.Agent(config) as agent:
            agent.open_feed("lobby", "dark")
            wait_until(lambda: agent.stats().reported >= 3)
        reports = receiver.received
        assert receiver.problems == []
    assert {(report.code, report.msg, report.uid, report.extra_info) for report in reports} == {
        (206, "No frame", "dark", "whose")
    }
    times = [stillcast.parse_object_key(report.object_key).captured_at.timestamp() for report in reports]
    assert all(abs(later - earlier - 0.1) < 0.002 for earlier, later in pairwise(times))
    assert stored(tmp_path) == set()


def test_facts_of_a_still_come_from_its_frame(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", interval=60, max_size=(64, 64), quality=30)
    frame = stillcast.Frame.from_array(np.full((144, 256), 90, np.uint8), "GRAY8", pts_ns=4_000, rotation=90)
    before = time.time()
    with Host(feed, frame=frame):
        still = feed.snapshot(5)
    assert before - 0.001 <= still.captured_at.timestamp() <= time.time()
    assert still.captured_at.microsecond % 1000 == 0
    assert (still.source_width, still.source_height, still.width, still.height) == (256, 144, 36, 64)
    assert still.pts_ns == 4_000
    assert still.mean_luma == 90
    assert still.frame_age_ms >= 0
    assert still.lateness_ms >= 0


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


def test_geometry_and_format_may_change_in_mid_stream(agent: stillcast.Agent) -> None:
    feed = agent.open_feed("lobby", "91", interval=3600)
    rng = np.random.default_rng(1)
    frames = [
        stillcast.Frame.from_array(rng.integers(0, 256, shape, dtype=np.uint8), format_)
        for format_, shape in [
            ("I420", (54, 64)),
            ("BGRA", (2160, 4096, 4)),
            ("NV12", (54, 64)),
            ("RGB24", (99, 33, 3)),
        ]
    ]
    sizes = []
    for frame in frames:
        with Host(feed, frame=frame):
            still = feed.snapshot(10)
        sizes.append((still.source_width, still.source_height))
    assert sizes == [(64, 36), (4096, 2160), (64, 36), (33, 99)]


@pytest.mark.parametrize(
    "thing", [None, 3, "frame", b"bytes", np.zeros((4, 4), np.uint8), object(), BARE, MagicMock(spec=stillcast.Frame)]
)
def test_push_never_raises_and_counts_what_is_no_frame(agent: stillcast.Agent, thing: object) -> None:
    feed = agent.open_feed("lobby", "91")
    wait_until(lambda: feed.wanted)
    assert feed.push(thing) is False  # type: ignore[arg-type]
    assert agent.stats().refused["not_a_frame"] == 1
    feed.close()
    assert feed.push(thing) is False  # type: ignore[arg-type]
    assert feed.push(GREY) is False
    assert agent.stats().refused["closed"] == 2


def test_a_function_that_raises_or_hangs_stops_nothing(tmp_path: Path) -> None:
    release = threading.Event()
    seen: list[threading.Thread] = []

    def raises(_still: stillcast.Still) -> None:
        seen.append(threading.current_thread())
        raise RuntimeError("the host's own mistake")

    with stillcast.Agent(settings(tmp_path, capture={"interval": 0.05})) as agent:
        agent.on_still(raises)

        @agent.on_still
        def hangs(_still: stillcast.Still) -> None:
            release.wait(60)

        with Host(agent.open_feed("lobby", "91")):
            wait_until(lambda: agent.stats().stored >= 10)
        release.set()
    assert agent.stats().listener_failed >= 1
    assert threading.current_thread() not in seen


def test_a_function_may_end_its_thread_or_stop_the_agent(tmp_path: Path) -> None:
    told: list[str] = []

    def exits(_still: stillcast.Still) -> None:
        raise SystemExit

    with stillcast.Agent(settings(tmp_path)) as agent:
        agent.on_still(exits)
        agent.on_still(lambda still: told.append(still.sid))
        with pytest.raises(TypeError, match="give a function of one still"):
            agent.on_still("not a function")  # type: ignore[type-var]
        with Host(agent.open_feed("lobby", "91")):
            wait_until(lambda: len(told) >= 3)
        assert agent.stats().listener_failed >= 3
    with stillcast.Agent(settings(tmp_path)) as agent:
        agent.on_still(lambda _still: agent.stop())
        with Host(agent.open_feed("lobby", "91")):
            wait_until(lambda: agent._stopped)
    with stillcast.Agent(settings(tmp_path)):
        pass  # the spool was let go of


def test_flush_waits_for_frames_that_push_has_just_taken(tmp_path: Path) -> None:
    with stillcast.Agent(settings(tmp_path, capture={"interval": 3600})) as agent:
        for number in range(20):
            feed = agent.open_feed("lobby", str(number))
            feed._native.request_snapshot()
            assert feed.push(GREY)
            assert agent.flush(10)
            assert agent.stats().stored == number + 1


def test_a_start_that_fails_lets_go_of_everything(tmp_path: Path) -> None:
    with stillcast.Agent(settings(tmp_path)):
        second = stillcast.Agent(settings(tmp_path))
        with pytest.raises(stillcast.SpoolError):
            second.start()
        second.stop()
    with stillcast.Agent(settings(tmp_path)):
        pass


PROGRAMS = {
    "end": "feed.push(frame)",
    "exit": "feed.push(frame); sys.exit(3)",
    "exception": "feed.push(frame); raise KeyError",
    "forgotten": "feed.push(frame); del agent, feed; gc.collect()",
    "pushing": "threading.Thread(target=lambda: [feed.push(frame) for _ in itertools.repeat(0)], daemon=True).start()",
    "encoding": "threading.Thread(target=lambda: [stillcast.encode_still(frame) for _ in itertools.repeat(0)],"
    " daemon=True).start()",
}


@pytest.mark.parametrize("last", PROGRAMS.values(), ids=PROGRAMS)
def test_a_host_that_ends_without_stopping_ends_as_it_meant_to_and_keeps_its_stills(tmp_path: Path, last: str) -> None:
    given = {
        "capture": {"interval": 3600},
        "storage": {"url": (tmp_path / "stills").as_uri()},
        "spool": {"path": str(tmp_path / "spool")},
    }
    program = f"""
import gc, itertools, sys, threading, time
import numpy as np
import stillcast
agent = stillcast.Agent(stillcast.AgentConfig.load(**{given!r}))
agent.start()
feed = agent.open_feed("lobby", "91")
frame = stillcast.Frame.from_array(np.zeros((720, 1280), np.uint8), "GRAY8")
while not agent.stats().ticks:
    time.sleep(0.001)
{last}
time.sleep(0.01)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "terminate" not in done.stderr
    assert done.returncode == {"exit": 3, "exception": 1}.get(_name_of(last), 0), done.stderr
    assert len(stored(tmp_path)) == (0 if _name_of(last) == "encoding" else 1)


def _name_of(last: str) -> str:
    return next(name for name, program in PROGRAMS.items() if program == last)


def test_what_the_store_refuses_waits_and_is_stored_when_it_heals(tmp_path: Path) -> None:
    (tmp_path / "stills").write_text("a file where the directory should be")
    with stillcast.Agent(settings(tmp_path)) as agent:
        with Host(agent.open_feed("lobby", "91")):
            wait_until(lambda: agent.stats().waiting_store >= 3)
        assert not agent.flush(0.01)
        (tmp_path / "stills").unlink()
        assert agent.flush(60)
        wait_until(lambda: agent.stats().waiting_store == 0)
        stats = agent.stats()
    assert len(stored(tmp_path)) == stats.stored == stats.spooled


def test_what_waits_at_the_stop_is_delivered_by_the_next_agent(tmp_path: Path) -> None:
    (tmp_path / "stills").write_text("a file where the directory should be")
    with stillcast.Agent(settings(tmp_path)) as agent, Host(agent.open_feed("lobby", "91")):
        wait_until(lambda: agent.stats().spooled >= 3)
    waiting = agent.stats().waiting_store
    assert waiting == agent.stats().spooled
    (tmp_path / "stills").unlink()
    with stillcast.Agent(settings(tmp_path)) as agent:
        assert agent.flush(30)
    assert len(stored(tmp_path)) == waiting


def test_frames_that_were_copied_before_the_stop_are_stored(tmp_path: Path) -> None:
    agent = stillcast.Agent(settings(tmp_path, capture={"interval": 3600}))
    agent.start()
    feed = agent.open_feed("lobby", "91")
    wait_until(lambda: agent.stats().ticks == 1)
    assert feed.push(GREY)
    agent.stop()
    assert len(stored(tmp_path)) == 1
    agent.stop()
    assert feed.push(GREY) is False


def test_feeds_are_opened_only_while_the_agent_runs(tmp_path: Path) -> None:
    agent = stillcast.Agent(settings(tmp_path))
    with pytest.raises(stillcast.ClosedError, match="not started: call start"):
        agent.open_feed("lobby", "91")
    with agent:
        agent.open_feed("lobby", "91")
    with pytest.raises(stillcast.ClosedError, match="stopped: make a new Agent"):
        agent.open_feed("lobby", "91")
    with pytest.raises(stillcast.ClosedError, match="started before"):
        agent.start()


@pytest.mark.parametrize("part", ["stillcast-delivery", "stillcast-listeners", "stillcast-collector", "sampler"])
def test_a_start_without_threads_to_be_had_undoes_itself_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        if thread.name == part:
            raise RuntimeError("can't start new thread")
        start(thread)

    def start_no_sampler(_: object) -> None:
        raise RuntimeError("Resource temporarily unavailable")

    before = set(threading.enumerate())
    agent = stillcast.Agent(settings(tmp_path))
    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", start_some)
        if part == "sampler":
            broken.setattr("stillcast.capture.Capture.start", start_no_sampler)
        with pytest.raises(RuntimeError):
            agent.start()
    wait_until(lambda: set(threading.enumerate()) <= before)
    agent.stop()
    with pytest.raises(stillcast.ClosedError, match="stopped"):
        agent.open_feed("lobby", "91")
    with stillcast.Agent(settings(tmp_path)):
        pass  # the spool was let go of


def test_a_second_agent_on_the_same_spool_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with stillcast.Agent(settings(tmp_path)) as agent:
        with pytest.raises(stillcast.SpoolError, match="spool"):
            stillcast.Agent(settings(tmp_path)).start()
        with Host(agent.open_feed("lobby", "91")):
            wait_until(lambda: agent.stats().stored >= 1)


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ({"cname": ""}, ['cname: "": is empty']),
        ({"uid": 91}, ["uid: 91"]),
        ({"interval": 0, "quality": 0, "max_size": (1, 1)}, ["interval: 0", "quality: 0", "max_size: "]),
        ({"extra_info": "x" * 1025}, ["extra_info: "]),
        ({"uid": "x" * 1000}, ["object key: 1", "use shorter names"]),
        ({"uid": "x" * 300}, ["longer than the 255 bytes of a file name: shorten cname or uid, or store in S3"]),
        ({"cname": "\ud800"}, ["cname: "]),
    ],
)
def test_a_feed_that_breaks_a_rule_is_refused_when_it_is_opened(
    agent: stillcast.Agent, arguments: dict[str, object], texts: list[str]
) -> None:
    with pytest.raises(stillcast.ConfigError) as caught:
        agent.open_feed(**{"cname": "lobby", "uid": "91", **arguments})  # type: ignore[arg-type]
    for text in texts:
        assert any(problem.startswith(text) or text in problem for problem in caught.value.problems), caught.value


@pytest.mark.parametrize("name", ["a/b/../c", "..", "\U0001f600", "new\nline\0", "x" * 60, "__uid_s_", "%41", "Zoë"])
def test_any_text_is_a_name_that_reads_back(tmp_path: Path, agent: stillcast.Agent, name: str) -> None:
    feed = agent.open_feed(name, name, interval=3600)
    with Host(feed):
        still = feed.snapshot(5)
    assert agent.flush(5)
    key = stillcast.parse_object_key(still.object_key)
    assert (key.cname, key.uid) == (name, name)
    assert (tmp_path / "stills" / still.object_key).is_file()


def test_closed_feeds_are_forgotten(agent: stillcast.Agent) -> None:
    for number in range(20):
        with agent.open_feed("lobby", str(number)) as feed:
            feed.push(GREY)
    wait_until(lambda: agent.stats().feeds == 0)
    wait_until(lambda: not agent._collector.feeds())
