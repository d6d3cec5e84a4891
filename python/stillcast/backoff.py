"""How long to wait before the next attempt: exponential back-off with full jitter."""

from __future__ import annotations

import math
from random import Random

from stillcast.errors import ConfigError


class Backoff:
    """Waits that double up to a cap, each drawn evenly from nothing to the whole wait.

    Full jitter spreads many clients that failed at the same moment over the whole wait, so that they do not come back
    together: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. One thread may use an object
    at a time.

    Args:
        base_s: longest first wait in seconds, above 0.
        cap_s: longest wait ever in seconds, at least ``base_s``.
        random: where the jitter comes from; a generator of its own if None.

    Raises:
        ConfigError: if ``base_s`` or ``cap_s`` is out of its range.
    """

    __slots__ = ("_base_s", "_cap_s", "_limit_s", "_random")

    def __init__(self, base_s: float = 0.5, cap_s: float = 60.0, random: Random | None = None) -> None:
        if not 0 < base_s < math.inf:
            raise ConfigError(f"base_s: {base_s}: is no first wait: use a finite number of seconds above 0")
        if not base_s <= cap_s < math.inf:
            raise ConfigError(f"cap_s: {cap_s}: is no longest wait: use a finite number of seconds from {base_s} up")
        self._base_s = base_s
        self._cap_s = cap_s
        self._limit_s = base_s
        self._random = Random() if random is None else random  # noqa: S311 - jitter need not be unpredictable

    def next(self) -> float:
        """Draw the next wait and double the limit of the one after it.

        Returns:
            Seconds, from 0 to ``min(cap_s, base_s * 2**n)`` for the n-th call since the start or the last ``reset``,
            counted from 0.
        """
        wait_s = self._random.uniform(0.0, self._limit_s)
        self._limit_s = min(self._cap_s, self._limit_s * 2)
        return wait_s

    def reset(self) -> None:
        """Start again at ``base_s``: the other side answered."""
        self._limit_s = self._base_s
