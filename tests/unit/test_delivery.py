"""The delivery: at least once, never in each other's way, live before backlog."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stillcast.delivery import Delivery, DeliveryEvent
from stillcast.spool import Spool, State
from stillcast.storage import DirectoryStore
from support.delivering import LONG_S, Run, after, put_and_offer, run_fixture, settle, spool_fixture  # noqa: F401
from support.fakes import ITEM, PASSING, FakeNotifier, FakeStore, failure
from support.stills import make_spool, make_still, put, wait_until

READY, STORED, DEAD = State.READY, State.STORED, State.DEAD


def test_an_offered_still_is_stored_announced_and_gone_from_the_spool(spool: Spool, run: Run) -> None:
    store, notifier = FakeStore(), FakeNotifier()
    delivery = run(store, notifier)
    still = make_still()
    item = put(spool, still)
    delivery.offer(item)
    assert delivery.flush(LONG_S)
    assert store.objects == {item.object_key: still.jpeg}
    assert store.metadata[item.object_key]["sha256"] == hashlib.sha256(still.jpeg).hexdigest()
    assert notifier.announced == [item.request_id]
    assert spool.counts() == dict.fromkeys(State, 0)
    stats = delivery.stats()
    assert (stats.stored, stats.announced, stats.waiting_store, stats.waiting_announce) == (1, 1, 0, 0)


def test_without_a_notifier_a_still_is_done_with_once_it_is_stored(spool: Spool, run: Run) -> None:
    store = FakeStore()
    delivery = run(store)
    put_and_offer(spool, delivery, range(20))
    assert delivery.flush(LONG_S)
    assert len(store.objects) == 20
    assert spool.counts() == dict.fromkeys(State, 0)


def test_what_an_earlier_run_left_is_stored_and_announced(spool: Spool, run: Run) -> None:
    ready = [put(spool, make_still(number)) for number in range(5)]
    stored = [put(spool, make_still(number)) for number in range(10, 13)]
    for item in stored:
        spool.move(item.name, READY, STORED)
    store, notifier = FakeStore(), FakeNotifier()
    delivery = run(store, notifier)
    assert delivery.flush(LONG_S)
    assert set(store.objects) == {item.object_key for item in ready}
    assert sorted(notifier.announced) == sorted(item.request_id for item in ready + stored)


def test_a_backlog_of_many_chunks_is_delivered_oldest_first_and_once_each(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillcast.delivery.lane.CHUNK", 10)
    items = [put(spool, make_still(number)) for number in range(95)]
    store = FakeStore()
    delivery = run(store, store_workers=1)
    assert delivery.flush(LONG_S)
    assert store.puts == [item.object_key for item in items]


def test_live_stills_go_before_the_backlog(spool: Spool, run: Run) -> None:
    backlog = [put(spool, make_still(number)) for number in range(30)]
    gate = threading.Event()
    store = FakeStore(after(gate.wait))
    delivery = run(store, store_workers=1)
    wait_until(lambda: store.puts, "the first put")
    live = put_and_offer(spool, delivery, range(100, 103))
    gate.set()
    assert delivery.flush(LONG_S)
    assert store.puts[:4] == [backlog[0].object_key, *(item.object_key for item in reversed(live))]
    assert len(store.puts) == 33


def test_more_live_stills_than_memory_holds_all_arrive(spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillcast.delivery.waiting.LIVE_MAX", 256)
    gate = threading.Event()
    store = FakeStore(after(gate.wait))
    delivery = run(store)
    items = put_and_offer(spool, delivery, range(2 * 256 + 10))
    gate.set()
    assert delivery.flush(LONG_S)
    assert sorted(store.puts) == sorted(item.object_key for item in items)


def test_uploads_run_beside_each_other_and_never_more_than_workers(spool: Spool, run: Run) -> None:
    together = threading.Barrier(4)
    store = FakeStore(after(together.wait))
    delivery = run(store, store_workers=4)
    put_and_offer(spool, delivery, range(40))
    assert delivery.flush(LONG_S)
    assert store.busy_max == 4


def test_corrupt_files_go_to_quarantine_and_everything_else_is_delivered(spool: Spool, run: Run) -> None:
    items = [put(spool, make_still(number)) for number in range(30)]
    for item in items[::3]:
        (spool.path / READY / item.name).write_bytes(b"\0" * 100)
    store, notifier = FakeStore(), FakeNotifier()
    delivery = run(store, notifier)
    assert delivery.flush(LONG_S)
    assert len(store.objects) == len(notifier.announced) == 20
    assert delivery.stats().quarantined == 10


def test_one_still_that_can_never_be_stored_becomes_a_dead_letter_with_its_reason(spool: Spool, run: Run) -> None:
    items = [put(spool, make_still(number)) for number in range(20)]
    bad = items[7]
    store = FakeStore(lambda key: failure(ITEM, "KeyTooLongError") if key == bad.object_key else None)
    events: list[DeliveryEvent] = []
    delivery = run(store, FakeNotifier(), listener=events.append)
    assert not delivery.flush(LONG_S)
    assert len(store.objects) == 19
    (entry,) = spool.ls()
    assert (entry.state, entry.name) == (DEAD, bad.name)
    assert entry.reason == "storage.url: s3://bucket: KeyTooLongError: mend it"
    assert delivery.stats().dead_letters == 1
    assert [event.reason for event in events if event.kind == "dead"] == [entry.reason]


def test_a_store_that_breaks_in_a_new_way_loses_nothing(spool: Spool, run: Run) -> None:
    errors: list[Exception] = [ZeroDivisionError("a bug")]
    store = FakeStore(lambda _key: errors.pop() if errors else None)
    delivery = run(store)
    put_and_offer(spool, delivery, range(10))
    assert delivery.flush(LONG_S)
    assert len(store.objects) == 10
    assert delivery.stats().store_failures == {"ZeroDivisionError": 1}


def test_flush_gives_up_at_its_timeout_while_something_waits(spool: Spool, run: Run) -> None:
    delivery = run(FakeStore(lambda _key: failure(PASSING)))
    put_and_offer(spool, delivery, range(1))
    assert not delivery.flush(0.05)
    assert spool.counts()[READY] == 1


def test_flush_waits_for_a_still_that_was_spooled_but_never_offered(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillcast.delivery.rounds.ROUND_S", 0.02)
    store = FakeStore()
    delivery = run(store)
    assert delivery.flush(LONG_S)
    put(spool)
    assert delivery.flush(LONG_S)
    assert len(store.objects) == 1


def test_a_still_that_a_cap_dropped_during_its_upload_is_counted_once(spool: Spool, run: Run) -> None:
    events: list[DeliveryEvent] = []

    def answer(_key: str) -> None:
        for name in spool.oldest(READY, 10):
            spool.remove(READY, name)

    store = FakeStore(answer)
    delivery = run(store, FakeNotifier(), listener=events.append)
    put_and_offer(spool, delivery, range(1))
    wait_until(lambda: store.objects, "the upload")
    settle(delivery)
    assert (delivery.stats().stored, delivery.stats().announced, events) == (0, 0, [])


def test_a_listener_that_raises_is_counted_and_harms_nothing(spool: Spool, run: Run) -> None:
    def listen(_event: DeliveryEvent) -> None:
        raise RuntimeError("a bug of the host")

    delivery = run(FakeStore(), FakeNotifier(), listener=listen)
    put_and_offer(spool, delivery, range(5))
    assert delivery.flush(LONG_S)
    assert delivery.stats().listener_failures == 10


def test_events_name_the_still_and_its_milliseconds(spool: Spool, run: Run) -> None:
    events: list[DeliveryEvent] = []
    delivery = run(FakeStore(), FakeNotifier(), listener=events.append)
    (item,) = put_and_offer(spool, delivery, range(1))
    assert delivery.flush(LONG_S)
    assert [(event.kind, event.sid, event.object_key) for event in events] == [
        ("stored", item.sid, item.object_key),
        ("announced", item.sid, item.object_key),
    ]
    assert all(event.milliseconds is not None and event.milliseconds >= 0 for event in events)


def test_items_that_were_spooled_before_a_kill_are_stored_once_each_by_key_afterwards(tmp_path: Path) -> None:
    code = """
import sys
sys.path[:0] = sys.argv[2:]
from stillcast.delivery import Delivery
from stillcast.storage import DirectoryStore
from support.fakes import FakeStore, PASSING, failure
from support.stills import make_spool, make_still, put
spool = make_spool(sys.argv[1])
spool.open()
delivery = Delivery(spool, FakeStore(lambda key: failure(PASSING)))
delivery.start()
for number in range(100000):
    item = put(spool, make_still(number))
    delivery.offer(item)
    print(item.object_key, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "spool"), *sys.path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    promised = [process.stdout.readline().strip() for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    promised += process.stdout.read().split("\n")[:-1]
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    notifier = FakeNotifier()
    with make_spool(tmp_path / "spool") as spool:
        delivery = Delivery(spool, DirectoryStore(tmp_path / "store"), notifier)
        delivery.start()
        assert delivery.flush(LONG_S)
        delivery.stop(5.0)
    stored = {str(path.relative_to(tmp_path / "store")) for path in (tmp_path / "store").rglob("*.jpg")}
    assert set(promised) <= stored
    assert len(stored) <= len(promised) + 1
    assert len(notifier.announced) == len(set(notifier.announced)) == len(stored)
