"""Prefab meshes, cut fine, posed in the world on the CPU, for all bodies of a view at once."""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.rotations import matrices
from engine.raster.tessellation import refined
from engine.state.blueprint import Coat, Prefab
from engine.view import Bodies, View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

EDGE_ON = 0.02  # sine of the angle below which a triangle's front may show: rounding turns none so far
SNAPPED = 1e-4  # radians: a triangle less high may be turned over where corners snap to 1/256 px, of 40 px or more


@dataclass(frozen=True)
class PosedBodies:
    """Vertices of all bodies in the world's frame, body after body in the order of View.bodies."""

    position: F32  # [V, 3] metres, world
    previous_position: F32  # [V, 3] metres, world, one tick earlier
    normal: F32  # [V, 3] unit, world
    material: I32  # [V] index into Materials
    entity: NDArray[np.uint32]  # [V] entity index
    body: I32  # [V] index into View.bodies
    part: I32  # [V] index of the part *instance*: row of part_centre and part_half
    triangles: I32  # [I, 3] vertex indices
    part_body: I32  # [N] which body a part instance belongs to
    part_centre: F32  # [N, 3] metres, world: centre of the part's box, which is turned as its body is
    part_half: F32  # [N, 3] metres: half extents along the turned axes
    first_vertex: I32  # [B + 1] the vertices of body b are first_vertex[b] : first_vertex[b + 1]
    first_triangle: I32  # [B + 1] and its triangles
    low: F32  # [B, 3] metres, world: box around each body
    high: F32  # [B, 3]
    dress: "Dress"  # the skins of those bodies that are imported meshes


@dataclass(frozen=True)
class Dress:
    """How bodies with skins are coloured; the same as long as the list of bodies is."""

    has_skin: NDArray[np.bool_]  # [B]
    has_holes: NDArray[np.bool_]  # [B] whether a picture of it has holes
    uv: F32  # [V, 2] place in the pictures, 0 without
    tint: F32  # [V, 3] linear RGB, for bodies without a skin 1
    is_pictured: NDArray[np.bool_]  # [V] whether a picture says where the vertex's material shines
    coats: tuple[tuple[int, Coat], ...]  # body and coat; triangles count within the body's own prefab


@njit(cache=True, nogil=True, parallel=True)
def _differ(first, old, new, out):  # type: ignore[no-untyped-def]
    for b in prange(len(out)):
        for v in range(first[b], first[b + 1]):
            if old[v, 0] != new[v, 0] or old[v, 1] != new[v, 1] or old[v, 2] != new[v, 2]:
                out[b] = True
                break


def differing(first_vertex: I32, old: F32, new: F32) -> NDArray[np.bool_]:
    """Which bodies [B] have any vertex with another value: old and new [V, 3]."""
    out = np.zeros(len(first_vertex) - 1, np.bool_)
    if old is not new:
        _differ(first_vertex, old, new, out)
    return out


@njit(cache=True, nogil=True, parallel=True)
def _mark_facing(bodies, first_triangle, triangles, position, eye, marks):  # type: ignore[no-untyped-def]
    for i in prange(len(bodies)):
        edge, other, away, n = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
        for triangle in range(first_triangle[bodies[i]], first_triangle[bodies[i] + 1]):
            a, b, c = triangles[triangle]
            longest2, away2, farthest2 = 0.0, 0.0, 0.0
            for axis in range(3):
                edge[axis], other[axis] = position[b, axis] - position[a, axis], position[c, axis] - position[a, axis]
                away[axis] = eye[axis] - position[a, axis]
                longest2, away2 = longest2 + max(edge[axis] ** 2, other[axis] ** 2), away2 + away[axis] ** 2
                farthest2 += (abs(away[axis]) + max(abs(edge[axis]), abs(other[axis]))) ** 2
            for axis in range(3):
                u, v = (axis + 1) % 3, (axis + 2) % 3
                n[axis] = edge[u] * other[v] - edge[v] * other[u]
            facing = n[0] * away[0] + n[1] * away[1] + n[2] * away[2]
            area2 = n[0] ** 2 + n[1] ** 2 + n[2] ** 2
            if facing >= 0.0 or facing**2 < max(EDGE_ON**2 * area2, SNAPPED**2 * farthest2 * longest2) * away2:
                marks[a] = marks[b] = marks[c] = True


def mark_facing(posed: PosedBodies, bodies: I32, eye: F64, marks: NDArray[np.bool_]) -> None:
    """Mark the vertices [V] of those triangles of some bodies [n] that may show an eye [3] (metres) their front."""
    _mark_facing(bodies, posed.first_triangle, posed.triangles, posed.position, eye, marks)


