"""How an agent starts, stops, ends with its process and lives with functions that misbehave."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import stillcast
from support.agents import GREY, Host, settings, stored
from support.stills import wait_until


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
        "spool": {"path": str(tmp_path / "spool"), "allow_tmpfs": True},
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
