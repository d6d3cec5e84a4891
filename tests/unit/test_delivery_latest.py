"""The newest picture of each feed: an older one never replaces a newer, whatever comes when."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from stillcast.delivery import Delivery
from stillcast.delivery.latest import _HUNG_S
from stillcast.naming import latest_key_of
from stillcast.spool import Spool, SpoolItem, State
from support.delivering import LONG_S, Clock, Run, after, run_fixture, spool_fixture  # noqa: F401
from support.fakes import DESTINATION, ITEM, PASSING, FakeNotifier, FakeStore, failure
from support.stills import START, make_still, put, wait_until

KEY = "test/latest/lobby/91.jpg"


def moments(store: FakeStore, key: str = KEY) -> list[int]:
    """Seconds after ``START`` of the pictures that were put there, in order."""
    return [second(text) for at, text in store.latest_puts if at == key]


def second(captured_at: str) -> int:
    return round((datetime.fromisoformat(captured_at) - START).total_seconds())


def started(run: Run, store: FakeStore, *, at: int = -100, **settings: object) -> Delivery:
    """A delivery that keeps newest pictures, begun so many seconds after ``START``."""
    return run(store, latest=store, clock=lambda: START.timestamp() + at, **settings)


def offer(spool: Spool, delivery: Delivery, number: int, **facts: object) -> SpoolItem:
    item = put(spool, make_still(number, **facts))  # type: ignore[arg-type]
    delivery.offer(item)
    return item


def offer_each(spool: Spool, delivery: Delivery, *numbers: int) -> None:
    """Offer stills one after the other, each once the one before is delivered."""
    for number in numbers:
        offer(spool, delivery, number)
        assert delivery.flush(LONG_S)


def test_the_newest_still_of_each_feed_stands_at_its_own_key(spool: Spool, run: Run) -> None:
    store = FakeStore()
    delivery = started(run, store)
    offer_each(spool, delivery, 1, 2)
    other = offer(spool, delivery, 1, cname="a/b", uid="Zo\u00eb")
    assert delivery.flush(LONG_S)
    assert moments(store) == [1, 2]
    assert set(store.latest) == {KEY, "test/latest/a%2Fb/Zo%C3%AB.jpg"}
    assert latest_key_of(other.object_key) == "test/latest/a%2Fb/Zo%C3%AB.jpg"
    body, _ = store.latest[KEY]
    assert body in store.objects.values()


def test_without_the_setting_nothing_but_stills_is_put(spool: Spool, run: Run) -> None:
    store = FakeStore()
    delivery = run(store)
    offer_each(spool, delivery, 1)
    assert store.latest_puts == store.looks == []


def test_an_older_still_that_is_stored_later_is_left_out(spool: Spool, run: Run) -> None:
    store = FakeStore()
    delivery = started(run, store)
    offer_each(spool, delivery, 5, 3, 5, 6, 4)
    assert moments(store) == [5, 6]
    assert len(store.objects) == 5


def test_a_backlog_that_comes_after_live_stills_does_not_bring_the_past_back(spool: Spool, run: Run) -> None:
    gate = threading.Event()
    store = FakeStore(after(gate.wait))
    items = [put(spool, make_still(number)) for number in range(20)]
    delivery = started(run, store, store_workers=1)
    wait_until(lambda: store.puts, "the first put")
    live = offer(spool, delivery, 100)
    gate.set()
    assert delivery.flush(LONG_S)
    assert store.puts[:2] == [items[0].object_key, live.object_key]
    assert len(store.puts) == 21
    assert moments(store) == [0, 100]


def test_of_one_feed_one_upload_runs_at_a_time_and_what_came_meanwhile_is_put_once(spool: Spool, run: Run) -> None:
    store, gate = FakeStore(), threading.Event()

    def slow(_key: str) -> None:
        gate.wait(LONG_S)

    store.answer_latest = slow
    delivery = started(run, store)
    offer(spool, delivery, 1)
    wait_until(lambda: store.latest_puts)
    for number in (2, 9, 4, 7):
        offer(spool, delivery, number)
    wait_until(lambda: delivery.stats().stored == 5)
    offer(spool, delivery, 1, uid="92")
    wait_until(lambda: len(store.latest_puts) == 2)  # another feed does not wait for this one
    gate.set()
    assert delivery.flush(LONG_S)
    assert moments(store) == [1, 9]  # and no two at once: the store would have said so


def test_a_feed_whose_stills_come_faster_than_they_are_put_holds_two_uploads_at_most(spool: Spool, run: Run) -> None:
    store, gate = FakeStore(), threading.Event()

    def slow(key: str) -> None:
        if key == KEY:
            gate.wait(LONG_S)

    store.answer_latest = slow
    delivery = started(run, store, store_workers=3)
    offer(spool, delivery, 0)
    wait_until(lambda: store.latest_puts)
    for number in range(1, 10):
        offer(spool, delivery, number)
    wait_until(lambda: delivery.stats().stored == 10)
    wait_until(lambda: delivery._lanes.store.in_flight == 2)  # one puts, one is next
    offer(spool, delivery, 1, uid="92")
    wait_until(lambda: "test/latest/lobby/92.jpg" in store.latest)
    gate.set()
    assert delivery.flush(LONG_S)
    assert moments(store) == [0, 9]


@pytest.mark.parametrize("kind", [PASSING, DESTINATION, ITEM])
def test_a_failure_is_counted_and_said_once_and_the_next_still_comes_in_its_place(
    spool: Spool, run: Run, caplog: pytest.LogCaptureFixture, kind: object
) -> None:
    store, notifier = FakeStore(), FakeNotifier()
    store.answer_latest = lambda _key: failure(kind)  # type: ignore[arg-type]
    delivery = started(run, store, notifier=notifier)
    offer_each(spool, delivery, 1, 2)
    assert (delivery.stats().latest_failed, delivery.stats().stored, len(notifier.announced)) == (2, 2, 2)
    assert delivery.stats().store_failures == {}
    assert delivery.stats().parked is None
    assert spool.counts() == dict.fromkeys(State, 0)
    (record,) = caplog.records
    assert "mend it" in record.getMessage()
    store.answer_latest = lambda _key: None
    offer_each(spool, delivery, 3)
    assert moments(store) == [1, 2, 3]
    assert second(store.latest[KEY][1]) == 3


def test_a_store_that_breaks_in_a_new_way_costs_the_still_nothing(spool: Spool, run: Run) -> None:
    store = FakeStore()
    store.answer_latest = lambda _key: RuntimeError("new")
    delivery = started(run, store)
    offer_each(spool, delivery, 1)
    assert (delivery.stats().latest_failed, delivery.stats().stored) == (1, 1)


def test_a_put_whose_answer_was_lost_may_have_arrived_so_nothing_older_follows_it(spool: Spool, run: Run) -> None:
    store = FakeStore()
    store.answer_latest = lambda _key: failure(PASSING)
    delivery = started(run, store)
    offer_each(spool, delivery, 5)
    store.answer_latest = lambda _key: None
    offer_each(spool, delivery, 4, 6)
    assert moments(store) == [5, 6]


def test_what_an_earlier_run_put_is_read_once_before_the_first_put(spool: Spool, run: Run) -> None:
    store = FakeStore()
    store.latest[KEY] = (b"newer", "2020-12-16T08:11:33.672Z")  # 5 s after START
    for number in (3, 4):
        put(spool, make_still(number))
    delivery = started(run, store)
    assert delivery.flush(LONG_S)
    assert moments(store) == []
    offer_each(spool, delivery, 6)
    assert moments(store) == [6]
    assert store.looks == [KEY]


def test_a_time_ahead_of_the_clock_is_not_believed(spool: Spool, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    store.latest[KEY] = (b"of a clock that was wrong", "2030-01-01T00:00:00.000Z")
    put(spool, make_still(3))  # of the run before
    delivery = started(run, store, at=10)
    assert delivery.flush(LONG_S)
    assert moments(store) == []
    offer_each(spool, delivery, 11, 12, 9)
    assert moments(store) == [11, 12]
    ahead = [record for record in caplog.records if "ahead of this clock" in record.getMessage()]
    assert len(ahead) == 1
    assert KEY in ahead[0].getMessage()


@pytest.mark.parametrize("kind", [DESTINATION, ITEM])
def test_where_nobody_can_say_what_is_there_pictures_from_before_this_run_are_left_out(
    spool: Spool, run: Run, kind: object
) -> None:
    store = FakeStore()
    store.answer_look = lambda _key: failure(kind, "HTTP403")  # type: ignore[arg-type]
    put(spool, make_still(99))  # of the run before
    delivery = started(run, store, at=100)
    assert delivery.flush(LONG_S)
    assert moments(store) == []
    offer_each(spool, delivery, 101)
    assert moments(store) == [101]
    assert delivery.stats().latest_failed == 0


def test_a_look_that_fails_for_a_while_is_a_failure_and_is_made_again(spool: Spool, run: Run) -> None:
    store = FakeStore()
    store.latest[KEY] = (b"newer", "2020-12-16T08:11:33.672Z")  # 5 s after START
    store.answer_look = lambda _key: failure(PASSING)
    delivery = started(run, store)
    offer_each(spool, delivery, 4)
    assert (delivery.stats().latest_failed, moments(store)) == (1, [])
    store.answer_look = lambda _key: None
    offer_each(spool, delivery, 3, 7)
    assert moments(store) == [7]


def test_an_upload_that_hangs_holds_up_its_own_feed_alone_and_no_second_one_joins_it(spool: Spool, run: Run) -> None:
    store, gate, clock = FakeStore(), threading.Event(), Clock()

    def hang(key: str) -> None:
        if key == KEY and not gate.is_set():
            gate.wait(LONG_S)

    store.answer_latest = hang
    delivery = started(run, store, loop_factory=clock.loop)
    offer(spool, delivery, 1)
    wait_until(lambda: store.latest_puts)
    wait_until(lambda: delivery.stats().stored == 1)
    clock.advance(_HUNG_S + 1)
    wait_until(lambda: delivery.stats().latest_failed == 1)
    offer_each(spool, delivery, 2)
    assert delivery.stats().latest_failed == 2
    offer(spool, delivery, 1, uid="92")
    assert delivery.flush(LONG_S)
    assert moments(store) == [1]
    assert "test/latest/lobby/92.jpg" in store.latest
    gate.set()
    wait_until(lambda: KEY in store.latest)
    wait_until(lambda: not store._replacing)
    offer_each(spool, delivery, 3)
    assert moments(store) == [1, 3]


def test_feeds_that_are_forgotten_are_asked_for_again(spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillcast.delivery.latest.FEEDS_MAX", 2)
    store = FakeStore()
    delivery = started(run, store)
    for number, uid in enumerate(["a", "b", "c", "a"]):
        offer(spool, delivery, number, uid=uid)
        assert delivery.flush(LONG_S)
    assert [key.split("/")[-1] for key in store.looks] == ["a.jpg", "b.jpg", "c.jpg", "a.jpg"]
    assert [second(text) for _, text in store.latest_puts] == [0, 1, 2, 3]


def test_what_was_forgotten_and_cannot_be_asked_for_is_not_replaced_by_anything_older(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillcast.delivery.latest.FEEDS_MAX", 1)
    store = FakeStore()
    store.answer_look = lambda _key: failure(DESTINATION, "HTTP403")
    delivery = started(run, store)
    for number, uid in ((5, "a"), (6, "b"), (4, "a"), (7, "a")):
        offer(spool, delivery, number, uid=uid)
        assert delivery.flush(LONG_S)
    assert [second(text) for _, text in store.latest_puts] == [5, 6, 7]


def test_many_threads_and_a_shuffled_backlog_end_with_the_newest_of_each_feed(spool: Spool, run: Run) -> None:
    store = FakeStore()
    delivery = started(run, store)
    for number in range(0, 120, 2):
        offer(spool, delivery, (number * 37) % 120, uid=str(number % 6))
    assert delivery.flush(LONG_S)
    for uid in "024":
        puts = moments(store, f"test/latest/lobby/{uid}.jpg")
        numbers = [(number * 37) % 120 for number in range(0, 120, 2) if str(number % 6) == uid]
        assert puts == sorted(set(puts))
        assert puts[-1] == max(numbers)
