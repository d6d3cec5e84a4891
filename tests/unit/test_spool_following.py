"""What ``spool retry`` makes of the places in which it sees a still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcast.cli.spool_following import Following
from stillcast.spool import Spool, SpoolEntry, State
from support.stills import START, make_spool, make_still, put


class Clock:
    """Stands still until a test moves it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with make_spool(tmp_path / "spool", clock=lambda: START.timestamp() + 10) as opened:
        put(opened, make_still(0))
        yield opened


@pytest.fixture
def entry(spool: Spool) -> SpoolEntry:
    (only,) = spool.ls()
    return only


def following(spool: Spool, entry: SpoolEntry, clock: Clock, max_age_s: float = 3600.0) -> Following:
    return Following(spool.path, {entry.name: entry}, max_age_s=max_age_s, clock=clock)


def words(followed: Following) -> list[str]:
    return [outcome.outcome for outcome in followed.look()]


def test_a_still_that_has_left_the_spool_is_delivered(spool: Spool, entry: SpoolEntry, clock: Clock) -> None:
    followed = following(spool, entry, clock)
    assert words(followed) == []
    spool.remove(State.READY, entry.name)
    assert words(followed) + words(followed) == ["delivered"]
    assert followed.is_over


def test_a_still_that_moved_back_while_we_looked_is_not_called_delivered(
    spool: Spool, entry: SpoolEntry, clock: Clock, tmp_path: Path
) -> None:
    followed = following(spool, entry, clock)
    path = spool.path / State.READY / entry.name
    for _ in range(3):
        path.rename(tmp_path / "aside")
        assert words(followed) == []
        (tmp_path / "aside").rename(path)
        assert words(followed) == []


@pytest.mark.parametrize("state", [State.DEAD, State.QUARANTINE, State.DEFERRED])
def test_a_still_that_is_given_up_or_put_off_has_failed_with_its_reason(
    spool: Spool, entry: SpoolEntry, clock: Clock, state: State
) -> None:
    if state is State.DEFERRED:
        spool.defer(entry.name, State.READY, due_s=START.timestamp() + 60, attempts=1, reason="status 500")
    else:
        spool.move(entry.name, State.READY, state, "status 500")
    (outcome,) = following(spool, entry, clock).look()
    assert (outcome.outcome, outcome.reason, outcome.object_key) == ("failed", "status 500", entry.object_key)


def test_a_still_that_became_too_old_meanwhile_is_not_called_delivered(
    spool: Spool, entry: SpoolEntry, clock: Clock
) -> None:
    followed = following(spool, entry, clock, max_age_s=entry.age_s + 5)
    clock.now += 6
    spool.remove(State.READY, entry.name)
    assert words(followed) + words(followed) == ["gone"]


def test_time_without_a_move_is_counted_from_the_last_one(spool: Spool, entry: SpoolEntry, clock: Clock) -> None:
    followed = following(spool, entry, clock)
    assert words(followed) == []
    clock.now += 50
    assert followed.idle_s == 50
    spool.move(entry.name, State.READY, State.STORED)
    assert words(followed) == []
    assert followed.idle_s == 0
    assert [(outcome.outcome, outcome.reason) for outcome in followed.give_up("nobody came")] == [
        ("waits", "nobody came")
    ]
    assert followed.is_over
