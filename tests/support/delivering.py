"""Deliveries of fakes and real spools, and a clock for them that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stillcast.delivery import Delivery
from stillcast.spool import Spool, SpoolItem
from support.fakes import ManualLoop
from support.stills import make_spool, make_still, put, wait_until

LONG_S = 60.0
PATIENCE_S = 300.0  # a backlog of tens of thousands takes its time on a busy machine
STEP_S = 16.0  # longer than any wait between two probes, shorter than the deadline of an attempt
Run = Callable[..., Delivery]


@pytest.fixture(name="spool")
def spool_fixture(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


@pytest.fixture(name="run")
def run_fixture(spool: Spool) -> Iterator[Run]:
    """Start deliveries that are stopped at the end of the test."""
    started: list[Delivery] = []

    def start(store: object, notifier: object = None, **settings: object) -> Delivery:
        delivery = Delivery(spool, store, notifier, **settings)  # type: ignore[arg-type]
        started.append(delivery)
        delivery.start()
        return delivery

    yield start
    for delivery in started:
        delivery.stop(0.2)


class Clock:
    """The clock of one delivery; give ``loop`` as its ``loop_factory``."""

    def __init__(self) -> None:
        self._loop: ManualLoop | None = None

    def loop(self) -> ManualLoop:
        self._loop = ManualLoop()
        return self._loop

    def advance(self, seconds: float) -> None:
        assert self._loop is not None
        self._loop.advance(seconds)

    def timers(self) -> int:
        """How many waits are pending."""
        assert self._loop is not None
        return sum(not timer.cancelled() for timer in list(self._loop._scheduled))  # type: ignore[attr-defined]

    def step(self, delivery: Delivery, seconds: float = STEP_S) -> None:
        """Move the clock once no attempt is under way, so that none seems to hang; then let those end that began."""
        settle(delivery)
        self.advance(seconds)
        settle(delivery)

    def step_until(self, delivery: Delivery, condition: Callable[[], object]) -> None:
        """Step on until a condition holds."""

        def holds() -> bool:
            if not condition():
                self.step(delivery)
            return bool(condition())

        wait_until(holds, "the condition, however late it is", PATIENCE_S)


class Switch:
    """A fault that is on until it is turned off."""

    def __init__(self) -> None:
        self._off = threading.Event()

    def __bool__(self) -> bool:
        return not self._off.is_set()

    def off(self) -> None:
        self._off.set()


def settle(delivery: Delivery) -> None:
    """Wait until no attempt is under way."""
    idle = "the end of the attempts"
    wait_until(lambda: not any(lane.in_flight for lane in delivery._lanes.all()), idle, PATIENCE_S)


def after(wait: Callable[[float], object]) -> Callable[[str], None]:
    """A store's answer that comes only when something else has happened."""

    def answer(_key: str) -> None:
        wait(LONG_S)

    return answer


def put_and_offer(spool: Spool, delivery: Delivery, numbers: range) -> list[SpoolItem]:
    items = [put(spool, make_still(number)) for number in numbers]
    for item in items:
        delivery.offer(item)
    return items
