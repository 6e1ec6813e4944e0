"""Rigid bodies: what falls, rolls, is stacked and pushed. Columns are told to physics, it steps, columns are read.

Between ticks the columns hold every pose and velocity exactly as the physics does; what it knows beyond that (contacts
with their warm starts, islands, sleep) lies in `State.physics`. Worlds without bodies never import the engine.

The ground ends at the grid: below and around it everything is solid up to 64 m above it. A body that gets out all the
same is taken out of the world, which the event "lost" tells.
"""

import warnings
from typing import Final

import numpy as np

from engine.core.ids import NOBODY, index_of
from engine.core.units import TICK_S
from engine.sim.physics.mirror import MOTION, Mirror
from engine.sim.physics.solver import BODIES, LEAVES, PEOPLE, BrokenBodies, Hit, PhysicsError, Solver, Touch
from engine.sim.physics.terrain import FIRST_WALL, SKY_M, WALL_M
from engine.state import entities, events
from engine.state.blueprint import Blueprint
from engine.state.components import BODY, COLUMN_BY_NAME
from engine.state.world import EngineBytes, State

MAX_CONTACTS: Final = 256  # events of a tick; the rest is not told
STRENGTH_N: Final = 400.0  # with which somebody pushes what stands in the way
SKIN_M: Final = 0.01  # people keep this distance
STUCK_M: Final = 0.015  # a leaf that is pressed deeper into something waits

LIMITS: Final = np.concatenate([np.full(width, COLUMN_BY_NAME[name].high) for name, width in MOTION])  # [13]
Vec3 = tuple[float, float, float]


class PhysicsRebuilt(UserWarning):
    """A save of another physics engine: bodies go on from their poses and velocities, but not to the bit."""


def of(state: State) -> Mirror | None:
    """The physics of a world, awake; None in a world that has none (yet)."""
    held = state.physics
    if held is None or isinstance(held, Mirror):
        return held
    assert isinstance(held, EngineBytes)
    from engine.sim.physics.rapier import NAME, RapierSolver  # only worlds with bodies pay for it

    if held.name != NAME:
        warnings.warn(
            f"this world was saved with {held.name}, this is {NAME}: its bodies go on from their poses and velocities, "
            "and not exactly as they would have",
            PhysicsRebuilt,
            stacklevel=2,
        )
        state.physics = None
        return None
    state.physics = mirror = Mirror(RapierSolver.from_bytes(held.data))
    return mirror


def arrange(blueprint: Blueprint, state: State) -> None:
    """Tells physics what commands and handlers did to bodies; begins and ends with the first and the last of them."""
    if not len(state.rows(BODY)):
        state.physics = None
        return
    mirror = of(state)
    if mirror is None:
        state.physics = mirror = Mirror(_new_solver())
    mirror.arrange(blueprint, state)


def _new_solver() -> Solver:
    from engine.sim.physics.rapier import RapierSolver

    return RapierSolver()


def move(blueprint: Blueprint, state: State) -> None:
    """One step of physics, read back into the columns. PhysicsError where a body broke; the columns stay finite."""
    mirror = of(state)
    if mirror is None:
        return
    _hold_people(blueprint, state, mirror)
    mirror.carry(state)
    c = state.columns
    resting = [
        key
        for key, motion in (zip(mirror.ids, mirror.known.tolist(), strict=True) if mirror.fresh else ())
        if key in mirror.fresh and c.asleep[index_of(key)] and not any(motion[7:])  # what was pushed does not rest
    ]
    if resting:
        mirror.solver.lay_to_rest(resting)
    try:
        if mirror.solver.rests():
            return
        touches = mirror.solver.step()
        _read_back(state, mirror)
    except BrokenBodies as error:
        state.physics = None  # built anew from the columns, should anybody go on
        raise PhysicsError(_complaint(state, error.keys[0], "motion", "it is not finite any more")) from None
    except PhysicsError:
        state.physics = None
        raise
    _tell(state, touches)
    _drop_lost(blueprint, state, mirror)


def _read_back(state: State, mirror: Mirror) -> None:
    c, rows = state.columns, state.span(BODY)
    asleep, motion = mirror.solver.motions(mirror.ids)
    if not (np.abs(motion) <= LIMITS).all():  # NaN is not
        at = 0
        for name, width in MOTION:
            column, values = COLUMN_BY_NAME[name], motion[:, at : at + width]
            at += width
            broken = ~np.isfinite(values).all(1)
            if name in ("position", "orientation"):
                broken |= (np.abs(values) > column.high).any(1)
            if broken.any():
                i = int(np.argmax(broken))
                raise PhysicsError(_complaint(state, mirror.ids[i], name, f"it became {values[i].tolist()}"))
            np.clip(values, column.low, column.high, out=values)
    at = 0
    for name, width in MOTION:
        c[name][rows] = motion[:, at : at + width]
        at += width
    c.asleep[rows] = asleep
    mirror.known = motion  # what columns of float32 hold: physics itself computes in it


