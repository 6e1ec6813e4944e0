"""The player's body: a box that walks, climbs steps, jumps, falls and slides along walls."""

import math
from typing import Final

import numpy as np

from engine.core.trig import sine_cosine
from engine.core.units import TICK_S
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
EYE_SETTLE_M_S: Final = 2.0  # how fast the eye follows the feet up a step

Vec3 = tuple[float, float, float]
Box = tuple[Vec3, Vec3]  # low, high, metres


def walk(blueprint: Blueprint, state: State) -> None:
    """One tick of the player's body."""
    p, c = state.player, state.columns
    x, y, z = c.position[0].tolist()
    obstacles = _obstacles(blueprint, state, (x, y, z))
    body = _Body(state, obstacles, x, y, z)

    if not body.free(x, y, z):  # somebody built a wall here: rise out of it rather than be stuck
        body.z = z + 0.05
        p.fall_speed = 0.0
        c.position[0] = (x, y, body.z)
        return

    dx, dy = _wish(state)
    grounded = p.on_ground
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
        p.on_ground = p.fall_speed < 0.0
        p.fall_speed = 0.0

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

    def __init__(self, state: State, obstacles: list[Box], x: float, y: float, z: float) -> None:
        self.voxels, self.obstacles = state.voxels, obstacles
        self.x, self.y, self.z = x, y, z
        self.stepped = 0.0  # metres gained by steps

    def free(self, x: float, y: float, z: float) -> bool:
        """Whether the box may stand with its feet at a point."""
        low, high = _box(x, y, z)
        return not self.voxels.solid_in(low, high) and not any(_overlap(low, high, *o) for o in self.obstacles)

    def moved(self, axis: int, by: float) -> Vec3:
        """The feet after a move along an axis."""
        return self.x + by * (axis == 0), self.y + by * (axis == 1), self.z + by * (axis == 2)

    def reach(self, axis: int, by: float) -> bool:
        """Moves as far as it can along an axis; whether something stopped it. Contact is found to 1/256 of the way."""
        if self.free(*self.moved(axis, by)):
            self.x, self.y, self.z = self.moved(axis, by)
            return False
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
        if (
            may_step
            and not self.free(x, y, z)
            and self.free(x, y, z + STEP_M)
            and self.free(self.x, self.y, z + STEP_M)
        ):
            self.x, self.y, self.z = x, y, z + STEP_M
            self.reach(2, -STEP_M)
            self.stepped += self.z - z
        else:
            self.reach(axis, by)

    def descend(self, by: float) -> bool:
        """Stands on the ground that lies at most so far below; False (and no move) where none does."""
        z = self.z
        if self.free(self.x, self.y, z - 0.004):
            if self.free(self.x, self.y, z - by):
                return False
            self.reach(2, -by)
            self.stepped += self.z - z
        return True


def _box(x: float, y: float, z: float) -> Box:
    w = HALF_WIDTH_M
    return (x - w, y - w, z), (x + w, y + w, z + HEIGHT_M)


def _overlap(low: Vec3, high: Vec3, other_low: Vec3, other_high: Vec3) -> bool:
    return all(a < d and c < b for a, b, c, d in zip(low, high, other_low, other_high, strict=True))


def _obstacles(blueprint: Blueprint, state: State, feet: Vec3) -> list[Box]:
    """Boxes of solid things nearby. What the player already stands in is none, so that nobody is ever stuck."""
    c, n = state.columns, state.n_slots
    dx, dy = c.position[:n, 0] - feet[0], c.position[:n, 1] - feet[1]
    boxes = []
    for i in np.flatnonzero(c.solid[:n] & (dx * dx + dy * dy < 36.0)).tolist():
        if i == 0 or c.prefab[i] < 0:
            continue
        hx, hy, hz = blueprint.prefabs[c.prefab[i]].half_extent.tolist()
        sin, cos = (abs(v) for v in sine_cosine(float(c.yaw[i])))
        wx, wy = hx * cos + hy * sin, hx * sin + hy * cos
        x, y, z = c.position[i].tolist()
        low, high = (x - wx, y - wy, z), (x + wx, y + wy, z + 2.0 * hz)
        if not _overlap(*_box(*feet), low, high):
            boxes.append((low, high))
    return boxes
