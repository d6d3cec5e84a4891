"""A program that tests kill, stop and starve: an agent whose feeds never end, and which writes down what it promises.

Run it as ``python -m support.spooling_agent SETTINGS LOG [CLIP]``, or in a nursery. ``LOG`` gets a line a spooled
still; ``LOG.stats`` is the agent's statistics as JSON, anew several times a second. SIGTERM stops it cleanly.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

from stillcast.agent import Agent, Feed
from stillcast.capture import Frame
from stillcast.config import AgentConfig
from stillcast.stills import Still
from support.fault_invariants import promise_of

_FEEDS = 4
_FRAME_S = 0.01
_STATS_S = 0.1
_WIDTH, _HEIGHT = 320, 180


class Fan:
    """Gives the frames of one source to several feeds."""

    def __init__(self, feeds: list[Feed]) -> None:
        self._feeds = feeds

    @property
    def wanted(self) -> bool:
        return any(feed.wanted for feed in self._feeds)

    def push(self, frame: Frame) -> bool:
        taken = [feed.push(frame) for feed in self._feeds]  # each gets it, whatever the others say
        return any(taken)


def main(settings: str, log: str, clip: str = "") -> None:
    # One unbuffered write a still: a line that the test reads is a still that the agent has promised.
    promises = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def promise(still: Still) -> None:
        os.write(promises, f"{promise_of(still)}\n".encode())

    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    agent = Agent(AgentConfig.load(settings))
    agent.on_still(promise)
    agent.start()
    threading.Thread(target=_tell, args=(agent, Path(f"{log}.stats")), daemon=True).start()
    fan = Fan([agent.open_feed("lobby", str(number)) for number in range(_FEEDS)])
    if clip:
        from stillcast.sources import Source, SourceOptions  # noqa: PLC0415  # FFmpeg takes long to load

        Source(clip, fan, options=SourceOptions(loop=True)).start()
        ending.wait()
    else:
        _draw(fan, ending)
    agent.stop()
    _write(agent, Path(f"{log}.stats"))


def _draw(fan: Fan, ending: threading.Event) -> None:
    """Push pictures of which no two are alike, without decoding anything."""
    noise = np.random.default_rng(1).integers(0, 255, (_HEIGHT * 3 // 2, _WIDTH), dtype=np.uint8)
    while not ending.wait(_FRAME_S):
        if fan.wanted:
            noise = np.roll(noise, 1)
            fan.push(Frame.from_array(noise, "I420"))


def _tell(agent: Agent, path: Path) -> None:
    while True:
        _write(agent, path)
        time.sleep(_STATS_S)


def _write(agent: Agent, path: Path) -> None:
    stats = agent.stats()
    facts = {field.name: getattr(stats, field.name) for field in dataclasses.fields(stats)}
    draft = path.with_name(f"{path.name}.{threading.get_ident()}")
    draft.write_text(json.dumps({"at": time.time(), **facts}, default=_plain))
    draft.replace(path)


def _plain(value: object) -> object:
    return dict(value) if hasattr(value, "keys") else str(value)  # type: ignore[call-overload]


if __name__ == "__main__":
    main(*sys.argv[1:])