@dataclass(frozen=True)
class _Template:
    """Prefab data laid out per body: what stays the same while the list of bodies does."""

    of: tuple[bytes, bytes]  # prefabs and entities of the bodies
    position: F32
    normal: F32
    material: I32
    entity: NDArray[np.uint32]
    body: I32
    part: I32
    triangles: I32
    part_body: I32
    part_centre: F32
    part_half: F32
    first_vertex: I32
    first_triangle: I32
    dress: Dress


def _dress(prefabs: list[Prefab], first_vertex: I32) -> Dress:
    n, b = int(first_vertex[-1]), len(prefabs)
    uv, tint, pictured = np.zeros((n, 2), np.float32), np.ones((n, 3), np.float32), np.zeros(n, np.bool_)
    holes, coats = np.zeros(b, np.bool_), []
    for i, prefab in enumerate(prefabs):
        if prefab.skin is not None:
            mine = slice(int(first_vertex[i]), int(first_vertex[i + 1]))
            uv[mine], tint[mine] = prefab.skin.uv, prefab.skin.tint
            for coat in prefab.skin.coats:
                coats.append((i, coat))
                holes[i] |= coat.is_cut_out
                if coat.glow is not None:
                    pictured[first_vertex[i] + prefab.triangles[coat.first : coat.last]] = True
    return Dress(np.array([p.skin is not None for p in prefabs], np.bool_), holes, uv, tint, pictured, tuple(coats))


def _template(view: View, fine: tuple[Prefab, ...]) -> _Template:
    """Lay out the prefabs, cut fine, for every body of a view."""
    bodies = view.bodies
    prefabs = [fine[p] for p in bodies.prefab]
    n_vertices = np.array([len(p.position) for p in prefabs], np.int32)
    n_parts = np.array([len(p.part_low) for p in prefabs], np.int32)
    first_vertex = np.concatenate([[0], np.cumsum(n_vertices)]).astype(np.int32)
    first_part = np.concatenate([[0], np.cumsum(n_parts)]).astype(np.int32)
    first_triangle = np.concatenate([[0], np.cumsum([len(p.triangles) for p in prefabs])]).astype(np.int32)
    body = np.repeat(np.arange(len(prefabs), dtype=np.int32), n_vertices)

    def stack(name: str, shape: tuple[int, ...], dtype: type) -> NDArray[np.generic]:
        parts: list[NDArray[np.generic]] = [np.asarray(getattr(p, name), dtype) for p in prefabs]
        return np.concatenate(parts) if parts else np.empty(shape, dtype)

    low, high = stack("part_low", (0, 3), np.float32), stack("part_high", (0, 3), np.float32)
    triangles = [p.triangles + first_vertex[b] for b, p in enumerate(prefabs)]
    return _Template(
        (bodies.prefab.tobytes(), bodies.entity.tobytes()),
        stack("position", (0, 3), np.float32),  # type: ignore[arg-type]
        stack("normal", (0, 3), np.float32),  # type: ignore[arg-type]
        stack("material", (0,), np.int32),  # type: ignore[arg-type]
        bodies.entity[body].astype(np.uint32),
        body,
        stack("part", (0,), np.int32) + first_part[body],  # type: ignore[operator]
        np.concatenate(triangles).astype(np.int32) if triangles else np.empty((0, 3), np.int32),
        np.repeat(np.arange(len(prefabs), dtype=np.int32), n_parts),
        (low + high) / 2,  # type: ignore[operator]
        (high - low) / 2,  # type: ignore[operator]
        first_vertex,
        first_triangle,
        _dress(prefabs, first_vertex),
    )


@njit(cache=True, nogil=True)
def _turn(v, pose):  # type: ignore[no-untyped-def]
    x, y, z = v[0], v[1], v[2]
    return (
        pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * z,
        pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * z,
        pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * z,
    )


