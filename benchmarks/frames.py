"""Real frames of the sizes that streams have, made of the test clips."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from benchmarks.quality import Reference, wanted_of
from support.clips import clip

Array = npt.NDArray[np.uint8]
ArrayPlanes = tuple[Array, Array, Array]

_PIX_FMTS = {"I420": "yuv420p", "NV12": "nv12", "YUY2": "yuyv422", "BGR24": "bgr24"}


@dataclass(slots=True)
class SourceFrame:
    """One frame, limited-range BT.709, in whatever form a contender takes. Made once, kept."""

    video: av.VideoFrame  # yuv420p
    _arrays: dict[str, Array] = field(default_factory=dict)
    _references: dict[tuple[int, int], Reference] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return self.video.width

    @property
    def height(self) -> int:
        return self.video.height

    def array(self, format_: str) -> Array:
        """As numpy has it, contiguous: I420 and NV12 (height * 3 / 2, width), packed (height, width, channels)."""
        if format_ not in self._arrays:
            array = self.as_video(format_).to_ndarray()
            self._arrays[format_] = np.ascontiguousarray(array)
        return self._arrays[format_]

    def reference(self, size: tuple[int, int]) -> Reference:
        """What a still of that size should be."""
        if size not in self._references:
            self._references[size] = Reference(wanted_of(self.array("I420"), size))
        return self._references[size]

    def as_video(self, format_: str) -> av.VideoFrame:
        """As a PyAV frame of that format. RGB has the true colours of BT.709."""
        if format_ == "I420":
            return self.video
        return self.video.reformat(
            format=_PIX_FMTS[format_],
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if format_ == "BGR24" else ColorRange.MPEG,
        )


def source_frames(name: str, size: tuple[int, int], count: int) -> list[SourceFrame]:
    """Different frames of a clip, spread over its length, enlarged once by swscale (bicubic)."""
    return [SourceFrame(scaled(frame, size)) for frame in spread_over(decoded(name), count)]


def planes_of(i420: Array, width: int, height: int) -> ArrayPlanes:
    """Views of the three planes of a contiguous frame."""
    flat = i420.reshape(-1)
    luma, chroma = width * height, (width // 2) * (height // 2)
    return (
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(height // 2, width // 2),
        flat[luma + chroma :].reshape(height // 2, width // 2),
    )


def scaled(frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    if (frame.width, frame.height) == size:
        return frame
    return frame.reformat(width=size[0], height=size[1], interpolation=Interpolation.BICUBIC)


def spread_over(frames: Sequence[av.VideoFrame], count: int) -> list[av.VideoFrame]:
    if count > len(frames):
        raise ValueError(f"{count} frames are wanted, the clip has {len(frames)}")
    return [frames[index * len(frames) // count] for index in range(count)]


@functools.lru_cache(maxsize=2)
def decoded(name: str) -> list[av.VideoFrame]:
    with av.open(str(clip(name))) as container:
        return list(container.decode(video=0))
