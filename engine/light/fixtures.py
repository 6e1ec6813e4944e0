"""Fixtures: lamps, and what the bodies that carry them do to their light.

Caps and posts stand in a lamp's way; plates and housings throw back what falls on them, in their own colour. From a few
sizes away both depend on the direction alone, so they are worked out once for directions over the whole sphere, as
makers of lamps measure theirs (goniophotometry, CIE 121). Nearer, rays say what stands in the way.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.core.rotations import matrices
from engine.light.compiled import leaf
from engine.light.formfactor import FAINT, NODES, LampShapes, box_factors
from engine.light.solids import Solids, distance_to_solid, is_inside, joined, moved, parts_that, solids_of
from engine.light.trace import one_over
from engine.state.blueprint import Materials, Prefab
from engine.view import Bodies, Lamps

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

FAR_M = 50.0  # where a lamp is looked at from, to know what leaves it in a direction
THROW_RAYS = 64  # from there to the lamp
PLACES = 96  # on a fixture where the light that falls on it is worked out, about
PLACE_RAYS = 8  # from each of them to the lamp
CLOSE_SIZES = 6.0  # half diagonals of a lamp from its centre up to which rays say what its fixture stops
CLOSE_RAYS = 64
SAME_RAYS = 0.37  # shift of the ray pattern: one for all texels, as steps in a penumbra look better than grain


Throw = tuple[F32, F32]  # `throw` and `tint` of one lamp
# By prefab and materials (their ids, so both are held on to), how the body is turned, and where in it the lamp is.
Throws = dict[tuple[object, ...], tuple[Throw, Prefab, Materials]]


def lamp_shapes(
    lamps: Lamps,
    bodies: Bodies | None = None,
    prefabs: tuple[Prefab, ...] = (),
    materials: Materials | None = None,
    known: Throws | None = None,
) -> LampShapes:
    """Shapes of lamps; those that belong to a body are shaded by its dark parts: caps, posts, the cone around a bulb.

    What shines in the body is its glass. `known` holds what was worked out before, and then what is in use.
    """
    low = lamps.centre.astype(np.float64) - lamps.size / 2
    high = lamps.centre.astype(np.float64) + lamps.size / 2
    strength = lamps.full_radiance.max(1, initial=0.0).astype(np.float64)
    shades = [joined([])] * len(low)
    throw, tint = np.zeros((len(low), 6, NODES, NODES, 2), np.float32), np.ones((len(low), 3), np.float32)
    throw[..., 0] = 1.0
    before: Throws = known or {}
    in_use: Throws = {}
    homes: dict[tuple[int, bytes], tuple[NDArray[np.bool_], Solids]] = {}  # dark parts of a prefab, turned
    if bodies is not None and materials is not None:
        body_of = {int(e): b for b, e in enumerate(bodies.entity)}
        for i, entity in enumerate(lamps.entity.tolist()):
            if entity not in body_of:
                continue
            b = body_of[entity]
            prefab, turn = prefabs[bodies.prefab[b]], bodies.orientation[b]
            body = id(prefab), turn.tobytes()
            if body not in homes:
                dark = parts_that(prefab, materials.emission, shine=False)
                homes[body] = dark, solids_of(prefab, dark, np.zeros(3, np.float32), turn)
            dark, at_home = homes[body]
            if not dark.any():
                continue
            # The same lamp in the same body gives the same bits wherever it hangs.
            offset = (lamps.centre[i].astype(np.float64) - bodies.position[b]).round(4)
            size = lamps.size[i].astype(np.float64).round(4)
            shades[i] = moved(at_home, bodies.position[b].astype(np.float64))
            key = (id(prefab), id(materials), turn.tobytes(), offset.tobytes(), size.tobytes())
            if key not in in_use:
                in_use[key] = before.get(key) or (
                    _throw_of(prefab, dark, turn, at_home, materials, offset, size), prefab, materials
                )  # fmt: skip
            throw[i], tint[i] = in_use[key][0]
    if known is not None:
        known.clear()
        known.update(in_use)
    first = np.cumsum([0, *(len(s.box) for s in shades)]).astype(np.int32)
    reach = np.sqrt(_area(low, high) * strength / (math.pi * FAINT))
    return LampShapes(low, high, strength, reach, *joined(shades), first, lamps.entity.astype(np.int32), throw, tint)


def _area(low: F64, high: F64) -> F64:
    """Largest area that a box shows from anywhere: the length of the vector of its three face areas."""
    size = high - low
    faces = np.stack([size[..., 1] * size[..., 2], size[..., 2] * size[..., 0], size[..., 0] * size[..., 1]], -1)
    return np.asarray(np.sqrt((faces**2).sum(-1)))


def _throw_of(
    prefab: Prefab, dark: NDArray[np.bool_], turn: F32, shade: Solids, materials: Materials, centre: F64, size: F64
) -> Throw:
    """What a fixture does to the light of a lamp of some centre and size (metres) in the frame of the upright body."""
    corner, albedo = _dark_surface(prefab, dark, materials)
    place, normal, area, of = _places(corner @ matrices(turn.astype(np.float64)).T, centre, size)
    grey = albedo.mean(1)
    one = np.zeros((1, 6, NODES, NODES, 2), np.float32)
    none, first = np.zeros(1), np.array([0, len(shade.box)], np.int32)
    shapes = LampShapes(
        (centre - size / 2)[None], (centre + size / 2)[None], none, none, *shade, first, np.zeros(1, np.int32), one,
        np.ones((1, 3), np.float32),
    )  # fmt: skip
    light = np.empty(len(place))
    _light_on(shapes, place, normal, light)
    _fill_throw(shapes, place, normal, light * area * grey[of], one[0])
    weight = light * area
    colour = np.array([(weight * albedo[of, c]).sum() for c in range(3)])
    mean = float((weight * grey[of]).sum())
    tint = (colour / mean if mean > 0 else np.ones(3)).astype(np.float32)
    return one[0], tint


def _dark_surface(prefab: Prefab, dark: NDArray[np.bool_], materials: Materials) -> tuple[F64, F64]:
    """Triangles [n, 3, 3] (metres, prefab) of dark parts and their albedo [n, 3]; of an imported mesh its boxes'."""
    if prefab.skin is None:
        chosen = prefab.triangles[dark[prefab.part[prefab.triangles[:, 0]]]]
        return prefab.position[chosen].astype(np.float64), materials.albedo[prefab.material[chosen[:, 0]]].astype(
            np.float64
        )
    corner = [low + CORNERS * (high - low) for low, high in prefab.skin.solid[dark].astype(np.float64)]
    return np.concatenate([c[FACES] for c in corner]), np.repeat(
        prefab.skin.solid_albedo[dark].astype(np.float64), len(FACES), 0
    )


