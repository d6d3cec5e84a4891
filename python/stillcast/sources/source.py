"""One video source: a thread that plays it into a feed and holds on to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from stillcast.backoff import Backoff
from stillcast.errors import FrameFormatError, SourceError
from stillcast.hosts.offering import FrameSink
from stillcast.hosts.pyav import PixelAspect, frame_from_av
from stillcast.sources.faults import NeverPlayableError
from stillcast.sources.keyframes import KeyFrames
from stillcast.sources.locations import SourceKind, locate, problem
from stillcast.sources.pacing import Pacer
from stillcast.sources.reader import ReadCounts, Timeouts, Video, VideoInfo, open_video

if TYPE_CHECKING:
    import av


_RETRY_CAP_S = 30.0
# A stream that breaks sooner than this has not recovered: the back-off goes on growing.
_STEADY_AFTER_S = 10.0


class SourceState(StrEnum):
    """What a source is doing."""

    OPENING = "opening"
    PLAYING = "playing"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SourceStats:
    """What a source has done so far.

    Attributes:
        state: what it is doing.
        frames: good frames that were decoded and due.
        pushed: frames that the feed wanted and got.
        bad_packets: packets that could not be read or decoded.
        damaged_frames: frames left out because they show the marks of a bad packet.
        refused_frames: frames that stillcast cannot take, sides over 16384 say.
        skipped_packets: packets that were not decoded, because key frames suffice.
        reconnects: how often a lost live source came back.
        info: size, codec and rate, once it was open.
    """

    state: SourceState
    frames: int
    pushed: int
    bad_packets: int
    damaged_frames: int
    refused_frames: int
    skipped_packets: int
    reconnects: int
    info: VideoInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """How a source is played.

    Attributes:
        loop: start a file again when it ends.
        start_s: where in a file the first pass begins, in seconds.
        timeouts: how long a live source may be silent.
        key_frames_s: decode key frames alone as long as they are no more than so many seconds apart; None decodes all.
    """

    loop: bool = False
    start_s: float = 0.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    key_frames_s: float | None = None


class Source:
    """A video that plays into a feed, in a thread of its own.

    Files end at their end. Live sources and cameras are opened again, with full-jitter back-off, until ``stop``.
    Nothing that goes wrong in one source touches another. ``report`` gets one line for each change of state, on the
    source's thread. All methods may be called from any thread.
    """

    def __init__(
        self,
        url: str,
        sink: FrameSink,
        *,
        name: str | None = None,
        options: SourceOptions = SourceOptions(),
        report: Callable[[str], None] = lambda _line: None,
        backoff: Backoff | None = None,
    ) -> None:
        """Understand the address; nothing is opened before ``start``.

        Args:
            url: see ``locate``.
            sink: the feed; its owner closes it.
            name: what messages call the source, ``cname/uid`` say; the address if None.
            options: how to play it.
            report: takes one line for each change of state.
            backoff: seconds between two attempts to reach a live source.
        """
        self.location = locate(url)
        self.name = name or self.location.shown
        self.error: SourceError | None = None
        self._sink = sink
        self._options = options
        self._report = report
        self._backoff = backoff or Backoff(cap_s=_RETRY_CAP_S)
        self._state = SourceState.OPENING
        self._counts = ReadCounts()
        self._key_frames = KeyFrames(options.key_frames_s)
        self._frames = self._pushed = self._refused = self._reconnects = 0
        self._info: VideoInfo | None = None
        self._has_end = False
        self._lost_at_s = self._playing_at_s = 0.0
        self._stopping = threading.Event()
        # A daemon, because a read that blocks inside FFmpeg must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name=f"source {self.name}", daemon=True)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def request_stop(self) -> None:
        """Ask it to end, without waiting."""
        self._stopping.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended, failed or stopped; True if it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Ask it to end and wait; False if FFmpeg still holds the thread, which pushes no more and ends by itself."""
        self.request_stop()
        return self.join(timeout_s)

    @property
    def state(self) -> SourceState:
        """What it is doing."""
        return self._state

    def stats(self) -> SourceStats:
        """Count what it has done so far."""
        counts = self._counts
        return SourceStats(
            state=self._state,
            frames=self._frames,
            pushed=self._pushed,
            bad_packets=counts.bad_packets,
            damaged_frames=counts.damaged_frames,
            refused_frames=self._refused,
            skipped_packets=self._key_frames.skipped,
            reconnects=self._reconnects,
            info=self._info,
        )

    def _run(self) -> None:
        try:
            self._play_passes()
        except SourceError as error:
            self._fail(error)
        except Exception as error:  # a bug in one source must not end its thread without a word
            text = self.location.masked(f"{type(error).__name__}: {error}")
            self._fail(SourceError(f'source: "{self.location.shown}": {text}: report this'))
        else:
            self._enter(SourceState.STOPPED if self._stopping.is_set() else SourceState.ENDED)

    def _play_passes(self) -> None:
        start_s = self._options.start_s
        while not self._stopping.is_set():
            try:
                if self._play_once(start_s):
                    return
                start_s = 0.0
            except SourceError as error:
                if not self._may_return(error):
                    raise
                self._wait_for_return(error)

    def _play_once(self, start_s: float) -> bool:
        """Play from opening to the end; True if that was the end of the source as well."""
        video = open_video(self.location, self._options.timeouts, self._counts, self._key_frames)
        try:
            self._has_end = video.has_end
            if self._has_end and self.location.is_live and self._info:
                return True  # a live stream over HTTP whose list of segments was closed while we were away
            self._info = video.info
            self._play_frames(video, start_s)
        finally:
            video.close()
        if not self._has_end and not self._stopping.is_set():
            raise SourceError(problem(self.location, "the stream ended", "it goes on when the sender does"))
        return not self._options.loop

    def _play_frames(self, video: Video, start_s: float) -> None:
        if start_s > 0:
            video.skip_to(start_s)
        pacer = Pacer() if self.location.is_paced else None
        pixel_aspect = PixelAspect(video.stream)
        for frame, is_good in video.frames():
            if start_s > 0 and frame.pts is not None and frame.time < start_s:
                continue
            if self._stopping.is_set():
                return
            if self._state is not SourceState.PLAYING:
                self._enter_playing(video)
            if news := self._key_frames.news():
                self._report(f"{self.name}: {news}")
            if pacer and frame.pts is not None and self._stopping.wait(pacer.delay_s(frame.time)):
                return
            if is_good:
                self._offer(frame, pixel_aspect)
            elif self._counts.damaged_frames == 1:
                self._report(
                    f"{self.name}: damaged picture at {frame.time or 0.0:.1f} s: no stills up to the next key frame"
                )

    def _offer(self, frame: av.VideoFrame, pixel_aspect: PixelAspect) -> None:
        self._frames += 1
        if not self._sink.wanted:
            return
        try:
            self._pushed += self._sink.push(frame_from_av(frame, pixel_aspect=pixel_aspect()))
        except FrameFormatError as error:
            self._refused += 1
            if self._refused == 1:
                self._report(f"{self.name}: frames refused: {error}")

    def _may_return(self, error: SourceError) -> bool:
        was_there = self._info is not None
        if self.location.kind is SourceKind.CAMERA and not was_there:
            return False  # a camera that was never there is a wrong name more often than a late cable
        return self.location.is_live and not self._has_end and not isinstance(error, NeverPlayableError)

    def _wait_for_return(self, error: SourceError) -> None:
        """Say once that the source is away, then wait for the next attempt."""
        if self._state is not SourceState.RECONNECTING:
            self._lost_at_s = time.monotonic()
            if self._state is SourceState.PLAYING and self._lost_at_s - self._playing_at_s > _STEADY_AFTER_S:
                self._backoff.reset()
            self._enter(SourceState.RECONNECTING, f"{error}; trying again until it comes")
        self._stopping.wait(self._backoff.next())

    def _enter_playing(self, video: Video) -> None:
        self._playing_at_s = time.monotonic()
        self._info = video.info
        came_back = self._state is SourceState.RECONNECTING and self._frames > 0
        self._reconnects += came_back
        away_s = self._playing_at_s - self._lost_at_s
        self._enter(SourceState.PLAYING, f"back after {away_s:.1f} s" if came_back else str(self._info))

    def _fail(self, error: SourceError) -> None:
        self.error = error
        self._enter(SourceState.FAILED, str(error))

    def _enter(self, state: SourceState, detail: str = "") -> None:
        self._state = state
        self._report(f"{self.name}: {state}{': ' if detail else ''}{detail}")
