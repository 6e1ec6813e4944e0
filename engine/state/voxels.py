"""The voxel grid as it is now: the blueprint's voxels plus edits.

The edits are the state. The grid (which reads, rays and meshes use), the stamps of bricks and the solid bits of
columns are derived from them; every write keeps them in step.
"""

import math
from copy import copy
from hashlib import blake2b
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from engine.core.units import AIR, BRICK, VOXELS_PER_M
from engine.state.blueprint import I32, U8, ringed_columns, solid_in_ring
from engine.state.bricks import Bricks, Grid

I64 = NDArray[np.int64]
Corner = tuple[int, int, int]  # voxels


class VoxelGrid:
    """Voxels of a running world. Outside of it there is air above and solid ground everywhere else.

    Small worlds are arrays; large ones are `Bricks`, which are read and written alike.
    """

    def __init__(self, blueprint_voxels: Grid, ringed: U8 | None = None) -> None:
        """`ringed` is blueprint.ringed_columns of the voxels, where somebody keeps it."""
        self.base: Grid = blueprint_voxels  # [X, Y, Z] never written
        # [X, Y, Z] material index, 0 = air
        self.material: Grid = (
            blueprint_voxels.copy()
            if isinstance(blueprint_voxels, Bricks)
            else np.ascontiguousarray(blueprint_voxels).copy()
        )
        x, y, z = blueprint_voxels.shape
        # [X/8, Y/8, Z/8] 0 where a brick is as in the blueprint, else a hash of what is in it: equal content, equal
        # stamp, in every process and after every load.
        self.stamp: I64 = np.zeros((x // BRICK, y // BRICK, z // BRICK), np.int64)
        self._edited: set[int] = set()  # flat indices of the bricks whose stamp is not 0
        # [X, Y, 1 + Z/8 + 4] see blueprint.ringed_columns. A large world has none: `bytes_at` asks the bricks.
        self.n_bytes = z // BRICK + 5
        self.ringed: U8 = ringed_columns(blueprint_voxels) if ringed is None else ringed.copy()
        is_large = isinstance(self.material, Bricks)
        self.solid = None if is_large else solid_in_ring(self.ringed, blueprint_voxels.shape)
        self.n_columns: I64 = np.array([[x], [y]])
        self.version = 0  # grows with every write: for who keeps something derived from this grid
        self._edits: tuple[I32, U8] | None = None  # cache of `edits()`
        self._sharers: WeakSet[VoxelGrid] | None = None  # all that read the same arrays, this one too

    def shared(self) -> "VoxelGrid | None":
        """Another grid of the same blueprint, which nobody has written to; None where this one holds edits.

        Both read the same arrays until one of them is written: to copy those of the town takes up to 0.1 s.
        """
        if self._edited or self.solid is None:
            return None
        if self._sharers is None:
            self._sharers = WeakSet((self,))
        other = copy(self)
        other.stamp, other._edited, other.version = self.stamp.copy(), set(), 0
        self._sharers.add(other)
        return other

    def _own(self) -> None:
        """Takes copies of the arrays if others read them too. Before every write."""
        sharers, self._sharers = self._sharers, None
        if sharers is None:
            return
        sharers.discard(self)
        if len(sharers):
            self.material, self.ringed = self.material.copy(), self.ringed.copy()
            self.solid = solid_in_ring(self.ringed, self.base.shape)

    def fill(self, low: Corner, high: Corner, material: int) -> None:
        """Writes the box low..high (voxels, high exclusive, inside the grid)."""
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        if not (self.material[box] != material).any():
            return
        self._own()
        self.material[box] = material
        self._repack(box[0], box[1])
        touched = tuple(slice(a // BRICK, (b - 1) // BRICK + 1) for a, b in zip(low, high, strict=True))
        self._restamp(np.mgrid[touched].reshape(3, -1).T)
        self.version += 1
        self._edits = None

    def edits(self) -> tuple[I32, U8]:
        """Flat indices (C order, growing) where the grid differs from the blueprint, and the materials there."""
        if self._edits is None:
            found = [np.zeros(0, np.int64)]
            for corner in self._edited_bricks() * BRICK:
                box = tuple(slice(c, c + BRICK) for c in corner)
                at = np.argwhere(self.material[box] != self.base[box]) + corner
                found.append(np.ravel_multi_index((at[:, 0], at[:, 1], at[:, 2]), self.material.shape))
            index = np.sort(np.concatenate(found)).astype(np.int32)
            self._edits = index, self.material.take(index)
        return self._edits

    def apply(self, index: I32, material: U8) -> None:
        """Writes edits as `edits` gives them (into a grid that is as in the blueprint: what a snapshot brings)."""
        self._own()
        self.material.put(index, material)
        at = np.stack(np.unravel_index(index, self.material.shape), -1) // BRICK
        bricks = np.unique(at, axis=0)
        self._restamp(bricks)
        self._repack_bricks(bricks)
        self.version += 1
        self._edits = None

    def revert(self) -> None:
        """Undoes every edit: the grid is as in the blueprint again."""
        bricks = self._edited_bricks()
        if len(bricks):
            self._own()
        for brick in bricks:
            box = tuple(slice(c, c + BRICK) for c in brick * BRICK)
            self.material[box] = self.base[box]
        self.stamp.reshape(-1)[list(self._edited)] = 0
        self._edited.clear()
        self._repack_bricks(bricks)
        self.version += 1
        self._edits = None

    def _restamp(self, bricks: NDArray[np.intp]) -> None:
        for bx, by, bz in bricks.tolist():
            box = tuple(slice(b * BRICK, (b + 1) * BRICK) for b in (bx, by, bz))
            now = self.material[box]
            stamp = 0
            if (now != self.base[box]).any():
                stamp = stamp_of(now)
            self.stamp[bx, by, bz] = stamp
            index = (bx * self.stamp.shape[1] + by) * self.stamp.shape[2] + bz
            if stamp:
                self._edited.add(index)
            else:
                self._edited.discard(index)

    def _edited_bricks(self) -> NDArray[np.intp]:
        """Bricks [n, 3] that are not as in the blueprint, in the order of their places."""
        return np.stack(np.unravel_index(np.array(sorted(self._edited), np.intp), self.stamp.shape), -1)

    def _repack_bricks(self, bricks: NDArray[np.intp]) -> None:
        for bx, by in np.unique(bricks[:, :2], axis=0).tolist():
            self._repack(slice(bx * BRICK, (bx + 1) * BRICK), slice(by * BRICK, (by + 1) * BRICK))

    def _repack(self, x: slice, y: slice) -> None:
        if self.solid is not None:
            self.solid[x, y, 1:-4] = np.packbits(self.material[x, y] != AIR, axis=2, bitorder="little")

    def bytes_at(self, cell: I64, byte: I64) -> I64:
        """Some byte [n] of columns `cell` [2, n], as `solid` has them: all bits are set in the ring around the grid.

        What is asked beyond the ring is not defined.
        """
        if not isinstance(self.material, Bricks):
            at = ((cell[0] + 1) * (self.n_columns[1] + 2) + cell[1] + 1) * self.n_bytes + byte
            return np.asarray(self.ringed[at], np.int64)
        found = self.material.solid_bytes(cell[0], cell[1], byte - 1)
        found[((cell < 0) | (cell >= self.n_columns)).any(0)] = 0xFF
        return found

    def solid_at(self, x: float, y: float, z: float) -> bool:
        """Whether the point (metres) lies in something solid."""
        i, j, k = math.floor(x * VOXELS_PER_M), math.floor(y * VOXELS_PER_M), math.floor(z * VOXELS_PER_M)
        nx, ny, nz = self.material.shape
        if not (0 <= i < nx and 0 <= j < ny and k >= 0):
            return True
        return k < nz and bool(self.material[i, j, k])

    def solid_in(self, low: tuple[float, float, float], high: tuple[float, float, float]) -> bool:
        """Whether anything solid lies in the open box low..high (metres)."""
        nx, ny, nz = self.material.shape
        (x0, y0, z0), (x1, y1, z1) = low, high
        i0, j0, k0 = math.floor(x0 * VOXELS_PER_M), math.floor(y0 * VOXELS_PER_M), math.floor(z0 * VOXELS_PER_M)
        i1, j1, k1 = math.ceil(x1 * VOXELS_PER_M), math.ceil(y1 * VOXELS_PER_M), math.ceil(z1 * VOXELS_PER_M)
        if i0 < 0 or j0 < 0 or k0 < 0 or i1 > nx or j1 > ny:
            return True
        return bool(np.count_nonzero(self.material[i0:i1, j0:j1, k0 : min(k1, nz)]))


def stamp_of(voxels: U8) -> int:
    """The stamp of a brick that holds some voxels [8, 8, 8] and is not as in the blueprint: 63 bits, never 0."""
    return int.from_bytes(blake2b(voxels.tobytes(), digest_size=8).digest(), "little") >> 1 or 1
