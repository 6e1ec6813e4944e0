"""Probes: points in the air near surfaces, and the rays of those that somebody asked about.

Probes sit on a 1 m grid, moved inside their cell to the candidate with most room. Each has 64 rays (a Fibonacci lattice
turned by a hash of its cell): the texel that a ray ends on and how far away that is. Things that move are lit
by the probes around them (probelight.py), and so is the classical look; light does not bounce along these rays. So they
are traced when they are wanted first, and forgotten when a change crosses one of them.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.crossing import boxes_of
from engine.light.faces import texel_at
from engine.light.surface import ROOM, Surface
from engine.light.trace import RAYS, Voxels, crosses_box, fibonacci_directions, first_hit, is_clear, unit_hash

I32 = NDArray[np.int32]

CELL_VOXELS = 4  # a probe cell is 1 m
NEAR_VOXELS = 5  # a cell gets a probe if something solid lies within 1.25 m of its centre along every axis
SKY = -1  # what a ray meets that leaves the world
BLOCKED = -2  # what a ray meets that ends on a face without a texel (the border of the grid)
DISTANCE_UNIT = 1.0 / 256.0  # metres: how far rays go is kept rounded up, in 16 bits
FARTHEST = 65535  # stands for all that is farther
LEAST_HEIGHT_M = 0.01  # over the surface behind a probe: what lies lower is that surface, but for rounding
WEIGHT_UNIT = 1.0 / 64.0  # of the weight of a ray: a byte holds up to 4
BACKWARDS = 0.6  # cosine of rays that tell what lies behind a probe
FARTHEST_READER_M = 1.1  # surfaces farther away than a cell read other probes
PER_PROBE = ("alive", "cell", "position", "link", "row_of")
PER_ROW = ("probe", "met", "distance", "weight", "weight_sum")


@leaf
def _solid_count(grid, x0, y0, z0, x1, y1, z1):
    nx, ny, nz = grid.shape
    n = 0
    for x in range(max(x0, 0), min(x1, nx)):
        for y in range(max(y0, 0), min(y1, ny)):
            for z in range(max(z0, 0), min(z1, nz)):
                if grid[x, y, z] != 0:
                    n += 1
    return n


@leaf
def _is_near(grid, occupied, x0, y0, z0, x1, y1, z1):
    bx, by, bz = occupied.shape
    for i in range(max(x0, 0) >> 3, min((x1 - 1) >> 3, bx - 1) + 1):
        for j in range(max(y0, 0) >> 3, min((y1 - 1) >> 3, by - 1) + 1):
            for k in range(max(z0, 0) >> 3, min((z1 - 1) >> 3, bz - 1) + 1):
                if not occupied[i, j, k]:
                    continue
                for x in range(max(x0, i * 8), min(x1, i * 8 + 8)):
                    for y in range(max(y0, j * 8), min(y1, j * 8 + 8)):
                        for z in range(max(z0, k * 8), min(z1, k * 8 + 8)):
                            if grid[x, y, z] != 0:
                                return True
    return False


@njit(parallel=True, cache=True)
def _place(grid, occupied, cells, position, found):
    """Where each cell's probe goes: of 27 voxel corners the one with most room, the middle one preferred."""
    for i in prange(len(cells)):
        cx, cy, cz = cells[i, 0], cells[i, 1], cells[i, 2]
        x, y, z = cx * 4, cy * 4, cz * 4
        found[i] = False
        near = _is_near(
            grid, occupied, x + 2 - NEAR_VOXELS, y + 2 - NEAR_VOXELS, z + 2 - NEAR_VOXELS,
            x + 2 + NEAR_VOXELS, y + 2 + NEAR_VOXELS, z + 2 + NEAR_VOXELS,
        )  # fmt: skip
        if not near:
            continue
        best = 0.0
        for a in range(3):
            for b in range(3):
                for c in range(3):
                    px, py, pz = x + a + 1, y + b + 1, z + c + 1
                    if _solid_count(grid, px - 1, py - 1, pz - 1, px + 1, py + 1, pz + 1) > 0:
                        continue
                    room = 0.25
                    if _solid_count(grid, px - 2, py - 2, pz - 2, px + 2, py + 2, pz + 2) == 0:
                        room += 0.25
                    off = (a - 1) * (a - 1) + (b - 1) * (b - 1) + (c - 1) * (c - 1)
                    room -= 0.06 * math.sqrt(off)
                    if room > best + 1e-6:
                        best = room
                        found[i] = True
                        position[i, 0], position[i, 1], position[i, 2] = px * 0.25, py * 0.25, pz * 0.25
        if found[i]:
            # Off the voxel planes by a few centimetres, so that no ray runs inside one.
            for axis in range(3):
                position[i, axis] += 0.06 * (unit_hash(cx, cy, cz, axis) - 0.5)


