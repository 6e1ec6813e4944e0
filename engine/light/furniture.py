"""Furniture: bodies that stand still, whose parts stop the rays of texels and of lamps.

Prefabs are finer than voxels and stay out of the grid: a bench may not block the probes' rays. But a bench has a shadow
under every lamp and darkens the floor beneath it, so the rays that only light what the camera sees (gather.py,
lamps.py) meet its parts. People and doors that swing move too often for kept light: see movers.py and shade.py.

A ray that begins in a part, or meets it within a few centimetres, passes: the place is covered by the body, and nobody
sees it, but its texel reaches out to where it is seen.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.ggx import bounced_albedo
from engine.light.solids import Solids, distance_to_solid, joined, moved, parts_that, solids_of
from engine.light.trace import is_clear, misses_box, one_over
from engine.state.blueprint import Materials, Prefab
from engine.view import View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

NEAR_M = 6.0  # texels meet furniture no farther away: beyond, it hides little
GROUP = 8  # bodies that a ray is asked about together first
ROUNDING_M = 1e-9  # what is met at once stays so, whichever is asked first
COVERED_M = 0.03  # parts nearer than this cover the place where a ray begins
MOST_NEAR = 128  # bodies that a bundle of rays may meet


class Furniture(NamedTuple):
    """Boxes around B bodies, and their N parts; a named tuple, as kernels take it whole."""

    low: F64  # [B, 3] metres, world: box around each body
    high: F64  # [B, 3]
    entity: I32  # [B]
    first_part: I32  # [B + 1] the parts of body b are first_part[b] : first_part[b + 1]
    part_box: F64  # [N, 2, 3] the parts, as Solids has them
    part_plane: F64  # [M, 4]
    part_first_plane: I32  # [N + 1]


AtHome = dict[tuple[int, bytes], tuple[Solids, list[F32]]]  # parts and albedos by prefab, and how the body is turned


def furniture_of(view: View, known: AtHome | None = None) -> tuple[Furniture, F32, AtHome]:
    """The furniture of a view, the mean albedo [N, 3] of its parts, and these as they are where a prefab is at home:
    what is `known` of the same prefabs and materials is taken over. What shines is left out: light passes it.
    """
    bodies, known, at_home = view.bodies, known or {}, {}
    boxes, entities, first, pieces, albedos = [], [], [0], [], []
    for b in np.flatnonzero(bodies.stands):
        key = int(bodies.prefab[b]), bodies.orientation[b].tobytes()
        if key not in at_home:
            at_home[key] = known.get(key) or parts_of(view.prefabs[key[0]], view.materials, bodies.orientation[b])
        home, albedo = at_home[key]
        if len(home.box):
            solids = moved(home, bodies.position[b].astype(np.float64))
            pieces.append(solids)
            boxes.append([solids.box[:, 0].min(0), solids.box[:, 1].max(0)])
            entities.append(int(bodies.entity[b]))
            first.append(first[-1] + len(solids.box))
            albedos += albedo
    low, high = np.array(boxes, np.float64).reshape(-1, 2, 3).transpose(1, 0, 2)
    made = Furniture(
        np.ascontiguousarray(low), np.ascontiguousarray(high), np.array(entities, np.int32), np.array(first, np.int32),
        *joined(pieces),
    )  # fmt: skip
    return made, np.array(albedos, np.float32).reshape(-1, 3), at_home


def parts_of(prefab: Prefab, materials: Materials, orientation: F32) -> tuple[Solids, list[F32]]:
    """The dark parts of a turned prefab, and the mean albedo [3] of each."""
    dark = parts_that(prefab, materials.emission, shine=False)
    if not dark.any():
        return joined([]), []
    solids = solids_of(prefab, dark, np.zeros(3, np.float32), orientation)
    if prefab.skin is not None:
        return solids, list(prefab.skin.solid_albedo)
    albedo = bounced_albedo(materials)
    return solids, [albedo[prefab.material[prefab.part == p]].mean(0) for p in np.flatnonzero(dark)]


def body_keys(furniture: Furniture) -> list[tuple[bytes, int]]:
    """What each body [B] is and where, whatever number it has; of bodies that are one in the other also which."""
    shapes = []
    for b in range(len(furniture.entity)):
        first, last = furniture.first_part[b : b + 2]
        planes = slice(*furniture.part_first_plane[[first, last]])
        shapes.append(furniture.part_box[first:last].tobytes() + furniture.part_plane[planes].tobytes())
    return told_apart(shapes)


def told_apart(things: Iterable[bytes]) -> list[tuple[bytes, int]]:
    """Each thing, and how many like it came before."""
    found, alike = [], Counter[bytes]()
    for thing in things:
        found.append((thing, alike[thing]))
        alike[thing] += 1
    return found


@dataclass(frozen=True)
class FurnitureChange:
    """What became of furniture: where bodies came or went, and what the parts of the others are called now."""

    low: F64  # [n, 3] metres: boxes around bodies that came or went
    high: F64  # [n, 3]
    part: I32  # [N before] number of each part now, -1 where rays must look for it anew


def furniture_change(old: Furniture, new: Furniture) -> FurnitureChange:
    """How `new` differs from `old`."""
    before, after = body_keys(old), {key: b for b, key in enumerate(body_keys(new))}
    now = np.array([after.pop(key, -1) for key in before], np.int32)
    gone, came = now < 0, np.array(list(after.values()), np.int32)
    part = np.full(len(old.part_box), -1, np.int32)
    if (np.diff(now[~gone]) > 0).all():  # else a ray that meets two parts at once may now end on the other
        for b in np.flatnonzero(~gone):
            part[old.first_part[b] : old.first_part[b + 1]] = np.arange(*new.first_part[now[b] : now[b] + 2])
    return FurnitureChange(
        np.concatenate([old.low[gone], new.low[came]]), np.concatenate([old.high[gone], new.high[came]]), part
    )


def no_furniture() -> Furniture:
    """An empty list of furniture."""
    none = np.zeros((0, 3), np.float64)
    return Furniture(none, none, np.zeros(0, np.int32), np.zeros(1, np.int32), *joined([]))


def both(one: Furniture, other: Furniture) -> Furniture:
    """Two lists of bodies as one."""
    first_part = np.concatenate([one.first_part, one.first_part[-1] + other.first_part[1:]])
    first_plane = np.concatenate([one.part_first_plane, one.part_first_plane[-1] + other.part_first_plane[1:]])
    arrays = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in Furniture._fields}
    return Furniture(**arrays | {"first_part": first_part, "part_first_plane": first_plane})


@leaf
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


def grouped(furniture: Furniture) -> tuple[I32, F64]:
    """All bodies [B], those near each other side by side, and a box around every GROUP of them, [G, 2, 3] metres.

    In strips along x that are cut along y, of about as many groups as there are strips (sort-tile-recursive;
    Leutenegger, Lopez and Edgington, ICDE 1997).
    """
    n, middle = len(furniture.low), furniture.low + furniture.high
    strip = GROUP * max(math.ceil(math.sqrt(n / GROUP)), 1)
    order = np.argsort(middle[:, 0], kind="stable")
    order = order[np.lexsort((middle[order, 1], np.arange(n) // strip))]
    first = np.arange(0, n, GROUP)
    low, high = np.minimum.reduceat(furniture.low[order], first), np.maximum.reduceat(furniture.high[order], first)
    return order.astype(np.int32), np.stack([low, high], 1)


@leaf
def bodies_along(body, group_box, ox, oy, oz, dx, dy, dz, t_max, near):
    """Bodies, `grouped`, that a ray may meet before t_max: how many, and which in near [B]."""
    n, px, py, pz = 0, one_over(dx), one_over(dy), one_over(dz)
    for group in range(len(group_box)):
        if not misses_box(ox, oy, oz, px, py, pz, t_max, group_box[group, 0], group_box[group, 1]):
            for b in body[GROUP * group : GROUP * (group + 1)]:
                near[n] = b
                n += 1
    return n


@leaf
def first_part_met(furniture, near, n, ox, oy, oz, dx, dy, dz, t_max):
    """The nearest part that a ray of unit direction meets before t_max: (metres, part), part -1 if none. Of those that
    it meets at once the one with the smallest number.
    """
    best, part, px, py, pz = t_max, -1, one_over(dx), one_over(dy), one_over(dz)
    for i in range(n):
        b = near[i]
        if misses_box(ox, oy, oz, px, py, pz, best + ROUNDING_M, furniture.low[b], furniture.high[b]):
            continue
        for p in range(furniture.first_part[b], furniture.first_part[b + 1]):
            t = distance_to_solid(
                furniture.part_box, furniture.part_plane, furniture.part_first_plane, p, ox, oy, oz, dx, dy, dz, px, py,
                pz, best + ROUNDING_M,
            )  # fmt: skip
            if t > COVERED_M and (t < best or (t == best and p < part)):
                best, part = t, p
    return best, part


@leaf
def is_unblocked(furniture, near, n, own, ox, oy, oz, tx, ty, tz):
    """Whether no part but those of body `own` (an entity, -1 for none) lies between a point and a target (metres)."""
    dx, dy, dz = tx - ox, ty - oy, tz - oz
    covered = COVERED_M / math.sqrt(dx * dx + dy * dy + dz * dz + 1e-12)
    px, py, pz = one_over(dx), one_over(dy), one_over(dz)
    for i in range(n):
        b = near[i]
        if furniture.entity[b] == own or misses_box(ox, oy, oz, px, py, pz, 1.0, furniture.low[b], furniture.high[b]):
            continue
        for p in range(furniture.first_part[b], furniture.first_part[b + 1]):
            t = distance_to_solid(
                furniture.part_box, furniture.part_plane, furniture.part_first_plane, p, ox, oy, oz, dx, dy, dz, px, py,
                pz, 1.0,
            )  # fmt: skip
            if covered < t < 1.0:
                return False
    return True


@leaf
def side_met(furniture, part, x, y, z):
    """The side of the world, 0..5, to which the face of a part looks on which a point (metres) lies."""
    first, last = furniture.part_first_plane[part], furniture.part_first_plane[part + 1]
    found, most = first, -math.inf
    for k in range(first, last):
        plane = furniture.part_plane[k]
        off = plane[0] * x + plane[1] * y + plane[2] * z - plane[3]
        if off > most:
            found, most = k, off
    normal, axis = furniture.part_plane[found], 0
    for c in range(1, 3):
        if abs(normal[c]) > abs(normal[axis]):
            axis = c
    return 2 * axis + (1 if normal[axis] < 0.0 else 0)


@njit(parallel=True, cache=True)
def part_light(voxels, furniture, sun_direction, sun, lamps, lamp_entity, radiance, e):
    """Add to light e [N, 6, 3] that falls on each part from each side what comes from the sun and from lamps [L, 2, 3]
    (low and high corners) of radiance [L, 3] as points, but for the body's own; roughly.
    """
    for b in prange(len(furniture.entity)):
        for i in range(furniture.first_part[b], furniture.first_part[b + 1]):
            low, high = furniture.part_box[i, 0], furniture.part_box[i, 1]
            x, y, z = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2
            if sun.any() and is_clear(
                voxels, x, y, z, x + 200.0 * sun_direction[0], y + 200.0 * sun_direction[1],
                z + 200.0 * sun_direction[2], 0.0,
            ):  # fmt: skip
                for side in range(6):
                    cosine = sun_direction[side // 2] * (1 - 2 * (side % 2))
                    for c in range(3 if cosine > 0.0 else 0):
                        e[i, side, c] += np.float32(cosine) * sun[c]
            for lamp in range(len(lamps)):
                if lamp_entity[lamp] == furniture.entity[b]:
                    continue
                low, high = lamps[lamp, 0], lamps[lamp, 1]
                sx, sy, sz = high[0] - low[0], high[1] - low[1], high[2] - low[2]
                area = (sx * sy + sy * sz + sz * sx) / 2
                d = ((low[0] + high[0]) / 2 - x, (low[1] + high[1]) / 2 - y, (low[2] + high[2]) / 2 - z)
                r2 = d[0] ** 2 + d[1] ** 2 + d[2] ** 2
                f = area / (math.pi * r2 + area)
                if f * radiance[lamp].max() > 4e-3 and is_clear(voxels, x, y, z, x + d[0], y + d[1], z + d[2], 0.1):
                    for side in range(6):
                        cosine = d[side // 2] * (1 - 2 * (side % 2)) / math.sqrt(r2 + 1e-9)
                        for c in range(3 if cosine > 0.0 else 0):
                            e[i, side, c] += np.float32(f * cosine) * radiance[lamp, c]
