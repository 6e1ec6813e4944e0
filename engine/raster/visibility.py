"""Which boxes a camera may see: inside its frustum, and not behind what is known to stand in front.

Everything here errs on the side of drawing; what is left out has no visible pixel, so pictures do not depend on it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.raster.meshes import PageTable
from engine.state.camera import Camera

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Rect = tuple[int, int, int, int]  # x, y, width, height in pixels; y grows downwards from the top

BLOCK_PX = 4  # the grain in which depths are compared
SLACK_M = 0.05  # metres: what rounding and the growth of quads (see voxels.vert) stay below
SLACK_SHARE = 0.002  # of the distance, for the same
SLACK_DEPTH = 4e-7  # of the depth buffer's 0..1: several of its steps


def clip_from_world(camera: Camera, aspect: float) -> F64:
    """The camera's matrix with y flipped, so that row 0 of a target is the top of the image."""
    matrix = camera.clip_from_world(aspect)
    matrix[1] *= -1.0
    return matrix


def frustum_planes(clip: F64, rect: Rect, size_px: tuple[int, int]) -> F64:
    """Five inward half-spaces [5, 4] bounding what a rectangle of pixels shows: plane @ (p, 1) >= 0 inside."""
    x, y, w, h = rect
    left, right = 2 * x / size_px[0] - 1, 2 * (x + w) / size_px[0] - 1
    top, bottom = 2 * y / size_px[1] - 1, 2 * (y + h) / size_px[1] - 1
    return np.stack(
        [
            clip[0] - left * clip[3],
            right * clip[3] - clip[0],
            clip[1] - top * clip[3],
            bottom * clip[3] - clip[1],
            clip[3],
        ]
    )


@njit(cache=True, nogil=True)
def _touches(planes, low, high):  # type: ignore[no-untyped-def]
    for p in range(len(planes)):
        far = planes[p, 3]
        for axis in range(3):
            n = planes[p, axis]
            far += n * (high[axis] + SLACK_M if n > 0 else low[axis] - SLACK_M)
        if far < 0:
            return False
    return True


