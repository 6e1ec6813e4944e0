"""Ways over the ground: flow fields that lead everybody to a goal, whatever stands in between.

All here is worked out from the voxels alone and kept only to save time. A field's direction at a node is the same
whenever, in whatever order and however far the field was flooded, so nothing that is kept, forgotten (beyond MOST_BYTES
the least recently used field goes) or made again can change where anybody walks; tests hold this tick by tick.

A *node* is a place to stand: a column of voxels, 0.25 m wide, and a level in it. The ground may lie in layers
(bridges, storeys); steps of up to 0.5 m are walked. Shut doors are voxels, so fields mind them; when a change of voxels
changes where one can stand, all fields are made anew.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.core.units import VOXELS_PER_M
from engine.sim.systems.gait import STEP_VOXELS
from engine.state.blueprint import F64
from engine.state.voxels import VoxelGrid
from engine.state.world import State

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I16 = NDArray[np.int16]
I8 = NDArray[np.int8]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

MOST_BYTES: Final = 128 * 1024 * 1024  # of fields; 2 bytes a node: 150 fields of a town of 128 x 128 m
MOST_NEAR: Final = 512  # goals whose surroundings are kept
FIRST_LIMIT: Final = 128.0  # columns (32 m): how far a field is flooded at first; twice as far when that is too near
UNKNOWN: Final = -128
BLOCK: Final = 4  # columns (1 m): what moves is sought by the block it stands in, so that its field lasts a while
SIDES: Final = ((1, 0), (-1, 0), (0, 1), (0, -1))


_OUTWARDS: Final = sorted(
    ((i, j) for i in range(-BLOCK, BLOCK + 1) for j in range(-BLOCK, BLOCK + 1)),
    key=lambda at: (at[0] * at[0] + at[1] * at[1], at),
)  # columns around one, the nearest first


@dataclass(frozen=True)
class Ground:
    """Where one can stand, and what is next to what."""

    ny: int  # columns along y; column c = i * ny + j
    first: I32  # [X*Y + 1] nodes of column c: first[c]..first[c + 1] - 1
    level: I16  # [N] voxels
    link: I32  # [N, 4] neighbours towards +x, -x, +y, -y; -1 = none
    goes: I32  # [N, 4] neighbours that a walker can enter, which needs one more behind them; N = none
    kind: U8  # [N] 0 open, 1 beside a wall or drop, 2 too narrow to pass
    layers: int  # most nodes of one column

    def nodes_at(self, x: F64, y: F64, level: I64) -> I64:
        """Nodes [n] of those who stand at (x, y) metres on `level` voxels; -1 where nobody can stand."""
        i, j = np.floor(x * VOXELS_PER_M).astype(np.int64), np.floor(y * VOXELS_PER_M).astype(np.int64)
        column = i * self.ny + j
        inside = (i >= 0) & (j >= 0) & (j < self.ny) & (column < len(self.first) - 1)
        begin = self.first.take(column, mode="clip").astype(np.int64)
        end = self.first.take(column + 1, mode="clip")
        found = np.full(len(x), -1, np.int64)
        for k in range(self.layers):
            node = begin + k
            here = inside & (node < end) & (self.level.take(node, mode="clip") == level)
            found[here] = node[here]
        return found

    def node_near(self, x: float, y: float, z: float) -> int:
        """The node at or below a point (metres; up to one step above it), else the nearest within 1 m; -1 for none."""
        i, j, top = math.floor(x * VOXELS_PER_M), math.floor(y * VOXELS_PER_M), math.floor(z * VOXELS_PER_M + 0.5)
        nx = (len(self.first) - 1) // self.ny
        for di, dj in _OUTWARDS:
            if 0 <= i + di < nx and 0 <= j + dj < self.ny:
                c = (i + di) * self.ny + j + dj
                for a in range(self.first[c + 1] - 1, self.first[c] - 1, -1):
                    if self.level[a] <= top + STEP_VOXELS:
                        return a
        return -1

    def block_of(self, node: int) -> int:
        """The node that stands for the block of 1 m around a node: the first that is joined to it within the block."""
        column = int(np.searchsorted(self.first, node, side="right")) - 1
        block = (column // self.ny // BLOCK, column % self.ny // BLOCK)
        seen, queue = {node}, [(node, column)]
        while queue:
            a, c = queue.pop()
            for side, (di, dj) in enumerate(SIDES):
                b, other = int(self.link[a, side]), c + di * self.ny + dj
                if b >= 0 and b not in seen and (other // self.ny // BLOCK, other % self.ny // BLOCK) == block:
                    seen.add(b)
                    queue.append((b, other))
        return min(seen)


@dataclass
class Field:
    """Where to walk from every node to one goal."""

    direction: I8  # [N, 2] unit vector times 127; UNKNOWN where no way is known; (0, 0) at the goal
    limit: float  # columns: how far it was flooded
    complete: bool  # nothing lies beyond the limit


class Ways:
    """The ground and the fields of one state; see `ways_of`."""

    def __init__(self, voxels: VoxelGrid, most_bytes: int = MOST_BYTES) -> None:
        self.voxels, self.most_bytes = voxels, most_bytes
        self.version = -1  # of the voxels that the ground was made from
        self.fields: OrderedDict[int, Field] = OrderedDict()  # by goal, the least recently used first
        self._ground: Ground | None = None
        self._near: dict[tuple[int, int], I32] = {}  # see `near`

    def ground(self) -> Ground:
        """The ground as the voxels are now."""
        if self._ground is None or self.version != self.voxels.version:
            ground = ground_of(self.voxels)
            old = self._ground
            if old is None or not (np.array_equal(old.level, ground.level) and np.array_equal(old.first, ground.first)):
                self.fields.clear()
                self._near.clear()
                self._ground = ground
            self.version = self.voxels.version
        assert self._ground is not None
        return self._ground

    def towards(self, goal: int, nodes: I64) -> tuple[F64, Bool]:
        """Unit vectors [n, 2] from nodes [n] along the way to a goal, and whether there is a way; (0, 0) at the goal.

        Nodes that are -1 have no way.
        """
        ground = self.ground()
        field = self.fields.get(goal)
        if field is None:
            field = Field(np.empty((len(ground.level), 2), np.int8), 0.0, False)
            self.fields[goal] = field
            while len(self.fields) > max(1, self.most_bytes // max(field.direction.nbytes, 1)):
                self.fields.popitem(last=False)
        self.fields.move_to_end(goal)
        if not field.limit:
            self._flood(ground, goal, field, FIRST_LIMIT)
        known = nodes[nodes >= 0]
        while not field.complete and (field.direction[known, 0] == UNKNOWN).any():
            self._flood(ground, goal, field, 2.0 * field.limit)
        way = field.direction[nodes]
        found = (nodes >= 0) & (way[:, 0] != UNKNOWN)
        d = np.where(found[:, None], way, np.int8(0)).astype(np.float64)
        length = np.sqrt(d[:, 0] * d[:, 0] + d[:, 1] * d[:, 1])
        return d / np.where(length > 0.0, length, 1.0)[:, None], found

    def near(self, goal: int, reach: int, nodes: I64) -> Bool:
        """Which nodes [n] are joined to a goal within `reach` columns of it: no wall stands in between, or few."""
        from engine.sim import floods

        known = self._near.get((goal, reach))
        if known is None:
            if len(self._near) >= MOST_NEAR:
                self._near.clear()
            known = self._near[goal, reach] = floods.joined(self.ground().link, goal, reach)
        at = np.searchsorted(known, nodes)
        return np.asarray(known.take(at, mode="clip") == nodes)

    @staticmethod
    def _flood(ground: Ground, goal: int, field: Field, limit: float) -> None:
        from engine.sim import floods

        cut = floods.flood(ground.link, ground.goes, ground.kind, goal, limit, field.direction)
        field.limit, field.complete = limit, not cut


def ways_of(state: State) -> Ways:
    """The ways of a state, made when they are first asked for."""
    ways = state.derived.get("ways")
    if not isinstance(ways, Ways) or ways.voxels is not state.voxels:
        ways = state.derived["ways"] = Ways(state.voxels)
    return ways


def lend(ways: Ways, state: State) -> None:
    """Gives ways on to another state of the same blueprint, which then need not make them.

    Where its voxels are not the same, the ground is looked at anew, and fields stay only if one can stand where one
    could.
    """
    (index, material), (other_index, other_material) = ways.voxels.edits(), state.voxels.edits()
    same = np.array_equal(index, other_index) and np.array_equal(material, other_material)
    ways.version = state.voxels.version if same and ways.version == ways.voxels.version else -1
    ways.voxels = state.voxels
    state.derived["ways"] = ways


def ground_of(voxels: VoxelGrid) -> Ground:
    """The ground of a voxel grid. A large world has none: nobody finds a way there, all walk straight."""
    from engine.sim import floods

    if voxels.solid is None:
        none = np.zeros((0, 4), np.int32)
        return Ground(1, np.zeros(1, np.int32), np.zeros(0, np.int16), none, none, np.zeros(0, np.uint8), 0)
    first, level = floods.nodes(np.ascontiguousarray(voxels.solid))
    link = floods.links(first, level, voxels.solid.shape[1])
    layers = int(np.diff(first).max(initial=0))
    return Ground(voxels.solid.shape[1], first, level, link, floods.goings(link, level), floods.kinds(link), layers)


# --- slow definitions, for tests --------------------------------------------------------------------------------------


def ways_reference(ground: Ground, goal: int) -> tuple[F64, F64]:
    """How long the way to a goal is from every node [N] (columns of open ground), and unit vectors [N, 2] along it.

    What `floods.flood` does in one pass, by repeating the discrete eikonal equation until nothing changes; infinity and
    (0, 0) where no way leads. numpy only.
    """
    n, level = len(ground.level), ground.level.astype(np.int64)
    nowhere = n  # one row more, infinitely far
    goes = np.full((n, 4), nowhere)
    for side in range(4):
        b = ground.link[:, side].astype(np.int64)
        beyond = np.where(b >= 0, ground.link[b, side], -1)
        free = (beyond >= 0) & (np.abs(level[beyond] - level) <= STEP_VOXELS)
        goes[:, side] = np.where((b >= 0) & (free | (b == goal)), b, nowhere)
    cost = np.where(ground.kind > 0, 2.0, 1.0)
    passable = np.append((ground.kind < 2) | (np.arange(n) == goal), False)
    way = np.full(n + 1, np.inf)
    way[goal] = 0.0
    while True:
        reach = np.where(passable, way, np.inf)[goes]
        a, b = reach[:, :2].min(1), reach[:, 2:].min(1)
        low, high = np.minimum(a, b), np.maximum(a, b)
        with np.errstate(invalid="ignore"):
            gap = np.minimum(high - low, cost)
            new = np.where(high - low < cost, 0.5 * (low + high + np.sqrt(2.0 * cost * cost - gap * gap)), low + cost)
        new[goal] = 0.0
        if np.array_equal(new, way[:n]):
            break
        way[:n] = new
    d: Any = np.zeros((n, 2))
    for axis, side in enumerate((0, 2)):
        with np.errstate(invalid="ignore"):
            fall = np.maximum(way[:n] - np.minimum(reach[:, side], reach[:, side + 1]), 0.0)
        d[:, axis] = np.where(reach[:, side] <= reach[:, side + 1], fall, -fall)
    d[~np.isfinite(way[:n])] = 0.0
    d[goal] = 0.0
    length = np.sqrt((d * d).sum(1))
    return way[:n], d / np.where(length > 0.0, length, 1.0)[:, None]
