"""Light on moving bodies: they are not in the grid, so they read the probes around them.

A small body has one box, a large one a box for each of its parts. At the 8 corners of a box the light from the six
directions is interpolated from the probes that the corner sees, and one ray per lamp says whether that lamp reaches
it. A vertex blends the corners of its box and weighs directions by its squared normal (the ambient cube of McTaggart,
"Half-Life 2 / Valve Source Shading", GDC 2004); lamps have their exact form factor at the vertex, and the body that
carries a lamp also shades itself.

"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.rotations import turned
from engine.light.fixtures import fixture_share, unshaded_share
from engine.light.formfactor import LampShapes, box_factors
from engine.light.interpolate import air_weights
from engine.light.trace import is_clear
from engine.light.transport import Transport
from engine.raster.bodies import PosedBodies
from engine.view import View

F32 = NDArray[np.float32]


@njit(parallel=True, cache=True)
def corner_light(
    voxels, probe_of_cell, probe_position, side_light, corner, lamp_centre, lamp_size, lamp_reach, cube, reaches
):
    """Ambient cubes cube [n, 6, 3] at corners [n, 3] (metres) and which lamps reach them, reaches [n, L] uint8."""
    for i in prange(len(corner)):
        index = np.empty(8, np.int32)
        weight = np.empty(8, np.float32)
        x, y, z = corner[i, 0], corner[i, 1], corner[i, 2]
        air_weights(voxels, probe_of_cell, probe_position, x, y, z, index, weight)
        cube[i] = 0.0
        for j in range(8):
            if weight[j] != 0.0:
                for side in range(6):
                    for c in range(3):
                        cube[i, side, c] += weight[j] * side_light[index[j], side, c]
        for lamp in range(len(lamp_centre)):
            dx, dy, dz = lamp_centre[lamp, 0] - x, lamp_centre[lamp, 1] - y, lamp_centre[lamp, 2] - z
            r = math.sqrt(dx * dx + dy * dy + dz * dz)
            reaches[i, lamp] = 0
            if r < lamp_reach[lamp]:
                short = 0.5 * min(lamp_size[lamp, 0], lamp_size[lamp, 1], lamp_size[lamp, 2])
                reaches[i, lamp] = is_clear(voxels, x, y, z, x + dx, y + dy, z + dz, short)


@njit(parallel=True, cache=True)
def vertex_light(position, normal, entity, first_corner, blend, cube, reaches, lamps, shapes, radiance, e):
    """e [V, 3] at vertices: `first_corner` [V] is the first of the part's 8 corners, `blend` [V, 3] where in the part
    (0..1). `lamps` [n] are those that shine, columns of `reaches`. A lamp's own body also shades itself.
    """
    for i in prange(len(position)):
        e[i] = 0.0
        share = np.empty(8, np.float32)
        for j in range(8):
            share[j] = (
                (blend[i, 0] if j & 1 else 1 - blend[i, 0])
                * (blend[i, 1] if j & 2 else 1 - blend[i, 1])
                * (blend[i, 2] if j & 4 else 1 - blend[i, 2])
            )
            for axis in range(3):
                n = normal[i, axis]
                side = 2 * axis + (1 if n < 0 else 0)
                for c in range(3):
                    e[i, c] += share[j] * n * n * cube[first_corner[i] + j, side, c]
        factor, corner, buffer = np.empty(6, np.float64), np.empty((4, 3), np.float64), np.empty((10, 3), np.float64)
        for k in range(len(lamps)):
            seen = 0.0
            for j in range(8):
                if reaches[first_corner[i] + j, k]:
                    seen += share[j]
            if seen <= 0.0:
                continue
            lamp = lamps[k]
            px, py, pz = position[i, 0], position[i, 1], position[i, 2]
            nx, ny, nz = normal[i, 0], normal[i, 1], normal[i, 2]
            px, py, pz = px + LIFT_M * nx, py + LIFT_M * ny, pz + LIFT_M * nz
            f = seen * box_factors(
                px, py, pz, nx, ny, nz, shapes.low[lamp], shapes.high[lamp], factor, corner, buffer
            )  # fmt: skip
            if f <= 0.0:
                continue
            if shapes.entity[lamp] == entity[i]:
                passes, glow = unshaded_share(shapes, lamp, px, py, pz, factor, OWN_RAYS), 0.0
            else:
                passes, glow = fixture_share(shapes, lamp, px, py, pz, factor)
            for c in range(3):
                e[i, c] += np.float32(f * (passes + glow * shapes.tint[lamp, c])) * radiance[lamp, c]


LIFT_M = 0.004  # off the surface, so that a face does not stand in its own way
OWN_RAYS = 16  # from a lamp to a vertex of its own body
SMALL_M = 2.0  # bodies up to this size have one box: finer than the probes' own spacing says nothing more
INSET_M = 0.05  # corners are looked from so far inside their box: on the ground itself they would see nothing
WIDEST_ASPECT = 2.4  # of a picture: bodies outside every such view are not lit
REACH_SHARE = 0.4  # of a lamp's reach on surfaces: its light is six times brighter there


class BodyLight:
    """Light of bodies, kept by entity until the body moves or the light changes."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[tuple[object, ...], F32]] = {}  # entity -> (what it depends on, e of its vertices)
        self._prefabs: object = None  # the list that prefabs are numbered in

    def at(
        self, view: View, posed: PosedBodies, transport: Transport, side_light: F32, shapes: LampShapes,
        light_stamp: int,
    ) -> F32:  # fmt: skip
        """e [V, 3] at the vertices of bodies before the camera, 0 behind it; side_light [P, 6, 3] of the probes."""
        e = np.zeros((len(posed.position), 3), np.float32)
        bodies = view.bodies
        if view.prefabs is not self._prefabs:
            self._prefabs, self._kept = view.prefabs, {}
        kept: dict[int, tuple[tuple[object, ...], F32]] = {}
        todo = np.zeros(len(bodies.entity), np.bool_)
        for b in np.flatnonzero(_before_the_camera(view, posed)).tolist():
            entity = int(bodies.entity[b])
            key = (light_stamp, int(bodies.prefab[b]), bodies.position[b].tobytes(), bodies.orientation[b].tobytes())
            known = self._kept.get(entity)
            vertices = slice(posed.first_vertex[b], posed.first_vertex[b + 1])
            todo[b] = known is None or known[0] != key
            if known is not None and not todo[b]:
                e[vertices] = known[1]
            kept[entity] = (key, e[vertices])
        if todo.any():
            vertices_todo = np.flatnonzero(todo[posed.body])
            e[vertices_todo] = _light_vertices(view, posed, todo, vertices_todo, transport, side_light, shapes)
        self._kept = kept
        return e


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


