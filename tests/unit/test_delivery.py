"""The delivery: at least once, never in each other's way, live before backlog, and stopped in time."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stillcast.delivery import Delivery, DeliveryEvent
from stillcast.delivery.lane import _LIVE_MAX
from stillcast.errors import CallbackError
from stillcast.spool import Spool, SpoolItem, State
from stillcast.spool.item import describe
from stillcast.storage import DirectoryStore
from support.fakes import DESTINATION, ITEM, PASSING, FakeNotifier, FakeStore, ManualLoop, failure
from support.stills import make_spool, make_still, put, wait_until

READY, STORED, DEAD, QUARANTINE = State.READY, State.STORED, State.DEAD, State.QUARANTINE
LONG_S = 60.0
Run = Callable[..., Delivery]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


@pytest.fixture
def run(spool: Spool) -> Iterator[Run]:
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


def after(wait: Callable[[float], object]) -> Callable[[str], None]:
    """A store's answer that comes only when something else has happened."""

    def answer(_key: str) -> None:
        wait(LONG_S)

    return answer


def manual(loops: list[ManualLoop]) -> Callable[[], ManualLoop]:
    """Make loops whose clock the test moves, and note them."""

    def make() -> ManualLoop:
        loops.append(ManualLoop())
        return loops[-1]

    return make


def put_and_offer(spool: Spool, delivery: Delivery, numbers: range) -> list[SpoolItem]:
    items = [put(spool, make_still(number)) for number in numbers]
    for item in items:
        delivery.offer(item)
    return items


def test_an_offered_still_is_stored_announced_and_gone_from_the_spool(spool: Spool, run: Run) -> None:
    store, notifier = FakeStore(), FakeNotifier()
    delivery = run(store, notifier)
    still = make_still()
    item = put(spool, still)
    delivery.offer(item)
    assert delivery.flush(LONG_S)
    assert store.objects == {item.object_key: still.jpeg}
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
    monkeypatch.setattr("stillcast.delivery.lane._CHUNK", 10)
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
    assert store.puts[:4] == [backlog[0].object_key, *(item.object_key for item in live)]
    assert len(store.puts) == 33


def test_more_live_stills_than_memory_holds_all_arrive(spool: Spool, run: Run) -> None:
    gate = threading.Event()
    store = FakeStore(after(gate.wait))
    delivery = run(store)
    items = put_and_offer(spool, delivery, range(2 * _LIVE_MAX + 10))
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


def test_a_passing_failure_is_tried_again_after_a_wait_and_never_given_up(spool: Spool, run: Run) -> None:
    loops: list[ManualLoop] = []
    failures = [failure(PASSING, "SlowDown")] * 25
    store = FakeStore(lambda _key: failures.pop() if failures else None)
    delivery = run(store, loop_factory=manual(loops))
    put_and_offer(spool, delivery, range(1))
    wait_until(lambda: len(store.puts) == 1, "the first try")
    wait_until(lambda: delivery.stats().store_failures == {"SlowDown": 1}, "its failure")
    tries = 1
    for _ in range(25):
        assert spool.counts()[READY] == 1
        while len(store.puts) == tries:
            loops[0].advance(61.0)
            time.sleep(0.01)
        tries += 1
        wait_until(lambda tries=tries: len(store.puts) - len(store.objects) == min(tries, 25), "the try")
        wait_until(lambda: store.busy == 0, "its end")
    assert delivery.flush(LONG_S)
    assert delivery.stats().store_failures == {"SlowDown": 25}


def test_no_second_try_comes_before_its_wait_is_over(spool: Spool, run: Run) -> None:
    class Longest:
        def uniform(self, _low: float, high: float) -> float:
            return high

    loops: list[ManualLoop] = []
    store = FakeStore(lambda _key: failure(PASSING))
    delivery = run(store, loop_factory=manual(loops), random=Longest())
    put_and_offer(spool, delivery, range(1))
    wait_until(lambda: delivery.stats().store_failures == {"Code": 1}, "the first failure")
    for number, wait_s in enumerate((0.5, 1.0, 2.0, 4.0), start=2):
        wait_until(lambda: delivery._storing.in_flight == 0, "the end of the try")
        loops[0].advance(wait_s - 0.01)
        time.sleep(0.05)
        assert len(store.puts) == number - 1
        loops[0].advance(0.02)
        wait_until(lambda number=number: delivery.stats().store_failures == {"Code": number}, "the next failure")


def test_a_store_that_is_down_is_probed_by_one_still_at_a_time(spool: Spool, run: Run) -> None:
    loops: list[ManualLoop] = []
    down = threading.Event()
    down.set()
    store = FakeStore(lambda _key: failure(PASSING) if down.is_set() else None)
    delivery = run(store, store_workers=8, loop_factory=manual(loops))
    put_and_offer(spool, delivery, range(500))
    wait_until(lambda: store.puts and delivery._storing.in_flight == 0, "the end of the first tries")
    before = len(store.puts)
    assert before <= 8
    store.busy_max = 0
    for _ in range(30):
        loops[0].advance(61.0)
        time.sleep(0.005)
    assert len(store.puts) > before
    assert store.busy_max <= 1
    assert len(store.puts) - before <= 30
    down.clear()
    while spool.counts()[READY]:
        loops[0].advance(61.0)
        time.sleep(0.005)
    assert delivery.flush(LONG_S)
    assert len(store.objects) == 500


