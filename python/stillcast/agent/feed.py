"""One user's video, as the host sees it."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

from stillcast.agent.history import History
from stillcast.capture import CapturedPicture, Frame, NativeFeed, change, monotonic_ns
from stillcast.config import CaptureConfig, FeedChange, checked
from stillcast.errors import ClosedError, NoFrameError
from stillcast.redaction import shown
from stillcast.stills import Still

_IN_WORK_S: Final = 5.0
_COLLECT_S: Final = 0.1
_LOOK_S: Final = 0.001
_BEFORE_MAX: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFacts:
    """What every still of a feed says of it."""

    cname: str
    uid: str
    extra_info: str


class StillSink(Protocol):
    """Where a feed's own stills go, beside those of its ticks."""

    def accept_again(self, feed: Feed, captured: CapturedPicture) -> Still:
        """Make one more still of a picture that was captured before, and spool it."""


class Feed:
    """The video of one user in one channel; made by ``Agent.open_feed``. Any thread may call anything.

    In a process that was forked from the one that opened it, nothing is wanted or pushed and a snapshot is refused.
    """

    __slots__ = ("_before", "_capture", "_closed", "_mutex", "_native", "_sink", "_waiting", "facts", "history")

    def __init__(self, native: NativeFeed, facts: FeedFacts, sink: StillSink, capture: CaptureConfig) -> None:
        self._native = native
        self._sink = sink
        self.facts = facts  # replaced under the mutex, read without it
        self.history = History()
        self._mutex = threading.Lock()  # guards what follows; never taken by push
        self._before: tuple[tuple[int, str], ...] = ()  # until when extra_info was another, and which
        self._capture = capture
        self._waiting: list[Future[Still]] = []
        self._closed = False

    def push(self, frame: Frame) -> bool:
        """Offer the host's newest frame; never blocks and never raises.

        Args:
            frame: looked at only when a still is due, and copied then; not kept after the call.

        Returns:
            True if the frame was copied because a still is due; False if it was not needed or refused (refusals are
            counted in ``AgentStats.refused`` by reason).
        """
        return self._native.push(frame)

    @property
    def wanted(self) -> bool:
        """Whether ``push`` would take a frame now; one load. For hosts whose frames cost something to fetch."""
        return self._native.wanted

    @property
    def due_in(self) -> float:
        """Seconds until a frame is wanted for the next tick: 0.0 while one is wanted, infinity once the feed is closed.

        For hosts that can sleep so long. A snapshot or ``change`` may want one before.
        """
        due_in_ns = self._native.due_in_ns
        return math.inf if due_in_ns is None else max(0.0, due_in_ns / 1e9)

    def change(
        self,
        *,
        interval: float | None = None,
        max_size: tuple[int, int] | None = None,
        quality: int | None = None,
        extra_info: str | None = None,
    ) -> None:
        """Give the running feed other settings; cheap, never blocks for longer than another change takes.

        A new interval counts from the next tick on, at the place in the interval that keeps feeds spread; a tick that
        waits for its frame goes on waiting. Size and quality hold from the next still on, ``extra_info`` for stills of
        frames that are pushed from now on: a still that is under way or spooled keeps what it was captured with.

        Args:
            interval: seconds between two stills; None leaves it as it is, here and below.
            max_size: box in pixels for the still.
            quality: of the JPEG.
            extra_info: ``callbackData`` of the callbacks, 1,024 bytes at most.

        Raises:
            ConfigError: arguments out of their rules, each named; then nothing is changed.
            ClosedError: the feed or its agent is closed.
        """
        self._refuse_child()
        own = checked(FeedChange, interval=interval, max_size=max_size, quality=quality, extra_info=extra_info)
        with self._mutex:
            changed = own.capture(self._capture)
            if self._closed or not change(self._native, changed):
                raise self._closed_error()
            self._capture = changed
            if own.extra_info is not None and own.extra_info != self.facts.extra_info:
                self._before = (*self._before, (monotonic_ns(), self.facts.extra_info))[-_BEFORE_MAX:]
                self.facts = replace(self.facts, extra_info=own.extra_info)

    def extra_info_at(self, pushed_ns: int) -> str:
        """Give the ``extra_info`` that held when a frame was pushed, of the last nine that there were."""
        with self._mutex:
            return next((before for until_ns, before in self._before if pushed_ns < until_ns), self.facts.extra_info)

    def snapshot(self, timeout: float = 1.0) -> Still:
        """Capture a still on demand, beside the ticks; it is spooled and delivered like any other.

        Takes the next frame that the host pushes. If none comes in time, the newest picture that was made of this
        feed serves once more; its age is in ``frame_age_ms``. Blocks; call it on a thread that does not push if the
        next frame is what you want.

        Args:
            timeout: seconds to wait for the next frame; a frame that was just pushed is waited for a little longer.

        Raises:
            NoFrameError: no frame came in time and there was none before.
            ClosedError: the feed or its agent is closed.
            SpoolError: the still could not be spooled.
        """
        self._refuse_child()
        patience_s = min(max(0.0, timeout), threading.TIMEOUT_MAX)
        waiting: Future[Still] = Future()
        with self._mutex:
            if self._closed:
                raise self._closed_error()
            self._waiting.append(waiting)
        self._native.request_snapshot()
        try:
            return waiting.result(patience_s)
        except TimeoutError:
            return self._show_again(waiting, timeout)

    def close(self) -> None:
        """Take no further frame; stills that were captured are still delivered. May be called again."""
        if self._native.in_child:
            return  # a lock may be held for ever, and nobody waits
        with self._mutex:
            self._closed = True
        self._native.close()
        self.answer_snapshots(self._closed_error())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def interval_s(self) -> float:
        """Seconds between two of its stills, as they are set now."""
        return self._capture.interval

    @property
    def retired(self) -> bool:
        """Whether the feed is closed and no still of it is to come any more."""
        return self._native.retired

    def answer_snapshots(self, answer: Still | Exception) -> None:
        """Give whoever waits in ``snapshot`` a still, or the reason why there is none."""
        with self._mutex:
            waiting, self._waiting = self._waiting, []
        for future in waiting:
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _show_again(self, waiting: Future[Still], timeout: float) -> Still:
        self._await_frames_in_work(waiting)
        with self._mutex:
            answered = waiting not in self._waiting
            if not answered:
                self._waiting.remove(waiting)
            if not self._waiting:
                self._native.cancel_snapshot()
        if answered:  # it came at the last moment
            return waiting.result()
        if (captured := self._native.last_still()) is None:
            raise NoFrameError(f"{self._name()}: no frame came in {timeout} s: push frames while the snapshot waits")
        return self._sink.accept_again(self, captured)

    # A frame that was pushed before is not denied because its still takes some milliseconds.
    def _await_frames_in_work(self, waiting: Future[Still]) -> None:
        if not self._native.frames_in_work:
            return
        deadline = time.monotonic() + _IN_WORK_S
        while self._native.frames_in_work and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        with suppress(TimeoutError):  # it may have been taken for a tick alone
            waiting.exception(_COLLECT_S)

    def _refuse_child(self) -> None:
        if self._native.in_child:
            raise ClosedError(f"{self._name()}: was opened before this process was forked: make an Agent here")

    def _closed_error(self) -> ClosedError:
        return ClosedError(f"{self._name()}: is closed: open a new one")

    def _name(self) -> str:
        return f"feed {shown(self.facts.cname)}/{shown(self.facts.uid)}"
