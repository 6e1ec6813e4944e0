"""How entities come and go: slots, names, and components given by an author turned into columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import LimitError
from engine.core.ids import LAST_GENERATION, NOBODY, PLAYER, index_of
from engine.core.rotations import inverse, of_yaw, turn
from engine.core.units import AIR, VOXELS_PER_M
from engine.state import carrying
from engine.state.blueprint import F64, Blueprint, Spawn
from engine.state.components import (
    ALIVE,
    AUTHOR_COLUMNS,
    BEHAVIOURS,
    BODY,
    COLUMN_BY_NAME,
    DOOR,
    DOOR_SWING_TICKS,
    FARTHEST_M,
    FLEE,
    LAMP,
    MAX_BODIES,
    MAX_ENTITIES,
    MAX_SLOTS,
    NONE,
    PATROL,
    SCHEDULE,
    SEEK,
    SHAPES,
    WALKS,
)

if TYPE_CHECKING:
    from engine.state.world import State

LONGEST_NAME: Final = 200
FEW_TESTS: Final = 120  # of a point against a box: so many are made one by one
SCHEDULED: Final = ("none", "patrol", "wander", "follow")  # behaviours that a schedule may name; places it seeks
LINKS: Final = ("switches", "follows", "hinge_to", "carrier")  # columns that name another entity
Vec3 = tuple[float, float, float]


class ComponentError(ValueError):
    """A component value that its column cannot hold; callers turn it into an error that says where."""


def parts_of(components: Mapping[str, object]) -> int:
    """Which parts an entity with these components has."""
    parts = ALIVE
    for name, value in components.items():
        if name not in COLUMN_BY_NAME or not COLUMN_BY_NAME[name].author:
            raise ComponentError(f"there is no component {name!r}; there are {', '.join(AUTHOR_COLUMNS)}")
        if name != "switches" or value != "":
            parts |= COLUMN_BY_NAME[name].part
    if parts & LAMP and "lamp_size" not in components:
        raise ComponentError("a lamp needs lamp_size, the edges of its shining box in metres")
    if parts & DOOR and not {"door_low", "door_high"} <= components.keys():
        raise ComponentError("a door needs door_low and door_high, the corners of its box in voxels")
    if parts & BODY and parts & (WALKS | DOOR):
        raise ComponentError("a body cannot be a walker or a door too: the one falls, the other goes its own way")
    return parts


def row_of(name: str, value: object) -> object:
    """A component value as its column holds it. ComponentError where it does not fit."""
    column = COLUMN_BY_NAME[name]
    for word, known in (("behaviour", BEHAVIOURS), ("shape", SHAPES)):
        if name == word:
            if value not in known:
                raise ComponentError(f"{word} is {value!r}, it must be one of {', '.join(known)}")
            return known.index(str(value))
    if column.dtype == "?":
        if not isinstance(value, bool):
            raise ComponentError(f"{name} is {value!r}, it must be true or false")
        return value
    dtype = np.dtype(column.dtype)
    kinds = int | float | np.number if dtype.kind == "f" else int | np.integer
    parts = value if column.shape else [value]
    info = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    low, high = max(column.low, float(info.min)), min(column.high, float(info.max))
    if (
        not isinstance(parts, list | tuple | np.ndarray)
        or len(parts) != (column.shape[0] if column.shape else 1)
        or any(isinstance(p, bool) or not isinstance(p, kinds) or not low <= p <= high for p in parts)
    ):
        what = "whole numbers" if dtype.kind in "iu" else "numbers"
        count = f"{column.shape[0]} {what}" if column.shape else what[:-1]
        raise ComponentError(f"{name} is {value!r}, it must be {count} from {low:g} to {high:g} ({column.unit})")
    return value


def spawn(blueprint: Blueprint, state: State, wanted: Spawn, links: bool = True) -> int:
    """Makes an entity and returns its id; nothing changes where it cannot. ComponentError, LimitError at MAX_ENTITIES.

    With links=False components that name other entities wait for `link`.
    """
    parts = parts_of(wanted.components)
    rows = {name: row_of(name, v) for name, v in wanted.components.items() if name not in LINKS}
    targets = _targets(state, wanted.components) if links else {}
    _check(blueprint, state, wanted, rows, parts)
    if "carrier" in targets and (why := carrying.problem(state, parts, targets["carrier"])):
        raise ComponentError(why)
    if state.n_entities >= MAX_ENTITIES:
        raise LimitError(f"one entity too many: a world holds at most {MAX_ENTITIES:,}")
    if parts & BODY and len(state.rows(BODY)) >= MAX_BODIES:
        raise LimitError(f"one body too many: a world holds at most {MAX_BODIES:,}")
    index = _take_slot(state)
    c = state.columns
    c.parts[index] = parts
    state.parts_changed()
    c.prefab[index] = wanted.prefab
    for name, value in {**rows, **targets}.items():
        if COLUMN_BY_NAME[name].part & parts:
            c[name][index] = value
    c.yaw[index] = c.previous_yaw[index] = wanted.yaw
    if parts & BODY and "orientation" not in rows:
        c.orientation[index] = of_yaw(wanted.yaw)
    entity = state.entity_at(index)
    place(state, index, wanted.position)
    if parts & BODY and links:
        _hang_hinge(state, index)
    if wanted.name:
        state.names[entity] = wanted.name
        state.id_by_name[wanted.name] = entity
    if parts & LAMP and c.lamp_dusk[index]:
        c.lamp_on[index] = state.dark
    if parts & DOOR:
        _hang_door(state, index)
    return entity


def walk_problem(blueprint: Blueprint, behaviour: object, path: object, schedule: object) -> str | None:
    """What a walker with these columns lacks; None where nothing."""
    if behaviour == PATROL and path == -1:
        return "a patrol needs a path"
    if behaviour == SCHEDULE and schedule == -1:
        return "the behaviour schedule needs a schedule"
    if behaviour == SCHEDULE and path == -1 and isinstance(schedule, int) and blueprint.schedules[schedule].patrols:
        return f"schedule {schedule} says patrol, which needs a path"
    return None


def despawn(state: State, entity: int) -> None:
    """Takes a living entity out; ids that pointed at it in other columns are cleared, an open doorway stays open."""
    index, c = index_of(entity), state.columns
    if c.parts[index] & DOOR:
        fill_door(state, index, solid=False)
    c.reset(index)
    state.parts_changed()
    c.generation[index] += 1
    if c.generation[index] < LAST_GENERATION:
        state.free.append(index)
    left = c.follows == entity
    c.behaviour[left & ((c.behaviour == SEEK) & (c.place < 0) | (c.behaviour == FLEE))] = NONE  # not from the player
    c.follows[left] = NOBODY
    c.switches[c.switches == entity] = NOBODY
    c.hinged[c.hinge_to == entity] = False
    c.carrier[c.carrier == entity] = NOBODY
    c.hinge_to[c.hinge_to == entity] = NOBODY
    name = state.names.pop(entity, "")
    state.id_by_name.pop(name, None)


def link(state: State, index: int, components: Mapping[str, object]) -> None:
    """Sets the columns of a spawned entity that name other entities."""
    for name, target in _targets(state, components).items():
        parts = int(state.columns.parts[index])
        if name == "carrier" and (why := carrying.problem(state, parts, target, state.entity_at(index))):
            raise ComponentError(why)
        if COLUMN_BY_NAME[name].part & parts:
            state.columns[name][index] = target
    if state.columns.parts[index] & BODY:
        _hang_hinge(state, index)


def place(state: State, index: int, position: Vec3) -> None:
    """Puts an entity somewhere at once, so that no picture shows a way in between."""
    c = state.columns
    c.position[index] = c.previous_position[index] = position
    c.previous_yaw[index] = c.yaw[index]
    c.previous_orientation[index] = c.orientation[index]
    if c.parts[index] & WALKS:
        c.ground[index] = int(position[2] * VOXELS_PER_M + 0.5)  # feet that stand half a voxel deep still stand on it


def player_fits(blueprint: Blueprint, position: Vec3) -> bool:
    """Whether the player's feet may be put at a point: beyond the sides of the grid nobody could ever walk back."""
    (x, y, z), (size_x, size_y, _) = position, blueprint.size_m
    return 0.5 <= x <= size_x - 0.5 and 0.5 <= y <= size_y - 0.5 and 0.0 <= z <= 0.5 * FARTHEST_M


