"""`ls`: reads a spool beside its owner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stillcast.errors import SpoolError
from stillcast.spool import Spool, State
from support.stills import START, make_spool, make_still, names_in, put

READY, STORED, DEFERRED, DEAD, QUARANTINE = State


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool") as opened:
        yield opened


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
