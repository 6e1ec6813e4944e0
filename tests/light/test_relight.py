"""Fast gathering against plain numpy, sum by sum."""

import numpy as np
import pytest

from engine.light import gather
from engine.light.bounces import N_RAYS
from engine.light.bounces import SKY as BOUNCE_SKY
from engine.light.features import SceneFeatures
from engine.light.fixtures import lamp_shapes
from engine.light.furniture import no_furniture
from engine.light.keeping import KEPT_BITS, pack, packed, unpack, unpacked
from engine.light.lamps import LampTransport
from engine.light.relight import PASSES, Direct, Dirty, Relight, Scene, passes_for
from engine.light.surface import Surface
from engine.view import SkyView, sky_radiance
from tests.light.scenes_for_light import even_sky, lamps, materials, plaza, sky, told_of
from tests.light.test_bounces import spots_met


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


def rounded(light: np.ndarray) -> np.ndarray:
    """Light [n, 3] to KEPT_BITS significant bits of the brightest colour, ties to even, by numpy."""
    most = light.max(1, keepdims=True).astype(np.float64)
    exponent = np.maximum(np.frexp(most)[1], -15)
    exponent += np.rint(np.ldexp(most, KEPT_BITS - exponent)) >= 2**KEPT_BITS  # rounded up to a power of two
    return np.ldexp(np.rint(np.ldexp(light.astype(np.float64), KEPT_BITS - exponent)), exponent - KEPT_BITS)


def patch_means(surface: Surface, own: np.ndarray) -> np.ndarray:
    """[T, 4, 3]: own radiance [T, 3] and its means over patches of 2, 4 and 8 texels."""
    radiance = np.zeros((surface.capacity, 4, 3), np.float32)
    radiance[:, 0] = own
    for row in np.flatnonzero(surface.page_key_of_row >= 0):
        for level, width in ((1, 2), (2, 4), (3, 8)):
            for texel, patch in patches_by_flooding(surface.page(row).reshape(8, 8), width).items():
                radiance[texel, level] = own[sorted(patch)].mean(0)
    return radiance


def test_kept_light_is_rounded_light() -> None:
    light = np.exp(np.random.default_rng(0).uniform(-18, 10, (4000, 3))).astype(np.float32)
    light[::5, 0] = np.ldexp(1 - 2.0**-11, np.arange(-20, 15).repeat(23)[:800])  # rounded up to a power of two
    light[::5, 1:] = np.minimum(light[::5, 1:], light[::5, :1] / 2)
    np.testing.assert_array_equal([unpack(pack(*x)) for x in light], rounded(light))
    zero, one, huge = (np.float32(x) for x in (0.0, 1.0, 1e20))
    assert unpack(pack(zero, zero, zero)) == (0, 0, 0) == unpack(pack(np.float32(1e-12), zero, zero))
    most = unpack(pack(huge, one, zero))
    assert 2**15 < most[0] < 2**16 and most[1] == 0, "what is too bright stays the brightest there is"
    halves = [unpack(pack(np.float32(x), one, zero)) for x in (1 + 2.0**-KEPT_BITS, 1 + 3 * 2.0**-KEPT_BITS)]
    assert halves == [(1, 1, 0), (1 + 2 * 2.0 ** (1 - KEPT_BITS), 1, 0)], "to even"


def sunless(lamps: np.ndarray) -> Direct:
    return Direct(packed(lamps), np.zeros(len(lamps), np.uint8), np.zeros(3, np.float32), np.zeros(3, np.float32))


def scene_of(features: SceneFeatures, direct: np.ndarray, outside: SkyView) -> Scene:
    """In which of light from everywhere half as much again leaves as of light straight from a source."""
    bounced = 1.5 * features.albedo
    return Scene(features.transport, features.albedo, bounced, features.emission, sunless(direct), outside)


def relit(features: SceneFeatures, direct: np.ndarray, outside: SkyView, passes: int) -> Relight:
    light = Relight()
    light.run(scene_of(features, direct, outside), passes)
    return light


def by_rays(features: SceneFeatures, by_spot: np.ndarray, outside: SkyView) -> np.ndarray:
    """[n, 3]: mean over the rays of each texel of what they read, by_spot [S, 3], or of the sky."""
    texels, place, rays = features.texels, features.surface.place, features.transport.bounce_rays
    spots, direction = spots_met(features, texels), np.empty((len(texels), N_RAYS, 3))
    for i, t in enumerate(texels):
        for k in range(N_RAYS):
            gather.texel_direction(place[t, 3], gather.bounce_turn(place, t), k, N_RAYS, direction[i, k])
    is_sky = (rays.met[texels] >> 8 == BOUNCE_SKY)[..., None]
    light = np.where(is_sky, sky_radiance(outside, direction), np.where(spots[..., None] >= 0, by_spot[spots], 0))
    return light.mean(1).astype(np.float32)


