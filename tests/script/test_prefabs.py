"""Prefab meshes: closed, wound outwards, with normals that agree and boxes that bound."""

from collections import Counter

import numpy as np
import pytest

from engine.script import prefabs

PARTS = {
    "box": prefabs.box((-0.5, -0.25, 0), (0.5, 0.25, 2), 1),
    "column": prefabs.cylinder((0, 0, 0), 0.5, 2, 1, 0.5, 12, 2, True),
    "lying": prefabs.cylinder((0.1, 0, 0.5), 0.3, 2, 1, 0.2, 10, 0, True),
    "sideways": prefabs.cylinder((0.1, 0, 0.5), 0.3, 2, 1, 0.2, 10, 1, False),
    "cone": prefabs.cylinder((0, 0, 0), 0.5, 1, 1, 0.0, 12, 2, False),
    "ball": prefabs.ball((0, 0, 1), (0.5, 0.4, 1.0), 1, 12, True),
    "stone": prefabs.ball((0, 0, 1), (0.5, 0.4, 1.0), 1, 12, False),
}
VOLUME = {
    "box": 1.0,
    "column": np.pi * 0.25 * 2,
    "lying": np.pi * 2 / 3 * (0.09 + 0.06 + 0.04),
    "sideways": np.pi * 2 / 3 * (0.09 + 0.06 + 0.04),
    "cone": np.pi * 0.25 / 3,
    "ball": 4 / 3 * np.pi * 0.2,
    "stone": 4 / 3 * np.pi * 0.2,
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_are_closed_and_wound_outwards(name: str) -> None:
    part = PARTS[name]
    corners = part.position[part.triangles]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    volume = np.einsum("ij,ij->i", corners[:, 0], flat).sum() / 6
    assert volume == pytest.approx(VOLUME[name], rel=0.2) and volume > 0
    middle = (part.position.max(axis=0) + part.position.min(axis=0)) / 2
    assert (np.einsum("ij,ij->i", corners.mean(axis=1) - middle, flat) > 0).all()
    keys = [tuple(np.round(p, 6) + 0.0) for p in part.position]
    edges = Counter(frozenset((keys[t[a]], keys[t[b]])) for t in part.triangles for a, b in ((0, 1), (1, 2), (2, 0)))
    assert set(edges.values()) == {2}


@pytest.mark.parametrize("name", PARTS)
def test_normals_are_unit_and_on_the_side_of_the_faces(name: str) -> None:
    part = PARTS[name]
    np.testing.assert_allclose(np.linalg.norm(part.normal, axis=1), 1.0, atol=1e-9)
    corners = part.position[part.triangles]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    assert (np.einsum("ij,ikj->ik", flat, part.normal[part.triangles]) > 0.5).all()


def test_a_prefab_keeps_its_parts_apart() -> None:
    made = prefabs.assemble("thing", list(PARTS.values()))
    assert made.part.max() == len(PARTS) - 1 and len(made.part_low) == len(PARTS)
    for i in range(len(PARTS)):
        mine = made.position[made.part == i]
        assert (mine >= made.part_low[i] - 1e-6).all() and (mine <= made.part_high[i] + 1e-6).all()
    assert (made.part[made.triangles] == made.part[made.triangles][:, :1]).all()
    assert made.half_extent[2] == pytest.approx(1.0)
    assert made.triangles.dtype == np.int32 and made.position.dtype == np.float32
    assert prefabs.with_collider(made, (0.1, 0.2, 0.3)).half_extent.tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_a_post_is_cut_across_and_keeps_its_shape() -> None:
    post = prefabs.box((-0.05, -0.05, 0.0), (0.05, 0.05, 3.0), 1)
    for part in (post, prefabs.cylinder((0, 0, 0), 0.05, 3.0, 1, 0.03, 8, 2, True)):
        cut = prefabs.sliced(part)
        levels = np.unique(cut.position[:, 2].round(6))
        np.testing.assert_allclose(np.diff(levels), 0.25, atol=1e-6)
        assert _area_and_volume(cut) == pytest.approx(_area_and_volume(part))
    assert prefabs.sliced(prefabs.box((0, 0, 0), (1, 1, 2), 1)).position.shape == (24, 3), "a block is left whole"


def _area_and_volume(part: prefabs.Part) -> tuple[float, float]:
    a, b, c = (part.position[part.triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    outward = part.normal[part.triangles].mean(1)
    assert ((normal * outward).sum(1) > 0).all(), "wound counter-clockwise seen from outside"
    return float(np.linalg.norm(normal, axis=1).sum() / 2), float((a * normal).sum() / 6)
