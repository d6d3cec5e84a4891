"""LiveKit: stills of all participants of a room; room = cname, identity = uid."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from livekit import rtc

from stillcast.capture import Frame
from stillcast.errors import FrameFormatError
from stillcast.hosts.offering import ClosingSink, Offering, in_words
from stillcast.hosts.planes import Plane, plane

_LOG: Final = logging.getLogger("stillcast.hosts")

_PACKED: Final = {
    rtc.VideoBufferType.RGBA: ("RGBA", 4),
    rtc.VideoBufferType.BGRA: ("BGRA", 4),
    rtc.VideoBufferType.RGB24: ("RGB24", 3),
}
_ROTATIONS: Final = {
    rtc.VideoRotation.VIDEO_ROTATION_90: 90,
    rtc.VideoRotation.VIDEO_ROTATION_180: 180,
    rtc.VideoRotation.VIDEO_ROTATION_270: 270,
}


class TimedSink(ClosingSink, Protocol):
    """A feed that says when to look at it again."""

    @property
    def due_in(self) -> float:
        """Seconds until a frame is wanted for the next tick; infinity once it is closed."""
        ...


class RoomStills:
    """Stills of the video tracks of a room, as they come and go. Used on the room's event loop.

    A feed is opened for each track that is subscribed, and closed when the track or the room is gone. While a track is
    muted its feed stays, and its ticks count as ``no_frame``.
    """

    def __init__(
        self,
        open_feed: Callable[[str, str], TimedSink],
        room: rtc.Room,
        *,
        screens: bool = False,
    ) -> None:
        """Begin to watch a room, with the tracks that it has.

        Args:
            open_feed: gives the feed of a room's name and an identity: ``agent.open_feed``, or a function around it.
            room: connected, with ``auto_subscribe``, or one whose tracks the host subscribes itself.
            screens: take shared screens too; their stills have the uid of whoever shares.
        """
        self._open_feed = open_feed
        self._room = room
        self._screens = screens
        self._watched: dict[str, asyncio.Task[None]] = {}  # by the track's sid; those that are to end are not here
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = asyncio.Event()
        room.on("track_subscribed", self._begin)
        room.on("track_unsubscribed", self._end)
        room.on("disconnected", self._end_all)
        for participant in room.remote_participants.values():
            for publication in participant.track_publications.values():
                if publication.track is not None:
                    self._begin(publication.track, publication, participant)

    async def close(self) -> None:
        """Let go of the room and close all feeds; may be called again."""
        self._room.off("track_subscribed", self._begin)
        self._room.off("track_unsubscribed", self._end)
        self._room.off("disconnected", self._end_all)
        self._end_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait(self) -> None:
        """Wait until the room is left, or ``close`` is called."""
        await self._left.wait()

    def _begin(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        is_screen = publication.source == rtc.TrackSource.SOURCE_SCREENSHARE
        if track.kind != rtc.TrackKind.KIND_VIDEO or (is_screen and not self._screens) or track.sid in self._watched:
            return
        name = f"{self._room.name}/{participant.identity}"
        try:
            feed = self._open_feed(self._room.name, participant.identity)
        except Exception as error:  # of a function of the host's as well
            _LOG.warning("%s: no stills: %s", name, in_words(error))
            return
        task = asyncio.get_running_loop().create_task(_watch(track, feed, name), name=f"stillcast {name}")
        self._watched[track.sid] = task
        self._tasks.add(task)

        def ended(_: asyncio.Task[None]) -> None:
            feed.close()  # here, because a task that is cancelled before it began runs nothing of its own
            self._tasks.discard(task)
            if self._watched.get(track.sid) is task:
                del self._watched[track.sid]

        task.add_done_callback(ended)

    # Forgotten at once: it may be subscribed again before the task has ended.
    def _end(self, track: rtc.Track | None, *_: object) -> None:
        if track is not None and (task := self._watched.pop(track.sid, None)):
            task.cancel()

    def _end_all(self, *_: object) -> None:
        self._watched.clear()
        for task in self._tasks:
            task.cancel()
        self._left.set()


# Note [A stream only while a still is due]
# The SDK copies every frame of an open stream for Python, 3 MB each at 1080p, whether anybody looks or not: that costs
# a host five percent of a core a track. So a stream is opened when a still is due and closed with its first
# frame; the track is decoded all the while, so that the next frame comes at once. Until then it sleeps: a feed says for
# how long, but for snapshots, which ask without notice.
_TICK_FIRES_S: Final = 0.005
_SNAPSHOT_WAITS_S: Final = 0.5


async def _watch(track: rtc.Track, feed: TimedSink, name: str) -> None:
    offering = Offering(feed, name)
    try:
        while (due_in_s := feed.due_in) < math.inf:
            await asyncio.sleep(min(max(due_in_s, _TICK_FIRES_S), _SNAPSHOT_WAITS_S))
            if offering.wanted:
                await _offer_next(track, offering)
    except Exception as error:  # of the SDK: the host's loop must not see it
        _LOG.warning("%s: ended: %s", name, in_words(error))


async def _offer_next(track: rtc.Track, offering: Offering) -> None:
    stream = rtc.VideoStream(track, capacity=1)  # its queue has no bound unless told
    try:
        event = await anext(stream)
        offering.offer(partial(frame_from_livekit, event.frame, event.rotation))
    finally:
        await stream.aclose()


def frame_from_livekit(frame: rtc.VideoFrame, rotation: int = rtc.VideoRotation.VIDEO_ROTATION_0) -> Frame:
    """Look at a frame of the SDK as a ``Frame``; what is neither I420 nor packed RGB is converted to I420.

    The SDK says nothing of colours. They are taken for BT.601 at any size: WebRTC's senders make them so (libyuv).

    Args:
        frame: its rows have no padding.
        rotation: the event's.

    Raises:
        FrameFormatError: a frame that the SDK cannot convert, or whose bytes do not suffice.
    """
    turn = _ROTATIONS.get(rotation, 0)
    width, height = frame.width, frame.height
    if frame.type in _PACKED:
        name, pixel_bytes = _PACKED[frame.type]
        return Frame(_planes(frame, [(pixel_bytes * width, height)]), name, width, height, rotation=turn)
    if frame.type != rtc.VideoBufferType.I420:
        frame = _converted(frame)
    half = (-(-width // 2), -(-height // 2))
    planes = _planes(frame, [(width, height), half, half])
    return Frame(planes, "I420", width, height, matrix="bt601", rotation=turn)


def _converted(frame: rtc.VideoFrame) -> rtc.VideoFrame:
    try:
        return frame.convert(rtc.VideoBufferType.I420)
    except Exception as error:
        raise FrameFormatError(f"frame: LiveKit cannot convert its type {frame.type} to I420: {error}") from None


def _planes(frame: rtc.VideoFrame, sizes: list[tuple[int, int]]) -> list[Plane]:
    planes, offset = [], 0
    for row_bytes, rows in sizes:
        planes.append(plane(frame.data, stride_bytes=row_bytes, row_bytes=row_bytes, rows=rows, offset=offset))
        offset += row_bytes * rows
    return planes
