"""Rays of the last bounce against their definitions, ray by ray in plain numpy; that they follow changes is a law of
test_cache.py.
"""

import itertools
import math

import numpy as np
import pytest

from engine.light import gather
from engine.light.bounces import BLOCKED, LAST_RAYS, SKY, mark_last
from engine.light.features import SceneFeatures
from engine.light.furniture import first_part_met, furniture_of, no_furniture
from engine.light.skylight import SUN_ACROSS, SUN_WHOLE, look_for_sun
from engine.light.surface import face_centre
from engine.light.trace import first_hit
from tests.light.scenes_for_light import materials, open_ground, plaza, view_of, with_crates


@pytest.fixture(scope="module")
def scene() -> SceneFeatures:
    found = SceneFeatures(plaza(), materials().albedo, materials().emission)
    surface, rays = found.surface, found.transport.last_rays
    for _ in rays.trace(found.transport.voxels, surface, np.zeros(surface.capacity, np.bool_), 500):
        pass
    return found


def test_a_ray_ends_on_the_texel_that_it_meets(scene: SceneFeatures) -> None:
    place, met = scene.surface.place, scene.transport.last_rays.met
    number = {tuple(place[t].tolist()): int(t) for t in scene.texels}
    origin, direction = np.empty(3), np.empty(3)
    kinds = set()
    for texel in scene.texels[::41]:
        turn = gather.last_turn(place, texel)
        for k in range(LAST_RAYS):
            gather.texel_ray(place, texel, turn, k, LAST_RAYS, origin, direction)
            far, side, x, y, z = first_hit(scene.transport.voxels, *origin, *direction, 1e4)
            expected = SKY if side == -1 else number.get((x, y, z, side), BLOCKED)
            assert met[texel, k] >> 8 == expected
            assert met[texel, k] & 255 == math.ceil(gather.bin_of_distance(far) * gather.CODE)
            kinds.add("sky" if expected == SKY else "texel")
    assert kinds == {"sky", "texel"}


def test_nothing_is_traced_twice(scene: SceneFeatures) -> None:
    again = np.zeros(scene.surface.capacity, np.bool_)
    for _ in scene.transport.last_rays.trace(scene.transport.voxels, scene.surface, again):
        pass
    assert not again.any()


def test_a_change_is_seen_by_the_texels_that_read_it(scene: SceneFeatures) -> None:
    surface, met = scene.surface, scene.transport.last_rays.met
    random = np.random.default_rng(3)
    changed = random.random(surface.n_spots) < 0.02
    mark = np.zeros(surface.capacity, np.bool_)
    mark_last(scene.texels, met, surface.patch_spot, changed, mark)
    spots = spots_met(scene, scene.texels)
    np.testing.assert_array_equal(mark[scene.texels], (changed[spots] & (spots >= 0)).any(1))
    assert 0.05 < mark[scene.texels].mean() < 0.5


def spots_met(scene: SceneFeatures, texels: np.ndarray) -> np.ndarray:
    """What the rays of some texels [n] read: spots [n, LAST_RAYS], -1 where they read none."""
    met, surface = scene.transport.last_rays.met[texels], scene.surface
    end, code = (met >> 8).astype(np.int64), met & 255
    level = (code > 106).astype(np.int64) + (code > 160) + (code > 213)  # 2, 4 and 8 m
    end[end >= BLOCKED] = -1
    spots = np.concatenate([end[..., None], surface.patch_spot[end]], -1)
    return np.where(end >= 0, np.take_along_axis(spots, level[..., None], -1)[..., 0], -1)


def test_the_sun_shines_on_a_part_of_a_face(scene: SceneFeatures) -> None:
    """Place by place; only faces whose corners agree may be told less exactly."""
    place = scene.surface.place
    sun = np.array([0.48, 0.36, 0.8])
    share = np.zeros(scene.surface.capacity, np.uint8)
    look_for_sun(scene.transport.voxels, no_furniture(), place, *sun, scene.texels, share)
    centre, partly, off = np.empty(3), 0, []
    steps = 0.25 * ((np.arange(SUN_ACROSS) + 0.5) / SUN_ACROSS - 0.5)
    for texel in scene.texels[::7]:
        axis, sign = face_centre(place, texel, centre)
        seen = np.zeros((SUN_ACROSS, SUN_ACROSS), np.bool_)
        for (i, du), (j, dv) in itertools.product(enumerate(steps), enumerate(steps)):
            at = centre.copy()
            at[axis] += 1e-3 * sign
            at[(axis + 1) % 3] += du
            at[(axis + 2) % 3] += dv
            seen[i, j] = sun[axis] * sign > 0 and first_hit(scene.transport.voxels, *at, *sun, 1e4)[1] == -1
        corners = seen[:: SUN_ACROSS - 1, :: SUN_ACROSS - 1].sum()
        assert share[texel] == (seen.sum() if 0 < corners < 4 else SUN_WHOLE * corners / 4)
        off.append(int(share[texel]) - int(seen.sum()))
        partly += 0 < corners < 4
    assert partly > 10
    assert abs(np.mean(off)) < 0.02 * SUN_WHOLE, "what is not asked does not lean to one side"


def test_furniture_keeps_the_sun_from_the_ground() -> None:
    """Place by place, against all bodies asked for each; in whatever order the texels are told."""
    view = with_crates(view_of(open_ground()), (6.0, 6.0, 0.5), (8.3, 5.2, 1.5), (3.0, 9.0, 0.5), yaw=0.4)
    furniture, _, _ = furniture_of(view)
    ground = SceneFeatures(open_ground(), materials().albedo, materials().emission)
    place, sun = ground.surface.place, np.array([0.48, 0.36, 0.8])
    voxels, random = ground.transport.voxels, np.random.default_rng(5)
    share, bare, shuffled = np.zeros((3, ground.surface.capacity), np.uint8)
    look_for_sun(voxels, furniture, place, *sun, ground.texels, share)
    look_for_sun(voxels, no_furniture(), place, *sun, ground.texels, bare)
    look_for_sun(voxels, furniture, place, *sun, random.permutation(ground.texels), shuffled)
    np.testing.assert_array_equal(share, shuffled)
    assert (share <= bare).all()
    everyone, centre = np.arange(len(furniture.low), dtype=np.int32), np.empty(3)
    steps = 0.25 * ((np.arange(SUN_ACROSS) + 0.5) / SUN_ACROSS - 0.5)
    differ = np.flatnonzero(share != bare)
    assert 0 < (share[differ] > 0).sum() < len(differ), "some are dark, some are so in part"
    for texel in (*differ[::3], *random.choice(ground.texels, 60)):
        axis, sign = face_centre(place, texel, centre)
        seen = np.zeros((SUN_ACROSS, SUN_ACROSS), np.bool_)
        for (i, du), (j, dv) in itertools.product(enumerate(steps), enumerate(steps)):
            at = centre.copy()
            at[axis] += 1e-3 * sign
            at[(axis + 1) % 3] += du
            at[(axis + 2) % 3] += dv
            _, part = first_part_met(furniture, everyone, len(everyone), *at, *sun, 1e4)
            seen[i, j] = sun[axis] * sign > 0 and first_hit(voxels, *at, *sun, 1e4)[1] == -1 and part < 0
        corners = seen[:: SUN_ACROSS - 1, :: SUN_ACROSS - 1].sum()
        assert share[texel] == (seen.sum() if 0 < corners < 4 else SUN_WHOLE * corners / 4)
