"""A host that forks while its agent runs; its children use what they inherited, as careless hosts do, and end.

Run in a nursery: ``main(SETTINGS, LOG, REPORT, ENDING, COUNT)``. The report is written when every child has ended.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from stillcast.agent import Agent, Feed
from stillcast.capture import Frame
from stillcast.config import AgentConfig
from stillcast.errors import ClosedError
from stillcast.stills import Still
from support.fault_invariants import promise_of

_FRAME_S = 0.01
_PUSHES = 50
_LINGER_S = 120.0
_TAKEN, _SERVED = 3, 4


def main(settings: str, log: str, report: str, ending: str, count: str) -> None:
    promises = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def promise(still: Still) -> None:
        os.write(promises, f"{promise_of(still)}\n".encode())

    agent = Agent(AgentConfig.load(settings))
    agent.on_still(promise)
    agent.start()
    feed = agent.open_feed("lobby", "91")
    statuses = []
    for _ in range(int(count)):
        _push(feed, 20)
        statuses.append(_child(agent, feed, ending))
    taken = sum(status == _TAKEN for status in statuses)
    found = {"statuses": statuses, "taken": taken, "lingers": _lingering_child()}
    Path(report).with_suffix(".new").write_text(json.dumps(found))
    Path(report).with_suffix(".new").rename(report)
    while True:
        _push(feed, 100)


def _push(feed: Feed, count: int) -> int:
    taken = 0
    for number in range(count):
        picture = np.full((90 * 3 // 2, 160), number % 256, dtype=np.uint8)
        taken += feed.push(Frame.from_array(picture, "I420"))
        time.sleep(_FRAME_S)
    return taken


def _child(agent: Agent, feed: Feed, ending: str) -> int:
    if ending == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=_live, args=(agent, feed))
        process.start()
        _push(feed, 20)  # the parent goes on meanwhile
        process.join(30)
        return process.exitcode if process.exitcode is not None else -1
    child = os.fork()
    if child == 0:
        try:
            _live(agent, feed)
        except SystemExit as end:
            _leave(ending, int(str(end.code)))
        _leave(ending, 0)
    _push(feed, 20)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _lingering_child() -> int:
    """A child that outlives its parent; the test ends it."""
    child = os.fork()
    if child == 0:
        time.sleep(_LINGER_S)
        os._exit(0)
    return child


def _live(agent: Agent, feed: Feed) -> None:
    """Use what was inherited; nothing of it may hang, be taken, or touch the parent's spool."""
    taken = _push(feed, _PUSHES)
    with suppress(ClosedError):  # what it has to raise here; a hang is what must not be
        agent.stats()
        sys.exit(_SERVED)
    if taken:
        sys.exit(_TAKEN)


def _leave(ending: str, status: int) -> None:
    """End as a host's child does: through ``atexit`` and the finalizers, or without them."""
    if ending == "_exit":
        os._exit(status)
    # sys.exit() would unwind into the nursery, whose child we are; what follows is what it comes to.
    import atexit  # noqa: PLC0415

    atexit._run_exitfuncs()
    os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
