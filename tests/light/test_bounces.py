"""Rays that light bounces along against their definitions, ray by ray in plain numpy; that they follow changes is a law
of test_cache.py.
"""

import math

import numpy as np
import pytest

from engine.light import gather
from engine.light.bounces import BLOCKED, N_RAYS, SKY, BounceRays
from engine.light.faces import page_key
from engine.light.features import SceneFeatures
from engine.light.trace import first_hit
from engine.light.transport import Transport
from tests.light.scenes_for_light import materials, plaza, view_of, with_voxels


@pytest.fixture(scope="module")
def scene() -> SceneFeatures:
    found = SceneFeatures(plaza(), materials().albedo, materials().emission)
    surface, rays = found.surface, found.transport.bounce_rays
    rays.keeps_readers = True
    for _ in rays.trace(found.transport.voxels, surface, np.zeros(surface.capacity, np.bool_), 500):
        pass
    return found


def test_a_ray_ends_on_the_texel_that_it_meets(scene: SceneFeatures) -> None:
    place, met = scene.surface.place, scene.transport.bounce_rays.met
    number = {tuple(place[t].tolist()): int(t) for t in scene.texels}
    origin, direction = np.empty(3), np.empty(3)
    kinds = set()
    for texel in scene.texels[::41]:
        turn = gather.bounce_turn(place, texel)
        for k in range(N_RAYS):
            gather.texel_ray(place, texel, turn, k, N_RAYS, origin, direction)
            far, side, x, y, z = first_hit(scene.transport.voxels, *origin, *direction, 1e4)
            expected = SKY if side == -1 else number.get((x, y, z, side), BLOCKED)
            assert met[texel, k] >> 8 == expected
            assert met[texel, k] & 255 == math.ceil(gather.bin_of_distance(far) * gather.CODE)
            kinds.add("sky" if expected == SKY else "texel")
    assert kinds == {"sky", "texel"}


def test_nothing_is_traced_twice(scene: SceneFeatures) -> None:
    again = np.zeros(scene.surface.capacity, np.bool_)
    for _ in scene.transport.bounce_rays.trace(scene.transport.voxels, scene.surface, again):
        pass
    assert not again.any()


