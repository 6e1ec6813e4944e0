"""Light on moving bodies: they are not in the grid, so they read the probes around them.

Each box-shaped part of a body has 8 corners; at each corner the light from the six directions is interpolated from
the probes that the corner sees, and one ray per lamp says whether that lamp reaches it. A vertex blends the corners
of its part and weighs directions by its squared normal (the ambient cube of McTaggart, "Half-Life 2 / Valve Source
Shading", GDC 2004); lamps use the vertex's own normal."""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.decode import probe_weights
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
        probe_weights(voxels, probe_of_cell, probe_position, x, y, z, 0.0, 0.0, 0.0, index, weight)
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
def vertex_light(position, normal, first_corner, blend, cube, reaches, lamp_centre, lamp_area, lamp_radiance, e):
    """e [V, 3] at vertices: `first_corner` [V] is the first of the part's 8 corners, `blend` [V, 3] where in the part
    (0..1).
    """
    for i in prange(len(position)):
        e[i] = 0.0
        for j in range(8):
            w = (
                (blend[i, 0] if j & 1 else 1 - blend[i, 0])
                * (blend[i, 1] if j & 2 else 1 - blend[i, 1])
                * (blend[i, 2] if j & 4 else 1 - blend[i, 2])
            )
            if w == 0.0:
                continue
            k = first_corner[i] + j
            for axis in range(3):
                n = normal[i, axis]
                side = 2 * axis + (1 if n < 0 else 0)
                for c in range(3):
                    e[i, c] += w * n * n * cube[k, side, c]
            for lamp in range(len(lamp_centre)):
                if not reaches[k, lamp]:
                    continue
                dx = lamp_centre[lamp, 0] - position[i, 0]
                dy = lamp_centre[lamp, 1] - position[i, 1]
                dz = lamp_centre[lamp, 2] - position[i, 2]
                r2 = dx * dx + dy * dy + dz * dz
                cosine = (dx * normal[i, 0] + dy * normal[i, 1] + dz * normal[i, 2]) / math.sqrt(r2 + 1e-9)
                if cosine > 0.0:
                    f = w * cosine * lamp_area[lamp] / (math.pi * r2 + lamp_area[lamp])
                    for c in range(3):
                        e[i, c] += f * lamp_radiance[lamp, c]


class BodyLight:
    """Light of bodies, kept by entity until the body moves or the light changes."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[tuple[object, ...], F32]] = {}  # entity -> (what it depends on, e of its vertices)

    def at(
        self, view: View, posed: PosedBodies, transport: Transport, side_light: F32, lamp_reach: NDArray[np.float64],
        light_stamp: int,
    ) -> F32:  # fmt: skip
        """e [V, 3] at all vertices of `posed`; side_light [P, 6, 3] of the probes, lamp_reach [L] metres."""
        e = np.zeros((len(posed.position), 3), np.float32)
        bodies = view.bodies
        kept: dict[int, tuple[tuple[object, ...], F32]] = {}
        todo = np.zeros(len(bodies.entity), np.bool_)
        for b, entity in enumerate(bodies.entity.tolist()):
            key = (light_stamp, int(bodies.prefab[b]), bodies.position[b].tobytes(), float(bodies.yaw[b]))
            known = self._kept.get(entity)
            vertices = slice(posed.first_vertex[b], posed.first_vertex[b + 1])
            todo[b] = known is None or known[0] != key
            if known is not None and not todo[b]:
                e[vertices] = known[1]
            kept[entity] = (key, e[vertices])
        if todo.any():
            some = np.flatnonzero(todo[posed.body])
            parts = np.flatnonzero(todo[posed.part_body])
            e[some] = _light_vertices(view, posed, some, parts, transport, side_light, lamp_reach)
        self._kept = kept
        return e


def _light_vertices(
    view: View, posed: PosedBodies, vertices: NDArray[np.intp], parts: NDArray[np.intp], transport: Transport,
    side_light: F32, lamp_reach: NDArray[np.float64],
) -> F32:  # fmt: skip
    yaw = view.bodies.yaw
    first_corner = np.full(len(posed.part_body), -1, np.int32)
    first_corner[parts] = np.arange(len(parts), dtype=np.int32) * 8
    cos, sin = np.cos(yaw[posed.part_body[parts]])[:, None], np.sin(yaw[posed.part_body[parts]])[:, None]
    sign = np.array([[(1 if j & 1 << a else -1) for a in range(3)] for j in range(8)], np.float32)
    offset = sign[None] * posed.part_half[parts][:, None]  # [n, 8, 3]
    x, y = cos * offset[..., 0] - sin * offset[..., 1], sin * offset[..., 0] + cos * offset[..., 1]
    corner = posed.part_centre[parts][:, None] + np.stack([x, y, offset[..., 2]], -1)  # [n, 8, 3]
    corner = corner.reshape(-1, 3).astype(np.float32)  # [n * 8, 3]
    on = view.lamps.radiance.any(1)
    centre, size, radiance = view.lamps.centre[on], view.lamps.size[on], view.lamps.radiance[on]
    cube = np.zeros((len(corner), 6, 3), np.float32)
    reaches = np.zeros((len(corner), len(centre)), np.uint8)
    probes = transport.probes
    corner_light(
        transport.voxels, probes.probe_of_cell, probes.position, side_light, corner, centre, size, lamp_reach[on], cube,
        reaches,
    )  # fmt: skip
    part = posed.part[vertices]
    local = posed.position[vertices] - posed.part_centre[part]
    c, s = np.cos(yaw[posed.body[vertices]]), np.sin(yaw[posed.body[vertices]])
    local = np.stack([c * local[:, 0] + s * local[:, 1], c * local[:, 1] - s * local[:, 0], local[:, 2]], 1)
    blend = np.clip(local / np.maximum(posed.part_half[part], 1e-6) * 0.5 + 0.5, 0, 1).astype(np.float32)
    # A convex body shows a quarter of its surface on average (Cauchy): here half of the sum of the three face areas.
    area = ((size[:, 0] * size[:, 1] + size[:, 1] * size[:, 2] + size[:, 2] * size[:, 0]) / 2).astype(np.float32)
    e = np.zeros((len(vertices), 3), np.float32)
    vertex_light(
        posed.position[vertices], posed.normal[vertices], first_corner[part], blend, cube, reaches, centre, area,
        radiance, e,
    )  # fmt: skip
    return e