CORNERS = np.array([[k & 1, k >> 1 & 1, k >> 2 & 1] for k in range(8)], np.float64)
FACES = np.array(
    [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4], [2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6],
     [1, 3, 5], [3, 7, 5]]
)  # fmt: skip


def _places(corner: F64, centre: F64, size: F64) -> tuple[F64, F64, F64, NDArray[np.intp]]:
    """Places [n, 3] spread over triangles [m, 3, 3], their normals, areas in m2 and triangles.

    More of them lie near the lamp, whose light falls off with the squared distance.
    """
    a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
    normal = np.cross(b - a, c - a)
    length = np.sqrt((normal**2).sum(1))
    keep = length > 1e-9
    a, b, c, area = a[keep], b[keep], c[keep], length[keep] / 2
    normal = normal[keep] / length[keep, None]
    gap = np.maximum(np.abs((a + b + c) / 3 - centre) - size / 2, 0.0)
    weight = area / ((gap**2).sum(1) + (size**2).sum() / 4)
    count = np.maximum(np.ceil(PLACES * weight / max(float(weight.sum()), 1e-30)), 1).astype(np.int64)
    of = np.repeat(np.arange(len(a)), count)
    k = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    u, v = (k + 0.5) * 0.7548776662466927 % 1.0, (k + 0.5) * 0.5698402909980532 % 1.0  # R2 sequence, Roberts 2018
    folded = u + v > 1.0
    u, v = np.where(folded, 1 - u, u)[:, None], np.where(folded, 1 - v, v)[:, None]
    place = a[of] + u * (b - a)[of] + v * (c - a)[of]
    return place, np.ascontiguousarray(normal[of]), area[of] / count[of], np.flatnonzero(keep)[of]


