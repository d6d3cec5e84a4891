"""Log lines at a bounded rate."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_LOG: Final = logging.getLogger("stillcast.delivery")
_INTERVAL_S: Final = 60.0


@dataclass(slots=True)
class _Topic:
    said_at: float
    silent: int = 0
    calmed: bool = False


class Notices:
    """At most one line a minute about each topic, with the number of those that were left out. For any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mutex = threading.Lock()  # guards _topics
        self._topics: dict[str, _Topic] = {}

    def warn(self, topic: str, text: str) -> None:
        """Log a warning unless one about this topic was logged within the last minute.

        Args:
            topic: one of a few fixed words.
            text: one line.
        """
        with self._mutex:
            now, known = self._clock(), self._topics.get(topic)
            if known is not None and now - known.said_at < _INTERVAL_S:
                known.silent += 1
                return
            silent = known.silent if known is not None else 0
            self._topics[topic] = _Topic(now)
        _LOG.warning("%s%s", text, f" ({silent} more like it since the last line)" if silent else "")

    def calm(self, topics: tuple[str, ...], text: str) -> None:
        """Log good news, once for each line of bad news, so that a flapping destination cannot fill the log."""
        with self._mutex:
            told = [known for topic in topics if (known := self._topics.get(topic)) and not known.calmed]
            for known in told:
                known.calmed = True
        if told:
            _LOG.info("%s", text)
