"""The caps: what is dropped, when, of whom, and how it is counted."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcast.errors import SpoolError
from stillcast.spool import Spool, State
from support.stills import Clock, make_spool, make_still, names_in, put

READY, STORED, DEFERRED, DEAD, QUARANTINE = State


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


def test_the_cap_on_bytes_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_bytes=10_000) as spool:
        items = [put(spool, make_still(number, jpeg=b"x" * 1500)) for number in range(12)]
        kept = spool.counts()[READY]
        assert 3 <= kept <= 6
        assert spool.dropped == {"max_bytes": 12 - kept}
        assert spool.oldest(READY, 100) == [item.name for item in items[12 - kept :]]
        assert spool.bytes_used <= 10_000


def test_the_cap_on_bytes_holds_at_every_instant_with_several_writers(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_bytes=20_000) as spool:
        used: list[int] = []

        def write(first: int) -> None:
            for number in range(first, first + 30):
                put(spool, make_still(number, jpeg=b"x" * 1500))
                used.append(spool.bytes_used)

        threads = [threading.Thread(target=write, args=(first,)) for first in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert spool.counts()[READY] + spool.dropped["max_bytes"] == 90
        assert spool.bytes_used == sum(path.stat().st_size for path in spool.path.rglob("*.jpg"))
        assert spool.bytes_used <= 20_000
        assert len(used) == 90
        assert max(used) <= 20_000


def test_a_drop_says_from_which_state_it_was(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_bytes=4_500) as spool:
        first, second = (put(spool, make_still(number, jpeg=b"x" * 1500)) for number in (0, 1))
        spool.move(first.name, READY, STORED)
        spool.move(second.name, READY, DEAD, "why")
        for number in (2, 3, 4):
            put(spool, make_still(number, jpeg=b"x" * 1500))
        assert spool.dropped == {"max_bytes_stored": 1, "max_bytes_dead": 1, "max_bytes": 1}
        assert names_in(spool.path / DEAD) == []


def test_a_still_larger_than_the_cap_is_refused_and_drops_nothing(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_bytes=4_000) as spool:
        put(spool)
        with pytest.raises(SpoolError, match=r"spool.max_bytes: 4000: one still alone has \d+ bytes: raise it"):
            put(spool, make_still(jpeg=b"x" * 4_000))
        assert (spool.counts()[READY], spool.dropped) == (1, {})


def test_what_is_too_old_is_dropped_when_the_spool_is_tidied(tmp_path: Path) -> None:
    clock = Clock()
    with make_spool(tmp_path / "spool", max_age_s=3600.0, clock=clock) as spool:
        old = [put(spool, make_still(number)) for number in range(3)]
        spool.move(old[2].name, READY, STORED)
        clock.now_s += 3601.5
        young = put(spool, make_still(3600))
        spool.tidy()
        assert spool.dropped == {"max_age": 2}
        clock.now_s += 1
        spool.tidy()
        assert spool.dropped == {"max_age": 2, "max_age_stored": 1}
        assert spool.oldest(READY, 10) == [young.name]


def test_more_old_files_than_one_scan_keeps_are_all_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillcast.spool.oldest._KNOWN", 4)
    monkeypatch.setattr("stillcast.spool.oldest._KNOWN_MIN", 4)
    clock = Clock()
    with make_spool(tmp_path / "spool", max_age_s=600.0, clock=clock) as spool:
        for number in range(10):
            put(spool, make_still(number))
        clock.now_s += 700
        for _ in range(3):
            spool.tidy()
        assert spool.dropped == {"max_age": 10}


def test_stills_that_were_delivered_do_not_hide_the_ones_that_are_too_old(tmp_path: Path) -> None:
    clock = Clock()
    with make_spool(tmp_path / "spool", max_age_s=600.0, clock=clock) as spool:
        first, second = put(spool, make_still(0)), put(spool, make_still(1))
        spool.tidy()
        spool.remove(READY, first.name)
        clock.now_s += 602
        spool.tidy()
        assert (spool.dropped, spool.counts()[READY]) == ({"max_age": 1}, 0)
        assert not spool.remove(READY, second.name)


def test_the_cap_on_files_drops_the_oldest_of_all_states_and_counts_them(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_files=3) as spool:
        items = [put(spool, make_still(number)) for number in range(3)]
        spool.move(items[0].name, READY, STORED)
        spool.defer(items[0].name, STORED, due_s=0.0, attempts=1, reason="status 500")
        for number in range(3, 5):
            put(spool, make_still(number))
        assert spool.dropped == {"max_files_deferred": 1, "max_files": 1}
        assert sum(spool.counts().values()) == 3
        assert spool.oldest(READY, 9)[0] == items[2].name
        assert (names_in(spool.path / DEFERRED), spool.due(9)) == ([], [])


def test_a_still_that_came_late_is_dropped_in_its_turn(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_files=4) as spool:
        for number in (10, 20, 30, 40, 50):
            put(spool, make_still(number))
        late = put(spool, make_still(15))
        put(spool, make_still(60))
        assert spool.dropped == {"max_files": 3}
        assert not spool.remove(READY, late.name)


def test_a_noisy_feed_loses_its_own_oldest_and_the_others_keep_theirs(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_files=40, max_feed_share=0.5) as spool:
        quiet = [put(spool, make_still(number, uid="quiet")).name for number in range(10)]
        noisy = [put(spool, make_still(100 + number, uid="noisy")).name for number in range(60)]
        assert spool.oldest(READY, 99) == [*quiet, *noisy[30:]]
        assert spool.dropped == {"max_files": 30}


def test_without_a_noisy_feed_the_oldest_of_all_goes(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_files=9, max_feed_share=0.5) as spool:
        names = [put(spool, make_still(number, uid=str(number % 3))).name for number in range(30)]
        assert spool.oldest(READY, 99) == names[21:]


def test_a_feed_that_is_alone_may_fill_the_spool(tmp_path: Path) -> None:
    with make_spool(tmp_path / "spool", max_files=10, max_feed_share=0.25) as spool:
        names = [put(spool, make_still(number)).name for number in range(15)]
        assert spool.oldest(READY, 99) == names[5:]


def test_the_feed_that_holds_most_of_what_the_cap_counts_loses_first(tmp_path: Path) -> None:
    """Few large stills against many small ones: the cap on bytes finds the first, the cap on files the second."""
    for cap, loser in (({"max_bytes": 60_000}, "large"), ({"max_files": 33}, "small")):
        with make_spool(tmp_path / loser, max_feed_share=0.4, **cap) as spool:
            for number in range(30):
                put(spool, make_still(number, uid="small", jpeg=b"x" * 100))
            large = [put(spool, make_still(50 + number, uid="large", jpeg=b"x" * 10_000)).name for number in range(3)]
            put(spool, make_still(99, uid="large", jpeg=b"x" * 10_000))
            assert sum(spool.dropped.values()) == 1
            assert (large[0] in spool.oldest(READY, 99)) is (loser == "small")


def test_shares_are_known_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    with make_spool(path, max_files=10, max_feed_share=0.5) as spool:
        quiet = [put(spool, make_still(number, uid="quiet")).name for number in range(3)]
        noisy = [put(spool, make_still(100 + number, uid="noisy")).name for number in range(7)]
    with make_spool(path, max_files=10, max_feed_share=0.5) as spool:
        newest = put(spool, make_still(200, uid="other")).name
        assert spool.oldest(READY, 99) == [*quiet, *noisy[1:], newest]


class Disk:
    """Says how much of the disk is free; what is written and removed does not change it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
        self.free = free
        monkeypatch.setattr("stillcast.spool.filesystem.free_bytes", lambda _path: self.free)


