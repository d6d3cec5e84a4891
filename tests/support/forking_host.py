"""A program that a test runs: a host that embeds an agent and forks while everything works.

Run it as ``python -m support.forking_host DIRECTORY CALLBACK_URL ENDING``. Each child is in the middle of the host's
code, tries all that an agent can do, and ends in its own way with status 7; a child that hangs is killed by its alarm.
Prints what the parent's agent counted as JSON.
"""

from __future__ import annotations

import atexit
import dataclasses
import gc
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np

from stillcast import Agent, AgentConfig, ClosedError, Feed, Frame
from support.stills import wait_until

_FORKS = 8
_STATUS = 7
_CHILD_MAY_TAKE_S = 30
_FRAME = Frame.from_array(np.full((144, 256), 90, np.uint8), "GRAY8")


class Host:
    """An agent with a feed that a thread pushes to; everything hangs on this object alone."""

    def __init__(self, directory: Path, callback_url: str | None = None) -> None:
        self.directory = directory
        self.agent = Agent(
            AgentConfig.load(
                capture={"interval": 0.05},
                storage={"url": (directory / "stills").as_uri()},
                spool={"path": str(directory / "spool"), "allow_tmpfs": True},
                callback={"url": callback_url},
            )
        )
        self.feed: Feed

    def start(self) -> None:
        self.agent.start()
        self.feed = self.agent.open_feed("lobby", "91")
        threading.Thread(target=self._push, daemon=True).start()

    def wait_for_stills(self, count: int) -> None:
        target = self.agent.stats().announced + count
        wait_until(lambda: self.agent.stats().announced >= target)

    def _push(self) -> None:
        while True:
            time.sleep(0.001)
            self.feed.push(_FRAME)


def expect_closed(function: Callable[[], object]) -> None:
    with suppress(ClosedError):
        function()
        raise AssertionError("a child may do that")


def try_everything(host: Host) -> None:
    """All that is inherited refuses or returns, whatever locks were held at the fork."""
    agent, feed = host.agent, host.feed
    assert not feed.wanted
    assert not any(feed.push(_FRAME) for _ in range(100))
    for function in (
        agent.start,
        agent.stats,
        lambda: agent.open_feed("lobby", "92"),
        lambda: agent.flush(60),
        lambda: feed.snapshot(60),
        lambda: feed.change(interval=1.0),
    ):
        expect_closed(function)
    feed.close()
    agent.on_still(print)
    agent.stop()
    assert not feed.wanted


def host_own_agent(host: Host) -> None:
    own = Host(host.directory / f"child-{os.getpid()}")
    own.agent.start()
    with own.agent.open_feed("lobby", "91") as feed:
        wait_until(lambda: feed.push(_FRAME))
        assert own.agent.flush(20)
    own.agent.stop()
    assert list((own.directory / "stills").rglob("*.jpg"))


def end(ending: str, hosts: list[Host]) -> None:
    match ending:
        case "_exit":
            os._exit(_STATUS)
        case "exec":
            os.execv(sys.executable, [sys.executable, "-c", f"raise SystemExit({_STATUS})"])
        case "own agent":
            host_own_agent(hosts[0])
        case "collected":
            atexit._clear()  # it holds the agent, too
            hosts.clear()
            gc.collect()
    sys.exit(_STATUS)


@contextmanager
def locks_held(host: Host) -> Iterator[None]:
    """A fork within the block copies locks that another thread holds, and that nobody in the child will let go of."""
    agent, taken, over = host.agent, threading.Event(), threading.Event()

    def hold() -> None:
        with agent._mutex, host.feed._mutex, agent._collector._mutex, agent._listeners._mutex:
            taken.set()
            over.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait()
    try:
        yield
    finally:
        over.set()
        if not host.feed._native.in_child:
            holder.join()


def status_of_child(ending: str, hosts: list[Host], *, locked: bool) -> int:
    held = locks_held(hosts[0]) if locked else nullcontext()
    if ending == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=try_everything, args=(hosts[0],))
        with held:
            process.start()
        process.join(_CHILD_MAY_TAKE_S)
        return _STATUS if process.exitcode == 0 else 1
    with held:
        pid = os.fork()
    if pid == 0:
        signal.alarm(_CHILD_MAY_TAKE_S)
        try_everything(hosts[0])
        end(ending, hosts)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(directory: str, callback_url: str, ending: str) -> None:
    hosts = [Host(Path(directory), callback_url)]
    hosts[0].start()
    statuses = []
    for fork in range(_FORKS):
        hosts[0].wait_for_stills(1)
        time.sleep(random.uniform(0, 0.05))  # somewhere in the way of a still
        statuses.append(status_of_child(ending, hosts, locked=fork % 2 == 1))
    assert statuses == [_STATUS] * _FORKS, statuses
    hosts[0].wait_for_stills(5)  # the parent goes on
    hosts[0].feed.close()
    assert hosts[0].agent.flush(20)
    hosts[0].agent.stop()
    json.dump(dataclasses.asdict(hosts[0].agent.stats()), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
