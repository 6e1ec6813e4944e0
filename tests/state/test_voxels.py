"""The grid, its edits, its stamps and its solid bits agree whatever is written."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.state.voxels import VoxelGrid

SHAPE = (16, 24, 16)
BOXES = st.lists(
    st.tuples(*[st.tuples(st.integers(0, n - 1), st.integers(1, 9)) for n in SHAPE], st.integers(0, 3)), max_size=6
)


def base() -> np.ndarray:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[:, :, :3] = 1
    voxels[4:9, 4:9, 3:7] = 2
    return voxels


def written(boxes: list) -> VoxelGrid:
    grid = VoxelGrid(base())
    for *spans, material in boxes:
        low = tuple(a for a, _ in spans)
        high = tuple(min(a + n, size) for (a, n), size in zip(spans, SHAPE, strict=True))
        grid.fill(low, high, material)
    return grid


@settings(max_examples=60, deadline=None)
@given(BOXES)
def test_edits_rebuild_the_grid(boxes: list) -> None:
    grid, fresh = written(boxes), VoxelGrid(base())
    index, material = grid.edits()
    assert (np.diff(index) > 0).all()
    fresh.apply(index, material)
    np.testing.assert_array_equal(fresh.material, grid.material)
    np.testing.assert_array_equal(fresh.stamp, grid.stamp)
    np.testing.assert_array_equal(fresh.solid, grid.solid)


@settings(max_examples=60, deadline=None)
@given(BOXES)
def test_stamps_tell_which_bricks_differ_from_the_blueprint(boxes: list) -> None:
    grid = written(boxes)
    differs = (grid.material != base()).reshape(2, 8, 3, 8, 2, 8).any((1, 3, 5))
    np.testing.assert_array_equal(grid.stamp != 0, differs)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), BOXES), max_size=5), st.booleans())
def test_grids_that_share_their_arrays_are_like_grids_of_their_own(writes: list, undo: bool) -> None:
    """Whoever is written to, and whether the other is still there."""
    first = VoxelGrid(base())
    second = first.shared()
    assert second is not None and second.material is first.material and second.ringed is first.ringed
    third = second.shared()
    assert third is not None
    grids = [first, second, third, VoxelGrid(base())]
    del first, second, third
    alone = [VoxelGrid(base()) for _ in grids]
    for which, boxes in writes:
        edits = written(boxes).edits()
        for grid in (grids[which], alone[which]):
            grid.revert()
            grid.apply(*edits)
            grid.fill((0, 0, 0), (2, 2, 2), 3)
            if undo:
                grid.revert()
        for one, other in zip(grids, alone, strict=True):
            for name in ("material", "stamp", "ringed", "solid"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert one.edits()[0].tolist() == other.edits()[0].tolist()


def test_arrays_are_copied_only_while_somebody_shares_them() -> None:
    first = VoxelGrid(base())
    array, second = first.material, first.shared()
    assert second is not None
    del first
    second.fill((0, 0, 0), (2, 2, 2), 3)
    assert second.material is array and second.shared() is None  # it holds edits
    second.revert()
    third = second.shared()
    assert third is not None
    third.fill((0, 0, 0), (2, 2, 2), 3)
    assert second.material is array and third.material is not array
    second.fill((0, 0, 0), (2, 2, 2), 3)
    assert second.material is array


def test_undone_edits_leave_no_trace_and_equal_content_has_equal_stamps() -> None:
    grid = VoxelGrid(base())
    grid.fill((1, 1, 1), (3, 3, 3), 0)
    first = grid.stamp.copy()
    grid.fill((1, 1, 1), (3, 3, 3), 3)
    assert (grid.stamp != first).any()
    grid.fill((1, 1, 1), (3, 3, 3), 0)
    np.testing.assert_array_equal(grid.stamp, first)
    grid.fill((1, 1, 1), (3, 3, 3), 1)
    assert not grid.stamp.any()
    assert len(grid.edits()[0]) == 0


def test_solid_bits_are_the_grid_with_ground_below_and_air_above() -> None:
    grid = written([((0, 4), (0, 4), (13, 3), 1)])
    bits = np.unpackbits(grid.solid, axis=2, bitorder="little")
    assert bits[:, :, :8].all()
    np.testing.assert_array_equal(bits[:, :, 8:24], grid.material != 0)
    assert not bits[:, :, 24:].any()


@given(*[st.floats(-1.0, 7.0)] * 3)
def test_points_and_small_boxes_agree(x: float, y: float, z: float) -> None:
    grid = VoxelGrid(base())
    tiny = 1e-9
    inside = all(v * 4 % 1 > 1e-6 for v in (x, y, z))
    if inside:
        assert grid.solid_at(x, y, z) == grid.solid_in((x - tiny, y - tiny, z - tiny), (x + tiny, y + tiny, z + tiny))


def test_beyond_the_grid_is_ground_except_above() -> None:
    grid = VoxelGrid(np.zeros((8, 8, 8), np.uint8))
    assert not grid.solid_at(1.0, 1.0, 50.0)
    assert not grid.solid_in((0.5, 0.5, 1.0), (1.0, 1.0, 99.0))
    for point in ((-0.1, 1.0, 1.0), (2.1, 1.0, 1.0), (1.0, -0.1, 1.0), (1.0, 2.1, 1.0), (1.0, 1.0, -0.1)):
        assert grid.solid_at(*point)
        assert grid.solid_in((point[0] - 0.05, point[1] - 0.05, point[2] - 0.05), point)