@leaf
def cell_rotation(cx, cy, cz, out):
    """A uniformly random rotation that belongs to a cell (Shoemake, Graphics Gems III, "Uniform Random Rotations")."""
    u, a, b = unit_hash(cx, cy, cz, 11), unit_hash(cx, cy, cz, 12), unit_hash(cx, cy, cz, 13)
    s, t = math.sqrt(1 - u), math.sqrt(u)
    x, y = s * math.sin(2 * math.pi * a), s * math.cos(2 * math.pi * a)
    z, w = t * math.sin(2 * math.pi * b), t * math.cos(2 * math.pi * b)
    out[0, 0], out[0, 1], out[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    out[1, 0], out[1, 1], out[1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    out[2, 0], out[2, 1], out[2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)


@leaf
def cell_ray(rotation, fibonacci, k):
    """Unit direction of ray k of the probe of a cell with a rotation [3, 3]: x, y, z, each to f32 as they are kept."""
    x, y, z = fibonacci[k, 0], fibonacci[k, 1], fibonacci[k, 2]
    return (
        np.float32(rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z),
        np.float32(rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z),
        np.float32(rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z),
    )


@njit(cache=True)
def cell_rays(cx, cy, cz, fibonacci, direction):
    """Directions of the rays of a cell's probe: direction [K, 3] unit, world."""
    rotation = np.empty((3, 3), np.float64)
    cell_rotation(cx, cy, cz, rotation)
    for k in range(len(fibonacci)):
        direction[k, 0], direction[k, 1], direction[k, 2] = cell_ray(rotation, fibonacci, k)


@njit(parallel=True, cache=True)
def _trace(voxels, faces, position, cell, fibonacci, probes, rows, met, distance):
    """Trace the rays of some probes [n], at `rows`."""
    shape = voxels.material.shape
    for i in prange(len(probes)):
        p, row = probes[i], rows[i]
        direction = np.empty(fibonacci.shape, np.float32)
        cell_rays(cell[p, 0], cell[p, 1], cell[p, 2], fibonacci, direction)
        for k in range(len(fibonacci)):
            t, side, x, y, z = first_hit(
                voxels, position[p, 0], position[p, 1], position[p, 2], direction[k, 0], direction[k, 1],
                direction[k, 2], 1e4,
            )  # fmt: skip
            distance[row, k] = min(int(math.ceil(t / DISTANCE_UNIT)), FARTHEST)
            met[row, k] = SKY
            if side >= 0:
                texel = texel_at(faces, x, y, z, side, shape[1] >> 3, shape[2] >> 3)
                met[row, k] = texel if texel >= 0 else BLOCKED


@leaf
def _may_cross(direction, distance, x, y, z, least, far):
    """Whether one of the rays [K] of a probe goes so `far` (units of distance) and, on its way to a point x, y, z from
    here, at `least` so far along itself. Of all rays without a choice in between: that takes several at once.
    """
    found = False
    for k in range(len(direction)):
        along = direction[k, 0] * x + direction[k, 1] * y + direction[k, 2] * z
        found |= (along >= least) & (distance[k] >= far)
    return found


@leaf
def _crosses(origin, direction, distance, boxes, b):
    """Whether one of the rays [K, 3] of a probe touches box b."""
    x, y, z = boxes.middle[b, 0] - origin[0], boxes.middle[b, 1] - origin[1], boxes.middle[b, 2] - origin[2]
    d, r, least, far = math.sqrt(x * x + y * y + z * z), boxes.radius[b], -1e9, 0
    if d > r:  # a ray that touches the ball around the box, less than what rounding to 32 bits may do
        least, far = math.sqrt(d * d - r * r) * (1.0 - 1e-5) - 1e-4, min(int((d - r) / DISTANCE_UNIT), FARTHEST)
    if not _may_cross(direction, distance, np.float32(x), np.float32(y), np.float32(z), np.float32(least), far):
        return False
    for k in range(len(direction)):
        reach = 1e4 if distance[k] == FARTHEST else distance[k] * DISTANCE_UNIT
        if crosses_box(
            origin[0], origin[1], origin[2], direction[k, 0], direction[k, 1], direction[k, 2], reach + 1e-3,
            boxes.low[b], boxes.high[b],
        ):  # fmt: skip
            return True
    return False


@njit(parallel=True, cache=True)
def rows_crossing(rows, probe, position, cell, fibonacci, distance, boxes, crosses):
    """Which of some rows [n] have a ray that touches one of some boxes: crosses [n]."""
    for i in prange(len(rows)):
        row, p = rows[i], probe[rows[i]]
        direction = np.empty(fibonacci.shape, np.float32)
        cell_rays(cell[p, 0], cell[p, 1], cell[p, 2], fibonacci, direction)
        crosses[i] = False
        for b in range(len(boxes.low)):
            if _crosses(position[p], direction, distance[row], boxes, b):
                crosses[i] = True
                break


@leaf
def _room_behind(direction, hit_side, distance, side):
    """Metres from a probe to what lies behind it and looks the way of `side`, by the rays that end there, after
    distance [K]; 0 where no such surface is so near that it would read the probe.
    """
    axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
    total, share = 0.0, 0.0
    for k in range(len(hit_side)):
        backwards = -sign * direction[k, axis]
        if backwards > BACKWARDS and hit_side[k] == side:
            total += backwards * backwards * backwards * distance[k] * DISTANCE_UNIT
            share += backwards * backwards
    room = total / share if share > 0.0 else 0.0
    return room if room < FARTHEST_READER_M else 0.0


@njit(parallel=True, cache=True)
def _weigh(probes, rows, cell, fibonacci, met, distance, place, weight, weight_sum):
    """Weights of the rays of some probes, at `rows`: weight [R, K, 6], whole numbers of WEIGHT_UNIT, and their sums
    [R, 6].

    What reads the light of a side is a surface behind the probe, not the probe's own place: seen from there, what lies
    ahead is smaller, and what lies beside the probe comes into view. So a ray counts for what its hit would be from the
    foot of the perpendicular: the cosine there, times how much smaller or larger the solid angle of the hit is from
    there. With plain cosines walls of a cube were told 0.245 of the wall that they face, where 0.2 is right.
    """
    for i in prange(len(probes)):
        p, row = probes[i], rows[i]
        direction, hit_side = np.empty(fibonacci.shape, np.float32), np.empty(len(fibonacci), np.int32)
        cell_rays(cell[p, 0], cell[p, 1], cell[p, 2], fibonacci, direction)
        for k in range(len(fibonacci)):
            hit_side[k] = place[met[row, k], 3] if met[row, k] >= 0 else -1
        for side in range(6):
            axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
            room = _room_behind(direction, hit_side, distance[row], side)
            total = 0.0
            for k in range(len(fibonacci)):
                cosine, far = sign * direction[k, axis], distance[row, k] * DISTANCE_UNIT
                w = max(cosine, 0.0)
                if room > 0.0 and hit_side[k] >= 0:
                    height = far * cosine + room  # of the hit over the surface behind
                    away2 = far * far + 2.0 * far * room * cosine + room * room
                    turned = height / max(abs(cosine), 0.05) if hit_side[k] // 2 == axis else far
                    w = height * far * far * turned / (away2 * away2) if height > LEAST_HEIGHT_M else 0.0
                weight[row, k, side] = int(min(w / WEIGHT_UNIT + 0.5, 255.0))
                total += weight[row, k, side]
            weight_sum[row, side] = total


@njit(parallel=True, cache=True)
def _link(voxels, probe_of_cell, cell, position, probes, link):
    """Probes of the six cells around that some probes see: link [P, 6] slot or -1."""
    for i in prange(len(probes)):
        p = probes[i]
        for side in range(6):
            at = cell[p].copy()
            at[side // 2] += 1 - 2 * (side % 2)
            link[p, side] = -1
            if at.min() < 0 or at[0] >= probe_of_cell.shape[0] or at[1] >= probe_of_cell.shape[1]:
                continue
            if at[2] >= probe_of_cell.shape[2]:
                continue
            q = probe_of_cell[at[0], at[1], at[2]]
            if q >= 0:
                # Always walked from the lower cell, so that both ends agree.
                a, b = (p, q) if side % 2 == 0 else (q, p)
                if is_clear(
                    voxels, position[a, 0], position[a, 1], position[a, 2], position[b, 0], position[b, 1],
                    position[b, 2], 0.0,
                ):  # fmt: skip
                    link[p, side] = q


class Probes:
    """Probes of a grid. Arrays are over slots, of which `alive` says which are in use; what is known of the rays of
    those that were asked about lies in rows.
    """

    def __init__(self, voxels: Voxels, is_empty: bool = False) -> None:
        """Place probes everywhere; `join` is left to do. If it `is_empty`, `place` is too."""
        self.fibonacci = fibonacci_directions(RAYS)
        self.n_cells = tuple(n // CELL_VOXELS for n in voxels.material.shape)
        self.probe_of_cell = np.full(self.n_cells, -1, np.int32)  # [CX, CY, CZ] slot, -1 none
        self.alive = np.zeros(0, np.bool_)  # [P]
        self.cell = np.zeros((0, 3), np.int32)  # [P, 3]
        self.position = np.zeros((0, 3), np.float32)  # [P, 3] metres, world
        self.link = np.zeros((0, 6), np.int32)  # [P, 6] probe seen in the cell next to each side, -1 none
        self.row_of = np.zeros(0, np.int32)  # [P] -1 where its rays are not known
        self.probe = np.zeros(0, np.int32)  # [R] whose row it is, -1 nobody's
        self.met = np.zeros((0, RAYS), np.int32)  # [R, K] texel on which a ray ends, SKY or BLOCKED
        self.distance = np.zeros((0, RAYS), np.uint16)  # [R, K] in DISTANCE_UNIT
        self.weight = np.zeros((0, RAYS, 6), np.uint8)  # [R, K, 6] of a ray in the light of a side, in WEIGHT_UNIT
        self.weight_sum = np.zeros((0, 6), np.uint16)  # [R, 6] of all rays, in WEIGHT_UNIT
        self._free: list[int] = []
        self._free_rows: list[int] = []
        if not is_empty:
            self.place(voxels, self.cells())

    def cells(self) -> I32:
        """All cells [n, 3]."""
        return (
            np.stack(np.meshgrid(*(np.arange(n) for n in self.n_cells), indexing="ij"), -1)
            .reshape(-1, 3)
            .astype(np.int32)
        )

    @property
    def n_known(self) -> int:
        """Of how many the rays are known."""
        return len(self.probe) - len(self._free_rows)

    def place(self, voxels: Voxels, cells: I32) -> None:
        """Put the probes of some cells [n, 3] where they belong. Rays of those that went or moved are forgotten."""
        position = np.zeros((len(cells), 3), np.float32)
        found = np.zeros(len(cells), np.bool_)
        _place(voxels.material, voxels.occupied, cells, position, found)
        slot = self.probe_of_cell[cells[:, 0], cells[:, 1], cells[:, 2]]
        lost = slot[~found & (slot >= 0)]
        self._forget(lost)
        if len(lost):
            self.alive[lost] = False
            self.probe_of_cell[tuple(self.cell[lost].T)] = -1
            self._free.extend(int(s) for s in lost[::-1])
        new = np.flatnonzero(found & (slot < 0))
        fresh = self._take(PER_PROBE, self._free, len(new))
        self.alive[fresh] = True
        self.cell[fresh] = cells[new]
        self.position[fresh] = position[new]
        self.probe_of_cell[tuple(cells[new].T)] = fresh
        kept = np.flatnonzero(found & (slot >= 0))
        kept = kept[(self.position[slot[kept]] != position[kept]).any(1)]
        self.position[slot[kept]] = position[kept]
        self._forget(slot[kept])

    def _take(self, names: tuple[str, ...], free: list[int], n: int) -> I32:
        """n places of some arrays out of those that are free; the arrays grow if they must."""
        size, more = len(getattr(self, names[0])), n - len(free)
        if more > 0:
            more += (size + more) // ROOM
            for name in names:
                array = getattr(self, name)
                none = -1 if name in ("link", "row_of", "probe") else 0
                setattr(self, name, np.concatenate([array, np.full((more, *array.shape[1:]), none, array.dtype)]))
            free[:0] = range(size + more - 1, size - 1, -1)
        return np.array([free.pop() for _ in range(n)], np.int32)

    def directions(self, probes: I32) -> NDArray[np.float32]:
        """Directions of the rays of some probes [n]: [n, K, 3] unit, world."""
        found = np.empty((len(probes), RAYS, 3), np.float32)
        for i, (x, y, z) in enumerate(self.cell[probes].tolist()):
            cell_rays(x, y, z, self.fibonacci, found[i])
        return found

    def join(self, voxels: Voxels, probes: I32) -> None:
        """Find out which neighbours some probes [n] see."""
        _link(voxels, self.probe_of_cell, self.cell, self.position, probes, self.link)

    def look(self, voxels: Voxels, surface: Surface, probes: I32) -> I32:
        """Trace the rays of those of some probes [n] whose rays are not known. Returns their rows [m]."""
        probes = probes[self.row_of[probes] < 0]
        rows = self._take(PER_ROW, self._free_rows, len(probes))
        self.row_of[probes], self.probe[rows] = rows, probes
        _trace(
            voxels, surface.faces, self.position, self.cell, self.fibonacci, probes, rows, self.met, self.distance
        )  # fmt: skip
        _weigh(
            probes, rows, self.cell, self.fibonacci, self.met, self.distance, surface.place, self.weight,
            self.weight_sum,
        )  # fmt: skip
        return rows

    def forget_across(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """Forget the rays of all probes of which one crosses a box low..high [n, 3] metres."""
        known = np.flatnonzero(self.row_of >= 0).astype(np.int32)
        crosses, boxes = np.empty(len(known), np.bool_), boxes_of(low, high)
        rows_crossing(
            self.row_of[known], self.probe, self.position, self.cell, self.fibonacci, self.distance, boxes, crosses
        )
        self._forget(known[crosses])

    def _forget(self, probes: I32) -> None:
        probes = probes[self.row_of[probes] >= 0]
        rows = self.row_of[probes]
        self.row_of[probes], self.probe[rows] = -1, -1
        self._free_rows.extend(rows[::-1].tolist())
