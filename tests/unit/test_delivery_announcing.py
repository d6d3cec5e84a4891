"""Callbacks: dead letters, the breaker, later tries by a schedule, reports of what was missed."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from stillcast.callbacks import CallbackFailure
from stillcast.delivery import Delivery
from stillcast.delivery.lanes import BREAKER, CALLBACKS, LATER_CALLBACKS
from stillcast.spool import Spool, SpoolItem, State
from stillcast.spool.item import describe
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
from support.fakes import ITEM, FakeNotifier, FakeStore, failure, until
from support.stills import START, make_spool, make_still, put, wait_until

STORED, DEFERRED, DEAD = State.STORED, State.DEFERRED, State.DEAD


class WallClock:
    """Seconds since 1970, for spool and delivery."""

    def __init__(self) -> None:
        self.now = START.timestamp()

    def __call__(self) -> float:
        return self.now


def test_a_failed_callback_becomes_a_dead_letter_and_the_others_are_announced(spool: Spool, run: Run) -> None:
    items = [put(spool, make_still(number)) for number in range(20)]
    notifier = FakeNotifier(lambda request_id: request_id == items[3].request_id)
    delivery = run(FakeStore(), notifier)
    assert not delivery.flush(LONG_S)
    assert len(notifier.announced) == 19
    (entry,) = spool.ls()
    assert (entry.state, entry.name) == (DEAD, items[3].name)
    assert "status 500 after 3 attempts" in str(entry.reason)
    assert delivery.stats().callback_failures == {"status 500": 3}


def missed(request_id: str) -> SpoolItem:
    return describe(make_still(), request_id=request_id, extra_info="")


@pytest.mark.parametrize("asked", [False, True])
def test_what_can_never_be_stored_is_reported_where_that_is_asked_for(spool: Spool, run: Run, asked: bool) -> None:
    notifier = FakeNotifier()
    delivery = run(FakeStore(lambda _key: failure(ITEM)), notifier, report_failures=asked)
    item = put(spool)
    delivery.offer(item)
    wait_until(lambda: delivery.stats().dead_letters == 1, "the dead letter")
    wait_until(lambda: delivery.stats().reported == asked, "the report")
    assert notifier.tried == [item.request_id] * asked


def test_reports_of_missed_stills_are_posted_and_counted(spool: Spool, run: Run) -> None:
    notifier = FakeNotifier(lambda request_id: request_id == "bad")
    delivery = run(FakeStore(), notifier, report_failures=True)
    for request_id in ("one", "bad", "two"):
        delivery.report_missed(missed(request_id), "No frame")
    wait_until(lambda: delivery.stats().reported == 2, "two reports")
    wait_until(lambda: delivery.stats().reports_failed == 1, "the failed report")
    assert notifier.tried == ["one", "bad", "two"]


def test_reports_are_bounded_and_what_does_not_fit_is_counted(spool: Spool) -> None:
    delivery = Delivery(spool, FakeStore(), FakeNotifier(), report_failures=True)
    for number in range(300):
        delivery.report_missed(missed(str(number)), "No frame")
    assert delivery.stats().reports_failed == 300 - 256


def test_a_dead_server_costs_no_upload_and_few_dead_letters_and_a_mended_one_is_told_of_the_rest(
    spool: Spool, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock, down = Clock(), Switch()
    store, notifier = FakeStore(), FakeNotifier(lambda _request_id: bool(down))
    delivery = run(store, notifier, loop_factory=clock.loop)
    put_and_offer(spool, delivery, range(400))
    wait_until(lambda: len(store.objects) == 400, "every upload, though no callback succeeds")
    wait_until(lambda: delivery.stats().callbacks_parked, "the breaker")
    settle(delivery)
    first = spool.counts()[DEAD]
    assert BREAKER <= first < BREAKER + CALLBACKS
    assert "status 500 after 3 attempts" in str(delivery.stats().callbacks_parked)
    notifier.busy_max = 0
    for _ in range(10):
        clock.step(delivery)
    probes = spool.counts()[DEAD] - first
    assert 1 <= probes <= 10
    assert notifier.busy_max == 1
    assert spool.counts()[STORED] == 400 - first - probes
    down.off()
    clock.step_until(delivery, lambda: not spool.counts()[STORED])
    settle(delivery)
    assert delivery.stats().callbacks_parked is None
    assert len(notifier.announced) == len(set(notifier.announced)) == 400 - spool.counts()[DEAD]
    lines = [record.getMessage() for record in caplog.records if "callbacks" in record.getMessage()]
    assert [line.split(":")[0] for line in lines] == [
        "callbacks are held but for a probe now and then",
        "callbacks succeed again",
    ]


def test_a_success_between_keeps_the_breaker_from_opening(spool: Spool, run: Run) -> None:
    notifier = FakeNotifier(lambda request_id: notifier.tried.index(request_id) % (BREAKER // 2) != 0)
    delivery = run(FakeStore(), notifier)
    put_and_offer(spool, delivery, range(100))
    assert not delivery.flush(LONG_S)
    assert len(notifier.tried) == 100


def test_callbacks_run_beside_each_other_and_never_more_than_sixteen(spool: Spool, run: Run) -> None:
    async def answer() -> None:
        await until(lambda: notifier.busy_max == CALLBACKS)

    notifier = FakeNotifier(answer=answer)
    delivery = run(FakeStore(), notifier)
    put_and_offer(spool, delivery, range(100))
    assert delivery.flush(LONG_S)
    assert notifier.busy_max == CALLBACKS


def test_a_still_that_a_cap_dropped_during_its_callback_is_counted_once(spool: Spool, run: Run) -> None:
    async def answer() -> None:
        for name in spool.oldest(STORED, 10):
            spool.remove(STORED, name)

    delivery = run(FakeStore(), FakeNotifier(answer=answer))
    put_and_offer(spool, delivery, range(1))
    wait_until(lambda: delivery.stats().stored == 1 and not spool.counts()[STORED], "the drop")
    settle(delivery)
    assert delivery.stats().announced == 0


def test_reports_are_dropped_and_counted_while_callbacks_are_held(spool: Spool, run: Run) -> None:
    clock = Clock()
    notifier = FakeNotifier(lambda _request_id: True)
    delivery = run(FakeStore(), notifier, report_failures=True, loop_factory=clock.loop)
    put_and_offer(spool, delivery, range(100))
    wait_until(lambda: delivery.stats().callbacks_parked, "the breaker")
    settle(delivery)
    tried = len(notifier.tried)
    for number in range(50):
        delivery.report_missed(missed(str(number)), "No frame")
    wait_until(lambda: delivery.stats().reports_failed == 50, "the count")
    assert len(notifier.tried) == tried


def test_a_report_that_hangs_does_not_delay_an_announcement(spool: Spool, run: Run) -> None:
    hang = threading.Event()

    async def answer() -> None:
        if len(notifier.tried) == 1:
            await until(hang.is_set)

    notifier = FakeNotifier(answer=answer)
    delivery = run(FakeStore(), notifier, report_failures=True)
    delivery.report_missed(missed("report"), "No frame")
    wait_until(lambda: notifier.tried == ["report"], "the report")
    put_and_offer(spool, delivery, range(20))
    assert delivery.flush(LONG_S)
    assert len(notifier.announced) == 20
    hang.set()


WAITS_S = (5.0, 300.0)


@pytest.fixture
def wall() -> WallClock:
    return WallClock()


def start(spool: Spool, notifier: FakeNotifier, clock: Clock, wall: WallClock) -> Delivery:
    delivery = Delivery(spool, FakeStore(), notifier, loop_factory=clock.loop, clock=wall)
    delivery.start()
    return delivery


def test_a_callback_on_a_schedule_is_tried_when_it_is_due_and_given_up_after_the_last_time(
    tmp_path: Path, wall: WallClock
) -> None:
    clock, notifier = Clock(), FakeNotifier(lambda _request_id: True, waits_s=WAITS_S)
    with make_spool(tmp_path / "spool", clock=wall) as spool:
        delivery = start(spool, notifier, clock, wall)
        item = put(spool)
        delivery.offer(item)
        for tries, wait_s in enumerate(WAITS_S, start=1):
            wait_until(lambda: spool.counts()[DEFERRED] == 1, "the deferral")
            wait_until(lambda tries=tries: len(notifier.tried) == tries, "the try")
            settle(delivery)
            assert delivery.stats().deferred == 1
            assert spool.attempts(item.name) == tries
            wall.now += wait_s - 0.5
            for _ in range(5):
                clock.step(delivery)
            assert len(notifier.tried) == tries
            wall.now += 1.0
            clock.step_until(delivery, lambda tries=tries: len(notifier.tried) == tries + 1)
        wait_until(lambda: spool.counts()[DEAD] == 1, "the dead letter")
        (entry,) = spool.ls()
        assert str(entry.reason).endswith("(callback 3, the last one)")
        assert delivery.stats().dead_letters == 1
        assert not delivery.flush(LONG_S)
        delivery.stop(5.0)


def test_the_schedule_goes_on_after_a_restart(tmp_path: Path, wall: WallClock) -> None:
    clock, notifier = Clock(), FakeNotifier(lambda _request_id: True, waits_s=WAITS_S)
    with make_spool(tmp_path / "spool", clock=wall) as spool:
        delivery = start(spool, notifier, clock, wall)
        put_and_offer(spool, delivery, range(10))
        wait_until(lambda: spool.counts()[DEFERRED] == 10, "the deferrals")
        delivery.stop(5.0)
    with make_spool(tmp_path / "spool", clock=wall) as spool:
        delivery = start(spool, notifier, clock, wall)
        clock.step(delivery)
        assert len(notifier.tried) == 10
        wall.now += 5.0
        clock.step_until(delivery, lambda: len(notifier.tried) == 20)
        wait_until(lambda: {spool.attempts(name) for name in spool.due(10)} == set(), "the next deferral")
        wall.now += 300.0
        notifier.fails = lambda _request_id: False
        clock.step_until(delivery, lambda: not spool.counts()[DEFERRED])
        assert delivery.flush(LONG_S)
        assert delivery.stats().announced == 10
        delivery.stop(5.0)


def test_a_server_that_says_gone_gets_no_later_callback(spool: Spool, run: Run) -> None:
    class Gone(FakeNotifier):
        async def notify(self, body: bytes, request_id: str) -> tuple[str, ...]:
            raise CallbackFailure("callback.url: https://host: status 410 after one attempt: ...", ("status 410",))

    delivery = run(FakeStore(), Gone(waits_s=WAITS_S))
    put_and_offer(spool, delivery, range(1))
    wait_until(lambda: spool.counts()[DEAD] == 1, "the dead letter")
    assert delivery.stats().deferred == 0


def test_a_server_that_is_dead_for_long_uses_up_no_tries_of_what_waits(tmp_path: Path, wall: WallClock) -> None:
    clock, down = Clock(), Switch()
    notifier = FakeNotifier(lambda _request_id: bool(down), waits_s=(5.0,) * 9)
    with make_spool(tmp_path / "spool", clock=wall) as spool:
        delivery = start(spool, notifier, clock, wall)
        put_and_offer(spool, delivery, range(300))
        for _ in range(200):
            wall.now += 60.0
            clock.step(delivery)
        assert spool.counts()[DEAD] < 60
        assert delivery.stats().callbacks_parked
        down.off()

        def is_done() -> bool:
            wall.now += 60.0
            return not spool.counts()[STORED] and not spool.counts()[DEFERRED]

        clock.step_until(delivery, is_done)
        assert delivery.stats().announced == 300 - spool.counts()[DEAD]
        delivery.stop(5.0)


def test_later_callbacks_are_few_at_a_time_and_first_ones_do_not_wait_for_them(tmp_path: Path, wall: WallClock) -> None:
    clock, down, hang = Clock(), Switch(), Switch()
    notifier = FakeNotifier(lambda _request_id: bool(down), waits_s=WAITS_S)
    with make_spool(tmp_path / "spool", clock=wall) as spool:
        delivery = start(spool, notifier, clock, wall)
        put_and_offer(spool, delivery, range(12))
        wait_until(lambda: spool.counts()[DEFERRED] == 12, "the deferrals")
        settle(delivery)

        async def answer() -> None:
            await until(lambda: not hang)

        notifier.answer, notifier.busy_max = answer, 0
        down.off()
        wall.now += 5.0
        wait_until(lambda: clock.advance(1.0) or notifier.busy == LATER_CALLBACKS, "the later callbacks")
        put_and_offer(spool, delivery, range(100, 104))
        wait_until(lambda: notifier.busy == LATER_CALLBACKS + 4, "the first callbacks of others")
        hang.off()
        clock.step_until(delivery, lambda: not spool.counts()[DEFERRED])
        assert len(notifier.announced) == 16
        delivery.stop(5.0)
