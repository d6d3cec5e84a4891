"""When a callback that failed is tried again."""

from __future__ import annotations

from random import Random
from typing import Final

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_JITTER: Final = 0.1

# Between one attempt and the next; the first one is made at once. Ten attempts in all, the last after three days.
# Source: the example schedule of Standard Webhooks 1.0, "Deliverability and reliability",
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
STANDARD_S: Final = (
    5.0,
    5 * _MINUTE_S,
    30 * _MINUTE_S,
    2 * _HOUR_S,
    5 * _HOUR_S,
    10 * _HOUR_S,
    14 * _HOUR_S,
    20 * _HOUR_S,
    24 * _HOUR_S,
)


def wait_s(attempts: int, random: Random) -> float | None:
    """Draw the wait before the next attempt.

    Args:
        attempts: how many failed, 1 or more.
        random: of the jitter, which spreads what failed together over a tenth of the wait to either side.

    Returns:
        Seconds; None where that was the last attempt.
    """
    if attempts > len(STANDARD_S):
        return None
    return STANDARD_S[attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)
