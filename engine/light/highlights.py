"""Highlights of lamps in glossy pixels: one for each lamp, from the point of a ball that the mirror shows nearest.

Karis, "Real Shading in Unreal Engine 4", SIGGRAPH 2013. Shadow rays say how much of the lamp is seen; the shades of its
own body are passed over.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.furniture import bodies_along, is_unblocked
from engine.light.ggx import VARNISH_F0, distribution, schlick, shadowing
from engine.light.glossy import BLOCK, stand
from engine.light.trace import is_clear
from engine.view import Lamps

F64 = NDArray[np.float64]

OFF_CENTRE = np.array([[0.25, 0.6], [-0.25, -0.6], [-0.6, 0.25], [0.6, -0.25]])  # of shadow rays, in radii
FAINT = 1e-3  # radiance below which a lamp's highlight fades out


class Balls(NamedTuple):
    """Lit lamps as balls that show the same area on average (a convex body of surface S shows S / 4)."""

    centre: F64  # [L, 3] metres
    radius: F64  # [L] metres
    radiance: F64  # [L, 3]
    entity: NDArray[np.int32]  # [L] the bodies that carry them, which stop nothing of them


def balls_of(lamps: Lamps) -> Balls:
    """The lamps that are lit."""
    lit = np.flatnonzero(lamps.radiance.any(-1)) if len(lamps.radiance) else np.zeros(0, np.int64)
    x, y, z = lamps.size[lit].astype(np.float64).T
    radius = np.sqrt(2 * (x * y + y * z + z * x) / (4 * math.pi))
    entity = lamps.entity[lit].astype(np.int32)
    return Balls(lamps.centre[lit].astype(np.float64), radius, lamps.radiance[lit].astype(np.float64), entity)


@leaf
def _open_part(voxels, bodies, scene, balls, lamp, o, near):
    """Part of a lamp that a place sees, by four rays to as many places of it; near [B] is scratch."""
    cx, cy, cz, radius = balls.centre[lamp, 0], balls.centre[lamp, 1], balls.centre[lamp, 2], balls.radius[lamp]
    dx, dy, dz = cx - o[0], cy - o[1], cz - o[2]
    flat = math.sqrt(dx * dx + dy * dy)
    far = math.sqrt(flat * flat + dz * dz)
    sx, sy = (-dy / flat, dx / flat) if flat > 1e-6 else (1.0, 0.0)
    tx, ty, tz = -sy * dz / max(far, 1e-9), sx * dz / max(far, 1e-9), flat / max(far, 1e-9)
    seen = 0
    for k in range(4):
        if k == 2 and seen != 1:
            return 0.5 * seen  # opposite ends agree, and speak for the rest
        a, b = OFF_CENTRE[k, 0] * radius, OFF_CENTRE[k, 1] * radius
        x, y, z = cx + a * sx + b * tx, cy + a * sy + b * ty, cz + b * tz
        if is_clear(voxels, o[0], o[1], o[2], x, y, z, 0.5 * radius):
            n = bodies_along(scene.body, scene.group_box, o[0], o[1], o[2], x - o[0], y - o[1], z - o[2], 1.0, near)
            seen += is_unblocked(bodies, near, n, balls.entity[lamp], o[0], o[1], o[2], x, y, z)
    return 0.25 * seen


@leaf
def _highlight(voxels, bodies, scene, balls, lamp, o, n, v, nv, alpha, f0, found, near):
    """What one lamp's highlight is before its radiance and Fresnel term, shadowed; found[0] takes Schlick's weight,
    found[1] is 1 if shadow rays were asked.

    `f0` is the largest channel's; highlights fainter than FAINT are let go.
    """
    found[1] = 0.0
    dx, dy, dz = balls.centre[lamp, 0] - o[0], balls.centre[lamp, 1] - o[1], balls.centre[lamp, 2] - o[2]
    radius = balls.radius[lamp]
    r2 = dx * dx + dy * dy + dz * dz
    distance = math.sqrt(max(r2, radius * radius))
    ahead = dx * n[0] + dy * n[1] + dz * n[2]
    if ahead <= -radius:
        return 0.0
    bright = max(balls.radiance[lamp, 0], balls.radiance[lamp, 1], balls.radiance[lamp, 2])
    wide = min(alpha + 0.5 * radius / distance, 1.0)
    area = math.pi * min(radius * radius / (distance * distance), 1.0)
    scale = (alpha / wide) ** 2 * area / (4.0 * nv)
    # What it could be at most: the ball's centre tells the half vector to within its angle over that vector's length.
    h = math.sqrt(max(2.0 + 2.0 * (dx * v[0] + dy * v[1] + dz * v[2]) / distance, 1e-6))
    turn = math.sqrt(max(2.0 - 2.0 * (ahead / distance + nv) / h, 0.0)) - 1.5 * radius / distance / h
    if distance > 2.0 * radius and turn > 0.0:
        d = alpha * alpha + (1.0 - alpha * alpha) * 0.8 * turn * turn
        most = alpha * alpha / (math.pi * d * d) * scale
        if most * bright * (f0 + (1.0 - f0) * schlick(0.5 * h - radius / distance)) <= FAINT:
            return 0.0
    rx, ry, rz = 2.0 * nv * n[0] - v[0], 2.0 * nv * n[1] - v[1], 2.0 * nv * n[2] - v[2]
    along = dx * rx + dy * ry + dz * rz
    ax, ay, az = along * rx - dx, along * ry - dy, along * rz - dz
    away = math.sqrt(ax * ax + ay * ay + az * az)
    if along > 0.0:
        part = min(radius / max(away, 1e-9), 1.0)
        dx, dy, dz = dx + part * ax, dy + part * ay, dz + part * az
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    if length < 1e-6:
        return 0.0
    lx, ly, lz = dx / length, dy / length, dz / length
    nl = lx * n[0] + ly * n[1] + lz * n[2]
    if nl <= 0.0:
        return 0.0
    hx, hy, hz = lx + v[0], ly + v[1], lz + v[2]
    h = math.sqrt(hx * hx + hy * hy + hz * hz)
    if h < 1e-6:
        return 0.0
    nh = min((hx * n[0] + hy * n[1] + hz * n[2]) / h, 1.0)
    found[0] = schlick((hx * v[0] + hy * v[1] + hz * v[2]) / h)
    value = distribution(nh, alpha) * shadowing(nl, alpha) * shadowing(nv, alpha) * scale
    brightest = value * (f0 + (1.0 - f0) * found[0]) * bright
    if brightest <= FAINT:
        return 0.0
    if scene.traced:
        value *= _open_part(voxels, bodies, scene, balls, lamp, o, near)
        found[1] = 1.0
    x = min((brightest - FAINT) / FAINT, 1.0)
    return value * x * x * (3.0 - 2.0 * x)


@njit(parallel=True, cache=True)
def light_lobes(voxels, bodies, scene, balls, pixels, roughness, metal, rows, lamps, slot, asked):
    """Fill lamps [n, 6] at some rows: what the lamps' highlights are with F0 0 (the first three), and what F0 adds.

    asked [slots] at the slots [n] of rows gets the lamps that shadow rays went to, a bit each, the last for all others.
    """
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        o, n, v, found, near = np.empty(3), np.empty(3), np.empty(3), np.empty(2), np.empty(len(scene.body), np.int32)
        for k in range(block * BLOCK, min(block * BLOCK + BLOCK, len(rows))):
            i = rows[k]
            m = pixels.kind[i]
            stand(pixels, i, o, n, v)
            nv = min(max(n[0] * v[0] + n[1] * v[1] + n[2] * v[2], 0.01), 1.0)
            f0 = max(pixels.albedo[i, 0], pixels.albedo[i, 1], pixels.albedo[i, 2])
            f0 = VARNISH_F0 * (1.0 - metal[m]) + metal[m] * f0
            lamps[i] = 0.0
            asked[slot[i]] = np.uint64(0)
            for lamp in range(len(balls.radius)):
                value = _highlight(
                    voxels, bodies, scene, balls, lamp, o, n, v, nv, roughness[m] * roughness[m], f0, found,
                    near,
                )  # fmt: skip
                if found[1] > 0.0:
                    asked[slot[i]] |= np.uint64(1) << np.uint64(min(lamp, 63))
                if value > 0.0:
                    for c in range(3):
                        lamps[i, c] += value * balls.radiance[lamp, c] * found[0]
                        lamps[i, 3 + c] += value * balls.radiance[lamp, c] * (1.0 - found[0])
