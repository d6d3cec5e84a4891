"""Outages of the store: waits, probes, parking, and what is kept meanwhile."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from stillcast.delivery import DeliveryEvent
from stillcast.delivery.lanes import PROBE_CAP_S, PROBE_OVERDUE_S
from stillcast.spool import Spool, State
from support.delivering import (
    LONG_S,
    Clock,
    Run,
    Switch,
    put_and_offer,
    run_fixture,  # noqa: F401
    settle,
    spool_fixture,  # noqa: F401
)
from support.fakes import DESTINATION, PASSING, FakeStore, Longest, failure, slow_down
from support.stills import make_still, put, wait_until

READY = State.READY


def test_a_passing_failure_is_tried_again_after_a_wait_and_never_given_up(spool: Spool, run: Run) -> None:
    clock = Clock()
    failures = [failure(PASSING)] * 25
    store = FakeStore(lambda _key: failures.pop() if failures else None)
    delivery = run(store, loop_factory=clock.loop)
    put_and_offer(spool, delivery, range(1))
    clock.step_until(delivery, lambda: store.objects)
    assert len(store.puts) == 26
    assert delivery.flush(LONG_S)
    assert delivery.stats().store_failures == {"Code": 25}


def test_no_second_try_comes_before_its_wait_is_over(spool: Spool, run: Run) -> None:
    clock = Clock()
    store = FakeStore(lambda _key: failure(PASSING))
    delivery = run(store, loop_factory=clock.loop, random=Longest())
    put_and_offer(spool, delivery, range(1))
    wait_until(lambda: delivery.stats().store_failures == {"Code": 1}, "the first failure")
    for number, wait_s in enumerate((0.5, 1.0, 2.0, 4.0), start=2):
        clock.step(delivery, wait_s - 0.01)
        assert len(store.puts) == number - 1
        clock.step(delivery, 0.02)
        wait_until(lambda number=number: delivery.stats().store_failures == {"Code": number}, "the next failure")


def test_a_store_that_is_down_is_probed_by_one_still_at_a_time(spool: Spool, run: Run) -> None:
    clock, down = Clock(), Switch()
    store = FakeStore(lambda _key: failure(PASSING) if down else None)
    delivery = run(store, store_workers=8, loop_factory=clock.loop)
    put_and_offer(spool, delivery, range(500))
    wait_until(lambda: store.puts, "the first tries")
    settle(delivery)
    before = len(store.puts)
    assert before <= 8
    store.busy_max = 0
    for _ in range(30):
        clock.step(delivery)
    assert before < len(store.puts) <= before + 30
    assert store.busy_max <= 1
    down.off()
    clock.step_until(delivery, lambda: not spool.counts()[READY])
    assert delivery.flush(LONG_S)
    assert len(store.objects) == 500


@pytest.mark.parametrize("kind", [PASSING, DESTINATION])
def test_a_mended_store_takes_a_new_still_within_the_longest_wait_for_a_probe(
    spool: Spool, run: Run, kind: object
) -> None:
    assert max(PROBE_CAP_S, PROBE_OVERDUE_S) <= 15.0  # two of them within the 30 s that new stills are promised
    clock, down = Clock(), Switch()
    store = FakeStore(lambda _key: failure(kind) if down else None)  # type: ignore[arg-type]
    delivery = run(store, loop_factory=clock.loop, random=Longest())
    put_and_offer(spool, delivery, range(10))
    for _ in range(200):  # so long that every wait has its full length
        clock.step(delivery)
    tries = len(store.puts)
    while len(store.puts) == tries:
        clock.step(delivery, 0.5)
    down.off()  # just after a probe, so that the next one is as far away as can be
    (live,) = put_and_offer(spool, delivery, range(100, 101))
    clock.step(delivery, PROBE_CAP_S)
    wait_until(lambda: live.object_key in store.objects, "the live still")


def test_a_probe_that_hangs_does_not_hold_up_the_next_one(spool: Spool, run: Run) -> None:
    clock, down, hang = Clock(), Switch(), threading.Event()

    def answer(_key: str) -> Exception | None:
        if len(store.puts) == 2:  # the first probe
            hang.wait(LONG_S)
        return failure(PASSING) if down else None

    store = FakeStore(answer)
    delivery = run(store, store_workers=2, loop_factory=clock.loop)
    put_and_offer(spool, delivery, range(1))
    wait_until(lambda: delivery.stats().store_failures, "the first failure")
    settle(delivery)
    put_and_offer(spool, delivery, range(1, 2))
    wait_until(lambda: delivery._lanes.store.in_flight or clock.advance(0.1), "the probe")
    wait_until(lambda: store.busy == 1, "its upload, however late its thread comes")
    down.off()
    (live,) = put_and_offer(spool, delivery, range(2, 3))
    time.sleep(0.05)
    assert len(store.puts) == 2
    clock.advance(PROBE_OVERDUE_S)
    wait_until(lambda: live.object_key in store.objects, "the live still")
    hang.set()


def test_a_destination_failure_parks_says_so_once_drops_nothing_and_resumes(
    spool: Spool, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock, broken = Clock(), Switch()
    events: list[DeliveryEvent] = []
    store = FakeStore(lambda _key: failure(DESTINATION, "AccessDenied") if broken else None)
    delivery = run(store, listener=events.append, loop_factory=clock.loop)
    assert delivery.stats().parked_since_s is None
    put_and_offer(spool, delivery, range(50))
    wait_until(lambda: delivery.stats().parked, "the parking")
    for _ in range(10):
        clock.step(delivery)
    assert delivery.stats().parked == "storage.url: s3://bucket: AccessDenied: mend it"
    assert delivery.stats().parked_since_s == 160.0
    assert spool.counts()[READY] == 50
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "AccessDenied: mend it" in warnings[0]
    broken.off()
    clock.step_until(delivery, lambda: not spool.counts()[READY])
    wait_until(lambda: "resumed" in [event.kind for event in events], "the resumption")
    assert (delivery.stats().parked, delivery.stats().parked_since_s) == (None, None)
    assert spool.dropped == {}
    assert len(store.objects) == 50
    assert {event.kind for event in events} == {"parked", "stored", "resumed"}


@pytest.mark.parametrize(
    "error", [failure(PASSING), failure(DESTINATION), slow_down()], ids=["passing", "destination", "throttled"]
)
def test_one_still_that_always_fails_does_not_stop_the_others(spool: Spool, run: Run, error: Exception) -> None:
    items = [put(spool, make_still(number)) for number in range(40)]
    poison = items[0].object_key
    store = FakeStore(lambda key: error if key == poison else None)
    run(store)
    wait_until(lambda: spool.counts()[READY] == 1, "the delivery of the 39 good ones")
    assert len(store.objects) == 39
    assert spool.oldest(READY, 10) == [items[0].name]


def test_a_probe_takes_another_still_than_the_one_that_failed(spool: Spool, run: Run) -> None:
    clock = Clock()
    items = [put(spool, make_still(number)) for number in range(3)]
    poison = items[0].object_key
    store = FakeStore(lambda key: failure(PASSING) if key == poison else None)
    delivery = run(store, store_workers=1, loop_factory=clock.loop)
    wait_until(lambda: delivery.stats().store_failures == {"Code": 1}, "the first failure")
    clock.step(delivery)  # the probe and the failed one's own wait are due together
    wait_until(lambda: len(store.puts) >= 2, "the probe")
    assert store.puts[1] == items[1].object_key


def test_eight_uploads_that_are_told_to_slow_down_together_leave_four_which_grow_back(spool: Spool, run: Run) -> None:
    clock, together, go_on = Clock(), threading.Barrier(8), threading.Event()

    def answer(_key: str) -> Exception | None:
        if len(store.puts) <= 8:
            together.wait(LONG_S)
            return slow_down()
        go_on.wait(LONG_S)
        return None

    store = FakeStore(answer)
    delivery = run(store, store_workers=8, loop_factory=clock.loop)
    assert delivery.stats().upload_limit == 8
    put_and_offer(spool, delivery, range(100))
    wait_until(lambda: store.busy == 4 and len(store.puts) == 12, "the next four, while the clock stands still")
    assert delivery.stats().upload_limit == 4
    assert delivery._lanes.store.gate.closure is None
    go_on.set()
    wait_until(lambda: len(store.objects) == 92, "all but those that wait for their next try")
    assert delivery.stats().upload_limit == 8
    clock.step_until(delivery, lambda: not spool.counts()[READY])
    assert len(store.objects) == 100


def test_a_store_that_only_throttles_is_probed_in_the_end(spool: Spool, run: Run) -> None:
    clock, busy = Clock(), Switch()
    store = FakeStore(lambda _key: slow_down() if busy else None)
    delivery = run(store, store_workers=8, loop_factory=clock.loop)
    put_and_offer(spool, delivery, range(100))
    wait_until(lambda: delivery._lanes.store.gate.closure, "the closed gate")
    settle(delivery)
    assert delivery.stats().upload_limit == 1
    store.busy_max, before = 0, len(store.puts)
    for _ in range(10):
        clock.step(delivery)
    assert store.busy_max <= 1
    assert before < len(store.puts) <= before + 10
    busy.off()
    clock.step_until(delivery, lambda: not spool.counts()[READY])
    assert delivery.stats().upload_limit == 8


def test_what_is_captured_between_the_mend_and_the_probe_goes_before_the_outage(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillcast.delivery.waiting.LIVE_MAX", 100)
    clock, down = Clock(), Switch()
    store = FakeStore(lambda _key: failure(PASSING) if down else None)
    delivery = run(store, loop_factory=clock.loop, store_workers=1)
    put_and_offer(spool, delivery, range(600))
    wait_until(lambda: delivery.stats().store_failures, "the first failure")
    settle(delivery)
    down.off()
    tried = len(store.puts)
    fresh = put_and_offer(spool, delivery, range(600, 690))
    clock.step_until(delivery, lambda: spool.counts()[READY] == 0)
    first = store.puts[tried : tried + 90]
    assert len(set(first) & {item.object_key for item in fresh}) >= 89  # one more may be the probe's
    assert len(store.objects) == 690


def test_what_failed_in_an_outage_does_not_wait_for_its_own_turn_once_the_store_is_back(spool: Spool, run: Run) -> None:
    clock, down = Clock(), Switch()
    store = FakeStore(lambda _key: failure(PASSING) if down else None)
    delivery = run(store, loop_factory=clock.loop, random=Longest())
    put_and_offer(spool, delivery, range(3))
    for _ in range(60):
        clock.step(delivery)
    down.off()
    clock.step_until(delivery, lambda: store.objects)
    wait_until(lambda: len(store.objects) == 3, "all of them, with the clock standing still")