def seat_player(blueprint: Blueprint, state: State) -> None:
    """Puts the player into slot 0 of an empty state."""
    index = _take_slot(state)
    state.columns.parts[index] = ALIVE
    state.parts_changed()
    state.columns.yaw[index] = blueprint.player_yaw
    place(state, index, blueprint.player_start)
    state.names[PLAYER] = "player"
    state.id_by_name["player"] = PLAYER


def settle(blueprint: Blueprint, state: State) -> None:
    """Brings what is carried to its place, notes who begins inside which trigger: beginning there is no entering."""
    carrying.hold(state)
    state.columns.previous_position[: state.n_slots] = state.columns.position[: state.n_slots]
    state.columns.previous_yaw[: state.n_slots] = state.columns.yaw[: state.n_slots]
    rows, bits = inside_bits(blueprint, state)
    state.columns.inside[rows] = bits


def inside_bits(blueprint: Blueprint, state: State) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
    """Slots [n] of the player and all that moves or is solid, growing, and bits [n]: bit t is set where its origin is
    in trigger t. Nothing else is ever inside, nor is what is solid while somebody carries it.
    """
    rows, c = state.bodied(), state.columns
    position = c.position[rows]
    if len(rows) * len(blueprint.triggers) <= FEW_TESTS:  # calls of numpy would take longer
        boxes = blueprint.few_trigger_boxes
        inside = np.array([_bits_of(x, y, z, boxes) for x, y, z in position.tolist()], np.uint64)
    else:
        inside = _bits_of_many(position, *blueprint.trigger_boxes)
    carried = c.carrier[rows].nonzero()[0]
    if len(carried):
        inside[carried[(c.parts[rows[carried]] & (WALKS | BODY)) == 0]] = 0
    return rows, inside


