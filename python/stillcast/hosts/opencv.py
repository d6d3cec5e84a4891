"""OpenCV: every frame is grabbed, one is retrieved only when a still is due."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from stillcast.capture import Frame
from stillcast.errors import FrameFormatError
from stillcast.hosts.offering import FrameSink, OfferCounts, Offering

Image = np.ndarray[Any, np.dtype[Any]]

_FORMATS = {(): "GRAY8", (1,): "GRAY8", (3,): "BGR24", (4,): "BGRA"}


class Stills:
    """Stills of what a host reads with OpenCV. For one thread at a time.

    ``while stills.grab(capture): ...`` decodes every frame and converts those only that a still is due of. A host that
    has images anyway calls ``offer(image)`` instead.
    """

    def __init__(self, feed: FrameSink, *, name: str = "opencv") -> None:
        """Describe the stills of a video.

        Args:
            feed: takes the frames; its owner closes it.
            name: what log lines call it.
        """
        self._offering = Offering(feed, name)

    @property
    def counts(self) -> OfferCounts:
        """What was offered, pushed and refused."""
        return self._offering.counts

    def grab(self, capture: cv2.VideoCapture) -> bool:
        """Take the next frame off a capture, and retrieve and offer it if a still is due.

        Returns:
            False once the capture has no more; then nothing was offered.
        """
        if not capture.grab():
            return False
        self._offering.offer(lambda: _retrieved(capture))
        return True

    def offer(self, image: Image) -> bool:
        """Offer an image; never raises.

        Args:
            image: uint8, (height, width) grey, (height, width, 3) BGR or (height, width, 4) BGRA; not kept.

        Returns:
            True if it was taken for a still.
        """
        return self._offering.offer(lambda: frame_from_image(image))


def frame_from_image(image: Image, *, rotation: int = 0, pixel_aspect: tuple[int, int] = (1, 1)) -> Frame:
    """Look at an image as OpenCV has it as a ``Frame``.

    Args:
        image: uint8, (height, width) grey, (height, width, 3) BGR or (height, width, 4) BGRA.
        rotation: clockwise turn that brings it upright, 0, 90, 180 or 270.
        pixel_aspect: width and height of one pixel.

    Raises:
        FrameFormatError: another type or shape.
    """
    format_name = _FORMATS.get(image.shape[2:])
    if format_name is None or image.ndim < 2:
        raise FrameFormatError(
            f"image: has the shape {image.shape}: give (height, width), (height, width, 3) or (height, width, 4)"
        )
    if image.strides[1:] != np.empty((1, *image.shape[1:]), image.dtype).strides[1:]:
        image = np.ascontiguousarray(image)  # a mirrored view, say
    array = image.reshape(image.shape[:2]) if format_name == "GRAY8" else image
    return Frame.from_array(array, format_name, rotation=rotation, pixel_aspect=pixel_aspect)


def _retrieved(capture: cv2.VideoCapture) -> Frame:
    ok, image = capture.retrieve()
    if not ok:
        raise FrameFormatError("frame: OpenCV could not decode it: the stream is damaged, or its codec unknown")
    rotation, pixel_aspect = _orientation(capture)
    return frame_from_image(image, rotation=rotation, pixel_aspect=pixel_aspect)


def _orientation(capture: cv2.VideoCapture) -> tuple[int, tuple[int, int]]:
    """Say what is still to be turned, and how wide and high a pixel of the retrieved image is."""
    meta = round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
    width, height = (round(capture.get(p)) for p in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
    pixel_aspect = (width, height) if width > 0 and height > 0 else (1, 1)
    if not capture.get(cv2.CAP_PROP_ORIENTATION_AUTO):
        return meta, pixel_aspect
    # OpenCV has turned the image already, and with it what was wide.
    return 0, pixel_aspect if meta % 180 == 0 else pixel_aspect[::-1]
