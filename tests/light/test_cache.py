"""The cache may change speed, never light: whatever happened before, a cached world equals a fresh one bit for bit."""

import dataclasses

import numpy as np
import pytest

from engine.light.cache import LightCache
from engine.light.network import RESIDUALS, SHAPES, Network, _network
from engine.light.pages import SLOTS_PER_BAND
from tests.light.scenes_for_light import lamps, plaza, sky, view_of, with_voxels

LAMPS = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((12.5, 3, 2.2), 0.3, (20, 20, 40)))


def random_network() -> Network:
    """Random weights: whatever the network is, reuse must be exact."""
    random = np.random.default_rng(3)
    arrays = {name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in SHAPES.items()}
    assert arrays["out.bias"].shape == (RESIDUALS,)
    return _network(arrays, "random")


def all_pages(cache: LightCache) -> np.ndarray:
    return np.flatnonzero(cache.transport.surface.page_row >= 0).astype(np.int32)


def light_by_place(cache: LightCache) -> dict[str, np.ndarray]:
    """Decoded pages in the order of their keys: independent of how texels, probes and slots are numbered."""
    keys = all_pages(cache)
    cache.decode(keys)
    slots = cache.page_table[keys]
    band, x = slots // SLOTS_PER_BAND, slots % SLOTS_PER_BAND
    indirect = np.stack([cache.indirect[b, :, i * 10 : i * 10 + 10] for b, i in zip(band, x, strict=True)])
    lamp = np.stack([cache.lamp[b, :, i * 18 : i * 18 + 18] for b, i in zip(band, x, strict=True)])
    return {"keys": keys, "indirect": indirect, "lamp": lamp}


def assert_same(one: LightCache, two: LightCache) -> None:
    a, b = light_by_place(one), light_by_place(two)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_edits_equal_a_fresh_world(seed: int) -> None:
    random = np.random.default_rng(seed)
    network = random_network()
    grid = plaza()
    view = view_of(grid, LAMPS)
    cache = LightCache(network)
    cache.update(view)
    light_by_place(cache)
    for _ in range(12):
        grid = grid.copy()
        low = random.integers([0, 0, 1], [60, 60, 16])
        size = random.integers(1, 7, 3)
        box = tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))
        grid[box] = random.choice([0, 0, 1, 2, 3])
        view = with_voxels(view, grid)
        cache.update(view)
        fresh = LightCache(network)
        fresh.update(view)
        assert_same(cache, fresh)


def test_one_voxel_redoes_a_part_only() -> None:
    grid = plaza()
    view = view_of(grid, LAMPS)
    cache = LightCache()
    whole = cache.update(view)
    light_by_place(cache)
    removed = grid.copy()
    removed[45, 30, 6] = 0
    stats = cache.update(with_voxels(view, removed))
    assert 0 < stats.rays_traced < 0.05 * whole.rays_traced
    assert 0 < stats.probes_regenerated < 0.5 * whole.probes
    assert 0 < stats.texels_regenerated < 0.5 * whole.texels
    assert 0 < stats.bricks_regenerated < 0.6 * whole.bricks


def test_an_unchanged_world_redoes_nothing() -> None:
    view = view_of(plaza(), LAMPS)
    cache = LightCache()
    cache.update(view)
    cache.decode(all_pages(cache))
    stats = cache.update(dataclasses.replace(view, tick=9, camera=dataclasses.replace(view.camera, yaw=2.0)))
    cache.decode(all_pages(cache))
    assert (stats.probes_regenerated, stats.rays_traced, stats.texels_regenerated, stats.relit) == (0, 0, 0, False)
    assert stats.pages_regenerated == 0
    assert cache.take_dirty_bands() and not cache.take_dirty_bands()


def test_a_voxel_put_back_gives_the_same_light() -> None:
    grid = plaza()
    view = view_of(grid, LAMPS)
    cache, fresh = LightCache(), LightCache()
    cache.update(view)
    light_by_place(cache)
    removed = grid.copy()
    removed[44:46, 20:24, 2:8] = 0
    changed = with_voxels(view, removed)
    cache.update(changed)
    light_by_place(cache)
    cache.update(with_voxels(changed, grid))
    fresh.update(view)
    assert_same(cache, fresh)


def test_a_lamp_off_and_on_again_traces_nothing_and_returns() -> None:
    view = view_of(plaza(), LAMPS)
    cache, fresh = LightCache(), LightCache()
    cache.update(view)
    light_by_place(cache)
    off = dataclasses.replace(LAMPS, radiance=LAMPS.radiance * np.array([[1], [0]], np.float32))
    stats = cache.update(dataclasses.replace(view, lamps=off))
    assert stats.rays_traced == 0 and stats.relit
    dark = light_by_place(cache)
    cache.update(view)
    fresh.update(view)
    assert_same(cache, fresh)
    assert (dark["lamp"] != light_by_place(fresh)["lamp"]).any()


def test_the_sun_moves_without_tracing_probe_rays() -> None:
    view = view_of(plaza())
    cache, fresh = LightCache(), LightCache()
    cache.update(view)
    later = dataclasses.replace(view, sky=sky(direction=(-0.5, 0.2, 0.4)))
    assert cache.update(later).rays_traced == 0
    fresh.update(later)
    assert_same(cache, fresh)


def test_a_wall_that_opens_at_night_is_right_at_dawn() -> None:
    view = view_of(plaza(), outside=sky(sun=0.0))
    cache, fresh = LightCache(), LightCache()
    cache.update(view_of(plaza()))
    grid = plaza()
    grid[44:46, 12:30, 2:12] = 0
    cache.update(with_voxels(view, grid))
    dawn = with_voxels(view_of(plaza()), grid)
    cache.update(dawn)
    fresh.update(dawn)
    assert_same(cache, fresh)


def test_a_lamp_that_moves_equals_a_fresh_world() -> None:
    view = view_of(plaza(), LAMPS)
    cache, fresh = LightCache(), LightCache()
    cache.update(view)
    light_by_place(cache)
    moved = dataclasses.replace(
        view, lamps=lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((11.5, 6, 2.2), 0.3, (20, 20, 40)))
    )
    cache.update(moved)
    fresh.update(moved)
    assert_same(cache, fresh)


def test_few_slots_give_the_same_light_only_slower() -> None:
    view = view_of(plaza(), LAMPS)
    small, large = LightCache(budget_bytes=1), LightCache()
    small.update(view)
    large.update(view)
    assert small.table.n_slots == SLOTS_PER_BAND
    keys = all_pages(large)[:SLOTS_PER_BAND]
    for part in (keys[:20], keys[30:], keys):
        small.decode(part)
    large.decode(keys)
    for key in keys:
        a, b = small.page_table[key], large.page_table[key]
        np.testing.assert_array_equal(
            small.lamp[a // SLOTS_PER_BAND, :, a % SLOTS_PER_BAND * 18 : a % SLOTS_PER_BAND * 18 + 18],
            large.lamp[b // SLOTS_PER_BAND, :, b % SLOTS_PER_BAND * 18 : b % SLOTS_PER_BAND * 18 + 18],
        )


def test_a_budget_shows_coarse_lamps_first_and_ends_with_the_exact_light() -> None:
    view = view_of(plaza(), LAMPS)
    cache, exact = LightCache(), LightCache()
    cache.update(view)
    exact.update(view)
    keys = all_pages(cache)
    stale = []
    for _ in range(12):
        cache.decode(keys, most_texels=1000)
        stale.append(cache.stats.pages_stale)
    assert stale[0] > 0 and stale == sorted(stale, reverse=True) and stale[-1] == 0
    assert_same(cache, exact)
