"""The lit surface: one texel per exposed voxel face, kept in pages.

A *page* is one 8x8 slice of a brick seen from one side; its key is ((bx * BY + by) * BZ + bz) * 48 + side * 8 +
slice. Rays that hit a voxel find their texel through the page, and so does the picture: light is worked out once per
texel, for rays and camera alike. Faces on the very border of the grid look out of the world and have no texel.

Rays from afar read the mean of a *patch*, the joined texels of a block of 2, 4 or 8. A *spot* is where such light is
kept: spots 0..T-1 are the texels, behind them come the patches, those of a page one after the other. A patch that is no
more than a texel, or than a patch of a smaller block, has no spot of its own.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light.trace import Voxels

PAGES_PER_BRICK = 6 * BRICK
PAGE_TEXELS = BRICK * BRICK
LEVELS = 4  # widths of patches: 1, 2, 4 and 8 texels
OWN = -1  # number of a patch that is one texel
ROOM = 16  # tables grow by one part in so many more than they must, so that the next edit does not copy everything


@njit(cache=True)
def page_key(x, y, z, side, ny_bricks, nz_bricks):
    """The key of the page that holds the face `side` of voxel (x, y, z)."""
    axis = side // 2
    c = x if axis == 0 else (y if axis == 1 else z)
    return (((x >> 3) * ny_bricks + (y >> 3)) * nz_bricks + (z >> 3)) * PAGES_PER_BRICK + side * BRICK + (c & 7)


@njit(cache=True)
def texel_at(page_row, page_texel, x, y, z, side, ny_bricks, nz_bricks):
    """Texel of a voxel's face, or -1 if that face is not exposed."""
    row = page_row[page_key(x, y, z, side, ny_bricks, nz_bricks)]
    if row < 0:
        return -1
    axis = side // 2
    if axis == 0:
        u, v = y, z
    elif axis == 1:
        u, v = z, x
    else:
        u, v = x, y
    return page_texel[row, (v & 7) * BRICK + (u & 7)]


@njit(parallel=True, cache=True)
def _number_patches(rows, page_texel, patch, patch_count):
    """Patches of some pages: joined texels within blocks of 2, 4 and 8. patch [T, 3] gets their numbers within the
    page, OWN where a patch is one texel; a patch that is one of the level below has its number.
    """
    for i in prange(len(rows)):
        row = rows[i]
        label, number = np.empty(PAGE_TEXELS, np.uint8), np.empty(PAGE_TEXELS, np.int32)
        size, below = np.empty(PAGE_TEXELS, np.int64), np.ones(PAGE_TEXELS, np.int64)
        n = 0
        for level in range(1, LEVELS):
            for place in range(PAGE_TEXELS):
                label[place] = place  # of joined texels the smallest place among them
            inside = (1 << level) - 1
            changed = True
            while changed:
                changed = False
                for step in range(2 * PAGE_TEXELS):  # there and back, so that labels cross a page in one sweep
                    place = step if step < PAGE_TEXELS else 2 * PAGE_TEXELS - 1 - step
                    if page_texel[row, place] < 0:
                        continue
                    least = label[place]
                    u, v = place & 7, place >> 3
                    if u & inside and page_texel[row, place - 1] >= 0:
                        least = min(least, label[place - 1])
                    if (u + 1) & inside and page_texel[row, place + 1] >= 0:
                        least = min(least, label[place + 1])
                    if v & inside and page_texel[row, place - 8] >= 0:
                        least = min(least, label[place - 8])
                    if (v + 1) & inside and page_texel[row, place + 8] >= 0:
                        least = min(least, label[place + 8])
                    if least < label[place]:
                        label[place] = least
                        changed = True
            size[:] = 0
            for place in range(PAGE_TEXELS):
                size[label[place]] += 1
            for place in range(PAGE_TEXELS):
                t = page_texel[row, place]
                if t < 0:
                    continue
                if label[place] != place:
                    number[place] = number[label[place]]
                elif size[place] != below[place]:
                    number[place] = n
                    n += 1
                else:  # nothing joined it on this level
                    number[place] = patch[t, level - 2] if level > 1 else OWN
                patch[t, level - 1] = number[place]
            for place in range(PAGE_TEXELS):
                below[place] = size[label[place]]
        patch_count[row] = n


