"""Agora's Python server SDK, by the shape of its ``VideoFrame``; the SDK itself is not imported."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from stillcast.capture import Frame
from stillcast.errors import FrameFormatError
from stillcast.hosts.offering import ClosingSink, Offering, in_words
from stillcast.hosts.planes import Plane, plane

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LOG: Final = logging.getLogger("stillcast.hosts")
_UNDER_WAY_S: Final = 1.0

# Agora's VIDEO_PIXEL_FORMAT: https://docs.agora.io, enumeration of the same name in its native SDKs.
_I420, _BGRA, _NV21, _RGBA, _NV12 = 1, 2, 3, 4, 8
_PACKED: Final = {_BGRA: "BGRA", _RGBA: "RGBA"}
_SEMI_PLANAR: Final = {_NV12: "NV12", _NV21: "NV21"}


class AgoraFrame(Protocol):
    """What is read of the SDK's ``VideoFrame``: sides in pixels, strides in bytes, buffers of whole rows."""

    type: int
    width: int
    height: int
    y_stride: int
    u_stride: int
    v_stride: int
    y_buffer: Buffer | None
    u_buffer: Buffer | None
    v_buffer: Buffer | None
    rotation: int


class VideoFrameObserver:
    """Stills of all users of a channel: an observer to be registered with the SDK.

    A feed is opened when a user's first frame comes, and closed by ``leave``, to be called when the SDK says that the
    user left. Frames of theirs that are still under way on another thread open none for a second after that. Any thread
    may call anything.
    """

    def __init__(self, open_feed: Callable[[str, str], ClosingSink]) -> None:
        """Describe an observer.

        Args:
            open_feed: gives the feed of a channel and a user: ``agent.open_feed``, or a function around it.
        """
        self._open_feed = open_feed
        self._mutex = threading.Lock()  # guards what follows
        self._closed = False
        self._left_at_s: dict[tuple[str, str], float] = {}
        self._feeds: dict[tuple[str, str], tuple[ClosingSink, Offering] | None] = {}

    def on_frame(self, channel_id: str, remote_uid: str, frame: AgoraFrame) -> int:
        """Offer a user's frame; the SDK calls it for each one. Never raises."""
        if known := self._feed(channel_id, remote_uid):
            known[1].offer(lambda: frame_from_agora(frame))
        return 0

    def leave(self, channel_id: str, remote_uid: str) -> None:
        """Close the feed of a user who left; if frames come again later, a new one is opened."""
        now_s = time.monotonic()
        with self._mutex:
            known = self._feeds.pop((channel_id, remote_uid), None)
            self._left_at_s = {user: at_s for user, at_s in self._left_at_s.items() if now_s - at_s < _UNDER_WAY_S}
            self._left_at_s[channel_id, remote_uid] = now_s
        if known:
            known[0].close()

    def close(self) -> None:
        """Close all feeds; no frame is taken any more."""
        with self._mutex:
            self._closed = True
            known = list(self._feeds.values())
            self._feeds.clear()
        for each in known:
            if each:
                each[0].close()

    def _feed(self, cname: str, uid: str) -> tuple[ClosingSink, Offering] | None:
        user = (cname, uid)
        with self._mutex:
            if user not in self._feeds:
                if self._closed or time.monotonic() - self._left_at_s.get(user, -math.inf) < _UNDER_WAY_S:
                    return None
                self._feeds[user] = self._opened(cname, uid)
            return self._feeds[user]

    # A user who cannot have a feed is told of once, not with each frame.
    def _opened(self, cname: str, uid: str) -> tuple[ClosingSink, Offering] | None:
        try:
            feed = self._open_feed(cname, uid)
        except Exception as error:  # of a function of the host's as well
            _LOG.warning("%s/%s: no stills: %s", cname, uid, in_words(error))
            return None
        return feed, Offering(feed, f"{cname}/{uid}")


def frame_from_agora(frame: AgoraFrame) -> Frame:
    """Look at a frame of the SDK as a ``Frame``; nothing is copied.

    Args:
        frame: I420, NV12, NV21, RGBA or BGRA. Its rotation is taken, so that the still comes out upright. The SDK's
            buffers of chroma have ``height // 2`` rows: of an odd height the last row is left out.

    Raises:
        FrameFormatError: another pixel format, no buffer, or one that is too short.
    """
    width, height = frame.width, frame.height
    if frame.type in _PACKED:
        pixels = _plane(frame.y_buffer, frame.y_stride, 4 * width, height, "y_buffer")
        return Frame([pixels], _PACKED[frame.type], width, height, rotation=frame.rotation % 360)
    half, height = -(-width // 2), height - height % 2
    planes = [_plane(frame.y_buffer, frame.y_stride, width, height, "y_buffer")]
    if frame.type == _I420:
        planes.append(_plane(frame.u_buffer, frame.u_stride, half, height // 2, "u_buffer"))
        planes.append(_plane(frame.v_buffer, frame.v_stride, half, height // 2, "v_buffer"))
        return Frame(planes, "I420", width, height, rotation=frame.rotation % 360)
    if frame.type in _SEMI_PLANAR:
        planes.append(_plane(frame.u_buffer, frame.u_stride, 2 * half, height // 2, "u_buffer"))
        return Frame(planes, _SEMI_PLANAR[frame.type], width, height, rotation=frame.rotation % 360)
    raise FrameFormatError(
        f"frame: Agora's pixel format {frame.type} is not one of 1 (I420), 2 (BGRA), 3 (NV21), 4 (RGBA), 8 (NV12): "
        "register the observer for one of them"
    )


def _plane(buffer: Buffer | None, stride: int, row_bytes: int, rows: int, name: str) -> Plane:
    if buffer is None:
        raise FrameFormatError(f"frame: {name} is missing: the frame is in the memory of a graphics card, or empty")
    return plane(buffer, stride_bytes=stride, row_bytes=row_bytes, rows=rows, name=name)
