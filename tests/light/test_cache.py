"""The cache may change speed, never light: whatever happened before, a cached world equals a fresh one bit for bit."""

import dataclasses
import weakref

import numpy as np
import pytest

from engine.film.knownworlds import KnownWorlds
from engine.light import furniture, gather, pool
from engine.light import lamps as lamps_module
from engine.light import transport as transport_module
from engine.light.bounces import BounceRays
from engine.light.cache import FIRST, LightCache
from engine.light.faces import page_key
from engine.light.keeping import KEPT_BITS, packed, unpacked
from engine.light.pages import SLOTS_PER_BAND
from engine.light.pool import ROW_BYTES
from engine.light.probelight import ProbeLight
from engine.light.probes import DISTANCE_UNIT, Probes
from engine.light.relight import PASSES, Direct, Dirty, Relight, Scene
from engine.light.transport import Transport
from engine.state.blueprint import Materials
from engine.view import View, VoxelView
from tests.light.scenes_for_light import (
    lamps,
    plaza,
    random_network,
    sky,
    told_of,
    view_of,
    with_crates,
    with_voxels,
)
from tests.worlds_for_tests import STONE, box_prefab

SHADES = (box_prefab("narrow", (0.2, 0.2, 0.02), STONE), box_prefab("wide", (0.6, 0.6, 0.02), STONE))
LAMPS = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((12.5, 3, 2.2), 0.3, (20, 20, 40)))


def all_pages(cache: LightCache) -> np.ndarray:
    return cache.transport.surface.keys()


def light_by_place(cache: LightCache) -> dict[str, np.ndarray]:
    """Decoded pages in the order of their keys, and light of probes in that of their cells: independent of how texels,
    probes and slots are numbered.
    """
    keys = all_pages(cache)
    cache.decode(keys)
    slots = cache.slots(keys)
    band, x = slots // SLOTS_PER_BAND, slots % SLOTS_PER_BAND
    light = np.stack([cache.atlas[b, :, i * 18 : i * 18 + 18] for b, i in zip(band, x, strict=True)])
    probes = cache.transport.probes.probe_of_cell
    by_probes = cache.world.probe_light.of(probes[probes >= 0], cache.world.sky)
    return {"keys": keys, "light": light, "cells": probes >= 0, "probes": by_probes}


def assert_same(one: LightCache, two: LightCache) -> None:
    a, b = light_by_place(one), light_by_place(two)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def edited(random: np.random.Generator, view: View) -> View:
    """The view with a random box filled or dug out."""
    grid = view.voxels.material.copy()
    low = random.integers([0, 0, 1], [60, 60, 16])
    size = random.integers(1, 7, 3)
    grid[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))] = random.choice([0, 0, 1, 2, 3])
    return with_voxels(view, grid)


def fresh(view: View) -> LightCache:
    """A cache that has never seen another view."""
    cache = LightCache(random_network())
    cache.update(view)
    return cache


def warm(view: View) -> LightCache:
    """A cache in which all pages of a view are decoded."""
    cache = fresh(view)
    light_by_place(cache)
    return cache


@pytest.mark.parametrize("seed", [1, 2])
def test_random_edits_equal_a_fresh_world(seed: int) -> None:
    random = np.random.default_rng(seed)
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    for _ in range(8):
        view = edited(random, view)
        cache.update(view)
        assert_same(cache, fresh(view))


def test_random_edits_and_crates_that_come_move_and_go_equal_a_fresh_world() -> None:
    random = np.random.default_rng(5)
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    for n in (2, 2, 3, 1, 0, 2):
        places = random.uniform([1, 1, 0.5], [15, 15, 0.6], (n, 3))
        view = edited(random, with_crates(view, *places, yaw=float(random.uniform(0, 3))))
        cache.update(view)
        assert_same(cache, fresh(view))


def test_a_crate_shades_the_floor_beside_it_and_leaves_no_trace() -> None:
    view = view_of(plaza(), LAMPS)
    crate = with_crates(view, (13.0, 7.0, 0.5))
    cache = warm(view)
    cache.update(crate)
    assert_same(cache, fresh(crate))
    assert (light_by_place(cache)["light"] != light_by_place(fresh(view))["light"]).any()
    cache.update(view)
    assert_same(cache, fresh(view))


def test_lamps_that_are_off_while_the_world_changes_light_it_as_it_is() -> None:
    """Their shadows are not worked out before they shine, one by one."""
    view = view_of(plaza(), LAMPS)

    def lit(view: View, *which: bool) -> View:
        radiance = view.lamps.full_radiance * np.array(which, np.float32)[:, None]
        return dataclasses.replace(view, lamps=dataclasses.replace(view.lamps, radiance=radiance))

    cache = warm(lit(view, False, False))
    grid = plaza()
    grid[50:56, 30, 2:10] = 2
    walled = with_voxels(view, grid)
    for which in ((False, False), (True, False), (True, True)):
        cache.update(lit(walled, *which))
        assert_same(cache, fresh(lit(walled, *which)))
    cache.update(lit(view, True, True))
    assert_same(cache, fresh(lit(view, True, True)))


def test_edits_between_decodes_of_a_few_pages_equal_a_fresh_world() -> None:
    """Rows of neighbours that no page shows are dependencies too."""
    random = np.random.default_rng(8)
    view = view_of(plaza(), LAMPS)
    cache = fresh(view)
    for _ in range(6):
        view = edited(random, view)
        cache.update(view)
        keys = random.choice(all_pages(cache), 20, replace=False).astype(np.int32)
        cache.decode(keys)
    assert_same(cache, fresh(view))


