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

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.core.ids import INDEX_MASK
from engine.core.rng import bits, stream_key, uniform
from engine.core.units import VOXELS_PER_M
from engine.sim.angles import HEADINGS, N_HEADINGS
from engine.sim.ways import Ground, ways_of
from engine.state.blueprint import F64, Blueprint
from engine.state.components import FLEE, FOLLOW, NONE, PATROL, SCHEDULE, SEEK, WALKS, WANDER, Columns
from engine.state.world import State

Rows = NDArray[np.intp]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

ARRIVED_M: Final = 0.4
COMPANY_M: Final = 1.5  # followers keep this distance
GREET_M: Final = 0.8  # seekers this
SLOW_DOWN_HZ: Final = 3.0  # who comes to rest slows down to this times the distance that is left
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

# What somebody walks to, in one number: a place, a point of a path, or an entity by its slot.
_POINTS: Final = 1 << 24
_ENTITIES: Final = 1 << 48


class Trips(NamedTuple):
    """Walkers [n] who go somewhere now."""

    rows: Rows  # slots
    target: F64  # [n, 2] m: where to
    goal: I64  # what stands there: a number as above
    pace: F64  # m/s; 0 = stays where it is
    straight: Bool  # walks straight there until the ground stops it
    away: Bool  # goes away from there instead


def decide(blueprint: Blueprint, state: State) -> None:
    """Sets the velocity that every walker wants."""
    c, rows = state.columns, state.rows(WALKS)
    if not len(rows):
        return
    behaviour, place = c.behaviour[rows], c.place[rows].astype(np.int64)
    present = np.bincount(behaviour, minlength=SCHEDULE + 1)
    if present[SCHEDULE]:
        behaviour, place = _by_the_hour(blueprint, state, rows, behaviour, place)
        present = np.bincount(behaviour, minlength=SCHEDULE + 1)
    if present[NONE]:
        stands = rows[behaviour == NONE]
        c.velocity[stands], c.detour[stands], c.lost[stands] = 0.0, False, False
    trips = []
    if present[WANDER]:
        bound = (behaviour == WANDER) & (place >= 0)
        if not np.count_nonzero(bound):
            _wander(state, rows[behaviour == WANDER])
        else:
            _wander(state, rows[(behaviour == WANDER) & ~bound])
            trips.append(_come_back(blueprint, state, rows[bound], place[bound]))
    if present[PATROL]:
        trips.append(_patrol(blueprint, state, rows[behaviour == PATROL]))
    if present[FOLLOW]:
        trips.append(_follow(state, rows[behaviour == FOLLOW]))
    if present[SEEK]:
        there = (behaviour == SEEK) & (place >= 0)
        if np.count_nonzero(there):
            trips.append(_seek_place(blueprint, state, rows[there], place[there]))
        trips.append(_seek_entity(state, rows[(behaviour == SEEK) & ~there]))
    if present[FLEE]:
        trips.append(_flee(state, rows[behaviour == FLEE]))
    if len(trips) > 1:
        trips = [Trips(*(np.concatenate(column) for column in zip(*trips, strict=True)))]
    for together in trips:
        _travel(blueprint, state, together)


def hours_entry(blueprint: Blueprint, schedule: int, hour: float) -> tuple[int, int]:
    """What a schedule says for an hour: (behaviour, place or -1)."""
    entries = blueprint.schedules[schedule].entries
    now = [e for e in entries if e[0] <= hour] or entries
    return now[-1][1], now[-1][2]


def _by_the_hour(
    blueprint: Blueprint, state: State, rows: Rows, behaviour: NDArray[np.uint8], place: I64
) -> tuple[NDArray[np.uint8], I64]:
    """Behaviours and places [n] with what schedules say now put in."""
    scheduled = np.flatnonzero(behaviour == SCHEDULE)
    number = state.columns.schedule[rows[scheduled]]
    for s in np.unique(number).tolist():
        here = scheduled[number == s]
        behaviour[here], said = hours_entry(blueprint, s, state.hour)
        if said >= 0:  # else the walker's own: where it wanders
            place[here] = said
    return behaviour, place


