"""Surfaces as the teacher sees them: exposed voxel faces and posed bodies as triangle lists.

Sides count 0 +x, 1 -x, 2 +y, 3 -y, 4 +z, 5 -z; a face's u axis is (axis + 1) % 3 and its v axis (axis + 2) % 3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.rotations import matrices
from engine.core.units import AIR, VOXEL_M
from engine.view import View

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

NORMALS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32)


@dataclass(frozen=True)
class Mesh:
    """A triangle list with one material per triangle."""

    position: F32  # [V, 3] metres, world
    normal: F32  # [V, 3] unit, world
    triangles: I32  # [I, 3] vertex indices, counter-clockwise seen from outside
    material: I32  # [I] index into Materials


def exposed_faces(voxels: U8, with_border: bool = True) -> I32:
    """Every face of a solid voxel that touches air: [n, 4] rows x, y, z (voxels), side.

    Beyond the grid is air; `with_border=False` leaves out the faces that look out of the grid.
    """
    found = []
    for side in range(6):
        mask = _exposed(voxels, side, with_border)
        cells = np.argwhere(mask).astype(np.int32)
        found.append(np.column_stack([cells, np.full(len(cells), side, np.int32)]))
    return np.concatenate(found).astype(np.int32)


def face_centres(faces: I32) -> F32:
    """Centres of faces [n, 4] in metres: [n, 3]."""
    centres = (faces[:, :3] + 0.5 + 0.5 * NORMALS[faces[:, 3]]) * VOXEL_M
    return np.ascontiguousarray(centres, np.float32)


def face_tangents(faces: I32) -> tuple[F32, F32]:
    """Unit vectors along u and v of faces [n, 4]: two arrays [n, 3]."""
    axis = faces[:, 3] // 2
    unit = np.eye(3, dtype=np.float32)
    return unit[(axis + 1) % 3], unit[(axis + 2) % 3]


def voxel_mesh(voxels: U8) -> Mesh:
    """The exposed faces as quads, equal neighbours along v merged into strips; no two of them overlap."""
    position, normal, material = [], [], []
    for side in range(6):
        axis = side // 2
        # Bring the grid to [axis, u, v] order so that strips run along the last dimension.
        order = (axis, (axis + 1) % 3, (axis + 2) % 3)
        kind = np.where(_exposed(voxels, side, True), voxels, AIR).transpose(order)
        before = np.concatenate([np.zeros_like(kind[..., :1]), kind[..., :-1]], -1)
        after = np.concatenate([kind[..., 1:], np.zeros_like(kind[..., :1])], -1)
        first = np.argwhere((kind != AIR) & (kind != before))
        last = np.argwhere((kind != AIR) & (kind != after))  # in the same order as `first`: one end for each start
        plane = first[:, 0] + (1 - side % 2)
        u, low, high = first[:, 1], first[:, 2], last[:, 2] + 1
        corners = np.stack(
            [np.stack([plane, u + du, np.where(top, high, low)], -1) for du, top in ((0, 0), (1, 0), (1, 1), (0, 1))], 1
        )
        if side % 2:
            corners = corners[:, ::-1]  # keep them counter-clockwise seen from outside
        world = np.empty_like(corners)
        world[..., order] = corners
        position.append(world.reshape(-1, 3) * np.float32(VOXEL_M))
        normal.append(np.repeat(NORMALS[side][None], 4 * len(first), 0))
        material.append(np.repeat(kind[tuple(first.T)], 2))
    quads = sum(len(p) for p in position) // 4
    triangles = (np.arange(quads)[:, None, None] * 4 + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    return Mesh(
        np.concatenate(position).astype(np.float32),
        np.concatenate(normal).astype(np.float32),
        triangles.astype(np.int32),
        np.concatenate(material).astype(np.int32),
    )


def body_mesh(view: View) -> Mesh:
    """All bodies of a view in the world, without their shining parts: a lamp's box shines in their place."""
    parts = [_empty()]
    dull = view.materials.emission.max(1) <= 0
    for kind, place, turn in zip(view.bodies.prefab, view.bodies.position, view.bodies.orientation, strict=True):
        prefab = view.prefabs[int(kind)]
        world_from_prefab = matrices(turn)
        material = prefab.material[prefab.triangles[:, 0]].astype(np.int32)
        keep = dull[material]
        parts.append(
            Mesh(
                prefab.position @ world_from_prefab.T + place,
                prefab.normal @ world_from_prefab.T,
                prefab.triangles[keep],
                material[keep],
            )
        )
    return joined(parts)


def joined(meshes: list[Mesh]) -> Mesh:
    """One mesh of many."""
    starts = np.cumsum([0] + [len(mesh.position) for mesh in meshes])[:-1]
    return Mesh(
        np.concatenate([mesh.position for mesh in meshes]).astype(np.float32),
        np.concatenate([mesh.normal for mesh in meshes]).astype(np.float32),
        np.concatenate([mesh.triangles + s for mesh, s in zip(meshes, starts, strict=True)]).astype(np.int32),
        np.concatenate([mesh.material for mesh in meshes]).astype(np.int32),
    )


def _empty() -> Mesh:
    vectors = np.zeros((0, 3), np.float32)
    return Mesh(vectors, vectors, np.zeros((0, 3), np.int32), np.zeros(0, np.int32))


def _exposed(voxels: U8, side: int, with_border: bool) -> NDArray[np.bool_]:
    """[X, Y, Z] whether a voxel is solid and its neighbour on that side is air."""
    solid = voxels != AIR
    neighbour = np.full_like(solid, not with_border)
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[side // 2], there[side // 2] = (
        (slice(None, -1), slice(1, None))
        if side % 2 == 0
        else (
            slice(1, None),
            slice(None, -1),
        )
    )
    neighbour[tuple(here)] = solid[tuple(there)]
    return solid & ~neighbour