def _complaint(state: State, key: int, component: str, why: str) -> str:
    if not state.alive(key):
        return f"physics of {key}: {why}"
    name = state.names.get(key, "unnamed")
    return f"tick {state.tick}: {component} of the body {key} ({name}): {why}; the tick is void"


def _tell(state: State, touches: list[Touch]) -> None:
    """Sends "contact" for bodies that tell, by slot, at most MAX_CONTACTS."""
    c = state.columns
    told: dict[tuple[int, int], float] = {}
    for touch in touches:
        for key, other in ((touch.key, touch.other), (touch.other, touch.key)):
            if state.alive(key) and c.tells[index_of(key)]:
                pair = key, other if other > FIRST_WALL * 2 else NOBODY
                told[pair] = told.get(pair, 0.0) + touch.impulse
    order = sorted(told, key=lambda pair: (index_of(pair[0]), index_of(pair[1])))
    for key, other in order[:MAX_CONTACTS]:
        events.emit(state, "contact", key, other, told[key, other])


def _drop_lost(blueprint: Blueprint, state: State, mirror: Mirror) -> None:
    """Takes out bodies that got through the ground around the grid, or rose for ever."""
    if not len(mirror.ids):
        return
    (x, y, z), at = blueprint.size_m, mirror.known[:, :3]
    highest = at.max(0).tolist()
    if at.min() >= -WALL_M and highest[0] <= x + WALL_M and highest[1] <= y + WALL_M and highest[2] <= z + SKY_M:
        return
    lost = ((at < -WALL_M) | (at > (x + WALL_M, y + WALL_M, z + SKY_M))).any(1)
    for i in np.flatnonzero(lost).tolist():
        events.emit(state, "lost", mirror.ids[i])
        entities.despawn(state, mirror.ids[i])


# --- people and doors among bodies ------------------------------------------------------------------------------------


def _hold_people(blueprint: Blueprint, state: State, mirror: Mirror) -> None:
    """Walkers whom a body stands in the way stay before it and push."""
    c = state.columns
    for key in mirror.taking_part(PEOPLE):
        index = index_of(key)
        if index == 0:
            continue  # the player has looked ahead (player.py)
        x, y, z = c.previous_position[index].tolist()
        way = (float(c.position[index, 0]) - x, float(c.position[index, 1]) - y, 0.0)
        if way[0] == 0.0 and way[1] == 0.0:
            continue
        hit = mirror.solver.cast_box((x, y, z + 0.875), (0.25, 0.25, 0.8), way, BODIES, SKIN_M)
        if hit is not None:
            c.position[index, 0], c.position[index, 1] = x + way[0] * hit.share, y + way[1] * hit.share
            c.blocked[index] = True
            push(blueprint, state, mirror, hit, way)


def push(blueprint: Blueprint, state: State, mirror: Mirror, hit: Hit, way: Vec3) -> None:
    """Somebody who wants to go a way (metres in this tick) leans on the body that is hit: up to the speed it wants,
    with at most STRENGTH_N, at the height of its middle.
    """
    index, c = index_of(hit.key), state.columns
    if c.kinematic[index]:
        return
    length = (way[0] * way[0] + way[1] * way[1]) ** 0.5
    x, y = way[0] / length, way[1] / length
    against = -(hit.normal[0] * x + hit.normal[1] * y)
    if against <= 0.1:
        return
    vx, vy, _ = c.linear_velocity[index].tolist()
    pieces, _ = mirror.pieces(blueprint, state, hit.key)
    mass = float(c.density[index]) * sum(p.volume for p in pieces)
    impulse = min(mass * (length / TICK_S - (vx * x + vy * y)), STRENGTH_N * TICK_S)
    if impulse > 0.0:
        middle = float(c.position[index, 2]) + pieces[0].centre[2]
        mirror.solver.push(hit.key, (x * impulse, y * impulse, 0.0), (hit.point[0], hit.point[1], middle))


def leaf_is_stuck(state: State, index: int) -> bool:
    """Whether the leaf of a door presses against a body that does not give way."""
    mirror = of(state)
    key = state.entity_at(index)
    return mirror is not None and key in mirror.taking_part(LEAVES) and mirror.solver.squeezed(key) > STUCK_M


def box_is_free(state: State, low: Vec3, high: Vec3) -> bool:
    """Whether no body lies in a box (metres), but for what reaches in by less than STUCK_M."""
    mirror = of(state)
    if mirror is None:
        return True
    centre = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    half = tuple(max((b - a) / 2 - STUCK_M, 0.01) for a, b in zip(low, high, strict=True))
    return not mirror.solver.overlaps((centre[0], centre[1], centre[2]), (half[0], half[1], half[2]), BODIES)


def speed_at(state: State, key: int, point: Vec3) -> Vec3:
    """Velocity (m/s) of a body at a point of the world, roughly: the turn is taken around its origin."""
    c, index = state.columns, index_of(key)
    (vx, vy, vz), (wx, wy, wz) = c.linear_velocity[index].tolist(), c.angular_velocity[index].tolist()
    x, y, z = (p - o for p, o in zip(point, c.position[index].tolist(), strict=True))
    return vx + wy * z - wz * y, vy + wz * x - wx * z, vz + wx * y - wy * x
