"""How many attempts at the same time a destination takes well."""

from __future__ import annotations


class Limit:
    """Additive increase, multiplicative decrease: one more after each full round of successes, half when told to slow.

    The rule by which TCP finds its share (Chiu and Jain 1989, "Analysis of the increase and decrease algorithms for
    congestion avoidance in computer networks"): several agents against one store come to equal shares of what it takes.
    """

    __slots__ = ("_round", "most", "now")

    def __init__(self, most: int) -> None:
        """Begin at the top: a store that never complains is used in full.

        Args:
            most: never more than these, at least 1.
        """
        self.most = most
        self.now = most
        self._round = 0  # successes since the last change

    def succeeded(self) -> None:
        """Count a success; a whole round of them allows one attempt more."""
        self._round += 1
        if self._round >= self.now:
            self._round = 0
            self.now = min(self.most, self.now + 1)

    def halve(self) -> bool:
        """Allow half as many, at least one; False where there is only one already."""
        self._round = 0
        if self.now == 1:
            return False
        self.now //= 2
        return True
