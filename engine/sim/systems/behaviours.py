"""Where walkers want to go, all at once, as columns. The behaviours, and what each takes of a walker's columns:

- none: stands where it is, and others walk round it.
- patrol (path): to the points of its path, one after the other, round and round. A point to which no way leads is
  given up after about two seconds.
- wander (place, radius): straight on at its speed, now and then another way, about every four seconds; always another
  way from walls and drops. With a place it goes back there whenever it is more than `radius` (6 m) away from it.
- follow (follows): after an entity, or the player, up to 1.5 m; slower when near.
- seek (place, or follows): to a spot of its own in a place and rests there; or right up to an entity, 0.8 m.
- flee (follows, radius): away from an entity while that is nearer than `radius` (6 m); else it stands.
- schedule (schedule): whatever its schedule says for the hour: a place to seek, or another behaviour.

All walk with `speed` (1.2 m/s). Patrol, follow, flee and the way to an entity go straight until the ground stops them;
from then on (`detour`) a flow field leads round what is in the way (engine/sim/ways.py). Ways to a place are led by its
field from the start. Who has no way stands and is `lost`.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.core.rng import bits, stream_key, uniform
from engine.core.units import VOXELS_PER_M
from engine.sim.angles import HEADINGS, N_HEADINGS
from engine.sim.systems import wishes
from engine.sim.systems.gait import FEW
from engine.sim.systems.wishes import ENTITIES, POINTS
from engine.sim.ways import Ground, ways_of
from engine.state.blueprint import F64, Blueprint
from engine.state.components import FLEE, PATROL, SCHEDULE, SEEK, WALKS, WANDER
from engine.state.world import State

Rows = NDArray[np.intp]
I64 = NDArray[np.int64]
I16 = NDArray[np.int16]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

TURN_TICKS: Final = 4  # a wanderer asks chance so seldom; a power of two
TURN_CHANCE: Final = 4.0 / 256.0  # each time: a new direction about every 4 s
GIVE_UP_CHANCE: Final = 1.0 / 128.0  # of a patrol that is lost, per tick: on to the next point after about 2 s
GOALS_PER_TICK: Final = 4  # whose fields are asked; more take turns, and who waits walks on as it did
NEAR_POINT: Final = 2  # columns (0.5 m): from there on a point of a path is walked to straight
NEAR_ENTITY: Final = 5  # columns (1.25 m): the same for an entity
TURNS: Final = stream_key("behaviour.turn")
HEADS: Final = stream_key("behaviour.heading")
GIVES_UP: Final = stream_key("behaviour.give_up")
SPOTS: Final = stream_key("behaviour.spot")
SPOT_HEADS: Final = stream_key("behaviour.spot_heading")


def decide(blueprint: Blueprint, state: State) -> None:
    """Sets the velocity that every walker wants (`wishes.want`), led by flow fields where that must be."""
    c, rows, at = state.columns, state.rows(WALKS), state.span(WALKS)
    if not (n := len(rows)):
        return
    behaviour, place = c.behaviour[at], c.place[at]
    present = np.bincount(behaviour, minlength=SCHEDULE + 1).tolist()
    if present[SCHEDULE]:
        behaviour, place = _by_the_hour(blueprint, state, rows, behaviour, place)
        present = np.bincount(behaviour, minlength=SCHEDULE + 1).tolist()
    position, velocity = c.position[at], c.velocity[at]
    chance, spots = np.zeros(n, np.bool_), np.zeros((n, 2))
    if present[WANDER] or present[PATROL]:
        _let_chance_speak(state, rows, behaviour, chance)
    if present[SEEK]:
        _find_spots(blueprint, state, rows, behaviour, place, spots)
    told: list[Any] = [behaviour, place, c.path[at], c.follows[at], chance, position[:, 0], position[:, 1], c.speed[at]]
    told += [c.radius[at], c.blocked[at], spots[:, 0], spots[:, 1]]
    tables = (c.position, *blueprint.path_points, blueprint.place_centres)
    wished: list[Any] = [velocity[:, 0], velocity[:, 1], c.path_point[at], c.detour[at], c.lost[at]]
    want: Any = wishes.want
    if n <= FEW:
        told, wished = [each.tolist() for each in told], [each.tolist() for each in wished]
        asking: list[Any] = [[-1] * n, [0.0] * n, [0.0] * n, [0.0] * n]
    else:
        from engine.sim.systems import throng

        want, asking = throng.want, [np.zeros(n, np.int64), *np.zeros((3, n))]
    untold = want(*told, *tables, *wished, *asking)
    vx, vy, c.path_point[at], c.detour[at], c.lost[at] = wished
    c.velocity[at, 0], c.velocity[at, 1] = vx, vy
    if untold:
        goal, pace = np.array(asking[0]), np.array(asking[3])
        _turn(state, rows[goal == -2])
        if len(led := (goal >= 0).nonzero()[0]):
            toward = np.array(asking[1:3]).T[led]
            _lead(blueprint, state, rows[led], goal[led], toward, pace[led], behaviour[led] == FLEE)


def _let_chance_speak(state: State, rows: Rows, behaviour: U8, chance: Bool) -> None:
    """Marks the walkers [n] who turn, or give up a point that they are lost on the way to."""
    asked = ((behaviour == WANDER) & ((rows + state.tick) & (TURN_TICKS - 1) == 0)).nonzero()[0]
    if len(asked):
        chance[asked] = uniform(state.seed, state.tick, TURNS, state.ids(rows[asked])) < TURN_CHANCE
    if np.count_nonzero(lost := state.columns.lost[rows]):
        asked = (lost & (behaviour == PATROL)).nonzero()[0]
        chance[asked] = uniform(state.seed, state.tick, GIVES_UP, state.ids(rows[asked])) < GIVE_UP_CHANCE


def _find_spots(blueprint: Blueprint, state: State, rows: Rows, behaviour: U8, place: I16, spots: F64) -> None:
    """Writes where in their places those who seek one have a spot of their own [n, 2] metres."""
    seeks = ((behaviour == SEEK) & (place >= 0)).nonzero()[0]
    ids, sought = state.ids(rows[seeks]), place[seeks]
    heading = (bits(state.seed, 0, SPOT_HEADS, ids) % np.uint64(N_HEADINGS)).astype(np.intp)
    reach = np.array([p.radius for p in blueprint.places])[sought] * np.sqrt(uniform(state.seed, 0, SPOTS, ids))
    spots[seeks] = blueprint.place_centres[sought] + HEADINGS[heading] * reach[:, None]


def hours_entry(blueprint: Blueprint, schedule: int, hour: float) -> tuple[int, int]:
    """What a schedule says for an hour: (behaviour, place or -1)."""
    entries = blueprint.schedules[schedule].entries
    now = [e for e in entries if e[0] <= hour] or entries
    return now[-1][1], now[-1][2]


def _by_the_hour(blueprint: Blueprint, state: State, rows: Rows, behaviour: U8, place: I16) -> tuple[U8, I16]:
    """Behaviours and places [n] with what schedules say now put in."""
    behaviour, place = behaviour.copy(), place.copy()
    scheduled = np.flatnonzero(behaviour == SCHEDULE)
    number = state.columns.schedule[rows[scheduled]]
    for s in np.unique(number).tolist():
        here = scheduled[number == s]
        behaviour[here], said = hours_entry(blueprint, s, state.hour)
        if said >= 0:  # else the walker's own: where it wanders
            place[here] = said
    return behaviour, place


def _turn(state: State, rows: Rows) -> None:
    """Gives wanderers a new direction."""
    c = state.columns
    heading = bits(state.seed, state.tick, HEADS, state.ids(rows)) % np.uint64(N_HEADINGS)
    c.velocity[rows] = HEADINGS[heading.astype(np.intp)] * c.speed[rows][:, None]


def _lead(blueprint: Blueprint, state: State, rows: Rows, goals: I64, toward: F64, pace: F64, away: Bool) -> None:
    """Velocities of those [n] whom flow fields lead to their goals, or away: as fast as `pace` [n] m/s, and where they
    walk straight all the same, `toward` [n, 2].
    """
    c = state.columns
    way, found, near, waits = _ask(blueprint, state, rows, goals)
    way[away] *= -1.0
    guided = found & ~near
    toward[guided] = way[guided]
    # Without a way one stands, but flees on. What a wall keeps from its spot in a place rests where it is.
    pace[(~found & ~away) | (near & (goals < POINTS) & c.blocked[rows])] = 0.0
    goes = ~waits
    c.lost[rows[goes]] = ~found[goes]
    c.velocity[rows[goes]] = (toward * pace[:, None])[goes]


def _ask(blueprint: Blueprint, state: State, rows: Rows, goals: I64) -> tuple[F64, Bool, Bool, Bool]:
    """What the fields of some goals [n] say to walkers: unit vectors [n, 2], whether there is a way, whether the goal
    is so near that it is walked to straight, and who must wait because more than GOALS_PER_TICK are asked for.
    """
    c, ways = state.columns, ways_of(state)
    ground = ways.ground()
    nodes = ground.nodes_at(c.position[rows, 0], c.position[rows, 1], c.ground[rows].astype(np.int64))
    way = np.zeros((len(rows), 2))
    found, near, waits = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_), np.ones(len(rows), np.bool_)
    wanted = np.unique(goals)
    if len(wanted) > GOALS_PER_TICK:
        wanted = wanted[(state.tick * GOALS_PER_TICK + np.arange(GOALS_PER_TICK)) % len(wanted)]
    for goal in wanted.tolist():
        here = np.flatnonzero(goals == goal)
        waits[here] = False
        node, reach = _node_of(blueprint, state, ground, goal)
        if node >= 0:
            way[here], found[here] = ways.towards(ground.block_of(node) if goal >= ENTITIES else node, nodes[here])
            near[here] = ways.near(node, reach, nodes[here])
    return way, found, near, waits


def _node_of(blueprint: Blueprint, state: State, ground: Ground, goal: int) -> tuple[int, int]:
    """The node of a goal, -1 where nobody can stand there, and from how near (columns) it is walked to straight."""
    if goal >= ENTITIES:
        return ground.node_near(*state.columns.position[goal - ENTITIES].tolist()), NEAR_ENTITY
    if goal >= POINTS:
        return ground.node_near(*blueprint.path_points[0][goal - POINTS].tolist()), NEAR_POINT
    place = blueprint.places[goal]
    return ground.node_near(*place.position), max(NEAR_POINT, round(place.radius * VOXELS_PER_M))
