"""Bricks against the array that they stand for: whatever is read and written, in whatever order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.sim.systems import motion
from engine.state import bricks as module
from engine.state.bricks import Bricks
from engine.state.voxels import VoxelGrid

SHAPE = (40, 24, 32)
U8 = NDArray[np.uint8]


@st.composite
def boxes(draw: st.DrawFn) -> tuple[slice, slice, slice]:
    x, y, z = (sorted((draw(st.integers(0, n)), draw(st.integers(0, n)))) for n in SHAPE)
    return slice(*x), slice(*y), slice(*z)


WRITES = st.lists(st.tuples(boxes(), st.sampled_from(("fill", "noise", "points", "freeze", "copy")),
                            st.integers(0, 255)), max_size=12)  # fmt: skip


def written(grid: Bricks, array: U8, writes: list[tuple[tuple[slice, slice, slice], str, int]]) -> Bricks:
    for box, kind, material in writes:
        random = np.random.default_rng(material)
        if kind == "fill":
            grid[box], array[box] = material, material
        elif kind == "noise":
            noise = random.integers(0, 3, array[box].shape).astype(np.uint8)
            grid[box], array[box] = noise, noise
        elif kind == "points":
            index = np.unique(random.integers(0, array.size, 30))
            value = random.integers(0, 3, len(index)).astype(np.uint8)
            grid.put(index, value)
            array.put(index, value)
        elif kind == "freeze":
            grid.freeze()
        else:
            other = grid.copy()
            grid[box] = material  # what one copy writes the other does not see
            grid = other
    return grid


@settings(max_examples=60, deadline=None)
@given(WRITES, boxes(), st.integers(0, 2**32 - 1))
def test_bricks_hold_what_an_array_would(
    writes: list[tuple[tuple[slice, slice, slice], str, int]], box: tuple[slice, slice, slice], seed: int
) -> None:
    array = np.zeros(SHAPE, np.uint8)
    grid = written(Bricks(SHAPE), array, writes)
    assert np.array_equal(grid[:, :, :], array)
    assert np.array_equal(grid[box], array[box])
    index = np.random.default_rng(seed).integers(0, array.size, 50)
    assert np.array_equal(grid.take(index), array.take(index))
    x, y, z = (int(v) for v in np.unravel_index(index[0], SHAPE))
    assert grid[x, y, z] == array[x, y, z]
    grid.freeze()
    assert np.array_equal(grid[:, :, :], array)
    assert module.materials_in(grid) == module.materials_in(array) == np.unique(array).tolist()
    other = grid.copy()
    assert module.same_voxels(grid, other)
    other[x, y, z] = (int(array[x, y, z]) + 1) % 256
    assert not module.same_voxels(grid, other) and not module.same_voxels(grid, array[:8])


@settings(max_examples=30, deadline=None)
@given(WRITES, st.lists(st.tuples(boxes(), st.integers(0, 3)), max_size=6), st.integers(0, 2**32 - 1))
def test_a_grid_of_bricks_is_the_grid_of_an_array(
    writes: list[tuple[tuple[slice, slice, slice], str, int]],
    edits: list[tuple[tuple[slice, slice, slice], int]],
    seed: int,
) -> None:
    array = np.zeros(SHAPE, np.uint8)
    base = written(Bricks(SHAPE), array, writes)
    base.freeze()
    one, other = VoxelGrid(array), VoxelGrid(base)
    random = np.random.default_rng(seed)
    for box, material in edits:
        if all(s.start < s.stop for s in box):
            low, high = (tuple(int(getattr(s, end)) for s in box) for end in ("start", "stop"))
            for grid in (one, other):
                grid.fill((low[0], low[1], low[2]), (high[0], high[1], high[2]), material)
    for a, b in zip(one.edits(), other.edits(), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(one.stamp, other.stamp)
    again = VoxelGrid(base)
    again.apply(*other.edits())
    assert np.array_equal(again.stamp, one.stamp)
    place = np.stack([random.uniform(-1.0, n / 4 + 1.0, 200) for n in SHAPE[:2]])
    ground = random.integers(-2, SHAPE[2] + 4, 200)
    words = [motion.columns(grid, place, *motion.depth(grid, ground)) for grid in (one, again)]
    assert np.array_equal(*words)
    for x, y, z in zip(*place, random.uniform(-1.0, SHAPE[2] / 4 + 1.0, 200), strict=True):
        assert one.solid_at(x, y, z) == again.solid_at(x, y, z)
        low, high = (x, y, z), (x + 1.0, y + 0.7, z + 1.5)
        assert one.solid_in(low, high) == again.solid_in(low, high)
    again.revert()
    assert not again.stamp.any() and np.array_equal(again.material[:, :, :], array)


def test_equal_bricks_are_kept_once_and_uniform_ones_not_at_all() -> None:
    grid = Bricks((512, 512, 128))
    grid[:, :, :20] = 1  # 4096 half bricks, all alike
    before = grid.nbytes
    for i in range(0, 512, 64):
        for j in range(0, 512, 64):
            grid[i + 3 : i + 21, j + 3 : j + 21, 20:35] = 2
    grid.freeze()
    assert grid.nbytes < before + 64 * module.VOLUME  # 64 houses: those of one
    grid[:, :, :20] = 0
    grid[:, :, 20:] = 0
    grid.freeze()
    assert grid.nbytes == Bricks((512, 512, 128)).nbytes
    assert grid.size == 512 * 512 * 128


def test_rows_that_no_brick_shows_are_used_again() -> None:
    base = Bricks(SHAPE)
    base[:, :, :11] = 1
    base.freeze()
    grid = VoxelGrid(base)
    assert isinstance(grid.material, Bricks)
    sizes = set()
    for turn in range(300):
        grid.fill((turn % 30, 3, 2), (turn % 30 + 5, 9, 20), 2 + turn % 7)
        grid.fill((turn % 30, 3, 2), (turn % 30 + 5, 9, 20), 0)
        grid.revert()
        sizes.add(grid.material.nbytes)
    assert len(sizes) <= 3


def test_blocks_with_one_hash_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "hashes_of", lambda words: np.zeros(len(words), np.uint64))
    grid = Bricks((32, 8, 8))
    for x in range(4):
        grid[8 * x + 1, 1, 1] = 1 + x % 3
    array = grid[:, :, :]
    grid.freeze()
    assert np.array_equal(grid[:, :, :], array) and np.count_nonzero(array) == 4


def test_what_is_no_place_is_refused() -> None:
    grid = Bricks(SHAPE)
    for shape in ((0, 8, 8), (8, 8, 12), (-8, 8, 8)):
        with pytest.raises(ValueError, match="multiples of 8"):
            Bricks(shape)
    for key in ((40, 0, 0), (0, -1, 0), (0, 0, 32)):
        with pytest.raises(IndexError, match="outside"):
            grid[key]
    with pytest.raises(IndexError, match="steps"):
        grid[0:8:2, :, :]
