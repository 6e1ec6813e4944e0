import numpy as np
import pytest

from engine.core.units import BRICK, VOXEL_M
from engine.teach.scenes import GROUND, random_sky, scene_from_seed, view_of


@pytest.mark.parametrize("seed", [0, 5, 9, 16, 9003])
def test_a_scene_is_a_valid_world(seed):
    scene = scene_from_seed(seed)
    x, y, z = scene.voxels.shape
    assert all(n % BRICK == 0 for n in scene.voxels.shape)
    assert 16 <= x * VOXEL_M <= 32 and 16 <= y * VOXEL_M <= 32 and 8 <= z * VOXEL_M <= 10
    assert scene.voxels.max() < len(scene.materials.names)
    assert (scene.voxels[:, :, :1] > 0).all() and (scene.voxels[:, :, GROUND:] == 0).any()
    albedo = scene.materials.albedo[1:]
    assert albedo.min() > 0.02 and albedo.max() < 0.95


def test_a_seed_is_one_scene_and_another_seed_another():
    a, b, c = scene_from_seed(3), scene_from_seed(3), scene_from_seed(4)
    assert (a.voxels == b.voxels).all() and (a.lamps.radiance == b.lamps.radiance).all()
    assert a.voxels.shape != c.voxels.shape or (a.voxels != c.voxels).any()


def test_lamps_hang_free_and_differ():
    found = 0
    for seed in range(25):
        scene = scene_from_seed(seed)
        for centre, size in zip(scene.lamps.centre, scene.lamps.size, strict=True):
            low = np.floor((centre - size / 2) / VOXEL_M).astype(int)
            high = np.floor((centre + size / 2) / VOXEL_M).astype(int) + 1
            assert not scene.voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].any()
            assert (size >= 0.2).all() and (size <= 0.5).all()
            found += 1
        assert len(scene.lamps.entity) <= 8
    assert found > 40


def test_scenes_are_varied():
    scenes = [scene_from_seed(seed) for seed in range(30)]
    filled = [float((scene.voxels > 0).mean()) for scene in scenes]
    assert min(filled) < 0.1 and max(filled) > 0.4  # open ground and caves
    albedo = np.concatenate([scene.materials.albedo[1:] for scene in scenes])
    assert (albedo.max(1) < 0.13).any() and (albedo.min(1) > 0.7).any()
    assert (albedo.max(1) / albedo.min(1) > 5).any()
    thin = [
        scene
        for scene in scenes
        if ((scene.voxels[1:-1] > 0) & (scene.voxels[:-2] == 0) & (scene.voxels[2:] == 0)).any()
    ]
    assert len(thin) > 15  # walls of one voxel


def test_a_view_may_switch_all_lamps_off(rng):
    scene = scene_from_seed(1)
    view = view_of(scene.voxels, scene.materials, scene.lamps, random_sky(rng), lamps_on=False)
    assert not view.lamps.radiance.any()
    assert view.lamps.full_radiance.any()
    assert random_sky(rng, 0.5).sun_direction[2] == pytest.approx(np.sin(0.5))
