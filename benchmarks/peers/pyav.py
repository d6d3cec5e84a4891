"""PyAV: swscale's area filter straight into the encoder's format, and FFmpeg's mjpeg encoder, both kept.

yuvj420p is what mjpeg takes, so swscale also widens the range. Standard Huffman tables as everybody else has them here:
the encoder's default, tables made for each picture, costs a second pass.
"""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from benchmarks.frames import SourceFrame
from benchmarks.peers import Job


class PyAV:
    def __init__(self, job: Job, format_: str) -> None:
        self._format = format_
        self._width, self._height = job.target
        self._scaler = VideoReformatter()
        encoder = av.CodecContext.create("mjpeg", "w")
        encoder.width, encoder.height = job.target
        encoder.pix_fmt = "yuvj420p"
        encoder.time_base = Fraction(1, 25)
        encoder.qmin = encoder.qmax = job.quality  # a fixed quantiser: PyAV has no way to set a frame's own
        encoder.thread_count = 1
        encoder.options = {"huffman": "default"}
        self._encoder = encoder
        self._at = 0

    def load(self, frame: SourceFrame) -> av.VideoFrame:
        return frame.as_video(self._format)

    def still(self, loaded: av.VideoFrame) -> bytes:
        small = self._scaler.reformat(
            loaded,
            self._width,
            self._height,
            "yuvj420p",
            interpolation=Interpolation.AREA,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        small.pts, small.time_base = self._at, self._encoder.time_base
        self._at += 1
        return bytes(self._encoder.encode(small)[0])