def test_relight_is_the_sum_that_it_says() -> None:
    """Passes in numpy: texel radiance, patch means, sums over texels' rays."""
    passes = 3
    features = scene()
    transport, surface, texels = features.transport, features.surface, features.texels
    place = surface.place
    material = transport.grid[tuple(place[texels, :3].T)]
    direct = unpacked(packed(np.random.default_rng(2).random((len(place), 3)).astype(np.float32)))
    outside = sky(blue=0.6)
    fast = relit(features, direct, outside, passes)

    spots = np.concatenate([texels[:, None], surface.patch_spot[texels]], 1)  # [T, 4] by level
    by_spot = np.zeros((surface.n_spots, 3), np.float32)
    albedo, emission = features.albedo[material], features.emission[material]
    for step in range(passes + 1):
        gathered = by_rays(features, by_spot, outside) if step else np.zeros((len(texels), 3), np.float32)
        own_light = np.zeros((len(place), 3), np.float32)
        own_light[texels] = emission + albedo * direct[texels] + 1.5 * albedo * gathered
        radiance = patch_means(surface, own_light)
        by_spot[spots] = radiance[texels]
    brought = transport.bounce_rays.bounced(texels, surface, fast.radiance, outside)
    np.testing.assert_allclose(brought, by_rays(features, unpacked(fast.radiance), outside), rtol=0.01, atol=1e-4)
    lost = 2.0**-KEPT_BITS  # by one rounding, at most, of the brightest colour
    found = unpacked(fast.radiance[spots])
    off = (found.astype(np.float64) - radiance[texels]) / radiance[texels].max(-1, keepdims=True)
    assert abs(off).max() < 5 * lost
    assert abs(off.mean()) < 0.1 * lost and off.std() < lost, "rounding does not lean to one side"


def bounced(features: SceneFeatures, direct: np.ndarray, outside: SkyView, passes: int) -> np.ndarray:
    """Radiance [T, 3] of all texels by radiosity: each gathers along 128 rays of its own, in every pass."""
    place, texels, surface = features.surface.place, features.texels, features.surface
    rays, n_rays = (len(place), gather.EDGE_RAYS), np.full(len(place), gather.TEXEL_RAYS, np.int32)
    met = np.zeros(rays, np.uint32)
    gather.trace_texels(
        features.transport.voxels, no_furniture(), place, surface.faces, texels, texels, n_rays,
        np.full(len(place), gather.ALL_RAYS, np.uint64), met,
    )  # fmt: skip
    from_sky = np.zeros((len(place), gather.BINS, 3), np.float32)
    gather.gather_sky(
        place, texels, texels, n_rays, met, outside.sun_direction, outside.zenith, outside.horizon,
        outside.glow, outside.ground, from_sky,
    )  # fmt: skip
    material = features.transport.grid[tuple(place[texels, :3].T)]
    radiance, e = np.zeros_like(direct), np.zeros_like(direct)
    for _ in range(passes + 1):
        radiance[texels] = features.emission[material] + features.albedo[material] * (direct + e)[texels]
        end = told_of(met[texels, : gather.TEXEL_RAYS])[0]
        seen = np.where((end >= 0)[..., None], radiance[np.maximum(end, 0)], 0.0)
        e[texels] = (from_sky[texels].sum(1) + seen.sum(1)) / gather.TEXEL_RAYS
    return radiance


@pytest.mark.parametrize("kind", ["sky", "lamp"])
def test_niches_get_no_more_light_than_their_own_rays_bring(kind: str) -> None:
    """Light that bounces among pillars and ribs half a metre apart, and the path that it takes by radiosity."""
    grid = np.zeros((48, 48, 32), np.uint8)
    grid[:, :, :2] = grid[8:40, 8:40, 14:16] = 1
    grid[10:38:4, 10:38:4, 2:14] = 1
    grid[8:40:3, 8:40, 12:14] = 1
    white = np.full((2, 3), 0.6, np.float32)
    features = SceneFeatures(grid, white, np.zeros((2, 3), np.float32))
    place, direct = features.surface.place, np.zeros((features.surface.capacity, 3), np.float32)
    lamp = LampTransport()
    if kind == "lamp":
        box = lamps(((6.0, 6.0, 2.0), 0.3, (40, 40, 40)))
        lamp.update(lamp_shapes(box), features.transport.voxels, features.surface, None)
        direct[:] = unpacked(lamp.direct(len(place), box.radiance))
    outside = even_sky(1.0 if kind == "sky" else 0.0)
    light, albedo = Relight(), features.albedo
    light.run(Scene(features.transport, albedo, albedo, features.emission, sunless(direct), outside), 8)
    truth = bounced(features, direct, outside, 8)
    under = features.texels[((place[features.texels, :3] >= 8) & (place[features.texels, :3] < [40, 40, 16])).all(1)]
    ratio = unpacked(light.radiance[under]).mean() / truth[under].mean()
    assert abs(ratio - 1) < 0.03, ratio


def test_a_local_change_gives_the_bits_of_light_from_nothing() -> None:
    features = scene()
    features.transport.bounce_rays.keeps_readers = True
    direct = np.random.default_rng(3).random((features.surface.capacity, 3)).astype(np.float32)
    light = relit(features, direct, sky(), 5)
    first = light.radiance.copy()
    for n in (1, 30, 400):
        texels = np.random.default_rng(n).choice(features.texels, n, replace=False).astype(np.int32)
        direct[texels] *= 3
        what = Dirty(np.sort(texels))
        light.run(scene_of(features, direct, sky()), 5, what)
        fresh = relit(features, direct, sky(), 5)
        np.testing.assert_array_equal(light.radiance, fresh.radiance)
        differs = light.radiance != first
        np.testing.assert_array_equal(light.changed_at == light.stamp, differs)
        first = light.radiance.copy()
        assert n < light.texels_done < 6 * len(features.texels)


def test_the_whiter_the_world_the_more_bounces() -> None:
    numbers = [passes_for(np.full((5, 3), a, np.float32)) for a in (0.0, 0.2, 0.5, 0.7, 0.9, 1.0)]
    assert numbers == sorted(numbers) and numbers[0] == PASSES[0] and numbers[-1] == PASSES[1]
    assert 0.9 ** passes_for(np.full((5, 3), 0.9, np.float32)) < 0.3
