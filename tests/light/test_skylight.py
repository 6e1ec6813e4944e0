"""The sun on faces against its definition, place by place in plain numpy; that it follows changes is a law of
test_cache.py.
"""

import itertools

import numpy as np

from engine.light.features import SceneFeatures
from engine.light.furniture import Furniture, first_part_met, furniture_of, no_furniture
from engine.light.skylight import SUN_ACROSS, SUN_WHOLE, look_for_sun
from engine.light.surface import face_centre
from engine.light.trace import first_hit
from tests.light.scenes_for_light import materials, open_ground, plaza, view_of, with_crates

SUN = np.array([0.48, 0.36, 0.8])
STEPS_M = 0.25 * ((np.arange(SUN_ACROSS) + 0.5) / SUN_ACROSS - 0.5)


def scene_of(voxels: np.ndarray) -> SceneFeatures:
    return SceneFeatures(voxels, materials().albedo, materials().emission)


def sunlit(scene: SceneFeatures, texel: int, furniture: Furniture) -> np.ndarray:
    """Which places of a face the sun reaches [SUN_ACROSS, SUN_ACROSS], each asked of all voxels and all bodies."""
    everyone, centre = np.arange(len(furniture.low), dtype=np.int32), np.empty(3)
    axis, sign = face_centre(scene.surface.place, texel, centre)
    seen = np.zeros((SUN_ACROSS, SUN_ACROSS), np.bool_)
    for (i, du), (j, dv) in itertools.product(enumerate(STEPS_M), enumerate(STEPS_M)):
        at = centre.copy()
        at[axis] += 1e-3 * sign
        at[(axis + 1) % 3] += du
        at[(axis + 2) % 3] += dv
        _, part = first_part_met(furniture, everyone, len(everyone), *at, *SUN, 1e4)
        seen[i, j] = SUN[axis] * sign > 0 and first_hit(scene.transport.voxels, *at, *SUN, 1e4)[1] == -1 and part < 0
    return seen


def told_of(seen: np.ndarray) -> float:
    """What is told of such places: all if the corners agree that they are sunlit, none if that they are not."""
    corners = seen[:: SUN_ACROSS - 1, :: SUN_ACROSS - 1].sum()
    return float(seen.sum() if 0 < corners < 4 else SUN_WHOLE * corners / 4)


def shares(scene: SceneFeatures, furniture: Furniture, texels: np.ndarray) -> np.ndarray:
    share = np.zeros(scene.surface.capacity, np.uint8)
    look_for_sun(scene.transport.voxels, furniture, scene.surface.place, *SUN, texels, share)
    return share


def test_the_sun_shines_on_a_part_of_a_face() -> None:
    """Place by place; only faces whose corners agree may be told less exactly."""
    scene = scene_of(plaza())
    share, partly, off = shares(scene, no_furniture(), scene.texels), 0, []
    for texel in scene.texels[::7]:
        seen = sunlit(scene, texel, no_furniture())
        assert share[texel] == told_of(seen)
        off.append(int(share[texel]) - int(seen.sum()))
        partly += 0 < seen[:: SUN_ACROSS - 1, :: SUN_ACROSS - 1].sum() < 4
    assert partly > 10
    assert abs(np.mean(off)) < 0.02 * SUN_WHOLE, "what is not asked does not lean to one side"


def test_furniture_keeps_the_sun_from_the_ground() -> None:
    """Place by place, against all bodies asked for each; in whatever order the texels are told."""
    view = with_crates(view_of(open_ground()), (6.0, 6.0, 0.5), (8.3, 5.2, 1.5), (3.0, 9.0, 0.5), yaw=0.4)
    furniture, _, _ = furniture_of(view)
    scene, random = scene_of(open_ground()), np.random.default_rng(5)
    share, bare = shares(scene, furniture, scene.texels), shares(scene, no_furniture(), scene.texels)
    np.testing.assert_array_equal(share, shares(scene, furniture, random.permutation(scene.texels)))
    assert (share <= bare).all()
    differ = np.flatnonzero(share != bare)
    assert 0 < (share[differ] > 0).sum() < len(differ), "some are dark, some are so in part"
    for texel in (*differ[::3], *random.choice(scene.texels, 60)):
        assert share[texel] == told_of(sunlit(scene, texel, furniture))
