"""What comes every second: tending, tidying, chores; and the start while old files are still being counted."""

from __future__ import annotations

import threading

import pytest

from stillcast.delivery import Delivery
from stillcast.delivery.rounds import COUNTING_ROUND_S, ROUND_S
from stillcast.errors import SpoolError
from stillcast.spool import Spool, State
from support.delivering import LONG_S, Clock, Run, run_fixture, spool_fixture  # noqa: F401
from support.fakes import FakeStore
from support.stills import make_still, put, wait_until


def test_store_spool_and_chores_are_seen_to_once_a_second(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied: list[str] = []
    done: list[str] = []
    monkeypatch.setattr(spool, "tidy", lambda: tidied.append(threading.current_thread().name))
    clock, store = Clock(), FakeStore()
    run(store, loop_factory=clock.loop, chores=[lambda: done.append("one"), lambda: done.append("two")])
    for rounds in range(1, 5):
        wait_until(lambda rounds=rounds: len(done) == 2 * rounds and store.tended == rounds, "the round")
        wait_until(lambda: clock.timers() == 2, "the pause of both")
        clock.advance(ROUND_S / 2)
        assert (len(tidied), store.tended) == (rounds, rounds)
        clock.advance(ROUND_S / 2)
    assert done[:4] == ["one", "two", "one", "two"]
    assert {name.rsplit("-", 1)[0] for name in tidied} == {"stillcast-chore"}


def test_a_chore_that_raises_stops_neither_the_others_nor_the_rounds(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def tidy() -> None:
        raise SpoolError("spool.path: cannot tidy")

    def bad() -> None:
        raise ZeroDivisionError

    done: list[int] = []
    monkeypatch.setattr(spool, "tidy", tidy)
    clock, store = Clock(), FakeStore()
    run(store, loop_factory=clock.loop, chores=[bad, lambda: done.append(1)])
    for _ in range(3):
        before = len(done)
        wait_until(lambda before=before: clock.advance(ROUND_S) or len(done) > before, "the next round")
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["spool.path: cannot tidy", "chores: unexpected ZeroDivisionError: : report it"]


def test_a_chore_that_hangs_delays_neither_the_store_nor_a_still(spool: Spool, run: Run) -> None:
    hang, clock, store = threading.Event(), Clock(), FakeStore()
    delivery = run(store, loop_factory=clock.loop, chores=[lambda: hang.wait() and None])
    wait_until(lambda: clock.advance(ROUND_S) or store.tended > 3, "the tending")
    delivery.offer(put(spool))
    assert delivery.flush(LONG_S)
    hang.set()


def test_until_old_files_are_counted_rounds_are_quick_live_stills_go_and_flush_waits(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = threading.Event()
    old = [put(spool, make_still(number)) for number in range(20)]
    monkeypatch.setattr(Spool, "counted", property(lambda _self: counted.is_set()))
    real = spool.oldest
    monkeypatch.setattr(spool, "oldest", lambda *given: real(*given) if counted.is_set() else [])
    clock, store = Clock(), FakeStore()
    delivery = run(store, loop_factory=clock.loop)
    live = put(spool, make_still(100))
    delivery.offer(live)
    wait_until(lambda: store.objects, "the live still")
    assert list(store.objects) == [live.object_key]
    for _ in range(4):
        clock.advance(COUNTING_ROUND_S)
        assert not delivery.flush(0.01)
    counted.set()
    wait_until(lambda: clock.advance(COUNTING_ROUND_S) or len(store.objects) == 21, "the old ones")
    assert {item.object_key for item in old} < store.objects.keys()
    assert delivery.flush(LONG_S)


def test_a_flush_waits_for_the_count_even_where_nothing_else_waits(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool, "counted", property(lambda _self: False))
    delivery: Delivery = run(FakeStore())
    assert not delivery.flush(0.05)
    assert spool.counts()[State.READY] == 0


def test_the_stores_clock_is_passed_on(spool: Spool, run: Run) -> None:
    store = FakeStore()
    delivery = run(store)
    assert delivery.stats().store_clock_skew_s is None
    store.clock_skew_s = -3.5
    assert delivery.stats().store_clock_skew_s == -3.5
