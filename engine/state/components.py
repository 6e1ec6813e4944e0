"""Components: everything an entity can have, one numpy column each.

`Columns` below is the table to read: dtype, shape, unit, default and range stand beside every name. A column belongs to
a *part*; entities without that part keep the default there, and such rows are neither hashed nor saved. Columns marked
`author` may be given in a world file's `spawn(...)`. Arrays are [E, ...] over entity slots; slot 0 is the player.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.core.rotations import UPRIGHT

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I16 = NDArray[np.int16]
U64 = NDArray[np.uint64]
U32 = NDArray[np.uint32]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

# Bits of `Columns.parts`: what an entity is made of. Fixed when it is spawned.
ALIVE: Final = 1
WALKS: Final = 2
LAMP: Final = 4
DOOR: Final = 8
SWITCH: Final = 16
BODY: Final = 32

SHAPES: Final = ("auto", "box", "sphere", "capsule")
AUTO, BOX, SPHERE, CAPSULE = range(4)

BEHAVIOURS: Final = ("none", "patrol", "wander", "follow", "seek", "flee", "schedule")
NONE, PATROL, WANDER, FOLLOW, SEEK, FLEE, SCHEDULE = range(7)

MAX_ENTITIES: Final = 50_000  # besides the player
MAX_SLOTS: Final = MAX_ENTITIES + 1
MAX_BODIES: Final = 1_000  # entities with the part BODY
FASTEST_M_S: Final = 100.0  # of a body: it crosses 1.6 m in a tick
FASTEST_RAD_S: Final = 200.0
FARTHEST_M: Final = 4096.0  # no coordinate of an entity lies farther from the origin
DOOR_SWING_TICKS: Final = 38  # 0.6 s from shut to open


@dataclass(frozen=True)
class Column:
    """What one column holds; `low` and `high` (inclusive) bound every number that may ever stand in it."""

    name: str
    dtype: str
    shape: tuple[int, ...]  # of one entity; () is a scalar
    unit: str
    default: int | float | tuple[float, ...]
    low: float
    high: float
    part: int  # ALIVE for all entities, else the part that has it
    author: bool  # may be given in a world file
    late: bool  # came after the first saves: not hashed nor saved while every row holds the default


def column(
    dtype: str,
    shape: tuple[int, ...],
    unit: str,
    default: int | float | tuple[float, ...] = 0,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    part: int = ALIVE,
    author: bool = False,
    late: bool = False,
) -> Any:
    """One line of the table `Columns`."""
    about = dict(dtype=dtype, shape=shape, unit=unit, default=default, low=low, high=high, part=part)
    about |= dict(author=author, late=late)
    return field(init=False, metadata=about)


def body_column(dtype: str, shape: tuple[int, ...], unit: str, default: Any = 0, **about: Any) -> Any:
    """A line of the part BODY."""
    return column(dtype, shape, unit, default, part=BODY, late=True, **about)


@dataclass(eq=False)
class Columns:
    """All columns of all entity slots, same length; `grow` makes room, `reset` returns a slot to the defaults."""

    # every entity
    generation: U32 = column("u4", (), "which tenant of the slot; 0 = never used", low=0)
    parts: U8 = column("u1", (), "bits ALIVE, WALKS, LAMP, DOOR, SWITCH, BODY; 0 = free slot", low=0, high=63)
    prefab: I16 = column("i2", (), "index into Blueprint.prefabs, -1 = nothing to draw", -1, low=-1)
    position: F64 = column("f8", (3,), "m, world: the prefab's origin; feet", low=-FARTHEST_M, high=FARTHEST_M)
    yaw: F32 = column("f4", (), "rad", low=-1e6, high=1e6)
    previous_position: F64 = column("f8", (3,), "m, one tick earlier", low=-FARTHEST_M, high=FARTHEST_M)
    previous_yaw: F32 = column("f4", (), "rad, one tick earlier", low=-1e6, high=1e6)
    solid: Bool = column("?", (), "the player cannot walk through its collider", author=True)
    carrier: I64 = column("i8", (), "id of who carries it, 0 = nobody", low=0, author=True, late=True)
    carried_at: F32 = column(
        "f4", (3,), "m, frame of the carrier: where its origin is held", low=-64.0, high=64.0, author=True, late=True
    )
    inside: U64 = column("u8", (), "bit t: is inside Blueprint.triggers[t]", low=0)

    # what walks
    behaviour: U8 = column("u1", (), "index into BEHAVIOURS", low=0, high=6, part=WALKS, author=True)
    path: I16 = column("i2", (), "index into Blueprint.paths, -1 = none", -1, low=-1, part=WALKS, author=True)
    path_point: I16 = column("i2", (), "index of the point it walks to", low=0, part=WALKS)
    speed: F32 = column("f4", (), "m/s", 1.2, low=0.0, high=12.0, part=WALKS, author=True)
    follows: I64 = column("i8", (), "id it follows, seeks or flees; 0 = the player", low=0, part=WALKS, author=True)
    place: I16 = column("i2", (), "index into Blueprint.places, -1 = none", -1, low=-1, part=WALKS, author=True)
    radius: F32 = column("f4", (), "m: flee, wander", 6.0, low=0.5, high=FARTHEST_M, part=WALKS, author=True)
    schedule: I16 = column("i2", (), "index into Blueprint.schedules, -1 = none", -1, low=-1, part=WALKS, author=True)
    velocity: F64 = column("f8", (2,), "m/s, world x and y: what it wants", low=-12.0, high=12.0, part=WALKS)
    ground: I16 = column("i2", (), "voxels: level its feet stand on", low=-16384, high=16384, part=WALKS)
    blocked: Bool = column("?", (), "in the last tick the ground did not let it move", part=WALKS)
    detour: Bool = column("?", (), "was stopped on the straight way: a flow field leads it", part=WALKS)
    lost: Bool = column("?", (), "no way leads to where it wants to go", part=WALKS)

    # what shines
    lamp_size: F32 = column("f4", (3,), "m, edges of the shining box", low=0.0, high=64.0, part=LAMP, author=True)
    lamp_offset: F32 = column("f4", (3,), "m, prefab: centre of it", low=-64.0, high=64.0, part=LAMP, author=True)
    lamp_colour: F32 = column("f4", (3,), "linear RGB", 1.0, low=0.0, high=100.0, part=LAMP, author=True)
    lamp_power: F32 = column("f4", (), "radiance per colour", 10.0, low=0.0, high=1e5, part=LAMP, author=True)
    lamp_level: F32 = column("f4", (), "dimmer, 0..1", 1.0, low=0.0, high=1.0, part=LAMP)
    lamp_on: Bool = column("?", (), "", 1, part=LAMP, author=True)
    lamp_dusk: Bool = column("?", (), "switches itself on at dusk, off at dawn", part=LAMP, author=True)

    # what opens
    door_low: I16 = column("i2", (3,), "voxels: low corner of the box, and hinge", low=0, part=DOOR, author=True)
    door_high: I16 = column("i2", (3,), "voxels, exclusive", low=0, part=DOOR, author=True)
    door_material: U8 = column("u1", (), "index; 0 = what stands there", low=0, part=DOOR, author=True)
    door_open: Bool = column("?", (), "wants to be open", part=DOOR, author=True)
    door_swing: U8 = column("u1", (), "ticks of swing, 0 = shut", low=0, high=DOOR_SWING_TICKS, part=DOOR)
    previous_swing: U8 = column("u1", (), "one tick earlier", low=0, high=DOOR_SWING_TICKS, part=DOOR)

    door_slide: F32 = column(
        "f4", (3,), "m: how far the leaf slides; 0 = it swings", low=-64.0, high=64.0, part=DOOR, author=True, late=True
    )

    # what toggles something else when used
    switches: I64 = column("i8", (), "entity id of a lamp or door, 0 = none", low=0, part=SWITCH, author=True)

    # what falls, rolls and is pushed (engine/sim/systems/bodies.py); its pose is position and orientation, not yaw
    orientation: F32 = body_column(
        "f4", (4,), "unit quaternion x, y, z, w: prefab to world", UPRIGHT, low=-1.01, high=1.01, author=True
    )
    previous_orientation: F32 = body_column("f4", (4,), "one tick earlier", UPRIGHT, low=-1.01, high=1.01)
    linear_velocity: F32 = body_column(
        "f4", (3,), "m/s, world: of the centre of mass", low=-FASTEST_M_S, high=FASTEST_M_S, author=True
    )
    angular_velocity: F32 = body_column("f4", (3,), "rad/s, world", low=-FASTEST_RAD_S, high=FASTEST_RAD_S, author=True)
    shape: U8 = body_column("u1", (), "index into SHAPES; auto = the prefab's parts", low=0, high=3, author=True)
    body_size: F32 = body_column("f4", (3,), "m, full; 0 = the prefab's collider", low=0.0, high=64.0, author=True)
    density: F32 = body_column("f4", (), "kg/m3", 300.0, low=1.0, high=20_000.0, author=True)
    friction: F32 = body_column("f4", (), "Coulomb's; of two surfaces: their mean", 0.6, low=0.0, high=4.0, author=True)
    bounce: F32 = body_column("f4", (), "speed kept; of two surfaces: their mean", low=0.0, high=1.0, author=True)
    kinematic: Bool = body_column("?", (), "goes as its velocity says and pushes; nothing pushes it", author=True)
    asleep: Bool = body_column("?", (), "rests until something touches it", author=True)
    tells: Bool = body_column("?", (), 'sends the event "contact"', author=True)
    hinged: Bool = body_column("?", (), "turns around a hinge", author=True)
    hinge_to: I64 = body_column("i8", (), "entity id of the other body, 0 = the world", low=0, author=True)
    hinge_at: F32 = body_column("f4", (3,), "m, prefab: a point of the hinge", low=-64.0, high=64.0, author=True)
    hinge_axis: F32 = body_column("f4", (3,), "unit, prefab", (0.0, 0.0, 1.0), low=-1.01, high=1.01, author=True)
    hinge_at_other: F32 = body_column("f4", (3,), "m, frame of the other", low=-FARTHEST_M, high=FARTHEST_M)
    hinge_axis_other: F32 = body_column("f4", (3,), "unit, frame of the other", (0.0, 0.0, 1.0), low=-1.01, high=1.01)

    def __post_init__(self) -> None:
        self.resize(64)

    def __len__(self) -> int:
        return len(self.parts)

    def resize(self, n_slots: int) -> None:
        """Gives every column `n_slots` rows; old rows keep their content, new ones hold the defaults."""
        for c in COLUMNS:
            new = np.full((n_slots, *c.shape), c.default, c.dtype)
            old = getattr(self, c.name, None)
            if old is not None:
                new[: len(old)] = old[:n_slots]
            setattr(self, c.name, new)

    def reset(self, index: int) -> None:
        """Returns one slot to the defaults; its generation stays."""
        for c in COLUMNS:
            if c.name != "generation":
                self[c.name][index] = c.default

    def in_the_way(self, n_slots: int) -> Bool:
        """[n_slots] what is solid and nobody carries."""
        return np.asarray(self.solid[:n_slots] & (self.carrier[:n_slots] == 0))

    def __getitem__(self, name: str) -> NDArray[Any]:
        array: NDArray[Any] = getattr(self, name)
        return array


def _table() -> Iterator[Column]:
    for f in fields(Columns):
        yield Column(name=f.name, **f.metadata)


COLUMNS: Final = tuple(_table())
COLUMN_BY_NAME: Final = {c.name: c for c in COLUMNS}
AUTHOR_COLUMNS: Final = tuple(c.name for c in COLUMNS if c.author)
"""Keys allowed in `Spawn.components`. Values: numbers and triples as the table says, `behaviour` by its name,
`follows`, `switches` and `carrier` by the name of an entity (any order of spawning), `shape` by its name, `hinge_to` by
the name of a body spawned before, the others by index."""
