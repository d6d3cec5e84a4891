"""What a still should look like, and how near one comes: float64 throughout, numpy alone.

The reference is the area filter of the whole frame with its colours converted to what JFIF means (full-range BT.601).
A still is compared as it lies in the file, plane by plane before chroma is enlarged, so that no viewer's taste counts.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]

_WINDOW = 7
_UNBIASED = _WINDOW**2 / (_WINDOW**2 - 1.0)
_K1, _K2 = 0.01, 0.03
_LEVELS = 255.0

# ITU-R BT.709-6 and BT.601-7: the weights of red and blue in luma.
_BT709 = (0.2126, 0.0722)
_BT601 = (0.299, 0.114)


@dataclass(frozen=True, slots=True)
class Planes:
    """Y, Cb and Cr of a 4:2:0 picture, 0 to 255, chroma around 128."""

    y: Plane
    cb: Plane
    cr: Plane

    def as_i420(self) -> npt.NDArray[np.uint8]:
        """The nearest levels, plane after plane in one row."""
        planes = [np.clip(np.rint(plane), 0, _LEVELS).astype(np.uint8).ravel() for plane in (self.y, self.cb, self.cr)]
        return np.concatenate(planes)


@dataclass(frozen=True, slots=True)
class Quality:
    """How near a still comes to the reference."""

    psnr_y: float  # dB
    ssim_y: float
    ssim_fitted: float  # of luma after the gain and offset that suit it best: what is left is sharpness and noise
    luma_error: float  # mean of |Y' - Y| in levels
    colour_error: float  # mean of |Cb' - Cb| and |Cr' - Cr| in levels


def area_scaled(plane: npt.NDArray[np.generic], extent: tuple[int, int], sub: int, size: tuple[int, int]) -> Plane:
    """The plane's means over ``size`` (width, height) cells.

    Args:
        plane: samples (rows, columns), each of which spans ``sub`` pixels both ways.
        extent: the picture's (width, height) in pixels; the last sample may reach beyond it.
        sub: pixels to a sample.
        size: cells that the picture is divided into.
    """
    rows = area_means(plane.astype(np.float64), extent[1] / sub, size[1])
    return area_means(rows.T, extent[0] / sub, size[0]).T


def area_means(samples: Plane, length: float, cells: int) -> Plane:
    """Means of the first axis over cells that divide its first ``length`` samples evenly.

    The integral up to each edge, straight within a sample, gives the area under any of them exactly.
    """
    integral = np.concatenate([np.zeros((1, samples.shape[1])), samples.cumsum(axis=0)])
    edges = np.arange(cells + 1) * (length / cells)
    whole = np.minimum(edges.astype(np.int64), samples.shape[0] - 1)
    at_edges = integral[whole] + (edges - whole)[:, None] * samples[whole]
    means: Plane = np.diff(at_edges, axis=0) * (cells / length)
    return means


def limited_bt709_to_jfif(y: Plane, cb: Plane, cr: Plane) -> tuple[Plane, Plane, Plane]:
    """From limited-range BT.709 to full-range BT.601, by way of R'G'B'."""
    kr, kb = _BT709
    luma = (y - 16.0) * (_LEVELS / 219.0)
    blue_part, red_part = (cb - 128.0) * (_LEVELS / 112.0), (cr - 128.0) * (_LEVELS / 112.0)
    blue = luma + (1.0 - kb) * blue_part
    red = luma + (1.0 - kr) * red_part
    green = (luma - kr * red - kb * blue) / (1.0 - kr - kb)
    kr, kb = _BT601
    luma = kr * red + (1.0 - kr - kb) * green + kb * blue
    return luma, 128.0 + (blue - luma) / (2.0 * (1.0 - kb)), 128.0 + (red - luma) / (2.0 * (1.0 - kr))


