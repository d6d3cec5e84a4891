"""What is odd about a still: black, frozen, stale."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from stillcast import Frame, encode_still
from stillcast.agent.history import History, Seen
from stillcast.flags import FLAGS, Looks, flags_of, is_stale

RNG = np.random.default_rng(1)
GREY = Looks((640, 360), 90.0, 40.0, 0x0123)
MS = 1_000_000


def looks_of(luma: np.ndarray) -> Looks:
    return Looks.of(encode_still(Frame.from_array(np.clip(luma, 0, 255).astype(np.uint8), "GRAY8")))


def noise(deviation: float, mean: float = 0.0) -> np.ndarray:
    return RNG.normal(mean, deviation, (360, 640))


def lit(night: np.ndarray, part: float, brightness: int = 200) -> np.ndarray:
    """A night with one square lamp that covers a part of the picture."""
    side = round((part * night.size) ** 0.5)
    night[100 : 100 + side, 200 : 200 + side] = brightness
    return night


@pytest.mark.parametrize(
    ("luma", "black"),
    [
        (np.zeros((360, 640)), True),
        (np.full((360, 640), 16.0), True),  # limited range that was taken for full
        (noise(3.0, 4.0), True),  # a covered lens
        (lit(noise(1.0, 8.0), 0.001), False),
        (lit(noise(1.0, 8.0), 0.01), False),
        (noise(6.0, 15.0), False),  # something can be made out
        (np.full((360, 640), 40.0), False),  # a dark wall
        (noise(40.0, 120.0), False),
    ],
    ids=["black", "limited", "covered", "lamp", "window", "dim", "wall", "day"],
)
def test_black_is_where_there_is_nothing_to_see(luma: np.ndarray, black: bool) -> None:
    assert looks_of(luma).is_black() is black


def test_the_same_picture_is_like_itself_and_a_picture_with_a_change_is_not() -> None:
    room = np.add.outer(np.linspace(40, 200, 360), np.linspace(0, 30, 640))
    moved = room.copy()
    moved[180:220, 300:340] += 20  # a mouth: 40x40 pixels, 20 levels
    assert looks_of(room).is_like(looks_of(room))
    assert not looks_of(room).is_like(looks_of(moved))


@pytest.mark.parametrize(
    "change",
    [{"size": (640, 358)}, {"dhash": 0x0122}, {"mean_luma": 90.11}, {"luma_deviation": 39.89}],
    ids=lambda change: next(iter(change)),
)
def test_each_difference_is_a_change(change: dict[str, object]) -> None:
    other = replace(GREY, **change)  # type: ignore[arg-type]
    assert not GREY.is_like(other)
    assert not other.is_like(GREY)
    assert GREY.is_like(replace(GREY, mean_luma=90.09, luma_deviation=39.91))


@pytest.mark.parametrize(
    ("interval_s", "old_ms"), [(0.05, 1000.0), (1.0, 1000.0), (2.5, 2500.0), (10.0, 10_000.0), (86_400.0, 10_000.0)]
)
def test_stale_is_older_than_an_interval_within_a_second_and_ten(interval_s: float, old_ms: float) -> None:
    assert not is_stale(old_ms, interval_s)
    assert is_stale(old_ms + 1, interval_s)


def test_flags_come_in_their_order() -> None:
    black = replace(GREY, mean_luma=0.0, luma_deviation=0.0)
    assert flags_of(black, frozen=True, stale=True) == FLAGS
    assert flags_of(GREY, frozen=False, stale=True) == ("stale",)
    assert flags_of(GREY, frozen=False, stale=False) == ()


def seen(at_ms: float, looks: Looks, late_ms: float = 0.0) -> Seen:
    return Seen(pushed_ns=round((at_ms + late_ms) * MS), due_ns=round(at_ms * MS), looks=looks)


def frozen_one_after_another(history: History, pictures: list[Seen]) -> list[bool]:
    """How each is judged, when all are kept."""
    found = []
    for picture in pictures:
        found.append(history.is_frozen(picture))
        history.keep(picture, frozen=found[-1])
    return found


def test_the_first_still_of_a_feed_is_not_frozen_and_a_change_ends_it() -> None:
    other = replace(GREY, dhash=1)
    pictures = [seen(at, looks) for at, looks in enumerate([GREY, GREY, GREY, other, other, GREY])]
    assert frozen_one_after_another(History(), pictures) == [False, True, True, False, True, False]


def test_a_picture_that_is_shown_again_is_judged_as_it_was_the_first_time() -> None:
    pictures = [seen(at, GREY) for at in (1, 1, 2, 2)]
    assert frozen_one_after_another(History(), pictures) == [False, False, True, True]


def test_a_picture_that_comes_after_a_newer_one_does_not_become_the_one_before() -> None:
    pictures = [seen(5, GREY), seen(4, replace(GREY, dhash=1)), seen(6, GREY)]
    assert frozen_one_after_another(History(), pictures) == [False, False, True]


def test_what_was_skipped_or_lost_is_not_compared_with() -> None:
    history = History()
    assert not history.is_frozen(seen(0, GREY))
    assert not history.is_frozen(seen(1, GREY)), "the one before never came to be"
    between, later = replace(GREY, mean_luma=90.08), replace(GREY, mean_luma=90.16)
    history.keep(seen(2, GREY), frozen=False)
    assert history.is_unchanged(seen(3, between), 60.0)
    assert later.is_like(between)
    assert not history.is_unchanged(seen(4, later), 60.0)


def test_nothing_is_unchanged_before_a_still_was_kept() -> None:
    assert not History().is_unchanged(seen(1, GREY), 60.0)


def test_a_slow_drift_is_a_change_once_it_has_added_up() -> None:
    history = History()
    history.keep(seen(0, GREY), frozen=False)
    drifting = [seen(at, replace(GREY, mean_luma=90.0 + 0.04 * at)) for at in range(4)]
    assert [history.is_unchanged(each, 60.0) for each in drifting] == [True, True, True, False]
    history.keep(drifting[3], frozen=False)
    assert history.is_unchanged(seen(4, drifting[3].looks), 60.0)


def test_after_the_heartbeat_nothing_is_unchanged() -> None:
    history = History()
    history.keep(seen(5, GREY), frozen=False)
    assert history.is_unchanged(seen(5 + 59_990, GREY), 60.0)
    assert not history.is_unchanged(seen(5 + 60_000, GREY), 60.0)


@pytest.mark.parametrize("interval_ms", [2_000, 30_000, 60_000])
def test_a_heartbeat_of_whole_intervals_is_kept_however_late_frames_come(interval_ms: int) -> None:
    history, kept = History(), []
    for tick in range(200):
        picture = seen(tick * interval_ms, GREY, late_ms=(tick * 7919) % 34)
        if not history.is_unchanged(picture, 60.0):
            history.keep(picture, frozen=False)
            kept.append(tick * interval_ms)
    assert {after - before for before, after in pairwise(kept)} == {60_000}


def test_an_older_picture_that_is_kept_later_is_not_compared_with() -> None:
    history = History()
    history.keep(seen(2, GREY), frozen=False)
    history.keep(seen(1, replace(GREY, dhash=1)), frozen=False)
    assert history.is_unchanged(seen(3, GREY), 60.0)
