"""The measure of quality that the benchmark holds stills against."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.quality import (
    Planes,
    Reference,
    area_means,
    area_scaled,
    best_fit,
    compare,
    limited_bt709_to_jfif,
    psnr,
    ssim,
    wanted_of,
    window_means,
)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (40, 50))


def weights(extent: float, cells: int) -> np.ndarray:
    """What each sample (columns) gives to each cell (rows)."""
    return area_means(np.eye(int(np.ceil(extent))), extent, cells)


def test_area_weights_are_the_overlaps():
    assert weights(3, 2) == pytest.approx(np.array([[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]]))


def test_the_last_chroma_sample_of_an_odd_picture_counts_half():
    assert weights(1.5, 1) == pytest.approx(np.array([[2 / 3, 1 / 3]]))


def test_a_chroma_sample_may_be_shared_between_cells():
    assert weights(2, 4) == pytest.approx(np.array([[1, 0], [1, 0], [0, 1], [0, 1]]))


@pytest.mark.parametrize(("extent", "cells"), [(1920, 854), (539.5, 480), (7, 7)])
def test_area_weights_of_a_cell_are_positive_and_sum_to_one(extent: float, cells: int):
    assert weights(extent, cells).sum(axis=1) == pytest.approx(1)
    assert weights(extent, cells).min() > -1e-12


def test_an_area_mean_is_the_mean(noise: np.ndarray):
    scaled = area_scaled(noise, (50, 40), 1, (10, 10))
    assert scaled[2, 3] == pytest.approx(noise[8:12, 15:20].mean())


# Levels of the eight corners of BT.709 (limited) and of JFIF, from the definitions of both.
@pytest.mark.parametrize(
    ("rgb", "limited"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((1, 1, 1), (235, 128, 128)),
        ((1, 0, 0), (62.56, 102.34, 240)),
        ((0, 1, 0), (172.63, 41.66, 26.27)),
        ((0, 0, 1), (31.81, 240, 117.73)),
    ],
)
def test_colours_of_bt709_become_those_of_jfif(rgb: tuple[int, int, int], limited: tuple[float, float, float]):
    r, g, b = (255.0 * part for part in rgb)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    wanted = (y, 128 + 0.5 * (b - y) / 0.886, 128 + 0.5 * (r - y) / 0.701)
    got = limited_bt709_to_jfif(*(np.array([[part]], np.float64) for part in limited))
    assert [part.item() for part in got] == pytest.approx(wanted, abs=0.02)


def test_the_reference_of_a_flat_frame_is_flat_and_has_the_sizes_of_a_still():
    i420 = np.full((72 * 3 // 2, 96), 128, np.uint8)
    i420[:72] = 126
    planes = wanted_of(i420, (32, 24))
    assert (planes.y.shape, planes.cb.shape, planes.cr.shape) == ((24, 32), (12, 16), (12, 16))
    assert planes.y == pytest.approx((126 - 16) * 255 / 219)
    assert planes.cb == pytest.approx(128)
    assert planes.as_i420().size == 32 * 24 * 3 // 2


def test_psnr_is_that_of_the_mean_square(noise: np.ndarray):
    assert psnr(noise, noise + 255 / 100) == pytest.approx(40)
    assert psnr(noise, noise) == float("inf")


def test_window_means_are_those_of_all_windows(noise: np.ndarray):
    means = window_means(noise)
    assert means.shape == (34, 44)
    assert means[5, 6] == pytest.approx(noise[5:12, 6:13].mean())


def test_ssim_of_equal_planes_is_one(noise: np.ndarray):
    assert ssim(noise, noise) == pytest.approx(1)


def test_ssim_of_one_window_is_the_formula(noise: np.ndarray):
    one, other = noise[:7, :7], noise[7:14, 7:14]
    c1, c2 = 6.5025, 58.5225
    covariance = np.cov(one.ravel(), other.ravel())
    wanted = (
        (2 * one.mean() * other.mean() + c1)
        * (2 * covariance[0, 1] + c2)
        / ((one.mean() ** 2 + other.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2))
    )
    assert ssim(one, other) == pytest.approx(wanted)


def test_a_fit_undoes_gain_and_offset(noise: np.ndarray):
    washed_out = 16 + noise * 219 / 255
    gain, offset = best_fit(washed_out, noise)
    assert gain * washed_out + offset == pytest.approx(noise)


def test_a_fit_of_a_flat_plane_is_the_mean(noise: np.ndarray):
    assert best_fit(np.zeros_like(noise), noise) == (0, pytest.approx(noise.mean()))


def test_the_fitted_likeness_is_that_of_the_fitted_plane(noise: np.ndarray):
    still = 20 + noise * 0.8 + np.random.default_rng(2).normal(0, 9, noise.shape)
    gain, offset = best_fit(still, noise)
    chroma = noise[:20, :25]
    found = compare(Planes(still, chroma, chroma), Reference(Planes(noise, chroma, chroma)))
    assert found.ssim_y == pytest.approx(ssim(still, noise))
    assert found.ssim_fitted == pytest.approx(ssim(gain * still + offset, noise))


def test_a_washed_out_still_has_its_sharpness_and_not_its_colours(noise: np.ndarray):
    chroma = noise[:20, :25]
    wanted = Reference(Planes(noise, chroma, chroma))
    found = compare(Planes(16 + noise * 219 / 255, chroma + 2, chroma - 4), wanted)
    assert found.ssim_fitted == pytest.approx(1)
    assert found.ssim_y < found.ssim_fitted
    assert found.colour_error == pytest.approx(3)
    assert found.luma_error > 5