def _bits_of(x: float, y: float, z: float, boxes: list[tuple[float, ...]]) -> int:
    inside, bit = 0, 1
    for x0, y0, z0, x1, y1, z1 in boxes:
        if x0 <= x < x1 and y0 <= y < y1 and z0 <= z < z1:
            inside |= bit
        bit += bit
    return inside


def _bits_of_many(position: F64, low: F64, high: F64) -> NDArray[np.uint64]:
    within = ((position[:, None] >= low) & (position[:, None] < high)).all(2)
    return np.asarray(np.bitwise_or.reduce(np.where(within, _BITS[: len(low)], _BITS[64]), axis=1))


_BITS: Final = np.array([1 << t for t in range(64)] + [0], np.uint64)


def fill_door(state: State, index: int, solid: bool) -> None:
    """Writes a door's box into the voxels, or clears it."""
    c = state.columns
    low, high = c.door_low[index].tolist(), c.door_high[index].tolist()
    material = int(c.door_material[index]) if solid else AIR
    state.voxels.fill((low[0], low[1], low[2]), (high[0], high[1], high[2]), material)


def _hang_door(state: State, index: int) -> None:
    c = state.columns
    low = c.door_low[index]
    if c.door_material[index] == 0:
        c.door_material[index] = state.voxels.base[low[0], low[1], low[2]] or 1
    is_open = bool(c.door_open[index])
    c.door_swing[index] = c.previous_swing[index] = DOOR_SWING_TICKS if is_open else 0
    fill_door(state, index, solid=not is_open)


def _hang_hinge(state: State, index: int) -> None:
    """Finds the hinge's place in the frame of the other body, from where both stand now."""
    c = state.columns
    if not c.hinged[index]:
        return
    x, y, z, w = c.orientation[index].tolist()
    at, axis = (turn((x, y, z, w), tuple(v.tolist())) for v in (c.hinge_at[index], c.hinge_axis[index]))
    at = tuple(p + a for p, a in zip(c.position[index].tolist(), at, strict=True))
    if c.hinge_to[index] != NOBODY:
        other = index_of(int(c.hinge_to[index]))
        x, y, z, w = inverse(tuple(c.orientation[other].tolist()))
        away = tuple(a - p for a, p in zip(at, c.position[other].tolist(), strict=True))
        at, axis = turn((x, y, z, w), away), turn((x, y, z, w), axis)
    c.hinge_at_other[index], c.hinge_axis_other[index] = at, axis


