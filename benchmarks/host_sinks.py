"""Feeds for the measuring of hosts: due as often as a still every 2 s at 30 frames a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from stillcast.capture import Frame, encode_still

DUE_EVERY = 60
FPS = 30
WIDTH, HEIGHT = 1920, 1080


class DueSink:
    """A feed that is due once in 60 frames, until it gets one, and makes the still at once."""

    def __init__(self) -> None:
        self._passed = 0
        self.sizes: list[tuple[int, int]] = []

    @property
    def wanted(self) -> bool:
        self._passed += self._passed < DUE_EVERY
        return self._passed == DUE_EVERY

    def push(self, frame: Frame) -> bool:
        self._passed = 0
        encode_still(frame)
        self.sizes.append((frame.width, frame.height))
        return True

    def close(self) -> None:
        pass


class ByTheClock:
    """A feed that is due every 2 s, first after one, for a host that goes at its own speed."""

    def __init__(self, sink: DueSink) -> None:
        self._sink = sink
        self._due_s = time.monotonic() + DUE_EVERY / FPS / 2

    @property
    def wanted(self) -> bool:
        return self.due_in <= 0.0

    @property
    def due_in(self) -> float:
        return self._due_s - time.monotonic()

    def push(self, frame: Frame) -> bool:
        self._due_s += DUE_EVERY / FPS
        return self._sink.push(frame)

    def close(self) -> None:
        pass


# A host plays all frames once, into a sink or into none, and says how many there were.
Host = Callable[[DueSink | None], int]