def _light_vertices(
    view: View, posed: PosedBodies, todo: NDArray[np.bool_], vertices: NDArray[np.intp], transport: Transport,
    side_light: F32, shapes: LampShapes,
) -> F32:  # fmt: skip
    bodies = view.bodies
    low = np.array([p.part_low.min(0) for p in view.prefabs], np.float32)[bodies.prefab]  # [B, 3] in the prefab's frame
    high = np.array([p.part_high.max(0) for p in view.prefabs], np.float32)[bodies.prefab]
    is_small = (high - low).max(1) <= SMALL_M
    whole = np.flatnonzero(todo & is_small)
    parts = np.flatnonzero((todo & ~is_small)[posed.part_body])
    box_body = np.concatenate([whole, posed.part_body[parts]])  # [n] boxes: whole bodies, then parts
    middle = (low[whole] + high[whole]) / 2
    middle = turned(bodies.orientation[whole], middle)
    centre = np.concatenate([bodies.position[whole] + middle, posed.part_centre[parts]])  # [n, 3] metres, world
    half = np.concatenate([(high[whole] - low[whole]) / 2, posed.part_half[parts]])  # [n, 3]
    half = np.maximum(half - INSET_M, half / 2)
    turn = bodies.orientation[box_body]  # [n, 4]

    sign = np.array([[(1 if j & 1 << a else -1) for a in range(3)] for j in range(8)], np.float32)
    offset = sign[None] * half[:, None]  # [n, 8, 3]
    corner = (centre[:, None] + turned(turn[:, None], offset)).reshape(-1, 3).astype(np.float32)  # [n * 8, 3]
    on = np.flatnonzero(view.lamps.radiance.any(1)).astype(np.int32)
    lamp_centre, size = view.lamps.centre[on], view.lamps.size[on]
    cube = np.zeros((len(corner), 6, 3), np.float32)
    reaches = np.zeros((len(corner), len(lamp_centre)), np.uint8)
    probes = transport.probes
    corner_light(
        transport.voxels, probes.probe_of_cell, probes.position, side_light, corner, lamp_centre, size,
        shapes.reach[on] * REACH_SHARE,
        cube, reaches,
    )  # fmt: skip

    box_of_body = np.zeros(len(bodies.entity), np.int32)
    box_of_body[whole] = np.arange(len(whole))
    box_of_part = np.zeros(len(posed.part_body), np.int32)
    box_of_part[parts] = len(whole) + np.arange(len(parts))
    box = np.where(is_small[posed.body[vertices]], box_of_body[posed.body[vertices]], box_of_part[posed.part[vertices]])
    local = posed.position[vertices] - centre[box]
    local = turned(turn[box] * np.array([-1, -1, -1, 1], np.float32), local)  # turned back
    blend = np.clip(local / np.maximum(half[box], 1e-3) * 0.5 + 0.5, 0, 1).astype(np.float32)
    e = np.zeros((len(vertices), 3), np.float32)
    vertex_light(
        posed.position[vertices], posed.normal[vertices], posed.entity[vertices].astype(np.int32),
        (box * 8).astype(np.int32), blend, cube, reaches, on, shapes, view.lamps.radiance, e,
    )  # fmt: skip
    return e