@njit(cache=True, nogil=True)
def _outline(low, high, lens):  # type: ignore[no-untyped-def]
    """Pixels that hold all that a box shows, left, right, top and bottom, and how far away it is at least; 0 if it
    reaches to the eye.
    """
    clip, near, _, width, height = lens
    x0, y0, x1, y1, nearest = np.inf, np.inf, -np.inf, -np.inf, np.inf
    for index in range(8):
        px = high[0] + SLACK_M if index & 1 else low[0] - SLACK_M
        py = high[1] + SLACK_M if index & 2 else low[1] - SLACK_M
        pz = high[2] + SLACK_M if index & 4 else low[2] - SLACK_M
        w = (clip[3, 0] * px + clip[3, 1] * py + clip[3, 2] * pz + clip[3, 3]) * (1.0 - SLACK_SHARE)
        if w <= near:
            return 0.0, width, 0.0, height, 0.0
        nearest = min(nearest, w)
        x = (clip[0, 0] * px + clip[0, 1] * py + clip[0, 2] * pz + clip[0, 3]) / w
        y = (clip[1, 0] * px + clip[1, 1] * py + clip[1, 2] * pz + clip[1, 3]) / w
        x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
    return (
        (x0 * 0.5 + 0.5) * width - 1.0, (x1 * 0.5 + 0.5) * width + 1.0, (y0 * 0.5 + 0.5) * height - 1.0,
        (y1 * 0.5 + 0.5) * height + 1.0, nearest,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _hidden(low, high, lens, rect, farthest):  # type: ignore[no-untyped-def]
    """Whether all that a box shows in a rectangle lies behind the depths `farthest`."""
    _, near, far, _, _ = lens
    x0, x1, y0, y1, nearest = _outline(low, high, lens)
    if nearest == 0.0:
        return False
    depth = far / (far - near) * (1.0 - near / nearest) - SLACK_DEPTH
    left, right = max(x0, rect[0]), min(x1, rect[0] + rect[2])
    top, bottom = max(y0, rect[1]), min(y1, rect[1] + rect[3])
    if left >= right or top >= bottom:
        return True
    for row in range(int(top) // BLOCK_PX, min(int(bottom) // BLOCK_PX + 1, farthest.shape[0])):
        for column in range(int(left) // BLOCK_PX, min(int(right) // BLOCK_PX + 1, farthest.shape[1])):
            if depth <= farthest[row, column]:
                return False
    return True


@njit(cache=True, nogil=True)
def _open(low, high, planes, lens, farthest):  # type: ignore[no-untyped-def]
    """Nothing is known to hide what lies behind some boxes [n, 3]."""
    for box in range(len(low)):
        if not _touches(planes, low[box], high[box]):
            continue
        left, right, top, bottom, _ = _outline(low[box], high[box], lens)
        for row in range(max(int(top), 0) // BLOCK_PX, min(int(bottom) // BLOCK_PX + 1, farthest.shape[0])):
            for column in range(max(int(left), 0) // BLOCK_PX, min(int(right) // BLOCK_PX + 1, farthest.shape[1])):
                farthest[row, column] = 1.0


@njit(cache=True, nogil=True)
def _boxes_touch(planes, low, high, out):  # type: ignore[no-untyped-def]
    for box in range(len(low)):
        out[box] = _touches(planes, low[box], high[box])


@njit(cache=True, nogil=True)
def _boxes_seen(low, high, planes, lens, rect, farthest, out):  # type: ignore[no-untyped-def]
    for box in range(len(low)):
        out[box] = _touches(planes, low[box], high[box]) and not _hidden(low[box], high[box], lens, rect, farthest)


@njit(cache=True, nogil=True)
def _pages_seen(table, eye, planes, lens, rect, farthest, out):  # type: ignore[no-untyped-def]
    """Brick after brick, and of those that may be seen, page after page of those that face the eye."""
    page, low, high, brick_first, brick_low, brick_high = table
    for brick in range(len(brick_low)):
        if not _touches(planes, brick_low[brick], brick_high[brick]):
            continue
        if _hidden(brick_low[brick], brick_high[brick], lens, rect, farthest):
            continue
        for row in range(brick_first[brick], brick_first[brick + 1]):
            axis, negative = page[row] // 16 % 3, page[row] // 8 % 2
            before = eye[axis] < low[row, axis] if negative else eye[axis] > low[row, axis]
            if before and _touches(planes, low[row], high[row]):
                out[row] = not _hidden(low[row], high[row], lens, rect, farthest)


@njit(cache=True, nogil=True)
def _farthest_in_blocks(depth, out):  # type: ignore[no-untyped-def]
    for y in range(depth.shape[0]):
        for x in range(depth.shape[1]):
            out[y // BLOCK_PX, x // BLOCK_PX] = max(out[y // BLOCK_PX, x // BLOCK_PX], depth[y, x])


def boxes_touch(planes: F64, low: NDArray[np.floating], high: NDArray[np.floating]) -> Bool:
    """Which boxes [n, 3] may have a part inside all half-spaces [p, 4] (never wrong when it says no)."""
    out = np.empty(len(low), np.bool_)
    _boxes_touch(planes, low, high, out)
    return out


class Sight:
    """A camera, and the depth of what is known to stand before it."""

    def __init__(self, camera: Camera, size_px: tuple[int, int], depth: F32 | None = None) -> None:
        """`depth` is a picture's depth buffer [H, W], 0..1, or nothing."""
        self.camera, self.size_px = camera, size_px
        self._clip = clip_from_world(camera, size_px[0] / size_px[1])
        self._lens = (self._clip, camera.near, camera.far, float(size_px[0]), float(size_px[1]))
        blocks = (-(-size_px[1] // BLOCK_PX), -(-size_px[0] // BLOCK_PX))
        self._farthest = np.full(blocks, 1.0 if depth is None else 0.0, np.float32)
        if depth is not None:
            _farthest_in_blocks(depth, self._farthest)

    def through(self, camera: Camera) -> "Sight":
        """What a camera sees that stands where this one does, among things of another scale: the depth is the same."""
        sight = Sight(camera, self.size_px)
        sight._farthest = self._farthest
        return sight

    def without(self, low: NDArray[np.floating], high: NDArray[np.floating]) -> "Sight":
        """The same after what stood in some boxes [n, 3] (metres, world) may have gone."""
        sight = self.through(self.camera)
        sight._farthest = self._farthest.copy()
        planes = frustum_planes(self._clip, (0, 0, *self.size_px), self.size_px)
        _open(low, high, planes, self._lens, sight._farthest)
        return sight

    def touches(self, low: NDArray[np.floating], high: NDArray[np.floating], rect: Rect) -> Bool:
        """Which boxes [n, 3] (metres, world) may have a part inside the frustum of a rectangle."""
        return boxes_touch(frustum_planes(self._clip, rect, self.size_px), low, high)

    def sees(self, low: NDArray[np.floating], high: NDArray[np.floating], rect: Rect) -> Bool:
        """Which boxes [n, 3] (metres, world) may have a visible pixel in a rectangle."""
        out = np.empty(len(low), np.bool_)
        _boxes_seen(low, high, frustum_planes(self._clip, rect, self.size_px), self._lens, rect, self._farthest, out)
        return out

    def sees_pages(self, table: PageTable, rect: Rect) -> Bool:
        """Which pages [P] may have a visible pixel in a rectangle."""
        out = np.zeros(len(table.page), np.bool_)
        arrays = (table.page, table.low, table.high, table.brick_first, table.brick_low, table.brick_high)
        planes, eye = frustum_planes(self._clip, rect, self.size_px), np.asarray(self.camera.position, np.float64)
        _pages_seen(arrays, eye, planes, self._lens, rect, self._farthest, out)
        return out