@njit(parallel=True, cache=True)
def _spots_of_patches(rows, page_texel, patch_first, patch_spot):
    """From numbers within the page to spots, in patch_spot [T, 3] at the texels of some pages."""
    for i in prange(len(rows)):
        for place in range(PAGE_TEXELS):
            t = page_texel[rows[i], place]
            if t >= 0:
                for level in range(LEVELS - 1):
                    patch = patch_spot[t, level]
                    patch_spot[t, level] = t if patch == OWN else len(patch_spot) + patch_first[rows[i]] + patch


@njit(cache=True)
def spot_of(t, level, patch_spot):
    """The spot that holds the light of texel t, or of its patch of a level above 0."""
    return patch_spot[t, level - 1] if level > 0 else t


@njit(cache=True)
def row_of_spot(spot, place, page_row, patch_row, ny_bricks, nz_bricks):
    """The page that a spot lies in."""
    n_texels = len(place)
    if spot >= n_texels:
        return patch_row[spot - n_texels]
    return page_row[page_key(place[spot, 0], place[spot, 1], place[spot, 2], place[spot, 3], ny_bricks, nz_bricks)]


@njit(cache=True)
def _steps_of_side(grid, side):
    """How far apart the faces of a side are in the flat grid, along u and v, and how far before them the voxel lies
    that must be air: three numbers. (An index that is no signed number is not asked each time whether it is below 0.)
    """
    _, ny, nz = grid.shape
    step = (ny * nz, nz, 1)
    axis = side // 2
    return step[(axis + 1) % 3], step[(axis + 2) % 3], step[axis] * (1 - 2 * (side % 2))


@njit(cache=True)
def _looks_out(grid, side, x, y, z):
    """Whether the neighbour of a voxel on a side lies beyond the border of the grid."""
    axis = side // 2
    c = x if axis == 0 else (y if axis == 1 else z)
    return c == (grid.shape[axis] - 1 if side % 2 == 0 else 0)


@njit(parallel=True, cache=True)
def exposed_faces(grid):
    """How many faces of each material are exposed: [256]."""
    nx, ny, nz = grid.shape
    flat, count = grid.reshape(-1), np.zeros((nx, 256), np.int64)
    for x in prange(nx):
        for y in range(ny):
            column = np.int64(x * ny + y) * nz
            for z in range(nz):
                at = np.uint64(column + z)
                if flat[at] == 0:
                    continue
                for side in range(6):
                    if not _looks_out(grid, side, np.int64(x), y, z):
                        count[x, flat[at]] += flat[np.uint64(column + z + _steps_of_side(grid, side)[2])] == 0
    return count.sum(0)


@njit(cache=True)
def _faces_of_page(grid, flat, bx, by, bz, side, layer, want):
    """Which faces of a page are exposed: want [64], and how many."""
    axis = side // 2
    x, y, z = bx * 8, by * 8, bz * 8
    if axis == 0:
        x += layer
    elif axis == 1:
        y += layer
    else:
        z += layer
    if _looks_out(grid, side, x, y, z):
        want[:] = 0
        return 0
    step_u, step_v, ahead = _steps_of_side(grid, side)
    corner, n = (x * grid.shape[1] + y) * grid.shape[2] + z, 0
    for v in range(8):
        for u in range(8):
            at = corner + u * step_u + v * step_v
            want[v * 8 + u] = flat[np.uint64(at)] != 0 and flat[np.uint64(at + ahead)] == 0
            n += want[v * 8 + u]
    return n


@njit(cache=True)
def _count_exposed(grid, bricks):
    """How many faces of some bricks [n, 3] are exposed, and on how many pages."""
    flat, want, faces, pages = grid.reshape(-1), np.zeros(PAGE_TEXELS, np.uint8), 0, 0
    for b in range(len(bricks)):
        for side in range(6):
            for layer in range(8):
                n = _faces_of_page(grid, flat, bricks[b, 0], bricks[b, 1], bricks[b, 2], side, layer, want)
                faces += n
                pages += n > 0
    return faces, pages


