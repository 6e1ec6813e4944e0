"""The libraries of worlds/lib: small worlds made of them are free of problems, and one can walk in them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.script.assets import worlds_folder
from engine.script.worldfile import LoadedWorld, check, load
from engine.sim import actions
from engine.sim.step import step
from engine.state.world import new_state

WORLDS = {
    "cave": '''load("lib/caves.star", "crystals", "dripstones", "hall", "pool", "shaft", "tunnel", "walls")
world("cave", size = (32, 24, 12), hour = 14)
fill((0, 0, 0), (32, 24, 12), "cave rock")
hall(8, 12, 2, radius = 5, height = 6)
hall(23, 11, 2, radius = 6, height = 7, seed = 2)
tunnel([(8, 12), (15, 16), (23, 11)], 2)
shaft(23, 11, 8, 12)
walls((0, 0, 2), (32, 24, 12), seed = 4)
dripstones(8, 12, 2, 6)
pool(23, 11, 2)
crystals(6, 8.5, 2, name = "blue")
crystals(27, 8, 2, kind = "violet crystal", name = "violet")
camera("opening", at = (4.5, 12, 3.7), look_at = (16, 14, 3), fov_deg = 75)
camera("hall", at = (19, 13, 3.7), look_at = (26, 9, 3), fov_deg = 75)
player(at = (8, 13.5, 2))
''',
    "forest": '''load("lib/forests.star", "forest")
world("forest", size = (48, 48, 20), hour = 9, haze = 0.4, fog = 0.01)
material("forest floor", "#5f6b38", pattern = "grass")
material("trail", "#8a7355", pattern = "paving")
terrain((0, 0, 0), (48, 48, 5), "forest floor", scale = 30, octaves = 3, seed = 2)
road([(24, 0), (20, 20), (26, 47)], "trail", width = 2)
height = flatten((32, 26), 3)
stems = forest((2, 2), (46, 46), spacing = 4, on = "forest floor", seed = 5, clearings = [(32, 26, 4)])
if len(stems) < 40 or len(stems) > 160:
    fail("%d trees" % len(stems))
camera("opening", at = (23, 2, 7), look_at = (22, 30, 6), fov_deg = 65)
player(at = (32, 26, height))
''',
    "town": '''load("lib/streets.star", "town")
world("little town", size = (72, 72, 20), hour = 17)
fill((0, 0, 0), (72, 72, 1), "town lawn")
crossings = town(4, 4, 1, seed = 2)
if len(crossings) != 9:
    fail("%d crossings" % len(crossings))
camera("opening", at = (6, 7, 6), look_at = (34, 34, 3), fov_deg = 70)
player(at = crossings[4])
''',
    "room": '''load("lib/things.star", "furniture")
load("lib/rooms.star", "cottage")
world("cottage", size = (24, 24, 12), hour = 21)
fill((0, 0, 0), (24, 24, 1), "#5f7a3c")
furniture()
step = cottage(8, 8, 1)
camera("opening", at = (3, 2, 3), look_at = (12, 11, 2), fov_deg = 65)
camera("inside", at = (14.4, 13.4, 2.7), look_at = (10, 9, 1.6), fov_deg = 75)
player(at = step, yaw_deg = 90)
''',
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    shutil.copytree(worlds_folder() / "lib", folder / "lib")
    for name, text in WORLDS.items():
        (folder / f"{name}.star").write_text(text, encoding="utf-8")
    return folder


def opened(folder: Path, name: str) -> LoadedWorld:
    path = folder / f"{name}.star"
    assert [str(p) for p in check(path)] == []
    return load(path)


def stands(world: LoadedWorld, x: float, y: float, z: float) -> bool:
    """Whether one can stand with the feet at a point."""
    i, j, k = int(4 * x), int(4 * y), int(4 * z)
    return bool(world.blueprint.voxels[i, j, k - 1]) and not world.blueprint.voxels[i, j, k : k + 7].any()


def test_a_cave_can_be_walked_from_hall_to_hall(folder: Path) -> None:
    world = opened(folder, "cave")
    way = np.concatenate([np.linspace(a, b, 40) for a, b in (((8, 12), (15, 16)), ((15, 16), (21, 12.3)))])
    assert all(stands(world, x, y, 2) or not stands(world, x, y, 1.5) for x, y in way[:10].tolist())
    assert np.mean([stands(world, x, y, 2) for x, y in way.tolist()]) > 0.9
    assert {s.name for s in world.blueprint.spawns} == {"blue", "violet"}
    assert world.blueprint.voxels[92, 44, 12:].max() == 0, "the shaft is open to the sky"


def test_a_forest_keeps_its_trees_apart_and_its_trail_and_clearing_free(folder: Path) -> None:
    world = opened(folder, "forest")
    names, voxels = world.blueprint.materials.names, world.blueprint.voxels
    wood = np.isin(voxels, [names.index(n) for n in ("pine bark", "birch bark", "bark")]).any(2)
    x, y = np.mgrid[: voxels.shape[0], : voxels.shape[1]] / 4
    assert wood.any() and not wood[np.hypot(x - 32, y - 26) < 3.5].any()
    x0, y0, z0 = world.blueprint.player_start
    assert stands(world, x0, y0, z0)


def test_a_town_has_houses_streets_and_lamps(folder: Path) -> None:
    world = opened(folder, "town")
    assert sum("lamp_size" in s.components for s in world.blueprint.spawns) == 12
    assert stands(world, *world.blueprint.player_start)
    names = world.blueprint.materials.names
    roofs = np.isin(world.blueprint.voxels, [names.index(n) for n in ("red tiles", "brown tiles", "slate")])
    assert roofs.any(2).mean() > 0.2


def test_a_room_has_a_door_that_opens_and_a_lamp_that_is_switched(folder: Path) -> None:
    world = opened(folder, "room")
    state = new_state(world.blueprint)
    door, lamp = state.id_by_name["cottage door"], state.id_by_name["cottage lamp"]
    before = int((state.voxels.material != 0).sum())
    actions.open_door(world.blueprint, state, door, True)
    step(world.blueprint, state, (), world.script)
    assert before - int((state.voxels.material != 0).sum()) == 4 * 9
    assert actions.lamp_is_on(world.blueprint, state, lamp)
    assert stands(world, 11.5, 9.0, 1.0) and stands(world, *world.blueprint.player_start)
