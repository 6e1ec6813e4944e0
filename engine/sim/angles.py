"""Angles that come out the same on every processor.

numpy and the math module pick their sine and arctangent by what the processor can do, and the last bits differ; results
here are built from + - * / and sqrt, which IEEE 754 defines exactly (engine/core/trig.py has sine and cosine).
"""

import math
from typing import Final

import numpy as np

from engine.core.trig import sine_cosine
from engine.state.blueprint import F64

TURN: Final = 2.0 * math.pi
N_HEADINGS: Final = 256  # directions that a wanderer may take
HEADINGS: Final[F64] = np.array(
    [sine_cosine(TURN * i / N_HEADINGS)[::-1] for i in range(N_HEADINGS)]
)  # [256, 2] unit, world


def wrapped(angle: float) -> float:
    """An angle in radians brought into [-pi, pi)."""
    return angle - math.floor((angle + math.pi) / TURN) * TURN


def wrapped_array(angle: F64) -> F64:
    """`wrapped` for arrays."""
    return angle - np.floor((angle + math.pi) / TURN) * TURN


def yaw_of(x: F64, y: F64) -> F64:
    """The yaw in which (x, y) lies, within 1e-5 rad; 0 for the zero vector.

    Polynomial of Abramowitz and Stegun, Handbook of Mathematical Functions, 4.4.49, folded into the octants.
    """
    ax, ay = np.abs(x), np.abs(y)
    larger = np.maximum(ax, ay)
    t = np.minimum(ax, ay)
    t /= np.where(larger > 0.0, larger, 1.0)
    s = t * t
    a = 0.0208351 * s
    for coefficient in (-0.0851330, 0.1801410, -0.3302995):
        a += coefficient
        a *= s
    a += 0.9998660
    a *= t
    a = np.where(ay > ax, math.pi / 2 - a, a)
    a = np.where(x < 0.0, math.pi - a, a)
    result: F64 = np.where(y < 0.0, -a, a)
    return result
