from __future__ import annotations

import math
from random import Random

import pytest

from stillcast.backoff import Backoff
from stillcast.errors import ConfigError


class Longest(Random):
    """Draws the upper end, so that the limits themselves can be seen."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_limit_doubles_from_the_base_up_to_the_cap():
    backoff = Backoff(base_s=0.5, cap_s=6.0, random=Longest())
    assert [backoff.next() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 6.0, 6.0]


def test_the_defaults_go_from_half_a_second_to_a_minute():
    backoff = Backoff(random=Longest())
    waits = [backoff.next() for _ in range(9)]
    assert waits[0] == 0.5
    assert waits[-2:] == [60.0, 60.0]


def test_reset_starts_again_at_the_base():
    backoff = Backoff(base_s=1.0, cap_s=100.0, random=Longest())
    for _ in range(4):
        backoff.next()
    backoff.reset()
    assert [backoff.next(), backoff.next()] == [1.0, 2.0]


def test_the_jitter_is_full_and_fills_the_whole_wait_evenly():
    backoff = Backoff(base_s=8.0, cap_s=8.0, random=Random(7))
    waits = [backoff.next() for _ in range(4000)]
    assert 0.0 <= min(waits) < 0.1
    assert 7.9 < max(waits) <= 8.0
    assert sum(waits) / len(waits) == pytest.approx(4.0, abs=0.15)


def test_the_same_generator_gives_the_same_waits():
    first, second = Backoff(random=Random(3)), Backoff(random=Random(3))
    assert [first.next() for _ in range(20)] == [second.next() for _ in range(20)]


def test_two_backoffs_of_their_own_do_not_wait_in_step():
    first, second = Backoff(), Backoff()
    assert [first.next() for _ in range(5)] != [second.next() for _ in range(5)]


def test_a_million_failures_in_a_row_still_wait_at_most_the_cap():
    backoff = Backoff(base_s=0.5, cap_s=60.0, random=Longest())
    assert max(backoff.next() for _ in range(1_000_000)) == 60.0


@pytest.mark.parametrize(
    ("base_s", "cap_s", "named"),
    [
        (0, 60, "base_s: 0"),
        (-1, 60, "base_s: -1"),
        (math.nan, 60, "base_s: nan"),
        (math.inf, 60, "base_s: inf"),
        (2, 1, "cap_s: 1"),
        (1, math.inf, "cap_s: inf"),
        (1, math.nan, "cap_s: nan"),
    ],
)
def test_waits_that_make_no_sense_are_refused_by_name_and_value(base_s: float, cap_s: float, named: str):
    with pytest.raises(ConfigError, match=named):
        Backoff(base_s=base_s, cap_s=cap_s)