def wanted_of(i420: npt.NDArray[np.uint8], size: tuple[int, int]) -> Planes:
    """The still as it should be, of a limited-range BT.709 frame (height * 3 / 2, width) with even sides."""
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    luma = i420[:height]
    cb, cr = i420[height:].reshape(2, height // 2, width // 2)
    half = (size[0] // 2, size[1] // 2)
    extent = (width, height)
    y = area_scaled(luma, extent, 1, size)
    full, _, _ = limited_bt709_to_jfif(y, *(area_scaled(plane, extent, 2, size) for plane in (cb, cr)))
    _, small_cb, small_cr = limited_bt709_to_jfif(
        area_scaled(y, size, 1, half), *(area_scaled(plane, extent, 2, half) for plane in (cb, cr))
    )
    return Planes(*(np.clip(plane, 0.0, _LEVELS) for plane in (full, small_cb, small_cr)))


class Reference:
    """What stills of one frame are compared with; what does not change from still to still is kept."""

    def __init__(self, planes: Planes) -> None:
        self.planes = planes

    @functools.cached_property
    def windows(self) -> Windows:
        return windows_of(self.planes.y)


def compare(still: Planes, wanted: Reference) -> Quality:
    """Compare a still with its reference, which has the same size."""
    true = wanted.planes
    windows = windows_of(still.y)
    covariance = covariance_of(still.y, true.y, windows, wanted.windows)
    gain, offset = best_fit(still.y, true.y)
    fitted = Windows(gain * windows.mean + offset, gain**2 * windows.variance)
    colours = [np.abs(mine - its).mean() for mine, its in ((still.cb, true.cb), (still.cr, true.cr))]
    return Quality(
        psnr_y=psnr(still.y, true.y),
        ssim_y=likeness(windows, wanted.windows, covariance),
        ssim_fitted=likeness(fitted, wanted.windows, gain * covariance),
        luma_error=float(np.abs(still.y - true.y).mean()),
        colour_error=float(np.mean(colours)),
    )


def psnr(one: Plane, other: Plane) -> float:
    """Peak signal to noise in dB; infinite for equal planes."""
    error = float(np.square(one - other).mean())
    return float("inf") if error == 0 else float(10.0 * np.log10(_LEVELS**2 / error))


def best_fit(one: Plane, other: Plane) -> tuple[float, float]:
    """Gain and offset that bring ``one`` nearest to ``other`` by least squares."""
    centred = one - one.mean()
    power = float(np.square(centred).mean())
    gain = float((centred * other).mean()) / power if power else 0.0
    return gain, float(other.mean() - gain * one.mean())


@dataclass(frozen=True, slots=True)
class Windows:
    """Mean and variance of every 7 x 7 window of a plane."""

    mean: Plane
    variance: Plane


def windows_of(plane: Plane) -> Windows:
    mean = window_means(plane)
    return Windows(mean, _UNBIASED * (window_means(plane * plane) - mean**2))


def covariance_of(one: Plane, other: Plane, windows: Windows, others: Windows) -> Plane:
    """Covariance of every 7 x 7 window of two planes whose windows are known."""
    return _UNBIASED * (window_means(one * other) - windows.mean * others.mean)


def ssim(one: Plane, other: Plane) -> float:
    """Structural similarity (Wang et al. 2004), uniform window of 7 x 7, as scikit-image's default has it."""
    windows, others = windows_of(one), windows_of(other)
    return likeness(windows, others, covariance_of(one, other, windows, others))


def likeness(one: Windows, other: Windows, covariance: Plane) -> float:
    """Mean of the SSIM index of all windows."""
    c1, c2 = (_K1 * _LEVELS) ** 2, (_K2 * _LEVELS) ** 2
    alike = (2 * one.mean * other.mean + c1) * (2 * covariance + c2)
    return float((alike / ((one.mean**2 + other.mean**2 + c1) * (one.variance + other.variance + c2))).mean())


def window_means(plane: Plane) -> Plane:
    """Means of all 7 x 7 windows that lie inside of the plane."""
    sums = np.pad(plane, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    n = _WINDOW
    return (sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]) / n**2
