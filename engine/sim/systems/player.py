"""The player's body: a box that walks, climbs steps, jumps, falls and slides along walls.

Voxels and solid things are met as boxes. Rigid bodies are met by casting the box through physics: what stands in the
way is pushed, what is heavy enough is stepped on, and what carries the player takes it along.
"""

import math
from typing import Final

from engine.core.ids import index_of
from engine.core.trig import sine_cosine
from engine.core.units import TICK_S
from engine.sim.physics.mirror import Mirror
from engine.sim.physics.solver import BODIES, Hit
from engine.sim.systems import bodies
from engine.state.blueprint import Blueprint
from engine.state.world import State

HALF_WIDTH_M: Final = 0.3
HEIGHT_M: Final = 1.75
EYE_M: Final = 1.62  # above the feet
WALK_M_S: Final = 2.2
RUN_M_S: Final = 4.5
STEP_M: Final = 0.3  # a stair of 0.25 m is walked, a bench of 0.5 m is not
GRAVITY_M_S2: Final = 9.81
JUMP_M_S: Final = 4.6  # 1.08 m high
FASTEST_FALL_M_S: Final = 40.0  # 0.6 m a tick: less than the box is high, so nothing is fallen through
MASS_KG: Final = 75.0  # what lies under the feet carries so much
STEPPED_ON_KG: Final = 20.0  # lighter bodies are kicked aside
STEEPEST_Z: Final = 0.64  # of a normal: bodies lean by 50 degrees at most where one can stand
SLIP_M_S: Final = 2.5  # down what is steeper
FARTHEST_STEP_M: Final = 2.0  # within a tick, and half of the body: what carries the player does 1.6 m at most
EYE_SETTLE_M_S: Final = 2.0  # how fast the eye follows the feet up a step

Vec3 = tuple[float, float, float]
Box = tuple[Vec3, Vec3]  # low, high, metres


def walk(blueprint: Blueprint, state: State) -> None:
    """One tick of the player's body."""
    p, c = state.player, state.columns
    x, y, z = c.position[0].tolist()
    obstacles = _obstacles(blueprint, state, (x, y, z))
    body = _Body(blueprint, state, obstacles, x, y, z)

    if not body.free(x, y, z):  # somebody built a wall here: rise out of it rather than be stuck
        body.z = z + 0.05
        p.fall_speed = 0.0
        c.position[0] = (x, y, body.z)
        return

    dx, dy = _wish(state)
    grounded = p.on_ground
    if grounded:
        carried_x, carried_y = body.carried()
        dx, dy = dx + carried_x, dy + carried_y
    body.slide(0, dx, grounded)
    body.slide(1, dy, grounded)

    if (p.jump or p.up > 0.0) and grounded:
        p.fall_speed, grounded = JUMP_M_S, False
    p.jump = False
    p.fall_speed = max(p.fall_speed - GRAVITY_M_S2 * TICK_S, -FASTEST_FALL_M_S)
    p.on_ground = False
    if grounded and body.descend(STEP_M):  # stays on stairs that lead down
        p.on_ground, p.fall_speed = True, 0.0
    elif body.reach(2, p.fall_speed * TICK_S):
        p.on_ground = p.fall_speed < 0.0 and not body.slips()
        p.fall_speed = 0.0
    if p.on_ground:
        body.weigh()

    # The feet jump by a stair, the eye glides after them.
    lag = p.eye_lag + body.stepped
    settle = (EYE_SETTLE_M_S + 4.0 * abs(lag)) * TICK_S
    p.eye_lag = lag - min(max(lag, -settle), settle)
    c.position[0] = (body.x, body.y, body.z)


def _wish(state: State) -> tuple[float, float]:
    """How far the player wants to go in this tick, world x and y."""
    p = state.player
    sin, cos = sine_cosine(float(state.columns.yaw[0]))
    x, y = p.forward * cos + p.right * sin, p.forward * sin - p.right * cos
    length = max(math.sqrt(x * x + y * y), 1.0)
    distance = (RUN_M_S if p.run else WALK_M_S) * TICK_S / length
    return x * distance, y * distance


