"""The delivery ends in time, whatever hangs, and what it did not deliver is on disk."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stillcast.delivery import Delivery
from stillcast.errors import CallbackError
from stillcast.spool import Spool, State
from support.delivering import (
    LONG_S,
    Clock,
    Run,
    Switch,
    after,
    put_and_offer,
    run_fixture,  # noqa: F401
    settle,
    spool_fixture,  # noqa: F401
)
from support.fakes import PASSING, FakeNotifier, FakeStore, failure
from support.stills import make_spool, make_still, put, wait_until

READY = State.READY


def test_stop_interrupts_a_long_wait_tries_once_more_and_delivers(spool: Spool, run: Run) -> None:
    clock, down = Clock(), Switch()
    store, notifier = FakeStore(lambda _key: failure(PASSING) if down else None), FakeNotifier()
    delivery = run(store, notifier, loop_factory=clock.loop)
    put_and_offer(spool, delivery, range(100))
    wait_until(lambda: store.puts, "the first tries")
    settle(delivery)
    down.off()  # the loop's clock stands still: without stop() there would be no other try
    delivery.stop(LONG_S)
    assert len(store.objects) == len(notifier.announced) == 100
    assert spool.counts() == dict.fromkeys(State, 0)
    assert store.closed
    assert notifier.closed


def test_stop_against_a_dead_store_ends_after_a_few_last_tries_and_keeps_everything(spool: Spool, run: Run) -> None:
    store = FakeStore(lambda _key: failure(PASSING))
    delivery = run(store)
    put_and_offer(spool, delivery, range(100))
    wait_until(lambda: store.puts, "the first try")
    delivery.stop(LONG_S)
    assert not delivery._thread.is_alive()
    assert spool.counts()[READY] == 100


def test_stop_leaves_a_hanging_upload_to_itself_and_its_still_on_disk(spool: Spool, run: Run) -> None:
    hang = threading.Event()
    store = FakeStore(after(hang.wait))
    delivery = run(store)
    items = put_and_offer(spool, delivery, range(12))
    wait_until(lambda: store.busy == 8, "eight hanging uploads")
    delivery.stop(0.1)
    assert not delivery._thread.is_alive()
    assert store.busy == 8
    assert spool.counts()[READY] == 12
    spool.close()
    hang.set()
    wait_until(lambda: store.busy == 0, "the uploads' end")
    with make_spool(spool.path) as again:  # what ended after the close changed nothing here
        assert again.oldest(READY, 100) == [item.name for item in items]


def test_a_process_ends_though_an_upload_hangs(tmp_path: Path) -> None:
    code = """
import sys, threading
sys.path[:0] = sys.argv[2:]
from stillcast.delivery import Delivery
from support.fakes import FakeStore
from support.stills import make_spool, put, wait_until
spool = make_spool(sys.argv[1])
spool.open()
store = FakeStore(lambda key: threading.Event().wait())
delivery = Delivery(spool, store)
delivery.start()
delivery.offer(put(spool))
wait_until(lambda: store.busy, "the upload")
delivery.stop(0.1)
print("stopped")
"""
    command = [sys.executable, "-c", code, str(tmp_path / "spool"), *sys.path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=True)
    assert run.stdout == "stopped\n"


def test_offers_before_the_start_and_after_the_stop_are_harmless(spool: Spool) -> None:
    store = FakeStore()
    delivery = Delivery(spool, store)
    delivery.offer(put(spool, make_still(1)))
    delivery.stop(1.0)
    delivery.start()
    assert delivery.flush(LONG_S)
    delivery.stop(1.0)
    delivery.offer(put(spool, make_still(2)))
    delivery.stop(1.0)
    assert not delivery.flush(LONG_S)
    assert (len(store.objects), spool.counts()[READY]) == (1, 1)


def test_a_notifier_that_cannot_start_fails_the_start(spool: Spool) -> None:
    class Broken(FakeNotifier):
        async def start(self) -> None:
            raise CallbackError("callback.ca_file: cannot be used")

    with pytest.raises(CallbackError, match=r"callback.ca_file"):
        Delivery(spool, FakeStore(), Broken()).start()


def test_a_stop_against_a_dead_callback_server_gives_up_a_few_stills_and_keeps_the_others(
    spool: Spool, run: Run
) -> None:
    clock = Clock()
    notifier = FakeNotifier(lambda _request_id: True)
    delivery = run(FakeStore(), notifier, loop_factory=clock.loop)
    put_and_offer(spool, delivery, range(200))
    wait_until(lambda: delivery.stats().callbacks_parked, "the breaker")
    settle(delivery)
    dead = spool.counts()[State.DEAD]
    delivery.stop(LONG_S)
    assert spool.counts()[State.DEAD] <= dead + 3
    assert spool.counts()[State.STORED] >= 200 - 32 - 3


def test_a_store_that_cannot_be_closed_does_not_hold_up_the_stop(spool: Spool, run: Run) -> None:
    hang = threading.Event()

    class Stuck(FakeStore):
        def close(self) -> None:
            hang.wait()

    delivery = run(Stuck())
    delivery.stop(LONG_S)
    assert not delivery._thread.is_alive()
    hang.set()


def test_an_upload_that_hangs_for_ever_gives_its_worker_up_and_is_not_tried_twice_at_once(
    spool: Spool, run: Run
) -> None:
    hang, clock = threading.Event(), Clock()
    items = [put(spool, make_still(number)) for number in range(30)]
    bad = items[0].object_key
    store = FakeStore(lambda key: after(hang.wait)(key) if key == bad else None)  # type: ignore[func-returns-value]
    delivery = run(store, loop_factory=clock.loop, store_workers=1)
    wait_until(lambda: store.busy == 1, "the upload that hangs")
    clock.advance(61.0)
    wait_until(lambda: delivery.stats().store_failures == {"Hung": 1}, "the end of patience")
    wait_until(lambda: clock.advance(16.0) or len(store.objects) == 29, "the others")
    for _ in range(10):
        clock.advance(61.0)
    assert store.puts.count(bad) == 1
    hang.set()
    wait_until(lambda: clock.advance(16.0) or spool.counts()[READY] == 0, "the end of the last one")
    assert delivery.stats().stored == 30


def test_threads_stay_bounded_however_many_uploads_hang(spool: Spool, run: Run) -> None:
    hang, clock, others = threading.Event(), Clock(), set(threading.enumerate())
    store = FakeStore(after(hang.wait))
    delivery = run(store, loop_factory=clock.loop, store_workers=3)
    put_and_offer(spool, delivery, range(50))
    wait_until(lambda: store.busy == 3, "three uploads that hang")
    for _ in range(30):
        clock.advance(61.0)
        time.sleep(0.005)
    assert store.busy == store.busy_max == 6
    assert sum(thread.name.startswith("stillcast-store") for thread in {*threading.enumerate()} - others) == 6
    hang.set()
    wait_until(lambda: clock.advance(16.0) or spool.counts()[READY] == 0, "the end")
    assert delivery.stats().stored == 50
