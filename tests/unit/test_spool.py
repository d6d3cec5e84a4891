"""The spool: durable, bounded, one owner, and unharmed by what lies in it."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolItemCorruptError, SpoolItemGoneError, State, files
from stillcast.spool.item import feed_of
from support.stills import START, make_spool, make_still, put, request_id_of

READY, STORED, DEFERRED, DEAD, QUARANTINE = State
NAME = f"20201216081128672_{'ab' * 16}_{'cd' * 4}.jpg"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def spool_file(spool: Spool, state: State, name: str) -> Path:
    return spool.path / state / name


def test_a_spooled_still_reads_back_with_every_fact_and_byte(spool: Spool) -> None:
    still = make_still(cname="a/b c\u2603", uid="\U0001f600", jpeg=os.urandom(45_000))
    item = put(spool, still, extra_info='{"room": "\u00e4"}')
    read, jpeg = spool.read(READY, item.name)
    assert jpeg == still.jpeg
    assert read == item
    assert (read.cname, read.uid, read.captured_at) == (still.cname, still.uid, still.captured_at)
    assert (read.request_id, read.extra_info) == (request_id_of(still), '{"room": "\u00e4"}')
    assert (read.bytes, read.dhash, read.object_key) == (45_000, still.dhash, still.object_key)


def test_every_waiting_still_opens_in_a_picture_viewer(spool: Spool, tmp_path: Path) -> None:
    Image.new("RGB", (64, 36), (200, 30, 30)).save(tmp_path / "red.jpg")
    item = put(spool, make_still(jpeg=(tmp_path / "red.jpg").read_bytes()))
    with Image.open(spool_file(spool, READY, item.name)) as picture:
        assert picture.size == (64, 36)
        assert picture.convert("RGB").getpixel((30, 20))[0] > 190


def test_the_file_name_sorts_by_capture_time_and_holds_the_sid_and_the_feed(spool: Spool) -> None:
    name = put(spool, make_still(sid="ab" * 16)).name
    assert re.fullmatch(rf"20201216081128672_{'ab' * 16}_[0-9a-f]{{8}}\.jpg", name)
    feeds = [("lobby", "91"), ("lobby", "92"), ("lobb", "y91"), ("lob", "by91"), ("lobby9", "1")]
    names = [put(spool, make_still(cname=cname, uid=uid)).name for cname, uid in feeds]
    assert feed_of(names[0]) == feed_of(name)
    assert len({feed_of(name) for name in names}) == len(feeds)


def test_nobody_else_can_read_the_spool(tmp_path: Path) -> None:
    (tmp_path / "spool" / "ready").mkdir(parents=True, mode=0o755)
    with make_spool(tmp_path / "spool") as spool:
        item = put(spool)
        spool.move(item.name, READY, DEAD, "because")
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in spool.path.rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_new_spool_directory_is_private(spool: Spool) -> None:
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o700


def test_a_second_owner_is_told_who_has_the_spool_and_what_to_do(spool: Spool) -> None:
    with pytest.raises(SpoolError, match=rf"{spool.path}: already in use by process {os.getpid()}: stop it, or give"):
        make_spool(spool.path).open()


def test_a_spool_can_be_opened_again_once_its_owner_closed_it(spool: Spool) -> None:
    item = put(spool)
    spool.close()
    with make_spool(spool.path) as again:
        assert again.counts()[READY] == 1
        assert again.read(READY, item.name)[0] == item


def test_a_closed_spool_says_so_and_takes_nothing(spool: Spool) -> None:
    item = put(spool)
    spool.close()
    for use in (
        lambda: put(spool),
        lambda: spool.move(item.name, READY, STORED),
        lambda: spool.remove(READY, item.name),
    ):
        with pytest.raises(SpoolError, match="the spool is not open: call open"):
            use()
    assert [path.name for path in (spool.path / "ready").iterdir()] == [item.name]


def test_counts_and_bytes_are_the_same_after_opening_anew(spool: Spool) -> None:
    items = [put(spool, make_still(number)) for number in range(5)]
    spool.move(items[0].name, READY, STORED)
    spool.move(items[1].name, READY, DEAD, "why")
    spool.remove(READY, items[2].name)
    counts, used = spool.counts(), spool.bytes_used
    assert counts == {READY: 2, STORED: 1, DEFERRED: 0, DEAD: 1, QUARANTINE: 0}
    spool.close()
    spool.open()
    assert (spool.counts(), spool.bytes_used) == (counts, used)
    assert used == sum(path.stat().st_size for path in spool.path.rglob("*.jpg"))


@pytest.mark.parametrize("position", [0, 60, -30, -16, -9, -1])
def test_one_flipped_bit_sends_a_file_to_quarantine_and_no_other(spool: Spool, position: int) -> None:
    bad, good = put(spool, make_still(1)), put(spool, make_still(2))
    path = spool_file(spool, READY, bad.name)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(SpoolItemCorruptError, match=f"{bad.name}.*moved to quarantine"):
        spool.read(READY, bad.name)
    assert spool.counts() == {READY: 1, STORED: 0, DEFERRED: 0, DEAD: 0, QUARANTINE: 1}
    assert spool.read(READY, good.name)[0] == good


@pytest.mark.parametrize("keep", [0, 1, 19, 20, 50, -1])
def test_a_file_that_was_cut_short_is_recognised(spool: Spool, keep: int) -> None:
    item = put(spool)
    path = spool_file(spool, READY, item.name)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SpoolItemCorruptError):
        spool.read(READY, item.name)


def test_a_file_under_another_name_is_recognised(spool: Spool) -> None:
    item = put(spool)
    other = item.name.replace("2020", "2021")
    spool_file(spool, READY, item.name).rename(spool_file(spool, READY, other))
    with pytest.raises(SpoolItemCorruptError, match="was renamed"):
        spool.read(READY, other)


def test_why_a_file_is_in_quarantine_can_be_listed(spool: Spool) -> None:
    item = put(spool)
    spool_file(spool, READY, item.name).write_bytes(b"nothing")
    with pytest.raises(SpoolItemCorruptError):
        spool.read(READY, item.name)
    (entry,) = spool.ls()
    assert (entry.state, entry.object_key) == (QUARANTINE, None)
    assert entry.reason is not None
    assert "7 bytes are too few" in entry.reason


def test_what_is_gone_is_told_from_what_is_corrupt(spool: Spool) -> None:
    item = put(spool)
    assert spool.remove(READY, item.name)
    assert not spool.remove(READY, item.name)
    assert not spool.move(item.name, READY, STORED)
    with pytest.raises(SpoolItemGoneError):
        spool.read(READY, item.name)
    assert spool.counts() == dict.fromkeys(State, 0)
    assert spool.bytes_used == 0


def test_foreign_files_are_neither_taken_nor_removed(tmp_path: Path) -> None:
    foreign = [
        "notes.txt",
        ".hidden",
        "20201216081128672_xyz.jpg",
        NAME.replace("ab", "AB"),
        NAME[:50] + ".jpg",
        "half.reason",
    ]
    for directory in (*State, "tmp"):
        (tmp_path / "spool" / directory).mkdir(parents=True)
        for name in foreign:
            (tmp_path / "spool" / directory / name).write_text("mine")
        (tmp_path / "spool" / directory / NAME).mkdir() if directory != "tmp" else None
    with make_spool(tmp_path / "spool", max_bytes=1000, max_age_s=1.0, clock=lambda: START.timestamp() + 10) as spool:
        spool.tidy()
        assert spool.counts() == dict.fromkeys(State, 0)
        assert spool.oldest(READY, 10) == []
        assert list(spool.ls()) == []
    for directory in (*State, "tmp"):
        assert set(foreign) <= set(names_in(tmp_path / "spool" / directory))


def test_what_a_dead_owner_was_still_writing_is_cleared_by_the_next(spool: Spool) -> None:
    item = put(spool)
    spool.close()
    (spool.path / "tmp" / item.name).write_bytes(b"half")
    (spool.path / "tmp" / f"{item.name}.reason").write_bytes(b"half")
    spool.open()
    assert names_in(spool.path / "tmp") == []
    assert spool.counts()[READY] == 1


def test_a_reason_without_its_still_is_cleared_by_the_next_owner(spool: Spool) -> None:
    item = put(spool)
    files.write_reason(spool.path / DEAD, spool.path / "tmp", item.name, files.Reason("died here", READY))
    spool.close()
    spool.open()
    assert names_in(spool.path / DEAD) == []
    assert spool.counts()[READY] == 1


def test_oldest_comes_first_and_leaves_out_what_is_excluded(spool: Spool) -> None:
    items = [put(spool, make_still(number)) for number in (3, 1, 2, 0)]
    names = sorted(item.name for item in items)
    assert spool.oldest(READY, 3) == names[:3]
    assert spool.oldest(READY, 3, {names[0], names[2]}) == [names[1], names[3]]
    assert spool.oldest(STORED, 3) == []


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


def test_what_is_too_old_is_dropped_by_the_next_put(tmp_path: Path) -> None:
    now = [START.timestamp()]
    with make_spool(tmp_path / "spool", max_age_s=3600.0, clock=lambda: now[0]) as spool:
        old = [put(spool, make_still(number)) for number in range(3)]
        spool.move(old[2].name, READY, STORED)
        now[0] += 3601.5
        young = put(spool, make_still(3600))
        assert spool.dropped == {"max_age": 2}
        now[0] += 61
        spool.tidy()
        assert spool.dropped == {"max_age": 2, "max_age_stored": 1}
        assert spool.oldest(READY, 10) == [young.name]


def test_more_old_files_than_one_scan_keeps_are_all_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillcast.spool.oldest._CHUNK", 4)
    now = [START.timestamp()]
    with make_spool(tmp_path / "spool", max_age_s=600.0, clock=lambda: now[0]) as spool:
        for number in range(10):
            put(spool, make_still(number))
        for _ in range(4):
            now[0] += 700
            spool.tidy()
        assert spool.dropped == {"max_age": 10}


def test_a_full_disk_is_told_and_leaves_nothing_half_written(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = put(spool, make_still(1)), put(spool, make_still(2))
    used, write = spool.bytes_used, os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SpoolError, match=rf"{spool.path}: cannot spool a still: No space left on device: free space"):
        put(spool, make_still(3))
    assert names_in(spool.path / "tmp") == []
    assert (spool.counts()[READY], spool.bytes_used) == (2, used)
    assert spool.remove(READY, first.name)
    assert spool.move(second.name, READY, DEAD, "its reason has no room")
    assert spool.counts() == {READY: 0, STORED: 0, DEFERRED: 0, DEAD: 1, QUARANTINE: 0}


def test_a_full_disk_of_the_kernel_is_told_too(tmp_path: Path) -> None:
    """With a real file system: the limit of a file's size stands in for a disk that is full."""
    code = """
import resource, signal, sys
sys.path[:0] = sys.argv[2:]
from support.stills import make_spool, make_still, put
from stillcast.errors import SpoolError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with make_spool(sys.argv[1]) as spool:
    put(spool)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    try:
        put(spool, make_still(jpeg=b"x" * 9000))
    except SpoolError as error:
        print(error)
    print(dict(spool.counts())["ready"], list((spool.path / "tmp").iterdir()))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "spool"), *sys.path], capture_output=True, text=True, check=True
    )
    told, left = run.stdout.splitlines()
    assert "cannot spool a still: File too large" in told
    assert left == "1 []"


def test_power_durability_syncs_the_file_before_and_the_directory_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(
        os, "fsync", lambda fd: (steps.append("dir" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), fsync(fd))[1]
    )
    monkeypatch.setattr(Path, "rename", lambda self, to: (steps.append("rename"), rename(self, to))[1])
    with make_spool(tmp_path / "power", durability="power") as spool:
        put(spool)
    assert steps == ["file", "rename", "dir"]
    steps.clear()
    with make_spool(tmp_path / "process") as spool:
        put(spool)
    assert steps == ["rename"]


def test_the_same_still_twice_is_refused_and_the_first_one_stays(spool: Spool) -> None:
    still = make_still()
    put(spool, still)
    with pytest.raises(SpoolError, match="was spooled already"):
        put(spool, still)
    assert (spool.counts()[READY], names_in(spool.path / "tmp")) == (1, [])


def test_a_dead_letter_keeps_its_reason_until_it_is_put_back(spool: Spool) -> None:
    item = put(spool)
    spool.move(item.name, READY, STORED)
    spool.move(item.name, STORED, DEAD, "status 500")
    assert json.loads((spool.path / DEAD / f"{item.name}.reason").read_text()) == {
        "reason": "status 500",
        "from": "stored",
    }
    (entry,) = spool.ls()
    assert (entry.state, entry.reason, entry.object_key, entry.sid) == (DEAD, "status 500", item.object_key, item.sid)
    spool.move(item.name, DEAD, STORED)
    assert names_in(spool.path / DEAD) == []


def test_ls_reads_a_spool_that_another_owns_oldest_first(spool: Spool) -> None:
    items = [put(spool, make_still(-number)) for number in range(3)]
    entries = list(make_spool(spool.path, clock=lambda: (START + timedelta(seconds=10)).timestamp()).ls())
    assert [entry.name for entry in entries] == [item.name for item in reversed(items)]
    assert [round(entry.age_s, 3) for entry in entries] == [12.0, 11.0, 10.0]
    assert entries[0].bytes == (spool.path / READY / entries[0].name).stat().st_size


def test_ls_of_a_large_state_comes_in_order_across_its_chunks(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillcast.spool.listing._CHUNK", 3)
    items = [put(spool, make_still(number)) for number in (5, 2, 6, 1, 0, 4, 3)]
    assert [entry.name for entry in spool.ls()] == sorted(item.name for item in items)


def test_ls_without_a_spool_says_that_none_is_there(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="no spool is there: check the path"):
        list(make_spool(tmp_path / "nowhere").ls())


def test_a_path_that_is_a_file_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"file: cannot open the spool: .*set spool.path to a directory"):
        make_spool(tmp_path / "file").open()


@pytest.mark.parametrize("name", ["../ready/x", "lock", "", "20201216081128672_0.jpg"])
def test_a_name_that_is_no_spool_file_reaches_no_file(spool: Spool, name: str) -> None:
    with pytest.raises(SpoolError, match="is no name of a spooled still"):
        spool.remove(READY, name)
    assert (spool.path / "lock").exists()


def test_what_put_returned_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    code = """
import sys
sys.path[:0] = sys.argv[2:]
from support.stills import make_spool, make_still, put
spool = make_spool(sys.argv[1])
spool.open()
for number in range(100000):
    print(put(spool, make_still(number, jpeg=b"x" * 45000)).name, flush=True)
"""
    for round_ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / f"spool{round_}"), *sys.path], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        promised = [process.stdout.readline().strip() for _ in range(20 + 37 * round_)]
        process.send_signal(signal.SIGKILL)
        promised += process.stdout.read().split("\n")[:-1]
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        with make_spool(tmp_path / f"spool{round_}") as spool:
            found = set(spool.oldest(READY, 100_000))
            assert set(promised) <= found
            assert len(found) <= len(promised) + 1
            assert all(len(spool.read(READY, name)[1]) == 45_000 for name in found)
            assert spool.counts()[READY] == len(found)
