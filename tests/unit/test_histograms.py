"""Quantiles of delays, against those of the delays themselves."""

from __future__ import annotations

import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillcast import Histogram

BOUNDS = (1.0, 5.0, 40.0, 100.0)


def of(*delays_ms: float) -> Histogram:
    counts = [0] * (len(BOUNDS) + 1)
    for delay_ms in delays_ms:
        counts[bisect_left(BOUNDS, delay_ms)] += 1
    return Histogram(bounds_ms=BOUNDS, counts=tuple(counts), sum_ms=math.fsum(delays_ms))


def test_delays_are_taken_to_lie_evenly_in_their_bucket() -> None:
    histogram = Histogram(bounds_ms=BOUNDS, counts=(0, 10, 0, 10, 0), sum_ms=900.0)
    assert histogram.count == 20
    assert histogram.quantile(0.25) == pytest.approx(3.0)
    assert histogram.quantile(0.5) == pytest.approx(5.0)
    assert histogram.quantile(0.75) == pytest.approx(70.0)
    assert histogram.quantile(0) == pytest.approx(1.0)
    assert histogram.quantile(1) == pytest.approx(100.0)


def test_what_is_longer_than_every_bound_counts_as_the_last_one() -> None:
    assert of(2.0, 5000.0, 7000.0).quantile(0.99) == 100.0


def test_without_delays_there_is_no_quantile() -> None:
    assert math.isnan(of().quantile(0.5))


@pytest.mark.parametrize("q", [-0.01, 1.01, math.nan])
def test_a_share_out_of_range_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="use a share from 0 to 1"):
        of(1.0).quantile(q)


@given(delays=st.lists(st.floats(0, 100), min_size=1), q=st.floats(0.001, 1))
def test_the_quantile_lies_in_the_bucket_of_the_delay_of_that_rank(delays: list[float], q: float) -> None:
    rank = max(1, math.ceil(q * len(delays)))
    bucket = bisect_left(BOUNDS, sorted(delays)[rank - 1])
    low_ms = BOUNDS[bucket - 1] if bucket else 0.0
    assert low_ms <= of(*delays).quantile(q) <= BOUNDS[bucket]
