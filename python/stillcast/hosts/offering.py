"""What all adapters share: offering a feed what a host has, and keeping trouble from the host."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from stillcast.capture import Frame
from stillcast.errors import StillcastError

_LOG: Final = logging.getLogger("stillcast.hosts")
_TELL_EVERY_S: Final = 60.0


class FrameSink(Protocol):
    """Where frames go: a ``stillcast.Feed``."""

    @property
    def wanted(self) -> bool:
        """True if a still is due, so that making a frame is worth it."""
        ...

    def push(self, frame: Frame) -> bool:
        """Take the newest frame; never blocks and never raises."""
        ...


class ClosingSink(FrameSink, Protocol):
    """A feed that is closed when what it shows ends."""

    def close(self) -> None:
        """Take no further frame."""
        ...


@dataclass(slots=True)
class OfferCounts:
    """What an adapter did; written by the host's thread.

    Attributes:
        offered: frames that the host had.
        pushed: frames that the feed wanted and got.
        refused: frames that the feed wanted and that could not be read.
    """

    offered: int = 0
    pushed: int = 0
    refused: int = 0


class Offering:
    """Offers a host's frames to a feed, whatever they are made of. For one thread at a time.

    A frame is made only when a still is due. One that cannot be made is counted, and logged if no other was in the last
    minute; the host sees no exception.
    """

    def __init__(self, sink: FrameSink, name: str, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Describe an offering.

        Args:
            sink: the feed; its owner closes it.
            name: what log lines call the source of the frames.
            clock_s: seconds that only go up.
        """
        self.counts = OfferCounts()
        self._sink = sink
        self._name = name
        self._clock_s = clock_s
        self._told_at_s = -math.inf

    @property
    def wanted(self) -> bool:
        """Whether a frame would be taken now."""
        return self._sink.wanted

    def offer(self, make: Callable[[], Frame]) -> bool:
        """Have a frame made and pushed if a still is due; never raises.

        Args:
            make: looks at the host's frame as ``Frame``; called at most once, before this returns.

        Returns:
            True if the frame was taken.
        """
        self.counts.offered += 1
        if not self._sink.wanted:
            return False
        try:
            taken = self._sink.push(make())
        except Exception as error:  # of the host's library as well: its own loop must not see it
            self._refuse(error)
            return False
        self.counts.pushed += taken
        return taken

    def _refuse(self, error: Exception) -> None:
        self.counts.refused += 1
        now_s = self._clock_s()
        if now_s - self._told_at_s >= _TELL_EVERY_S:
            self._told_at_s = now_s
            _LOG.warning("%s: frames refused: %s", self._name, in_words(error))


def in_words(error: Exception) -> str:
    """Put an error into one line: our own as they are, those of others with their type."""
    text = " ".join(str(error).split())
    if isinstance(error, StillcastError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