@njit(cache=True)
def _rebuild(grid, bricks, page_row, page_texel, page_key_of_row, place, free_texels, free_rows, fresh, gone, differs):
    """Bring the pages of some bricks in step with the grid. Texels whose face stays keep their number. `free_*` are
    stacks whose first entry is their height. Returns how many fresh texels were made and how many went (their
    numbers are in `fresh` and `gone`); differs [n_rows] is set for pages that gained or lost texels, all of
    them maybe.
    """
    ny_bricks, nz_bricks = grid.shape[1] >> 3, grid.shape[2] >> 3
    n_fresh, n_gone = 0, 0
    flat, want = grid.reshape(-1), np.zeros(PAGE_TEXELS, np.uint8)
    for b in range(len(bricks)):
        bx, by, bz = bricks[b, 0], bricks[b, 1], bricks[b, 2]
        brick_key = ((bx * ny_bricks + by) * nz_bricks + bz) * PAGES_PER_BRICK
        for side in range(6):
            axis = side // 2
            for layer in range(8):
                any_face = _faces_of_page(grid, flat, bx, by, bz, side, layer, want) > 0
                key = brick_key + side * 8 + layer
                row = page_row[key]
                if row < 0 and not any_face:
                    continue
                if row < 0:
                    row = free_rows[free_rows[0]]
                    free_rows[0] -= 1
                    page_row[key] = row
                    page_key_of_row[row] = key
                    page_texel[row, :] = -1
                for i in range(PAGE_TEXELS):
                    texel = page_texel[row, i]
                    if want[i] and texel < 0:
                        u, v = i & 7, i >> 3
                        if axis == 0:
                            x, y, z = bx * 8 + layer, by * 8 + u, bz * 8 + v
                        elif axis == 1:
                            x, y, z = bx * 8 + v, by * 8 + layer, bz * 8 + u
                        else:
                            x, y, z = bx * 8 + u, by * 8 + v, bz * 8 + layer
                        texel = free_texels[free_texels[0]]
                        free_texels[0] -= 1
                        place[texel, 0] = x
                        place[texel, 1] = y
                        place[texel, 2] = z
                        place[texel, 3] = side
                        page_texel[row, i] = texel
                        fresh[n_fresh] = texel
                        n_fresh += 1
                        differs[row] = True
                    elif not want[i] and texel >= 0:
                        place[texel, 3] = -1
                        gone[n_gone] = texel
                        n_gone += 1
                        free_texels[0] += 1
                        free_texels[free_texels[0]] = texel
                        page_texel[row, i] = -1
                        differs[row] = True
                if not any_face:
                    page_row[key] = -1
                    page_key_of_row[row] = -1
                    free_rows[0] += 1
                    free_rows[free_rows[0]] = row
    return n_fresh, n_gone


def _grown_stack(stack: NDArray[np.int32], old: int, new: int) -> NDArray[np.int32]:
    """A free stack that also holds the numbers old..new-1, the smallest on top."""
    height = int(stack[0])
    grown = np.zeros(new + 1, np.int32)
    grown[0] = height + new - old
    grown[1 : 1 + new - old] = np.arange(new - 1, old - 1, -1)
    grown[1 + new - old : 1 + new - old + height] = stack[1 : 1 + height]
    return grown


