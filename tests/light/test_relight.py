"""Fast gathering against plain numpy, sum by sum."""

import numpy as np

from engine.light.features import SceneFeatures
from engine.light.probes import OWN_SHARE, SKY, share
from engine.light.relight import PASSES, Relight, passes_for
from engine.light.surface import average_patches
from engine.view import sky_radiance
from tests.light.scenes_for_light import materials, plaza, sky


def scene() -> SceneFeatures:
    return SceneFeatures(plaza(), materials().albedo, materials().emission)


def patches_by_flooding(texels: np.ndarray, width: int) -> dict[int, set[int]]:
    """Texel -> the texels joined to it edge to edge within its block: the slow definition of labels."""
    patch: dict[int, set[int]] = {}
    for v, u in zip(*np.nonzero(texels >= 0), strict=True):
        seen, todo = set(), [(v, u)]
        while todo:
            y, x = todo.pop()
            if (y, x) in seen or not (0 <= y < 8 and 0 <= x < 8) or texels[y, x] < 0:
                continue
            if (y // width, x // width) != (v // width, u // width):
                continue
            seen.add((y, x))
            todo += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        patch[int(texels[v, u])] = {int(texels[p]) for p in seen}
    return patch


def test_patches_are_what_flooding_finds_and_their_means_are_means() -> None:
    surface = scene().surface
    rng = np.random.default_rng(0)
    radiance = np.zeros((surface.capacity, 4, 3), np.float32)
    radiance[:, 0] = rng.random((surface.capacity, 3))
    average_patches(surface.page_texel, surface.page_label, radiance)
    parted = 0
    for row in np.flatnonzero(surface.page_key_of_row >= 0):
        texels = surface.page_texel[row].reshape(8, 8)
        for level, width in ((1, 2), (2, 4), (3, 8)):
            patches = patches_by_flooding(texels, width)
            parted += level == 3 and len({min(p) for p in patches.values()}) > 1
            for texel, patch in patches.items():
                np.testing.assert_allclose(radiance[texel, level], radiance[sorted(patch), 0].mean(0), rtol=1e-5)
    assert parted > 5, "walls part some pages"


def test_sharing_is_a_mean_over_linked_probes() -> None:
    probes = scene().probes
    alive = np.flatnonzero(probes.alive).astype(np.int32)
    light = np.random.default_rng(1).random((len(probes.alive), 5)).astype(np.float32)
    shared = np.zeros_like(light)
    share(probes.link, alive, light, shared)
    for p in alive:
        linked = probes.link[p][probes.link[p] >= 0]
        expected = (OWN_SHARE * light[p] + light[linked].sum(0)) / (OWN_SHARE + len(linked))
        np.testing.assert_allclose(shared[p], expected, rtol=1e-5)


def test_relight_is_the_sum_that_it_says() -> None:
    """All passes in numpy: texel radiance, patch means, cosine sums over rays, shares."""
    features = scene()
    transport, probes, surface = features.transport, features.probes, features.surface
    alive, texels = np.flatnonzero(probes.alive).astype(np.int32), features.texels
    place = surface.place
    material = np.zeros(len(place), np.uint8)
    material[texels] = transport.grid[tuple(place[texels, :3].T)]
    direct = np.random.default_rng(2).random((len(place), 3)).astype(np.float32)
    outside = sky(blue=0.6)
    fast = Relight()
    fast.run(transport, material, features.albedo, features.emission, direct, outside)

    direction, hit = probes.direction[alive], probes.hit[alive]
    cosine = np.stack([np.maximum(s * direction[..., a], 0) for a in range(3) for s in (1, -1)], -1)  # [P, K, 6]
    from_sky = np.where((hit == SKY)[..., None], sky_radiance(outside, direction), 0)
    radiance = np.zeros((len(place), 4, 3), np.float32)
    side_light = np.zeros((len(probes.alive), 6, 3), np.float32)
    passes = passes_for(features.albedo[material[texels]])
    for step in range(passes + 1):
        seen = side_light[transport.index[texels], place[texels, 3][:, None]]
        gathered = (transport.weight[texels][..., None] * seen).sum(1)
        albedo = features.albedo[material[texels]]
        radiance[texels, 0] = features.emission[material[texels]] + albedo * (direct[texels] + gathered)
        average_patches(surface.page_texel, surface.page_label, radiance)
        if step == passes:
            break
        arriving = np.where((hit >= 0)[..., None], radiance[np.maximum(hit, 0), probes.level[alive]], from_sky)
        own = np.zeros_like(side_light)
        own[alive] = np.einsum("pks,pkc->psc", cosine, arriving) / cosine.sum(1)[..., None]
        for p in alive:
            linked = probes.link[p][probes.link[p] >= 0]
            side_light[p] = (OWN_SHARE * own[p] + own[linked].sum(0)) / (OWN_SHARE + len(linked))
    np.testing.assert_allclose(fast.side_light[alive], side_light[alive], rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(fast.texel_radiance[texels], radiance[texels], rtol=2e-4, atol=1e-5)


def test_the_whiter_the_world_the_more_bounces() -> None:
    numbers = [passes_for(np.full((5, 3), a, np.float32)) for a in (0.0, 0.2, 0.5, 0.7, 0.9, 1.0)]
    assert numbers == sorted(numbers) and numbers[0] == PASSES[0] and numbers[-1] == PASSES[1]
    assert 0.9 ** passes_for(np.full((5, 3), 0.9, np.float32)) < 0.3
