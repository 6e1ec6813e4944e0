"""Kernels of the final gather against their definitions, ray by ray in plain numpy."""

import math

import numpy as np
import pytest

from engine.light import gather
from engine.light.features import SceneFeatures
from engine.light.furniture import NEAR_M, first_part_met, furniture_of, side_met
from engine.light.gather import BINS, BLOCKED, EDGE_RAYS, PART, SKY, TEXEL_RAYS
from engine.light.keeping import unpack
from engine.light.surface import face_centre
from engine.light.trace import INSIDE, NOTHING, first_hit
from engine.view import sky_radiance
from tests.light.scenes_for_light import (
    materials,
    open_ground,
    packed_as,
    plaza,
    ray,
    sky,
    told_of,
    traced,
    view_of,
    with_crates,
)


@pytest.fixture(scope="module")
def scene() -> SceneFeatures:
    return SceneFeatures(plaza(), materials().albedo, materials().emission)


def number_of_places(scene: SceneFeatures) -> dict[tuple[int, ...], int]:
    """(x, y, z, side) -> texel."""
    return {tuple(scene.surface.place[t].tolist()): int(t) for t in scene.texels}


def bins_of_codes(code: np.ndarray) -> np.ndarray:
    """Soft weights [..., 4] of codes: a tent around each bin."""
    return np.maximum(0, 1 - np.abs(code[..., None] / 80.0 - np.arange(BINS)))


@pytest.mark.parametrize("rays", [TEXEL_RAYS, EDGE_RAYS])
def test_rays_follow_the_cosine_law_over_the_whole_face(scene: SceneFeatures, rays: int) -> None:
    place, centre = scene.surface.place, np.empty(3)
    across, height, spots = [], [], []
    for texel in scene.texels[::97]:
        axis, sign = face_centre(place, texel, centre)
        u, v = (axis + 1) % 3, (axis + 2) % 3
        found = [ray(place, texel, k, rays) for k in range(rays)]
        origin, direction = (np.array(part) for part in zip(*found, strict=True))
        np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, atol=1e-6)
        assert (direction[:, axis] * sign > 0).all(), "rays look out of the face"
        np.testing.assert_allclose((origin - centre)[:, axis] * sign, 1e-3, atol=1e-9)
        assert (np.abs((origin - centre)[:, [u, v]]) <= 0.125).all(), "rays begin on the face"
        # Under the cosine law the squared height of directions is even in 0..1.
        even = (np.arange(rays) + 0.5) / rays
        np.testing.assert_allclose(np.sort(direction[:, axis] ** 2), even, atol=1 / rays)
        across.append(direction[:, [u, v]].mean(0))
        height.append(np.abs(direction[:, axis]).mean())
        spots.append((origin - centre)[:, [u, v]])
    assert np.abs(across).max() < 0.05, "no side is preferred"
    assert np.mean(height) == pytest.approx(2 / 3, abs=2e-3)
    assert np.std(spots) == pytest.approx(0.25 / math.sqrt(12), rel=0.03)


@pytest.mark.parametrize("rays", [TEXEL_RAYS, EDGE_RAYS])
def test_traced_rays_are_first_hits(scene: SceneFeatures, rays: int) -> None:
    place, number = scene.surface.place, number_of_places(scene)
    texels = scene.texels[::211]
    hit, code = traced(scene, texels, rays=rays)
    ends = {"texel": 0, "sky": 0}
    for i, texel in enumerate(texels):
        for k in range(rays):
            t, side, *voxel = first_hit(scene.transport.voxels, *np.concatenate(ray(place, texel, k, rays)), 1e4)
            assert side != INSIDE
            expected = SKY if side == NOTHING else number[(*voxel, side)]
            assert hit[i, k] == expected
            step = 80 * min(max(math.log2(t / 0.5) / 1.5, 0), 3)
            assert step - 1e-9 <= code[i, k] < step + 1
            ends["sky" if side == NOTHING else "texel"] += 1
    assert min(ends.values()) > 500


def test_rays_end_on_furniture_before_they_end_on_walls() -> None:
    view = with_crates(view_of(open_ground()), (6.0, 6.0, 0.5), yaw=0.4)
    furniture, _, _ = furniture_of(view)
    ground = SceneFeatures(open_ground(), materials().albedo, materials().emission)
    number = number_of_places(ground)
    texels = np.array([number[x, y, 1, 4] for x, y in ((21, 24), (24, 28), (28, 24), (2, 2))], np.int32)
    hit, code = traced(ground, texels, furniture)
    without, far = traced(ground, texels)
    near = np.zeros(1, np.int32)
    for i, texel in enumerate(texels):
        for k in range(TEXEL_RAYS):
            met, part = first_part_met(furniture, near, 1, *np.concatenate(ray(ground.surface.place, texel, k)), NEAR_M)
            if part >= 0:
                origin, direction = ray(ground.surface.place, texel, k)
                assert hit[i, k] == PART - 6 * part - side_met(furniture, part, *(origin + met * direction))
                assert code[i, k] <= far[i, k]
                assert code[i, k] == math.ceil(80 * max(math.log2(met / 0.5) / 1.5, 0))
            else:
                assert (hit[i, k], code[i, k]) == (without[i, k], far[i, k])
    blocked = (hit <= PART).mean(1)
    assert (blocked[:3] > 0.05).all() and blocked[3] < 0.05
    assert len(np.unique((PART - hit[hit <= PART]) % 6)) > 2, "they end on several of its sides"


