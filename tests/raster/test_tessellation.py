"""Prefabs cut finer: the same surface, no long edges, no gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.raster import tessellation
from engine.raster.tessellation import EDGE_M, LAMP_EDGE_M, refined
from engine.state.blueprint import Materials, Prefab


def materials(shining: bool = False) -> Materials:
    emission = np.zeros((2, 3), np.float32)
    emission[1] = 5.0 * shining
    return Materials(("air", "stuff"), np.full((2, 3), 0.5, np.float32), emission, np.zeros(2, np.uint8))


def prefab(position, triangles) -> Prefab:
    position = np.asarray(position, np.float32)
    n = len(position)
    up = np.tile(np.array([0, 0, 1], np.float32), (n, 1))
    low, high = position.min(0)[None], position.max(0)[None]
    return Prefab("thing", position, up, np.ones(n, np.uint16), np.zeros(n, np.uint16), np.asarray(triangles, np.int32),
                  low, high, np.zeros(3, np.float32))  # fmt: skip


def areas(p: Prefab) -> np.ndarray:
    a, b, c = (p.position[p.triangles[:, k]].astype(np.float64) for k in range(3))
    return 0.5 * np.cross(b - a, c - a)


def edges(p: Prefab) -> np.ndarray:
    """[n, 2] vertex indices, an edge of two triangles twice."""
    return np.sort(p.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)


coordinate = st.floats(-2, 2, width=32)
point = st.tuples(coordinate, coordinate, coordinate)


@given(st.lists(point, min_size=4, max_size=4))
def test_the_surface_is_the_same_and_its_edges_are_short(corners):
    before = prefab(corners, [[0, 1, 2], [2, 1, 3]])
    (after,) = refined((before,), materials())
    np.testing.assert_allclose(areas(after).sum(0), areas(before).sum(0), atol=1e-4)
    length = np.linalg.norm(np.diff(after.position[edges(after)], axis=1)[:, 0], axis=1)
    assert length.max() <= EDGE_M * 1.001
    # Every edge inside belongs to two triangles: nothing tears apart where the two big triangles meet.
    pairs, counts = np.unique(edges(after), axis=0, return_counts=True)
    assert counts.max() <= 2
    around = np.linalg.norm(np.diff(after.position[pairs[counts == 1]], axis=1)[:, 0], axis=1).sum()
    outline = [(0, 1), (0, 2), (1, 3), (2, 3)]
    wanted = sum(np.linalg.norm(before.position[a] - before.position[b]) for a, b in outline)
    assert around == pytest.approx(wanted, rel=1e-3, abs=1e-3)


def test_what_shines_is_cut_finer():
    square = prefab([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2], [2, 1, 3]])
    dull, bright = refined((square,), materials())[0], refined((square,), materials(shining=True))[0]
    longest = np.linalg.norm(np.diff(bright.position[edges(bright)], axis=1)[:, 0], axis=1).max()
    assert longest <= LAMP_EDGE_M * 1.001
    assert len(bright.triangles) > len(dull.triangles) > len(square.triangles)
    np.testing.assert_allclose(np.linalg.norm(bright.normal, axis=1), 1.0, atol=1e-5)
    assert bright.part.shape == bright.material.shape == (len(bright.position),)


def test_fine_and_empty_prefabs_stay_as_they_are(monkeypatch):
    small = prefab([[0, 0, 0], [0.2, 0, 0], [0, 0.2, 0]], [[0, 1, 2]])
    np.testing.assert_array_equal(refined((small,), materials())[0].position, small.position)
    none, index = np.zeros((0, 3), np.float32), np.zeros(0, np.uint16)
    nothing = Prefab("none", none, none, index, index, np.zeros((0, 3), np.int32), none, none, np.zeros(3, np.float32))
    assert len(refined((nothing,), materials())[0].triangles) == 0
    monkeypatch.setattr(tessellation, "MOST_TRIANGLES", 1)
    huge = prefab([[0, 0, 0], [9, 0, 0], [0, 9, 0], [9, 9, 0]], [[0, 1, 2], [2, 1, 3]])
    assert len(refined((huge,), materials())[0].triangles) == 2
