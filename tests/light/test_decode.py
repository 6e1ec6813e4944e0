"""Decoded texels against plain numpy: the network's gains on what rays brought home, along two independent paths."""

import numpy as np
import pytest

from engine.light.cache import LightCache
from engine.light.decode import LEAST_TAKEN
from engine.light.features import SceneFeatures
from engine.light.network import Network
from tests.light.scenes_for_light import (
    lamps,
    materials,
    network_of,
    plain_network,
    plaza,
    random_network,
    sky,
    view_of,
    weights_of,
)

LAMPS = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)))


def decoded(network: Network | None, some: slice = slice(None)) -> tuple[LightCache, np.ndarray, np.ndarray]:
    """(cache, texels [n], indirect e [n, 3]) of the plaza under sky, sun and a lamp."""
    cache = LightCache(network)
    cache.update(view_of(plaza(), LAMPS))
    texels = cache.transport.surface.alive()[some]
    return cache, texels, cache.decode_texels(texels)[0]


def same_texels(cache: LightCache, texels: np.ndarray, scene: SceneFeatures) -> np.ndarray:
    """The numbers that the faces of a cache's texels have in a scene."""
    number = {tuple(p): i for i, p in enumerate(scene.surface.place.tolist())}
    return np.array([number[tuple(p)] for p in cache.transport.surface.place[texels].tolist()], np.int32)


@pytest.mark.parametrize("network", [plain_network(), random_network()], ids=["plain", "random"])
def test_what_is_played_is_what_is_taught(network: Network) -> None:
    """Kernels and pool of the cache against the arrays that the network learns from and its slow definition."""
    cache, texels, indirect = decoded(network, slice(None, None, 7))
    scene = SceneFeatures(plaza(), materials().albedo, materials().emission)
    share = scene.look_from(same_texels(cache, texels, scene))
    gathered = scene.gather(sky(), LAMPS)
    gain = network.gains(share[:, 0], share[:, 1], share[:, 2]).reshape(-1, 3, 4)
    expected = np.einsum("nwb,nwbc->nc", gain, gathered.moment)
    assert expected.std() > 0.05
    np.testing.assert_allclose(indirect, expected, rtol=1e-3, atol=1e-4)


def test_gains_take_from_the_width_and_bin_that_they_name() -> None:
    """One gain at a time: e is that part of the light, scaled up to all of it, means worked out here from the texels'
    own.
    """
    own_cache, texels, _ = decoded(plain_network())
    pool = own_cache.decoded.pool
    rows = pool.row_of_texel[texels]
    at = {tuple(p): i for i, p in enumerate(own_cache.transport.surface.place[texels].tolist())}
    own = np.concatenate([pool.moment[rows], pool.share[rows][..., None]], 2).astype(
        np.float64
    )  # the share as a colour
    centre = np.array([at[x, y, 1, 4] for x, y in ((50, 50), (60, 20), (20, 50), (6, 30))])  # open floor around
    offsets = [(u, v) for u in (-1, 0, 1) for v in (-1, 0, 1)]
    place = own_cache.transport.surface.place[texels][centre]

    def near(x: int, y: int) -> np.ndarray:
        return np.mean([own[at[x + u, y + v, 1, 4]] for u, v in offsets], 0)

    wide = np.array([np.mean([near(x + u, y + v) for u, v in offsets], 0) for x, y, *_ in place])
    parts = np.stack([own[centre], [near(x, y) for x, y, *_ in place], wide], 1).reshape(len(place), 12, 4)
    parts = parts[..., :3] * own[centre][..., 3].sum(1)[:, None, None] / np.maximum(parts[..., 3:], LEAST_TAKEN)
    for k in range(12):
        _, _, e = decoded(network_of(out_bias=np.eye(12)[k]))
        np.testing.assert_allclose(e[centre], parts[:, k], rtol=1e-4, atol=1e-6)


def test_hidden_units_leak_below_zero() -> None:
    """A unit at -2 gives -0.2, scaled by at most 4: negative light is kept until the page."""
    bias, out = np.zeros(24), np.zeros((12, 24))
    bias[5], out[:4, 5] = -2.0, 1.0
    _, _, all_own = decoded(network_of(out_bias=[1, 1, 1, 1] + [0] * 8), slice(None, None, 50))
    _, _, e = decoded(network_of(hidden_bias=bias, out_weight=out), slice(None, None, 50))
    np.testing.assert_allclose(e, -0.2 * all_own / LEAST_TAKEN, rtol=1e-4, atol=1e-6)


def test_pages_hold_no_negative_light() -> None:
    cache, _, _ = decoded(network_of(out_bias=[-1.0] * 12))
    keys = cache.transport.surface.keys()
    cache.decode(keys)
    band, x = np.divmod(cache.slots(keys), 56)
    pages = np.stack([cache.atlas[b, 1:17, i * 18 + 1 : i * 18 + 17] for b, i in zip(band, x, strict=True)])
    there = (
        (cache.decoded.texels_of(keys)[:, 1:9, 1:9] >= 0).repeat(2, 1).repeat(2, 2)
    )  # beyond lamps' light goes on as it came
    assert pages[there].min() == 0 and (pages[there, 3] == 1).all()


def test_the_classical_look_is_the_light_of_the_probes_that_a_texel_sees() -> None:
    cache, texels, e = decoded(None, slice(None, None, 7))
    transport, every = cache.transport, np.flatnonzero(cache.transport.probes.alive).astype(np.int32)
    side_light = np.zeros((len(transport.probes.alive), 6, 3), np.float32)
    side_light[every] = cache.world.probe_light.of(every, sky())
    side = transport.surface.place[texels, 3]
    index, weight = weights_of(transport, texels)
    expected = np.einsum("tp,tpc->tc", weight, side_light[index, side[:, None]])
    np.testing.assert_allclose(e, expected, rtol=1e-4, atol=1e-6)
    scene = SceneFeatures(plaza(), materials().albedo, materials().emission)
    scene.look_from(same_texels(cache, texels, scene))
    np.testing.assert_allclose(e, scene.gather(sky(), LAMPS).probe, rtol=1e-4, atol=1e-5)


def test_texels_do_not_depend_on_which_others_are_asked_for() -> None:
    """One by one, or all together, in any order: the same bits."""
    _, _, together = decoded(random_network())
    cache, texels, _ = decoded(random_network(), slice(0, 1))
    texels = cache.transport.surface.alive()
    for i in (1000, 5, 3777):
        np.testing.assert_array_equal(cache.decode_texels(texels[i : i + 1])[0][0], together[i])
    np.testing.assert_array_equal(cache.decode_texels(texels[::-1].copy())[0], together[::-1])
