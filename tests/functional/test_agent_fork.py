"""Hosts that fork: what a child may do with an agent that it inherits, and that the parent does not notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stillcast.receiver import Receiver
from support.agents import stored

TESTS = Path(__file__).parents[1]


def run(program: list[str]) -> str:
    """Run Python and return what it printed; from Python 3.12 on a fork beside threads warns, which is the point."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", *program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("ending", ["_exit", "exit", "exec", "collected", "own agent", "multiprocessing"])
def test_a_child_is_refused_ends_as_it_meant_to_and_the_parent_goes_on(tmp_path: Path, ending: str) -> None:
    with Receiver() as receiver:
        counted = json.loads(run(["-m", "support.forking_host", str(tmp_path), receiver.url, ending]))
        announced = [call.object_key for call in receiver.received]
        assert receiver.problems == []
    assert counted["stills"] == counted["spooled"] == counted["stored"] == counted["announced"] == len(announced)
    assert set(announced) == stored(tmp_path)
    assert (counted["queued"], counted["waiting_ticks"], counted["callback_failures"]) == (0, 0, {})
    assert not [*(tmp_path / "spool").rglob("*.jpg")]


STARTED_IN_CHILDREN = """
import os, signal, sys
from pathlib import Path
import stillcast
from support.agents import GREY, settings
from support.stills import wait_until

directory = Path(sys.argv[1])
agent = stillcast.Agent(settings(directory))
told = []
agent.on_still(told.append)

def work():
    with agent:
        feed = agent.open_feed("lobby", "91")
        wait_until(lambda: feed.push(GREY))
        assert agent.flush(20)
        wait_until(lambda: told)
    assert agent.stats().stored == 1

for _ in range(3):  # one after the other: they share the spool
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        work()
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
assert not told
work()
"""


STOPPED_WHILE_A_CHILD_LIVES = """
import os, signal, sys
from pathlib import Path
import stillcast
from support.agents import GREY, settings
from support.stills import wait_until

with stillcast.Agent(settings(Path(sys.argv[1]))) as agent:
    end, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        os.close(told)
        os.read(end, 1)  # lives until the parent has closed its end
        os._exit(0)
with stillcast.Agent(settings(Path(sys.argv[1]))):
    pass  # the child does not hold the lock of the spool
os.close(told)
assert os.waitpid(pid, 0)[1] == 0
"""


ENGINE_OF_AGORA = """
import io, logging, os, signal, sys, threading
from pathlib import Path
import stillcast
from stillcast import agora
from support.agents import GREY, settings
from support.stills import wait_until

said = io.StringIO()
logging.basicConfig(stream=said)
config = agora.ContentInspectConfig("", 1, [agora.ContentInspectModule(agora.CONTENT_INSPECT_TYPE_SUPERVISE, 3600)])
with stillcast.Agent(settings(Path(sys.argv[1]))) as agent:
    engine = agora.RtcEngine()
    assert engine.initialize(agent, "lobby", 91) == engine.enable_content_inspect(True, config) == 0
    wait_until(lambda: engine.wanted)
    engine._mutex = threading.Lock()
    engine._mutex.acquire()  # as by another thread that is in a call
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        assert engine.initialize(agent, "lobby", 91) == -7
        assert engine.enable_content_inspect(True, config) == engine.enable_content_inspect(False) == -7
        assert engine.push_video_frame(GREY) is engine.wanted is False
        engine.release()
        lines = said.getvalue().splitlines()
        assert ["make an Agent and an engine here" in line for line in lines] == [True] * 3
        own = agora.RtcEngine()
        assert own.initialize(agent, "lobby", 91) == 0
        assert own.enable_content_inspect(True, config) == -7  # the agent is not of this process
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    engine._mutex.release()
    assert engine.push_video_frame(GREY)
    assert agent.flush(20)
assert agent.stats().stored == 1
assert said.getvalue() == ""
"""


def test_an_engine_of_agora_is_refused_in_a_child_even_if_its_lock_was_held(tmp_path: Path) -> None:
    run(["-c", ENGINE_OF_AGORA, str(tmp_path)])


def test_an_agent_that_was_made_before_a_fork_can_be_started_in_each_child(tmp_path: Path) -> None:
    run(["-c", STARTED_IN_CHILDREN, str(tmp_path)])
    assert len(stored(tmp_path)) == 4


def test_a_child_that_lives_on_does_not_hold_the_spool(tmp_path: Path) -> None:
    run(["-c", STOPPED_WHILE_A_CHILD_LIVES, str(tmp_path)])
