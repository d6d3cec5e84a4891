"""Boot with a backlog: live stills first, and what an earlier owner left is counted beside them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stillcast.errors import SpoolError
from stillcast.spool import Spool, State, reasons
from stillcast.spool.census import Census
from support.stills import make_spool, make_still, names_in, put, wait_until

READY, STORED, DEFERRED, DEAD, QUARANTINE = State


class Gate:
    """Holds the census where it reads a directory entry, until a test lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = threading.Semaphore(0)
        self._always = threading.Event()
        self.looked = 0
        look = Census._look_at

        def wait(census: Census, state: State, entry: os.DirEntry[str]) -> object:
            if threading.current_thread().name == "stillcast-census" and not self._always.is_set():
                self._open.acquire()
            self.looked += 1
            return look(census, state, entry)

        monkeypatch.setattr(Census, "_look_at", wait)
        monkeypatch.setattr("stillcast.spool.spool._COUNTED_BY_OPEN", 1)
        monkeypatch.setattr("stillcast.spool.spool._COUNTED_AT_ONCE", 1)

    def pass_on(self, entries: int) -> None:
        before = self.looked
        self._open.release(entries)
        wait_until(lambda: self.looked >= before + entries, "the census")

    def open(self) -> None:
        self._always.set()
        self._open.release(1000)


@contextmanager
def left_by_another(path: Path, count: int, **settings: object) -> Iterator[list[str]]:
    with make_spool(path, **settings) as spool:
        yield [put(spool, make_still(number)).name for number in range(count)]


def backlog(path: Path, count: int) -> list[str]:
    with left_by_another(path, count) as names:
        return names


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.open()


def on_disk(spool: Spool) -> tuple[dict[State, int], int]:
    files = {state: list((spool.path / state).glob("*.jpg")) for state in State}
    used = sum(path.stat().st_size for paths in files.values() for path in paths)
    return {state: len(paths) for state, paths in files.items()}, used


def test_a_small_backlog_is_counted_when_open_returns(tmp_path: Path) -> None:
    backlog(tmp_path / "spool", 30)
    with make_spool(tmp_path / "spool") as spool:
        assert spool.counted
        assert (spool.counts(), spool.bytes_used) == on_disk(spool)


def test_live_stills_pass_while_the_backlog_is_counted(tmp_path: Path, gate: Gate) -> None:
    old = backlog(tmp_path / "spool", 12)
    with make_spool(tmp_path / "spool") as spool:
        live = [put(spool, make_still(100 + number)).name for number in range(5)]
        spool.move(live[1], READY, STORED)
        spool.move(live[2], READY, DEAD, "why")
        spool.remove(READY, live[3])
        spool.move(live[4], READY, STORED)
        spool.defer(live[4], STORED, due_s=0.0, attempts=1, reason="status 500")
        assert not spool.counted
        assert (spool.oldest(READY, 99), spool.due(99)) == ([], [])
        gate.pass_on(6)
        assert sum(spool.counts().values()) <= 4 + 12
        spool.tidy()
        gate.open()
        wait_until(lambda: spool.counted, "the census")
        assert spool.oldest(READY, 99) == [*old, live[0]]
        assert spool.due(9) == [live[4]]
        assert (spool.counts(), spool.bytes_used) == on_disk(spool)
        assert spool.counts() == {READY: 13, STORED: 1, DEFERRED: 1, DEAD: 1, QUARANTINE: 0}


def test_stills_that_live_and_die_at_every_moment_of_the_census_are_counted_once(tmp_path: Path, gate: Gate) -> None:
    backlog(tmp_path / "spool", 20)
    with make_spool(tmp_path / "spool") as spool:
        for number in range(20):
            names = [put(spool, make_still(100 + 3 * number + more)).name for more in range(3)]
            gate.pass_on(1)
            spool.move(names[0], READY, STORED)
            spool.remove(READY, names[1])
        gate.open()
        wait_until(lambda: spool.counted, "the census")
        assert (spool.counts(), spool.bytes_used) == on_disk(spool)
        assert spool.counts()[READY] + spool.counts()[STORED] == 60


@pytest.mark.parametrize(
    "work",
    [
        lambda spool, name: spool.remove(READY, name),
        lambda spool, name: spool.move(name, READY, STORED),
        lambda spool, name: spool.defer(name, READY, due_s=1.0, attempts=1, reason="why"),
    ],
)
def test_what_an_earlier_owner_left_does_not_move_before_it_is_counted(
    tmp_path: Path, gate: Gate, work: Callable[[Spool, str], bool]
) -> None:
    old = backlog(tmp_path / "spool", 5)
    with make_spool(tmp_path / "spool") as spool:
        done = threading.Event()
        mover = threading.Thread(target=lambda: (work(spool, old[2]), done.set()))
        mover.start()
        gate.pass_on(2)
        assert not done.wait(0.05)
        gate.open()
        mover.join()
        wait_until(lambda: spool.counted, "the census")
        assert (spool.counts(), spool.bytes_used) == on_disk(spool)
        assert spool.counts()[READY] == 4


