"""Probes: points in the air near surfaces, and the transport that each one keeps.

Probes sit on a 1 m grid, moved inside their cell to the candidate with most room. Each keeps 64 rays (a Fibonacci
lattice turned by a hash of its cell), traced once: the spot of the surface that a ray reads and how far away it is.
Directions are not kept: a cell says what they are. That is
*transport*: it depends on geometry alone, so neither camera nor lamps nor the hour ever trace a ray. When voxels
change, only the rays that cross the changed box are traced again.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.faces import PAGES_PER_BRICK, texel_at
from engine.light.surface import ROOM, Surface, row_of_spot, spot_of
from engine.light.trace import RAYS, Voxels, crosses_box, fibonacci_directions, first_hit, is_clear, unit_hash

CELL_VOXELS = 4  # a probe cell is 1 m
NEAR_VOXELS = 5  # a cell gets a probe if something solid lies within 1.25 m of its centre along every axis
SKY = -1  # what a ray reads that leaves the world
BLOCKED = -2  # what a ray reads that ends on a face without a texel (the border of the grid)
OWN_SHARE = 4.0  # how much a probe's own light counts against one neighbour's: 4 had the least error of 1, 2, 4 and 8
DISTANCE_UNIT = 1.0 / 256.0  # metres: how far rays go is kept rounded up, in 16 bits
FARTHEST = 65535  # stands for all that is farther
LEAST_HEIGHT_M = 0.01  # over the surface behind a probe: what lies lower is that surface, but for rounding
WEIGHT_UNIT = 1.0 / 64.0  # of the weight of a ray: a byte holds up to 4
BACKWARDS = 0.6  # cosine of rays that tell what lies behind a probe
FARTHEST_READER_M = 1.1  # surfaces farther away than a cell read other probes
BLOCK = 64  # probes that a thread works through with the same scratch
ALL_RAYS = np.uint64(0xFFFFFFFFFFFFFFFF)
PER_PROBE = (
    "alive", "cell", "position", "axis", "reads", "distance", "weight", "weight_sum", "link",
)  # fmt: skip


@njit(cache=True)
def _solid_count(grid, x0, y0, z0, x1, y1, z1):
    nx, ny, nz = grid.shape
    n = 0
    for x in range(max(x0, 0), min(x1, nx)):
        for y in range(max(y0, 0), min(y1, ny)):
            for z in range(max(z0, 0), min(z1, nz)):
                if grid[x, y, z] != 0:
                    n += 1
    return n


@njit(cache=True)
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


@njit(cache=True)
def cell_rotation(cx, cy, cz, out):
    """A uniformly random rotation that belongs to a cell (Shoemake, Graphics Gems III, "Uniform Random Rotations")."""
    u, a, b = unit_hash(cx, cy, cz, 11), unit_hash(cx, cy, cz, 12), unit_hash(cx, cy, cz, 13)
    s, t = math.sqrt(1 - u), math.sqrt(u)
    x, y = s * math.sin(2 * math.pi * a), s * math.cos(2 * math.pi * a)
    z, w = t * math.sin(2 * math.pi * b), t * math.cos(2 * math.pi * b)
    out[0, 0], out[0, 1], out[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    out[1, 0], out[1, 1], out[1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    out[2, 0], out[2, 1], out[2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)


@njit(cache=True)
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


@njit(cache=True)
def _level(distance):
    """Width of the patch (see surface) that a ray reads: 64 share the sphere, each stands for a disc of about half its
    distance across.
    """
    return 0 if distance < 1.0 else (1 if distance < 2.0 else (2 if distance < 4.0 else 3))


@njit(cache=True)
def _trace_one(voxels, faces, patch_spot, position, direction, p, k, reads, distance):
    t, side, x, y, z = first_hit(
        voxels, position[p, 0], position[p, 1], position[p, 2], direction[k, 0], direction[k, 1], direction[k, 2], 1e4
    )  # fmt: skip
    distance[p, k] = min(int(math.ceil(t / DISTANCE_UNIT)), FARTHEST)
    if side < 0:
        reads[p, k] = SKY
        return
    shape = voxels.material.shape
    texel = texel_at(faces, x, y, z, side, shape[1] >> 3, shape[2] >> 3)
    reads[p, k] = spot_of(texel, _level(t), patch_spot) if texel >= 0 else BLOCKED


@njit(parallel=True, cache=True)
def _set_up(probes, cell, axes):
    for i in prange(len(probes)):
        p = probes[i]
        rotation = np.empty((3, 3), np.float64)
        cell_rotation(cell[p, 0], cell[p, 1], cell[p, 2], rotation)
        axes[p] = rotation[:, 2]


@njit(parallel=True, cache=True)
def _trace(voxels, faces, patch_spot, position, cell, fibonacci, probes, rays, reads, distance):
    """Trace the rays of some probes that have a bit in rays [P] u64."""
    for i in prange(len(probes)):
        p = probes[i]
        direction = np.empty(fibonacci.shape, np.float32)
        cell_rays(cell[p, 0], cell[p, 1], cell[p, 2], fibonacci, direction)
        for k in range(len(fibonacci)):
            if rays[p] >> np.uint64(k) & np.uint64(1):
                _trace_one(voxels, faces, patch_spot, position, direction, p, k, reads, distance)


@njit(cache=True)
def _rays_towards(vx, vy, vz, r2, axis, rays):
    """The rays first..last - 1 of a probe that may touch a ball, its middle at v from the probe, r2 the square of its
    radius: Fibonacci's points lie in the order of their height along the lattice's axis, and the ball takes up a band
    of heights.
    """
    d2 = vx * vx + vy * vy + vz * vz
    if d2 <= r2:
        return 0, rays
    # Between the axis and the ball's middle lies the angle t, the ball's half width is the angle a.
    cos_t = (vx * axis[0] + vy * axis[1] + vz * axis[2]) / math.sqrt(d2)
    sin_t, sin_a = math.sqrt(max(1.0 - cos_t * cos_t, 0.0)), math.sqrt(r2 / d2)
    cos_a = math.sqrt(1.0 - r2 / d2)
    top = 1.0 if cos_t >= cos_a else cos_t * cos_a + sin_t * sin_a
    bottom = -1.0 if cos_t <= -cos_a else cos_t * cos_a - sin_t * sin_a
    # Ray k has the height 1 - (2 k + 1) / rays; a whole ray to spare at either end.
    first, last = int((1.0 - top) * 0.5 * rays - 1.5), int((1.0 - bottom) * 0.5 * rays + 1.5)
    return max(first, 0), min(last, rays)


@njit(parallel=True, cache=True)
def _rays_across(position, cell, fibonacci, axis, alive, distance, low, high, rays):
    """Set the bits in rays [P] u64 of the rays that cross one of the boxes [n, 3] (metres)."""
    for block in prange((len(position) + BLOCK - 1) // BLOCK):
        rotation = np.empty((3, 3), np.float64)
        for p in range(block * BLOCK, min(block * BLOCK + BLOCK, len(position))):
            if not alive[p]:
                continue
            px, py, pz = position[p, 0], position[p, 1], position[p, 2]
            is_set = False
            for b in range(len(low)):
                vx, vy = (low[b, 0] + high[b, 0]) * 0.5 - px, (low[b, 1] + high[b, 1]) * 0.5 - py
                vz = (low[b, 2] + high[b, 2]) * 0.5 - pz
                wx, wy, wz = high[b, 0] - low[b, 0], high[b, 1] - low[b, 1], high[b, 2] - low[b, 2]
                d2, r2 = vx * vx + vy * vy + vz * vz, (wx * wx + wy * wy + wz * wz) * 0.25 * 1.01 + 1e-6
                first, last = _rays_towards(vx, vy, vz, r2, axis[p], len(fibonacci))
                near = math.sqrt(d2) - math.sqrt(r2) - 1e-3
                # The part of the way to the middle that a ray which touches the ball goes along its own direction.
                least = math.sqrt(d2 - r2) - 1e-3 if d2 > r2 else -math.sqrt(d2) - 1.0
                for k in range(first, last):
                    reach = 1e4 if distance[p, k] == FARTHEST else distance[p, k] * DISTANCE_UNIT
                    if reach < near or rays[p] >> np.uint64(k) & np.uint64(1):
                        continue
                    if not is_set:
                        cell_rotation(cell[p, 0], cell[p, 1], cell[p, 2], rotation)
                        is_set = True
                    dx, dy, dz = cell_ray(rotation, fibonacci, k)
                    if dx * vx + dy * vy + dz * vz >= least and crosses_box(
                        px, py, pz, dx, dy, dz, reach + 1e-3, low[b], high[b]
                    ):
                        rays[p] |= np.uint64(1) << np.uint64(k)


@njit(parallel=True, cache=True)
def rows_of_rays(rays, reads, place, faces, patch_row, ny_bricks, nz_bricks, rows):
    """The page that each of some rays [n] (p * K + k) reads: rows [n], -1 none."""
    for i in prange(len(rays)):
        spot = reads[rays[i] // reads.shape[1], rays[i] % reads.shape[1]]
        rows[i] = row_of_spot(spot, place, faces, patch_row, ny_bricks, nz_bricks) if spot >= 0 else -1


@njit(cache=True)
def _sides_hit(reads, p, place, patch_row, page_key_of_row, sides):
    """The side that each ray of probe p ends on: sides [K], -1 for those that end on none."""
    n_texels = len(place)
    for k in range(reads.shape[1]):
        spot = reads[p, k]
        if spot >= n_texels:
            sides[k] = page_key_of_row[patch_row[spot - n_texels]] % PAGES_PER_BRICK >> 3
        else:
            sides[k] = place[spot, 3] if spot >= 0 else -1


@njit(cache=True)
def _room_behind(direction, hit_side, distance, p, side):
    """Metres from probe p to what lies behind it and looks the way of `side`, by the rays that end there; 0 where no
    such surface is so near that it would read the probe.
    """
    axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
    total, share = 0.0, 0.0
    for k in range(len(hit_side)):
        backwards = -sign * direction[k, axis]
        if backwards > BACKWARDS and hit_side[k] == side:
            total += backwards * backwards * backwards * distance[p, k] * DISTANCE_UNIT
            share += backwards * backwards
    room = total / share if share > 0.0 else 0.0
    return room if room < FARTHEST_READER_M else 0.0


@njit(parallel=True, cache=True)
def _weigh(probes, cell, fibonacci, reads, distance, place, patch_row, page_key_of_row, weight, weight_sum):
    """Weights of the rays of some probes: weight [P, K, 6], whole numbers of WEIGHT_UNIT, and their sums [P, 6].

    What reads the light of a side is a surface behind the probe, not the probe's own place: seen from there, what lies
    ahead is smaller, and what lies beside the probe comes into view. So a ray counts for what its hit would be from the
    foot of the perpendicular: the cosine there, times how much smaller or larger the solid angle of the hit is from
    there. With plain cosines walls of a cube were told 0.245 of the wall that they face, where 0.2 is right.
    """
    for i in prange(len(probes)):
        p = probes[i]
        direction, hit_side = np.empty(fibonacci.shape, np.float32), np.empty(len(fibonacci), np.int32)
        cell_rays(cell[p, 0], cell[p, 1], cell[p, 2], fibonacci, direction)
        _sides_hit(reads, p, place, patch_row, page_key_of_row, hit_side)
        for side in range(6):
            axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
            room = _room_behind(direction, hit_side, distance, p, side)
            total = 0.0
            for k in range(len(fibonacci)):
                cosine, far = sign * direction[k, axis], distance[p, k] * DISTANCE_UNIT
                w = max(cosine, 0.0)
                if room > 0.0 and hit_side[k] >= 0:
                    height = far * cosine + room  # of the hit over the surface behind
                    away2 = far * far + 2.0 * far * room * cosine + room * room
                    turned = height / max(abs(cosine), 0.05) if hit_side[k] // 2 == axis else far
                    w = height * far * far * turned / (away2 * away2) if height > LEAST_HEIGHT_M else 0.0
                weight[p, k, side] = int(min(w / WEIGHT_UNIT + 0.5, 255.0))
                total += weight[p, k, side]
            weight_sum[p, side] = total


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
    """Probes of a grid and their transport. Arrays are over slots; `alive` says which are in use."""

    def __init__(self, voxels: Voxels, is_empty: bool = False) -> None:
        """Place probes everywhere; `trace`, `measure` and `join` are left to do. If it `is_empty`, `place` is too."""
        self.fibonacci = fibonacci_directions(RAYS)
        self.n_cells = tuple(n // CELL_VOXELS for n in voxels.material.shape)
        self.probe_of_cell = np.full(self.n_cells, -1, np.int32)  # [CX, CY, CZ] slot, -1 none
        self.alive = np.zeros(0, np.bool_)  # [P]
        self.cell = np.zeros((0, 3), np.int32)  # [P, 3]
        self.position = np.zeros((0, 3), np.float32)  # [P, 3] metres, world
        self.axis = np.zeros((0, 3), np.float32)  # [P, 3] unit, world: the axis of the lattice of its rays
        self.reads = np.zeros((0, RAYS), np.int32)  # [P, K] spot (see surface), SKY or BLOCKED
        self.distance = np.zeros((0, RAYS), np.uint16)  # [P, K] in DISTANCE_UNIT
        self.weight = np.zeros((0, RAYS, 6), np.uint8)  # [P, K, 6] of a ray in the light of a side, in WEIGHT_UNIT
        self.weight_sum = np.zeros((0, 6), np.uint16)  # [P, 6] of all rays, in WEIGHT_UNIT
        self.link = np.zeros((0, 6), np.int32)  # [P, 6] probe seen in the cell next to each side, -1 none
        self._free: list[int] = []
        if not is_empty:
            self.place(voxels, self.cells())

    def cells(self) -> NDArray[np.int32]:
        """All cells [n, 3]."""
        return (
            np.stack(np.meshgrid(*(np.arange(n) for n in self.n_cells), indexing="ij"), -1)
            .reshape(-1, 3)
            .astype(np.int32)
        )

    @property
    def n_alive(self) -> int:
        """How many probes are in use."""
        return len(self.alive) - len(self._free)

    def place(self, voxels: Voxels, cells: NDArray[np.int32]) -> NDArray[np.int32]:
        """Put the probes of some cells [n, 3] where they belong. Returns the slots that are new or have moved (their
        rays are not traced yet); slots of cells that lost their probe are freed.
        """
        position = np.zeros((len(cells), 3), np.float32)
        found = np.zeros(len(cells), np.bool_)
        _place(voxels.material, voxels.occupied, cells, position, found)
        slot = self.probe_of_cell[cells[:, 0], cells[:, 1], cells[:, 2]]
        lost = slot[~found & (slot >= 0)]
        if len(lost):
            self.alive[lost] = False
            self.probe_of_cell[tuple(self.cell[lost].T)] = -1
            self._free.extend(int(s) for s in lost[::-1])
        new = np.flatnonzero(found & (slot < 0))
        self._grow(len(new) - len(self._free))
        fresh = np.array([self._free.pop() for _ in range(len(new))], np.int32)
        self.alive[fresh] = True
        self.cell[fresh] = cells[new]
        self.position[fresh] = position[new]
        self.probe_of_cell[tuple(cells[new].T)] = fresh
        kept = np.flatnonzero(found & (slot >= 0))
        kept = kept[(self.position[slot[kept]] != position[kept]).any(1)]
        self.position[slot[kept]] = position[kept]
        _set_up(fresh, self.cell, self.axis)
        return np.concatenate([fresh, slot[kept]]).astype(np.int32)

    def _grow(self, n: int) -> None:
        if n <= 0:
            return
        old = len(self.alive)
        n += (old + n) // ROOM
        for name in PER_PROBE:
            array = getattr(self, name)
            grown = np.zeros((old + n, *array.shape[1:]), array.dtype)
            grown[:old] = array
            setattr(self, name, grown)
        self.reads[old:] = BLOCKED
        self._free = list(range(old + n - 1, old - 1, -1)) + self._free

    def directions(self, probes: NDArray[np.int32]) -> NDArray[np.float32]:
        """Directions of the rays of some probes [n]: [n, K, 3] unit, world."""
        found = np.empty((len(probes), RAYS, 3), np.float32)
        for i, (x, y, z) in enumerate(self.cell[probes].tolist()):
            cell_rays(x, y, z, self.fibonacci, found[i])
        return found

    def trace(
        self, voxels: Voxels, surface: Surface, probes: NDArray[np.int32], rays: NDArray[np.uint64]
    ) -> None:  # fmt: skip
        """Trace the rays of some probes [n] that have a bit in rays [P]."""
        _trace(
            voxels, surface.faces, surface.patch_spot, self.position, self.cell, self.fibonacci, probes, rays,
            self.reads, self.distance,
        )  # fmt: skip

    def join(self, voxels: Voxels, probes: NDArray[np.int32]) -> None:
        """Find out which neighbours some probes [n] see."""
        _link(voxels, self.probe_of_cell, self.cell, self.position, probes, self.link)

    def rays_across(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.uint64]:
        """The rays that cross the boxes low..high [n, 3] metres, as bits: [P]."""
        rays = np.zeros(len(self.alive), np.uint64)
        _rays_across(
            self.position, self.cell, self.fibonacci, self.axis, self.alive, self.distance, low, high, rays
        )  # fmt: skip
        return rays

    def rows_read(self, rays: NDArray[np.int32], surface: Surface) -> NDArray[np.int32]:
        """The pages that some rays [n] (p * K + k) read: [n], -1 none."""
        rows = np.empty(len(rays), np.int32)
        _, ny, nz = surface.n_bricks
        rows_of_rays(rays, self.reads, surface.place, surface.faces, surface.patch_row, ny, nz, rows)
        return rows

    def make_room_for_texels(self, before: int, now: int) -> None:
        """The surface keeps `now` texels, not `before`: the spots of patches, which lie behind them, move up."""
        self.reads[self.reads >= before] += now - before

    def measure(self, surface: Surface, probes: NDArray[np.int32]) -> None:
        """Weights of some probes [n] after their rays changed."""
        _weigh(
            probes, self.cell, self.fibonacci, self.reads, self.distance, surface.place, surface.patch_row,
            surface.page_key_of_row, self.weight, self.weight_sum,
        )  # fmt: skip