def _wander(state: State, rows: Rows) -> None:
    """Straight on, now and then somewhere else, always somewhere else from walls and drops."""
    c = state.columns
    velocity = c.velocity[rows]
    turning = (velocity == 0.0).all(1) | c.blocked[rows]
    asked = ((rows + state.tick) & (TURN_TICKS - 1) == 0).nonzero()[0]
    if len(asked):
        turning[asked] |= uniform(state.seed, state.tick, TURNS, state.ids(rows[asked])) < TURN_CHANCE
    if not np.count_nonzero(turning):
        return
    rows = rows[turning]
    heading = bits(state.seed, state.tick, HEADS, state.ids(rows)) % np.uint64(N_HEADINGS)
    c.velocity[rows] = HEADINGS[heading.astype(np.intp)] * c.speed[rows][:, None]


def _come_back(blueprint: Blueprint, state: State, rows: Rows, place: I64) -> Trips:
    """Wanderers with a place wander near it; those that have gone too far walk back."""
    c, centre = state.columns, _centres(blueprint)[place]
    far = _distance(c, rows, centre) > c.radius[rows]
    _wander(state, rows[~far])
    c.detour[rows], c.lost[rows] = False, False
    return _trips(rows[far], centre[far], place[far], c.speed[rows[far]])


def _patrol(blueprint: Blueprint, state: State, rows: Rows) -> Trips:
    """From point to point of the path, round and round."""
    c = state.columns
    points, starts, lengths = blueprint.path_points
    path, next_point, pace = c.path[rows], c.path_point[rows], c.speed[rows]
    length = lengths[path]
    point = starts[path] + next_point % length
    target = points[point][:, :2]
    there = _distance(c, rows, target) < ARRIVED_M
    if np.count_nonzero(lost := c.lost[rows]):
        there |= lost & (uniform(state.seed, state.tick, GIVES_UP, state.ids(rows)) < GIVE_UP_CHANCE)
    if np.count_nonzero(there):
        c.path_point[rows] = np.where(there, (next_point + 1) % length, next_point)
        pace[there] = 0.0
    return _trips(rows, target, _POINTS + point, pace, straight=True)


def _follow(state: State, rows: Rows) -> Trips:
    """Towards somebody, slower when near, at rest in company."""
    c = state.columns
    leader = (c.follows[rows] & INDEX_MASK).astype(np.int64)  # nobody is slot 0: the player
    target = c.position[leader][:, :2]
    pace = _slowing(c.speed[rows], _distance(c, rows, target) - COMPANY_M)
    return _trips(rows, target, _ENTITIES + leader, pace, straight=True)


def _seek_entity(state: State, rows: Rows) -> Trips:
    """Right up to somebody."""
    c = state.columns
    sought = (c.follows[rows] & INDEX_MASK).astype(np.int64)
    target = c.position[sought][:, :2]
    pace = _slowing(c.speed[rows], _distance(c, rows, target) - GREET_M)
    return _trips(rows, target, _ENTITIES + sought, pace, straight=True)


def _seek_place(blueprint: Blueprint, state: State, rows: Rows, place: I64) -> Trips:
    """To a spot of one's own in a place; who rests there lets itself be pushed a little before it goes back."""
    c, ids = state.columns, state.ids(rows)
    heading = (bits(state.seed, 0, SPOT_HEADS, ids) % np.uint64(N_HEADINGS)).astype(np.intp)
    reach = np.array([p.radius for p in blueprint.places])[place] * np.sqrt(uniform(state.seed, 0, SPOTS, ids))
    spot = _centres(blueprint)[place] + HEADINGS[heading] * reach[:, None]
    distance = _distance(c, rows, spot)
    rests = (c.velocity[rows] == 0.0).all(1) & ~c.blocked[rows] & ~c.lost[rows] & (distance < 2.5 * ARRIVED_M)
    pace = np.where(rests | (distance < 0.5 * ARRIVED_M), 0.0, _slowing(c.speed[rows], distance))
    return _trips(rows, spot, place, pace)


