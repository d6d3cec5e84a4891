"""A program that a test kills: an agent whose feeds never stop, and which writes down each still that it spooled.

Run it as ``python -m support.spooling_agent SETTINGS LOG CLIP``.
"""

from __future__ import annotations

import os
import sys

from stillcast.agent import Agent, Feed
from stillcast.capture import Frame
from stillcast.config import AgentConfig
from stillcast.sources import Source, SourceOptions
from stillcast.stills import Still

_FEEDS = 4


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


def main(settings: str, log: str, clip: str) -> None:
    # One unbuffered write a still: a line that the test reads is a still that the agent has promised.
    promises = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def promise(still: Still) -> None:
        os.write(promises, f"{still.sid}\n".encode())

    agent = Agent(AgentConfig.load(settings))
    agent.on_still(promise)
    with agent:
        feeds = [agent.open_feed("lobby", str(number)) for number in range(_FEEDS)]
        source = Source(clip, Fan(feeds), options=SourceOptions(loop=True))
        source.start()
        source.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
