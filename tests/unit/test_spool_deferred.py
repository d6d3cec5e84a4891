"""Stills whose announcement is put off, and dead letters that are put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcast.spool import Spool, State
from support.stills import START, Clock, make_spool, make_still, put

READY, STORED, DEFERRED, DEAD, QUARANTINE = State
NOW_S = START.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path, clock: Clock) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool", clock=clock) as opened:
        yield opened


def stored(spool: Spool, number: int = 0) -> str:
    name = put(spool, make_still(number)).name
    spool.move(name, READY, STORED)
    return name


def put_off(spool: Spool, name: str, wait_s: float, *, state: State = STORED, attempts: int = 1) -> bool:
    return spool.defer(name, state, due_s=NOW_S + wait_s, attempts=attempts, reason="status 500")


def test_what_is_put_off_comes_when_its_time_has_come_earliest_first(spool: Spool, clock: Clock) -> None:
    names = [stored(spool, number) for number in range(3)]
    for name, wait_s in zip(names, (30.0, 10.0, 20.0), strict=True):
        assert put_off(spool, name, wait_s)
    assert spool.counts() == {READY: 0, STORED: 0, DEFERRED: 3, DEAD: 0, QUARANTINE: 0}
    assert spool.due(10) == []
    clock.now_s = NOW_S + 20
    assert spool.due(10) == [names[1], names[2]]
    assert spool.due(1) == [names[1]]
    assert spool.due(10, exclude={names[1]}) == [names[2]]
    clock.now_s = NOW_S + 30.5
    assert spool.due(10) == [names[1], names[2], names[0]]


def test_a_new_due_time_replaces_the_old_one(spool: Spool, clock: Clock) -> None:
    name = stored(spool)
    put_off(spool, name, 10.0)
    clock.now_s += 10
    assert spool.due(1) == [name]
    assert put_off(spool, name, 100.0, state=DEFERRED, attempts=2)
    assert spool.due(1) == []
    assert (spool.attempts(name), spool.counts()[DEFERRED]) == (2, 1)
    clock.now_s += 90
    assert spool.due(1) == [name]


def test_due_times_and_attempts_survive_the_owner(spool: Spool, clock: Clock) -> None:
    first, second = stored(spool, 1), stored(spool, 2)
    put_off(spool, first, 20.5, attempts=3)
    put_off(spool, second, 10.25, attempts=7)
    spool.close()
    with make_spool(spool.path, clock=clock) as again:
        assert [again.attempts(name) for name in (first, second)] == [3, 7]
        clock.now_s += 20.25
        assert again.due(9) == [second]
        clock.now_s += 0.25
        assert again.due(9) == [second, first]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"reason": 1}', '{"reason": "", "from": "stored"}'])
def test_a_sidecar_that_is_missing_or_odd_reads_as_one_attempt(spool: Spool, text: str | None) -> None:
    name = stored(spool)
    put_off(spool, name, 1.0, attempts=5)
    sidecar = spool.path / DEFERRED / f"{name}.reason"
    sidecar.unlink()
    if text is not None:
        sidecar.write_text(text)
    assert spool.attempts(name) == 1


def test_what_left_is_no_longer_due_and_leaves_no_sidecar(spool: Spool, clock: Clock) -> None:
    gone, moved, stays = (stored(spool, number) for number in range(3))
    for name in (gone, moved, stays):
        put_off(spool, name, 1.0)
    clock.now_s += 1
    assert len(spool.due(9)) == 3
    spool.remove(DEFERRED, gone)
    spool.move(moved, DEFERRED, DEAD, "given up")
    assert spool.due(9) == [stays]
    assert {path.name for path in (spool.path / DEFERRED).iterdir()} == {stays, f"{stays}.reason"}


def test_what_is_gone_cannot_be_put_off_and_leaves_nothing(spool: Spool) -> None:
    name = stored(spool)
    spool.remove(STORED, name)
    assert not put_off(spool, name, 1.0)
    assert list((spool.path / DEFERRED).iterdir()) == []
    assert sum(spool.counts().values()) == 0


def test_a_dead_letter_of_a_deferred_still_goes_back_to_be_announced(spool: Spool) -> None:
    name = stored(spool)
    put_off(spool, name, 1.0)
    spool.move(name, DEFERRED, DEAD, "five days are over")
    sidecar = json.loads((spool.path / DEAD / f"{name}.reason").read_text())
    assert sidecar == {"reason": "five days are over", "from": "stored"}
    assert spool.revive(name) is STORED
    assert spool.counts() == {READY: 0, STORED: 1, DEFERRED: 0, DEAD: 0, QUARANTINE: 0}
    assert list((spool.path / DEAD).iterdir()) == []


@pytest.mark.parametrize(("state", "back"), [(READY, READY), (STORED, STORED)])
def test_a_dead_letter_goes_back_to_where_it_came_from(spool: Spool, state: State, back: State) -> None:
    name = stored(spool) if state is STORED else put(spool).name
    spool.move(name, state, DEAD, "why")
    assert spool.revive(name) is back
    assert spool.read(back, name)[0].name == name


@pytest.mark.parametrize("origin", ["nowhere", "dead", "quarantine", "deferred", "../stored"])
def test_a_dead_letter_of_unknown_origin_is_stored_again_which_harms_nothing(spool: Spool, origin: str) -> None:
    name = put(spool).name
    spool.move(name, READY, DEAD, "why")
    (spool.path / DEAD / f"{name}.reason").write_text(json.dumps({"reason": "why", "from": origin}))
    assert spool.revive(name) is READY


def test_a_dead_letter_without_its_reason_is_stored_again(spool: Spool) -> None:
    name = put(spool).name
    spool.move(name, READY, DEAD)
    assert spool.revive(name) is READY
    assert spool.revive(name) is None


def test_ls_tells_what_is_put_off_and_why(spool: Spool) -> None:
    name = stored(spool)
    put_off(spool, name, 5.0)
    (entry,) = spool.ls()
    assert (entry.state, entry.reason, entry.name) == (DEFERRED, "status 500", name)
