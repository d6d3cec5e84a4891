"""Delays, counted in buckets."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many delays were how long.

    Attributes:
        bounds_ms: upper bounds of the buckets in milliseconds, rising, each included in its bucket.
        counts: delays in each bucket; one more at the end for those longer than every bound.
        sum_ms: all delays together, in milliseconds.
    """

    bounds_ms: tuple[float, ...]
    counts: tuple[int, ...]
    sum_ms: float

    @property
    def count(self) -> int:
        """How many delays there were."""
        return sum(self.counts)

    def quantile(self, q: float) -> float:
        """Estimate the delay in milliseconds that a share ``q`` of all was at most.

        Delays are taken to lie evenly within their bucket, as Prometheus' ``histogram_quantile`` has it; what is
        longer than every bound counts as the last bound.

        Args:
            q: 0 to 1; 0.99 for the 99th percentile.

        Returns:
            Milliseconds; NaN if there was no delay.

        Raises:
            ValueError: ``q`` is out of range.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"q: {q}: use a share from 0 to 1")
        if not self.count:
            return math.nan
        rank = q * self.count
        below, low_ms = 0, 0.0
        for count, high_ms in zip(self.counts, self.bounds_ms, strict=False):
            if count and below + count >= rank:
                return low_ms + (high_ms - low_ms) * max(0.0, rank - below) / count
            below, low_ms = below + count, high_ms
        return low_ms
