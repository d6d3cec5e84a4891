"""What lies in a spool and is not what was put: foreign, torn, changed, left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcast.errors import SpoolError
from stillcast.spool import Spool, SpoolItemCorruptError, SpoolItemGoneError, State, reasons
from support.stills import START, make_spool, make_still, names_in, put, spool_file

READY, STORED, DEFERRED, DEAD, QUARANTINE = State
NAME = f"20201216081128672_{'ab' * 16}_{'cd' * 4}.jpg"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


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
    reasons.write(spool.path / DEAD, spool.path / "tmp", item.name, reasons.Reason("died here", READY))
    spool.close()
    spool.open()
    assert names_in(spool.path / DEAD) == []
    assert spool.counts()[READY] == 1


@pytest.mark.parametrize("name", ["../ready/x", "lock", "", "20201216081128672_0.jpg"])
def test_a_name_that_is_no_spool_file_reaches_no_file(spool: Spool, name: str) -> None:
    with pytest.raises(SpoolError, match="is no name of a spooled still"):
        spool.remove(READY, name)
    assert (spool.path / "lock").exists()


def test_a_link_with_the_name_of_a_still_is_not_followed(spool: Spool, tmp_path: Path) -> None:
    good = put(spool)
    (tmp_path / "elsewhere.jpg").write_bytes(spool_file(spool, READY, good.name).read_bytes())
    spool_file(spool, READY, NAME).symlink_to(tmp_path / "elsewhere.jpg")
    assert spool.oldest(READY, 9) == [good.name]
    with pytest.raises(SpoolError, match="cannot read a spooled still"):
        spool.read(READY, NAME)
    spool.close()
    spool.open()
    assert spool.counts()[READY] == 1