def test_caps_that_the_census_finds_exceeded_are_enforced_at_its_end(tmp_path: Path, gate: Gate) -> None:
    old = backlog(tmp_path / "spool", 20)
    with make_spool(tmp_path / "spool", max_files=10) as spool:
        live = [put(spool, make_still(100 + number)).name for number in range(4)]
        assert spool.dropped == {}
        gate.open()
        wait_until(lambda: spool.counted, "the census")
        assert spool.dropped == {"max_files": 14}
        assert spool.oldest(READY, 99) == [*old[14:], *live]


def test_a_put_on_a_full_disk_waits_for_the_census_to_know_what_can_be_dropped(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = backlog(tmp_path / "spool", 5)
    write, full = os.write, threading.Event()

    def first_is_full(descriptor: int, data: bytes) -> int:
        if not full.is_set():
            full.set()
            raise OSError(28, os.strerror(28))
        return write(descriptor, data)

    with make_spool(tmp_path / "spool") as spool:
        monkeypatch.setattr(os, "write", first_is_full)
        putter = threading.Thread(target=lambda: put(spool, make_still(100)))
        putter.start()
        assert full.wait(30)
        putter.join(0.05)
        assert putter.is_alive()
        assert spool.dropped == {}
        gate.open()
        putter.join()
        wait_until(lambda: spool.counted, "the census")
        assert spool.dropped["disk_full"] >= 1
        assert not spool.remove(READY, old[0])
        assert (spool.counts(), spool.bytes_used) == on_disk(spool)


def test_a_spool_can_be_closed_in_the_midst_of_its_census_and_counted_anew(tmp_path: Path, gate: Gate) -> None:
    old = backlog(tmp_path / "spool", 8)
    spool = make_spool(tmp_path / "spool")
    spool.open()

    def remove() -> None:
        with pytest.raises(SpoolError, match="not open"):
            spool.remove(READY, old[0])
        refused.set()

    refused, waiting = threading.Event(), threading.Thread(target=remove)
    waiting.start()
    gate.pass_on(2)
    closer = threading.Thread(target=spool.close)
    closer.start()
    gate.pass_on(1)
    closer.join()
    waiting.join()
    assert refused.is_set()
    gate.open()
    with spool:
        wait_until(lambda: spool.counted, "the census")
        assert (spool.counts(), spool.bytes_used) == on_disk(spool)
        assert spool.counts()[READY] == 8


def test_what_a_dead_owner_left_half_done_is_cleared_beside_live_stills(tmp_path: Path, gate: Gate) -> None:
    path = tmp_path / "spool"
    old = backlog(path, 4)
    with make_spool(path) as spool:
        gate.open()
        wait_until(lambda: spool.counted, "the census")
        spool.move(old[0], READY, DEAD, "stays")
    for name in old[1:3]:
        (path / "tmp" / name).write_bytes(b"half")
        reasons.write(path / DEAD, path / "tmp", name, reasons.Reason("died here", READY))
    with make_spool(path) as spool:
        wait_until(lambda: spool.counted, "the census")
        assert sorted(names_in(path / DEAD)) == [old[0], f"{old[0]}.reason"]
        assert names_in(path / "tmp") == []


def test_a_directory_that_cannot_be_read_is_said_once_and_counted_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backlog(tmp_path / "spool", 6)
    look, failures = Census._look_at, [5, 5]

    def failing(census: Census, state: State, entry: os.DirEntry[str]) -> object:
        if threading.current_thread().name == "stillcast-census" and failures:
            raise OSError(failures.pop(), os.strerror(5))
        return look(census, state, entry)

    monkeypatch.setattr(Census, "_look_at", failing)
    monkeypatch.setattr("stillcast.spool.spool._COUNTED_BY_OPEN", 2)
    monkeypatch.setattr("stillcast.spool.spool._COUNT_AGAIN_S", 0.01)
    with caplog.at_level(logging.WARNING), make_spool(tmp_path / "spool") as spool:
        wait_until(lambda: spool.counted, "the census")
        assert (spool.counts(), spool.bytes_used) == on_disk(spool)
    (record,) = caplog.records
    assert "cannot count what waits: Input/output error" in record.getMessage()
