"""Light on bodies: they are not in the grid, so they look about for themselves.

A small body has one box, a large one a box for each of its parts. From the 8 corners of a box rays go out, in the same
directions from all, so that nothing flickers as a body moves; what they read of texels and sky tells the light from the
six sides. Where the body's own shadow falls the sun does not count, or a pot would be lit by the sill that it shades.
Those that move do without rays, and take what the probes around a corner know. One ray per lamp says whether that lamp
reaches the corner. A vertex blends the corners of its box and weighs
directions by its squared normal (the ambient cube of McTaggart, "Half-Life 2 / Valve Source Shading", GDC 2004); lamps
have their exact form factor at the vertex, and the body that carries a lamp also shades itself. These factors are most
of the cost and depend on body and lamp alone, so they are kept for every pair of the two until either moves.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.rotations import matrices, turned
from engine.light.compiled import leaf
from engine.light.faces import texel_at
from engine.light.fixtures import far_share, fixture_share, unshaded_share
from engine.light.formfactor import LampShapes, box_factors, far_factor
from engine.light.furniture import told_apart
from engine.light.gather import BLOCKED, SKY
from engine.light.keeping import unpack
from engine.light.lamps import shape_keys
from engine.light.probelight import ProbeLight
from engine.light.relight import Direct, Relight
from engine.light.skylight import SUN_WHOLE, sky_towards
from engine.light.surface import spot_of
from engine.light.trace import NOTHING, crosses_box, fibonacci_directions, first_hit, is_clear
from engine.light.transport import Transport
from engine.raster.bodies import PosedBodies, mark_facing
from engine.view import Bodies, SkyView, View

F32 = NDArray[np.float32]
KNOWN, PROBES, RAYS = 0, 1, 2  # how cubes come about
DIRECTIONS = fibonacci_directions(128).astype(np.float64)  # [128, 3] unit, world: rays from each corner of a box
FARTHEST_M = 1e4
PIECE = 64  # vertices that a thread works through with the same scratch
LIFT_M = 0.004  # off the surface, so that a face does not stand in its own way
OWN_RAYS = 16  # from a lamp to a vertex of its own body
SMALL_M = 2.0  # bodies up to this size have one box: finer than the probes' own spacing says nothing more
INSET_M = 0.05  # corners are looked from so far inside their box: on the ground itself they would see nothing
WIDEST_ASPECT = 2.4  # of a picture: bodies outside every such view are not lit
MOST_BYTES = 32 * 2**20  # kept of bodies: beyond, only of those before the camera
REACH_SHARE = 0.4  # of a lamp's reach on surfaces: its light is six times brighter there
NEAR_SHARE = 0.25  # of that, 13 m from a street lamp: nearer bodies are lit at once when it shines otherwise


@leaf
def _stand_clear(grid, corner, i, out):
    """A corner of a box that stands in a voxel, drawn halfway to the box's middle, or all the way: out [3]."""
    first = i // 8 * 8
    for step in range(3):
        for c in range(3):
            middle = (corner[first, c] + corner[first + 7, c]) * 0.5
            out[c] = corner[i, c] + (middle - corner[i, c]) * 0.5 * step
        x, y, z = int(math.floor(4.0 * out[0])), int(math.floor(4.0 * out[1])), int(math.floor(4.0 * out[2]))
        if not (0 <= x < grid.shape[0] and 0 <= y < grid.shape[1] and 0 <= z < grid.shape[2]) or grid[x, y, z] == 0:
            return


@leaf
def _look_about(voxels, faces, x, y, z, hit, far):
    """Rays from a place: hit [128] the texel that each meets, SKY or BLOCKED, after far [128] metres."""
    shape = voxels.material.shape
    for k in range(len(DIRECTIONS)):
        t, side, vx, vy, vz = first_hit(
            voxels, x, y, z, DIRECTIONS[k, 0], DIRECTIONS[k, 1], DIRECTIONS[k, 2], FARTHEST_M
        )
        hit[k], far[k] = BLOCKED, t
        if side == NOTHING:
            hit[k] = SKY
        elif side >= 0:
            texel = texel_at(faces, vx, vy, vz, side, shape[1] >> 3, shape[2] >> 3)
            if texel >= 0:
                hit[k] = texel