def test_a_destination_failure_parks_says_so_once_drops_nothing_and_resumes(
    spool: Spool, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loops: list[ManualLoop] = []
    broken = threading.Event()
    broken.set()
    events: list[DeliveryEvent] = []
    store = FakeStore(lambda _key: failure(DESTINATION, "AccessDenied") if broken.is_set() else None)
    delivery = run(store, listener=events.append, loop_factory=manual(loops))
    put_and_offer(spool, delivery, range(50))
    wait_until(lambda: delivery.stats().parked, "the parking")
    for _ in range(10):
        loops[0].advance(61.0)
        time.sleep(0.005)
    assert delivery.stats().parked == "storage.url: s3://bucket: AccessDenied: mend it"
    assert spool.counts()[READY] == 50
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "AccessDenied: mend it" in warnings[0]
    broken.clear()
    while spool.counts()[READY]:
        loops[0].advance(61.0)
        time.sleep(0.005)
    wait_until(lambda: "resumed" in [event.kind for event in events], "the resumption")
    assert delivery.stats().parked is None
    assert spool.dropped == {}
    assert len(store.objects) == 50
    assert {event.kind for event in events} == {"parked", "stored", "resumed"}


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


@pytest.mark.parametrize("kind", [PASSING, DESTINATION])
def test_one_still_that_always_fails_does_not_stop_the_others(spool: Spool, run: Run, kind: object) -> None:
    items = [put(spool, make_still(number)) for number in range(40)]
    poison = items[0].object_key
    store = FakeStore(lambda key: failure(kind) if key == poison else None)  # type: ignore[arg-type]
    run(store)
    wait_until(lambda: spool.counts()[READY] == 1, "the delivery of the 39 good ones")
    assert len(store.objects) == 39
    assert spool.oldest(READY, 10) == [items[0].name]


def test_a_probe_takes_another_still_than_the_one_that_failed(spool: Spool, run: Run) -> None:
    loops: list[ManualLoop] = []
    items = [put(spool, make_still(number)) for number in range(3)]
    poison = items[0].object_key
    store = FakeStore(lambda key: failure(PASSING) if key == poison else None)
    delivery = run(store, store_workers=1, loop_factory=manual(loops))
    wait_until(lambda: delivery.stats().store_failures == {"Code": 1}, "the first failure")
    wait_until(lambda: delivery._storing.in_flight == 0, "its end")
    loops[0].advance(61.0)  # the probe and the failed one's own wait are due together
    wait_until(lambda: len(store.puts) >= 2, "the probe")
    assert store.puts[1] == items[1].object_key


def test_a_store_that_breaks_in_a_new_way_loses_nothing(spool: Spool, run: Run) -> None:
    errors: list[Exception] = [ZeroDivisionError("a bug")]
    store = FakeStore(lambda _key: errors.pop() if errors else None)
    delivery = run(store)
    put_and_offer(spool, delivery, range(10))
    assert delivery.flush(LONG_S)
    assert len(store.objects) == 10
    assert delivery.stats().store_failures == {"ZeroDivisionError": 1}


def test_corrupt_files_go_to_quarantine_and_everything_else_is_delivered(spool: Spool, run: Run) -> None:
    items = [put(spool, make_still(number)) for number in range(30)]
    for item in items[::3]:
        (spool.path / READY / item.name).write_bytes(b"\0" * 100)
    store, notifier = FakeStore(), FakeNotifier()
    delivery = run(store, notifier)
    assert delivery.flush(LONG_S)
    assert len(store.objects) == len(notifier.announced) == 20
    assert delivery.stats().quarantined == 10


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


def test_flush_gives_up_at_its_timeout_while_something_waits(spool: Spool, run: Run) -> None:
    delivery = run(FakeStore(lambda _key: failure(PASSING)))
    put_and_offer(spool, delivery, range(1))
    assert not delivery.flush(0.05)
    assert spool.counts()[READY] == 1


def test_flush_waits_for_a_still_that_was_spooled_but_never_offered(
    spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillcast.delivery.service._ROUND_S", 0.02)
    store = FakeStore()
    delivery = run(store)
    assert delivery.flush(LONG_S)
    put(spool)
    assert delivery.flush(LONG_S)
    assert len(store.objects) == 1


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


def test_stop_interrupts_a_long_wait_tries_once_more_and_delivers(spool: Spool, run: Run) -> None:
    loops: list[ManualLoop] = []
    down = threading.Event()
    down.set()
    store, notifier = FakeStore(lambda _key: failure(PASSING) if down.is_set() else None), FakeNotifier()
    delivery = run(store, notifier, loop_factory=manual(loops))
    put_and_offer(spool, delivery, range(100))
    wait_until(lambda: store.puts and delivery._storing.in_flight == 0, "the end of the first tries")
    down.clear()  # the loop's clock stands still: without stop() there would be no other try
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


def test_what_an_outage_leaves_in_memory_is_bounded(spool: Spool, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillcast.delivery.lane._RETRIES_MAX", 5)
    loops: list[ManualLoop] = []
    down = threading.Event()
    down.set()
    store = FakeStore(lambda _key: failure(PASSING) if down.is_set() else None)
    delivery = run(store, loop_factory=manual(loops))
    put_and_offer(spool, delivery, range(300))
    while len(store.puts) < 40:
        loops[0].advance(61.0)
        time.sleep(0.005)
    assert len(delivery._storing._retries) <= 5
    down.clear()
    while spool.counts()[READY]:  # what was forgotten comes back from the disk
        loops[0].advance(61.0)
        time.sleep(0.005)
    assert len(store.objects) == 300


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
