"""Pillow, which knows no 4:2:0 video.

By planes, each scaled as a grey picture by its box filter and merged as YCbCr, which is what ``save`` encodes without a
conversion; chroma is scaled to luma's size, since a merged picture has one size, and halved again by the encoder. Or
through RGB at full size by PyAV's swscale, as most programmes do.
"""

from __future__ import annotations

import io

import av
from av.video.reformatter import Colorspace, VideoReformatter
from PIL import Image

from benchmarks.frames import SourceFrame, planes_of
from benchmarks.peers import Job


def saved(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


class Planes:
    def __init__(self, job: Job) -> None:
        self._size, self._quality = job.target, job.quality

    def load(self, frame: SourceFrame) -> list[Image.Image]:
        return [Image.fromarray(plane) for plane in planes_of(frame.array("I420"), frame.width, frame.height)]

    def still(self, loaded: list[Image.Image]) -> bytes:
        small = [plane.resize(self._size, Image.Resampling.BOX) for plane in loaded]
        return saved(Image.merge("YCbCr", small), self._quality)


class ThroughRgb:
    def __init__(self, job: Job) -> None:
        self._size, self._quality = job.target, job.quality
        self._converter = VideoReformatter()

    def load(self, frame: SourceFrame) -> av.VideoFrame:
        return frame.video

    def still(self, loaded: av.VideoFrame) -> bytes:
        rgb = self._converter.reformat(loaded, format="rgb24", src_colorspace=Colorspace.ITU709, threads=1)
        return saved(rgb.to_image().resize(self._size, Image.Resampling.BOX), self._quality)
