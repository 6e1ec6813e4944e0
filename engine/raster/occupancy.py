"""Occupancy: the voxel grid as bits in a 3D texture, so that a pixel can send an exact ray to the sun.

A texel holds 4 x 4 x 2 voxels; bit x + 4 y + 16 z of it is voxel (x, y, z) of those. A shadow map answers most pixels;
where its neighbouring texels disagree, or it does not reach, the resolve shader walks this grid (shaders/sunray.glsl).
"""

import math

import moderngl
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.view import VoxelView

CELL = (4, 4, 2)  # voxels of a texel along x, y, z
MOST_BYTES = 64 * 2**20  # worlds that take more are left to the shadow map alone


@njit(parallel=True, cache=True)
def pack_bits(grid, low, size, bits):  # type: ignore[no-untyped-def]
    """Bits of the voxels of some boxes of one size [3], each from low [n, 3] on: bits [n, size z / 2, size y / 4, size
    x / 4] uint32; all in voxels.
    """
    flat, (_, ny, nz), rows = grid.reshape(-1), grid.shape, size[1] // 4
    for box_row in prange(len(low) * rows):
        n, j = box_row // rows, box_row % rows
        column = np.empty(16, np.uint64)
        for i in range(size[0] // 4):
            for c in range(16):
                column[c] = ((low[n, 0] + 4 * i + c % 4) * ny + low[n, 1] + 4 * j + c // 4) * nz + low[n, 2]
            for k in range(size[2] // 2):
                word = np.uint32(0)
                for c in range(16):
                    at = column[c] + np.uint64(2 * k)
                    word |= np.uint32(flat[at] != 0) << np.uint32(c)
                    word |= np.uint32(flat[at + np.uint64(1)] != 0) << np.uint32(c + 16)
                bits[n, k, j, i] = word


class Occupancy:
    """The texture, kept in step with the voxels."""

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        self.texture = context.texture3d((1, 1, 1), 1, dtype="u4")
        self._shape: tuple[int, ...] = ()
        self.top = 0  # voxels: no voxel at this height or above is solid
        self.reaches = False  # whether the texture holds the world

    def follow(self, voxels: VoxelView, changed: NDArray[np.integer] | None, top_m: float) -> None:
        """Bring the texture in step; `changed` [n, 3] are the bricks that may differ, None for all. Nothing solid is
        higher than `top_m` metres.
        """
        grid = voxels.material
        x, y, z = grid.shape
        if changed is None or grid.shape != self._shape:
            self._shape = grid.shape
            self.reaches = x * y * z // 8 <= MOST_BYTES
            self.texture.release()
            size = (x // CELL[0], y // CELL[1], z // CELL[2]) if self.reaches else (1, 1, 1)
            self.texture = self.context.texture3d(size, 1, dtype="u4")
            self.texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            if self.reaches:
                self.texture.write(self._bits(grid, np.zeros((1, 3), np.int64), np.array(grid.shape))[0].tobytes())
        elif self.reaches:
            low = np.asarray(changed, np.int64) * BRICK
            for corner, bits in zip(low // CELL, self._bits(grid, low, np.full(3, BRICK)), strict=True):
                self.texture.write(bits.tobytes(), viewport=(*corner.tolist(), *(BRICK // c for c in CELL)))
        self.top = min(math.ceil(top_m / VOXEL_M), grid.shape[2])

    @staticmethod
    def _bits(grid: NDArray[np.uint8], low: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.uint32]:
        bits = np.empty((len(low), size[2] // CELL[2], size[1] // CELL[1], size[0] // CELL[0]), np.uint32)
        pack_bits(np.ascontiguousarray(grid), low, size, bits)
        return bits

    def release(self) -> None:
        """Give the texture back."""
        self.texture.release()
