"""The world as physics sees it: bodies, and of everything else only what is near one. All of it follows from the state.

`arrange` brings the solver up to date at the beginning of a tick: what came, went or was moved by commands and handlers
since the last step. `carried` says where people and door leaves will be. The solver is asked what it holds when a
snapshot is restored, so this object remembers nothing that the solver and the columns do not say.
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.core.ids import NOBODY, index_of
from engine.core.rotations import UPRIGHT, of_yaw
from engine.core.units import BRICK, TICK_S, VOXEL_M
from engine.sim.physics import terrain
from engine.sim.physics.shapes import Piece, box, capsule, pieces_of, reach_of
from engine.sim.physics.solver import (
    BODIES,
    CARRIED,
    DYNAMIC,
    FIXED,
    FURNITURE,
    GROUND,
    KINEMATIC,
    LEAVES,
    PEOPLE,
    Hinge,
    Motion,
    Pose,
    Solver,
    Surface,
    Vec3,
)
from engine.sim.systems.leaves import leaf_box, leaf_pose
from engine.state.blueprint import F64, Blueprint
from engine.state.components import BODY, DOOR, WALKS
from engine.state.world import State

I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
Rows = NDArray[np.intp]

NEAR_M: Final = 1.0  # around a body, beyond what it crosses in a tick: who and what is there takes part
JUMP_M: Final = 1.0  # who moves farther in a tick was put elsewhere and sweeps nothing along
RESTS_M: Final = 1e-4  # who moved less in a tick rests; float32 rounds to less, but for worlds of kilometres
STAYS_M: Final = 1e-3  # furniture that was moved less still stands where it stood
PERSON: Final = (capsule((0.0, 0.0, 0.875), 0.25, 0.875),)
SOIL: Final = Surface(friction=0.8)
SKIN: Final = Surface(friction=0.4)
MOTION: Final = (("position", 3), ("orientation", 4), ("linear_velocity", 3), ("angular_velocity", 3))


class Around:
    """The bricks that bodies are near."""

    def __init__(self, ids: list[int], first: I64, last: I64, shape: tuple[int, ...]) -> None:
        self.ids, self.first, self.last = ids, first, last
        self.near = np.zeros(shape, np.bool_)
        for (x0, y0, z0), (x1, y1, z1) in zip(first.tolist(), last.tolist(), strict=True):
            self.near[x0 : x1 + 1, y0 : y1 + 1, z0 : z1 + 1] = True
        self.bricks = np.flatnonzero(self.near)  # [n] numbers, growing

    def is_of(self, ids: list[int], first: I64, last: I64) -> bool:
        """Whether the same bodies are near the same bricks still."""
        return ids == self.ids and bool((first == self.first).all()) and bool((last == self.last).all())

    def bodies_near(self, brick: int) -> list[int]:
        """Keys of the bodies that are near a brick."""
        at = np.array(np.unravel_index(brick, self.near.shape))
        return [self.ids[i] for i in np.flatnonzero(((at >= self.first) & (at <= self.last)).all(1)).tolist()]


class Mirror:
    """A solver, and what it was last told. It stands in `State.physics`."""

    def __init__(self, solver: Solver) -> None:
        self.solver = solver
        stamps = solver.stamps()
        groups = {key: stamp & 0xFF for key, stamp in stamps.items()}
        self.ids: list[int] = sorted((k for k, g in groups.items() if g == BODIES), key=index_of)  # bodies, by slot
        self.known: F64 = np.array([solver.motion(k) for k in self.ids], np.float64).reshape(-1, 13)
        self._ground = {key: stamp >> 8 for key, stamp in stamps.items() if groups[key] == GROUND}
        self._others = {group: {k for k, g in groups.items() if g == group} for group in (PEOPLE, LEAVES, FURNITURE)}
        self.fresh: set[int] = set()  # bodies that came in this tick
        self._around: Around | None = None
        self._stamps = np.zeros(0, np.int64)
        self._looked_from = np.zeros((0, 13))
        self._pieces: dict[int, tuple[tuple[Piece, ...], float]] = {}  # key -> pieces and reach; derived from columns
        self._reach: F64 | None = None  # [n] metres: of `ids`; likewise

    @property
    def name(self) -> str:
        """See Engine."""
        return self.solver.name

    def to_bytes(self) -> bytes:
        """See Engine."""
        return self.solver.to_bytes()

    def taking_part(self, group: int) -> list[int]:
        """Ids of the people, or of the doors with leaves, who are near bodies; by slot."""
        return sorted(self._others[group], key=index_of)

    def arrange(self, blueprint: Blueprint, state: State) -> None:
        """Brings the solver up to the columns."""
        ids = state.ids(state.rows(BODY)).tolist()
        self.fresh = set()
        motion = motion_of(state)
        if not self._ground:
            for key, piece in terrain.walls(blueprint.size_m):
                self._put_ground(key, 0, (piece,), (0.0, 0.0, 0.0))
        if ids != self.ids:
            gone = set(self.ids) - set(ids)
            for key in sorted(gone):
                self.solver.remove(key)
            known = dict(zip(self.ids, self.known, strict=True))
            new = [(i, key) for i, key in enumerate(ids) if key not in known]
            self.fresh = {key for _, key in new}
            for i, key in new:
                self._put_body(blueprint, state, key, motion[i])
            for _, key in new:
                self._hang(state, key)
            self.known = np.array([known.get(key, motion[i]) for i, key in enumerate(ids)]).reshape(-1, 13)
            self.ids, self._reach = ids, None
        changed = motion != self.known
        moved, rows = changed[:, :7].any(1).tolist(), changed.any(1).nonzero()[0]
        for i, numbers in zip(rows.tolist(), motion[rows].tolist(), strict=True):
            told = self.solver.set_motion if moved[i] else self.solver.set_velocities
            told(ids[i], tuple(numbers))
        self.known = motion

        near = self._look_around(blueprint, state, ids, motion)
        self._keep(PEOPLE, CARRIED, state, self._people_near(state, near))
        self._keep(LEAVES, CARRIED, state, self._leaves_near(state, near))
        self._keep(FURNITURE, FIXED, state, self._furniture_near(blueprint, state, near))

    def carry(self, state: State) -> None:
        """Tells the solver where people and leaves are now, after they walked and swung."""
        c = state.columns
        for key in self.taking_part(PEOPLE):
            pose, before = (*c.position[index_of(key)].tolist(), *UPRIGHT), self.solver.motion(key)
            if math.dist(pose[:3], before[:3]) > JUMP_M:
                self.solver.remove(key)
                self._put_other(PEOPLE, CARRIED, key, PERSON, pose)
            elif _apart(before, pose, RESTS_M):
                self.solver.carry(key, pose)
        for key in self.taking_part(LEAVES):
            pose = leaf_pose(c, index_of(key))
            if _apart(self.solver.motion(key), pose, RESTS_M):
                self.solver.carry(key, pose)

    # --- bodies -------------------------------------------------------------------------------------------------------

    def pieces(self, blueprint: Blueprint, state: State, key: int) -> tuple[tuple[Piece, ...], float]:
        """The pieces of a body, and how far from its origin it reaches (metres)."""
        if key not in self._pieces:
            pieces = pieces_of(blueprint, state.columns, index_of(key))
            self._pieces[key] = pieces, reach_of(pieces)
        return self._pieces[key]

    def _put_body(self, blueprint: Blueprint, state: State, key: int, motion: F64) -> None:
        c, index = state.columns, index_of(key)
        self._pieces.pop(key, None)
        pieces, _ = self.pieces(blueprint, state, key)
        surface = Surface(float(c.density[index]), float(c.friction[index]), float(c.bounce[index]))
        self.solver.put(
            key, KINEMATIC if c.kinematic[index] else DYNAMIC, BODIES, pieces, tuple(motion.tolist()), surface,
            stamp=BODIES, tells=bool(c.tells[index]),
        )  # fmt: skip

    def _hang(self, state: State, key: int) -> None:
        c, index = state.columns, index_of(key)
        if not c.hinged[index]:
            return
        other = int(c.hinge_to[index])
        at, axis, at_other, axis_other = (
            tuple(c[name][index].tolist()) for name in ("hinge_at", "hinge_axis", "hinge_at_other", "hinge_axis_other")
        )
        self.solver.join(key, Hinge(other if other != NOBODY else terrain.FIRST_WALL, at, axis, at_other, axis_other))

    def is_near(self, low: Vec3, high: Vec3) -> bool:
        """Whether a body may be within NEAR_M of a box (metres), as `arrange` found them."""
        assert self._around is not None
        near, edge = self._around.near, BRICK * VOXEL_M
        (x0, y0, z0), (x1, y1, z1) = (tuple(math.floor(v / edge) for v in corner) for corner in (low, high))
        nx, ny, nz = near.shape
        if min(x0, y0, z0) < 0 or x1 >= nx or y1 >= ny or z1 >= nz:
            return True  # nobody has looked beyond the grid
        return bool(near[x0 : x1 + 1, y0 : y1 + 1, z0 : z1 + 1].any())

    # --- what is near bodies ------------------------------------------------------------------------------------------

    def _look_around(self, blueprint: Blueprint, state: State, ids: list[int], motion: F64) -> Bool:
        """Which bricks [X/8, Y/8, Z/8] bodies are near; lays the ground of those bricks."""
        around = self._around
        if around is None or around.ids != ids or not (motion == self._looked_from).all():
            if self._reach is None:
                self._reach = np.array([self.pieces(blueprint, state, key)[1] for key in ids])
            vx, vy, vz = motion[:, 7:10].T
            speed = np.sqrt(vx * vx + vy * vy + vz * vz)
            margin = (self._reach + NEAR_M + speed * TICK_S)[:, None]
            shape = state.voxels.stamp.shape
            first, last = terrain.bricks_near(motion[:, :3] - margin, motion[:, :3] + margin, shape)
            if around is None or not around.is_of(ids, first, last):
                around = Around(ids, first, last, shape)
            self._looked_from = motion
        stamps = state.voxels.stamp.reshape(-1)[around.bricks]
        if around is not self._around or not np.array_equal(stamps, self._stamps):
            self._lay_ground(state, around)
        self._around, self._stamps = around, stamps
        return around.near

    def _lay_ground(self, state: State, around: Around) -> None:
        """Puts in the bricks that are near and not all air, takes out the others, and renews those that changed."""
        stamps = state.voxels.stamp.reshape(-1)
        wanted = set(around.bricks.tolist())
        for brick in sorted(k for k in self._ground if k < terrain.FIRST_WALL):
            if brick not in wanted or self._ground[brick] != int(stamps[brick]):
                self.solver.remove(brick)
                del self._ground[brick]
                for key in around.bodies_near(brick):
                    self.solver.wake(key)
        for brick in around.bricks.tolist():
            if brick in self._ground:
                continue
            x, y, z = (int(v) for v in np.unravel_index(brick, around.near.shape))
            cut = tuple(slice(v * BRICK, (v + 1) * BRICK) for v in (x, y, z))
            solid = state.voxels.material[cut]
            if solid.any():
                edge = BRICK * VOXEL_M
                pieces = terrain.boxes_in(solid.astype(np.bool_).tobytes())
                self._put_ground(brick, int(stamps[brick]), pieces, (x * edge, y * edge, z * edge))

    def _put_ground(self, key: int, stamp: int, pieces: tuple[Piece, ...], at: tuple[float, float, float]) -> None:
        self.solver.put(key, FIXED, GROUND, pieces, (*at, *UPRIGHT, *([0.0] * 6)), SOIL, stamp=stamp << 8 | GROUND)
        self._ground[key] = stamp

    def _keep(self, group: int, kind: int, state: State, wanted: Iterator[tuple[int, tuple[Piece, ...], Pose]]) -> None:
        """Makes the wanted (key, pieces, pose) of a group all that there is of it; what is fixed must stand there."""
        there, stays = self._others[group], set()
        for key, pieces, pose in wanted:
            stays.add(key)
            if key in there and kind == FIXED and _apart(self.solver.motion(key), pose, STAYS_M):
                self.solver.remove(key)
                there.discard(key)
            if key not in there:
                self._put_other(group, kind, key, pieces, pose)
        for key in sorted(there - stays):
            self.solver.remove(key)
            there.discard(key)

    def _put_other(self, group: int, kind: int, key: int, pieces: tuple[Piece, ...], pose: Pose) -> None:
        self.solver.put(key, kind, group, pieces, (*pose, *([0.0] * 6)), SKIN, stamp=group)
        self._others[group].add(key)

    def _people_near(self, state: State, near: Bool) -> Iterator[tuple[int, tuple[Piece, ...], Pose]]:
        c = state.columns
        rows = np.concatenate([np.zeros(1, np.intp), state.rows(WALKS)])
        for index in _within(near, c.position[rows] + (0.0, 0.0, 0.9), rows):
            yield state.entity_at(index), PERSON, (*c.position[index].tolist(), *UPRIGHT)

    def _leaves_near(self, state: State, near: Bool) -> Iterator[tuple[int, tuple[Piece, ...], Pose]]:
        c, doors = state.columns, state.rows(DOOR)
        for index in doors[c.door_swing[doors] > 0].tolist():
            low, high = leaf_box(c, index)
            first, last = terrain.bricks_near(
                np.array([low]) - (high[0] - low[0]), np.array([high]) + (high[1] - low[1]), near.shape
            )
            (x0, y0, z0), (x1, y1, z1) = first[0].tolist(), last[0].tolist()
            if near[x0 : x1 + 1, y0 : y1 + 1, z0 : z1 + 1].any():
                size = tuple(b - a for a, b in zip(low, high, strict=True))
                yield state.entity_at(index), (box((0.0, 0.0, 0.0), (size[0], size[1], size[2])),), leaf_pose(c, index)

    def _furniture_near(
        self, blueprint: Blueprint, state: State, near: Bool
    ) -> Iterator[tuple[int, tuple[Piece, ...], Pose]]:
        c, rows = state.columns, state.solids()
        rows = rows[(c.carrier[rows] == 0) & ((c.parts[rows] & WALKS) == 0) & (c.prefab[rows] >= 0)]
        if not len(rows):
            return
        for index in _within(near, c.position[rows] + (0.0, 0.0, 0.1), rows):
            x, y, z = blueprint.prefabs[c.prefab[index]].half_extent.tolist()
            pose = (*c.position[index].tolist(), *of_yaw(float(c.yaw[index])))
            yield state.entity_at(index), (box((-x, -y, 0.0), (x, y, 2.0 * z)),), pose


def motion_of(state: State) -> F64:
    """The columns that physics moves, [n, 13] of all bodies by slot, in the order of `Motion`."""
    rows = state.span(BODY)
    return np.concatenate([state.columns[name][rows] for name, _ in MOTION], axis=1, dtype=np.float64)


def _apart(motion: Motion, pose: Pose, most: float) -> bool:
    """Whether two poses differ in any of their numbers."""
    return any(abs(a - b) > most for a, b in zip(motion[:7], pose, strict=True))


def _within(near: Bool, points: F64, rows: Rows) -> list[int]:
    """Those slots [n] whose point [n, 3] (metres) lies in a brick that is near a body."""
    at = np.floor(points / (BRICK * VOXEL_M)).astype(np.int64)
    at = np.minimum(np.maximum(at, 0), np.array(near.shape) - 1)
    found: list[int] = rows[near[at[:, 0], at[:, 1], at[:, 2]]].tolist()
    return found
