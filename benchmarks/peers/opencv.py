"""OpenCV scales, with INTER_AREA: its only filter that does not alias when it makes pictures smaller.

Two ways from I420. By planes, each scaled by itself into memory that is kept, and given to an encoder of planes: the
fast way. Through BGR at full size and ``imencode``: what nearly everybody does. OpenCV takes I420 for BT.601, and the
way by planes leaves the limited range as it is.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg
import turbojpeg

from benchmarks.frames import Array, ArrayPlanes, SourceFrame, planes_of
from benchmarks.peers import Job

cv2.setNumThreads(1)


def scale_into(planes: ArrayPlanes, small: ArrayPlanes) -> None:
    for source, target in zip(planes, small, strict=True):
        cv2.resize(source, target.shape[::-1], dst=target, interpolation=cv2.INTER_AREA)


class PlanesWithSimplejpeg:
    def __init__(self, job: Job) -> None:
        self._quality = job.quality
        width, height = job.target
        half = (height // 2, width // 2)
        self._small = (np.empty((height, width), np.uint8), np.empty(half, np.uint8), np.empty(half, np.uint8))

    def load(self, frame: SourceFrame) -> ArrayPlanes:
        return planes_of(frame.array("I420"), frame.width, frame.height)

    def still(self, loaded: ArrayPlanes) -> bytes:
        scale_into(loaded, self._small)
        return simplejpeg.encode_jpeg_yuv_planes(*self._small, quality=self._quality, fastdct=False)


class PlanesWithPyTurboJpeg:
    """The planes stand one after the other, rows padded to four bytes, as TurboJPEG's packed YUV has them."""

    def __init__(self, job: Job) -> None:
        self._encoder = turbojpeg.TurboJPEG()
        self._quality = job.quality
        self._width, self._height = width, height = job.target
        sizes = ((width, height), (width // 2, height // 2), (width // 2, height // 2))
        strides = [(size[0] + 3) // 4 * 4 for size in sizes]
        lengths = [stride * size[1] for stride, size in zip(strides, sizes, strict=True)]
        self._packed = np.zeros(sum(lengths), np.uint8)
        parts = np.split(self._packed, np.cumsum(lengths)[:-1])
        views = [
            part.reshape(size[1], stride)[:, : size[0]]
            for part, size, stride in zip(parts, sizes, strides, strict=True)
        ]
        self._small = (views[0], views[1], views[2])

    def load(self, frame: SourceFrame) -> ArrayPlanes:
        return planes_of(frame.array("I420"), frame.width, frame.height)

    def still(self, loaded: ArrayPlanes) -> bytes:
        scale_into(loaded, self._small)
        return self._encoder.encode_from_yuv(
            self._packed, self._height, self._width, self._quality, turbojpeg.TJSAMP_420
        )


class OfBgr:
    def __init__(self, job: Job) -> None:
        self._size = job.target
        self._small = np.empty((job.target[1], job.target[0], 3), np.uint8)
        self._parameters = [cv2.IMWRITE_JPEG_QUALITY, job.quality]

    def load(self, frame: SourceFrame) -> Array:
        return frame.array("BGR24")

    def still(self, loaded: Array) -> bytes:
        cv2.resize(loaded, self._size, dst=self._small, interpolation=cv2.INTER_AREA)
        return cv2.imencode(".jpg", self._small, self._parameters)[1].tobytes()


class ThroughBgr(OfBgr):
    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._large = np.empty((job.source[1], job.source[0], 3), np.uint8)

    def load(self, frame: SourceFrame) -> Array:
        return frame.array("I420")

    def still(self, loaded: Array) -> bytes:
        cv2.cvtColor(loaded, cv2.COLOR_YUV2BGR_I420, dst=self._large)
        return super().still(self._large)
