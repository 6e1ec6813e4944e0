"""Light of probes against plain numpy, ray by ray."""

import dataclasses

import numpy as np
import pytest

from engine.light.cache import LightCache
from engine.light.interpolate import probe_weights
from engine.light.keeping import unpacked
from engine.light.probelight import OWN_SHARE, ProbeLight
from engine.light.probes import DISTANCE_UNIT, SKY
from engine.light.surface import face_centre
from engine.view import sky_radiance
from tests.light.scenes_for_light import lamps, plaza, sky, view_of, weights_of, with_crates

LAMPS = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)))
OUTSIDE = sky(blue=0.6)


def lit() -> LightCache:
    cache = LightCache()
    cache.update(view_of(plaza(), LAMPS, OUTSIDE))
    return cache


def slow_light(cache: LightCache) -> np.ndarray:
    """[P, 6, 3]: weighted means over rays of what they read, then over probes and those that they see."""
    probes, surface = cache.transport.probes, cache.transport.surface
    alive = np.flatnonzero(probes.alive).astype(np.int32)
    probes.look(cache.transport.voxels, surface, alive)
    rows = probes.row_of[alive]
    met, far = probes.met[rows], probes.distance[rows] * DISTANCE_UNIT
    spots = np.concatenate([np.arange(surface.capacity)[:, None], surface.patch_spot], 1)  # [T, 4] by level
    level = (far >= 1.0).astype(int) + (far >= 2.0) + (far >= 4.0)
    read = unpacked(cache.radiance[spots[np.maximum(met, 0), level]])
    from_sky = np.where((met == SKY)[..., None], sky_radiance(OUTSIDE, probes.directions(alive)), 0.0)
    arriving = np.where((met >= 0)[..., None], read, from_sky)
    weight = probes.weight[rows].astype(np.float64)
    own, shared = (np.zeros((len(probes.alive), 6, 3)) for _ in range(2))
    own[alive] = np.einsum("pks,pkc->psc", weight, arriving) / weight.sum(1)[..., None]
    for p in alive:
        linked = probes.link[p][probes.link[p] >= 0]
        shared[p] = (OWN_SHARE * own[p] + own[linked].sum(0)) / (OWN_SHARE + len(linked))
    return shared


def test_probes_gather_what_their_rays_read_and_share_it() -> None:
    cache = lit()
    probes, wanted = cache.transport.probes, slow_light(cache)
    alive = np.flatnonzero(probes.alive).astype(np.int32)
    np.testing.assert_allclose(cache.world.probe_light.of(alive, OUTSIDE), wanted[alive], rtol=1e-4, atol=1e-5)


def test_only_those_are_traced_that_are_asked_about_and_their_neighbours() -> None:
    """And once: another hour traces none again."""
    cache, view = LightCache(), view_of(plaza(), LAMPS, OUTSIDE)
    cache.update(view)
    probes, light = cache.transport.probes, cache.world.probe_light
    assert probes.n_known == 0
    some = np.flatnonzero(probes.alive)[::40].astype(np.int32)
    light.of(some, OUTSIDE)
    wanted = np.unique(np.concatenate([some, probes.link[some][probes.link[some] >= 0]]))
    np.testing.assert_array_equal(np.flatnonzero(probes.row_of >= 0), wanted)
    assert light.take_traced() == len(wanted) == probes.n_known < 0.5 * probes.alive.sum()
    later = sky(direction=(-0.5, 0.2, 0.4), blue=0.4)
    before = light.of(some, OUTSIDE)
    cache.update(dataclasses.replace(view, sky=later))
    after = light.of(some, later)
    assert light.take_traced() == 0 and (before != after).any((1, 2)).all()
    np.testing.assert_array_equal(after, ProbeLight(cache.transport, cache._relit).of(some, later))


def test_places_and_texels_are_lit_by_the_probes_that_they_see() -> None:
    cache = lit()
    light, surface, wanted = cache.world.probe_light, cache.transport.surface, slow_light(cache)
    texels = surface.alive()[::131]
    index, weight = weights_of(cache.transport, texels)
    side = surface.place[texels, 3]
    on = np.einsum("tp,tpc->tc", weight, wanted[index, side[:, None]])
    np.testing.assert_allclose(light.on(texels, OUTSIDE), on, rtol=1e-4, atol=1e-5)
    centre, index, weight = np.empty(3), np.empty(8, np.int32), np.empty(8, np.float32)
    for t in texels[::3]:
        face_centre(surface.place, t, centre)
        place = centre + [0.0, 0.0, 0.4]
        probe_weights(
            cache.transport.voxels, cache.transport.probes.probe_of_cell, cache.transport.probes.position, *place, 0.0,
            0.0, 0.0, index, weight,
        )  # fmt: skip
        if weight.any():
            cube = np.einsum("p,psc->sc", weight, wanted[index])
            np.testing.assert_allclose(light.at(place[None], OUTSIDE)[0], cube, rtol=1e-4, atol=1e-5)
    high = light.at(np.array([[8.0, 8.0, 7.5], [8.0, 8.0, 60.0]]), OUTSIDE)
    np.testing.assert_allclose(high[0], high[1], rtol=0.2)


@pytest.mark.parametrize("fill", [0, 1])
@pytest.mark.parametrize("stands", [0, 1])
def test_a_world_without_any_probe_is_lit_all_the_same(fill: int, stands: int) -> None:
    """Nothing but air, or nothing but stone, and a crate in it."""
    view = with_crates(view_of(np.full((32, 32, 16), fill, np.uint8)), (4.0, 4.0, 1.0))
    view = dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, stands=np.full(1, stands, np.uint8)))
    cache = LightCache()
    cache.update(view)
    assert not cache.transport.probes.alive.any()
    assert not cache.world.probe_light.at(np.array([[4.0, 4.0, 2.0]]), view.sky).any()
    assert np.isfinite(cache.body_radiance(view)).all()
