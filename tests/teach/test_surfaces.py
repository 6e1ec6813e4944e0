import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.state.blueprint import Prefab
from engine.teach.scenes import lamps_from_boxes, no_bodies, plain_materials, random_sky, view_of
from engine.teach.surfaces import NORMALS, body_mesh, exposed_faces, face_centres, face_tangents, voxel_mesh
from engine.view import Bodies

GRIDS = arrays(np.uint8, (8, 8, 8), elements=st.integers(0, 2))


def _areas(mesh):
    a, b, c = (mesh.position[mesh.triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a) / 2


@given(GRIDS)
@settings(max_examples=40, deadline=None)
def test_strips_cover_exactly_the_exposed_faces(voxels):
    mesh, faces = voxel_mesh(voxels), exposed_faces(voxels)
    area = _areas(mesh)
    for side in range(6):
        turned = (area @ NORMALS[side] > 0) & (mesh.normal[mesh.triangles[:, 0]] == NORMALS[side]).all(1)
        for material in (1, 2):
            chosen = turned & (mesh.material == material)
            own = voxels[tuple(faces[faces[:, 3] == side, :3].T)] == material
            assert np.abs(area[chosen]).sum() == pytest.approx(own.sum() / 16)
    assert np.abs(area).sum() == pytest.approx(len(faces) / 16)


@given(GRIDS)
@settings(max_examples=20, deadline=None)
def test_an_exposed_face_lies_between_solid_and_air(voxels):
    for x, y, z, side in exposed_faces(voxels, with_border=False):
        assert voxels[x, y, z] > 0
        nx, ny, nz = np.array([x, y, z]) + NORMALS[side].astype(int)
        assert voxels[nx, ny, nz] == 0


def test_a_closed_mesh_has_no_net_area():
    voxels = np.zeros((8, 8, 8), np.uint8)
    voxels[2:5, 3:6, 1:7] = 1
    voxels[5, 4, 2] = 2
    np.testing.assert_allclose(_areas(voxel_mesh(voxels)).sum(0), 0, atol=1e-6)


def test_centres_and_tangents_span_the_face():
    faces = np.array([[1, 2, 3, side] for side in range(6)], np.int32)
    centre = np.array([1.5, 2.5, 3.5]) * 0.25
    np.testing.assert_allclose(face_centres(faces), centre + NORMALS * 0.125)
    u, v = face_tangents(faces)
    np.testing.assert_allclose(np.cross(u, v), np.abs(NORMALS))


def test_bodies_are_posed_and_their_shining_parts_left_out():
    square = np.array([[1, 0, 0], [2, 0, 0], [2, 1, 0], [1, 1, 0]], np.float32)
    up = np.repeat(np.array([[0, 0, 1]], np.float32), 8, 0)
    prefab = Prefab(
        "lamp", np.concatenate([square, square + [0, 0, 1]]), up, np.array([1] * 4 + [2] * 4, np.uint16),
        np.zeros(8, np.uint16), np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32),
        np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32), np.ones(3, np.float32),
    )  # fmt: skip
    materials = plain_materials([[0] * 3, [0.5] * 3, [0.5] * 3], [[0] * 3, [0] * 3, [1] * 3])
    lamps = lamps_from_boxes(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)))
    view = view_of(np.zeros((8, 8, 8), np.uint8), materials, lamps, random_sky(np.random.default_rng(0)))
    object.__setattr__(view, "prefabs", (prefab,))
    one = np.ones(1, np.float32)
    place = np.array([[10, 20, 30]], np.float32)
    turned = Bodies(
        np.zeros(1, np.uint32), np.zeros(1, np.int32), place, one * np.pi / 2, place, one, place, np.ones(1, np.uint8)
    )
    object.__setattr__(view, "bodies", turned)
    mesh = body_mesh(view)
    assert len(mesh.triangles) == 2
    np.testing.assert_allclose(mesh.position[0], [10, 21, 30], atol=1e-5)  # +x became +y
    object.__setattr__(view, "bodies", no_bodies())
    assert len(body_mesh(view).triangles) == 0
