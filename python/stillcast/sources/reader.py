"""Opening a video with PyAV and reading its good frames one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import av
import av.error
from av.stream import Disposition

from stillcast.errors import SourceError
from stillcast.sources.faults import HTTP_WAY_OUT, silence, source_error
from stillcast.sources.keyframes import KeyFrames
from stillcast.sources.locations import Location, SourceKind, check_file, problem

# So many unreadable packets in a row are no damage that one could read on behind.
_BAD_PACKETS_MAX = 100
# A stream that refreshes its picture bit by bit has no key frames: then a damaged picture counts as mended after this.
_MENDED_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a source may be silent, in seconds.

    Attributes:
        open_s: until the stream is open and its codec is known.
        read_s: between two packets of video.
    """

    open_s: float = 10.0
    read_s: float = 15.0


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video once it is open.

    Attributes:
        width: pixels; 0 if the stream does not say before its first frame.
        height: pixels; 0 likewise.
        frame_rate: frames a second; 0.0 if unknown.
        codec: FFmpeg's name of it.
        duration_s: seconds, or None for what has no end.
    """

    width: int
    height: int
    frame_rate: float
    codec: str
    duration_s: float | None

    def __str__(self) -> str:
        """Say it shortly: ``1280x720 h264 25 fps, 5.3 s``."""
        size = f"{self.width}x{self.height} " if self.width else ""
        rate = f" {self.frame_rate:.4g} fps" if self.frame_rate else ""
        length = f", {self.duration_s:.1f} s" if self.duration_s else ""
        return f"{size}{self.codec}{rate}{length}"


@dataclass(slots=True)
class ReadCounts:
    """What the reader left out, over the whole life of a source.

    Attributes:
        bad_packets: packets that were marked as corrupt or that the decoder refused.
        damaged_frames: frames that were decoded after such a packet and show its marks.
    """

    bad_packets: int = 0
    damaged_frames: int = 0


@dataclass(slots=True)
class _Health:
    """Whether the decoded pictures can be trusted: not from a damaged one up to the next key frame.

    Note [Damage lasts until the next key frame]: the decoder marks only the frame that it had to mend. Those after it
    are predicted from it and look just as bad, without a mark, until a key frame starts afresh.
    """

    damaged_at_s: float | None = None

    def hurt(self, at_s: float) -> None:
        self.damaged_at_s = at_s

    def admits(self, frame: av.VideoFrame, at_s: float) -> bool:
        if frame.is_corrupt:
            self.hurt(at_s)
        elif self.damaged_at_s is not None:
            mended = frame.key_frame or not 0 <= at_s - self.damaged_at_s <= _MENDED_AFTER_S
            self.damaged_at_s = None if mended else self.damaged_at_s
        return self.damaged_at_s is None


@dataclass(slots=True)
class Video:
    """An open video: its facts and its frames. Used by one thread."""

    location: Location
    container: av.container.InputContainer
    stream: av.VideoStream
    timeouts: Timeouts
    counts: ReadCounts = field(default_factory=ReadCounts)
    key_frames: KeyFrames = field(default_factory=KeyFrames)
    _end_s: float = 0.0
    _health: _Health = field(default_factory=_Health)

    @property
    def info(self) -> VideoInfo:
        """What is known of it by now."""
        context = self.stream.codec_context
        rate = self.stream.average_rate or self.stream.guessed_rate
        codec = "raw" if context.name == "wrapped_avframe" else context.name  # FFmpeg's word for a filter's output
        return VideoInfo(context.width, context.height, float(rate or 0), codec, self.duration_s)

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first to the last frame as the file's header says; None for what has no end."""
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        return self.container.duration / av.time_base if self.container.duration else None

    @property
    def has_end(self) -> bool:
        """True for what ends by itself: files, also those that come over HTTP, and test pictures of a stated length."""
        if self.location.kind is SourceKind.HTTP:
            return self.duration_s is not None
        return self.location.kind in (SourceKind.FILE, SourceKind.LAVFI)

    def skip_to(self, start_s: float) -> None:
        """Go to the last key frame before a time, so that ``frames`` need not decode all that is before it."""
        self.container.seek(int(start_s * av.time_base))

    def frames(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        """Decode the video from where it is.

        Yields:
            Each frame, and whether it can be trusted: see Note [Damage lasts until the next key frame].

        Raises:
            SourceError: the stream stalled, broke off, or cannot be decoded; a file ended before its time.
        """
        try:
            for packet in self._packets():
                if self._is_due(packet):
                    yield from self._decode(packet)
        except av.error.FFmpegError as error:
            raise source_error(self.location, error, silent_s=self.timeouts.read_s) from None
        self._check_the_end()

    def close(self) -> None:
        """Let go of the file or the connection."""
        self.container.close()

    def _packets(self) -> Iterator[av.Packet[av.VideoStream]]:
        bad_in_a_row = 0
        heard_at = time.monotonic()
        while True:
            try:
                # All streams, not only the video: else a stream whose sound goes on could hide that its pictures ended.
                for packet in self.container.demux():
                    self._note_end(packet)
                    if packet.stream.index == self.stream.index:
                        bad_in_a_row, heard_at = 0, time.monotonic()
                        yield cast("av.Packet[av.VideoStream]", packet)
                    elif self.location.is_live and time.monotonic() - heard_at > self.timeouts.read_s:
                        raise SourceError(silence(self.location, self.timeouts.read_s))
                return
            except av.error.InvalidDataError:
                bad_in_a_row += 1
                self._count_bad()
                if bad_in_a_row > _BAD_PACKETS_MAX:
                    raise

    def _decode(self, packet: av.Packet[av.VideoStream]) -> Iterator[tuple[av.VideoFrame, bool]]:
        if packet.is_corrupt:
            self._count_bad()
            return
        try:
            decoded = packet.decode()
            if self.key_frames.is_alone:
                decoded += self._drained()
        except (av.error.InvalidDataError, av.error.EOFError):
            self._count_bad()
            return
        for frame in decoded:
            is_good = self._health.admits(frame, frame.time if frame.pts is not None else self._end_s)
            self.counts.damaged_frames += not is_good
            yield frame, is_good

    def _is_due(self, packet: av.Packet[av.VideoStream]) -> bool:
        if packet.size == 0:  # the end: what the decoder holds back comes out
            return not self.key_frames.is_alone
        return self.key_frames.admits(is_key=packet.is_keyframe, at_s=self._time_of(packet))

    # A decoder holds pictures back that later ones may have to overtake; a key frame alone waits for nothing.
    def _drained(self) -> list[av.VideoFrame]:
        try:
            frames = self.stream.codec_context.decode(None)
        finally:  # a damaged key frame may be found only here; without this the decoder would take no packet any more
            self.stream.codec_context.flush_buffers()
        for frame in frames:
            frame.time_base = self.stream.time_base  # which only a packet of the stream would have given them
        return frames

    def _time_of(self, packet: av.Packet[av.VideoStream]) -> float:
        if packet.pts is None or packet.time_base is None:
            return self._end_s
        return float(packet.pts * packet.time_base)

    def _note_end(self, packet: av.Packet[Any]) -> None:
        # A header that gives only the length of the whole file means its longest stream, which may be the sound.
        ours = packet.stream.index == self.stream.index or not self.stream.duration
        if ours and packet.pts is not None and packet.time_base:
            self._end_s = max(self._end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def _count_bad(self) -> None:
        self.counts.bad_packets += 1
        self._health.hurt(self._end_s)

    def _check_the_end(self) -> None:
        if not self.has_end or not self.duration_s:
            return
        start_s = float((self.stream.start_time or 0) * (self.stream.time_base or 0))
        missing_s = start_s + self.duration_s - self._end_s
        if missing_s > max(1.0, 0.02 * self.duration_s):
            what = f"ended early, at {self._end_s:.1f} s of {self.duration_s:.1f} s"
            way_out = "the file is truncated or damaged: copy it again"
            if self.location.kind is SourceKind.HTTP:
                way_out = HTTP_WAY_OUT
            raise SourceError(problem(self.location, what, way_out))


def open_video(
    location: Location, timeouts: Timeouts, counts: ReadCounts | None = None, key_frames: KeyFrames | None = None
) -> Video:
    """Open a source and find its video stream. Blocks for ``timeouts.open_s`` at most.

    Args:
        location: what to open.
        timeouts: how long silence may last.
        counts: where to count on; new counts if None.
        key_frames: which frames are decoded; all if None.

    Raises:
        SourceError: there is no such thing, or it has no video, or nobody can decode it.
    """
    if location.kind is SourceKind.FILE:
        check_file(location)
    limits = (timeouts.open_s, timeouts.read_s) if location.is_live else None
    try:
        container = av.open(
            location.target, "r", format=location.format, options=dict(location.options), timeout=limits
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise source_error(location, error, silent_s=timeouts.open_s) from None
    try:
        stream = _video_stream(location, container)
    except SourceError:
        container.close()
        raise
    stream.thread_type = "AUTO"
    key_frames = key_frames or KeyFrames()
    key_frames.begin()
    return Video(location, container, stream, timeouts, counts or ReadCounts(), key_frames)


def _video_stream(location: Location, container: av.container.InputContainer) -> av.VideoStream:
    stream = container.streams.best("video")
    # FFmpeg plays any text as a picture of a terminal; nobody means that.
    if container.format.name == "tty":
        raise SourceError(problem(location, "is a text, not a video", "name a video file or a stream"))
    if not isinstance(stream, av.VideoStream) or stream.disposition & Disposition.attached_pic:
        has = ", ".join(sorted({other.type for other in container.streams})) or "nothing"
        raise SourceError(problem(location, f"no video stream (it has: {has})", "name a source with pictures"))
    if stream.codec_context is None:
        raise SourceError(problem(location, "its codec has no decoder in this FFmpeg", "convert it, to H.264 say"))
    return stream