def test_gathered_light_is_the_sum_over_rays(scene: SceneFeatures, rng: np.random.Generator) -> None:
    """Random ends and distances: bins, patches by distance, sky, furniture and blocked rays."""
    place, n = scene.surface.place, 60
    texels = rng.choice(scene.texels, n, replace=False).astype(np.int32)
    rows = rng.permutation(n + 9)[:n].astype(np.int32)
    hit = np.full((n + 9, EDGE_RAYS), 99, np.int32)
    hit[rows] = rng.choice(scene.texels, (n, EDGE_RAYS))
    hit[rows] = np.where(rng.random((n, EDGE_RAYS)) < 0.4, rng.integers(PART - 17, 0, (n, EDGE_RAYS)), hit[rows])
    n_rays = rng.choice(np.array([TEXEL_RAYS, EDGE_RAYS], np.int32), n + 9)
    code = rng.integers(0, 241, hit.shape).astype(np.uint8)
    code[:, :8] = [0, 80, 106, 107, 160, 161, 213, 240]
    kept = rng.integers(12 << 27, 20 << 27, scene.surface.n_spots).astype(np.uint32)
    spots = np.concatenate([np.arange(len(place))[:, None], scene.surface.patch_spot], 1)  # [T, 4] by level
    radiance = np.array([unpack(light) for light in kept], np.float32)[spots]
    part = rng.random((18, 3)).astype(np.float32)
    outside = sky(blue=0.6)
    moment = np.full((n + 9, BINS, 3), 7.0, np.float32)
    args = (outside.sun_direction, outside.zenith, outside.horizon, outside.glow, outside.ground)
    from_sky = np.full((n + 9, BINS, 3), 7.0, np.float32)
    met = packed_as(hit, code)
    gather.gather_sky(place, texels, rows, n_rays, met, *args, from_sky)
    gather.gather_light(rows, n_rays, met, scene.surface.patch_spot, kept, part, from_sky, moment)
    laid_out, again = gather.by_level(scene.surface.patch_spot, kept, len(place)), moment.copy()
    assert gather.by_level(scene.surface.patch_spot, kept, 1) is kept and laid_out.shape == (len(place), 4)
    again[rows] = 7.0
    gather.gather_light(rows, n_rays, met, scene.surface.patch_spot, laid_out, part, from_sky, again)
    np.testing.assert_array_equal(again, moment)
    share = np.full((n + 9, BINS), 7.0, np.float32)
    gather.ray_shares(rows, n_rays, met, share)

    metres = 0.5 * 2 ** (1.5 * code / 80.0)
    level = (metres > 2).astype(int) + (metres > 4) + (metres > 8)  # a patch as wide as a quarter of the distance
    for i, row in enumerate(rows):
        rays = n_rays[row]
        end = hit[row, :rays]
        direction = np.array([ray(place, texels[i], k, rays)[1] for k in range(rays)], np.float32)
        light = np.zeros((rays, 3))
        on, up, body = end >= 0, end == SKY, end <= PART
        light[on] = radiance[end[on], level[row, :rays][on]]
        light[up] = sky_radiance(outside, direction[up])
        light[body] = part[PART - end[body]]
        weight = bins_of_codes(code[row, :rays])
        np.testing.assert_allclose(moment[row], weight.T @ light / rays, rtol=1e-4, atol=1e-6)
        open_ = end != BLOCKED
        np.testing.assert_allclose(share[row], weight[open_].sum(0) / rays, rtol=1e-4, atol=1e-6)
        assert share[row].sum() == pytest.approx(open_.mean(), abs=1e-5)
    others = np.setdiff1d(np.arange(n + 9), rows)
    assert (moment[others] == 7).all() and (share[others] == 7).all(), "rows that were not asked for stay"


def test_a_plain_under_an_even_sky_gathers_the_sky() -> None:
    ground = SceneFeatures(open_ground(), materials().albedo, materials().emission)
    share = ground.look_from(ground.texels)
    moment = ground.gather(sky(sun=0.0, blue=0.7), None).moment
    np.testing.assert_allclose(moment.sum(2), 0.7, atol=1e-5)
    np.testing.assert_allclose(share[:, :, 3], 1, atol=1e-5)


