"""One owner a spool, nobody else's eyes, no part in it for a forked child."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcast.errors import SpoolError
from stillcast.spool import Spool, State
from support.stills import make_spool, put

READY, STORED, DEFERRED, DEAD, QUARANTINE = State


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


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


def test_a_path_that_is_a_file_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"file: cannot open the spool: .*set spool.path to a directory"):
        make_spool(tmp_path / "file").open()