def test_a_feed_that_became_heavy_by_what_others_lost_is_found_by_tidy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, 10_000_000)
    with make_spool(tmp_path / "spool", min_free=1_000_000, max_feed_share=0.5) as spool:
        others = [put(spool, make_still(number, uid=str(number))).name for number in range(6)]
        heavy = [put(spool, make_still(10 + number, uid="heavy")).name for number in range(3)]
        for name in others[1:]:
            spool.remove(READY, name)
        spool.tidy()
        disk.free = 0
        put(spool, make_still(20, uid="new"))
        assert spool.dropped == {"min_free": 1}
        assert spool.oldest(READY, 3) == [others[0], *heavy[1:]]


def test_a_disk_that_others_fill_stops_the_spool_from_growing_and_eats_no_backlog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, 10_000_000)
    with make_spool(tmp_path / "spool", min_free=1_000_000) as spool:
        for number in range(30):
            put(spool, make_still(number, jpeg=b"x" * (2000 + 100 * (number % 7))))
        used = spool.bytes_used
        disk.free = 999_999
        for number in range(30, 50):
            put(spool, make_still(number, jpeg=b"x" * (2000 + 100 * (number % 5))))
            spool.tidy()
        assert abs(spool.bytes_used - used) < 4000
        assert spool.dropped == {"min_free": 50 - spool.counts()[READY]}
        disk.free = 10_000_000
        put(spool, make_still(60))
        assert spool.dropped == {"min_free": 51 - spool.counts()[READY]}


