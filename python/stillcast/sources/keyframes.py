"""Decoding key frames alone, where they come often enough."""

from __future__ import annotations

from dataclasses import dataclass

# Encoders place key frames by frames, not by seconds.
_TOLERANCE = 1.05
_PATIENCE, _PATIENCE_MAX = 8, 8**6


@dataclass(slots=True)
class KeyFrames:
    """Which packets of a stream are decoded. Used by the source's thread.

    Note [Key frames alone]: a still every two seconds of a stream with a key frame every two seconds needs no other
    frame, and to decode is nearly all that such a stream costs. How far they lie apart is known when the second one
    comes; up to there every frame is decoded. A still is as old as its key frame, so where these lie further apart than
    stills every frame is decoded again, until eight in a row were in time, then 64, and so on: one gap in a stream's
    clock is forgiven, a stream that is late now and then is soon decoded for good.

    Attributes:
        interval_s: seconds between two stills; None decodes every frame.
        skipped: packets that were not decoded.
        is_alone: whether key frames alone are decoded.
    """

    interval_s: float | None = None
    skipped: int = 0
    is_alone: bool = False
    _in_time: int = 0
    _trusted_after: int = 1
    _last_s: float | None = None
    _since: int = 0
    _said: str = ""
    _news: str = ""

    def begin(self) -> None:
        """Expect a stream that was opened anew: its clock may be another one, and its key frames too."""
        self._last_s, self.is_alone = None, False

    def admits(self, *, is_key: bool, at_s: float) -> bool:
        """Whether the next packet is to be decoded.

        Args:
            is_key: whether it is a key frame's.
            at_s: its place on the stream's clock, in seconds.
        """
        if self.interval_s is None:
            return True
        if is_key:
            self._look(at_s, self.interval_s)
            return True
        self._since += 1
        self.skipped += self.is_alone
        return not self.is_alone

    def news(self) -> str:
        """What is to be said of it since the last call; mostly nothing."""
        news, self._news = self._news, ""
        return news

    def _look(self, at_s: float, interval_s: float) -> None:
        if self._last_s is not None and at_s > self._last_s:
            self._judge(at_s - self._last_s, interval_s)
        self._last_s, self._since = at_s, 0

    def _judge(self, apart_s: float, interval_s: float) -> None:
        if apart_s > interval_s * _TOLERANCE:
            self.is_alone, self._in_time = False, 0
            self._trusted_after = min(self._trusted_after * _PATIENCE, _PATIENCE_MAX)
            self._say(
                "all", f"key frames {apart_s:.1f} s apart, a still every {interval_s:g} s: every frame is decoded"
            )
            return
        self._in_time += 1
        self.is_alone = self._in_time >= self._trusted_after
        if self.is_alone and self._since:
            self._say("alone", f"a key frame every {apart_s:.1f} s: of {self._since + 1} frames 1 is decoded")
        elif self.is_alone:
            self._say("alone", "every frame is a key frame: all are decoded")

    def _say(self, what: str, text: str) -> None:
        if what != self._said:
            self._said, self._news = what, text
