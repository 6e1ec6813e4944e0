"""What follows a change: boxes of changed voxels, and what reads what."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.light.transport import Transport, boxes_around, joined_boxes
from tests.light.scenes_for_light import plaza, view_of, with_voxels


def filled(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How many of some boxes each voxel is in."""
    count = np.zeros((24, 24, 24), np.int32)
    for a, b in zip(low, high, strict=True):
        count[tuple(slice(x, y) for x, y in zip(a, b, strict=True))] += 1
    return count


def in_bricks(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A box cut at every eighth voxel."""
    bricks = np.argwhere(np.ones((3, 3, 3))) * 8
    lows, highs = np.maximum(bricks, low), np.minimum(bricks + 8, high)
    inside = (lows < highs).all(1)
    return lows[inside], highs[inside]


@given(st.lists(st.tuples(st.integers(0, 23), st.integers(1, 24)), min_size=3, max_size=3))
def test_a_box_that_bricks_cut_up_is_one_again(sides: list[tuple[int, int]]) -> None:
    low = np.array([a for a, _ in sides])
    high = np.minimum(low + [n for _, n in sides], 24)
    joined = joined_boxes(*in_bricks(low, high))
    np.testing.assert_array_equal(joined, [[low], [high]])


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([1, 2, 5, 40]))
def test_boxes_around_others_hold_them_all_and_are_no_more(seed: int, n: int, spread: int) -> None:
    random = np.random.default_rng(seed)
    bricks = np.unique(random.integers(0, spread, (n, 3)), axis=0) * 8
    low = bricks + random.integers(0, 4, bricks.shape)
    high = bricks + random.integers(4, 9, bricks.shape)
    low, high = joined_boxes(low, high)
    around_low, around_high = boxes_around(low, high)
    inside = (around_low[:, None] <= low) & (high <= around_high[:, None])
    assert (inside.all(2).sum(0) >= 1).all()
    assert len(around_low) <= len(low)
    if spread == 1 or len(np.unique(bricks, axis=0)) == spread**3:  # all of a block differs
        assert len(around_low) == 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 27))
def test_joined_boxes_hold_the_same_voxels_once(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    bricks = random.permutation(np.argwhere(np.ones((3, 3, 3))))[:n] * 8
    low = bricks + random.choice([0, 0, 0, 3], (n, 3))
    high = bricks + random.choice([8, 8, 8, 5], (n, 3))
    joined = joined_boxes(low, high)
    assert len(joined[0]) <= n
    np.testing.assert_array_equal(filled(*joined), filled(low, high))


def test_after_edits_everything_reads_what_it_would_read_in_a_fresh_world() -> None:
    """Rays of probes that were asked about before and are asked about again; numbers of texels may differ, places may
    not.
    """
    random, view = np.random.default_rng(7), view_of(plaza())
    transport, forgotten = Transport(view.voxels), 0
    what_rays_read(transport)
    for _ in range(10):
        grid = view.voxels.material.copy()
        low = random.integers([20, 20, 1], [44, 44, 12])
        grid[tuple(slice(a, a + n) for a, n in zip(low, random.integers(1, 5, 3), strict=True))] = random.choice([0, 2])
        view = with_voxels(view, grid)
        known = transport.probes.n_known
        transport.follow(view.voxels)
        forgotten += known - transport.probes.n_known
        fresh = Transport(view.voxels)
        assert_same_voxels(transport, fresh)
        for mine, right in zip(what_rays_read(transport), what_rays_read(fresh), strict=True):
            np.testing.assert_array_equal(mine, right)
    assert 10 < forgotten < 0.5 * 10 * known


def assert_same_voxels(transport: Transport, fresh: Transport) -> None:
    for mine, right in zip(transport.voxels, fresh.voxels, strict=True):
        np.testing.assert_array_equal(mine, right)


def test_what_rays_walk_through_follows_a_tower_up_and_down() -> None:
    """The tables end with the highest brick; one edit is of more boxes than are looked at apart."""
    view = view_of(plaza())
    transport, plain = Transport(view.voxels), view.voxels.material.copy()
    tower, dots = plain.copy(), plain.copy()
    tower[30:34, 30:34] = 2
    dots[4::8, 4::8, 12::8] = 2
    heights = []
    for grid in (tower, dots, plain):
        view = with_voxels(view, grid)
        transport.follow(view.voxels)
        assert_same_voxels(transport, Transport(view.voxels))
        heights.append(transport.voxels.gap.shape[3])
    assert heights[0] == plain.shape[2] // 2 > heights[2]


def what_rays_read(transport: Transport) -> tuple[np.ndarray, ...]:
    """Of the probes in the order of their cells: the texel (voxel and side) on which each ray ends, or -1 and why not;
    how far they go, what they weigh, and the cells of the neighbours.
    """
    surface, probes = transport.surface, transport.probes
    alive = np.flatnonzero(probes.alive).astype(np.int32)
    probes.look(transport.voxels, surface, alive)
    alive = alive[np.lexsort(probes.cell[alive].T)]
    rows = probes.row_of[alive]
    np.testing.assert_array_equal(probes.probe[rows], alive)
    met = probes.met[rows][..., None]
    linked = np.where(probes.link[alive][..., None] >= 0, probes.cell[probes.link[alive]], -1)
    return (
        np.where(met >= 0, surface.place[met[..., 0]], met), probes.distance[rows], probes.weight[rows],
        probes.weight_sum[rows], probes.position[alive], linked,
    )  # fmt: skip


def test_a_change_that_no_ray_meets_changes_nothing() -> None:
    """Within the ground another material: no face, probe, ray or weight is another."""
    grid = plaza()
    grid[:, :, :8] = 1
    view = view_of(grid)
    transport = Transport(view.voxels)
    what_rays_read(transport)
    known, grid = transport.probes.n_known, grid.copy()
    grid[20:22, 20:22, 2:4] = 2
    change = transport.follow(with_voxels(view, grid).voxels)
    assert change is not None
    for none in (change.fresh, change.gone, change.texels, change.rows):
        assert not len(none)
    assert transport.probes.n_known == known and transport.n_changes == 1
