"""How far a picture is from another: PSNR, SSIM and FLIP, all on sRGB in 0..1 after the engine's tone curve."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def srgb_from_linear(linear: F32) -> F32:
    """The sRGB transfer curve (IEC 61966-2-1), clipped to 0..1."""
    x = np.clip(linear, 0.0, 1.0)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055).astype(np.float32)


def tone_mapped(radiance: F32, exposure: float) -> F32:
    """Linear radiance [H, W, 3] through the engine's tone curve: srgb(1 - exp(-exposure * L)), in 0..1."""
    return srgb_from_linear((1.0 - np.exp(-exposure * np.maximum(radiance, 0.0))).astype(np.float32))


def psnr(picture: NDArray[np.generic], truth: NDArray[np.generic]) -> float:
    """Peak signal to noise ratio in dB of two pictures [H, W, 3] (uint8, or float in 0..1); 100 if they are equal."""
    a, b = _same(picture, truth)
    mean_square = float(((a - b) ** 2).mean())
    return min(100.0, -10 * float(np.log10(mean_square))) if mean_square > 0 else 100.0


def ssim(picture: NDArray[np.generic], truth: NDArray[np.generic]) -> float:
    """Structural similarity of two pictures [H, W, 3], mean over pixels and channels, -1..1.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004: Gaussian window of
    11 taps and sigma 1.5, K1 = 0.01, K2 = 0.03; only windows that lie wholly inside count.
    """
    a, b = _same(picture, truth)
    if min(a.shape[:2]) < 11:
        raise ValueError(f"SSIM needs pictures of at least 11 x 11 px, not {a.shape[1]} x {a.shape[0]}")
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((likeness / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def flip(picture: NDArray[np.generic], truth: NDArray[np.generic]) -> float:
    """Mean FLIP difference of two pictures [H, W, 3], 0 (equal) to 1, at 67 pixels per degree.

    Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", 2020, through the authors' flip-evaluator.
    """
    a, b = (np.ascontiguousarray(x, np.float32) for x in _same(picture, truth))
    _, mean, _ = _flip_evaluator()(b, a, "LDR", inputsRGB=True, applyMagma=False, computeMeanError=True)
    return float(mean)


def flip_map(picture: NDArray[np.generic], truth: NDArray[np.generic]) -> F32:
    """Where FLIP sees a difference, in the authors' colours (magma: black is 0, pale yellow 1): [H, W, 3] in 0..1."""
    a, b = (np.ascontiguousarray(x, np.float32) for x in _same(picture, truth))
    coloured, _, _ = _flip_evaluator()(b, a, "LDR", inputsRGB=True, applyMagma=True, computeMeanError=False)
    return np.asarray(coloured, np.float32)


def _flip_evaluator() -> Any:
    from flip_evaluator import evaluate  # of the extra `teach`: the other metrics do without

    return evaluate


def _same(picture: NDArray[np.generic], truth: NDArray[np.generic]) -> tuple[F64, F64]:
    if picture.shape != truth.shape or picture.ndim != 3:
        raise ValueError(f"pictures must have one shape [H, W, 3], not {picture.shape} and {truth.shape}")
    a, b = (np.asarray(x, np.float64) / (255.0 if x.dtype == np.uint8 else 1.0) for x in (picture, truth))
    return a, b


def _blurred(x: F64) -> F64:
    """Separable Gaussian over rows and columns, without the borders: [H, W, C] -> [H - 10, W - 10, C]."""
    taps = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()
    for axis in (0, 1):
        n = x.shape[axis] - 10
        x = sum(t * np.take(x, range(k, k + n), axis) for k, t in enumerate(taps))
    return x
