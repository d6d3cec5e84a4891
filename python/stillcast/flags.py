"""What is odd about a still, told from what was measured while it was made; nothing is decoded.

Note [Thresholds of the flags]: luma is that of the JPEG, 0 to 255, full range.

``black``: mean and deviation are both low. Black video is at 0, and at 16 where a host takes limited range for full;
the noise of a covered lens stays within 2 or 3 levels once it is scaled down. The deviation tells a night from nothing:
a lamp of brightness 200 that covers half a thousandth of the picture alone makes it 4.5.

``frozen``: the same difference hash, and mean and deviation that agree to a tenth of a level. The hash has 64 bits of a
9x8 picture, which a moving mouth need not change; the mean of 230,400 pixels has no noise to speak of (a thousandth of
a level), but a mouth moves it. A picture that is pushed again agrees exactly. Tried on real video: of 1,446 pairs of
frames half a second to two seconds apart in three films none agreed; of a slide that x264 wrote at 200, 800 and 2,000
kbit/s, 62, 87 and 98 % of the pairs two seconds apart did. A wider tolerance would find more slides and lose the mouth.

``stale``: the frame was older than an interval of its feed when its still was made of it, so it belongs to a tick
before; but never below a second, which a busy machine may need, and always from ten seconds on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, Self

FLAGS: Final = ("black", "frozen", "stale")
"""All that there are, in the order in which a still has them."""

# Note [Thresholds of the flags]
BLACK_MEAN_LUMA_MAX: Final = 20.0
BLACK_LUMA_DEVIATION_MAX: Final = 4.0
SAME_LUMA_MAX: Final = 0.1
STALE_FROM_S: Final = (1.0, 10.0)


class _Measured(Protocol):
    """What was measured of a picture while it was encoded; as ``EncodedStill`` says."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def mean_luma(self) -> float: ...
    @property
    def luma_deviation(self) -> float: ...
    @property
    def dhash(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Looks:
    """What is left of a picture to compare another one with."""

    size: tuple[int, int]
    mean_luma: float
    luma_deviation: float
    dhash: int

    @classmethod
    def of(cls, picture: _Measured) -> Self:
        """Take what was measured."""
        return cls((picture.width, picture.height), picture.mean_luma, picture.luma_deviation, picture.dhash)

    def is_black(self) -> bool:
        """Whether there is nothing to see."""
        return self.mean_luma <= BLACK_MEAN_LUMA_MAX and self.luma_deviation <= BLACK_LUMA_DEVIATION_MAX

    def is_like(self, other: Looks) -> bool:
        """Whether two pictures show no change."""
        return (
            (self.size, self.dhash) == (other.size, other.dhash)
            and abs(self.mean_luma - other.mean_luma) <= SAME_LUMA_MAX
            and abs(self.luma_deviation - other.luma_deviation) <= SAME_LUMA_MAX
        )


def is_stale(frame_age_ms: float, interval_s: float) -> bool:
    """Whether a frame was old when its still was made.

    Args:
        frame_age_ms: how old.
        interval_s: between two stills of its feed.
    """
    low, high = STALE_FROM_S
    return frame_age_ms / 1000 > min(max(interval_s, low), high)


def flags_of(looks: Looks, *, frozen: bool, stale: bool) -> tuple[str, ...]:
    """Give the flags of a still, in their order."""
    raised = {"black": looks.is_black(), "frozen": frozen, "stale": stale}
    return tuple(flag for flag in FLAGS if raised[flag])
