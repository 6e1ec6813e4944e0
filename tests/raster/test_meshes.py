import dataclasses
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.raster import meshes
from engine.view import VoxelView
from tests.raster import views

SHAPE = (16, 24, 16)
grids = arrays.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 0, 1, 2]), fill=st.nothing())
seeds = st.integers(0, 2**32 - 1)


def blocky(seed: int) -> np.ndarray:
    """A grid with runs of equal voxels, so that there is something to merge."""
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 0, 1, 2], size=(8, 12, 8)).astype(np.uint8)
    grid = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    grid[rng.random(SHAPE) < 0.05] = 3
    return grid


def exposed_faces(grid: np.ndarray) -> dict[tuple[int, int, int, int], int]:
    """The definition: (x, y, z, side) -> material of each voxel face with air before it, save the world's underside."""
    faces = {}
    for x, y, z in np.argwhere(grid):
        for side in range(6):
            at = np.array([x, y, z])
            at[side // 2] += -1 if side & 1 else 1
            outside = (at < 0).any() or (at >= grid.shape).any()
            if (side == 5 and z == 0) or (not outside and grid[tuple(at)]):
                continue
            faces[int(x), int(y), int(z), side] = int(grid[x, y, z])
    return faces


def faces_of_quads(quads: np.ndarray, grid: np.ndarray) -> dict[tuple[int, int, int, int], int]:
    """Unmerge; fails if two quads cover one face, or a quad leaves its brick or its page."""
    faces = {}
    bricks = [n // 8 for n in grid.shape]
    for key, x, y, z, width, height, side, material in quads.tolist():
        axis = side // 2
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for i in range(width):
            for j in range(height):
                at = [x, y, z]
                at[u] += i
                at[v] += j
                if not side & 1:
                    at[axis] -= 1
                brick = (at[0] // 8 * bricks[1] + at[1] // 8) * bricks[2] + at[2] // 8
                assert key == brick * 48 + side * 8 + at[axis] % 8
                assert (*at, side) not in faces
                faces[(*at, side)] = material
    return faces


def all_bricks(grid: np.ndarray) -> np.ndarray:
    return np.argwhere(np.ones([n // 8 for n in grid.shape])).astype(np.int32)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_quads_are_exactly_the_exposed_faces(seed):
    grid = blocky(seed)
    quads = meshes.quads_of_bricks(grid, all_bricks(grid))
    assert faces_of_quads(quads, grid) == exposed_faces(grid)


def test_a_checkerboard_needs_every_face_and_a_block_one_quad_per_side():
    grid = np.zeros((8, 8, 8), np.uint8)
    grid[np.indices((8, 8, 8)).sum(0) % 2 == 0] = 1
    assert len(meshes.quads_of_bricks(grid, all_bricks(grid))) == len(exposed_faces(grid))
    grid[:] = 0
    grid[2:6, 2:6, 2:6] = 1
    assert len(meshes.quads_of_bricks(grid, all_bricks(grid))) == 6


def test_quads_beyond_the_buffer_are_not_lost():
    grid = np.zeros((64, 64, 32), np.uint8)
    grid[np.indices(grid.shape).sum(0) % 2 == 0] = 1
    quads = meshes.quads_of_bricks(grid, all_bricks(grid))
    assert len(quads) == 6 * (grid > 0).sum() - (grid[:, :, 0] > 0).sum()


def test_vertices_turn_counter_clockwise_seen_from_outside():
    grid = np.zeros((8, 8, 8), np.uint8)
    grid[2:5, 3:7, 1:4] = 1
    quads = meshes.quads_of_bricks(grid, all_bricks(grid))
    vertices = meshes.vertices_of_quads(quads)
    corners = vertices["position"].reshape(-1, 4, 3).astype(float)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    side = vertices["packed"][::4] & 7
    expected = np.eye(3)[side // 2] * (1 - 2 * (side.astype(int) & 1))[:, None]
    assert np.allclose(normal / np.linalg.norm(normal, axis=1, keepdims=True), expected)
    assert (vertices["packed"] >> 8 == 1).all()
    centre = corners.mean(1, keepdims=True)
    for bit, turn in ((8, 1), (16, 2)):  # the bits that say which way a quad grows
        axis = (side // 2 + turn) % 3
        along = np.take_along_axis((corners - centre), axis[:, None, None].astype(int), 2)[..., 0]
        assert (((vertices["packed"].reshape(-1, 4) & bit) != 0) == (along > 0)).all()


def quads_of(kept):
    return {tuple(quad) for chunk in kept.chunks.values() for quad in chunk.quads.tolist()}


def box_of(quad):
    corners = meshes.vertices_of_quads(np.array([quad], np.int32))["position"] * meshes.VOXEL_M
    return (*corners.min(0).tolist(), *corners.max(0).tolist())


@settings(max_examples=10, deadline=None)
@given(seeds, seeds)
def test_following_changes_equals_starting_afresh(seed, other):
    rng = np.random.default_rng(other)
    grid = np.zeros((80, 16, 16), np.uint8)  # two chunks
    grid[60:76] = blocky(seed)[:16, :16].repeat(1, 0)
    stamp = np.zeros((10, 2, 2), np.int64)
    followed = meshes.Meshes()
    assert followed.update(VoxelView(grid, stamp)) is None
    for number in range(1, 4):
        low = rng.integers(0, [70, 12, 12])
        part = tuple(slice(a, a + n) for a, n in zip(low, rng.integers(1, 9, 3), strict=True))
        grid = grid.copy()
        grid[part] = rng.integers(0, 3)
        stamp = stamp.copy()
        stamp[tuple(slice(s.start // 8, -(-s.stop // 8)) for s in part)] = number
        before = quads_of(followed)
        remeshed = followed.update(VoxelView(grid, stamp))
        assert len(remeshed.bricks) > 0
        boxes = np.concatenate([remeshed.low, remeshed.high], 1)
        assert sorted(map(tuple, boxes.tolist())) == sorted(box_of(q) for q in before ^ quads_of(followed))
    fresh = meshes.Meshes()
    fresh.update(VoxelView(grid, stamp))
    filled = {place for place, chunk in followed.chunks.items() if len(chunk.quads)}
    assert filled == {place for place, chunk in fresh.chunks.items() if len(chunk.quads)}
    for place in filled:
        assert np.array_equal(fresh.chunks[place].quads, followed.chunks[place].quads)
    for field in dataclasses.fields(meshes.PageTable):
        assert np.array_equal(getattr(fresh.table, field.name), getattr(followed.table, field.name)), field.name


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_the_table_holds_every_page_with_the_box_of_its_quads(seed):
    kept = meshes.Meshes()
    kept.update(VoxelView(blocky(seed), np.zeros((2, 3, 2), np.int64)))
    table = kept.table
    quads = np.concatenate([kept.chunks[place].quads for place in table.places])
    assert sorted(table.page.tolist()) == np.unique(quads[:, 0]).tolist()
    assert np.array_equal(table.rows(table.page[::-1]), np.arange(len(table.page)))
    assert len(table.rows(np.setdiff1d(np.arange(12 * 48), table.page))) == 0  # pages that have no quads
    for row, key in enumerate(table.page.tolist()):
        ours = kept.chunks[table.places[0]].quads[slice(*table.quads[row])]
        assert (ours[:, 0] == key).all() and len(ours) == (quads[:, 0] == key).sum()
        corners = meshes.vertices_of_quads(ours)["position"] * meshes.VOXEL_M
        assert np.allclose(table.low[row], corners.min(0)) and np.allclose(table.high[row], corners.max(0))
    for brick, (first, last) in enumerate(pairwise(table.brick_first.tolist())):
        assert len(np.unique(table.page[first:last] // 48)) == 1
        assert (table.brick_low[brick] == table.low[first:last].min(0)).all()
        assert (table.brick_high[brick] == table.high[first:last].max(0)).all()


def test_nothing_is_meshed_again_when_nothing_changed():
    view = views.courtyard()
    kept = meshes.Meshes()
    kept.update(view.voxels)
    versions = [chunk.version for chunk in kept.chunks.values()]
    remeshed = kept.update(view.voxels)
    assert len(remeshed.bricks) == len(remeshed.low) == len(remeshed.high) == 0
    assert versions == [chunk.version for chunk in kept.chunks.values()]


def test_where_much_of_a_world_changed_nobody_is_told_what(monkeypatch):
    rng = np.random.default_rng(1)
    monkeypatch.setattr(meshes, "FEW_BRICKS", 4)
    monkeypatch.setattr(meshes, "MANY_QUADS", 10**6)
    grid = rng.integers(0, 2, (160, 80, 16)).astype(np.uint8)
    stamp, kept = np.zeros((20, 10, 2), np.int64), meshes.Meshes()
    kept.update(VoxelView(grid, stamp))
    assert kept.table.n_bricks == 400
    for n_changed, many in ((4, 10**6), (20, 10**6), (21, 10**6), (400, 10**6), (0, 10**6), (1, 100)):
        monkeypatch.setattr(meshes, "MANY_QUADS", many)
        grid, stamp = grid.copy(), stamp.copy()
        for brick in rng.permutation(np.argwhere(stamp >= 0))[:n_changed].tolist():
            grid[tuple(8 * b for b in brick)] ^= 1
            stamp[tuple(brick)] += 1
        remeshed = kept.update(VoxelView(grid, stamp))
        assert (remeshed is None) == (n_changed > meshes.FOLLOWED * 400 or many == 100)
        fresh = meshes.Meshes()
        fresh.update(VoxelView(grid, stamp))
        assert quads_of(kept) == quads_of(fresh)


def test_an_empty_world_has_no_quads_but_bounds():
    kept = meshes.Meshes()
    kept.update(VoxelView(np.zeros((8, 8, 8), np.uint8), np.zeros((1, 1, 1), np.int64)))
    low, high = kept.bounds()
    assert (high > low).all() and not kept.chunks