@leaf
def is_unshaded(shapes, lamp, px, py, pz, tx, ty, tz):
    """Whether no part of the lamp's own body lies between a point and a target on the lamp."""
    dx, dy, dz = tx - px, ty - py, tz - pz
    fx, fy, fz = one_over(dx), one_over(dy), one_over(dz)
    for k in range(shapes.first_shade[lamp], shapes.first_shade[lamp + 1]):
        t = distance_to_solid(
            shapes.shade_box, shapes.shade_plane, shapes.shade_first_plane, k, px, py, pz, dx, dy, dz, fx, fy, fz, 1.0
        )  # fmt: skip
        if t < 1.0:
            return False
    return True


@leaf
def rays_to_face(factor, face, total, rays):
    """How many of the rays to a lamp go to one of its faces, by their form factors [6]; at least one if it is seen."""
    return max(int(rays * factor[face] / total + 0.5), 1) if factor[face] > 0.0 else 0


@leaf
def point_on_face(shapes, lamp, face, k, n):
    """Point k of n on a face of a lamp, (x, y, z) metres: Fibonacci's lattice, the same everywhere."""
    axis = face >> 1
    u, v = (axis + 1) % 3, (axis + 2) % 3
    a = shapes.high[lamp, axis] if face & 1 == 0 else shapes.low[lamp, axis]
    b = shapes.low[lamp, u] + (k + 0.5) / n * (shapes.high[lamp, u] - shapes.low[lamp, u])
    c = shapes.low[lamp, v] + (k * 0.6180339887498949 + SAME_RAYS) % 1.0 * (shapes.high[lamp, v] - shapes.low[lamp, v])
    if axis == 0:
        return a, b, c
    return (c, a, b) if axis == 1 else (b, c, a)


@leaf
def unshaded_share(shapes, lamp, px, py, pz, factor, rays):
    """Share of a lamp's light that its own body lets pass to a point, given the form factors [6] of its faces."""
    total, passes = factor.sum(), 0.0
    for face in range(6):
        n, clear = rays_to_face(factor, face, total, rays), 0
        for k in range(n):
            tx, ty, tz = point_on_face(shapes, lamp, face, k, n)
            clear += is_unshaded(shapes, lamp, px, py, pz, tx, ty, tz)
        if n > 0:
            passes += factor[face] * clear / n
    return passes / total if total > 0.0 else 0.0


@njit(cache=True)
def _light_on(shapes, place, normal, light):
    """e [n] for a lamp 0 of radiance 1 on places of its own fixture."""
    factor, corner, buffer = np.empty(6, np.float64), np.empty((4, 3), np.float64), np.empty((10, 3), np.float64)
    for i in range(len(place)):
        nx, ny, nz = normal[i, 0], normal[i, 1], normal[i, 2]
        x, y, z = place[i, 0] + 1e-3 * nx, place[i, 1] + 1e-3 * ny, place[i, 2] + 1e-3 * nz
        light[i] = 0.0
        covered = False
        for k in range(len(shapes.shade_box)):
            covered = covered or is_inside(shapes.shade_plane, shapes.shade_first_plane, k, x, y, z)
        if covered:
            continue
        total = box_factors(x, y, z, nx, ny, nz, shapes.low[0], shapes.high[0], factor, corner, buffer)
        if total > 0.0:
            light[i] = total * unshaded_share(shapes, 0, x, y, z, factor, PLACE_RAYS)