def forget(what: str, cache: LightCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop one kind of dependency from all that is read."""
    if what == "rays of texels":
        monkeypatch.setattr(pool, "rays_cross", lambda *arguments: None)
    elif what == "what is near quarters":
        monkeypatch.setattr(pool.creases, "may_see", lambda *arguments: arguments[-1].fill(False))
    elif what == "rays of probes":
        monkeypatch.setattr(Probes, "forget_across", lambda *arguments: None)
    elif what == "probes that share":
        monkeypatch.setattr(Probes, "join", lambda *arguments: None)
    elif what == "when probes were looked at":
        monkeypatch.setattr(cache.world.probe_light, "_own_at", np.full(10_000, cache._relit.stamp + 1))
    elif what == "rays that light bounces along":
        monkeypatch.setattr("engine.light.bounces._cross", lambda *arguments: None)
    elif what == "texels that light bounces to":
        monkeypatch.setattr(BounceRays, "mark_readers", lambda *arguments: None)
    elif what == "sky that bounces":
        monkeypatch.setattr(BounceRays, "look_at_sky", lambda *arguments: None)
    elif what == "rays to the sun":
        monkeypatch.setattr("engine.light.sunshine.sun_crosses", lambda *arguments: None)
    elif what == "coarse rays to lamps":
        monkeypatch.setattr(lamps_module, "mark_shadows", lambda *arguments: 0)
    elif what == "weights of the network":
        real = pool.decode.gathered_light

        def keeping(*arguments):  # what was never known must be found out
            arguments[11][:] &= ~arguments[12][arguments[0]].any(1)
            real(*arguments)

        monkeypatch.setattr(pool.decode, "gathered_light", keeping)
    elif what == "fine rays to lamps":
        monkeypatch.setattr(pool, "lamps_cross", lambda *arguments: None)
    else:
        assert what == "when light was looked at"
        monkeypatch.setattr(pool, "gather_newer", lambda *arguments: np.zeros(len(arguments[0]), np.bool_))


@pytest.mark.parametrize(
    "forgotten",
    [
        "rays of texels", "what is near quarters", "rays of probes", "when probes were looked at",
        "rays that light bounces along", "texels that light bounces to", "sky that bounces", "probes that share",
        "rays to the sun", "coarse rays to lamps", "fine rays to lamps", "when light was looked at",
        "weights of the network",
    ],
)  # fmt: skip
def test_a_forgotten_dependency_would_be_seen(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above can fail: with any one dependency dropped, a new wall leaves old light somewhere."""
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    grid = plaza()
    grid[50:56, 30, 2:10] = 2
    walled = with_voxels(view, grid)
    right = light_by_place(fresh(walled))
    forget(forgotten, cache, monkeypatch)
    cache.update(walled)
    mine = light_by_place(cache)
    assert any((mine[kind] != right[kind]).any() for kind in ("light", "probes"))


@pytest.mark.parametrize("most_bricks", [None, 4])
def test_the_tables_of_a_world_go_before_those_of_the_next_are_made(most_bricks: int | None) -> None:
    cache = warm(view_of(plaza(), LAMPS))
    tables = [weakref.ref(thing) for thing in (cache.world, cache.transport, cache.decoded)]
    made = Transport.__init__

    def counted(self: Transport, *arguments: object) -> None:
        assert not any(table() for table in tables)
        made(self, *arguments)

    other = view_of(np.ascontiguousarray(plaza()[::-1]), LAMPS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transport, "__init__", counted)
        for _ in range(1000):
            cache.update(other, most_bricks)
            if cache.is_built:
                break
    assert_same(cache, fresh(other))


def test_the_same_world_read_again_costs_nothing() -> None:
    """As when its file is saved as it was: other arrays with the same voxels."""
    known = KnownWorlds()
    cache = warm(known.of(view_of(plaza(), LAMPS)))
    transport, again = cache.transport, view_of(plaza(), LAMPS)
    for view in (again, with_voxels(again, plaza()), view_of(plaza(), LAMPS)):
        stats = cache.update(known.of(view))
        cache.decode(all_pages(cache))
        assert cache.transport is transport and not stats.relit
        assert stats.rays_traced == stats.texels_regenerated == stats.pages_regenerated == 0
    assert_same(cache, fresh(again))


@pytest.mark.parametrize("is_exact", [True, False])
def test_lamps_that_were_others_for_a_frame_while_light_was_made_shine_as_they_are_again(is_exact: bool) -> None:
    """Light of the first lamps is done when they are back; what they shed themselves was that of the others."""
    view = view_of(plaza(), LAMPS)

    def dimmed(level: float) -> View:
        radiance = view.lamps.full_radiance * np.float32(level)
        return dataclasses.replace(view, lamps=dataclasses.replace(view.lamps, radiance=radiance))

    cache = warm(dimmed(1.0))
    for level in (0.5, 0.0):
        cache.update(dimmed(level), 5)
    for _ in range(2):
        cache.update(dimmed(0.5), None if is_exact else 10**6)
    finished(cache, dimmed(0.5), 10**6)
    assert_same(cache, fresh(dimmed(0.5)))


def test_worlds_that_nobody_knows_how_they_were_made_are_others_each() -> None:
    """Then stamps tell nothing of one in another."""
    view = view_of(plaza(), LAMPS)
    grid = plaza()
    grid[50:56, 30, 2:10] = 2
    cache = LightCache(random_network())
    for material in (plaza(), grid, plaza()):
        other = dataclasses.replace(view, voxels=VoxelView(material, view.voxels.stamp, np.zeros((0, 0, 0), np.uint8)))
        cache.update(other)
        assert_same(cache, fresh(other))


@pytest.mark.parametrize(("few", "most"), [(64, 512), (2, 512), (2, 4)])
def test_changes_in_many_places_equal_a_fresh_world(few: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Followed box by box, put together, or begun anew as too many."""
    monkeypatch.setattr(transport_module, "FEW_BOXES", few)
    monkeypatch.setattr(transport_module, "MOST_BOXES", most)
    random, view = np.random.default_rng(9), view_of(plaza(), LAMPS)
    cache = warm(view)
    transport = cache.transport
    for n in (3, 8, 20, 20):
        grid = view.voxels.material.copy()
        for x, y, z in random.integers((0, 0, 1), (64, 64, 20), (n, 3)):
            grid[x, y, z] = random.choice([0, 1, 2])
        view = with_voxels(view, grid)
        cache.update(view)
        assert_same(cache, fresh(view))
    assert (cache.transport is transport) == (most > 4)


@pytest.mark.parametrize("most_bricks", [None, 60])
def test_a_world_that_is_read_again_with_a_change_is_followed(most_bricks: int | None) -> None:
    """It is told in terms of the one before: stamps say only what was edited in each."""
    random, known = np.random.default_rng(4), KnownWorlds()
    worlds = [view_of(edited(random, view_of(plaza())).voxels.material, LAMPS) for _ in range(3)]
    cache = warm(known.of(worlds[0]))
    transport = cache.transport
    for turn in range(12):
        view = worlds[int(random.integers(3))]
        for _ in range(int(random.integers(3))):
            view = edited(random, view)
        cache.update(known.of(view), most_bricks)
        if most_bricks is None or turn % 4 == 3:
            finished(cache, known.of(view), 60)
            assert_same(cache, fresh(view))
    assert cache.transport is transport


def test_a_world_that_is_read_again_in_other_colours_is_gathered_as_often_as_it_needs() -> None:
    """How often follows from the world as it was made, and so from which one that is."""
    white, grey = plaza(), plaza()
    grey[:18][grey[:18] == 3] = 1
    albedo = np.array([0.0, 0.3, 0.3, 0.95], np.float32)[:, None].repeat(3, 1)
    paint = dataclasses.replace(view_of(white).materials, albedo=albedo)
    views = [dataclasses.replace(view_of(grid, LAMPS), materials=paint) for grid in (white, grey)]
    views.append(dataclasses.replace(views[1], materials=repainted(paint, 0.6)))
    known = KnownWorlds()
    cache = warm(known.of(views[0]))
    transport, passes = cache.transport, {cache.world.passes}
    edits = with_voxels(views[1], white), with_voxels(views[0], grey)
    for view in (views[1], edits[0], views[0], views[2], views[0], edits[1], views[1]):
        cache.update(known.of(view))
        passes.add(cache.world.passes)
        assert_same(cache, fresh(view))
    assert cache.transport is transport and len(passes) == 2


def tables_of(thing: object, found: dict[int, np.ndarray], seen: set[int]) -> dict[int, np.ndarray]:
    """All arrays that can be written to through a thing, by where they begin."""
    if id(thing) in seen:
        return found
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        if thing.flags.writeable and thing.size:
            found[thing.__array_interface__["data"][0]] = thing
    elif isinstance(thing, dict):
        tables_of(list(thing.values()), found, seen)
    elif isinstance(thing, list | tuple | set):
        for part in thing:
            tables_of(part, found, seen)
    elif hasattr(thing, "__dict__") and not isinstance(thing, type):
        tables_of(vars(thing), found, seen)
    return found


def test_a_twin_knows_all_and_goes_on_by_itself() -> None:
    random, view = np.random.default_rng(6), with_crates(view_of(plaza(), LAMPS), (13.0, 7.0, 0.5))
    cache = warm(view)
    twin = cache.twin(view)
    assert twin.tables() == cache.tables()
    shared = tables_of((view, cache.network), {}, set())
    mine, its = (tables_of(one, {}, set()) for one in (cache, twin))
    assert len(mine) > 100 and set(mine) & set(its) <= set(shared)
    stats = twin.update(view)
    twin.decode(all_pages(twin))
    assert not stats.relit and stats.rays_traced == stats.pages_regenerated == 0
    for one in (twin, cache, twin, cache):
        other = edited(random, with_crates(view, random.uniform(1, 14, 3)))
        one.update(other)
        assert_same(one, fresh(other))
    for one in (twin, cache):
        one.update(view)
        assert_same(one, fresh(view))


def test_a_crate_that_is_moved_takes_its_shadow_from_what_the_sun_bounces_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """By day, through a night in which it is moved, and not if one dropped what the sun has to do with furniture."""
    plain, dark = view_of(plaza()), sky(sun=0.0)
    here, there = with_crates(plain, (12.0, 7.0, 0.5)), with_crates(plain, (9.1, 6.2, 0.5), (3.0, 10.0, 0.5))
    cache = warm(here)
    for view in (there, plain, here, dataclasses.replace(there, sky=dark), there, here):
        cache.update(view)
        assert_same(cache, fresh(view))
    assert (fresh(here).world.sun.share != fresh(plain).world.sun.share).sum() > 20
    forget("rays to the sun", cache, monkeypatch)
    cache.update(there)
    right = light_by_place(fresh(there))
    assert (light_by_place(cache)["light"] != right["light"]).any()


def test_changes_in_one_go_or_one_by_one_give_the_same_light() -> None:
    random = np.random.default_rng(11)
    view = view_of(plaza(), LAMPS)
    single, together = warm(view), warm(view)
    for _ in range(4):
        view = edited(random, view)
        single.update(view)
        single.decode(random.choice(all_pages(single), 30, replace=False).astype(np.int32))
    together.update(view)
    assert_same(single, together)


def test_an_impulse_reaches_what_reads_it_and_no_more() -> None:
    """One texel shines: after one bounce only those differ with a ray that ends on it or on a patch that holds it, and
    those probes that see one of these, or have a neighbour that does.
    """
    cache = fresh(view_of(plaza()))
    transport, place = cache.transport, cache.transport.surface.place
    texel = int(transport.surface.alive()[300])
    materials, direct = view_of(plaza()).materials, np.ones((len(place), 3), np.float32)
    light, dark = Relight(), np.zeros(3, np.float32)
    sunless = Direct(packed(direct), np.zeros(len(place), np.uint8), dark, dark)
    scene = Scene(transport, materials.albedo, materials.albedo, materials.emission, sunless, sky())
    light.run(scene, 1)
    direct[texel] = 1000.0
    probes, probe_light = transport.probes, ProbeLight(transport, light)
    every = np.flatnonzero(probes.alive).astype(np.int32)
    before = probe_light.of(every, sky())
    scene = scene._replace(direct=sunless._replace(lamps=packed(direct)))
    light.run(scene, 1, Dirty(np.array([texel], np.int32)))

    side = int(place[texel, 3])
    key = page_key(*place[texel, :3].tolist(), side, *transport.surface.n_bricks[1:])
    page = transport.surface.page(int(transport.surface.rows_of(np.array([key]))[0]))
    page = page[page >= 0]
    assert texel in page
    alive = transport.surface.alive()
    reads = np.zeros(len(place), np.bool_)
    reads[alive] = np.isin(transport.bounce_rays.met[alive] >> 8, page).any(1)
    reads[page] = True
    differs = light.changed_at[: len(place)] == light.stamp
    assert differs[texel] and 3 < differs.sum() < 0.5 * transport.surface.n_texels
    assert not (differs & ~reads).any()
    shone = np.flatnonzero(differs)
    level = (probes.distance * DISTANCE_UNIT >= [[[1.0]], [[2.0]], [[4.0]]]).sum(0)
    spots = np.concatenate([np.arange(len(place))[:, None], transport.surface.patch_spot], 1)
    reads = np.where(probes.met >= 0, spots[np.maximum(probes.met, 0), level], -1)[probes.row_of]
    sees = probes.alive & np.isin(reads, spots[shone]).any(1)
    shares = probes.alive & (sees | (sees[probes.link] & (probes.link >= 0)).any(1))
    changed = (probe_light.of(every, sky()) != before).any((1, 2))
    assert changed.any() and not (changed & ~shares[every]).any()


def test_one_voxel_redoes_a_part_only() -> None:
    grid = plaza()
    view = view_of(grid, LAMPS)
    cache = LightCache()
    whole = cache.update(view)
    light_by_place(cache)
    known = cache.transport.probes.n_known
    removed = grid.copy()
    removed[45, 30, 6] = 0
    stats = cache.update(with_voxels(view, removed))
    assert 0 < stats.rays_traced < 0.05 * whole.rays_traced
    assert 0.5 * known < cache.transport.probes.n_known < known
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
    assert len(cache.take_dirty_slots())
    assert not len(cache.take_dirty_slots())


def test_a_voxel_put_back_gives_the_same_light() -> None:
    grid = plaza()
    view = view_of(grid, LAMPS)
    cache = warm(view)
    removed = grid.copy()
    removed[44:46, 20:24, 2:8] = 0
    changed = with_voxels(view, removed)
    cache.update(changed)
    light_by_place(cache)
    cache.update(with_voxels(changed, grid))
    assert_same(cache, fresh(view))


def test_a_lamp_off_and_on_again_traces_nothing_and_returns() -> None:
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    off = dataclasses.replace(LAMPS, radiance=LAMPS.radiance * np.array([[1], [0]], np.float32))
    stats = cache.update(dataclasses.replace(view, lamps=off))
    assert stats.rays_traced == 0 and stats.relit
    dark = light_by_place(cache)
    cache.update(view)
    assert_same(cache, fresh(view))
    assert (dark["light"] != light_by_place(fresh(view))["light"]).any()


def test_the_sun_moves_without_tracing_probe_rays() -> None:
    view = view_of(plaza())
    cache = warm(view)
    later = dataclasses.replace(view, sky=sky(direction=(-0.5, 0.2, 0.4)))
    assert cache.update(later).rays_traced == 0
    assert_same(cache, fresh(later))


def test_a_wall_that_opens_at_night_is_right_at_dawn() -> None:
    view = view_of(plaza(), outside=sky(sun=0.0))
    cache = warm(view_of(plaza()))
    grid = plaza()
    grid[44:46, 12:30, 2:12] = 0
    cache.update(with_voxels(view, grid))
    dawn = with_voxels(view_of(plaza()), grid)
    cache.update(dawn)
    assert_same(cache, fresh(dawn))


def test_a_lamp_that_moves_equals_a_fresh_world() -> None:
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    moved = dataclasses.replace(
        view, lamps=lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((11.5, 6, 2.2), 0.3, (20, 20, 40)))
    )
    cache.update(moved)
    assert_same(cache, fresh(moved))


@pytest.mark.parametrize("seed", [1, 2])
def test_lamps_that_come_move_change_and_go_while_the_world_is_edited_equal_a_fresh_world(seed: int) -> None:
    """Also where several such changes come between two pictures; those that stay keep what is known of them."""
    random, plain = np.random.default_rng(seed), view_of(plaza())
    held = {e: (random.uniform([1, 1, 1], [15, 15, 4]), float(random.uniform(5, 40))) for e in range(4)}
    view, cache = plain, warm(plain)
    for _ in range(6):
        for _ in range(random.integers(1, 4)):
            entity = int(random.integers(0, 6))
            if random.random() < 0.4:
                held.pop(entity, None)
            else:
                held[entity] = (random.uniform([1, 1, 1], [15, 15, 4]), float(random.uniform(5, 40)))
            if random.random() < 0.5:
                view = edited(random, view)
            order = sorted(held)
            if random.random() < 0.2:
                order.reverse()
            boxes = [(tuple(held[e][0]), 0.3, (held[e][1], 8.0, 5.0)) for e in order]
            some = dataclasses.replace(lamps(*boxes), entity=np.array(order, np.uint32)) if boxes else plain.lamps
            view = dataclasses.replace(view, lamps=some)
            cache.update(view)
        assert_same(cache, fresh(view))


def test_a_lamp_that_moves_voids_no_factor_of_another() -> None:
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    moved = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((11.5, 6, 2.2), 0.3, (20, 20, 40)))
    cache.update(dataclasses.replace(view, lamps=moved))
    void = cache.decoded.pool.lamps_void[cache.decoded.pool.texel_of_row >= 0]
    assert (void & lamps_module.LIST).any() and not (void & (lamps_module.LIST - 1)).any()


def test_a_lamp_that_another_body_carries_equals_a_fresh_world() -> None:
    """Only what carries it differs: the prefab, or where it stands."""

    plain = view_of(plaza(), LAMPS)

    def hung(prefab: int, z: float) -> View:
        view = with_crates(plain, (5.0, 4.5, z))
        bodies = dataclasses.replace(
            view.bodies, entity=LAMPS.entity[:1], prefab=np.array([prefab], np.int32), stands=np.zeros(1, np.uint8)
        )
        return dataclasses.replace(view, bodies=bodies, prefabs=SHADES)

    cache = warm(hung(0, 2.2))
    for other in (hung(1, 2.2), hung(1, 2.0)):
        cache.update(other)
        assert_same(cache, fresh(other))


def carried(*places: tuple[float, float, float], first: int) -> View:
    """Crates that stand and carry a lamp each, their entities numbered from `first`."""
    numbers = np.arange(first, first + len(places), dtype=np.uint32)
    over = lamps(*(((x, y, z + 1.2), 0.3, (20.0, 10.0 + x, 5.0)) for x, y, z in places))
    view = with_crates(view_of(plaza(), dataclasses.replace(over, entity=numbers)), *places)
    return dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, entity=numbers))


def test_what_comes_first_in_the_file_and_shifts_all_numbers_voids_nothing_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lamp is known by what and where it is, furniture too; its own furniture still throws no shadow of it."""
    places = ((13.0, 7.0, 0.5), (4.0, 5.0, 0.5))
    before, after = carried(*places, first=3), carried((9.0, 12.0, 0.5), *places, first=7)
    after = dataclasses.replace(after, voxels=before.voxels, prefabs=before.prefabs, materials=before.materials)
    cache, whole = warm(before), fresh(after)
    pool_before = cache.decoded.pool
    hits = told_of(pool_before.met)[0]
    asked: list[int] = []
    coarse = lamps_module.coarse_factors
    monkeypatch.setattr(lamps_module, "coarse_factors", lambda *args: (asked.append(args[5]), coarse(*args)))
    cache.update(after)
    assert asked == [0]
    rows = pool_before.texel_of_row >= 0
    crossed = (pool_before.lamps_void[rows] & (lamps_module.LIST - 1)) != 0
    assert 0 < crossed.mean() < 0.2  # by the new crate
    on_parts = (hits <= gather.PART) & rows[:, None] & (np.arange(gather.EDGE_RAYS) < pool_before.n_rays[:, None])
    bit = gather.BIT_OF_RAY[(pool_before.n_rays > gather.TEXEL_RAYS).astype(int)]
    void = (pool_before.rays_void[:, None] >> bit & np.uint64(1)).astype(bool)
    assert on_parts.any() and not (void & on_parts).all(1).any()
    again = told_of(pool_before.met)[0]
    assert (again[on_parts & ~void] == hits[on_parts & ~void] - 6).all()  # behind one more part
    assert_same(cache, whole)
    cache.update(before)
    assert_same(cache, fresh(before))


def test_crates_in_another_order_equal_a_fresh_world() -> None:
    """A ray that meets two parts at once ends on the one that comes first."""
    one, two = (5.0, 4.5, 0.5), (5.0, 5.3, 0.5)
    base = view_of(plaza(), LAMPS)
    cache = warm(with_crates(base, one, two))
    for places in ((two, one), (two, one, one), (one, one), (one,)):
        view = with_crates(base, *places)
        cache.update(view)
        assert_same(cache, fresh(view))


def page(cache: LightCache, key: int) -> np.ndarray:
    """[18, 18, 4] of a page that is resident."""
    band, x = divmod(int(cache.slots(np.array([key]))[0]), SLOTS_PER_BAND)
    return cache.atlas[band, :, x * 18 : x * 18 + 18]


def of_lamps(cache: LightCache, keys: np.ndarray, part: str = "e_lamp") -> np.ndarray:
    """What lamps shed on the pages, by texel of a page and quarter, 0 where there is none: [n, 64, 4, 3]."""
    texels = cache.decoded.texels_of(keys)[:, 1:9, 1:9].reshape(-1, 64)
    e = getattr(cache.decoded.pool, part)[cache.decoded.pool.row_of_texel[texels]]
    return np.where((texels >= 0).reshape(texels.shape + (1,) * (e.ndim - 2)), e, 0)


def bounced(cache: LightCache, keys: np.ndarray) -> np.ndarray:
    """What else falls on them: [n, 64, 3]."""
    return of_lamps(cache, keys, "e_indirect")


@pytest.mark.parametrize("budget_bytes", [1, 4000 * ROW_BYTES])
def test_a_small_budget_gives_the_same_light_only_slower(budget_bytes: int) -> None:
    """Pages and decoded texels are thrown out again and again; what is shown is right each time."""
    view = view_of(plaza(), LAMPS)
    small, large = LightCache(random_network(), budget_bytes), fresh(view)
    small.update(view)
    assert budget_bytes > 1 or small.table.n_slots == SLOTS_PER_BAND
    keys = all_pages(large)[:SLOTS_PER_BAND]
    large.decode(keys)
    for part in (keys[:20], keys[30:], keys[10:40], keys):
        small.decode(part)
        for key in part:
            for mine, right in zip(page(small, key), page(large, key), strict=True):
                np.testing.assert_array_equal(mine, right)
    assert len(small.decoded.pool.moment) < 0.9 * large.transport.surface.capacity


def test_a_small_pool_follows_edits() -> None:
    random = np.random.default_rng(4)
    view = view_of(plaza(), LAMPS)
    small = LightCache(random_network(), 3000 * ROW_BYTES)
    small.update(view)
    for _ in range(4):
        view = edited(random, view)
        small.update(view)
        large = fresh(view)
        keys = random.choice(all_pages(large), 30, replace=False).astype(np.int32)
        small.decode(keys)
        large.decode(keys)
        for key in keys:
            for mine, right in zip(page(small, key), page(large, key), strict=True):
                np.testing.assert_array_equal(mine, right)


@pytest.mark.parametrize("look", ["neural", "classical"])
def test_a_budget_shows_a_stand_in_first_and_ends_with_the_exact_light(look: str) -> None:
    view = view_of(plaza(), LAMPS)
    network = random_network() if look == "neural" else None
    cache, exact = LightCache(network), LightCache(network)
    cache.update(view)
    exact.update(view)
    keys = all_pages(cache)
    stale = []
    for _ in range(14):
        cache.decode(keys, most_texels=1000)
        stale.append(cache.stats.pages_stale)
    assert stale[0] > 0 and stale == sorted(stale, reverse=True) and stale[-1] == 0
    before = cache.stats.pages_regenerated
    cache.decode(keys, most_texels=1000)
    assert cache.stats.pages_regenerated == before, "nothing is left to do"
    assert_same(cache, exact)


def test_a_budget_shows_light_as_it_bounces_until_rays_are_traced() -> None:
    """The mean over 5 x 5 texels of what the few rays bring that light bounces along."""
    view = view_of(plaza(), LAMPS)
    cache = fresh(view)
    transport, surface, texels = cache.transport, cache.transport.surface, cache.transport.surface.alive()
    first = cache.decode_texels(texels, most=400)[0]
    waits = cache.decoded.pool.waits()[cache.decoded.pool.row_of_texel[texels]]
    rays_wait = cache.decoded.pool.rays_wait[cache.decoded.pool.row_of_texel[texels]]
    assert 0 < (~rays_wait).sum() < 400 and waits[rays_wait].all()
    around, light = np.empty((len(texels), 9), np.int32), np.zeros((surface.capacity, 3))
    gather.find_neighbours(surface.place, surface.faces, np.array(transport.grid.shape), texels, around)
    light[texels] = transport.bounce_rays.bounced(texels, surface, cache.radiance, view.sky)
    for _ in range(2):
        light[texels] = np.where((around >= 0)[..., None], light[around], 0).sum(1) / (around >= 0).sum(1)[:, None]
    np.testing.assert_allclose(first[rays_wait], light[texels][rays_wait], rtol=1e-5)
    exact = fresh(view).decode_texels(texels)[0]
    np.testing.assert_array_equal(first[~rays_wait], exact[~rays_wait])


def test_a_budget_world_that_changes_while_pages_wait_ends_exact() -> None:
    random = np.random.default_rng(6)
    view = view_of(plaza(), LAMPS)
    cache = fresh(view)
    for _ in range(4):
        cache.decode(all_pages(cache), most_texels=700)
        view = edited(random, view)
        cache.update(view)
    assert_same(cache, fresh(view))


def worked_out(cache: LightCache, keys: np.ndarray) -> int:
    """How many texels of some pages have all their rays."""
    surface = cache.transport.surface
    texels = np.array([surface.page(row) for row in surface.rows_of(keys)])
    rows = cache.decoded.pool.row_of_texel[texels[texels >= 0]]
    return int((cache.decoded.pool.rays_void[rows[rows >= 0]] == 0).sum())


def test_a_budget_serves_large_pages_first_and_changes_before_them() -> None:
    view = view_of(plaza(), LAMPS)
    cache = fresh(view)
    keys = all_pages(cache)
    corner = np.stack(np.unravel_index(keys // 48, cache.transport.surface.n_bricks), 1)
    small, large = keys[corner[:, 0] < 2], keys[corner[:, 0] > 4]
    both = np.concatenate([small, large])
    cache.decode(both, 500, np.repeat([9, 10], [len(small), len(large)]).astype(np.int32))
    assert worked_out(cache, small) == 0 < worked_out(cache, large)

    cache = fresh(view)
    cache.decode(small)
    grid = plaza()
    grid[6:9, 6:9, 2:6] = 3
    cache.update(with_voxels(view, grid))
    surface, rows = cache.transport.surface, cache.decoded.pool
    waiting = np.flatnonzero((rows.texel_of_row >= 0) & (rows.rays_void != 0))
    assert len(waiting) > 100
    small = small[surface.rows_of(small) >= 0]
    both = np.concatenate([small, large])
    cache.decode(both, 100, np.repeat([1, 500], [len(small), len(large)]).astype(np.int32))
    assert worked_out(cache, large) == 0
    assert (rows.rays_void[waiting] != 0).sum() <= len(waiting) - 60, "the rest of the hundred are texels that came"


def test_the_rim_of_a_hole_waits_for_what_the_world_did() -> None:
    """Texels there have fewer neighbours than before and want more rays, though none of theirs may cross the hole."""
    view = view_of(plaza(), NO_LAMPS)
    cache = warm(view)
    grid, (x, y) = plaza(), (6, 30)
    grid[x, y, 1] = 0
    cache.update(with_voxels(view, grid))
    place, rows = cache.transport.surface.place, cache.decoded.pool
    on_floor = (place[:, 2] == 1) & (place[:, 3] == 4)
    rim = np.flatnonzero(on_floor & (abs(place[:, 0] - x) <= 1) & (abs(place[:, 1] - y) <= 1)).astype(np.int32)
    of_rim = rows.row_of_texel[rim]
    assert len(rim) == 8 and (rows.n_rays[of_rim] == gather.TEXEL_RAYS).all()
    rows.is_caused[:] = False
    rows._look_around(rim, cache.transport)
    assert (rows.n_rays[of_rim] == gather.EDGE_RAYS).all() and (rows.rays_void[of_rim] == gather.ALL_RAYS).all()
    assert rows.is_caused[of_rim].all()
    assert_same(cache, fresh(with_voxels(view, grid)))


def test_the_smallest_budget_gets_on() -> None:
    """A texel at an edge costs more than a budget of one texel, and may come first."""
    cache = fresh(view_of(plaza(), LAMPS))
    texels, rows = cache.transport.surface.alive()[::40], cache.decoded.pool
    done = []
    for _ in range(6):
        cache.decode_texels(texels, 1)
        done.append(int(((rows.texel_of_row >= 0) & (rows.rays_void == 0)).sum()))
    assert (np.diff([0, *done]) > 0).all()


def test_a_budget_lets_nothing_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes without end would take the whole budget: what has waited for AGE_CAP decodes comes before them."""
    view = view_of(plaza(), LAMPS)

    def served(turns: int) -> list[int]:
        cache, grid, done = fresh(view), plaza(), []
        keys = all_pages(cache)
        corner = np.stack(np.unravel_index(keys // 48, cache.transport.surface.n_bricks), 1)
        near, new = keys[corner[:, 0] < 4], keys[corner[:, 0] > 5]
        cache.decode(near)
        for turn in range(turns):
            grid[6:9, 6:9, 2:6] = 0 if turn % 2 else 3
            cache.update(with_voxels(view, grid.copy()))
            cache.decode(np.concatenate([near[cache.transport.surface.rows_of(near) >= 0], new]), 40)
            done.append(worked_out(cache, new))
        return done

    done = served(24)
    assert done[pool.AGE_CAP - 1] == 0 < done[-1]
    monkeypatch.setattr(pool, "AGE_CAP", 1000)
    assert served(24)[-1] == 0


def test_first_light_in_view_goes_first_while_the_sun_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the picture has light of its own in a third of the decodes that its texels would take, nine tenths in
    half of them. What a decode does more than it may an update does less: none does both.
    """
    view = view_of(plaza(), LAMPS)
    cache, most, traced, went_on = fresh(view), 60, [0], [False]
    keys, most_bricks = all_pages(cache), cache.transport.surface.n_with_texels // 2
    area = (1 + keys * 7919 % 97).astype(np.int32)
    real_trace, real_go_on = gather.trace_texels, LightCache._go_on
    monkeypatch.setattr(gather, "trace_texels", lambda *a: traced.append(traced.pop() + len(a[4])) or real_trace(*a))
    monkeypatch.setattr(
        LightCache, "_go_on", lambda self, most: went_on.append(went_on.pop() or True) or real_go_on(self, most)
    )
    texels = cache.decoded.texels_of(keys)[:, 1:9, 1:9].reshape(-1, 64)
    lit, sun, unfinished = [], view, 0
    while not lit or lit[-1] < 1:
        if len(lit) % 4 == 0:
            sun = dataclasses.replace(view, sky=sky(direction=(-0.5, 0.2, 0.4 + 0.001 * len(lit)), blue=0.4))
        unfinished += cache.update(sun, most_bricks).behind > 0
        cache.decode(keys, most, area)
        rows = cache.decoded.pool.row_of_texel[texels]
        own = (texels >= 0) & (cache.decoded.pool.e_at[rows] >= 0)
        lit.append((own.mean(1, where=texels >= 0) * area).sum() / area.sum())
        assert cache.stats.pages_stale == (cache.table.checked[cache.slots(keys)] != cache._relit.stamp).sum()
        traced.append(0)
        went_on.append(False)
    alone = cache.transport.surface.n_texels / most  # decodes that all of it takes within the budget
    first = [next(n for n, share in enumerate(lit) if share >= part) for part in (0.5, 0.9)]
    assert first[0] < alone / 3 and first[1] < alone / 2, (first, alone)
    assert max(traced) <= FIRST * most and sum(n > most for n in traced) > first[1] // 2
    assert not any(n > most and after for n, after in zip(traced, went_on[1:], strict=False))
    assert unfinished > 0.9 * len(lit) and sum(went_on[: first[1]]) >= first[1] // 5, "the sun never stops either"
    finished(cache, sun, most_bricks)
    assert_same(cache, fresh(sun))


def test_first_light_that_never_comes_keeps_no_hour_waiting() -> None:
    view = view_of(plaza(), LAMPS)
    cache, later, most_bricks = fresh(view), dataclasses.replace(view, sky=LATER), 200
    updates = finished(fresh(view), later, most_bricks)
    while cache.update(later, most_bricks).behind:
        cache.decode(all_pages(cache), 1)
        assert cache.stats.behind < 4 * (updates + 1)
    assert cache.stats.relit


def test_stand_ins_are_made_again_whenever_what_they_are_made_of_is_another() -> None:
    """Lamps dimmed, moved and put out, a wall, a crate: pages show it in the same frame, whenever their turn comes."""
    view = view_of(plaza(), LAMPS)
    cache, grid = fresh(view), plaza()
    grid[50:56, 30, 2:10] = 2
    moved = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((11.5, 6, 2.2), 0.3, (20, 20, 40)))
    dimmed = dataclasses.replace(moved, radiance=moved.radiance / 4)
    walled = with_voxels(dataclasses.replace(view, lamps=dimmed), grid)
    views = [view, dataclasses.replace(view, lamps=moved), dataclasses.replace(view, lamps=dimmed), walled]
    for other in (*views, with_crates(walled, (6.0, 9.0, 0.5)), dataclasses.replace(walled, lamps=NO_LAMPS)):
        cache.update(other, most_bricks=30)
        cache.decode(all_pages(cache), 20)
        texels, pool = cache.transport.surface.alive(), cache.decoded.pool
        rows = pool.row_of_texel[texels]
        texels = texels[(rows >= 0) & pool.rays_wait[rows] & (pool.e_at[rows] < 0)]
        rows = pool.row_of_texel[texels]
        assert len(texels) > 3000
        shown, dark = pool.e_indirect[rows], pool.lamps_wait[rows]
        pool._stand_in(texels, cache.transport, cache._relit, cache.world.sky)
        np.testing.assert_array_equal(shown, pool.e_indirect[rows])
        coarse = unpacked(cache.world.lamps.e[texels]) + cache.world.lamps.from_unseen(texels, other.lamps.radiance)
        np.testing.assert_array_equal(pool.e_lamp[rows[dark], 0], coarse[dark])
        for _ in range(2):
            cache.update(other, most_bricks=30)
            cache.decode(all_pages(cache), 20)
    cache.update(other)
    assert_same(cache, fresh(other))


def test_passing_on_what_may_differ_gives_the_same_light_and_does_more() -> None:
    """The baseline of `bench cache`."""
    view = view_of(plaza(), LAMPS)
    masks, ours = LightCache(random_network(), compares=False), warm(view)
    masks.update(view)
    light_by_place(masks)
    grid = plaza()
    grid[6:9, 6:9, 2:6] = 3
    for cache in (masks, ours):
        cache.update(with_voxels(view, grid))
    assert_same(masks, ours)
    assert masks._relit.texels_done > ours._relit.texels_done


LATER = sky(direction=(-0.5, 0.2, 0.4), blue=0.4)


def probes_and_texels(cache: LightCache) -> tuple[np.ndarray, np.ndarray]:
    probes = cache.transport.probes.probe_of_cell
    return cache.world.probe_light.of(probes[probes >= 0], cache.world.sky), cache.radiance.copy()


def test_a_new_hour_that_is_spread_over_updates_ends_with_the_exact_light() -> None:
    """Until it is there all light is that of the hour before, and no update does more than it may."""
    view = view_of(plaza(), LAMPS)
    cache, later = warm(view), dataclasses.replace(view, sky=LATER)
    before, n_bricks, updates = probes_and_texels(cache), cache.transport.surface.n_with_texels, 0
    most = n_bricks // 2
    while cache.update(later, most_bricks=most).behind:
        updates += 1
        assert cache.stats.behind == updates
        for mine, old in zip(probes_and_texels(cache), before, strict=True):
            np.testing.assert_array_equal(mine, old)
        assert_same(cache, cache)
    passes = cache.world.passes
    assert 2 * passes + 1 <= updates <= 3 * (2 * passes + 6)
    assert_same(cache, fresh(later))
    assert cache.update(later, most_bricks=most).behind == 0 and not cache.stats.relit


def test_pages_that_only_wait_for_another_hour_are_done_some_in_every_frame() -> None:
    """They show the hour before meanwhile; pages of another geometry or lamp never do."""
    view = view_of(plaza(), LAMPS)
    cache, exact = warm(view), fresh(dataclasses.replace(view, sky=LATER))
    keys, light = all_pages(cache), light_by_place(cache)
    while cache.update(exact_view := dataclasses.replace(view, sky=LATER), most_bricks=200).behind:
        pass
    stale = []
    while True:
        cache.decode(keys, most_texels=200)
        stale.append(cache.stats.pages_stale)
        if not stale[-1]:
            break
        assert len(stale) > 1 or 0 < sum((page(cache, k) != light["light"][i]).any() for i, k in enumerate(keys)) <= 66
    assert stale == list(range(len(keys) - 66, 0, -66)) + [0]
    assert_same(cache, exact)
    lit = dataclasses.replace(exact_view, lamps=dataclasses.replace(LAMPS, radiance=LAMPS.radiance / 2))
    cache.update(lit, most_bricks=200)
    cache.decode(keys, most_texels=200)
    assert cache.stats.pages_stale < 35
    exact = fresh(lit)
    exact.decode(keys)
    np.testing.assert_array_equal(of_lamps(cache, keys), of_lamps(exact, keys))


NO_LAMPS = view_of(plaza()).lamps


def repainted(materials: Materials, albedo: float) -> Materials:
    """The same materials, all but air as bright as that."""
    painted = np.full_like(materials.albedo, albedo)
    painted[0] = 0.0
    return dataclasses.replace(materials, albedo=painted)


def finished(cache: LightCache, view: View, most_bricks: int) -> int:
    """Goes on until all light is there; in how many updates."""
    for n in range(1, 500):
        if not cache.update(view, most_bricks=most_bricks).behind:
            return n
    raise AssertionError("light is never done")


def on_new_faces(cache: LightCache, change: tuple[slice, slice, slice]) -> np.ndarray:
    """Radiance [n, 3] of the texels in a box of voxels."""
    place = cache.transport.surface.place
    inside = place[:, 3] >= 0
    for axis, cut in enumerate(change):
        inside &= (place[:, axis] >= cut.start) & (place[:, axis] < cut.stop)
    return unpacked(cache.radiance[: len(place)][inside])


@pytest.mark.parametrize("done", [0, 1, 8, 17])
def test_a_wall_that_comes_in_play_has_light_of_its_own_at_once_and_the_exact_light_soon(done: int) -> None:
    """Also while a new hour is worked out: what is left of that is done first."""
    view = view_of(plaza(), LAMPS)
    cache, later = warm(view), dataclasses.replace(view, sky=LATER) if done else view
    for _ in range(done):
        assert cache.update(later, most_bricks=cache.transport.surface.n_with_texels // 2).behind
    grid, box = plaza(), (slice(50, 56), slice(30, 31), slice(2, 10))
    grid[box] = 2
    walled = with_voxels(later, grid)
    assert cache.update(walled, most_bricks=10).behind == 1
    at_once = on_new_faces(cache, box)
    assert 2 <= finished(cache, walled, 10) <= 2 * cache.world.passes + 8
    in_the_end = on_new_faces(cache, box)
    assert len(at_once) == len(in_the_end) > 90 and (at_once != in_the_end).any()
    assert abs(at_once.mean() / in_the_end.mean() - 1) < 0.2
    assert np.median(np.abs(at_once - in_the_end) / in_the_end) < 0.2
    assert_same(cache, fresh(walled))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_edits_lamps_and_hours_in_play_end_with_the_exact_light(seed: int) -> None:
    """Whatever comes while something else is being worked out."""
    random = np.random.default_rng(seed)
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    keys = all_pages(cache)
    for _ in range(12):
        kind = random.integers(6)
        if kind < 2:
            view = edited(random, view)
        elif kind == 4:
            view = dataclasses.replace(view, materials=repainted(view.materials, random.uniform(0.1, 0.9)))
        elif kind == 5:
            view = dataclasses.replace(view, lamps=LAMPS if random.random() < 0.5 else NO_LAMPS)
        elif kind == 2:
            radiance = view.lamps.full_radiance * float(random.choice([0.0, 0.5, 1.0]))
            lamps = dataclasses.replace(view.lamps, radiance=radiance)
            view = dataclasses.replace(view, lamps=lamps)
        else:
            view = dataclasses.replace(view, sky=LATER if random.random() < 0.5 else view.sky)
        for _ in range(random.integers(1, 6)):
            cache.update(view, most_bricks=30)
            keys = all_pages(cache)
            cache.decode(keys, most_texels=300)
            assert np.isfinite(cache.atlas).all()
    finished(cache, view, 30)
    while True:
        cache.decode(keys, most_texels=300)
        if not cache.stats.pages_stale:
            break
    shown = [page(cache, k).copy() for k in keys]
    cache.decode(keys)
    for before, k in zip(shown, keys, strict=True):
        np.testing.assert_array_equal(before, page(cache, k))
    assert_same(cache, fresh(view))


def test_other_colours_are_gathered_as_often_as_they_need() -> None:
    """White rooms want more passes than grey ones."""
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    for albedo, n_passes in ((0.3, PASSES[0]), (0.9, 12)):
        other = dataclasses.replace(view, materials=repainted(view.materials, albedo))
        cache.update(other)
        assert cache.world.passes == n_passes
        assert_same(cache, fresh(other))


def test_what_turns_black_with_the_number_of_passes_is_seen_to() -> None:
    """Light of another number of passes is not kept where that of before was: none can be told from none at all."""
    view = view_of(plaza(), LAMPS)
    white, black = (dataclasses.replace(view, materials=repainted(view.materials, a)) for a in (0.95, 0.0))
    cache = warm(white)
    cache.update(black)
    assert cache.world.passes == PASSES[0] < fresh(white).world.passes
    assert_same(cache, fresh(black))


def test_where_light_rests_nothing_is_counted_twice() -> None:
    cache = fresh(view_of(plaza(), LAMPS))
    cache.world.probe_light.at(np.array([[4.0, 4.0, 1.0]]), sky())
    cache.decode(all_pages(cache))
    assert cache.stats.probes_regenerated > 0 and cache.stats.pages_regenerated > 0
    stats = cache.rest()
    assert (stats.probes_regenerated, stats.pages_regenerated, stats.rays_traced) == (0, 0, 0)
    assert stats.probes == cache.transport.probes.n_known > 0 and stats.texels > 0


def test_the_last_lamp_that_goes_is_gone_at_once() -> None:
    view = view_of(plaza(), LAMPS)
    cache, dark = warm(view), dataclasses.replace(view, lamps=NO_LAMPS)
    keys = all_pages(cache)
    before = np.stack([page(cache, k).copy() for k in keys])
    assert of_lamps(cache, keys).max() > 0
    assert cache.update(dark, most_bricks=20).behind
    cache.decode(keys, most_texels=100)
    assert of_lamps(cache, keys).max() == 0
    assert (np.stack([page(cache, k) for k in keys]) < before).any()


def test_a_lamp_that_is_switched_while_other_light_is_worked_out_shines_at_once() -> None:
    view = view_of(plaza(), LAMPS)
    cache, later = warm(view), dataclasses.replace(view, sky=LATER)
    keys, n = all_pages(cache), cache.transport.surface.n_with_texels
    assert cache.update(later, most_bricks=n // 2).behind
    dimmed = dataclasses.replace(later, lamps=dataclasses.replace(LAMPS, radiance=LAMPS.radiance / 4))
    before = of_lamps(cache, keys)
    assert cache.update(dimmed, most_bricks=n // 2).behind == 2
    cache.decode(keys, most_texels=200)
    np.testing.assert_allclose(of_lamps(cache, keys), before / 4, rtol=1e-5)
    assert before.max() > 0
    for _ in range(2):  # first what is being worked out, then the lamp's bounces
        finished(cache, dimmed, n // 2)
    assert_same(cache, fresh(dimmed))


def test_lamps_and_hours_that_change_while_a_new_hour_is_worked_out_come_after_it() -> None:
    view = view_of(plaza(), LAMPS)
    cache, later = warm(view), dataclasses.replace(view, sky=LATER)
    cache.update(later, most_bricks=50)
    dark = dataclasses.replace(
        view, sky=sky(sun=0.0, blue=0.1), lamps=dataclasses.replace(LAMPS, radiance=LAMPS.radiance / 2)
    )
    for _ in range(200):
        if not cache.update(dark, most_bricks=50).behind and not cache.stats.relit:
            break
    assert_same(cache, fresh(dark))


def test_first_light_that_is_spread_over_updates_is_the_exact_light() -> None:
    """As soon as it shows."""
    view = view_of(plaza(), LAMPS)
    cache, updates = LightCache(random_network()), 0
    while cache.update(view, most_bricks=20).behind:
        updates += 1
        assert not cache.is_built and cache.stats.behind == updates
    assert updates > 20 and cache.is_built and cache.stats.relit
    assert_same(cache, fresh(view))


def test_a_world_that_changes_while_its_first_light_is_made_is_lit_as_it_is_then() -> None:
    """Also another world: the light of the one before is given up."""
    random, view = np.random.default_rng(8), view_of(plaza(), LAMPS)
    cache = LightCache(random_network())
    cache.update(view_of(plaza(), LAMPS), most_bricks=20)
    for _ in range(100):
        view = edited(random, view)
        if not cache.update(view, most_bricks=60).behind:
            break
    cache.update(view)
    assert_same(cache, fresh(view))


@pytest.mark.parametrize("ahead", ["grid", "stamps"])
def test_a_grid_that_moves_on_before_its_first_light_is_begun_is_lit_as_it_is_then(ahead: str) -> None:
    """A view's grid goes on with its world after the update that it was given to, and its stamps may not, or they alone
    do: so it is with those of a world that is told in terms of another, and with a grid that two worlds share.
    """
    view = view_of(plaza(), LAMPS)
    walled = plaza()
    walled[50:56, 30, 2:10] = 2
    grid, other = plaza(), with_voxels(view, walled)
    stamp = view.voxels.stamp.copy()
    cache = LightCache(random_network())
    cache.update(dataclasses.replace(view, voxels=VoxelView(grid, stamp, view.voxels.base)), 60)
    if ahead == "grid":
        grid[:] = walled
        finished(cache, view, 60)
        assert_same(cache, fresh(view))
    else:
        stamp[:] = other.voxels.stamp
        finished(cache, other, 60)
        assert_same(cache, fresh(other))


def test_another_lamp_shows_at_once_and_its_bounces_follow() -> None:
    view = view_of(plaza(), LAMPS)
    cache, most = warm(view), 30
    keys = all_pages(cache)
    bright = dataclasses.replace(LAMPS, radiance=2 * LAMPS.radiance, full_radiance=2 * LAMPS.full_radiance)
    moved = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((11.5, 6, 2.2), 0.3, (20, 20, 40)))
    dimmed = dataclasses.replace(moved, radiance=moved.radiance / 4)
    for other in (bright, moved, dimmed, lamps(((3.0, 9.0, 2.0), 0.3, (9, 9, 30)))):
        cache.decode(keys)
        before, after = bounced(cache, keys), dataclasses.replace(view, lamps=other)
        exact = fresh(after)
        exact.decode(keys)
        assert cache.update(after, most_bricks=most).behind == 1
        cache.decode(keys)
        np.testing.assert_array_equal(of_lamps(cache, keys), of_lamps(exact, keys))
        np.testing.assert_array_equal(bounced(cache, keys), before)
        while cache.update(after, most_bricks=most).behind:
            pass
        assert_same(cache, exact)


def test_where_fine_shadows_must_wait_a_lamp_that_came_shines_coarsely_and_one_that_went_does_not() -> None:
    """Before the coarse shadows of the whole world are there, in the light that these will give."""
    view = view_of(plaza(), LAMPS)
    cache = warm(view)
    after = dataclasses.replace(
        view, lamps=lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((11.5, 6, 2.2), 0.3, (9, 9, 40)))
    )
    cache.update(after, most_bricks=1)
    assert cache.world.lamps.unseen(after.lamps.radiance)
    texels = cache.transport.surface.alive()
    shown = unpacked(cache.world.lamps.e[texels]) + cache.world.lamps.from_unseen(texels, after.lamps.radiance)
    _, waiting = cache.decode_texels(texels, most=0)
    exact = fresh(after)
    there = unpacked(exact.world.lamps.e[exact.transport.surface.alive()])
    assert (np.abs(shown - there) <= 2.0**-KEPT_BITS * there.max(1, keepdims=True) + 1e-6).all(), "but for rounding"
    waits = cache.decoded.pool.lamps_wait[cache.decoded.pool.row_of_texel[texels]]
    assert waits.any() and (shown[waits] > 0.1).any()
    np.testing.assert_array_equal(waiting[waits], np.repeat(shown[waits, None], 4, 1))


def test_lamps_that_come_on_together_were_looked_at_before_or_are_in_parts() -> None:
    """What a lamp that is off would light is found out in idle updates; exact light asks only when it shines."""
    many = lamps(*(((3.0 + 1.7 * k, 4.0 + k, 2.4), 0.2, (30.0, 20.0, 10.0)) for k in range(6)))
    lit = view_of(plaza(), many)
    dark = dataclasses.replace(lit, lamps=dataclasses.replace(many, radiance=0 * many.radiance))
    exact, cache = fresh(lit), warm(dark)
    assert all(known is None for known in cache.world.lamps.lit)
    assert cache.update(lit, most_bricks=30).behind == 1 and cache.world.lamps.unseen(many.radiance)
    while cache.update(lit, most_bricks=30).behind:
        light_by_place(cache)
    assert_same(cache, exact)
    idle = warm(dark)
    for _ in range(1000):
        if not idle.world.lamps.unseen(many.radiance):
            break
        assert idle.update(dark, most_bricks=400).behind == 0 and not idle.stats.relit
    assert not idle.world.lamps.unseen(many.radiance)
    idle.update(lit)
    assert_same(idle, exact)


@pytest.mark.parametrize("n_edits", [3, lamps_module.MOST_OWED + 8])
def test_lamps_that_are_off_follow_edits_when_they_shine(n_edits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two goes off; its shadows wait for its light, through more changes than are kept, or for idle time."""
    random, lit = np.random.default_rng(5), view_of(plaza(), LAMPS)
    cache, idle = warm(lit), warm(lit)
    half = dataclasses.replace(LAMPS, radiance=LAMPS.radiance * np.array([[1.0], [0.0]], np.float32))
    view, looked = dataclasses.replace(lit, lamps=half), []
    cache.update(view), idle.update(view)
    real = lamps_module.coarse_factors
    monkeypatch.setattr(lamps_module, "coarse_factors", lambda *a: looked.append(a[5]) or real(*a))
    for k in range(n_edits):
        view = edited(random, view)
        cache.update(view), idle.update(view)
        assert 1 not in looked or k >= lamps_module.MOST_OWED
    assert (1 in looked) == (n_edits > lamps_module.MOST_OWED)
    while idle.world.lamps.owing():
        idle.update(view, most_bricks=400)
    looked.clear()
    lit = dataclasses.replace(view, lamps=LAMPS)
    idle.update(lit)
    assert 1 not in looked
    cache.update(lit)
    assert 1 in looked
    exact = fresh(lit)
    assert_same(cache, exact)
    assert_same(idle, exact)


def test_furniture_that_moves_keeps_its_parts_until_it_is_of_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    view, taken, real = view_of(plaza(), LAMPS), [], furniture.parts_of
    monkeypatch.setattr(furniture, "parts_of", lambda *a: taken.append(0) or real(*a))
    cache = warm(with_crates(view, (5.0, 9.0, 0.5)))
    painted = dataclasses.replace(view, materials=repainted(view.materials, 0.2))
    for other, again in (
        (with_crates(view, (6.0, 9.0, 0.5), (11.0, 4.0, 0.5)), 0),
        (with_crates(painted, (6.0, 9.0, 0.5)), 1),
        (with_crates(painted, (6.0, 9.5, 0.5)), 0),
        (with_crates(painted, (6.0, 9.5, 0.5), yaw=0.3), 1),
    ):
        taken.clear()
        cache.update(other)
        assert len(taken) == again
        assert_same(cache, fresh(other))


def test_rows_that_went_remember_no_lamp() -> None:
    many = lamps(*(((3.0 + 1.7 * k, 4.0 + k, 2.4), 0.2, (30.0, 20.0, 10.0)) for k in range(6)))
    cache, grid = warm(view_of(plaza(), many)), plaza()
    grid[20:40, 20:40] = 0
    dug = with_voxels(view_of(plaza(), many), grid)
    cache.update(dug)
    alone = dataclasses.replace(dug, lamps=lamps(((3.0, 4.0, 2.4), 0.2, (30.0, 20.0, 10.0))))
    cache.update(alone, most_bricks=30)
    cache.decode(all_pages(cache), 50)
    cache.update(alone)
    assert_same(cache, fresh(alone))


def test_a_lamp_that_owes_a_change_comes_on_with_its_new_shadows_while_other_light_is_worked_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view, asked, real = view_of(plaza(), LAMPS), [], pool.lamps_cross
    monkeypatch.setattr(pool, "lamps_cross", lambda *a: asked.append(a[6].tolist()) or real(*a))
    off = dataclasses.replace(LAMPS, radiance=LAMPS.radiance * np.array([[1.0], [0.0]], np.float32))
    cache, grid = warm(view), plaza()
    cache.update(dataclasses.replace(view, lamps=off))
    grid[54:56, 6:20, 2:9] = 2
    walled = with_voxels(view, grid)
    cache.update(dataclasses.replace(walled, lamps=off))
    assert cache.world.lamps.owing() == [1]
    assert asked == [[True, False]], "the lamp that shines follows at once, and once"
    assert cache.update(dataclasses.replace(walled, lamps=off, sky=LATER), most_bricks=10).behind == 1
    lit = dataclasses.replace(walled, sky=LATER)
    assert cache.update(lit, most_bricks=10).behind == 2
    keys, exact = all_pages(cache), fresh(lit)
    cache.decode(keys, 10**6)
    exact.decode(keys)
    np.testing.assert_array_equal(of_lamps(cache, keys), of_lamps(exact, keys))


def test_lamps_that_come_on_together_never_go_out_again() -> None:
    """Each shines on what waits as soon as it is one of the next to be looked at, and from then on."""
    many = lamps(*(((3.0 + 1.7 * k, 4.0 + k, 2.4), 0.2, (30.0, 20.0, 10.0)) for k in range(6)))
    lit = view_of(plaza(), many)
    cache = warm(dataclasses.replace(lit, lamps=dataclasses.replace(many, radiance=0 * many.radiance)))
    keys, before, rises = all_pages(cache), np.zeros(1), 0
    while cache.update(lit, most_bricks=30).behind and cache.world.lamps.unseen(many.radiance):
        cache.decode(keys, most_texels=1)
        now = of_lamps(cache, keys).mean((1, 2, 3))
        assert (now >= (1.0 - 2.0**-KEPT_BITS) * before - 1e-6).all()
        rises, before = rises + bool((now > before + 1e-4).any()), now
    assert rises > 1
    cache.update(lit)
    assert_same(cache, fresh(lit))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_changes_while_light_is_spread_over_updates_it_ends_exact(seed: int) -> None:
    """Hours, lamps switched, moved and added, crates, walls; pages are decoded all the while."""
    random = np.random.default_rng(seed)
    view, cache = view_of(plaza(), LAMPS), LightCache(random_network())
    keys: np.ndarray | None = None
    for _ in range(60):
        what = random.integers(0, 12)
        if what == 0:
            direction = tuple(random.uniform(-0.5, 0.5, 2)) + (0.4,)
            view = dataclasses.replace(view, sky=sky(direction=direction, blue=float(random.random())))
        elif what == 1:
            level = random.integers(0, 3, (len(view.lamps.radiance), 1)).astype(np.float32)
            dimmed = dataclasses.replace(view.lamps, radiance=view.lamps.full_radiance * level / 2)
            view = dataclasses.replace(view, lamps=dimmed)
        elif what == 2:
            places = random.uniform([1, 1, 1], [15, 15, 4], (random.integers(0, 7), 3))
            some = (
                lamps(*((tuple(p), 0.3, (20.0, 8.0, 5.0)) for p in places)) if len(places) else view_of(plaza()).lamps
            )
            view = dataclasses.replace(view, lamps=some)
        elif what == 3:
            places = random.uniform([1, 1, 0.5], [15, 15, 0.6], (random.integers(0, 3), 3))
            view = with_crates(view, *places)
        elif what == 4 and random.random() < 0.5:
            view = edited(random, view)
        cache.update(view, most_bricks=int(random.choice([15, 60])))
        if cache.is_built:
            keys = all_pages(cache)
            cache.decode(random.choice(keys, 30, replace=False).astype(np.int32), int(random.choice([50, 2000])))
    assert keys is not None
    while cache.update(view, most_bricks=60).behind:
        pass
    while True:
        cache.decode(all_pages(cache), 2000)
        if not cache.stats.pages_stale:
            break
    assert_same(cache, fresh(view))


def test_the_network_is_asked_where_geometry_changes_and_not_where_light_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = [], pool.decode.gathered_light

    def counted(*arguments):
        asked.append((int(arguments[11].sum()), len(arguments[0])))
        real(*arguments)

    monkeypatch.setattr(pool.decode, "gathered_light", counted)
    cache, view = LightCache(random_network()), view_of(plaza(), LAMPS)
    later, grid = dataclasses.replace(view, sky=sky(direction=(-0.5, 0.2, 0.84))), view.voxels.material.copy()
    grid[30:32, 30:32, 8] = 1
    block = with_voxels(later, grid)
    for changed in (view, later, block):
        cache.update(changed)
        cache.decode(all_pages(cache))
    (first, n), (by_light, relit), (by_voxel, some) = asked
    assert first == n > 5000 and by_light == 0 and relit > 5000 and 0 < by_voxel < some / 2
    assert_same(cache, fresh(block))
