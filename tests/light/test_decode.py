"""Fast kernels against their slow definitions, and the kept decoder inputs against what they should mean."""

import numpy as np

from engine.light import decode
from engine.light.cache import LightCache
from engine.light.features import SceneFeatures
from engine.light.latents import probe_latents, probe_moments
from engine.light.probes import PER_PROBE
from tests.light.scenes_for_light import lamps, materials, plaza, sky, view_of
from tests.light.test_cache import random_network

LAMPS = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)))


def test_network_in_kernels_is_the_network_in_numpy() -> None:
    """Whole decode: latents, residuals and light of the fast path against plain numpy sums."""
    network = random_network()
    view = view_of(plaza(), LAMPS)
    cache = LightCache(network)
    cache.update(view)
    texels = cache.transport.surface.alive()[::7]
    cache.decode_texels(texels)
    scene = SceneFeatures(plaza(), materials().albedo, materials().emission)
    number = {tuple(p): i for i, p in enumerate(scene.surface.place.tolist())}
    mine = np.array([number[tuple(p)] for p in cache.transport.surface.place[texels].tolist()], np.int32)
    inputs = scene.geometry(mine)
    residual = network.forward(inputs.patch, inputs.clearance, inputs.offset)
    rows = cache._pool.row_of_texel[texels]
    np.testing.assert_allclose(cache._pool.residual[rows], residual, rtol=2e-4, atol=2e-5)

    latent = np.einsum("psqc,qk->pskc", scene.moments(view.sky, view.lamps), network.theta)
    for i in range(0, len(texels), 5):
        side = int(inputs.place[i, 3])
        axis, sign = side // 2, 1 - 2 * (side % 2)
        gain = residual[i].reshape(6, 3).copy()
        gain[4, 0] += 1
        expected = np.zeros(3)
        for j in range(8):
            for f in range(6):
                expected += inputs.weight[i, j] * gain[f] @ latent[inputs.index[i, j], decode.local_side(axis, sign, f)]
        np.testing.assert_allclose(cache._pool.e_indirect[rows[i]], expected, rtol=2e-3, atol=2e-4)


def test_latents_are_moments_times_theta() -> None:
    cache = LightCache()
    cache.update(view_of(plaza(), LAMPS))
    p, relit = cache.transport.probes, cache._relit
    some = np.flatnonzero(p.alive)[::9].astype(np.int32)
    moment = np.empty((len(some), 6, 8, 3), np.float32)
    args = (p.direction, p.cosine_sum, p.hit, p.level, p.bin_at, relit.sky, relit.texel_radiance)
    probe_moments(*args, some, moment)
    latent = np.zeros((len(p.alive), 6, 3, 3), np.float32)
    theta = random_network().theta
    probe_latents(*args, theta, some, latent)
    np.testing.assert_allclose(latent[some], np.einsum("psqc,qk->pskc", moment, theta), rtol=1e-4, atol=1e-5)


def test_patch_counts_voxels_in_local_bins() -> None:
    grid = np.zeros((32, 32, 32), np.uint8)
    grid[16, 16, 16] = 1
    grid[16, 17, 17] = 1  # next to the face +z of the voxel: v = y + 1, height 0
    grid[12:14, 16, 18:20] = 1  # u = x - 4 and x - 3, heights 1 and 2
    out = np.empty(decode.PATCH, np.float32)
    decode.occupancy_patch(grid, 16, 16, 16, 4, out)
    patch = out.reshape(7, 7, 4)
    assert patch[3, 4, 0] == 1.0
    assert patch[0, 3, 1] == 0.5 and patch[1, 3, 1] == 0.5
    assert patch[0, 3, 2] == 0.25 and patch[1, 3, 2] == 0.25
    assert np.count_nonzero(patch) == 5


def test_every_texel_of_the_plaza_sees_a_probe_in_front() -> None:
    cache = LightCache()
    cache.update(view_of(plaza()))
    texels = cache.transport.surface.alive()
    np.testing.assert_allclose(cache.transport.weight[texels].sum(1), 1, rtol=1e-5)
    place = cache.transport.surface.place[texels]
    axis, sign = place[:, 3] // 2, 1 - 2 * (place[:, 3] % 2)
    n = np.arange(len(texels))
    plane = (place[n, axis] + (sign > 0)) * 0.25
    ahead = (cache.transport.probes.position[cache.transport.index[texels]][n, :, axis] - plane[:, None]) * sign[
        :, None
    ]
    assert (ahead[cache.transport.weight[texels] > 0] > 0).all()


def test_light_under_a_clear_sky_is_the_sky() -> None:
    scene = SceneFeatures(np.pad(np.ones((32, 32, 1), np.uint8), ((0, 0), (0, 0), (0, 15))), *_plain())
    moment = scene.moments(sky(sun=0.0, blue=0.4), None)
    up = moment[scene.probes.alive][:, 4, :4].sum(1)
    np.testing.assert_allclose(up, 0.4, rtol=1e-4)


def _plain() -> tuple[np.ndarray, np.ndarray]:
    return materials().albedo, materials().emission


def test_every_array_over_probes_grows_with_them() -> None:
    scene = SceneFeatures(plaza(), *_plain())
    n = len(scene.probes.alive)
    arrays = {k: v for k, v in vars(scene.probes).items() if isinstance(v, np.ndarray)}
    per_probe = {k for k in arrays if k not in ("fibonacci", "probe_of_cell")}
    assert per_probe == set(PER_PROBE)
    assert all(len(arrays[k]) == n for k in per_probe)


def test_linked_probes_see_each_other() -> None:
    probes = SceneFeatures(plaza(), *_plain()).probes
    p, side = np.nonzero((probes.link >= 0) & probes.alive[:, None])
    assert len(p) > 100
    q = probes.link[p, side]
    np.testing.assert_array_equal(probes.link[q, side ^ 1], p)
    assert (np.abs(probes.cell[p] - probes.cell[q]).sum(1) == 1).all()