@njit(cache=True)
def _fill_throw(shapes, place, normal, power, out):
    """`throw` of lamp 0 into out [6, NODES, NODES, 2], given what places [n] of the fixture throw back: `power` [n] is
    e times area times albedo.
    """
    factor, corner, buffer = np.empty(6, np.float64), np.empty((4, 3), np.float64), np.empty((10, 3), np.float64)
    d = np.empty(3, np.float64)
    low, high = shapes.low[0], shapes.high[0]
    for face in range(6):
        axis = face >> 1
        for j in range(NODES):
            for i in range(NODES):
                d[axis] = 1.0 if face & 1 == 0 else -1.0
                d[(axis + 1) % 3] = 2.0 * i / (NODES - 1) - 1.0
                d[(axis + 2) % 3] = 2.0 * j / (NODES - 1) - 1.0
                r = FAR_M / math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
                x, y, z = d[0] * r, d[1] * r, d[2] * r
                px = x + 0.5 * (low[0] + high[0])
                py = y + 0.5 * (low[1] + high[1])
                pz = z + 0.5 * (low[2] + high[2])
                nx, ny, nz = -x / FAR_M, -y / FAR_M, -z / FAR_M
                total = box_factors(px, py, pz, nx, ny, nz, low, high, factor, corner, buffer)
                out[face, j, i, 0] = unshaded_share(shapes, 0, px, py, pz, factor, THROW_RAYS)
                glow = 0.0
                for m in range(len(place)):
                    towards = -(nx * normal[m, 0] + ny * normal[m, 1] + nz * normal[m, 2])
                    if power[m] == 0.0 or towards <= 0.0:
                        continue
                    ox, oy, oz = place[m, 0], place[m, 1], place[m, 2]
                    ox, oy, oz = ox + 1e-3 * normal[m, 0], oy + 1e-3 * normal[m, 1], oz + 1e-3 * normal[m, 2]
                    if is_unshaded(shapes, 0, ox, oy, oz, ox + x, oy + y, oz + z):
                        glow += power[m] * towards
                out[face, j, i, 1] = glow / (total * math.pi * FAR_M * FAR_M)


@leaf
def fixture_share(shapes, lamp, x, y, z, factor):
    """What a fixture does to the light of its lamp towards a point (metres) with form factors [6] of its faces: the
    share that passes, and what is thrown back beside it as a multiple of the bare lamp's light, to be tinted.
    """
    share, glow = far_share(shapes, lamp, x, y, z)
    if shapes.first_shade[lamp] < shapes.first_shade[lamp + 1] and _is_close(shapes, lamp, x, y, z):
        share = unshaded_share(shapes, lamp, x, y, z, factor, CLOSE_RAYS)
    return share, glow


@leaf
def far_share(shapes, lamp, x, y, z):
    """Both of `fixture_share` by the direction to the point alone: all there is to it beyond CLOSE_SIZES, and so where
    a lamp counts as a point (`far_factor`).
    """
    if shapes.first_shade[lamp] == shapes.first_shade[lamp + 1]:
        return 1.0, 0.0
    x -= 0.5 * (shapes.low[lamp, 0] + shapes.high[lamp, 0])
    y -= 0.5 * (shapes.low[lamp, 1] + shapes.high[lamp, 1])
    z -= 0.5 * (shapes.low[lamp, 2] + shapes.high[lamp, 2])
    ax, ay, az = abs(x), abs(y), abs(z)
    if ax >= ay and ax >= az:
        face, size, u, v = 0 if x >= 0.0 else 1, ax, y, z
    elif ay >= az:
        face, size, u, v = 2 if y >= 0.0 else 3, ay, z, x
    else:
        face, size, u, v = 4 if z >= 0.0 else 5, az, x, y
    scale = 0.5 * (NODES - 1) / max(size, 1e-9)
    u, v = u * scale + 0.5 * (NODES - 1), v * scale + 0.5 * (NODES - 1)
    i, j = min(max(int(u), 0), NODES - 2), min(max(int(v), 0), NODES - 2)
    u, v = u - i, v - j
    table = shapes.throw[lamp, face]
    share = (1 - v) * ((1 - u) * table[j, i, 0] + u * table[j, i + 1, 0]) + v * (
        (1 - u) * table[j + 1, i, 0] + u * table[j + 1, i + 1, 0]
    )
    glow = (1 - v) * ((1 - u) * table[j, i, 1] + u * table[j, i + 1, 1]) + v * (
        (1 - u) * table[j + 1, i, 1] + u * table[j + 1, i + 1, 1]
    )
    return share, glow


@leaf
def _is_close(shapes, lamp, x, y, z):
    """Whether a point (metres) is so close to a lamp that the direction alone does not tell enough."""
    d2, s2 = 0.0, 0.0
    for axis in range(3):
        p = x if axis == 0 else (y if axis == 1 else z)
        low, high = shapes.low[lamp, axis], shapes.high[lamp, axis]
        d2 += (p - 0.5 * (low + high)) ** 2
        s2 += 0.25 * (high - low) ** 2
    return d2 < CLOSE_SIZES * CLOSE_SIZES * s2
