"""picamera2, by the shape of its requests; the library itself is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from stillcast.capture import Frame
from stillcast.errors import FrameFormatError
from stillcast.hosts.offering import FrameSink, OfferCounts, Offering
from stillcast.hosts.planes import Plane, plane

if TYPE_CHECKING:
    from typing_extensions import Buffer

# libcamera names packed formats by the order of bits in a word, which is the opposite of that of bytes in memory.
_PACKED: Final = {
    "RGB888": ("BGR24", 3),
    "BGR888": ("RGB24", 3),
    "XRGB8888": ("BGRA", 4),
    "XBGR8888": ("RGBA", 4),
    "YUYV": ("YUY2", 2),
    "UYVY": ("UYVY", 2),
}
_SEMI_PLANAR: Final = ("NV12", "NV21")
_PLANAR: Final = ("YUV420", "YVU420")
_MATRICES: Final = {"Rec601": "bt601", "Rec709": "bt709", "Rec2020": "bt2020"}
_RANGES: Final = {"Full": True, "Limited": False}


class Request(Protocol):
    """What is read of a ``CompletedRequest``: the camera's configuration, and a stream's bytes."""

    config: Mapping[str, Any]

    def make_buffer(self, name: str) -> Buffer:
        """Copy the bytes of a stream."""
        ...


class Stills:
    """Stills of a camera: ``camera.post_callback = Stills(feed).offer``. For one thread at a time."""

    def __init__(self, feed: FrameSink, *, stream: str = "main", rotation: int = 0, name: str = "picamera2") -> None:
        """Describe the stills of a stream.

        Args:
            feed: takes the frames; its owner closes it.
            stream: which of the camera's streams.
            rotation: clockwise turn that brings the picture upright: how the camera is mounted.
            name: what log lines call it.
        """
        self._offering = Offering(feed, name)
        self._stream = stream
        self._rotation = rotation

    @property
    def counts(self) -> OfferCounts:
        """What was offered, pushed and refused."""
        return self._offering.counts

    def offer(self, request: Request) -> bool:
        """Offer a completed request; never raises. Its bytes are copied only when a still is due.

        Returns:
            True if it was taken for a still.
        """
        return self._offering.offer(lambda: frame_from_request(request, stream=self._stream, rotation=self._rotation))


def frame_from_request(request: Request, *, stream: str = "main", rotation: int = 0) -> Frame:
    """Look at a copy of a stream's bytes as a ``Frame``, with the colour space of the camera's configuration.

    Args:
        request: completed, not yet released.
        stream: which of the camera's streams.
        rotation: clockwise turn that brings the picture upright.

    Raises:
        FrameFormatError: a format that stillcast does not take, or too few bytes.
    """
    config = request.config[stream]
    format_name, (width, height), stride = config["format"], config["size"], config["stride"]
    planes, known = _planes(request.make_buffer(stream), format_name, width, height, stride)
    space = request.config.get("colour_space")
    return Frame(
        planes,
        known,
        width,
        height,
        matrix=_MATRICES.get(_name(space, "ycbcrEncoding")),
        full_range=_RANGES.get(_name(space, "range")) if "888" not in format_name else None,
        rotation=rotation,
    )


def _name(space: object, attribute: str) -> str:
    return str(getattr(getattr(space, attribute, None), "name", ""))


# Chroma follows luma without a gap, its rows half as long where there are two planes of it.
def _planes(buffer: Buffer, name: str, width: int, height: int, stride: int) -> tuple[list[Plane], str]:
    if name in _PACKED:
        known, pixel_bytes = _PACKED[name]
        return [plane(buffer, stride_bytes=stride, row_bytes=pixel_bytes * width, rows=height)], known
    half_width, half_height, luma_bytes = -(-width // 2), -(-height // 2), stride * height
    luma = plane(buffer, stride_bytes=stride, row_bytes=width, rows=height)
    if name in _SEMI_PLANAR:
        return [
            luma,
            plane(buffer, stride_bytes=stride, row_bytes=2 * half_width, rows=half_height, offset=luma_bytes),
        ], name
    if name in _PLANAR:
        chroma = [
            plane(buffer, stride_bytes=stride // 2, row_bytes=half_width, rows=half_height, offset=luma_bytes + skipped)
            for skipped in (0, stride // 2 * half_height)
        ]
        return [luma, *(chroma if name == "YUV420" else chroma[::-1])], "I420"
    raise FrameFormatError(
        f'frame: the camera\'s format "{name}" is not one of {", ".join([*_PACKED, *_SEMI_PLANAR, *_PLANAR])}: '
        "configure the stream with one of them"
    )
