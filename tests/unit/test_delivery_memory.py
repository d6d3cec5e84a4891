"""A long outage: names in memory stay few, live stills go first afterwards, and nothing is dropped."""

from __future__ import annotations

import threading

import pytest

from stillcast.delivery import Delivery
from stillcast.delivery.lane import RETRIES_MAX
from stillcast.delivery.waiting import CHUNK, LIVE_MAX
from stillcast.spool import Spool, State
from support.delivering import (
    LONG_S,
    PATIENCE_S,
    Clock,
    Run,
    Switch,
    put_and_offer,
    run_fixture,  # noqa: F401
    settle,
    spool_fixture,  # noqa: F401
)
from support.fakes import PASSING, FakeNotifier, FakeStore, failure
from support.stills import make_still, put, wait_until

pytestmark = pytest.mark.timeout(600)
MANY = 20_000
NAMES_MAX = LIVE_MAX + CHUNK + CHUNK // 4 + RETRIES_MAX + 16
READY, STORED = State.READY, State.STORED


class Watch:
    """The most names that the lanes of a delivery held."""

    def __init__(self) -> None:
        self.delivery: Delivery | None = None
        self.most = 0

    def __call__(self, *_: object) -> None:
        if self.delivery is not None:
            self.most = max(self.most, *(lane.in_memory for lane in self.delivery._lanes.all()))


def test_an_outage_that_spools_many_keeps_few_in_memory_and_delivers_all_live_ones_first(
    spool: Spool, run: Run
) -> None:
    clock, down, watch = Clock(), Switch(), Watch()
    together, met = threading.Barrier(8), threading.Event()

    def answer(_key: str) -> Exception | None:
        watch()
        if down:
            return failure(PASSING)
        if len(store.objects) >= LIVE_MAX + 1_000 and not met.is_set():
            together.wait(LONG_S)  # the backlog is drained by all workers
            met.set()
        return None

    store, notifier = FakeStore(answer), FakeNotifier()
    delivery = watch.delivery = run(store, notifier, loop_factory=clock.loop, listener=watch)
    for start in range(0, MANY, 1_000):
        put_and_offer(spool, delivery, range(start, start + 1_000))
        clock.step(delivery)
        watch()
    assert spool.counts()[READY] == MANY
    assert watch.most <= LIVE_MAX + RETRIES_MAX + 8 + CHUNK
    settle(delivery)
    tried = len(store.puts)
    down.off()
    clock.step_until(delivery, lambda: store.objects)
    wait_until(lambda: len(store.objects) > LIVE_MAX, "what is live")
    newest = {make_still(number).captured_at for number in range(MANY - LIVE_MAX - RETRIES_MAX, MANY)}  # some failed
    live = {f"{moment:%Y%m%d%H%M%S}" for moment in newest}
    first = [key.rsplit("_", 1)[1][:14] for key in store.puts[tried : tried + LIVE_MAX - 8]]
    assert set(first) <= live
    clock.step_until(delivery, lambda: not spool.counts()[READY] and not spool.counts()[STORED])
    assert len(store.objects) == len(notifier.announced) == MANY
    assert met.is_set()
    assert spool.dropped == {}
    assert watch.most <= NAMES_MAX


def test_a_callback_server_that_is_dead_for_long_keeps_few_names_in_memory(spool: Spool, run: Run) -> None:
    clock, down = Clock(), Switch()
    notifier = FakeNotifier(lambda _request_id: bool(down))
    delivery = run(FakeStore(), notifier, loop_factory=clock.loop)
    for start in range(0, 6_000, 1_000):
        put_and_offer(spool, delivery, range(start, start + 1_000))
        wait_until(lambda: not spool.counts()[READY], "every upload", PATIENCE_S)
        clock.step(delivery)
        assert max(lane.in_memory for lane in delivery._lanes.all()) <= NAMES_MAX
        assert len(delivery._lanes.all()[1]._work._remembered) <= 256  # type: ignore[attr-defined]
    down.off()
    clock.step_until(delivery, lambda: not spool.counts()[STORED])
    settle(delivery)
    assert len(notifier.announced) + spool.counts()[State.DEAD] == 6_000
    assert spool.counts()[State.DEAD] < 60


def test_a_backlog_of_an_earlier_run_is_drained_in_chunks_while_live_stills_pass_it(spool: Spool, run: Run) -> None:
    for number in range(MANY // 2):
        put(spool, make_still(number))
    watch, go_on = Watch(), threading.Event()

    def answer(_key: str) -> Exception | None:
        watch()
        if len(store.puts) == 100:
            go_on.wait(LONG_S)
        return None

    store = FakeStore(answer)
    delivery = watch.delivery = run(store, store_workers=1)
    wait_until(lambda: len(store.puts) == 100, "the hundredth")
    (live,) = put_and_offer(spool, delivery, range(MANY, MANY + 1))
    go_on.set()
    assert delivery.flush(PATIENCE_S)
    assert store.puts[100] == live.object_key
    assert len(store.objects) == MANY // 2 + 1
    assert watch.most <= NAMES_MAX
