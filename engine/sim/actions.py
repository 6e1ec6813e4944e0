"""What scripts, commands and systems do to a world; `stories.py` has what they tell in it. Everything is named by id.

Each function takes the blueprint and the state first and checks all it is given before it changes anything; what is
wrong raises ActionError (or LimitError for a cap) and leaves the state as it was.
"""

import math
from typing import Final

import numpy as np

from engine.core.errors import DaguerreError
from engine.core.ids import NOBODY, PLAYER, index_of
from engine.core.rng import stream_key, uniform
from engine.core.units import TICK_HZ
from engine.sim import rays
from engine.sim.physics.shapes import mass_of
from engine.state import entities, events
from engine.state.blueprint import Blueprint, Spawn
from engine.state.components import BEHAVIOURS, BODY, DOOR, FARTHEST_M, FASTEST_M_S, FASTEST_RAD_S, LAMP, PATROL, WALKS
from engine.state.events import Value
from engine.state.world import State, Timer, set_timer, set_variable

MOST_IMPULSE_N_S: Final = 1e6
LONGEST_TIMER_S: Final = 30 * 86_400.0
Vec3 = tuple[float, float, float]


BODY_NOUN: Final = "rigid body: spawn it with a body"


class ActionError(DaguerreError):
    """Something asked of a world that it cannot do: an id that names nobody, a number out of range."""


