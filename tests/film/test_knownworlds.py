"""Worlds that are told in terms of others: what the stamps say then, and what is one object."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.film.knownworlds import MOST_KNOWN, KnownWorlds, bricks_that_differ, is_same
from engine.state.voxels import stamp_of
from engine.view import View, VoxelView
from tests.light.scenes_for_light import plaza, view_of, with_voxels
from tests.worlds_for_tests import STONE, box_prefab

SHAPE = (40, 24, 16)


def with_some_changed(random: np.random.Generator, grid: np.ndarray, n: int) -> np.ndarray:
    changed = grid.copy()
    for voxel in random.integers(0, SHAPE, (n, 3)):
        changed[tuple(voxel)] = random.integers(0, 3)
    return changed


@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.booleans())
def test_bricks_that_differ_are_those_in_which_any_voxel_does(seed: int, n: int, reversed_axes: bool) -> None:
    random = np.random.default_rng(seed)
    one = random.integers(0, 255, (16, 24, 32)).astype(np.uint8)
    one = np.asfortranarray(one) if reversed_axes else one
    other, right = one.copy(), np.zeros((2, 3, 4), np.bool_)
    for voxel in random.integers(0, one.shape, (n, 3)):
        other[tuple(voxel)] ^= 128
        brick = tuple(voxel // 8)
        box = tuple(slice(8 * b, 8 * b + 8) for b in brick)
        right[brick] = (one[box] != other[box]).any()
    np.testing.assert_array_equal(bricks_that_differ(one, other), right)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3))
def test_stamps_of_a_world_that_is_told_tell_its_bricks_from_the_known_ones(seed: int, n: int, n_edits: int) -> None:
    random, known = np.random.default_rng(seed), KnownWorlds()
    origin = random.integers(0, 2, SHAPE).astype(np.uint8)
    known.of(view_of(origin))
    made = with_some_changed(random, origin, n)
    for edits in (0, n_edits):
        now = with_some_changed(random, made, edits)
        if n_edits == 3:
            now[:8, :8, :8] = origin[:8, :8, :8]  # as in the known world, which is an edit of its own
        told = known.of(with_voxels(view_of(made), now)).voxels
        assert told.origin is origin and told.material is now
        for brick in np.ndindex(told.stamp.shape):
            box = tuple(slice(8 * b, 8 * b + 8) for b in brick)
            is_as_it_was = (now[box] == origin[box]).all()
            assert told.stamp[brick] == (0 if is_as_it_was else stamp_of(now[box]))
        assert told.base is (origin if (made == origin).all() else made)


def test_a_view_that_is_made_of_known_things_is_left_as_it_is() -> None:
    known, view = KnownWorlds(), view_of(plaza())
    assert known.of(view) is view and known.of(view) is view
    edited = with_voxels(view, np.maximum(plaza(), 1))
    assert known.of(edited) is edited


def test_a_world_that_is_read_again_is_the_one_that_is_known() -> None:
    known = KnownWorlds()

    def read() -> View:
        return dataclasses.replace(view_of(plaza()), prefabs=(box_prefab("box", (0.5, 0.5, 0.5), STONE),))

    first, again = read(), read()
    assert first.prefabs[0] is not again.prefabs[0]
    seen, told = known.of(first), known.of(again)
    assert told.voxels.origin is told.voxels.base is seen.voxels.base and not told.voxels.stamp.any()
    assert told.prefabs is seen.prefabs and told.materials is seen.materials


def test_worlds_unlike_any_that_is_known_are_known_themselves_and_the_oldest_is_forgotten() -> None:
    known, random = KnownWorlds(), np.random.default_rng(3)
    views = [view_of(random.integers(0, 2, SHAPE).astype(np.uint8)) for _ in range(MOST_KNOWN + 1)]
    copies = [view_of(view.voxels.base.copy()) for view in views]
    for view in views:
        assert known.of(view).voxels is view.voxels
    assert known.of(copies[1]).voxels.origin is views[1].voxels.base
    assert known.of(copies[2]).voxels.origin is views[2].voxels.base
    assert known.of(copies[0]).voxels is copies[0].voxels
    assert known.of(copies[2]).voxels.origin is views[2].voxels.base
    assert known.of(copies[3]).voxels is copies[3].voxels  # all others were seen after it


def test_worlds_of_another_size_and_those_that_nobody_knows_how_they_were_made_are_left_alone() -> None:
    known, grid = KnownWorlds(), plaza()
    known.of(view_of(grid))
    larger = view_of(np.concatenate([grid, grid]))
    assert known.of(larger).voxels is larger.voxels
    view = view_of(grid.copy())
    unsaid = dataclasses.replace(view, voxels=VoxelView(grid.copy(), view.voxels.stamp))
    assert known.of(unsaid).voxels is unsaid.voxels


def test_a_view_of_another_world_has_its_stamps() -> None:
    """`replace` keeps no origin; a copy does, and stays what it is."""
    told = VoxelView.told(plaza(), np.ones((8, 8, 3), np.int64), plaza(), plaza())
    other = plaza()
    assert dataclasses.replace(told, base=other).origin is other
    copy = told.copy()
    told.material[:], told.stamp[:] = 7, 7
    assert copy.origin is told.origin and copy.base is told.base
    assert np.array_equal(copy.material, plaza()) and (copy.stamp == 1).all()


def test_things_are_the_same_if_all_that_they_hold_is() -> None:
    one, other = (box_prefab("box", (0.5, 0.5, 0.5), STONE) for _ in range(2))
    assert is_same(one, other) and is_same((one, 1, "a"), (other, 1, "a")) and not is_same((one,), (one, one))
    for field in dataclasses.fields(one):
        value = getattr(one, field.name)
        if isinstance(value, np.ndarray):
            changed = value.copy()
            changed.reshape(-1)[-1] += 1
            assert not is_same(one, dataclasses.replace(one, **{field.name: changed})), field.name
    assert not is_same(np.zeros(2, np.float32), np.zeros(2)) and not is_same(one, None) and is_same(None, None)
