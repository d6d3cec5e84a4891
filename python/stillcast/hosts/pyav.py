"""PyAV: ``av.VideoFrame`` of any pixel format, without copying a pixel where the layouts agree."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from stillcast.capture import Frame
from stillcast.errors import FrameFormatError
from stillcast.hosts.offering import FrameSink, OfferCounts, Offering

if TYPE_CHECKING:
    Plane = np.ndarray[Any, np.dtype[np.uint8]]

# FFmpeg's pixel format -> stillcast's, with the bytes of a row of each plane as (bytes, pixels): a chroma plane of I420
# has one byte for two pixels, one of NV12 two. An odd width rounds up.
_LAYOUTS: dict[str, tuple[str, tuple[tuple[int, int], ...]]] = {
    "yuv420p": ("I420", ((1, 1), (1, 2), (1, 2))),
    "yuvj420p": ("I420", ((1, 1), (1, 2), (1, 2))),
    "nv12": ("NV12", ((1, 1), (2, 2))),
    "nv21": ("NV21", ((1, 1), (2, 2))),
    "yuyv422": ("YUY2", ((4, 2),)),
    "uyvy422": ("UYVY", ((4, 2),)),
    "gray": ("GRAY8", ((1, 1),)),
    "rgb24": ("RGB24", ((3, 1),)),
    "bgr24": ("BGR24", ((3, 1),)),
    "rgba": ("RGBA", ((4, 1),)),
    "bgra": ("BGRA", ((4, 1),)),
}

# The values of AVColorSpace and AVColorRange in libavutil/pixfmt.h.
_MATRICES = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
_RANGES = {1: False, 2: True}


class Stills:
    """Stills of frames that the host decodes itself. For one thread at a time.

    ``stills = Stills(agent.open_feed("lobby", "91"))``, then ``stills.offer(frame)`` for each decoded frame.
    """

    def __init__(
        self,
        feed: FrameSink,
        *,
        pixel_aspect: tuple[int, int] | Callable[[], tuple[int, int]] = (1, 1),
        name: str = "pyav",
    ) -> None:
        """Describe the stills of a stream.

        Args:
            feed: takes the frames; its owner closes it.
            pixel_aspect: width and height of one pixel, or a function that says them: ``PixelAspect(stream)``.
            name: what log lines call the stream.
        """
        self._offering = Offering(feed, name)
        self._pixel_aspect = pixel_aspect if callable(pixel_aspect) else lambda: pixel_aspect

    @property
    def counts(self) -> OfferCounts:
        """What was offered, pushed and refused."""
        return self._offering.counts

    def offer(self, frame: av.VideoFrame) -> bool:
        """Offer the newest decoded frame; never raises.

        Args:
            frame: looked at only when a still is due, and not kept. A pixel format that ``Frame`` does not know is
                converted then, a frame in the memory of a graphics card is brought over.

        Returns:
            True if it was taken for a still.
        """
        return self._offering.offer(lambda: frame_from_av(frame, pixel_aspect=self._pixel_aspect()))


def frame_from_av(
    frame: av.VideoFrame, *, pixel_aspect: tuple[int, int] = (1, 1), unknown_matrix: str | None = None
) -> Frame:
    """Look at a decoded PyAV frame as a stillcast ``Frame``.

    The planes stay where FFmpeg decoded them, padded rows included, and live as long as the result. A pixel format that
    stillcast does not know is converted first, which costs a copy: ask ``feed.wanted`` before.

    Args:
        frame: a decoded frame.
        pixel_aspect: width and height of one pixel, as ``PixelAspect`` gives it for the stream.
        unknown_matrix: taken where FFmpeg knows none; None leaves it to ``Frame``.

    Returns:
        The frame with FFmpeg's matrix, range and time; what FFmpeg does not know is left to ``Frame`` to decide. Its
        rotation is clockwise and a multiple of 90 degrees, so that the still comes out upright.

    Raises:
        FrameFormatError: sides that stillcast does not take, or a picture that FFmpeg cannot bring to main memory.
    """
    if not isinstance(frame, av.VideoFrame):
        raise FrameFormatError(f"frame: {type(frame).__name__}: is no av.VideoFrame: offer those of a video stream")
    if not frame.width:
        raise FrameFormatError("frame: is empty: offer decoded frames")
    known = _in_a_known_format(frame)
    name, rows = _LAYOUTS[known.format.name]
    return Frame(
        [_plane(known, index, -(-known.width // pixels) * count) for index, (count, pixels) in enumerate(rows)],
        name,
        known.width,
        known.height,
        matrix=_MATRICES.get(frame.colorspace, unknown_matrix),
        full_range=_is_full_range(frame),
        rotation=round(-frame.rotation / 90) % 4 * 90,  # FFmpeg counts against the clock
        pixel_aspect=pixel_aspect,
        pts_ns=_pts_ns(frame),
    )


class PixelAspect:
    """How wide and high one pixel of a stream is, whenever it is called: (128, 117), or (1, 1) where nobody says.

    What the file says goes before what the codec says, until the codec's own changes in mid-stream.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        """Describe the pixels of a stream.

        Args:
            stream: that is decoded; first called when it has given a frame.
        """
        self._stream = stream
        self._coded: Fraction | None = None
        self._is_begun = False

    def __call__(self) -> tuple[int, int]:
        """Say how it is now."""
        coded: Fraction | None = self._stream.codec_context.sample_aspect_ratio
        if not self._is_begun:
            self._is_begun, self._coded = True, coded
        stated = self._stream.sample_aspect_ratio if coded == self._coded else None
        aspect = stated or coded
        return (aspect.numerator, aspect.denominator) if aspect else (1, 1)


def _in_a_known_format(frame: av.VideoFrame) -> av.VideoFrame:
    name = frame.format.name
    if name in _LAYOUTS:
        return frame
    # Paletted and planar RGB stay RGB: to make YUV of them would need a matrix that nobody chose.
    if frame.format.is_rgb or name == "pal8":
        return _reformatted(frame, "rgb24")
    # The target has the range of the source, so that swscale does not squeeze the levels on the way.
    return _reformatted(frame, "yuvj420p" if _is_full_range(frame) else "yuv420p")


def _reformatted(frame: av.VideoFrame, name: str) -> av.VideoFrame:
    try:
        return frame.reformat(format=name)
    except (av.error.FFmpegError, ValueError) as error:
        raise FrameFormatError(
            f'frame: "{frame.format.name}" cannot be converted to "{name}" ({error}): decode to main memory, or to '
            "another pixel format"
        ) from None


def _plane(frame: av.VideoFrame, index: int, row_bytes: int) -> Plane:
    plane = frame.planes[index]
    stride = abs(plane.line_size)
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, stride)[:, :row_bytes]
    # A flipped picture has its rows in memory from the last to the first. Rare enough to be worth a copy.
    return rows if plane.line_size > 0 else np.ascontiguousarray(rows[::-1])


def _is_full_range(frame: av.VideoFrame) -> bool | None:
    name = frame.format.name
    if name.startswith("yuvj"):
        return True
    # FFmpeg itself takes grey without a stated range for full range.
    return _RANGES.get(frame.color_range, True if name.startswith("gray") else None)


def _pts_ns(frame: av.VideoFrame) -> int | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return int(frame.pts * frame.time_base * 1_000_000_000)
