"""Rotations as unit quaternions (x, y, z, w): the turn that takes a thing's own frame into the world's.

Everything here is built from + - * / and sqrt, so that it comes out the same on every processor; only `between`, which
is for pictures, asks for an arc cosine.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.trig import sine_cosine

Floats = NDArray[Any]
Quaternion = tuple[float, float, float, float]
Vec3 = tuple[float, float, float]

UPRIGHT: Quaternion = (0.0, 0.0, 0.0, 1.0)


def of_yaw(yaw: float) -> Quaternion:
    """Upright, turned by an angle in radians counter-clockwise seen from above."""
    sin, cos = sine_cosine(0.5 * yaw)
    return 0.0, 0.0, sin, cos


def of_yaws(yaw: Floats) -> Floats:
    """`of_yaw` for pictures: angles [...] to quaternions [..., 4]."""
    half = np.asarray(yaw) * 0.5
    zero = np.zeros_like(half)
    return np.stack([zero, zero, np.sin(half), np.cos(half)], -1)


def matrices(q: Floats) -> Floats:
    """Rotation matrices [..., 3, 3] of unit quaternions [..., 4]."""
    x, y, z, w = np.moveaxis(np.asarray(q), -1, 0)
    rows = [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
        [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
        [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def turned(q: Floats, vector: Floats) -> Floats:
    """Vectors [..., 3] turned by unit quaternions [..., 4]. Sums run in the order of the axes."""
    m = matrices(q)
    v = np.asarray(vector)
    return np.stack(
        [m[..., i, 0] * v[..., 0] + m[..., i, 1] * v[..., 1] + m[..., i, 2] * v[..., 2] for i in range(3)], -1
    )


def turn(q: Quaternion, v: Vec3) -> Vec3:
    """One vector turned by one unit quaternion: v + 2 u x (u x v + w v), u = (x, y, z)."""
    x, y, z, w = q
    a, b, c = y * v[2] - z * v[1] + w * v[0], z * v[0] - x * v[2] + w * v[1], x * v[1] - y * v[0] + w * v[2]
    return v[0] + 2.0 * (y * c - z * b), v[1] + 2.0 * (z * a - x * c), v[2] + 2.0 * (x * b - y * a)


def product(a: Quaternion, b: Quaternion) -> Quaternion:
    """The turn b, and then the turn a."""
    (ax, ay, az, aw), (bx, by, bz, bw) = a, b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def inverse(q: Quaternion) -> Quaternion:
    """The turn back."""
    return -q[0], -q[1], -q[2], q[3]


def between(a: Floats, b: Floats, t: float) -> Floats:
    """Rotations [n, 4] at t between two moments, the short way; t outside 0..1 goes on at the same rate.

    Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985. Exactly `b` where nothing turned, and at
    t = 1.
    """
    dot = (a * b).sum(-1, keepdims=True)
    a = np.where(dot < 0.0, -a, a)
    angle = np.arccos(np.clip(np.abs(dot), -1.0, 1.0))
    small = angle < 1e-4
    safe = np.where(small, 1.0, np.sin(angle))
    at_a = np.where(small, 1.0 - t, np.sin((1.0 - t) * angle) / safe)
    at_b = np.where(small, t, np.sin(t * angle) / safe)
    q = at_a * a + at_b * b
    q = q / np.sqrt((q * q).sum(-1, keepdims=True))
    return np.where((a == b).all(-1, keepdims=True) | (t == 1.0), b, q)
