"""Screen tiles: which parts of the last picture still hold, so that a resting camera costs only what changed.

Everything here errs on the side of drawing again; what is drawn again is bitwise what a full frame would have.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.light.pages import SLOTS_PER_BAND
from engine.raster.visibility import Rect

TILE_PX = 16
MANY = 0.5  # beyond this part of all tiles a full frame is cheaper
NEAR = 1e-3  # metres before the eye, where hulls are cut
MAX_RECTS = 4  # each rectangle of geometry draws whole chunks: more of them cost more than their hull

F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


def tile_grid(size_px: tuple[int, int], value: bool = False) -> Bool:
    """A mask [rows, columns] of tiles for a picture of size (width, height)."""
    return np.full((-(-size_px[1] // TILE_PX), -(-size_px[0] // TILE_PX)), value, np.bool_)


def box_corners(low: F64, high: F64) -> F64:
    """Corners [n, 8, 3] of boxes [n, 3]."""
    pick = np.array([[i >> axis & 1 for axis in range(3)] for i in range(8)], np.bool_)
    return np.where(pick[None], high[:, None], low[:, None])


def swept(corners: F64, towards: F64, floor_m: float, reach_m: float) -> F64:
    """Corners [n, 16, 3]: boxes and the far end of the shadow they throw away from the sun.

    A shadow ends where all of it is below `floor_m`, and in any case after `reach_m`.
    """
    top = corners[..., 2].max(1)
    length = np.minimum(np.maximum(top - floor_m, 0.0) / max(float(towards[2]), 1e-3), reach_m)
    return np.concatenate([corners, corners - length[:, None, None] * towards], axis=1)


def _cut(homogeneous: F64, ahead: Bool) -> tuple[F64, Bool]:
    """Points [n, P, 4] of hulls with those [n, P * (P - 1) / 2, 4] where lines between them meet the plane just before
    the eye; and which of all these lie before it.
    """
    i, j = np.triu_indices(homogeneous.shape[1], 1)
    a, b = homogeneous[:, i], homogeneous[:, j]
    crosses = ahead[:, i] != ahead[:, j]
    t = np.where(crosses, (NEAR - a[..., 3]) / np.where(crosses, b[..., 3] - a[..., 3], 1.0), 0.0)
    met = a + t[..., None] * (b - a)
    return np.concatenate([homogeneous, met], axis=1), np.concatenate([ahead, crosses], axis=1)


def _bounds(homogeneous: F64, ahead: Bool, size_px: tuple[int, int]) -> tuple[F64, F64]:
    """Boxes low, high [n, 2] pixels around those of some points [n, P, 4] that are ahead [n, P]."""
    w = np.where(ahead, np.maximum(homogeneous[..., 3], NEAR * 0.5), 1.0)
    xy = (homogeneous[..., :2] / w[..., None] * 0.5 + 0.5) * np.array(size_px)
    return np.where(ahead[..., None], xy, np.inf).min(1), np.where(ahead[..., None], xy, -np.inf).max(1)


def mark_hulls(mask: Bool, clip: F64, size_px: tuple[int, int], points: F64, margin_px: int = 2) -> None:
    """Mark the tiles that the convex hulls of points [n, 8 or 16, 3] (metres, world) may cover.

    `clip` has y flipped (row 0 is the top). Hulls are cut at the plane just before the eye.
    """
    homogeneous = points @ clip[:, :3].T + clip[:, 3]
    ahead = homogeneous[..., 3] >= NEAR
    whole, cut = ahead.all(1), ahead.any(1) & ~ahead.all(1)
    low, high = np.zeros((2, len(points), 2))
    low[whole], high[whole] = _bounds(homogeneous[whole], ahead[whole], size_px)
    low[cut], high[cut] = _bounds(*_cut(homogeneous[cut], ahead[cut]), size_px)
    low, high = low - margin_px, high + margin_px
    seen = (whole | cut) & (high > 0).all(1) & (low < np.array(size_px)).all(1)
    limit = np.array(mask.shape[::-1])
    first = np.clip(np.floor(low[seen] / TILE_PX), 0, limit).astype(int)
    last = np.clip(np.ceil(high[seen] / TILE_PX), 0, limit).astype(int)
    for (x0, y0), (x1, y1) in zip(first, last, strict=True):
        mask[y0:y1, x0:x1] = True


@njit(cache=True, nogil=True)
def _boxes_of_runs(mask, boxes):  # type: ignore[no-untyped-def]
    """Write x0, y0, x1, y1 of runs of marked tiles, those of rows that follow each other and are equal as one box;
    returns how many.
    """
    count = 0
    last = np.full(mask.shape[1], -1, np.int32)  # the box that began at a column last
    for row in range(mask.shape[0]):
        x0 = 0
        while x0 < mask.shape[1]:
            if not mask[row, x0]:
                x0 += 1
                continue
            x1 = x0
            while x1 < mask.shape[1] and mask[row, x1]:
                x1 += 1
            above = last[x0]
            if above >= 0 and boxes[above, 2] == x1 and boxes[above, 3] == row:
                boxes[above, 3] = row + 1
            else:
                boxes[count, 0], boxes[count, 1], boxes[count, 2], boxes[count, 3] = x0, row, x1, row + 1
                last[x0] = count
                count += 1
            x0 = x1
    return count


def rects_of_tiles(mask: Bool, size_px: tuple[int, int], most: int = MAX_RECTS) -> list[Rect]:
    """Pixel rectangles that cover the marked tiles, each once; at most `most`, which may then cover a little more."""
    boxes = np.empty((mask.size, 4), np.int32)
    tiles = [(x0, y0, x1, y1) for x0, y0, x1, y1 in boxes[: _boxes_of_runs(mask, boxes)].tolist()]
    while len(tiles) > most:
        tiles = _joined(tiles)
    return sorted(_pixels(t, size_px) for t in tiles)


def drawn_rects(mask: Bool, size_px: tuple[int, int]) -> list[Rect]:
    """Rectangles to draw the geometry in: few, and the whole picture when most of it is marked."""
    return [(0, 0, *size_px)] if mask.mean() > MANY else rects_of_tiles(mask, size_px)


def _joined(tiles: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """One rectangle fewer: the pair whose hull wastes the fewest tiles becomes its hull."""
    t = np.array(tiles)
    low, high = np.minimum(t[:, None, :2], t[None, :, :2]), np.maximum(t[:, None, 2:], t[None, :, 2:])
    area = (t[:, 2] - t[:, 0]) * (t[:, 3] - t[:, 1])
    waste = (high - low).prod(-1) - area[:, None] - area[None]
    waste[np.tril_indices(len(t))] = 1 << 30
    i, j = np.unravel_index(int(waste.argmin()), waste.shape)
    hull = (int(low[i, j, 0]), int(low[i, j, 1]), int(high[i, j, 0]), int(high[i, j, 1]))
    kept = [x for x in tiles if not (x[0] >= hull[0] and x[1] >= hull[1] and x[2] <= hull[2] and x[3] <= hull[3])]
    return [*kept, hull]


def _pixels(tile: tuple[int, int, int, int], size_px: tuple[int, int]) -> Rect:
    x0, y0 = tile[0] * TILE_PX, tile[1] * TILE_PX
    x1, y1 = min(tile[2] * TILE_PX, size_px[0]), min(tile[3] * TILE_PX, size_px[1])
    return x0, y0, x1 - x0, y1 - y0


@njit(cache=True, nogil=True)
def _tile_contents(coded, sky, surface):  # type: ignore[no-untyped-def]
    for y in range(coded.shape[0]):
        for x in range(coded.shape[1]):
            if coded[y, x] == 0:
                sky[y >> 4, x >> 4] = True
            else:
                surface[y >> 4, x >> 4] = True


def tile_contents(coded: NDArray[np.uint32]) -> tuple[Bool, Bool]:
    """Which tiles show any sky, and which any surface; `coded` [H, W] is what the G-buffer tells of pages."""
    sky = tile_grid((coded.shape[1], coded.shape[0]))
    surface = np.zeros_like(sky)
    _tile_contents(coded, sky, surface)
    return sky, surface


@njit(cache=True, nogil=True)
def _visible_pages(coded, number, out, area):  # type: ignore[no-untyped-def]
    """Pages in the order of their pixels into out [n], and how many pixels each has into area [n]; returns n.
    number [n_pages] is -1 throughout, before and after.
    """
    count = 0
    for y in range(coded.shape[0]):
        for x in range(coded.shape[1]):
            c = coded[y, x]
            if c == 0 or c >= 0x80000000:
                continue
            if number[c - 1] < 0:
                number[c - 1] = count
                out[count], area[count] = c - 1, 0
                count += 1
            area[number[c - 1]] += 1
    for i in range(count):
        number[out[i]] = -1
    return count


@njit(cache=True, nogil=True)
def _slot_of(entry):  # type: ignore[no-untyped-def]
    return (entry >> 9) * SLOTS_PER_BAND + (entry >> 3 & 63)


@njit(cache=True, nogil=True)
def _tiles_showing(slots, shows, tiles):  # type: ignore[no-untyped-def]
    """Mark tiles in which any pixel shows one of some slots, shows [n]."""
    for y in range(slots.shape[0]):
        for x in range(slots.shape[1]):
            if slots[y, x] > 0:
                slot = _slot_of(np.int64(slots[y, x]) - 1)
                if slot < len(shows) and shows[slot]:
                    tiles[y >> 4, x >> 4] = True


@njit(cache=True, nogil=True)
def _slots_of_pixels(coded, entry_of_page, is_dirty, slots, tiles):  # type: ignore[no-untyped-def]
    """Write the slot of each pixel and mark tiles where it changed or its content did."""
    for y in range(coded.shape[0]):
        for x in range(coded.shape[1]):
            c = coded[y, x]
            entry = np.uint32(0)
            if c != 0 and c < 0x80000000:
                entry = entry_of_page[c - 1]
            if entry != slots[y, x] or (entry != 0 and is_dirty[_slot_of(np.int64(entry) - 1)]):
                slots[y, x] = entry
                tiles[y >> 4, x >> 4] = True


class PagesOnScreen:
    """Which surface pages the pixels show, and where each of them lies in the atlases."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        # 0, or 1 + (band << 9 | slot in the band << 3 | parity of the brick): no pixel has to divide
        self.slots = np.zeros((size_px[1], size_px[0]), np.uint32)
        self.keys = np.empty(0, np.int32)  # [n] pages in view
        self.area_px = np.empty(0, np.int32)  # [n] pixels of each
        self.coded = np.zeros((size_px[1], size_px[0]), np.uint32)
        self._number = np.zeros(0, np.int32)
        self._entry = np.zeros(0, np.uint32)

    def see(self, coded: NDArray[np.uint32], n_pages: int) -> None:
        """Take the G-buffer's second target [H, W]; `keys` are then its pages, in the order of their pixels."""
        if len(self._number) != n_pages:
            self._number, self._entry = np.full(n_pages, -1, np.int32), np.zeros(n_pages, np.uint32)
        self.coded = coded
        out = np.empty((2, min(coded.size, n_pages)), np.int32)
        self.keys, self.area_px = out[:, : _visible_pages(coded, self._number, *out)]

    def showing(self, slots: NDArray[np.int32]) -> Bool:
        """The tiles in which any pixel shows one of some slots [n]."""
        height, width = self.slots.shape
        tiles = tile_grid((width, height))
        if len(slots):
            shows = np.zeros(int(slots.max()) + 1, np.bool_)
            shows[slots] = True
            _tiles_showing(self.slots, shows, tiles)
        return tiles

    def place(self, slot: NDArray[np.int32], bricks: tuple[int, ...], dirty: NDArray[np.int32]) -> Bool:
        """Work out `slots` anew, given those of `keys` [n]; returns the tiles in which any pixel's light changed: its
        slot is another, or one of the `dirty` ones.
        """
        brick = self.keys // 48
        bz, by, bx = brick % bricks[2], brick // bricks[2] % bricks[1], brick // (bricks[1] * bricks[2])
        place = slot // SLOTS_PER_BAND << 6 | slot % SLOTS_PER_BAND
        entry = 1 + (place << 3 | (bx & 1) | (by & 1) << 1 | (bz & 1) << 2)
        self._entry[self.keys] = np.where(slot >= 0, entry, 0).astype(np.uint32)
        is_dirty = np.zeros(max(int(slot.max(initial=0)), int(dirty.max(initial=0))) + 1, np.bool_)
        is_dirty[dirty] = True
        height, width = self.slots.shape
        tiles = tile_grid((width, height))
        _slots_of_pixels(self.coded, self._entry, is_dirty, self.slots, tiles)
        return tiles