def test_neighbours_lie_in_the_plane_in_pairs_and_diagonals_are_joined(scene: SceneFeatures) -> None:
    surface, number = scene.surface, number_of_places(scene)
    around = np.empty((len(scene.texels), 9), np.int32)
    shape = np.array(scene.transport.grid.shape)
    gather.find_neighbours(surface.place, surface.faces, shape, scene.texels, around)
    for i, texel in enumerate(scene.texels[::7]):
        *voxel, side = surface.place[texel].tolist()
        axis = side // 2

        def at(u: int, v: int, voxel: list[int] = voxel, side: int = side, axis: int = axis) -> int:
            moved = list(voxel)
            moved[(axis + 1) % 3] += u
            moved[(axis + 2) % 3] += v
            return number.get((*moved, side), -1)

        straight = [at(1, 0), at(-1, 0), at(0, 1), at(0, -1)]
        diagonal = []
        for u, v in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            joined = at(u, 0) >= 0 or at(0, v) >= 0
            diagonal.append(at(u, v) if joined else -1)
        found = [*straight, *diagonal]
        across = [found[k] for k in (1, 0, 3, 2, 7, 6, 5, 4)]
        paired = [t if other >= 0 else -1 for t, other in zip(found, across, strict=True)]
        assert around[7 * i].tolist() == [int(texel), *paired]


def test_a_diagonal_past_the_end_of_a_wall_does_not_count() -> None:
    grid = open_ground()
    grid[20:24, 20, 2:6] = 1
    grid[24, 21:28, 2:6] = 1  # the two walls meet at an edge only: floor on both sides touches at a corner
    ground = SceneFeatures(grid, materials().albedo, materials().emission)
    number, surface = number_of_places(ground), ground.surface
    texel = np.array([number[23, 21, 1, 4], number[23, 19, 1, 4]], np.int32)
    around = np.empty((2, 9), np.int32)
    gather.find_neighbours(
        surface.place, surface.faces, np.array(grid.shape), texel, around
    )  # fmt: skip
    slipped = number[24, 20, 1, 4]
    assert (24, 21, 1, 4) not in number and (23, 20, 1, 4) not in number
    assert slipped not in around[0], "only a corner joins them"
    assert slipped in around[1], "the floor before the wall's end joins them"


def test_means_around_are_means(scene: SceneFeatures, rng: np.random.Generator) -> None:
    surface, texels = scene.surface, scene.texels
    around = np.empty((len(texels), 9), np.int32)
    shape = np.array(scene.transport.grid.shape)
    gather.find_neighbours(surface.place, surface.faces, shape, texels, around)
    row_of_texel = np.full(len(surface.place), -1, np.int32)
    row_of_texel[texels] = rng.permutation(len(texels))
    moment = rng.random((len(texels), BINS, 3)).astype(np.float32)
    share = rng.random((len(texels), BINS)).astype(np.float32)
    mean_moment, mean_share = np.zeros_like(moment), np.zeros_like(share)
    gather.average_around(row_of_texel[texels], around, row_of_texel, moment, share, mean_moment, mean_share)
    fewer = 0
    for i in range(0, len(texels), 13):
        rows = row_of_texel[around[i][around[i] >= 0]]
        fewer += len(rows) < 9
        row = row_of_texel[texels[i]]
        np.testing.assert_allclose(mean_moment[row], moment[rows].mean(0), rtol=1e-5)
        np.testing.assert_allclose(mean_share[row], share[rows].mean(0), rtol=1e-5)
    assert fewer > 20, "texels at edges have fewer neighbours"


@pytest.mark.parametrize("rays", [TEXEL_RAYS, EDGE_RAYS])
def test_every_bit_stands_for_as_many_rays(rays: int) -> None:
    count = np.bincount([gather.bit_of_ray(k, rays) for k in range(rays)], minlength=64)
    assert (count == rays // 64).all()


def test_what_a_ray_meets_is_kept_as_it_is_or_as_blocked() -> None:
    """Texels and parts beyond what there are numbers for are as faces without a texel."""
    last, least = gather.FIRST_PART - 1, gather.FIRST_PART - gather.ENDS
    for hit in (0, 1, last, SKY, BLOCKED, PART, PART - 6 * 1000 - 5, least):
        for far in (0.01, 0.6, 3.0, 900.0):
            met = gather.packed_met(hit, far)
            assert gather.met_end(met) == hit and told_of(np.array([met]))[0] == hit
            assert gather.met_code(met) == math.ceil(gather.bin_of_distance(far) * gather.CODE)
    for hit in (last + 1, least - 1):
        assert gather.met_end(gather.packed_met(hit, 1.0)) == BLOCKED
    assert gather.leaves(np.array([gather.packed_met(hit, 1.0) for hit in (SKY, BLOCKED, 5)])).tolist() == [1, 0, 0]