def _take_slot(state: State) -> int:
    if state.free:
        return state.free.pop()
    if state.n_slots >= MAX_SLOTS:
        raise LimitError(f"no slot is left: a world has {MAX_SLOTS:,} and retires one after 2^32 entities")
    index = state.n_slots
    if index >= len(state.columns):
        state.columns.resize(min(2 * len(state.columns), MAX_SLOTS))
    state.n_slots += 1
    state.columns.generation[index] = 1
    return index


def _targets(state: State, components: Mapping[str, object]) -> dict[str, int]:
    targets = {}
    for name in LINKS:
        wanted = components.get(name, "")
        if wanted == "":
            continue
        if not isinstance(wanted, str) or wanted not in state.id_by_name:
            raise ComponentError(f"{name} is {wanted!r}, it must be the name of an entity of this world")
        if name == "hinge_to" and not state.columns.parts[index_of(state.id_by_name[wanted])] & BODY:
            raise ComponentError(f"hinge_to is {wanted!r}, which is no body; a hinge joins bodies, or one to the world")
        targets[name] = state.id_by_name[wanted]
    return targets


def _check(blueprint: Blueprint, state: State, wanted: Spawn, rows: Mapping[str, object], parts: int) -> None:
    """Everything about a wanted entity that its columns' ranges do not say."""
    if not isinstance(wanted.name, str) or len(wanted.name) > LONGEST_NAME:
        raise ComponentError(f"its name is {wanted.name!r}, it must be a text of at most {LONGEST_NAME} characters")
    if wanted.name in state.id_by_name:
        raise ComponentError(f"there is another entity named {wanted.name!r}; names are unique")
    if (
        isinstance(wanted.prefab, bool)
        or not isinstance(wanted.prefab, int)
        or not -1 <= wanted.prefab < len(blueprint.prefabs)
    ):
        raise ComponentError(f"prefab is {wanted.prefab!r}, this world has 0 to {len(blueprint.prefabs) - 1}")
    if len(wanted.position) != 3 or not all(-FARTHEST_M <= v <= FARTHEST_M for v in wanted.position):
        raise ComponentError(f"position is {wanted.position!r}, it must be three numbers within {FARTHEST_M:g} m")
    if not -1e6 <= wanted.yaw <= 1e6:
        raise ComponentError(f"yaw is {wanted.yaw!r}, it must be an angle in radians")
    for name, count in (
        ("path", len(blueprint.paths)),
        ("place", len(blueprint.places)),
        ("schedule", len(blueprint.schedules)),
    ):
        number = rows.get(name, -1)
        if isinstance(number, int) and number >= count:
            raise ComponentError(f"{name} is {number}, this world has 0 to {count - 1}")
    if problem := walk_problem(blueprint, rows.get("behaviour"), rows.get("path", -1), rows.get("schedule", -1)):
        raise ComponentError(problem)
    for name in ("orientation", "hinge_axis"):
        if name in rows and abs(float(sum(v * v for v in rows[name])) - 1.0) > 1e-5:  # type: ignore[attr-defined]
            raise ComponentError(f"{name} is {rows[name]!r}, its length must be 1")
    if parts & BODY and wanted.prefab < 0 and not np.any(np.asarray(rows.get("body_size", 0))):
        raise ComponentError("a body without a prefab needs body_size, its edges in metres")
    if parts & DOOR:
        low, high = np.asarray(rows["door_low"]), np.asarray(rows["door_high"])
        if not ((low < high) & (high <= blueprint.voxels.shape)).all():
            raise ComponentError(f"the door's box {low.tolist()}..{high.tolist()} is empty or leaves the world")
        material = rows.get("door_material", 0)
        if isinstance(material, int) and material >= len(blueprint.materials.names):
            raise ComponentError(
                f"door_material is {material}, this world has 0 to {len(blueprint.materials.names) - 1}"
            )
