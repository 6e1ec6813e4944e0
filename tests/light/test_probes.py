"""Probes and how texels see them."""

import numpy as np

from engine.light.cache import LightCache
from engine.light.features import SceneFeatures
from engine.light.probes import PER_PROBE
from tests.light.scenes_for_light import materials, plaza, view_of


def scene() -> SceneFeatures:
    return SceneFeatures(plaza(), materials().albedo, materials().emission)


def test_every_texel_of_the_plaza_sees_a_probe_in_front() -> None:
    cache = LightCache()
    cache.update(view_of(plaza()))
    texels = cache.transport.surface.alive()
    np.testing.assert_allclose(cache.transport.weight[texels].sum(1), 1, rtol=1e-5)
    place = cache.transport.surface.place[texels]
    axis, sign = place[:, 3] // 2, 1 - 2 * (place[:, 3] % 2)
    n = np.arange(len(texels))
    plane = (place[n, axis] + (sign > 0)) * 0.25
    position = cache.transport.probes.position[cache.transport.index[texels]]
    ahead = (position[n, :, axis] - plane[:, None]) * sign[:, None]
    assert (ahead[cache.transport.weight[texels] > 0] > 0).all()


def test_every_array_over_probes_grows_with_them() -> None:
    features = scene()
    n = len(features.probes.alive)
    arrays = {k: v for k, v in vars(features.probes).items() if isinstance(v, np.ndarray)}
    per_probe = {k for k in arrays if k not in ("fibonacci", "probe_of_cell")}
    assert per_probe == set(PER_PROBE)
    assert all(len(arrays[k]) == n for k in per_probe)


def test_linked_probes_see_each_other() -> None:
    probes = scene().probes
    p, side = np.nonzero((probes.link >= 0) & probes.alive[:, None])
    assert len(p) > 100
    q = probes.link[p, side]
    np.testing.assert_array_equal(probes.link[q, side ^ 1], p)
    assert (np.abs(probes.cell[p] - probes.cell[q]).sum(1) == 1).all()
