"""The voxel grid as it is now: the blueprint's voxels plus edits.

The edits are the state. The dense grid (which reads, rays and meshes use), the stamps of bricks and the solid bits of
columns are derived from them; every write keeps them in step.
"""

import math
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from engine.core.units import AIR, BRICK, VOXELS_PER_M
from engine.state.blueprint import I32, U8

I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
Corner = tuple[int, int, int]  # voxels


class VoxelGrid:
    """Dense voxels of a running world. Outside of it there is air above and solid ground everywhere else."""

    def __init__(self, blueprint_voxels: U8) -> None:
        self.base = blueprint_voxels  # [X, Y, Z] never written
        self.material: U8 = np.ascontiguousarray(blueprint_voxels).copy()  # [X, Y, Z] material index, 0 = air
        x, y, z = blueprint_voxels.shape
        # [X/8, Y/8, Z/8] 0 where a brick is as in the blueprint, else a hash of what is in it: equal content, equal
        # stamp, in every process and after every load.
        self.stamp: I64 = np.zeros((x // BRICK, y // BRICK, z // BRICK), np.int64)
        # [X, Y, 1 + Z/8 + 4] bit k of byte b: level 8 (b - 1) + k is solid. One byte of ground below, four of air.
        # It lies in a ring of solid ground, one column wide.
        n_bytes = z // BRICK + 5
        self.ringed: U8 = np.full((x + 2) * (y + 2) * n_bytes + 4, 0xFF, np.uint8)
        self.solid: U8 = self.ringed[:-4].reshape(x + 2, y + 2, n_bytes)[1:-1, 1:-1]
        self.solid[:, :, 1:] = 0
        # Word a holds bytes a..a + 3 of all that; column (i, j) begins at ([i, j] + 1) . column_bytes.
        self.words: U32 = np.ndarray((len(self.ringed) - 3,), "<u4", self.ringed, strides=(1,))
        self.column_bytes: I64 = np.array([[(y + 2) * n_bytes], [n_bytes]])
        self.n_columns: I64 = np.array([[x], [y]])
        self._repack(slice(0, x), slice(0, y))
        self.version = 0  # grows with every write: for who keeps something derived from this grid
        self._edits: tuple[I32, U8] | None = None  # cache of `edits()`

    def fill(self, low: Corner, high: Corner, material: int) -> None:
        """Writes the box low..high (voxels, high exclusive, inside the grid)."""
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        if not (self.material[box] != material).any():
            return
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
            for brick in np.argwhere(self.stamp):
                corner = brick * BRICK
                box = tuple(slice(c, c + BRICK) for c in corner)
                at = np.argwhere(self.material[box] != self.base[box]) + corner
                found.append(np.ravel_multi_index((at[:, 0], at[:, 1], at[:, 2]), self.material.shape))
            index = np.sort(np.concatenate(found)).astype(np.int32)
            self._edits = index, self.material.reshape(-1)[index]
        return self._edits

    def apply(self, index: I32, material: U8) -> None:
        """Writes edits as `edits` gives them (into a grid that is as in the blueprint: what a snapshot brings)."""
        self.material.reshape(-1)[index] = material
        at = np.stack(np.unravel_index(index, self.material.shape), -1) // BRICK
        bricks = np.unique(at, axis=0)
        self._restamp(bricks)
        self._repack_bricks(bricks)
        self.version += 1
        self._edits = None

    def revert(self) -> None:
        """Undoes every edit: the grid is as in the blueprint again."""
        bricks = np.argwhere(self.stamp)
        for brick in bricks:
            box = tuple(slice(c, c + BRICK) for c in brick * BRICK)
            self.material[box] = self.base[box]
        self.stamp[...] = 0
        self._repack_bricks(bricks)
        self.version += 1
        self._edits = None

    def _restamp(self, bricks: NDArray[np.intp]) -> None:
        for bx, by, bz in bricks.tolist():
            box = tuple(slice(b * BRICK, (b + 1) * BRICK) for b in (bx, by, bz))
            now = self.material[box]
            stamp = 0
            if (now != self.base[box]).any():
                stamp = int.from_bytes(blake2b(now.tobytes(), digest_size=8).digest(), "little") >> 1 or 1
            self.stamp[bx, by, bz] = stamp

    def _repack_bricks(self, bricks: NDArray[np.intp]) -> None:
        for bx, by in np.unique(bricks[:, :2], axis=0).tolist():
            self._repack(slice(bx * BRICK, (bx + 1) * BRICK), slice(by * BRICK, (by + 1) * BRICK))

    def _repack(self, x: slice, y: slice) -> None:
        self.solid[x, y, 1:-4] = np.packbits(self.material[x, y] != AIR, axis=2, bitorder="little")

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
        i0, j0, k0 = (math.floor(v * VOXELS_PER_M) for v in low)
        i1, j1, k1 = (math.ceil(v * VOXELS_PER_M) for v in high)
        if i0 < 0 or j0 < 0 or k0 < 0 or i1 > nx or j1 > ny:
            return True
        return bool(self.material[i0:i1, j0:j1, k0 : min(k1, nz)].any())
