"""Where walkers want to go: patrol a path, wander, follow somebody. All walkers at once, as columns."""

from typing import Final

import numpy as np

from engine.core.ids import INDEX_MASK
from engine.core.rng import bits, stream_key, uniform
from engine.sim.angles import HEADINGS, N_HEADINGS
from engine.state.blueprint import F64, Blueprint
from engine.state.components import FOLLOW, PATROL, WALKS, WANDER, Columns
from engine.state.world import State

Rows = np.ndarray[tuple[int], np.dtype[np.intp]]

ARRIVED_M: Final = 0.4
COMPANY_M: Final = 1.5  # followers keep this distance
TURN_CHANCE: Final = 1.0 / 256.0  # of a wanderer per tick: a new direction about every 4 s
GIVE_UP_CHANCE: Final = 1.0 / 128.0  # of a patrol that is held up, per tick: on to the next point after about 2 s
TURNS: Final = stream_key("behaviour.turn")
HEADS: Final = stream_key("behaviour.heading")
GIVES_UP: Final = stream_key("behaviour.give_up")


def decide(blueprint: Blueprint, state: State) -> None:
    """Sets the velocity that every walker wants."""
    c, n = state.columns, state.n_slots
    walkers = np.flatnonzero(c.parts[:n] & WALKS)
    behaviour = c.behaviour[walkers]
    c.velocity[walkers[behaviour == 0]] = 0.0
    if len(rows := walkers[behaviour == WANDER]):
        _wander(state, rows)
    if len(rows := walkers[behaviour == PATROL]):
        _patrol(blueprint, state, rows)
    if len(rows := walkers[behaviour == FOLLOW]):
        _follow(state, rows)


def _wander(state: State, rows: Rows) -> None:
    """Straight on, now and then somewhere else, always somewhere else from walls and drops."""
    c, ids = state.columns, state.ids(rows)
    rests = (c.velocity[rows] == 0.0).all(1)
    turning = rests | c.blocked[rows] | (uniform(state.seed, state.tick, TURNS, ids) < TURN_CHANCE)
    rows, ids = rows[turning], ids[turning]
    heading = bits(state.seed, state.tick, HEADS, ids) % np.uint64(N_HEADINGS)
    c.velocity[rows] = HEADINGS[heading.astype(np.intp)] * c.speed[rows][:, None]


def _patrol(blueprint: Blueprint, state: State, rows: Rows) -> None:
    """From point to point of the path, round and round."""
    c = state.columns
    lengths = np.array([len(p.points) for p in blueprint.paths])
    starts = np.cumsum(lengths) - lengths
    points = np.concatenate([p.points for p in blueprint.paths])
    path = c.path[rows]
    away, distance = _towards(c, rows, points[starts[path] + c.path_point[rows] % lengths[path], :2])
    held_up = c.blocked[rows] & (uniform(state.seed, state.tick, GIVES_UP, state.ids(rows)) < GIVE_UP_CHANCE)
    there = (distance < ARRIVED_M) | held_up
    c.path_point[rows] = np.where(there, (c.path_point[rows] + 1) % lengths[path], c.path_point[rows])
    c.velocity[rows] = away * np.where(there, 0.0, c.speed[rows])[:, None]


def _follow(state: State, rows: Rows) -> None:
    """Towards somebody, slower when near, at rest in company."""
    c = state.columns
    leader = c.follows[rows] & INDEX_MASK  # nobody is slot 0: the player
    away, distance = _towards(c, rows, c.position[leader, :2])
    pace = np.minimum(c.speed[rows], np.maximum(distance - COMPANY_M, 0.0) * 3.0)
    c.velocity[rows] = away * pace[:, None]


def _towards(c: Columns, rows: Rows, target: F64) -> tuple[F64, F64]:
    """Unit vectors [n, 2] from walkers to points [n, 2], and the distances [n] in metres."""
    d = target - c.position[rows, :2]
    distance = np.sqrt(d[:, 0] * d[:, 0] + d[:, 1] * d[:, 1])
    return d / np.where(distance > 1e-9, distance, 1.0)[:, None], distance
