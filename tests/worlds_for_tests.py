"""Small blueprints made in Python, so that tests of the simulation and of renderers need no world file."""

import dataclasses
from hashlib import blake2b

import numpy as np

from engine.state.blueprint import Blueprint, Materials, Path, Place, Prefab, Schedule, Sky, Spawn, Trigger
from engine.state.camera import CameraRail
from engine.state.components import FOLLOW, NONE, PATROL, SEEK, WANDER

STONE, WOOD, LEAF, SHINE = 1, 2, 3, 4


def materials() -> Materials:
    """Air, stone, wood, leaf and something that shines."""
    albedo = np.array([[0, 0, 0], [0.55, 0.53, 0.5], [0.45, 0.28, 0.15], [0.2, 0.4, 0.12], [0.8, 0.8, 0.8]], np.float32)
    emission = np.zeros((5, 3), np.float32)
    emission[SHINE] = (6.0, 5.0, 3.5)
    return Materials(("air", "stone", "wood", "leaf", "shine"), albedo, emission, np.array([0, 3, 2, 4, 0], np.uint8))


def box_prefab(name: str, half: tuple[float, float, float], material: int = WOOD) -> Prefab:
    """A single box that stands on its origin."""
    position, normal, triangles = [], [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            first = len(position)
            for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner = np.zeros(3)
                corner[axis], corner[(axis + 1) % 3], corner[(axis + 2) % 3] = sign, u, v
                position.append(corner * half + (0.0, 0.0, half[2]))
                normal.append(np.eye(3)[axis] * sign)
            order = ((0, 1, 2), (0, 2, 3)) if sign > 0 else ((0, 2, 1), (0, 3, 2))
            triangles += [[first + i for i in t] for t in order]
    n = len(position)
    return Prefab(
        name,
        np.array(position, np.float32),
        np.array(normal, np.float32),
        np.full(n, material, np.uint16),
        np.zeros(n, np.uint16),
        np.array(triangles, np.int32),
        np.array([[-half[0], -half[1], 0.0]], np.float32),
        np.array([[half[0], half[1], 2 * half[2]]], np.float32),
        np.array(half, np.float32),
    )


PERSON, CRATE, LANTERN, LEAF_OF_DOOR = range(4)


def prefabs() -> tuple[Prefab, ...]:
    """A person, a crate, a lantern and the leaf of a door."""
    return (
        box_prefab("person", (0.2, 0.25, 0.85)),
        box_prefab("crate", (0.4, 0.4, 0.4)),
        box_prefab("lantern", (0.1, 0.1, 1.2), SHINE),
        box_prefab("door", (0.5, 0.125, 1.0)),
    )


def empty_world(
    size_m: tuple[int, int, int] = (16, 16, 8),
    spawns: tuple[Spawn, ...] = (),
    paths: tuple[Path, ...] = (),
    triggers: tuple[Trigger, ...] = (),
    **changes: object,
) -> Blueprint:
    """A stone floor of half a metre under air; the player stands in its middle. Keyword arguments replace fields."""
    voxels = np.zeros([4 * n for n in size_m], np.uint8)
    voxels[:, :, :2] = STONE
    for low, high, material in changes.pop("boxes", ()):  # type: ignore[attr-defined]
        voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = material
    rail = CameraRail("main", np.zeros(1), np.array([[1.0, 1.0, 2.0]]), np.array([0.8]), np.array([-0.1]))
    world = Blueprint(
        name="test",
        digest=b"",
        voxels=voxels,
        materials=materials(),
        prefabs=prefabs(),
        spawns=spawns,
        paths=paths,
        triggers=triggers,
        cameras=(rail,),
        sky=Sky(),
        start_hour=12.0,
        day_rate=60.0,
        player_start=(size_m[0] / 2, size_m[1] / 2, 0.5),
        player_yaw=0.0,
        handlers={},
        variables={},
    )
    world = dataclasses.replace(world, **changes)
    text = repr((voxels.tobytes(), spawns, [p.points.tolist() for p in paths], triggers, sorted(map(str, changes))))
    return dataclasses.replace(world, digest=blake2b(text.encode(), digest_size=16).digest())


def lively_world() -> Blueprint:
    """A bit of everything: walls, stairs, a door with a switch, lamps, four walkers, a trigger. Evening falls in it."""
    stairs = tuple(((40 + 2 * i, 8, 2), (42 + 2 * i, 16, 3 + i), STONE) for i in range(6))
    wall = (((20, 0, 2), (21, 28, 12), STONE), ((20, 32, 2), (21, 64, 12), STONE), ((20, 28, 10), (21, 32, 12), STONE))
    spawns = (
        Spawn("gate", LEAF_OF_DOOR, (5.125, 7.5, 0.5), 1.5707963, {"door_low": (20, 28, 2), "door_high": (21, 32, 10)}),
        Spawn("lamp", LANTERN, (8.0, 3.0, 0.5), 0.0, {
            "lamp_size": (0.2, 0.2, 0.2), "lamp_offset": (0.0, 0.0, 2.2), "lamp_dusk": True, "lamp_power": 20.0}),
        Spawn("bulb", -1, (3.0, 8.0, 2.5), 0.0, {"lamp_size": (0.2, 0.2, 0.1), "lamp_on": False}),
        Spawn("switch", CRATE, (9.5, 8.0, 0.5), 0.0, {"switches": "gate", "solid": True}),
        Spawn("ann", PERSON, (7.0, 2.0, 0.5), 0.3, {"behaviour": "patrol", "path": 0, "speed": 1.3}),
        Spawn("bob", PERSON, (12.0, 12.0, 0.5), 0.0, {"behaviour": "wander"}),
        Spawn("cat", PERSON, (3.0, 12.0, 0.5), 0.0, {"behaviour": "wander", "speed": 2.0}),
        Spawn("dog", PERSON, (6.0, 12.0, 0.5), 0.0, {"behaviour": "follow", "follows": "ann", "speed": 1.8}),
    )  # fmt: skip
    path = Path(np.array([[7.0, 2.0, 0.5], [14.0, 6.0, 0.5], [9.0, 13.0, 0.5]]))
    return empty_world(
        spawns=spawns,
        paths=(path,),
        triggers=(Trigger("middle", (8.0, 4.0, 0.0), (13.0, 13.0, 4.0)),),
        boxes=stairs + wall,
        start_hour=17.9,
        day_rate=900.0,
        handlers={"enter": ("count",), "timer": ("beat",), "start": ("begin",)},
        variables={"seen": 0},
    )


def crowd(n: int = 10_000, size_m: int = 128) -> Blueprint:
    """A plain with a few walls and n wanderers."""
    boxes = tuple(((i, 8, 2), (i + 2, 4 * size_m - 8, 10), STONE) for i in range(40, 4 * size_m, 64))
    side = int(np.ceil(np.sqrt(n)))
    pitch = (size_m - 4) / side
    spawns = tuple(
        Spawn("", PERSON, (2.0 + pitch * (i % side), 2.0 + pitch * (i // side), 0.5), 0.0, {"behaviour": "wander"})
        for i in range(n)
    )
    return empty_world((size_m, size_m, 8), spawns=spawns, boxes=boxes)


def doorway(n: int = 50, both_ways: bool = False) -> Blueprint:
    """A wall with an open doorway of 1 m, and n walkers who seek a place on its other side."""
    boxes = (((32, 0, 2), (33, 30, 12), STONE), ((32, 34, 2), (33, 64, 12), STONE))
    places = (Place("east", (13.0, 8.0, 0.5), 3.0), Place("west", (3.0, 8.0, 0.5), 3.0))
    spawns = []
    for i in range(n):
        k, east = (i // 2, i % 2) if both_ways else (i, 0)
        x = 1.0 + 0.6 * (k % 10)
        at = (16.0 - x if east else x, 3.0 + 0.9 * (k // 10), 0.5)
        spawns.append(Spawn("", PERSON, at, 0.0, {"behaviour": "seek", "place": east}))
    return empty_world(spawns=tuple(spawns), boxes=boxes, places=places, player_start=(1.0, 1.0, 0.5))


def busy_world() -> Blueprint:
    """A crowd of every behaviour between walls, with a door, places and schedules; the day passes quickly."""
    wall = (
        ((40, 0, 2), (41, 28, 12), STONE),
        ((40, 32, 2), (41, 64, 12), STONE),
        ((16, 40, 2), (36, 41, 12), STONE),
        ((50, 20, 2), (51, 50, 12), STONE),
    )
    places = (Place("yard", (13.5, 8.0, 0.5), 1.5), Place("corner", (5.0, 13.0, 0.5), 2.0))
    schedules = (
        Schedule(((6.0, SEEK, 0), (12.0, WANDER, -1), (18.0, SEEK, 1))),
        Schedule(((0.0, PATROL, -1), (12.5, SEEK, 0), (13.5, NONE, -1), (14.0, FOLLOW, -1))),
    )
    kinds: tuple[dict[str, object], ...] = (
        {"behaviour": "seek", "place": 0},
        {"behaviour": "seek", "follows": "gate"},
        {"behaviour": "wander"},
        {"behaviour": "wander", "place": 1, "radius": 2.0},
        {"behaviour": "patrol", "path": 0},
        {"behaviour": "follow", "speed": 1.8},
        {"behaviour": "flee", "radius": 3.0},
        {"behaviour": "schedule", "schedule": 0},
        {"behaviour": "schedule", "schedule": 1, "path": 0},
        {"behaviour": "none"},
    )
    spawns = tuple(
        Spawn("", PERSON, (1.5 + 0.8 * (i % 9), 1.5 + 0.9 * (i // 9), 0.5), 0.0, kinds[i % len(kinds)])
        for i in range(120)
    )
    gate = {"door_low": (40, 28, 2), "door_high": (41, 32, 10), "door_open": True}
    return empty_world(
        spawns=(Spawn("gate", LEAF_OF_DOOR, (10.125, 7.5, 0.5), 1.5707963, gate), *spawns),
        paths=(Path(np.array([[3.0, 3.0, 0.5], [14.0, 3.0, 0.5], [8.0, 14.0, 0.5]])),),
        places=places,
        schedules=schedules,
        boxes=wall,
        start_hour=11.5,
        day_rate=900.0,
    )