def test_a_change_is_seen_by_the_texels_that_read_it(scene: SceneFeatures) -> None:
    """Some spots of a few pages that lie together change."""
    surface, rays = scene.surface, scene.transport.bounce_rays
    random = np.random.default_rng(3)
    corner = np.stack(np.unravel_index(np.maximum(surface.page_key_of_row, 0) // 48, surface.n_bricks), 1)
    seen = []
    for brick in corner[random.permutation(np.flatnonzero(surface.page_key_of_row >= 0))[:6]]:
        changed = np.zeros(surface.n_spots, np.bool_)
        rows = np.flatnonzero((surface.page_key_of_row >= 0) & (corner == brick).all(1)).astype(np.int32)
        for row in rows:
            texels = surface.page(row)[surface.page(row) >= 0]
            first = surface.capacity + surface.patch_first[row]
            changed[first : first + surface.patch_count[row]] = random.random(surface.patch_count[row]) < 0.7
            changed[texels] = random.random(len(texels)) < 0.7
        mark = np.zeros(surface.capacity, np.bool_)
        rays.mark_readers(rows, surface, changed, mark)
        spots = spots_met(scene, scene.texels)
        np.testing.assert_array_equal(mark[scene.texels], (changed[spots] & (spots >= 0)).any(1))
        seen.append(mark[scene.texels].mean())
    assert 0.02 < np.mean(seen) < 0.5


def boxes_anywhere(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes low, high [n, 3] metres in and above the plaza."""
    low = random.uniform([0.0, 0.0, 0.3], [15.0, 15.0, 5.5], (n, 3))
    return low, low + random.uniform(0.1, 1.5, (n, 3))


@pytest.mark.parametrize("n", [1, 3])
def test_no_ray_that_crosses_a_box_is_passed_over(scene: SceneFeatures, n: int) -> None:
    """Against every ray, as far as it truly goes. Those that are found are not many more."""
    surface, random = scene.surface, np.random.default_rng(n)
    rays, texels = scene.transport.bounce_rays, scene.texels[::5]
    origin, direction = np.empty((len(texels), N_RAYS, 3)), np.empty((len(texels), N_RAYS, 3))
    far = np.empty((len(texels), N_RAYS))
    for i, texel in enumerate(texels):
        turn = gather.bounce_turn(surface.place, texel)
        for k in range(N_RAYS):
            gather.texel_ray(surface.place, texel, turn, k, N_RAYS, origin[i, k], direction[i, k])
            far[i, k] = first_hit(scene.transport.voxels, *origin[i, k], *direction[i, k], 1e4)[0]
    n_crossing, n_found = 0, 0
    for _ in range(25):
        low, high = boxes_anywhere(random, n)
        crosses = np.zeros(far.shape, np.bool_)
        for a, b in zip(low, high, strict=True):
            to_low, to_high = (a - origin) / direction, (b - origin) / direction
            first = np.minimum(to_low, to_high).max(-1)
            crosses |= np.maximum(first, 0.0) <= np.minimum(np.maximum(to_low, to_high).min(-1), far)
        found = void_rays(rays, scene, low, high)[texels]
        assert not (crosses & ~found).any()
        n_crossing, n_found = n_crossing + int(crosses.sum()), n_found + int(found.sum())
    assert 500 < n_crossing <= n_found < 1.5 * n_crossing


def void_rays(rays: BounceRays, scene: SceneFeatures, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The rays [T, K] that a change of some boxes makes void."""
    none = np.zeros(0, np.int32)
    rays.note_change(none, none, none, low, high, scene.surface)
    tracing = rays.trace(scene.transport.voxels, scene.surface, np.zeros(scene.surface.capacity, np.bool_))
    next(tracing)
    found = rays._void[:, None] >> np.arange(N_RAYS) & 1 != 0
    for _ in tracing:
        pass
    return found


def assert_lists_are_exact(transport: Transport) -> None:
    """Of each page the rays of living texels that end on it, by the places of these."""
    surface, rays = transport.surface, transport.bounce_rays
    ends = (rays.met >> 8).astype(np.int64)
    ends[(surface.place[:, 3] < 0) | (ends >= BLOCKED).all(1)] = BLOCKED
    number = np.flatnonzero((ends < BLOCKED).ravel())
    place = surface.place[ends.ravel()[number]].astype(np.int64)
    _, ny, nz = surface.n_bricks
    key = [page_key(*p, ny, nz) for p in place.tolist()]
    rows = surface.rows_of(np.array(key, np.int64))
    assert rays.readers is not None and (rows >= 0).all()
    for row in range(len(surface.page_key_of_row)):
        assert sorted(rays.readers.of(np.array([row], np.int32)).tolist()) == number[rows == row].tolist()


def ends_by_place(transport: Transport) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    """Where the rays of each texel end: place of the texel, SKY or BLOCKED, and how far."""
    place, found = transport.surface.place, {}
    for t in transport.surface.alive():
        ends = []
        for met in transport.bounce_rays.met[t].tolist():
            end = met >> 8
            ends.append((*place[end].tolist(), met & 255) if end < BLOCKED else (end, met & 255))
        found[tuple(place[t].tolist())] = ends
    return found


@pytest.mark.parametrize("followed", [0.0, 2.0])
@pytest.mark.parametrize("forgotten", ["nothing", "extents of what was traced again"])
def test_after_edits_rays_end_where_they_would_in_a_fresh_world(
    forgotten: str, followed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where several changes are asked about at once, and numbers of texels went to others meanwhile; whether
    lists of readers are made anew each time or never.
    """
    monkeypatch.setattr("engine.light.bounces.FOLLOWED", followed)
    random, view = np.random.default_rng(5), view_of(plaza())
    transport = Transport(view.voxels)
    transport.bounce_rays.keeps_readers = True

    def bring_up_to_date(of: Transport) -> None:
        for _ in of.bounce_rays.trace(of.voxels, of.surface, np.zeros(of.surface.capacity, np.bool_)):
            pass

    bring_up_to_date(transport)
    if forgotten != "nothing":
        monkeypatch.setattr("engine.light.bounces.measure", lambda *arguments: None)
    wrong = 0
    for k in range(16):
        grid = view.voxels.material.copy()
        low = random.integers([8, 8, 0], [50, 50, 14])
        box = tuple(slice(a, a + n) for a, n in zip(low, random.integers(1, 7, 3), strict=True))
        grid[box] = random.choice([0, 2])
        view = with_voxels(view, grid)
        transport.follow(view.voxels)
        if k % 4 in (0, 3):
            bring_up_to_date(transport)
            fresh = Transport(view.voxels)
            bring_up_to_date(fresh)
            assert_lists_are_exact(transport)
            mine, right = ends_by_place(transport), ends_by_place(fresh)
            assert mine.keys() == right.keys()
            wrong += sum(mine[face] != right[face] for face in right)
    assert (wrong > 0) == (forgotten != "nothing")


def spots_met(scene: SceneFeatures, texels: np.ndarray) -> np.ndarray:
    """What the rays of some texels [n] read: spots [n, N_RAYS], -1 where they read none."""
    met, surface = scene.transport.bounce_rays.met[texels], scene.surface
    end, code = (met >> 8).astype(np.int64), met & 255
    level = (code > 106).astype(np.int64) + (code > 160) + (code > 213)  # 2, 4 and 8 m
    end[end >= BLOCKED] = -1
    spots = np.concatenate([end[..., None], surface.patch_spot[end]], -1)
    return np.where(end >= 0, np.take_along_axis(spots, level[..., None], -1)[..., 0], -1)
