"""The statistics of the benchmark: medians, and ratios of what was measured in the same round.

A shared machine drifts: the clock, the caches and the neighbours of one minute are not those of the next. So the
contenders take turns, and one is compared with another by the median of the ratios of their rounds, not by the ratio of
their medians.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some numbers, and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(numbers: Sequence[float]) -> Spread:
    """Median and quartiles (inclusive method); one number stands for all three."""
    if not numbers:
        raise ValueError("no numbers: nothing was measured")
    if len(numbers) == 1:
        return Spread(numbers[0], numbers[0], numbers[0])
    low, median, high = statistics.quantiles(numbers, n=4, method="inclusive")
    return Spread(median, low, high)


def paired(numbers: Sequence[float], others: Sequence[float]) -> Spread:
    """Of the ratios ``number / other`` of the same rounds."""
    if len(numbers) != len(others):
        raise ValueError(f"{len(numbers)} rounds of one and {len(others)} of the other: they do not pair")
    return spread([number / other for number, other in zip(numbers, others, strict=True)])


def best(series: Mapping[str, Sequence[float]]) -> str:
    """The name of the series with the lowest median."""
    return min(series, key=lambda name: statistics.median(series[name]))


def at_bytes(points: Sequence[tuple[float, float]], wanted: float) -> float | None:
    """A quality at ``wanted`` bytes, between the two points (bytes, quality) around it; straight in log(bytes).

    None outside of the points: nothing is extrapolated.
    """
    ordered = sorted(points)
    for (bytes_low, low), (bytes_high, high) in itertools.pairwise(ordered):
        if bytes_low <= wanted <= bytes_high:
            if bytes_low == bytes_high:
                return max(low, high)
            share = math.log(wanted / bytes_low) / math.log(bytes_high / bytes_low)
            return low + share * (high - low)
    return None