def _flee(state: State, rows: Rows) -> Trips:
    """Away from somebody who is near."""
    c = state.columns
    threat = (c.follows[rows] & INDEX_MASK).astype(np.int64)
    target = c.position[threat][:, :2]
    pace = np.where(_distance(c, rows, target) < c.radius[rows], c.speed[rows], 0.0)
    return _trips(rows, target, _ENTITIES + threat, pace, straight=True, away=True)


def _travel(blueprint: Blueprint, state: State, trips: Trips) -> None:
    """Velocities of all who go somewhere: straight, or as a flow field leads them."""
    c, rows, pace = state.columns, trips.rows, trips.pace.copy()
    way = trips.target - c.position[rows][:, :2]
    distance = _length(way)
    toward = way / np.where(distance > 1e-9, distance, 1.0)[:, None]
    toward[trips.away.nonzero()[0]] *= -1.0
    stopped = c.detour[rows] | c.blocked[rows]
    if not np.count_nonzero(stopped | ~trips.straight):  # nobody needs to be led
        c.lost[rows] = False
        c.velocity[rows] = toward * pace[:, None]
        return
    # A patrol that once had to go round something knows its way from then on; others go straight again after a rest.
    keeps = (pace > 0.0) | ((trips.goal >= _POINTS) & (trips.goal < _ENTITIES))
    detour = trips.straight & stopped & keeps
    led = (detour | ~trips.straight) & (pace > 0.0)
    c.detour[rows], c.lost[rows] = detour, c.lost[rows] & led
    asks = led.nonzero()[0]
    if not len(asks):
        c.velocity[rows] = toward * pace[:, None]
    else:
        moves = np.ones(len(rows), np.bool_)
        led_way, found, near, waits = _ask(blueprint, state, rows[asks], trips.goal[asks])
        away = trips.away[asks]
        led_way[away] *= -1.0
        guided = found & ~near
        toward[asks[guided]] = led_way[guided]
        # Without a way one stands, but flees on. What a wall keeps from its spot in a place rests where it is.
        stays = (~found & ~away) | (near & ~trips.straight[asks] & c.blocked[rows[asks]])
        pace[asks[stays]] = 0.0
        c.lost[rows[asks]] = np.where(waits, c.lost[rows[asks]], ~found)
        moves[asks[waits]] = False
        c.velocity[rows[moves]] = (toward * pace[:, None])[moves]


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
            way[here], found[here] = ways.towards(ground.block_of(node) if goal >= _ENTITIES else node, nodes[here])
            near[here] = ways.near(node, reach, nodes[here])
    return way, found, near, waits


def _node_of(blueprint: Blueprint, state: State, ground: Ground, goal: int) -> tuple[int, int]:
    """The node of a goal, -1 where nobody can stand there, and from how near (columns) it is walked to straight."""
    if goal >= _ENTITIES:
        return ground.node_near(*state.columns.position[goal - _ENTITIES].tolist()), NEAR_ENTITY
    if goal >= _POINTS:
        return ground.node_near(*blueprint.path_points[0][goal - _POINTS].tolist()), NEAR_POINT
    place = blueprint.places[goal]
    return ground.node_near(*place.position), max(NEAR_POINT, round(place.radius * VOXELS_PER_M))


def _trips(
    rows: Rows, target: F64, goal: I64, pace: NDArray[np.floating], straight: bool = False, away: bool = False
) -> Trips:
    n, said = len(rows), (np.zeros, np.ones)
    return Trips(rows, target, goal, pace.astype(np.float64), said[straight](n, np.bool_), said[away](n, np.bool_))


def _centres(blueprint: Blueprint) -> F64:
    return np.array([p.position[:2] for p in blueprint.places])


def _slowing(speed: NDArray[np.float32], left: F64) -> F64:
    """Pace of who comes to rest `left` metres further on."""
    return np.minimum(speed, np.maximum(left, 0.0) * SLOW_DOWN_HZ)


def _distance(c: Columns, rows: Rows, target: F64) -> F64:
    return _length(target - c.position[rows][:, :2])


def _length(way: F64) -> F64:
    x, y = way.T
    length: F64 = np.sqrt(x * x + y * y)
    return length
