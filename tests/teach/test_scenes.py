import numpy as np
import pytest

from engine.core.units import BRICK, VOXEL_M
from engine.teach.scenes import GROUND, KINDS, kind_of_seed, random_sky, scene_from_seed, view_of
from engine.teach.scenes.site import LAMPS, Site, colour


@pytest.mark.parametrize("seed", [0, 5, 9, 16, 30, 9003])
def test_a_scene_is_a_valid_world(seed):
    scene = scene_from_seed(seed)
    x, y, z = scene.voxels.shape
    assert all(n % BRICK == 0 for n in scene.voxels.shape)
    assert 16 <= x * VOXEL_M <= 32 and 16 <= y * VOXEL_M <= 32 and 8 <= z * VOXEL_M <= 12
    assert scene.voxels.max() < len(scene.materials.names)
    assert (scene.voxels[:, :, :1] > 0).all() and (scene.voxels[:, :, GROUND:] == 0).any()
    albedo = scene.materials.albedo[1:]
    assert albedo.min() > 0.02 and albedo.max() < 0.95


def test_a_seed_is_one_scene_and_another_seed_another():
    a, b, c = scene_from_seed(3), scene_from_seed(3), scene_from_seed(4)
    assert (a.voxels == b.voxels).all() and (a.lamps.radiance == b.lamps.radiance).all()
    assert a.voxels.shape != c.voxels.shape or (a.voxels != c.voxels).any()


def test_lamps_hang_free_and_differ():
    found, widest = 0, 0.0
    for seed in range(25):
        scene = scene_from_seed(seed)
        for centre, size in zip(scene.lamps.centre, scene.lamps.size, strict=True):
            low = np.floor((centre - size / 2) / VOXEL_M).astype(int)
            high = np.floor((centre + size / 2) / VOXEL_M).astype(int) + 1
            assert not scene.voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].any()
            assert (size >= 0.149).all() and (size <= 1.301).all()
            found, widest = found + 1, max(widest, float(size.max()))
        assert len(scene.lamps.entity) <= LAMPS
    assert found > 40 and widest > 1.0


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


def first_of(kind):
    return scene_from_seed(next(seed for seed in range(1000) if kind_of_seed(seed) == kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_scene_comes_with_room_and_walls(kind):
    scene = first_of(kind)
    assert scene.kind == kind
    above = scene.voxels[:, :, GROUND:]
    assert 0.005 < (above > 0).mean() < 0.9
    side = (above[1:] > 0) != (above[:-1] > 0)
    assert side.sum() > 500  # upright faces, not only ground


def test_kinds_come_as_often_as_they_should():
    assert sum(weight for weight, _ in KINDS.values()) == pytest.approx(1)
    kinds = [kind_of_seed(seed) for seed in range(600)]
    for kind, (weight, _) in KINDS.items():
        assert kinds.count(kind) / 600 == pytest.approx(weight, abs=0.06)


@pytest.mark.parametrize("kind", ["interior", "hall", "stairwell", "courtyard"])
def test_indoor_scenes_have_a_roof_over_much_of_their_air(kind):
    solid = first_of(kind).voxels > 0
    covered = ~solid[:, :, GROUND + 3] & solid[:, :, GROUND + 4 :].any(2)
    assert covered.mean() > 0.1


def test_round_shapes_are_round(rng):
    site = Site(rng, (32, 32, 32))
    site.ball((16, 16, 16), (8, 8, 8), 1)
    assert (site.voxels > 0).sum() == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.05)
    site.ball((16, 16, 16), (8, 8, 8), 2)
    assert not (site.voxels == 2).any()  # only air is filled
    site.ball((16, 16, 16), (8, 8, 8), 0, carve=True)
    assert not site.voxels.any()
    site.column(16, 16, 0, 6, 10, 1, top=0.0)
    layers = (site.voxels > 0).sum((0, 1))
    assert layers[0] == pytest.approx(np.pi * 36, rel=0.1) and layers[9] < 8 and layers[10] == 0
    assert (np.diff(layers[:10]) <= 0).all()


def test_a_lamp_inside_a_wall_is_dropped(rng):
    site = Site(rng, (32, 32, 32))
    site.lamp(16, 16, 20)
    assert len(site.lamps()[0]) == 1
    site.box(10, 10, 10, 12, 12, 12, 1)
    assert len(site.lamps()[0]) == 0


def test_palettes_have_moods(rng):
    white = np.array([colour(rng, "white") for _ in range(50)])
    dark = np.array([colour(rng, "dark") for _ in range(50)])
    assert white.min() >= 0.7 and white.max() <= 0.88
    assert dark.mean() < 0.2 and dark.min() > 0.02
