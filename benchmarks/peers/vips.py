"""pyvips: a lazy graph on the three planes, so nothing of full size is kept; colours converted on the small ones.

``resize`` with a linear kernel shrinks by whole numbers with a box filter and does the rest by a triangle. libvips
saves no YCbCr, so the small planes become RGB by one matrix, with the true colours, and its encoder turns them back.
"""

from __future__ import annotations

import pyvips

from benchmarks.frames import SourceFrame, planes_of
from benchmarks.peers import Job

# Limited-range BT.709 to R'G'B' (ITU-R BT.709-6).
_Y = 255 / 219
_MATRIX = [[_Y, 0.0, 1.7927], [_Y, -0.2132, -0.5329], [_Y, 2.1124, 0.0]]
_OFFSETS = [-16 * luma - 128 * (cb + cr) for luma, cb, cr in _MATRIX]

pyvips.cache_set_max(0)  # a still is never asked for twice


class Vips:
    def __init__(self, job: Job) -> None:
        self._quality = job.quality
        self._target = job.target
        self._matrix = pyvips.Image.new_from_array(_MATRIX)

    def load(self, frame: SourceFrame) -> list[pyvips.Image]:
        planes = planes_of(frame.array("I420"), frame.width, frame.height)
        return [pyvips.Image.new_from_array(plane, interpretation="b-w") for plane in planes]

    def still(self, loaded: list[pyvips.Image]) -> bytes:
        small = [self._scaled(plane) for plane in loaded]
        rgb = small[0].bandjoin(small[1:]).recomb(self._matrix).linear([1.0] * 3, _OFFSETS, uchar=True)
        return rgb.copy(interpretation="srgb").jpegsave_buffer(Q=self._quality, subsample_mode="on", keep="none")

    def _scaled(self, plane: pyvips.Image) -> pyvips.Image:
        width, height = self._target
        return plane.resize(width / plane.width, vscale=height / plane.height, kernel="linear")
