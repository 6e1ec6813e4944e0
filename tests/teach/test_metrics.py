import numpy as np
import pytest

from engine.teach import metrics


@pytest.fixture
def pictures(rng):
    truth = np.clip(rng.random((40, 56, 3)) * 0.2 + np.linspace(0.2, 0.7, 56)[None, :, None], 0, 1).astype(np.float32)
    return truth, np.clip(truth + rng.normal(0, 0.05, truth.shape), 0, 1).astype(np.float32)


def ssim_by_windows(a, b):
    """The definition, window by window."""
    taps = np.exp(-((np.arange(11) - 5) ** 2) / 4.5)
    window = np.outer(taps, taps) / taps.sum() ** 2
    values = []
    for c in range(3):
        for i in range(a.shape[0] - 10):
            for j in range(a.shape[1] - 10):
                x, y = a[i : i + 11, j : j + 11, c].astype(float), b[i : i + 11, j : j + 11, c].astype(float)
                mx, my = (window * x).sum(), (window * y).sum()
                vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
                cov = (window * (x - mx) * (y - my)).sum()
                values.append((2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))
    return np.mean(values)


def test_equal_pictures_are_perfect(pictures):
    truth, _ = pictures
    assert metrics.psnr(truth, truth) == 100.0
    assert metrics.ssim(truth, truth) == pytest.approx(1.0)
    assert metrics.flip(truth, truth) == pytest.approx(0.0, abs=1e-6)


def test_psnr_of_a_known_error():
    a = np.zeros((8, 8, 3), np.uint8)
    assert metrics.psnr(a + np.uint8(51), a) == pytest.approx(20 * np.log10(5))
    assert metrics.psnr(np.full((8, 8, 3), 0.1, np.float32), np.zeros((8, 8, 3), np.float32)) == pytest.approx(
        20, abs=1e-5
    )


def test_ssim_is_its_definition(pictures):
    truth, noisy = pictures
    assert metrics.ssim(noisy[:14, :16], truth[:14, :16]) == pytest.approx(
        ssim_by_windows(noisy[:14, :16], truth[:14, :16])
    )


def test_more_error_is_worse_by_every_metric(pictures):
    truth, noisy = pictures
    worse = np.clip(truth + 3 * (noisy - truth), 0, 1)
    assert metrics.psnr(worse, truth) < metrics.psnr(noisy, truth)
    assert metrics.ssim(worse, truth) < metrics.ssim(noisy, truth)
    assert metrics.flip(worse, truth) > metrics.flip(noisy, truth) > 0


def test_the_tone_curve_is_srgb_of_an_exponential():
    radiance = np.array([[[0.0, 1e-4, 1e6]]], np.float32)
    shown = metrics.tone_mapped(radiance, 2.0)
    np.testing.assert_allclose(shown[0, 0], [0, 12.92 * 2e-4, 1], atol=1e-6)
    middle = metrics.tone_mapped(np.full((1, 1, 3), np.log(2), np.float32), 1.0)
    np.testing.assert_allclose(middle, 0.735357, atol=1e-5)


def test_pictures_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        metrics.psnr(np.zeros((4, 4, 3)), np.zeros((4, 5, 3)))
    with pytest.raises(ValueError, match="at least 11 x 11"):
        metrics.ssim(np.zeros((10, 20, 3)), np.zeros((10, 20, 3)))


def test_the_flip_map_is_magma_where_pictures_differ(pictures):
    truth, _ = pictures
    other = truth.copy()
    other[10:30, 30:50] = 1 - other[10:30, 30:50]
    coloured = metrics.flip_map(other, truth)
    assert coloured.shape == truth.shape and coloured.min() >= 0 and coloured.max() <= 1
    assert coloured[:, :15].max() < 0.05 < 0.3 < coloured[15:25, 35:45].mean()
    assert metrics.flip_map(truth, truth).max() < 0.05
    with pytest.raises(ValueError, match="one shape"):
        metrics.flip_map(truth, truth[:10])
