"""What is near the quarters of a face, against many rays followed one by one."""

import math

import numpy as np
import pytest

from engine.light import creases, gather
from engine.light.crossing import boxes_of
from engine.light.features import SceneFeatures
from engine.light.furniture import Furniture, first_part_met, furniture_of, no_furniture
from engine.light.surface import face_centre
from engine.light.trace import NOTHING, first_hit
from tests.light.scenes_for_light import materials, plaza, view_of, with_crates


@pytest.fixture(scope="module")
def scene() -> SceneFeatures:
    return SceneFeatures(plaza(), materials().albedo, materials().emission)


def looked(scene: SceneFeatures, texels: np.ndarray, furniture: Furniture) -> np.ndarray:
    """crease [n, 4] of some texels."""
    rows, place, voxels = np.arange(len(texels), dtype=np.int32), scene.surface.place, scene.transport.voxels
    rays, n_rays = (len(texels), gather.EDGE_RAYS), np.full(len(texels), gather.TEXEL_RAYS, np.int32)
    met = np.empty(rays, np.uint32)
    void, crease = np.full(len(texels), gather.ALL_RAYS), np.empty((len(texels), 4), np.float32)
    gather.trace_texels(voxels, furniture, place, scene.surface.faces, texels, rows, n_rays, void, met)
    creases.look_near(voxels, furniture, place, texels, rows, n_rays, met, crease)
    return crease


def by_many_rays(scene: SceneFeatures, texel: int, quarter: int, furniture: Furniture) -> float:
    """The share of a quarter's view that is near, by 1,500 rays."""
    random, centre, near = np.random.default_rng([texel, quarter]), np.empty(3), []
    axis, sign = face_centre(scene.surface.place, texel, centre)
    u, v = (axis + 1) % 3, (axis + 2) % 3
    for _ in range(1500):
        origin, direction, r, phi = centre.copy(), np.empty(3), math.sqrt(random.random()), 6.283185 * random.random()
        origin[axis] += 1e-3 * sign
        origin[u] += 0.125 * (random.random() - (0 if quarter & 1 else 1))
        origin[v] += 0.125 * (random.random() - (0 if quarter & 2 else 1))
        direction[u], direction[v], direction[axis] = r * math.cos(phi), r * math.sin(phi), sign * math.sqrt(1 - r * r)
        t, side, *_ = first_hit(scene.transport.voxels, *origin, *direction, 10.0)
        t = 10.0 if side == NOTHING else t
        bodies = np.arange(len(furniture.low), dtype=np.int32)
        t, _ = first_part_met(furniture, bodies, len(bodies), *origin, *direction, t)
        near.append(max(0.0, 1.0 - max(math.log2(max(t, 1e-3) / 0.5) / 1.5, 0.0)))
    return float(np.mean(near))


@pytest.mark.parametrize("crates", [(), ((5.0, 4.5, 0.5), (9.1, 6.2, 0.5))])
def test_quarters_see_as_much_that_is_near_as_many_rays_say(scene: SceneFeatures, crates: tuple) -> None:
    furniture = furniture_of(with_crates(view_of(plaza()), *crates))[0] if crates else no_furniture()
    crease = looked(scene, scene.texels, furniture)
    differ = np.flatnonzero(np.ptp(crease, axis=1) > 0.15)
    assert len(differ) > 50
    some = np.random.default_rng(3).choice(differ, 25, replace=False)
    truth = np.array([[by_many_rays(scene, int(scene.texels[i]), s, furniture) for s in range(4)] for i in some])
    error = crease[some] - truth
    assert np.abs(error).max() < 0.12 and np.sqrt((error**2).mean()) < 0.04  # 32 rays; measured: 0.02
    within = [a - a.mean(1, keepdims=True) for a in (crease[some], truth)]
    assert np.corrcoef(within[0].ravel(), within[1].ravel())[0, 1] > 0.9


def test_furniture_counts_as_near(scene: SceneFeatures) -> None:
    with_one = furniture_of(with_crates(view_of(plaza()), (5.0, 4.5, 0.5)))[0]
    more = looked(scene, scene.texels, with_one) - looked(scene, scene.texels, no_furniture())
    place = (scene.surface.place[scene.texels, :3] + 0.5) * 0.25
    far = np.linalg.norm(place - (5.0, 4.5, 0.5), axis=1) > 3.0
    assert more[~far].max() > 0.2 and np.abs(more[far]).max() == 0


def test_texels_near_a_change_look_again_and_only_those(scene: SceneFeatures) -> None:
    """Whatever quarters see that is near lies within the reach in which the pool looks for changes, before the face."""
    low, high = np.array([[4.0, 4.0, 0.5]]), np.array([[4.5, 4.5, 1.0]])
    near = np.zeros(len(scene.texels), np.bool_)
    creases.may_see(scene.surface.place, scene.texels, boxes_of(low, high), near)
    centre = np.empty((len(scene.texels), 3))
    for texel, at in zip(scene.texels, centre, strict=True):
        face_centre(scene.surface.place, int(texel), at)
    side = scene.surface.place[scene.texels, 3]
    axis, sign, row = side // 2, 1 - 2 * (side % 2), np.arange(len(side))
    ahead = (np.where(sign > 0, high[0, axis], low[0, axis]) - centre[row, axis]) * sign >= 0
    away = np.linalg.norm(np.maximum(np.maximum(low - centre, centre - high), 0), axis=1)
    sees = (away < creases.REACH_M + math.hypot(0.125, 0.125)) & ahead
    assert near[sees].all() and sees.any() and not near[(away > creases.REACH_M + 0.2) | ~ahead].any()