@njit(cache=True)
def _gather_about(
    grid, place, patch_spot, radiance, albedo, sun_share, sun, sun_direction, zenith, horizon, glow, ground, x, y, z,
    hit, far, low, high, cube,
):  # fmt: skip
    """An ambient cube [6, 3] of what rays from a place of a body with the box low..high [3] read."""
    light, total = np.empty(3, np.float32), np.zeros(6, np.float32)
    is_day = sun[0] + sun[1] + sun[2] > 0.0  # `sun_share` is not kept in step at night
    for k in range(len(DIRECTIONS)):
        dx, dy, dz = DIRECTIONS[k, 0], DIRECTIONS[k, 1], DIRECTIONS[k, 2]
        t, texel = far[k], hit[k]
        light[:] = 0.0
        if texel == SKY:
            sky_towards(
                np.float32(dx), np.float32(dy), np.float32(dz), sun_direction, zenith, horizon, glow, ground, light
            )
        elif texel >= 0:
            level = (t > 2.0) + (t > 4.0) + (t > 8.0)  # as `gather.patch_level`
            light[0], light[1], light[2] = unpack(radiance[spot_of(texel, level, patch_spot)])
            side = place[texel, 3]
            facing = sun_direction[side // 2] * (1 - 2 * (side % 2))
            if is_day and sun_share[texel] and facing > 0.0 and crosses_box(
                x + t * dx, y + t * dy, z + t * dz, sun_direction[0], sun_direction[1], sun_direction[2], 1e4, low,
                high,
            ):  # fmt: skip
                light[0], light[1], light[2] = unpack(radiance[texel])
                m = grid[place[texel, 0], place[texel, 1], place[texel, 2]]
                share = np.float32(sun_share[texel]) / np.float32(SUN_WHOLE)
                for c in range(3):
                    light[c] = max(light[c] - albedo[m, c] * facing * share * sun[c], np.float32(0.0))
        for axis in range(3):
            towards = 2 * axis + (1 if DIRECTIONS[k, axis] < 0.0 else 0)
            cosine = np.float32(abs(DIRECTIONS[k, axis]))
            total[towards] += cosine
            for c in range(3):
                cube[towards, c] += cosine * light[c]
    for towards in range(6):
        for c in range(3):
            cube[towards, c] /= total[towards]


@njit(parallel=True, cache=True)
def _all_clear(grid, corner, at):
    """`_stand_clear` of all corners [n, 3]: at [n, 3]."""
    for i in prange(len(corner)):
        _stand_clear(grid, corner, i, at[i])


@njit(parallel=True, cache=True)
def corners_cross(grid, corner, far, low, high, crosses):
    """Which corners [n, 3] (metres; eight of a box follow each other) may see something else since voxels changed in
    boxes low..high [m, 3], where their rays went far [n, 128]: crosses [n].
    """
    for i in prange(len(corner)):
        at, first = np.empty(3, np.float64), i // 8 * 8
        _stand_clear(grid, corner, i, at)
        crosses[i] = False
        for b in range(len(low)):
            dx, dy, dz = (low[b] + high[b]) * 0.5 - at
            r2 = ((high[b] - low[b]) ** 2).sum() * 0.25
            r, d2 = math.sqrt(r2), dx * dx + dy * dy + dz * dz
            middle = (corner[first] + corner[first + 7]) * np.float32(0.5) - corner[i]
            crosses[i] |= crosses_box(
                corner[i, 0], corner[i, 1], corner[i, 2], middle[0], middle[1], middle[2], 1.0, low[b], high[b]
            )
            for k in range(len(DIRECTIONS)):
                if crosses[i]:
                    break
                along = DIRECTIONS[k, 0] * dx + DIRECTIONS[k, 1] * dy + DIRECTIONS[k, 2] * dz
                if along < -r or along - r > far[i, k] or d2 - along * along > r2 + 1e-3:
                    continue  # passes by the ball around the box
                crosses[i] = crosses_box(
                    at[0], at[1], at[2], DIRECTIONS[k, 0], DIRECTIONS[k, 1], DIRECTIONS[k, 2], far[i, k], low[b],
                    high[b],
                )  # fmt: skip


@njit(parallel=True, cache=True)
def corner_light(
    voxels, faces, place, patch_spot, radiance, albedo, sun_share, sun, sun_direction, zenith, horizon, glow, ground,
    corner, asks, holds, low, high, lamp_centre, lamp_size, lamp_reach, hit, far, cube, reaches,
):  # fmt: skip
    """Ambient cubes cube [n, 6, 3] at corners [n, 3] (metres; eight of a box follow each other) and which lamps reach
    them, reaches [n, L] uint8. By box, [n / 8]: what asks for its cubes, which are there unless it is RAYS, and its
    body's own box low, high [., 3]. Rays meet hit, far [n, 128], see `_look_about`: traced where these do not hold [n].

    radiance [S, 3] by spot is packed (keeping.py), sun_share [T] and sun [3] tell what of it a body's shadow takes
    away.
    """
    for i in prange(len(corner)):
        at, box = np.empty(3, np.float64), i // 8
        _stand_clear(voxels.material, corner, i, at)
        x, y, z = at[0], at[1], at[2]
        if asks[box] == RAYS:
            cube[i] = 0.0
            if not holds[i]:
                _look_about(voxels, faces, x, y, z, hit[i], far[i])
            _gather_about(
                voxels.material, place, patch_spot, radiance, albedo, sun_share, sun, sun_direction, zenith, horizon,
                glow, ground, x, y, z, hit[i], far[i], low[box], high[box], cube[i],
            )  # fmt: skip
        for lamp in range(len(lamp_centre)):
            dx, dy, dz = lamp_centre[lamp, 0] - x, lamp_centre[lamp, 1] - y, lamp_centre[lamp, 2] - z
            r = math.sqrt(dx * dx + dy * dy + dz * dz)
            reaches[i, lamp] = 0
            if r < lamp_reach[lamp]:
                short = 0.5 * min(lamp_size[lamp, 0], lamp_size[lamp, 1], lamp_size[lamp, 2])
                reaches[i, lamp] = is_clear(voxels, x, y, z, x + dx, y + dy, z + dz, short)


@leaf
def _factors_some(first, last, vertex, position, normal, marks, own, k, shapes, factor, faces, corner, buffer):
    """`lamp_factors` first .. last - 1 of lamp k, of vertices from `vertex` on, with what a thread has as scratch."""
    low, high = shapes.low[k], shapes.high[k]
    for i in range(first, last):
        v = vertex + i - first
        if not marks[v]:
            continue
        nx, ny, nz = normal[v, 0], normal[v, 1], normal[v, 2]
        px, py, pz = position[v, 0] + LIFT_M * nx, position[v, 1] + LIFT_M * ny, position[v, 2] + LIFT_M * nz
        factor[i, 0] = factor[i, 1] = 0.0
        far, f = far_factor(px, py, pz, nx, ny, nz, low, high)
        if own or not far:
            f = box_factors(px, py, pz, nx, ny, nz, low, high, faces, corner, buffer)
        if f <= 0.0:
            continue
        if own:
            passes, glow = unshaded_share(shapes, k, px, py, pz, faces, OWN_RAYS), 0.0
        elif far:
            passes, glow = far_share(shapes, k, px, py, pz)
        else:
            passes, glow = fixture_share(shapes, k, px, py, pz, faces)
        factor[i, 0], factor[i, 1] = f * passes, f * glow


@njit(parallel=True, cache=True)
def lamp_factors(position, normal, marks, entity, first_vertex, factor_at, size, lamp, shapes, factor):
    """What marked vertices [V] of a body get of a lamp, if nothing stands between their bodies, for pairs [n] of the
    two: factor [F, 2] of the lamp's own light, and of what its fixture throws back, 0 at others. A lamp's own body also
    shades itself.

    A pair's vertices, size [n], begin at first_vertex [n], its factors at factor_at [n]. Most vertices are far from
    most lamps, where a lamp counts as a point: that case is a short one, to the bits of the other.
    """
    pieces, most = 0, 0
    for pair in range(len(lamp)):
        pieces, most = pieces + (size[pair] + PIECE - 1) // PIECE, max(most, size[pair])
    pair_of, first_of, n = np.empty(pieces, np.int64), np.empty(pieces, np.int64), 0
    for first in range(0, most, PIECE):  # one body at a lamp may be most of the work: no thread gets all of it
        for pair in range(len(lamp)):
            if first < size[pair]:
                pair_of[n], first_of[n] = pair, first
                n += 1
    for piece in prange(pieces):
        pair, first = pair_of[piece], first_of[piece]
        faces, corner, buffer = np.empty(6, np.float64), np.empty((4, 3), np.float64), np.empty((10, 3), np.float64)
        at, own = factor_at[pair] + first, shapes.entity[lamp[pair]] == entity[first_vertex[pair]]
        _factors_some(
            at, at + min(PIECE, size[pair] - first), first_vertex[pair] + first, position, normal, marks, own,
            lamp[pair], shapes, factor, faces, corner, buffer,
        )  # fmt: skip


@leaf
def _corner_share(j, blend_x, blend_y, blend_z):
    """How much of corner j of a box counts at a place in the box (0..1 along its axes)."""
    x, y, z = blend_x if j & 1 else 1 - blend_x, blend_y if j & 2 else 1 - blend_y, blend_z if j & 4 else 1 - blend_z
    return np.float32(x * y * z)


@njit(parallel=True, cache=True)
def vertex_light(
    vertices, position, normal, body, box, centre, half, world_from_box, cube, reaches, first_pair, column, factor_at,
    factor, tint, radiance, e,
):  # fmt: skip
    """e [V, 3] at some vertices [n] of bodies body [V], which lie in the boxes box [n] with the middles centre [b, 3],
    half extents half [b, 3] and axes world_from_box [b, 3, 3].

    Of the lamps [m] that are columns of `reaches`, with tint and radiance [m, 3], body b is in reach of those at
    column[first_pair[b] : first_pair[b + 1]], whose factors for a vertex are at factor_at [pairs] + V.
    """
    for i in prange(len(vertices)):
        v, k = vertices[i], box[i]
        x, y, z = position[v, 0] - centre[k, 0], position[v, 1] - centre[k, 1], position[v, 2] - centre[k, 2]
        blend_x, blend_y, blend_z = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for axis in range(3):
            m = world_from_box[k]
            local = (m[0, axis] * x + m[1, axis] * y + m[2, axis] * z) / max(half[k, axis], np.float32(1e-3))
            blend = min(max(local * np.float32(0.5) + np.float32(0.5), np.float32(0.0)), np.float32(1.0))
            if axis == 0:
                blend_x = blend
            elif axis == 1:
                blend_y = blend
            else:
                blend_z = blend
        e[v] = 0.0
        for j in range(8):
            share = _corner_share(j, blend_x, blend_y, blend_z)
            for axis in range(3):
                n = normal[v, axis]
                side = 2 * axis + (1 if n < 0 else 0)
                for c in range(3):
                    e[v, c] += share * n * n * cube[8 * k + j, side, c]
        for pair in range(first_pair[body[v]], first_pair[body[v] + 1]):
            lamp, seen = column[pair], np.float32(0.0)
            own, thrown = factor[factor_at[pair] + v, 0], factor[factor_at[pair] + v, 1]
            if own == 0.0 and thrown == 0.0:
                continue
            for j in range(8):
                if reaches[8 * k + j, lamp]:
                    seen += _corner_share(j, blend_x, blend_y, blend_z)
            for c in range(3):
                e[v, c] += seen * (own + thrown * tint[lamp, c]) * radiance[lamp, c]


# Prefab, position, how it is turned; and which, of bodies that are one in the other. Whether it stands needs no place
# here: that is another furniture, and so another number of the light.
Pose = tuple[bytes, int]
Lamp = tuple[tuple[bytes, ...], bool]  # what of a lamp factors depend on, and whether the body carries it


_NOWHERE, _NO_FACTORS = np.full((2, 3), np.inf, np.float32), np.zeros((0, 0, 2), np.float32)
_NO_HITS, _NO_WAY = np.zeros((0, len(DIRECTIONS)), np.int32), np.zeros((0, len(DIRECTIONS)), np.float32)


@dataclass(eq=False)
class _Kept:
    """What is known of one body in one pose."""

    lamp_of: list[Lamp]  # [m] lamps in reach whose factors are known
    factors: F32  # [m, v, 2]
    eye: bytes | None  # from where vertices are seen, if light is known of these alone and no factor kept; None: of all
    stamp: int  # of the light that `e` is for, -1 none
    e: F32  # [v, 3] at its vertices
    cube: F32  # [c, 6, 3] ambient cubes at the corners of its boxes
    cube_of: tuple[int, int]  # of which light they are, and whether the body stands
    lamps: set[tuple[bytes, ...]]  # near it when it was lit
    bounds: F32  # [2, 3] metres, world: low and high of those corners
    hit: NDArray[np.int32]  # [c, 128] what rays from there meet, if it stands,
    far: F32  # [c, 128] after so many metres
    n_changes: int  # changes of voxels after which that was so


def _nothing_known(eye: bytes | None) -> _Kept:
    none = np.zeros((0, 3), np.float32)
    return _Kept([], _NO_FACTORS, eye, -1, none, none, (-1, 0), set(), _NOWHERE, _NO_HITS, _NO_WAY, 0)


class BodyLight:
    """Light of bodies. Factors of lamps are kept until body or lamp move, light at vertices until light changes."""

    def __init__(self) -> None:
        self._kept: dict[Pose, _Kept] = {}
        self._prefabs: object = None  # the list that prefabs are numbered in
        self._materials: object = None  # and where they shine they are cut finer
        self._shapes: LampShapes | None = None  # that `_lamps` are of
        self._lamps: list[tuple[bytes, ...]] = []  # [L] what of each lamp factors depend on
        self._shine = Counter[tuple[bytes, ...]]()  # lamps that were on at the last call, each with its radiance
        self.n_waiting = 0  # bodies that `at` left in the light of before

    def at(
        self, view: View, posed: PosedBodies, transport: Transport, relit: Relight, probe_light: ProbeLight,
        direct: Direct, sky: SkyView, shapes: LampShapes, most: int | None = None,
        seen: NDArray[np.bool_] | None = None,
    ) -> F32:  # fmt: skip
        """e [V, 3] at the vertices of bodies before the camera, 0 elsewhere. If it is given which of them are seen [B],
        only these are lit, and of those that may move only what faces the camera.

        With `most`, of the bodies that stand as they did, near no lamp that shines otherwise than it did, only so many
        are lit anew, those first that have waited longest.
        """
        e = np.zeros((len(posed.position), 3), np.float32)
        bodies = view.bodies
        if view.prefabs is not self._prefabs or view.materials is not self._materials:
            self._prefabs, self._materials, self._kept = view.prefabs, view.materials, {}  # vertices may be others
        if shapes is not self._shapes:
            self._follow_lamps(shapes)
        self._follow_shine(view, shapes)
        poses = _poses(bodies)
        lit: dict[Pose, _Kept] = {}
        todo: dict[int, _Kept] = {}  # by number in the view
        before = _before_the_camera(view, posed)
        eye = None if seen is None else np.asarray(view.camera.position, np.float64).tobytes()
        stands = _stands(bodies)
        for b in np.flatnonzero(before if seen is None else before & seen).tolist():
            known = self._kept.get(poses[b]) or _nothing_known(None if stands[b] else eye)
            if known.eye not in (eye, None):  # it stays for more than a picture: from now on all of it is lit
                known.eye, known.stamp = None, -1
            if known.stamp != relit.stamp:
                todo[b] = known
            else:
                e[posed.first_vertex[b] : posed.first_vertex[b + 1]] = known.e
            lit[poses[b]] = known
        can_wait = sorted((b for b in todo if todo[b].stamp >= 0), key=lambda b: (todo[b].stamp, b))
        waiting = [] if most is None else can_wait[most:]
        for b in waiting:
            e[posed.first_vertex[b] : posed.first_vertex[b + 1]] = todo.pop(b).e
        self.n_waiting = len(waiting)
        if todo:
            self._light(view, posed, todo, transport, relit, probe_light, direct, sky, shapes, e)
            for b, known in todo.items():
                known.stamp, known.e = relit.stamp, e[posed.first_vertex[b] : posed.first_vertex[b + 1]].copy()
        still = self._kept.keys() & set(poses) if self.bytes < MOST_BYTES else set()
        self._kept = {pose: self._kept[pose] for pose in still} | lit
        return e

    @property
    def bytes(self) -> int:
        """Memory of what is kept."""
        return sum(
            sum(part.nbytes for part in (kept.e, kept.cube, kept.hit, kept.far, kept.factors))
            for kept in self._kept.values()
        )

    def _follow_lamps(self, shapes: LampShapes) -> None:
        self._shapes, self._lamps = shapes, shape_keys(shapes)
        still = set(self._lamps)
        for known in self._kept.values():
            stays = [lamp[0] in still for lamp in known.lamp_of]
            if not all(stays):
                known.lamp_of = [lamp for lamp, is_kept in zip(known.lamp_of, stays, strict=True) if is_kept]
                known.factors = known.factors[stays]

    def _follow_shine(self, view: View, shapes: LampShapes) -> None:
        """Forget the light of bodies near a lamp, or where one was, that shines otherwise than at the last call."""
        radiance = view.lamps.radiance
        on = np.flatnonzero(radiance.any(1)).tolist()
        shine = [(*self._lamps[k], radiance[k].tobytes()) for k in on]
        was, self._shine = self._shine, Counter(shine)
        if not (other := {one for one, _ in was.items() ^ self._shine.items()}):
            return
        lamps = {one[:-1] for one in other}
        new = [k for k, one in zip(on, shine, strict=True) if one in other]
        near = _near([known.bounds for known in self._kept.values()], view, shapes, new)
        for known, is_near in zip(self._kept.values(), near, strict=True):
            if is_near.any() or not known.lamps.isdisjoint(lamps):
                known.stamp = -1

    def _light(
        self, view: View, posed: PosedBodies, todo: dict[int, _Kept], transport: Transport, relit: Relight,
        probe_light: ProbeLight, direct: Direct, sky: SkyView, shapes: LampShapes, e: F32,
    ) -> None:  # fmt: skip
        """Work out e [V, 3] of some bodies."""
        wanted = np.zeros(len(view.bodies.entity), np.bool_)
        wanted[list(todo)] = True
        on = np.flatnonzero(view.lamps.radiance.any(1)).astype(np.int32)
        boxes = _boxes_of(view, posed, wanted)
        cube = np.zeros((len(boxes.corner), 6, 3), np.float32)
        reaches = np.zeros((len(boxes.corner), len(on)), np.uint8)
        surface, bodies = transport.surface, view.bodies
        stands = _stands(bodies)
        asks = np.where(stands[boxes.body] != 0, RAYS, PROBES)
        cube_of = {b: (relit.spread_at, int(stands[b])) for b in todo}
        corners = boxes.corners_of_bodies()
        for b, rows in corners.items():
            if todo[b].cube_of == cube_of[b]:
                cube[rows], asks[rows.start // 8 : rows.stop // 8] = todo[b].cube, KNOWN
        moves, at = np.repeat(asks == PROBES, 8), np.empty((len(boxes.corner), 3), np.float64)
        _all_clear(transport.voxels.material, boxes.corner, at)
        cube[moves] = probe_light.at(at[moves], sky)
        hit, far, holds = self._rays(todo, corners, boxes.corner, transport)
        corner_light(
            transport.voxels, surface.faces, surface.place, surface.patch_spot, relit.radiance, view.materials.albedo,
            direct.sun_share, direct.sun, direct.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground,
            boxes.corner, asks, holds, posed.low[boxes.body], posed.high[boxes.body], view.lamps.centre[on],
            view.lamps.size[on], shapes.reach[on] * REACH_SHARE, hit, far, cube, reaches,
        )  # fmt: skip
        first = [rows.start for rows in corners.values()]
        bounds = np.stack([end.reduceat(boxes.corner, first) for end in (np.minimum, np.maximum)], 1)
        for (b, rows), box in zip(corners.items(), bounds, strict=True):
            known = todo[b]
            known.bounds, known.cube, known.cube_of = box, cube[rows].copy(), cube_of[b]
            if asks[rows.start // 8] == RAYS:
                known.n_changes = transport.n_changes
                if not holds[rows].all():
                    known.hit, known.far = hit[rows].copy(), far[rows].copy()
        near = _near(bounds, view, shapes, on)
        for b, is_near in zip(corners, near, strict=True):
            todo[b].lamps = {self._lamps[k] for k in on[is_near].tolist()}
        in_reach = np.zeros((len(wanted), len(on)), np.bool_)
        np.logical_or.at(in_reach, boxes.body, reaches.reshape(len(boxes.body), 8, len(on)).any(1))
        body, column = np.nonzero(in_reach)  # the pairs of body and lamp
        lamp = on[column]
        marks = _vertices_of(view, posed, todo)
        factor_at, factor = self._factors(view, posed, todo, body, lamp, shapes, marks)
        vertices = np.flatnonzero(marks).astype(np.int32)
        vertex_light(
            vertices, posed.position, posed.normal, posed.body, boxes.of_vertices(vertices, posed), boxes.centre,
            boxes.half, matrices(boxes.turn), cube, reaches, np.searchsorted(body, np.arange(len(wanted) + 1)), column,
            factor_at[:-1] - posed.first_vertex[body], factor, shapes.tint[on], view.lamps.radiance[on], e,
        )  # fmt: skip

    def _rays(
        self, todo: dict[int, _Kept], corners: dict[int, slice], corner: F32, transport: Transport
    ) -> tuple[NDArray[np.int32], F32, NDArray[np.bool_]]:
        """What rays from the corners [c, 3] of some bodies meet, [c, 128], after how many metres, and where that holds
        [c].
        """
        shape = len(corner), len(DIRECTIONS)
        hit, far = np.empty(shape, np.int32), np.empty(shape, np.float32)
        since = np.full(len(corner), -1)  # changes after which it was so, -1 never
        for b, rows in corners.items():
            if len(todo[b].hit):
                hit[rows], far[rows], since[rows] = todo[b].hit, todo[b].far, todo[b].n_changes
        holds = since == transport.n_changes
        for n_changes in np.unique(since[(since >= 0) & ~holds]).tolist():
            boxes, same = transport.boxes_since(n_changes), np.flatnonzero(since == n_changes)
            if boxes is not None:
                crosses = np.empty(len(same), np.bool_)
                corners_cross(transport.grid, corner[same], far[same], *boxes, crosses)
                holds[same] = ~crosses
        return hit, far, holds

    def _factors(
        self, view: View, posed: PosedBodies, todo: dict[int, _Kept], body: NDArray[np.intp], lamp: NDArray[np.int32],
        shapes: LampShapes, marks: NDArray[np.bool_],
    ) -> tuple[NDArray[np.intp], F32]:  # fmt: skip
        """Factors of some pairs [n] of a body and a lamp at marked vertices [V], body after body: where each pair's
        begin and the last ends, [n + 1], and what they are, [F, 2]. Those that are known are not worked out again, and
        those of bodies that are lit as a whole are kept.
        """
        first = posed.first_vertex
        size = (first[1:] - first[:-1])[body]
        factor_at = np.concatenate([[0], np.cumsum(size)])
        factor, is_new = np.zeros((factor_at[-1], 2), np.float32), np.ones(len(body), np.bool_)
        own = shapes.entity[lamp] == view.bodies.entity[body]
        keys = [(self._lamps[k], o) for k, o in zip(lamp.tolist(), own.tolist(), strict=True)]
        bounds = np.searchsorted(body, np.arange(len(first))).tolist()  # pairs of body b: bounds[b] : bounds[b + 1]
        for b, known in todo.items():
            if known.lamp_of:
                row_of = {key: row for row, key in enumerate(known.lamp_of)}
                for pair in range(bounds[b], bounds[b + 1]):
                    if (row := row_of.get(keys[pair])) is not None:
                        factor[factor_at[pair] : factor_at[pair + 1]] = known.factors[row]
                        is_new[pair] = False
        new = np.flatnonzero(is_new)
        lamp_factors(
            posed.position, posed.normal, marks, posed.entity.astype(np.int32), first[body[new]], factor_at[new],
            size[new], lamp[new], shapes, factor,
        )  # fmt: skip
        for b, known in todo.items():
            mine = slice(bounds[b], bounds[b + 1])
            if known.eye is not None or not is_new[mine].any():  # what moves is elsewhere in the next picture
                continue
            found = factor[factor_at[mine.start] : factor_at[mine.stop]].reshape(mine.stop - mine.start, -1, 2)
            known.factors = np.concatenate([known.factors, found[is_new[mine]]]) if known.lamp_of else found.copy()
            known.lamp_of = known.lamp_of + [keys[p] for p in range(mine.start, mine.stop) if is_new[p]]
        return factor_at, factor


def _vertices_of(view: View, posed: PosedBodies, todo: dict[int, _Kept]) -> NDArray[np.bool_]:
    """Which vertices [V] some bodies ask light for."""
    first, marks = posed.first_vertex, np.zeros(len(posed.position), np.bool_)
    in_part = np.array([b for b, known in todo.items() if known.eye is not None], np.int32)
    mark_facing(posed, in_part, np.asarray(view.camera.position, np.float64), marks)
    for b, known in todo.items():
        if known.eye is None:
            marks[first[b] : first[b + 1]] = True
    return marks


def _stands(bodies: Bodies) -> NDArray[np.uint8]:
    """Which bodies [B] stay put."""
    return bodies.stands if len(bodies.stands) else np.zeros(len(bodies.entity), np.uint8)


def _near(
    bounds: list[F32] | F32, view: View, shapes: LampShapes, lamps: NDArray[np.int32] | list[int]
) -> NDArray[np.bool_]:
    """Which of some lamps [n] are near some bodies in boxes [2, 3]: [B, n]."""
    low, high = np.moveaxis(np.array(bounds, np.float32).reshape(-1, 2, 1, 3), 1, 0)
    centre, reach = view.lamps.centre[lamps], shapes.reach[lamps] * (REACH_SHARE * NEAR_SHARE)
    away = np.maximum(np.maximum(low - centre, centre - high), 0.0)
    return np.asarray((away**2).sum(-1) < reach**2)


def _poses(bodies: Bodies) -> list[Pose]:
    """Where each body [B] stands and how, whatever number it has: that changes with the file."""
    fields = (bodies.prefab[:, None], bodies.position, bodies.orientation)
    as_bytes = np.concatenate([np.ascontiguousarray(field).view(np.uint8) for field in fields], 1)
    return told_apart(row.tobytes() for row in as_bytes)


def _before_the_camera(view: View, posed: PosedBodies) -> NDArray[np.bool_]:
    """Bodies [B] whose bounding sphere touches the cone around the widest picture."""
    centre, radius = (posed.low + posed.high) / 2, np.linalg.norm(posed.high - posed.low, axis=1) / 2
    away = centre - np.asarray(view.camera.position, np.float32)
    half_angle = math.atan(math.tan(view.camera.fov_y / 2) * math.hypot(1.0, WIDEST_ASPECT))
    ahead = away @ view.camera.axes()[0].astype(np.float32)
    aside = np.sqrt(np.maximum((away**2).sum(1) - ahead**2, 0.0))
    # Distance of the centre outside the cone's surface, along the surface's normal.
    outside = aside * math.cos(half_angle) - ahead * math.sin(half_angle)
    return np.asarray(outside < radius)


@dataclass(frozen=True)
class _Boxes:
    """The boxes at whose corners bodies are lit: whole bodies, then parts of large ones."""

    body: NDArray[np.int32]  # [n] the body of each
    centre: F32  # [n, 3] metres, world
    half: F32  # [n, 3] metres: half extents, along the turned axes
    turn: F32  # [n, 4]
    corner: F32  # [n * 8, 3] metres, world
    is_small: NDArray[np.bool_]  # [B] bodies that have one box
    of_body: NDArray[np.int32]  # [B] the box of each of them
    of_part: NDArray[np.int32]  # [N] and of each part of the others

    def corners_of_bodies(self) -> dict[int, slice]:
        """Which corners are those of each body: its boxes follow each other. In order."""
        first = np.flatnonzero(np.diff(self.body, prepend=-1))
        end = np.append(first[1:], len(self.body))
        return {
            b: slice(8 * f, 8 * e)
            for b, f, e in zip(*(a.tolist() for a in (self.body[first], first, end)), strict=True)
        }

    def of_vertices(self, vertices: NDArray[np.int32], posed: PosedBodies) -> NDArray[np.int32]:
        """The box of each of some vertices [n]."""
        of, part = posed.body[vertices], posed.part[vertices]
        return np.where(self.is_small[of], self.of_body[of], self.of_part[part])


def _boxes_of(view: View, posed: PosedBodies, wanted: NDArray[np.bool_]) -> _Boxes:
    """The boxes of the wanted [B] bodies."""
    bodies = view.bodies
    low = np.array([p.part_low.min(0) for p in view.prefabs], np.float32)[bodies.prefab]  # [B, 3] in the prefab's frame
    high = np.array([p.part_high.max(0) for p in view.prefabs], np.float32)[bodies.prefab]
    is_small = (high - low).max(1) <= SMALL_M
    whole = np.flatnonzero(wanted & is_small)
    parts = np.flatnonzero((wanted & ~is_small)[posed.part_body])
    box_body = np.concatenate([whole, posed.part_body[parts]]).astype(np.int32)
    middle = turned(bodies.orientation[whole], (low[whole] + high[whole]) / 2)
    centre = np.concatenate([bodies.position[whole] + middle, posed.part_centre[parts]])
    half = np.concatenate([(high[whole] - low[whole]) / 2, posed.part_half[parts]])
    half = np.maximum(half - INSET_M, half / 2)
    turn = bodies.orientation[box_body]

    sign = np.array([[(1 if j & 1 << a else -1) for a in range(3)] for j in range(8)], np.float32)
    offset = sign[None] * half[:, None]  # [n, 8, 3]
    corner = (centre[:, None] + turned(turn[:, None], offset)).reshape(-1, 3).astype(np.float32)
    of_body, of_part = np.zeros(len(bodies.entity), np.int32), np.zeros(len(posed.part_body), np.int32)
    of_body[whole] = np.arange(len(whole))
    of_part[parts] = len(whole) + np.arange(len(parts))
    return _Boxes(box_body, centre, half, turn, corner, is_small, of_body, of_part)