@njit(cache=True, nogil=True, parallel=True)
def _pose_bodies(moved, first, vertices, normals, now, before, old, position, previous, normal, low, high):  # type: ignore[no-untyped-def]
    """Vertices, normals and boxes of all bodies; of those that did not move from `old`, the same five, which nobody
    reads if all moved; `now` and `before` [B, 3, 4]: world from prefab.
    """
    old_position, old_previous, old_normal, old_low, old_high = old
    for b in prange(len(moved)):
        if not moved[b]:
            low[b], high[b] = old_low[b], old_high[b]
            for v in range(first[b], first[b + 1]):
                for axis in range(3):
                    position[v, axis], previous[v, axis] = old_position[v, axis], old_previous[v, axis]
                    normal[v, axis] = old_normal[v, axis]
            continue
        for v in range(first[b], first[b + 1]):
            x, y, z = _turn(vertices[v], now[b])
            position[v, 0], position[v, 1], position[v, 2] = x + now[b, 0, 3], y + now[b, 1, 3], z + now[b, 2, 3]
            x, y, z = _turn(vertices[v], before[b])
            previous[v, 0], previous[v, 1], previous[v, 2] = (
                x + before[b, 0, 3],
                y + before[b, 1, 3],
                z + before[b, 2, 3],
            )
            normal[v, 0], normal[v, 1], normal[v, 2] = _turn(normals[v], now[b])
        for axis in range(3):
            low[b, axis] = high[b, axis] = now[b, axis, 3]  # of a prefab without vertices
            if first[b + 1] > first[b]:
                low[b, axis] = high[b, axis] = position[first[b], axis]
            for v in range(first[b] + 1, first[b + 1]):
                low[b, axis] = min(low[b, axis], position[v, axis])
                high[b, axis] = max(high[b, axis], position[v, axis])


@njit(cache=True, nogil=True)
def _pose_parts(moved, part_body, centres, now, centre):  # type: ignore[no-untyped-def]
    for part in range(len(part_body)):
        b = part_body[part]
        if moved[b]:
            x, y, z = _turn(centres[part], now[b])
            centre[part, 0], centre[part, 1], centre[part, 2] = x + now[b, 0, 3], y + now[b, 1, 3], z + now[b, 2, 3]


class Poser:
    """Poses bodies; keeps the laid-out prefabs and the vertices of bodies that rest."""

    def __init__(self) -> None:
        self._template: _Template | None = None
        self._bodies: Bodies | None = None
        self._posed: PosedBodies | None = None
        self._fine: tuple[tuple[object, object], tuple[Prefab, ...]] | None = (
            None  # what it is made of, prefabs cut fine
        )

    def pose(self, view: View) -> PosedBodies:
        """All bodies of the view as one mesh: the same object as long as no body moves."""
        bodies, template, made_of = view.bodies, self._template, (view.prefabs, view.materials)
        if self._fine is None or any(a is not b for a, b in zip(self._fine[0], made_of, strict=True)):
            self._fine, template = (made_of, refined(*made_of)), None  # they are cut by what shines
        if template is None or template.of != (bodies.prefab.tobytes(), bodies.entity.tobytes()):
            template = self._template = _template(view, self._fine[1])
            self._posed = None
        old, posed = self._bodies, self._posed
        if old is None or posed is None:
            moved = np.ones(len(bodies.entity), np.bool_)
        else:
            moved = (bodies.position != old.position).any(1) | (bodies.previous_position != old.previous_position).any(
                1
            )
            moved |= (bodies.orientation != old.orientation).any(1)
            moved |= (bodies.previous_orientation != old.previous_orientation).any(1)
        if posed is None or moved.any():
            self._posed = _posed(template, bodies, moved, posed)
            self._bodies = bodies
        assert self._posed is not None
        return self._posed


def _posed(template: _Template, bodies: Bodies, moved: NDArray[np.bool_], old: PosedBodies | None) -> PosedBodies:
    """Pose the moved bodies [B]; the others are as in `old`."""

    def pose_of(place: F32, orientation: F32) -> F32:
        return np.concatenate([matrices(orientation), place[:, :, None]], 2).astype(np.float32)

    place, n_bodies = template.position, len(moved)
    position, previous, normal = np.empty((3, *place.shape), np.float32)
    low, high = np.empty((2, n_bodies, 3), np.float32)
    known = (position, previous, normal, low, high)
    centre = np.empty_like(template.part_centre)
    if old is not None:
        known, centre = (old.position, old.previous_position, old.normal, old.low, old.high), old.part_centre.copy()
    now, before = (
        pose_of(bodies.position, bodies.orientation),
        pose_of(bodies.previous_position, bodies.previous_orientation),
    )
    first = template.first_vertex
    _pose_bodies(
        moved, first, place, template.normal, now, before, known, position, previous, normal, low, high
    )  # fmt: skip
    _pose_parts(moved, template.part_body, template.part_centre, now, centre)
    return PosedBodies(
        position=position,
        previous_position=previous,
        normal=normal,
        material=template.material,
        entity=template.entity,
        body=template.body,
        part=template.part,
        triangles=template.triangles,
        part_body=template.part_body,
        part_centre=centre,
        part_half=template.part_half,
        first_vertex=first,
        first_triangle=template.first_triangle,
        low=low,
        high=high,
        dress=template.dress,
    )


def pose(view: View) -> PosedBodies:
    """All bodies of the view as one mesh, with nothing kept."""
    return Poser().pose(view)
