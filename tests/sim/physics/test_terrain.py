"""Ground for bodies: boxes that are exactly the voxels, and only where bodies are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.units import BRICK, VOXEL_M
from engine.sim.physics.terrain import FIRST_WALL, boxes_in, bricks_near, walls


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_boxes_cover_each_solid_voxel_once_and_nothing_else(seed: int, share: float) -> None:
    solid = np.random.default_rng(seed).random((BRICK, BRICK, BRICK)) < share
    covered = np.zeros(solid.shape, int)
    for piece in boxes_in(solid.tobytes()):
        low = np.round((np.array(piece.centre) - piece.half) / VOXEL_M).astype(int)
        high = np.round((np.array(piece.centre) + piece.half) / VOXEL_M).astype(int)
        covered[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] += 1
    np.testing.assert_array_equal(covered, solid.astype(int))


def test_flat_ground_is_one_box() -> None:
    solid = np.zeros((BRICK, BRICK, BRICK), bool)
    solid[:, :, :2] = True
    assert len(boxes_in(solid.tobytes())) == 1 and boxes_in(np.zeros(512, np.uint8).tobytes()) == ()


def test_bricks_are_cut_to_the_grid() -> None:
    first, last = bricks_near(np.array([[-1.0, 3.0, 0.5]]), np.array([[1.0, 3.9, 99.0]]), (4, 4, 4))
    assert first.tolist() == [[0, 1, 0]] and last.tolist() == [[0, 1, 3]]


def test_walls_leave_the_grid_free_and_close_it_but_for_the_sky() -> None:
    size = np.array((16.0, 12.0, 8.0))
    for key, piece in walls((16.0, 12.0, 8.0)):
        assert key >= FIRST_WALL
        low, high = np.array(piece.centre) - piece.half, np.array(piece.centre) + piece.half
        assert not ((low < size) & (high > 0.0)).all()
    outside = [(-1, 6, 4), (17, 6, 4), (8, -1, 4), (8, 13, 4), (8, 6, -1), (-1, -1, -1)]
    for point in outside:
        inside_one = [
            (np.abs(np.array(point) - piece.centre) <= piece.half).all() for _, piece in walls((16.0, 12.0, 8.0))
        ]
        assert any(inside_one), point