def number(what: str, value: float, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ActionError(f"{what} is {value!r}, it must be a number from {low:g} to {high:g}")
    return float(value) + 0.0  # no -0.0, whose sign would show in angles


def triple(what: str, value: Vec3, most: float, unit: str) -> Vec3:
    if not isinstance(value, tuple | list) or len(value) != 3:
        raise ActionError(f"{what} is {value!r}, it must be three numbers (x, y, z) in {unit}")
    x, y, z = (number(f"{what} {axis}", v, -most, most) for axis, v in zip("xyz", value, strict=True))
    return x, y, z


def _position(value: Vec3) -> Vec3:
    return triple("position", value, FARTHEST_M, "metres")


def index_with(state: State, entity: int, part: int = 0, noun: str = "") -> int:
    """The slot of a living entity that has a part. ActionError where there is none."""
    if not state.alive(entity):
        raise ActionError(f"{entity!r} names no living entity")
    index = index_of(entity)
    if part and not state.columns.parts[index] & part:
        raise ActionError(f"entity {entity} ({state.names.get(entity, 'unnamed')}) is no {noun}")
    return index


# --- entities ---------------------------------------------------------------------------------------------------------


def spawn(
    blueprint: Blueprint,
    state: State,
    prefab: str | int,
    position: Vec3,
    yaw: float = 0.0,
    name: str = "",
    components: dict[str, object] | None = None,
) -> int:
    """Makes an entity from a prefab (by name or index; -1 or "" draws nothing) and returns its id."""
    if isinstance(prefab, str):
        known = [p.name for p in blueprint.prefabs]
        if prefab and prefab not in known:
            raise ActionError(f"there is no prefab {prefab!r}; there are {', '.join(known) or 'none'}")
        prefab = known.index(prefab) if prefab else -1
    wanted = Spawn(name, prefab, _position(position), number("yaw", yaw, -1e6, 1e6), components or {})
    try:
        return entities.spawn(blueprint, state, wanted)
    except entities.ComponentError as error:
        raise ActionError(str(error)) from error


def despawn(blueprint: Blueprint, state: State, entity: int) -> None:
    """Takes an entity out of the world; its id never comes back. The player stays."""
    index_with(state, entity)
    if entity == PLAYER:
        raise ActionError("the player cannot be despawned")
    entities.despawn(state, entity)


def find(blueprint: Blueprint, state: State, name: str) -> int:
    """The id of the entity of that name, 0 where there is none; "player" is always there."""
    return state.id_by_name.get(name, NOBODY)


def position_of(blueprint: Blueprint, state: State, entity: int) -> Vec3:
    """Where an entity's origin is, metres."""
    x, y, z = state.columns.position[index_with(state, entity)].tolist()
    return x, y, z


def move_to(blueprint: Blueprint, state: State, entity: int, position: Vec3) -> None:
    """Puts an entity somewhere at once (no path in between, also in pictures)."""
    index, to = index_with(state, entity), _position(position)
    if index == 0 and not entities.player_fits(blueprint, to):
        raise ActionError(f"position {to} lies outside of this world of {blueprint.size_m} m")
    entities.place(state, index, to)


def set_behaviour(
    blueprint: Blueprint,
    state: State,
    entity: int,
    name: str,
    path: int = -1,
    speed: float | None = None,
    follows: int = NOBODY,
    place: int | None = None,
    radius: float | None = None,
    schedule: int = -1,
) -> None:
    """Gives a walker another behaviour (engine/sim/systems/behaviours.py says what each does).

    `follows` is whom it follows, seeks or flees (nobody = the player), `place` what it seeks or wanders about (-1 =
    none). A path, speed, place, radius or schedule that is not given stays as it is.
    """
    index = index_with(state, entity, WALKS, "walker: spawn it with a behaviour")
    if name not in BEHAVIOURS:
        raise ActionError(f"there is no behaviour {name!r}; there are {', '.join(BEHAVIOURS)}")
    behaviour, c = BEHAVIOURS.index(name), state.columns
    route = path if path != -1 else int(c.path[index])
    lowest = 0 if behaviour == PATROL else -1  # -1: none
    if isinstance(route, bool) or not isinstance(route, int) or not lowest <= route < len(blueprint.paths):
        raise ActionError(f"path is {route!r}, this world has paths 0 to {len(blueprint.paths) - 1}")
    where = int(c.place[index]) if place is None else place
    if isinstance(where, bool) or not isinstance(where, int) or not -1 <= where < len(blueprint.places):
        raise ActionError(f"place is {where!r}, this world has places 0 to {len(blueprint.places) - 1}")
    plan = schedule if schedule != -1 else int(c.schedule[index])
    if isinstance(plan, bool) or not isinstance(plan, int) or not -1 <= plan < len(blueprint.schedules):
        raise ActionError(f"schedule is {plan!r}, this world has schedules 0 to {len(blueprint.schedules) - 1}")
    if problem := entities.walk_problem(blueprint, behaviour, route, plan):
        raise ActionError(problem)
    reach = float(c.radius[index]) if radius is None else number("radius", radius, 0.5, FARTHEST_M)
    pace = float(c.speed[index]) if speed is None else number("speed", speed, 0.0, 12.0)
    if follows != NOBODY:
        index_with(state, follows)
    if route != c.path[index]:
        c.path_point[index] = 0
    c.behaviour[index], c.path[index], c.speed[index], c.follows[index] = behaviour, route, pace, follows
    c.place[index], c.radius[index], c.schedule[index] = where, reach, plan
    c.velocity[index] = 0.0
    c.detour[index] = c.lost[index] = False


# --- rigid bodies -----------------------------------------------------------------------------------------------------


def push(blueprint: Blueprint, state: State, entity: int, impulse: Vec3) -> None:
    """Pushes a body in the middle of its mass; an impulse of 1 N s makes 1 kg faster by 1 m/s."""
    index, c = index_with(state, entity, BODY, BODY_NOUN), state.columns
    wanted = triple("impulse", impulse, MOST_IMPULSE_N_S, "newton seconds")
    if c.kinematic[index]:
        raise ActionError(f"entity {entity} is kinematic and cannot be pushed; use set_velocity")
    faster = np.array(wanted) / mass_of(blueprint, c, index)
    c.linear_velocity[index] = np.clip(c.linear_velocity[index] + faster, -FASTEST_M_S, FASTEST_M_S)


def set_velocity(blueprint: Blueprint, state: State, entity: int, velocity: Vec3, spin: Vec3 | None = None) -> None:
    """Gives a body another velocity (m/s), and another spin (rad/s) where one is given."""
    index = index_with(state, entity, BODY, BODY_NOUN)
    wanted = triple("velocity", velocity, FASTEST_M_S, "metres a second")
    turn = None if spin is None else triple("spin", spin, FASTEST_RAD_S, "radians a second")
    state.columns.linear_velocity[index] = wanted
    if turn is not None:
        state.columns.angular_velocity[index] = turn


def velocity_of(blueprint: Blueprint, state: State, entity: int) -> Vec3:
    """How fast a body or a walker goes, m/s; the player and what stands still go at what their last tick brought."""
    index, c = index_with(state, entity), state.columns
    if c.parts[index] & BODY:
        x, y, z = c.linear_velocity[index].tolist()
    else:
        x, y, z = ((c.position[index] - c.previous_position[index]) * TICK_HZ).tolist()
    return x, y, z


def raycast(
    blueprint: Blueprint, state: State, origin: Vec3, direction: Vec3, reach: float = 50.0, ignore: int = NOBODY
) -> rays.Met | None:
    """The first thing that a ray meets; `direction` may have any length but none."""
    start, far = _position(origin), number("reach", reach, 0.0, rays.FARTHEST_M)
    x, y, z = triple("direction", direction, 1e6, "metres")
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-9:
        raise ActionError(f"direction is {direction!r}, it must point somewhere")
    return rays.raycast(blueprint, state, start, (x / length, y / length, z / length), far, ignore)


# --- lamps and doors --------------------------------------------------------------------------------------------------


def set_lamp(blueprint: Blueprint, state: State, entity: int, on: bool) -> None:
    """Switches a lamp; says so in the event "lamp" when that changes it."""
    index = index_with(state, entity, LAMP, "lamp")
    if bool(state.columns.lamp_on[index]) != bool(on):
        state.columns.lamp_on[index] = bool(on)
        events.emit(state, "lamp", entity, bool(on))


def lamp_is_on(blueprint: Blueprint, state: State, entity: int) -> bool:
    """Whether a lamp is switched on."""
    return bool(state.columns.lamp_on[index_with(state, entity, LAMP, "lamp")])


def dim_lamp(blueprint: Blueprint, state: State, entity: int, factor: float) -> None:
    """Sets a lamp's dimmer, 0 (dark) to 1 (its full radiance)."""
    state.columns.lamp_level[index_with(state, entity, LAMP, "lamp")] = number("factor", factor, 0.0, 1.0)


def open_door(blueprint: Blueprint, state: State, entity: int, open: bool) -> None:
    """Asks a door to open (its voxels go at once) or to close (they come back when it is shut)."""
    index = index_with(state, entity, DOOR, "door")
    if bool(state.columns.door_open[index]) != bool(open):
        state.columns.door_open[index] = bool(open)
        if open:
            entities.fill_door(state, index, solid=False)
        events.emit(state, "door", entity, bool(open))


def door_is_open(blueprint: Blueprint, state: State, entity: int) -> bool:
    """Whether a door is open or opening."""
    return bool(state.columns.door_open[index_with(state, entity, DOOR, "door")])


def toggle(blueprint: Blueprint, state: State, entity: int) -> None:
    """Opens or shuts a door, switches a lamp; a thing that is both does both, any other stays as it is."""
    parts = int(state.columns.parts[index_with(state, entity)])
    if parts & DOOR:
        open_door(blueprint, state, entity, not door_is_open(blueprint, state, entity))
    if parts & LAMP:
        set_lamp(blueprint, state, entity, not lamp_is_on(blueprint, state, entity))


# --- the world around -------------------------------------------------------------------------------------------------


def check_box(blueprint: Blueprint, state: State, low: tuple[int, ...], high: tuple[int, ...], material: int) -> None:
    """ActionError where `set_voxels` could not do what it is asked."""
    for what, corner in (("low", low), ("high", high)):
        if len(corner) != 3 or any(isinstance(v, bool) or not isinstance(v, int | np.integer) for v in corner):
            raise ActionError(f"{what} is {corner!r}, it must be three whole numbers of voxels")
    shape = state.voxels.material.shape
    if any(not 0 <= a < b <= n for a, b, n in zip(low, high, shape, strict=True)):
        raise ActionError(f"the box {tuple(low)}..{tuple(high)} is empty or not inside this world of {shape} voxels")
    n_materials = len(blueprint.materials.names)
    if isinstance(material, bool) or not isinstance(material, int | np.integer) or not 0 <= material < n_materials:
        raise ActionError(f"material is {material!r}, this world has materials 0 to {n_materials - 1}")


def set_voxels(
    blueprint: Blueprint, state: State, low: tuple[int, int, int], high: tuple[int, int, int], material: int
) -> None:
    """Fills the box low..high (voxels, high exclusive) with a material; 0 is air."""
    check_box(blueprint, state, low, high, material)
    state.voxels.fill(low, high, int(material))


def hour(blueprint: Blueprint, state: State) -> float:
    """The hour of day, 0..24."""
    return state.hour


def random(blueprint: Blueprint, state: State, stream: str) -> float:
    """A number in [0, 1) from (seed, tick, stream, how many were drawn in this tick before)."""
    if not isinstance(stream, str) or len(stream) > events.MAX_TEXT:
        raise ActionError(f"stream is {stream!r:.60}, it must be a text of at most {events.MAX_TEXT} characters")
    state.draws += 1
    return uniform(state.seed, state.tick, stream_key(stream), state.draws)


def set_var(blueprint: Blueprint, state: State, name: str, value: Value) -> None:
    """Keeps a value in the state under a name: what scripts remember. LimitError beyond 1,000 names."""
    set_variable(state, name, value)


def get_var(blueprint: Blueprint, state: State, name: str) -> Value:
    """A value kept earlier or declared by the world."""
    if name not in state.variables:
        raise ActionError(f"there is no variable {name!r}; there are {', '.join(sorted(state.variables)) or 'none'}")
    return state.variables[name]


def start_timer(blueprint: Blueprint, state: State, name: str, seconds: float, repeat: bool = False) -> None:
    """Sends the event "timer" (name) after so many seconds, once or again and again; a running one starts anew."""
    ticks = max(1, math.ceil(number("seconds", seconds, 0.0, LONGEST_TIMER_S) * TICK_HZ))
    set_timer(state, name, Timer(state.tick + ticks, ticks if repeat else 0))


def stop_timer(blueprint: Blueprint, state: State, name: str) -> None:
    """Stops a timer; one that does not run is left alone."""
    state.timers.pop(name, None)


def emit(blueprint: Blueprint, state: State, kind: str, *args: Value) -> None:
    """Sends an event; sent by a handler, it is handled in the next tick. LimitError beyond 10,000 a tick.

    The events that the world sends itself cannot be forged: whoever listens may rely on their arguments.
    """
    if kind == "tick" or (isinstance(kind, str) and kind in events.KINDS):
        raise ActionError(f"the event {kind!r} is sent by the world itself; give yours another name")
    events.check_room(state, kind, events.MAX_EVENTS)
    events.emit(state, kind, *args)