def test_a_disk_without_room_and_a_spool_without_stills_refuses_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch, 1_000)
    with make_spool(tmp_path / "spool", min_free=1_000_000) as spool:
        with pytest.raises(SpoolError, match=r"spool.min_free: 1000000: its disk has 1000 bytes free, .*: free space"):
            put(spool)
        assert (sum(spool.counts().values()), spool.bytes_used, spool.dropped) == (0, 0, {})


class FullDisk:
    """Takes so many bytes and then no more, until files are removed; as much as one process can play a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path, room: int, code: int = errno.ENOSPC) -> None:
        self.room = room
        self._root, self._code, self._write = root, code, os.write
        monkeypatch.setattr(os, "write", self._take)

    def _take(self, descriptor: int, data: bytes) -> int:
        used = sum(path.stat().st_size for path in self._root.rglob("*.jpg"))
        if used + len(data) > self.room:
            if used < self.room:  # a part still fits
                return self._write(descriptor, data[: self.room - used])
            raise OSError(self._code, os.strerror(self._code))
        return self._write(descriptor, data)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_on_a_full_disk_the_oldest_make_room_for_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with make_spool(tmp_path / "spool") as spool:
        names = [put(spool, make_still(number, jpeg=b"x" * 2000)).name for number in range(5)]
        FullDisk(monkeypatch, spool.path, spool.bytes_used + 1000, code)
        names += [put(spool, make_still(number, jpeg=b"x" * 2000)).name for number in range(5, 9)]
        assert spool.dropped == {"disk_full": 4}
        assert spool.oldest(READY, 99) == names[4:]
        assert all(len(spool.read(READY, name)[1]) == 2000 for name in names[4:])
        assert names_in(spool.path / "tmp") == []


def test_a_disk_that_stays_full_is_told_leaves_nothing_half_written_and_lets_go_of_what_is_done(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [put(spool, make_still(number, jpeg=b"x" * 2000)) for number in range(6)]

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SpoolError, match=rf"{spool.path}: cannot spool a still: No space left on device: free space"):
        put(spool, make_still(10, jpeg=b"x" * 1990))
    assert spool.dropped == {"disk_full": 2}, "one try after each drop"
    assert names_in(spool.path / "tmp") == []
    assert spool.bytes_used == sum(path.stat().st_size for path in spool.path.rglob("*.jpg"))
    assert spool.remove(READY, items[2].name)
    assert spool.move(items[3].name, READY, STORED)
    assert spool.defer(items[3].name, STORED, due_s=1.0, attempts=2, reason="its reason has no room")
    assert spool.move(items[4].name, READY, DEAD, "nor has this one")
    assert spool.counts() == {READY: 1, STORED: 0, DEFERRED: 1, DEAD: 1, QUARANTINE: 0}


def test_a_full_disk_with_nothing_to_drop_is_told(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    FullDisk(monkeypatch, spool.path, 100)
    with pytest.raises(SpoolError, match="cannot spool a still: No space left"):
        put(spool)
    assert (spool.dropped, spool.bytes_used, names_in(spool.path / "tmp")) == ({}, 0, [])


def test_victims_are_known_ahead_of_need_so_that_no_put_looks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillcast.spool.room._GONE_AT_ONCE", 4)
    with make_spool(tmp_path / "spool", max_files=20, max_feed_share=0.5) as spool:
        for number in range(19):
            put(spool, make_still(number, uid="noisy" if number % 3 else str(number)))
        spool.tidy()

        def scan(*_: object) -> None:
            raise AssertionError("a put scanned")

        monkeypatch.setattr("stillcast.spool.oldest.lowest_of_feeds", scan)
        for number in range(19, 24):
            put(spool, make_still(number, uid="noisy"))
        assert spool.dropped == {"max_files": 4}