class Surface:
    """Texels and pages of a grid."""

    def __init__(self, voxels: Voxels, is_empty: bool = False) -> None:
        """Texels of all exposed faces; sizes of the grid are multiples of 8. If it `is_empty`, `rebuild` makes them."""
        grid = voxels.material
        self.n_bricks = tuple(n // BRICK for n in grid.shape)
        n_keys = int(np.prod(self.n_bricks)) * PAGES_PER_BRICK
        self.page_row = np.full(n_keys, -1, np.int32)  # [n_keys] key -> row of page_texel, -1 none
        self.page_texel = np.zeros((0, PAGE_TEXELS), np.int32)  # [n_pages, 64] texel by v * 8 + u, -1 none
        self.patch_count = np.zeros(0, np.uint8)  # [n_pages] patches of a page
        self.patch_first = np.zeros(0, np.int32)  # [n_pages] number of the first
        self.patch_row = np.zeros(0, np.int32)  # [U] page of each patch, -1 free
        self._n_patches = 0  # numbers given out so far
        self._free_patches: dict[int, list[int]] = {}  # by how many there are one after the other, the first of them
        self.page_key_of_row = np.zeros(0, np.int32)  # [n_pages] -1 free
        self.place = np.zeros((0, 4), np.int32)  # [T, 4] voxel x, y, z and side; side -1 = free
        self.patch_spot = np.zeros((0, LEVELS - 1), np.int32)  # [T, 3] spots of its patches of 2, 4 and 8 texels
        self._free_texels = np.zeros(1, np.int32)
        self._free_rows = np.zeros(1, np.int32)
        self.has_texels = np.zeros(self.n_bricks, np.bool_)  # [BX, BY, BZ]
        if not is_empty:
            self.rebuild(grid, np.argwhere(voxels.occupied).astype(np.int32))

    def make_room(self, grid: NDArray[np.uint8], bricks: NDArray[np.int32]) -> int:
        """Make room for all that some bricks [n, 3] may show; returns how many texels that is."""
        faces, pages = _count_exposed(grid, bricks)
        if self._free_texels[0] < faces:
            old = len(self.place)
            new = old + faces + (old + faces) // ROOM
            self.place = np.concatenate([self.place, np.full((new - old, 4), -1, np.int32)])
            self.patch_spot[self.patch_spot >= old] += new - old
            self.patch_spot = np.concatenate([self.patch_spot, np.zeros((new - old, LEVELS - 1), np.int32)])
            self._free_texels = _grown_stack(self._free_texels, old, new)
        if self._free_rows[0] < pages:
            old = len(self.page_texel)
            new = old + pages + (old + pages) // ROOM
            self.page_texel = np.concatenate([self.page_texel, np.full((new - old, PAGE_TEXELS), -1, np.int32)])
            self.patch_count = np.concatenate([self.patch_count, np.zeros(new - old, np.uint8)])
            self.patch_first = np.concatenate([self.patch_first, np.zeros(new - old, np.int32)])
            self.page_key_of_row = np.concatenate([self.page_key_of_row, np.full(new - old, -1, np.int32)])
            self._free_rows = _grown_stack(self._free_rows, old, new)
        return int(faces)

    def rebuild(
        self, grid: NDArray[np.uint8], bricks: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Bring some bricks [n, 3] in step with the grid; returns the numbers of the fresh texels and of those that
        went, and the rows of pages that gained or lost any.
        """
        faces = self.make_room(grid, bricks)
        fresh, differs = np.empty(max(faces, 1), np.int32), np.zeros(len(self.page_texel), np.bool_)
        gone = np.empty(max(self.n_texels, 1), np.int32)
        n, n_gone = _rebuild(
            grid, bricks, self.page_row, self.page_texel, self.page_key_of_row, self.place, self._free_texels,
                        self._free_rows, fresh, gone, differs,
        )  # fmt: skip
        key = np.ravel_multi_index(tuple(bricks.T), self.n_bricks)[:, None] * PAGES_PER_BRICK + np.arange(
            PAGES_PER_BRICK
        )
        self.has_texels[tuple(bricks.T)] = (self.page_row[key] >= 0).any(1)
        rows = np.flatnonzero(differs).astype(np.int32)
        self._lay_patches(rows)
        return fresh[:n].copy(), gone[:n_gone].copy(), rows

    def _lay_patches(self, rows: NDArray[np.int32]) -> None:
        """Number the patches of some pages anew."""
        for row in rows[self.patch_count[rows] > 0].tolist():
            start, n = int(self.patch_first[row]), int(self.patch_count[row])
            self._free_patches.setdefault(n, []).append(start)
            self.patch_row[start : start + n] = -1
        _number_patches(rows, self.page_texel, self.patch_spot, self.patch_count)
        counts = self.patch_count[rows].astype(np.int64)
        first = np.full(len(rows), -1, np.int64)
        if self._free_patches:
            for i, n in enumerate(counts.tolist()):
                if self._free_patches.get(n):
                    first[i] = self._free_patches[n].pop()
        fresh = first < 0
        ends = self._n_patches + np.cumsum(counts[fresh])
        first[fresh] = ends - counts[fresh]
        self._n_patches = int(ends[-1]) if len(ends) else self._n_patches
        if self._n_patches > len(self.patch_row):
            more = self._n_patches + self._n_patches // ROOM - len(self.patch_row)
            self.patch_row = np.concatenate([self.patch_row, np.full(more, -1, np.int32)])
        self.patch_first[rows] = first
        _spots_of_patches(rows, self.page_texel, self.patch_first, self.patch_spot)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        self.patch_row[np.repeat(first, counts) + within] = np.repeat(rows, counts)

    @property
    def n_spots(self) -> int:
        """Length of every per-spot array."""
        return self.capacity + len(self.patch_row)

    def side_of(self, spots: NDArray[np.int32]) -> NDArray[np.int32]:
        """The side that the surface at some spots looks to, -1 for spots below 0."""
        patch = self.patch_row[np.maximum(spots - self.capacity, 0)]
        of_patch = self.page_key_of_row[patch] % PAGES_PER_BRICK // BRICK
        of_texel = self.place[np.clip(spots, 0, self.capacity - 1), 3]
        return np.where(spots < 0, -1, np.where(spots >= self.capacity, of_patch, of_texel))

    def within(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int32]:
        """Numbers of the texels whose voxel's centre lies in one of the boxes low..high [n, 3] metres, growing."""
        found = [
            _texels_within(self.page_row, self.page_texel, self.place, self.n_bricks, a, b)
            for a, b in zip(low, high, strict=True)
        ]
        return np.unique(np.concatenate([np.zeros(0, np.int32), *found]))

    @property
    def n_texels(self) -> int:
        """How many texels are in use."""
        return len(self.place) - int(self._free_texels[0])

    @property
    def n_with_texels(self) -> int:
        """How many bricks have any texel."""
        return int(np.count_nonzero(self.has_texels))

    @property
    def capacity(self) -> int:
        """Length of every per-texel array."""
        return len(self.place)

    def alive(self) -> NDArray[np.int32]:
        """Numbers of all texels in use."""
        return np.flatnonzero(self.place[:, 3] >= 0).astype(np.int32)


@njit(cache=True)
def _texels_within(page_row, page_texel, place, n_bricks, low, high):
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        first[axis] = max(int(math.floor(low[axis] * 0.5)), 0)
        last[axis] = min(int(math.floor(high[axis] * 0.5)), n_bricks[axis] - 1)
    found = np.empty(256, np.int32)
    n = 0
    for bx in range(first[0], last[0] + 1):
        for by in range(first[1], last[1] + 1):
            for bz in range(first[2], last[2] + 1):
                key = ((bx * n_bricks[1] + by) * n_bricks[2] + bz) * PAGES_PER_BRICK
                for page in range(PAGES_PER_BRICK):
                    row = page_row[key + page]
                    if row < 0:
                        continue
                    for i in range(PAGE_TEXELS):
                        t = page_texel[row, i]
                        if t < 0:
                            continue
                        x, y, z = (place[t, 0] + 0.5) * 0.25, (place[t, 1] + 0.5) * 0.25, (place[t, 2] + 0.5) * 0.25
                        if low[0] <= x <= high[0] and low[1] <= y <= high[1] and low[2] <= z <= high[2]:
                            if n == len(found):
                                more = np.empty(2 * n, np.int32)
                                more[:n] = found
                                found = more
                            found[n] = t
                            n += 1
    return found[:n]


@njit(cache=True)
def face_centre(place, t, out):
    """Centre of texel t's face in metres into out[3], its outward normal's axis and sign returned."""
    side = place[t, 3]
    axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
    out[0] = (place[t, 0] + 0.5) * 0.25
    out[1] = (place[t, 1] + 0.5) * 0.25
    out[2] = (place[t, 2] + 0.5) * 0.25
    out[axis] += 0.125 * sign
    return axis, sign
