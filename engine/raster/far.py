"""The far field of a large world: everything beyond the window of fine voxels, as blocks of 2 m.

Each brick is one cell of a coarse grid, solid if it looks so from a side: half of it, seen along x or along y, is
covered. So ground is rounded to the nearest 2 m, and walls and roofs thinner than a voxel are still there. The cell has
the material that most of the brick shows to the sky. The coarse grid is meshed like the fine one, with the window cut
out of it: where the two meet, both end in upright faces, so that there is never a hole between them.
"""

from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.raster.meshes import Meshes
from engine.state.bricks import UNIFORM
from engine.state.camera import Camera
from engine.view import Land, VoxelView

SCALE = float(BRICK)  # a cell is as many voxels wide
COVERED = BRICK * BRICK // 2  # faces of 64, seen from a side

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _looks(blocks, out):  # type: ignore[no-untyped-def]
    count = np.zeros(256, np.int64)
    along_x, along_y = np.zeros((8, 8), np.bool_), np.zeros((8, 8), np.bool_)
    for n in range(len(blocks)):
        along_x[:], along_y[:], count[:] = False, False, 0
        for x in range(8):
            for y in range(8):
                top = 0
                for z in range(8):
                    m = blocks[n, x, y, z]
                    if m != 0:
                        top = m
                        along_x[y, z] = True
                        along_y[x, z] = True
                count[top] += 1
        count[0] = 0
        out[n] = np.argmax(count) if max(along_x.sum(), along_y.sum()) >= COVERED else 0


def looks(blocks: U8) -> U8:
    """The material of bricks [n, 8, 8, 8] seen from afar [n], 0 where they are not seen."""
    out = np.zeros(len(blocks), np.uint8)
    _looks(np.ascontiguousarray(blocks), out)
    return out


class FarField:
    """The coarse grid of one world and its quads, kept in step with edits and with the window."""

    def __init__(self, land: Land) -> None:
        row, pool = land.material.rows()
        look = np.zeros(len(pool), np.uint8)
        look[:UNIFORM] = np.arange(UNIFORM)
        look[UNIFORM:] = looks(pool[UNIFORM:])
        cells = look[row]
        # Whole bricks of cells, also where the world ends within one: what is beyond is air
        self._cells: U8 = np.zeros([-(-n // BRICK) * BRICK for n in cells.shape], np.uint8)
        self._cells[tuple(slice(n) for n in cells.shape)] = cells
        self._land_stamp: I64 = np.zeros(land.stamp.shape, np.int64)  # most stay 0 and take no memory
        edited = np.flatnonzero(land.stamp)
        self._land_stamp.reshape(-1)[edited] = land.stamp.reshape(-1)[edited]
        self._known = land.material, land.version  # the versions of another state's voxels say nothing
        self._stamp: I64 = np.zeros([n // BRICK for n in self._cells.shape], np.int64)
        self._low: I64 = np.zeros(3, np.int64)  # the window [low, high), bricks
        self._high: I64 = np.zeros(3, np.int64)
        self.meshes = Meshes()  # places are in cells, as if a cell were a voxel

    def follow(self, land: Land, low: I64, high: I64) -> bool:
        """Bring the quads in step with the land and the window low..high (bricks); says whether any changed."""
        touched = []
        if land.material is not self._known[0] or land.version != self._known[1]:
            self._known = land.material, land.version
            changed = np.argwhere(land.stamp != self._land_stamp)
            at = tuple(changed.T)
            self._land_stamp[at] = land.stamp[at]
            for brick in changed:
                block = land.material[tuple(slice(b * BRICK, (b + 1) * BRICK) for b in brick.tolist())]
                look = looks(block[None])[0]
                if look != self._cells[tuple(brick)]:
                    self._cells[tuple(brick)] = look
                    touched.append(brick // BRICK)
        if not (np.array_equal(low, self._low) and np.array_equal(high, self._high)):
            for a, b in ((self._low, self._high), (low, high)):
                touched += list(np.argwhere(np.ones(-(-b // BRICK) - a // BRICK)) + a // BRICK)
            self._low, self._high = low.copy(), high.copy()
        for brick in touched:
            self._stamp[tuple(brick)] += 1
        if not touched:
            return False
        cells = self._cells.copy()
        cells[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 0
        self.meshes.update(VoxelView(cells, self._stamp))
        return True

    @property
    def origin_m(self) -> F64:
        """Metres, window: where the world's origin lies."""
        return np.asarray(-self._low * (BRICK * VOXEL_M), np.float64)

    def scaled(self, camera: Camera) -> Camera:
        """A camera of the window as it stands among cells that are as small as voxels."""
        x, y, z = ((np.asarray(camera.position) - self.origin_m) / SCALE).tolist()
        return replace(camera, position=(x, y, z), near=camera.near / SCALE, far=camera.far / SCALE)