class _Body:
    """The player's box during one tick."""

    def __init__(self, blueprint: Blueprint, state: State, obstacles: list[Box], x: float, y: float, z: float) -> None:
        self.blueprint, self.state = blueprint, state
        self.voxels, self.obstacles = state.voxels, obstacles
        physics = bodies.of(state)
        self.physics: Mirror | None = physics if physics is not None and physics.is_near(*_box(x, y, z)) else None
        self.x, self.y, self.z = x, y, z
        self.stepped = 0.0  # metres gained by steps
        self.hit: Hit | None = None  # the body that stopped the last `reach`

    def met(self, way: Vec3, raised: float = 0.0) -> Hit | None:
        """The first body that the box meets on a way from here, or from so much above."""
        if self.physics is None:
            return None
        w, h = HALF_WIDTH_M, HEIGHT_M / 2
        centre = (self.x, self.y, self.z + raised + h)
        return self.physics.solver.cast_box(centre, (w, w, h), way, BODIES, bodies.SKIN_M)

    def free(self, x: float, y: float, z: float) -> bool:
        """Whether the box may stand with its feet at a point."""
        low, high = _box(x, y, z)
        return not self.voxels.solid_in(low, high) and not any(_overlap(low, high, *o) for o in self.obstacles)

    def moved(self, axis: int, by: float) -> Vec3:
        """The feet after a move along an axis."""
        return self.x + by * (axis == 0), self.y + by * (axis == 1), self.z + by * (axis == 2)

    def reach(self, axis: int, by: float) -> bool:
        """Moves as far as it can along an axis; whether something stopped it. Contact is found to 1/256 of the way."""
        self.hit = self.met(_along(axis, by))
        if self.hit is not None:
            by *= self.hit.share
        if self.free(*self.moved(axis, by)):
            self.x, self.y, self.z = self.moved(axis, by)
            return self.hit is not None
        self.hit = None
        if abs(by) > 0.004:  # standing still would search for nothing
            good, bad = 0.0, 1.0
            for _ in range(8):
                half = 0.5 * (good + bad)
                good, bad = (half, bad) if self.free(*self.moved(axis, by * half)) else (good, half)
            self.x, self.y, self.z = self.moved(axis, by * good)
        return True

    def slide(self, axis: int, by: float, may_step: bool) -> None:
        """Moves along a horizontal axis, up a step where one is in the way, else up to the wall."""
        if by == 0.0:
            return
        x, y, z = self.moved(axis, by)
        body = self.met(_along(axis, by))
        if may_step and (body is not None or not self.free(x, y, z)) and self.may_rise(axis, by, body):
            self.x, self.y, self.z = x, y, z + STEP_M
            self.reach(2, -STEP_M)
            self.stepped += self.z - z
            return
        self.reach(axis, by)
        if self.hit is not None and self.physics is not None:
            bodies.push(self.blueprint, self.state, self.physics, self.hit, _along(axis, by))

    def may_rise(self, axis: int, by: float, body: Hit | None) -> bool:
        """Whether what is in the way is a step: low enough, with room above, and no body that is light or too steep."""
        x, y, z = self.moved(axis, by)
        if not (self.free(x, y, z + STEP_M) and self.free(self.x, self.y, z + STEP_M)):
            return False
        if self.physics is None:
            return True
        if body is not None and self._mass(body.key) < STEPPED_ON_KG:
            return False
        if self.met((0.0, 0.0, STEP_M)) is not None or self.met(_along(axis, by), STEP_M) is not None:
            return False
        here = self.x, self.y
        self.x, self.y = x, y
        under = self.met((0.0, 0.0, -STEP_M), STEP_M)
        self.x, self.y = here
        return under is None or (under.normal[2] > STEEPEST_Z and self._mass(under.key) >= STEPPED_ON_KG)

    def _mass(self, key: int) -> float:
        """Kilograms of a body; one that nothing moves is heavy."""
        assert self.physics is not None
        c, index = self.state.columns, index_of(key)
        if c.kinematic[index]:
            return math.inf
        pieces, _ = self.physics.pieces(self.blueprint, self.state, key)
        return float(c.density[index]) * sum(p.volume for p in pieces)

    def carried(self) -> tuple[float, float]:
        """How far what the player stands on takes it along in this tick, world x and y."""
        under = self.met((0.0, 0.0, -0.05))
        if under is None:
            return 0.0, 0.0
        vx, vy, _ = bodies.speed_at(self.state, under.key, (self.x, self.y, self.z))
        return vx * TICK_S, vy * TICK_S

    def weigh(self) -> None:
        """Leans on the body under the feet."""
        under = self.met((0.0, 0.0, -0.05))
        if under is not None and self.physics is not None and not self.state.columns.kinematic[index_of(under.key)]:
            self.physics.solver.push(under.key, (0.0, 0.0, -MASS_KG * GRAVITY_M_S2 * TICK_S), (self.x, self.y, self.z))

    def slips(self) -> bool:
        """Whether the last `reach` ended on a body too steep to stand on; then it slides a little way down."""
        if self.hit is None or self.hit.normal[2] > STEEPEST_Z:
            return False
        x, y, _ = self.hit.normal
        length = max(math.sqrt(x * x + y * y), 1e-6)
        self.reach(0, x / length * SLIP_M_S * TICK_S)
        self.reach(1, y / length * SLIP_M_S * TICK_S)
        return True

    def descend(self, by: float) -> bool:
        """Stands on the ground that lies at most so far below; False (and no move) where none does."""
        z = self.z
        under = self.met((0.0, 0.0, -by))
        if under is not None and under.normal[2] <= STEEPEST_Z:
            return False
        if self.free(self.x, self.y, z - 0.004):
            if under is None and self.free(self.x, self.y, z - by):
                return False
            self.reach(2, -by)
            self.stepped += self.z - z
        return True


