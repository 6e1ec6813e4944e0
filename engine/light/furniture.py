"""Furniture: bodies that stand still, as upright boxes that stop the rays of texels and of lamps.

Prefabs are finer than voxels and stay out of the grid: a bench may not block the probes' rays. But a bench has a shadow
under every lamp and darkens the floor beneath it, so the rays that only light what the camera sees (gather.py,
lamps.py) meet the boxes around its parts. People and doors that swing move too often for kept light; they are left out.

A ray that begins in a box, or meets it within a few centimetres, passes: the place is covered by the body, and nobody
sees it, but its texel reaches out to where it is seen.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.interpolate import probe_weights
from engine.light.trace import crosses_box, is_clear
from engine.view import View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

NEAR_M = 2.5  # texels meet furniture no farther away: beyond, it hides little
COVERED_M = 0.03  # boxes nearer than this cover the place where a ray begins
MOST_NEAR = 48  # bodies that a bundle of rays may meet


class Furniture(NamedTuple):
    """Boxes of B bodies and their N parts; a named tuple, as kernels take it whole."""

    low: F64  # [B, 3] metres, world: box around each body
    high: F64  # [B, 3]
    entity: I32  # [B]
    first_part: I32  # [B + 1] the parts of body b are first_part[b] : first_part[b + 1]
    part: F64  # [N, 8] centre and half extents in metres, cosine and sine of the yaw: an upright turned box


def upright_boxes(low: F32, high: F32, position: F32, yaw: float) -> F64:
    """Parts low..high [n, 3] of a prefab in its own frame, posed: [n, 8] as Furniture.part has them."""
    low, high, cos, sin = low.astype(np.float64), high.astype(np.float64), math.cos(yaw), math.sin(yaw)
    x, y, z = ((low + high) / 2).T
    box = np.empty((len(low), 8))
    box[:, 0], box[:, 1], box[:, 2] = cos * x - sin * y, sin * x + cos * y, z
    box[:, :3] += position.astype(np.float64)
    box[:, 3:6], box[:, 6], box[:, 7] = (high - low) / 2, cos, sin
    return box


def furniture_of(view: View) -> tuple[Furniture, F32]:
    """The furniture of a view, and the mean albedo [N, 3] of its parts. What shines is left out: light passes it."""
    bodies, emission = view.bodies, view.materials.emission
    low, high, entities, first, parts, albedos = [], [], [], [0], [], []
    for b in np.flatnonzero(bodies.stands):
        prefab = view.prefabs[bodies.prefab[b]]
        dark = np.array([not emission[prefab.material[prefab.part == p]].any() for p in range(len(prefab.part_low))])
        if not dark.any():
            continue
        boxes = upright_boxes(prefab.part_low[dark], prefab.part_high[dark], bodies.position[b], float(bodies.yaw[b]))
        reach = np.abs(boxes[:, 6:7]) * boxes[:, 3:5] + np.abs(boxes[:, 7:8]) * boxes[:, 4:2:-1]
        reach = np.column_stack([reach, boxes[:, 5]])
        low.append((boxes[:, :3] - reach).min(0))
        high.append((boxes[:, :3] + reach).max(0))
        entities.append(int(bodies.entity[b]))
        first.append(first[-1] + len(boxes))
        parts.append(boxes)
        albedos += [view.materials.albedo[prefab.material[prefab.part == p]].mean(0) for p in np.flatnonzero(dark)]
    made = Furniture(
        np.array(low, np.float64).reshape(-1, 3), np.array(high, np.float64).reshape(-1, 3),
        np.array(entities, np.int32), np.array(first, np.int32),
        np.concatenate(parts) if parts else np.zeros((0, 8), np.float64),
    )  # fmt: skip
    return made, np.array(albedos, np.float32).reshape(-1, 3)


def no_furniture() -> Furniture:
    """An empty list of furniture."""
    none = np.zeros((0, 3), np.float64)
    return Furniture(none, none, np.zeros(0, np.int32), np.zeros(1, np.int32), np.zeros((0, 8), np.float64))


@njit(cache=True)
def distance_to_box(ox, oy, oz, dx, dy, dz, box):
    """Where a ray enters an upright turned box [8]: metres along the direction's length; inf if it misses or begins in
    it (slab test, Kay and Kajiya 1986).
    """
    x, y = ox - box[0], oy - box[1]
    cos, sin = box[6], box[7]
    t0, t1 = -math.inf, math.inf
    for axis in range(3):
        if axis == 0:
            o, d = cos * x + sin * y, cos * dx + sin * dy
        elif axis == 1:
            o, d = cos * y - sin * x, cos * dy - sin * dx
        else:
            o, d = oz - box[2], dz
        if abs(d) < 1e-12:
            if abs(o) > box[3 + axis]:
                return math.inf
            continue
        a, b = (-box[3 + axis] - o) / d, (box[3 + axis] - o) / d
        t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
    return t0 if t0 <= t1 and t0 > 0.0 else math.inf


@njit(cache=True)
def bodies_between(furniture, low, high, margin, near):
    """Bodies whose boxes touch the box low..high [3] widened by a margin (metres): their number, and which in near."""
    n = 0
    for b in range(len(furniture.low)):
        touches = True
        for axis in range(3):
            if furniture.low[b, axis] > high[axis] + margin or furniture.high[b, axis] < low[axis] - margin:
                touches = False
                break
        if touches and n < len(near):
            near[n] = b
            n += 1
    return n


@njit(cache=True)
def first_part_met(furniture, near, n, ox, oy, oz, dx, dy, dz, t_max):
    """The nearest part that a ray of unit direction meets before t_max: (metres, part), part -1 if none."""
    best, part = t_max, -1
    for i in range(n):
        b = near[i]
        if not crosses_box(ox, oy, oz, dx, dy, dz, best, furniture.low[b], furniture.high[b]):
            continue
        for p in range(furniture.first_part[b], furniture.first_part[b + 1]):
            t = distance_to_box(ox, oy, oz, dx, dy, dz, furniture.part[p])
            if COVERED_M < t < best:
                best, part = t, p
    return best, part


@njit(cache=True)
def is_unblocked(furniture, near, n, own, ox, oy, oz, tx, ty, tz):
    """Whether no part but those of body `own` (an entity, -1 for none) lies between a point and a target (metres)."""
    dx, dy, dz = tx - ox, ty - oy, tz - oz
    covered = COVERED_M / math.sqrt(dx * dx + dy * dy + dz * dz + 1e-12)
    for i in range(n):
        b = near[i]
        if furniture.entity[b] == own or not crosses_box(
            ox, oy, oz, dx, dy, dz, 1.0, furniture.low[b], furniture.high[b]
        ):
            continue
        for p in range(furniture.first_part[b], furniture.first_part[b + 1]):
            if covered < distance_to_box(ox, oy, oz, dx, dy, dz, furniture.part[p]) < 1.0:
                return False
    return True


@njit(parallel=True, cache=True)
def part_light(
    voxels, furniture, probe_of_cell, probe_position, side_light, sun_direction, sun, lamps, lamp_entity, radiance, e
):  # fmt: skip
    """Roughly the mean light e [N, 3] that falls on each part: probes around its centre, the sun, and lamps [L, 2, 3]
    (low and high corners) of radiance [L, 3] as points, but for the body's own. A convex body shows a quarter of its
    surface on average.
    """
    for b in prange(len(furniture.entity)):
        index, weight = np.empty(8, np.int32), np.empty(8, np.float32)
        for i in range(furniture.first_part[b], furniture.first_part[b + 1]):
            x, y, z = furniture.part[i, 0], furniture.part[i, 1], furniture.part[i, 2]
            probe_weights(voxels, probe_of_cell, probe_position, x, y, z, 0.0, 0.0, 0.0, index, weight)
            e[i] = 0.0
            for j in range(8):
                for side in range(6):
                    for c in range(3):
                        e[i, c] += weight[j] / np.float32(6.0) * side_light[index[j], side, c]
            if sun.any() and is_clear(
                voxels, x, y, z, x + 200.0 * sun_direction[0], y + 200.0 * sun_direction[1],
                z + 200.0 * sun_direction[2], 0.0,
            ):  # fmt: skip
                for c in range(3):
                    e[i, c] += np.float32(0.25) * sun[c]
            for lamp in range(len(lamps)):
                if lamp_entity[lamp] == furniture.entity[b]:
                    continue
                low, high = lamps[lamp, 0], lamps[lamp, 1]
                sx, sy, sz = high[0] - low[0], high[1] - low[1], high[2] - low[2]
                area = (sx * sy + sy * sz + sz * sx) / 2
                tx, ty, tz = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2
                r2 = (tx - x) ** 2 + (ty - y) ** 2 + (tz - z) ** 2
                f = area / (math.pi * r2 + area) / 4
                if f * radiance[lamp].max() > 1e-3 and is_clear(voxels, x, y, z, tx, ty, tz, 0.1):
                    for c in range(3):
                        e[i, c] += np.float32(f) * radiance[lamp, c]
