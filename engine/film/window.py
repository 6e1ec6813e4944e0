"""The window of a large world: the box of voxels round the camera that is drawn and lit finely.

The window follows the camera over a lattice of 32 m and reaches at least 32 m beyond it. Which one it is depends on
the camera's place alone, and all that is drawn and lit in it, on what it holds: so a renderer that walked there and
one that was just made give the same picture. In the window's view everything (camera, bodies, lamps) is told in metres
from the window's corner; a small world is its own window. Beyond it lies the far field (engine/raster/far.py).
"""

from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.state.camera import Camera
from engine.view import Bodies, Lamps, Land, View, VoxelView

STEP = 16  # bricks: 32 m; a whole number of bricks of the far field
BRICK_M = BRICK * VOXEL_M

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


def window_at(position: tuple[float, float, float], n_bricks: tuple[int, ...]) -> tuple[I64, I64]:
    """Low and high corner (bricks, high exclusive) of the window for a camera at `position` (metres, world)."""
    low, high = np.zeros(3, np.int64), np.array(n_bricks, np.int64)
    for axis in range(2):
        last = (n_bricks[axis] - 1) // STEP
        tile = min(max(int(position[axis] // (STEP * BRICK_M)), 0), last)
        low[axis], high[axis] = max(tile - 1, 0) * STEP, min((tile + 2) * STEP, n_bricks[axis])
    return low, high


class Window:
    """The window that was cut last, kept in step with the world."""

    def __init__(self) -> None:
        self._voxels: VoxelView | None = None
        self._base: object = None  # of the world that it was cut from
        self.low: I64 = np.zeros(3, np.int64)  # bricks
        self.high: I64 = np.zeros(3, np.int64)

    def lies_right(self, view: View) -> bool:
        """Whether it is the window for the view's camera."""
        assert view.land is not None
        low, high = window_at(view.camera.position, view.land.stamp.shape)
        return self._base is view.land.base and bool((low == self.low).all() and (high == self.high).all())

    def reaches(self, view: View, margin_m: float) -> bool:
        """Whether it shows at least so much (metres) around the view's camera, or all that there is."""
        if view.land is None or self._base is not view.land.base:
            return False
        at, n_bricks = np.array(view.camera.position[:2]), np.array(view.land.stamp.shape[:2])
        low, high = self.low[:2], self.high[:2]
        return bool(
            ((at - low * BRICK_M >= margin_m) | (low == 0)).all()
            and ((high * BRICK_M - at >= margin_m) | (high == n_bricks)).all()
        )

    def of(self, view: View, stays: bool = False) -> View:
        """The view through the window: dense voxels, everything in metres from the window's corner. If it `stays`, it
        does not follow the camera.
        """
        land = view.land
        if land is None:
            return view
        place = (self.low, self.high) if stays else window_at(view.camera.position, land.stamp.shape)
        voxels = self._follow(land, *place)
        corner: F64 = np.multiply(self.low, BRICK_M)
        far: F64 = np.multiply(self.high, BRICK_M)
        return replace(
            view,
            voxels=voxels,
            bodies=_bodies_inside(view.bodies, corner, far),
            lamps=_lamps_inside(view.lamps, corner, far),
            camera=_moved(view.camera, corner),
            previous_camera=_moved(view.previous_camera, corner),
        )

    def _follow(self, land: Land, low: I64, high: I64) -> VoxelView:
        bricks = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        stamp = land.stamp[bricks]
        if (
            self._voxels is None
            or self._base is not land.base
            or not np.array_equal(low, self.low)
            or not np.array_equal(high, self.high)
        ):
            self._base, self.low, self.high = land.base, low, high
            box = tuple(slice(s.start * BRICK, s.stop * BRICK) for s in bricks)
            base = land.base[box]
            self._voxels = VoxelView(base.copy(), np.zeros(stamp.shape, np.int64), base)
        voxels = self._voxels
        for brick in np.argwhere(voxels.stamp != stamp):
            here = tuple(slice(b * BRICK, (b + 1) * BRICK) for b in brick.tolist())
            there = tuple(slice(b * BRICK, (b + 1) * BRICK) for b in (brick + low).tolist())
            voxels.material[here] = land.material[there]
        voxels.stamp[...] = stamp
        return voxels


def _moved(camera: Camera, corner: F64) -> Camera:
    x, y, z = (np.asarray(camera.position) - corner).tolist()
    return replace(camera, position=(x, y, z))


def _bodies_inside(bodies: Bodies, corner: F64, far: F64) -> Bodies:
    at = bodies.position.astype(np.float64)
    inside: Bool = np.all((at[:, :2] >= corner[:2]) & (at[:, :2] < far[:2]), axis=1)
    rows = {f.name: getattr(bodies, f.name) for f in fields(Bodies)}
    kept = {name: a[inside] if len(a) == len(inside) else a for name, a in rows.items()}
    for name in ("position", "previous_position"):
        kept[name] = (kept[name] - corner).astype(np.float32)
    return Bodies(**kept)


def _lamps_inside(lamps: Lamps, corner: F64, far: F64) -> Lamps:
    at = lamps.centre.astype(np.float64)
    inside: Bool = np.all((at[:, :2] >= corner[:2]) & (at[:, :2] < far[:2]), axis=1)
    kept = {f.name: getattr(lamps, f.name)[inside] for f in fields(Lamps)}
    return Lamps(**{**kept, "centre": (kept["centre"] - corner).astype(np.float32)})