def _along(axis: int, by: float) -> Vec3:
    return by * (axis == 0), by * (axis == 1), by * (axis == 2)


def _box(x: float, y: float, z: float) -> Box:
    w = HALF_WIDTH_M
    return (x - w, y - w, z), (x + w, y + w, z + HEIGHT_M)


def _overlap(low: Vec3, high: Vec3, other_low: Vec3, other_high: Vec3) -> bool:
    return (
        low[0] < other_high[0] and other_low[0] < high[0]
        and low[1] < other_high[1] and other_low[1] < high[1]
        and low[2] < other_high[2] and other_low[2] < high[2]
    )  # fmt: skip


def _obstacles(blueprint: Blueprint, state: State, feet: Vec3) -> list[Box]:
    """Boxes of solid things nearby. What the player already stands in is none, so that nobody is ever stuck."""
    c, rows, boxes = state.columns, state.solids(), []
    dx, dy, _ = (c.position[rows] - feet).T
    for i in rows[dx * dx + dy * dy <= 2.0 * (blueprint.farthest_reach_m + FARTHEST_STEP_M) ** 2].tolist():
        if i == 0 or c.prefab[i] < 0 or c.carrier[i]:
            continue
        hx, hy, hz = blueprint.prefabs[c.prefab[i]].half_extent.tolist()
        x, y, z = c.position[i].tolist()
        if max(abs(x - feet[0]), abs(y - feet[1])) > hx + hy + FARTHEST_STEP_M:
            continue
        sin, cos = (abs(v) for v in sine_cosine(float(c.yaw[i])))
        wx, wy = hx * cos + hy * sin, hx * sin + hy * cos
        low, high = (x - wx, y - wy, z), (x + wx, y + wy, z + 2.0 * hz)
        if not _overlap(*_box(*feet), low, high):
            boxes.append((low, high))
    return boxes
