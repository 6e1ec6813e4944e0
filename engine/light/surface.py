"""The lit surface: one texel per exposed voxel face, kept in pages (faces.py).

Rays that hit a voxel find their texel through its page, and so does the picture: light is worked out once per texel,
for rays and camera alike. Faces on the very border of the grid look out of the world and have no texel.

Rays from afar read the mean of a *patch*, the joined texels of a block of 2, 4 or 8. A *spot* is where such light is
kept: spots 0..T-1 are the texels, behind them come the patches, those of a page one after the other. A patch that is no
more than a texel, or than a patch of a smaller block, has no spot of its own.
"""

import math
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light.compiled import leaf
from engine.light.distinct import each_once
from engine.light.faces import PAGE_TEXELS, PAGES_PER_BRICK, Faces, count_bits, row_of, texels_of
from engine.light.trace import Voxels

LEVELS = 4  # widths of patches: 1, 2, 4 and 8 texels
OWN = -1  # number of a patch that is one texel
ROOM = 32  # tables grow by one part in so many more than they must, so that the next edit does not copy everything


@leaf
def _spread_out(faces, row, texel):
    """The texels of a page at their places: texel [64], left alone where there is none."""
    at, bits = faces.first[row], faces.bits[row]
    for place in range(PAGE_TEXELS):
        if bits >> np.uint64(place) & np.uint64(1):
            texel[place] = faces.texel[at]
            at += 1


@njit(parallel=True, cache=True)
def _number_patches(rows, faces, patch, patch_count):
    """Patches of some pages: joined texels within blocks of 2, 4 and 8. patch [T, 3] gets their numbers within the
    page, OWN where a patch is one texel; a patch that is one of the level below has its number.
    """
    for i in prange(len(rows)):
        texel = np.full(PAGE_TEXELS, -1, np.int32)
        _spread_out(faces, rows[i], texel)
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
                    if texel[place] < 0:
                        continue
                    least = label[place]
                    u, v = place & 7, place >> 3
                    if u & inside and texel[place - 1] >= 0:
                        least = min(least, label[place - 1])
                    if (u + 1) & inside and texel[place + 1] >= 0:
                        least = min(least, label[place + 1])
                    if v & inside and texel[place - 8] >= 0:
                        least = min(least, label[place - 8])
                    if (v + 1) & inside and texel[place + 8] >= 0:
                        least = min(least, label[place + 8])
                    if least < label[place]:
                        label[place] = least
                        changed = True
            size[:] = 0
            for place in range(PAGE_TEXELS):
                size[label[place]] += 1
            for place in range(PAGE_TEXELS):
                t = texel[place]
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
        patch_count[rows[i]] = n


@njit(parallel=True, cache=True)
def _spots_of_patches(rows, faces, patch_first, patch_spot):
    """From numbers within the page to spots, in patch_spot [T, 3] at the texels of some pages."""
    for i in prange(len(rows)):
        first, last = texels_of(faces, rows[i])
        for t in faces.texel[first:last]:
            for level in range(LEVELS - 1):
                patch = patch_spot[t, level]
                patch_spot[t, level] = t if patch == OWN else len(patch_spot) + patch_first[rows[i]] + patch


@leaf
def spot_of(t, level, patch_spot):
    """The spot that holds the light of texel t, or of its patch of a level above 0."""
    return patch_spot[t, level - 1] if level > 0 else t


@leaf
def _steps_of_side(grid, side):
    """How far apart the faces of a side are in the flat grid, along u and v, and how far before them the voxel lies
    that must be air: three numbers. (An index that is no signed number is not asked each time whether it is below 0.)
    """
    _, ny, nz = grid.shape
    step = (ny * nz, nz, 1)
    axis = side // 2
    return step[(axis + 1) % 3], step[(axis + 2) % 3], step[axis] * (1 - 2 * (side % 2))


@leaf
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


@leaf
def _faces_of_page(grid, flat, bx, by, bz, side, layer):
    """Which faces of a page are exposed, as bits."""
    axis = side // 2
    x, y, z = bx * 8, by * 8, bz * 8
    if axis == 0:
        x += layer
    elif axis == 1:
        y += layer
    else:
        z += layer
    want = np.uint64(0)
    if _looks_out(grid, side, x, y, z):
        return want
    step_u, step_v, ahead = _steps_of_side(grid, side)
    corner = (x * grid.shape[1] + y) * grid.shape[2] + z
    for v in range(8):
        for u in range(8):
            at = corner + u * step_u + v * step_v
            if flat[np.uint64(at)] != 0 and flat[np.uint64(at + ahead)] == 0:
                want |= np.uint64(1) << np.uint64(v * 8 + u)
    return want


@leaf
def _count_exposed(grid, bricks):
    """How many faces of some bricks [n, 3] are exposed, and on how many pages."""
    flat, n_faces, n_pages = grid.reshape(-1), 0, 0
    for b in range(len(bricks)):
        for side in range(6):
            for layer in range(8):
                n = count_bits(_faces_of_page(grid, flat, bricks[b, 0], bricks[b, 1], bricks[b, 2], side, layer))
                n_faces += n
                n_pages += n > 0
    return n_faces, n_pages


@njit(cache=True)
def _rebuild(grid, bricks, faces, used, page_key_of_row, place, free, fresh, gone, differs):
    """Bring the pages of some bricks in step with the grid. Texels whose face stays keep their number. `free` are the
    free texels, rows and blocks, stacks whose first entry is their height; `used` how much of `Faces.texel` is.
    Returns how many fresh texels were made and how many went (their numbers are in `fresh` and `gone`), and how much
    is used now; differs [n_pages] is set for pages that gained or lost texels, all of them maybe.
    """
    free_texels, free_rows, free_blocks = free
    ny_bricks, nz_bricks = grid.shape[1] >> 3, grid.shape[2] >> 3
    n_fresh, n_gone, one = 0, 0, np.uint64(1)
    flat, texel = grid.reshape(-1), np.empty(PAGE_TEXELS, np.int32)
    for b in range(len(bricks)):
        bx, by, bz = bricks[b, 0], bricks[b, 1], bricks[b, 2]
        brick = (bx * ny_bricks + by) * nz_bricks + bz
        for page in range(PAGES_PER_BRICK):
            side, layer = page // BRICK, page % BRICK
            axis = side // 2
            key = brick * PAGES_PER_BRICK + page
            want, row = _faces_of_page(grid, flat, bx, by, bz, side, layer), row_of(faces, key)
            if row < 0 and want == 0 or row >= 0 and want == faces.bits[row]:
                continue
            if faces.block[brick] < 0:
                faces.block[brick] = free_blocks[free_blocks[0]]
                free_blocks[0] -= 1
                faces.row[faces.block[brick]] = -1
            if row < 0:
                row = free_rows[free_rows[0]]
                free_rows[0] -= 1
                faces.row[faces.block[brick], page] = row
                page_key_of_row[row] = key
                faces.bits[row] = 0
            before, differs[row], n = faces.bits[row], True, 0
            _spread_out(faces, row, texel)
            for i in range(PAGE_TEXELS):
                bit = one << np.uint64(i)
                if before & bit and not want & bit:
                    place[texel[i], 3] = -1
                    gone[n_gone] = texel[i]
                    n_gone += 1
                    free_texels[0] += 1
                    free_texels[free_texels[0]] = texel[i]
            if count_bits(want) > count_bits(before):
                faces.first[row] = used
                used += count_bits(want)
            faces.bits[row] = want
            for i in range(PAGE_TEXELS):
                bit = one << np.uint64(i)
                if not want & bit:
                    continue
                if not before & bit:
                    u, v = i & 7, i >> 3
                    if axis == 0:
                        x, y, z = bx * 8 + layer, by * 8 + u, bz * 8 + v
                    elif axis == 1:
                        x, y, z = bx * 8 + v, by * 8 + layer, bz * 8 + u
                    else:
                        x, y, z = bx * 8 + u, by * 8 + v, bz * 8 + layer
                    t = free_texels[free_texels[0]]
                    free_texels[0] -= 1
                    place[t, 0], place[t, 1], place[t, 2], place[t, 3] = x, y, z, side
                    texel[i] = fresh[n_fresh] = t
                    n_fresh += 1
                faces.texel[faces.first[row] + n] = texel[i]
                n += 1
            if n == 0:
                faces.row[faces.block[brick], page] = -1
                page_key_of_row[row] = -1
                free_rows[0] += 1
                free_rows[free_rows[0]] = row
        block = faces.block[brick]
        if block >= 0 and faces.row[block].max() < 0:
            faces.block[brick] = -1
            free_blocks[0] += 1
            free_blocks[free_blocks[0]] = block
    return n_fresh, n_gone, used


def _grown_stack(stack: NDArray[np.int32], old: int, new: int) -> NDArray[np.int32]:
    """A free stack that also holds the numbers old..new-1, the smallest on top."""
    height = int(stack[0])
    grown = np.zeros(1 + height + new - old, np.int32)
    grown[0] = height + new - old
    grown[1 : 1 + new - old] = np.arange(new - 1, old - 1, -1)
    grown[1 + new - old :] = stack[1 : 1 + height]
    return grown


def _with_room(stack: NDArray[np.int32], more: int) -> NDArray[np.int32]:
    """A free stack with room for some more numbers, and not for many more than that."""
    size = 1 + int(stack[0]) + more
    if size <= len(stack) <= 2 * size:
        return stack
    return np.concatenate([stack[: 1 + stack[0]], np.zeros(more, np.int32)])


class Surface:
    """Texels and pages of a grid."""

    def __init__(self, voxels: Voxels, is_empty: bool = False) -> None:
        """Texels of all exposed faces; sizes of the grid are multiples of 8. If it `is_empty`, `rebuild` makes them."""
        grid, none = voxels.material, np.zeros(0, np.int32)
        self.n_bricks = tuple(n // BRICK for n in grid.shape)
        n = int(np.prod(self.n_bricks))
        blocks = np.zeros((0, PAGES_PER_BRICK), np.int32)
        self.faces = Faces(np.full(n, -1, np.int32), blocks, np.zeros(0, np.uint64), none, none)
        self._used = 0  # of `Faces.texel`
        self.patch_count = np.zeros(0, np.uint8)  # [n_pages] patches of a page
        self.patch_first = np.zeros(0, np.int32)  # [n_pages] number of the first
        self._n_patches = 0  # numbers given out so far
        self._patch_room = 0  # and how many there is room for
        self._free_patches: dict[int, list[int]] = {}  # by how many there are one after the other, the first of them
        self.page_key_of_row = np.zeros(0, np.int32)  # [n_pages] -1 free
        self.place = np.zeros((0, 4), np.int16)  # [T, 4] voxel x, y, z and side; side -1 = free
        self.patch_spot = np.zeros((0, LEVELS - 1), np.int32)  # [T, 3] spots of its patches of 2, 4 and 8 texels
        self._free_texels, self._free_rows, self._free_blocks = (np.zeros(1, np.int32) for _ in range(3))
        self.has_texels = np.zeros(self.n_bricks, np.bool_)  # [BX, BY, BZ]
        if not is_empty:
            self.rebuild(grid, np.argwhere(voxels.occupied).astype(np.int32))

    def make_room(self, grid: NDArray[np.uint8], bricks: NDArray[np.int32]) -> int:
        """Make room for all that some bricks [n, 3] may show; returns how many texels that is."""
        n_faces, n_pages = _count_exposed(grid, bricks)
        if self._free_texels[0] < n_faces:
            old = len(self.place)
            new = old + n_faces + (old + n_faces) // ROOM
            self.place = np.concatenate([self.place, np.full((new - old, 4), -1, np.int16)])
            self.patch_spot[self.patch_spot >= old] += new - old
            self.patch_spot = np.concatenate([self.patch_spot, np.zeros((new - old, LEVELS - 1), np.int32)])
            self._free_texels = _grown_stack(self._free_texels, old, new)
        if self._free_rows[0] < n_pages:
            old = len(self.page_key_of_row)
            new = old + n_pages + (old + n_pages) // ROOM
            none = np.zeros(new - old, np.int32)
            bits, first = (np.concatenate([a, none.astype(a.dtype)]) for a in self.faces[2:4])
            self.faces = self.faces._replace(bits=bits, first=first)
            self.patch_count = np.concatenate([self.patch_count, none.astype(np.uint8)])
            self.patch_first = np.concatenate([self.patch_first, none])
            self.page_key_of_row = np.concatenate([self.page_key_of_row, none - 1])
            self._free_rows = _grown_stack(self._free_rows, old, new)
        if self._free_blocks[0] < len(bricks):
            old = len(self.faces.row)
            new = old + len(bricks) + (old + len(bricks)) // ROOM
            more = np.full((new - old, PAGES_PER_BRICK), -1, np.int32)
            self.faces = self.faces._replace(row=np.concatenate([self.faces.row, more]))
            self._free_blocks = _grown_stack(self._free_blocks, old, new)
        if self._used + n_faces > len(self.faces.texel):
            self._lay_out_afresh(n_faces)
        return int(n_faces)

    def _lay_out_afresh(self, more: int) -> None:
        """Lay the lists of texels one after the other again, with room for more: those that grew left holes."""
        rows = np.flatnonzero(self.page_key_of_row >= 0)
        count = np.bitwise_count(self.faces.bits[rows]).astype(np.int64)
        ends = np.cumsum(count)
        within = np.arange(count.sum()) - np.repeat(ends - count, count)
        self._used = int(count.sum())
        texel = np.zeros(self._used + more + (self._used + more) // ROOM, np.int32)
        texel[: self._used] = self.faces.texel[np.repeat(self.faces.first[rows], count) + within]
        self.faces.first[rows] = ends - count
        self.faces = self.faces._replace(texel=texel)

    def rebuild(
        self, grid: NDArray[np.uint8], bricks: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Bring some bricks [n, 3] in step with the grid; returns the numbers of the fresh texels and of those that
        went, and the rows of pages that gained or lost any.
        """
        n_faces = self.make_room(grid, bricks)
        flat = np.ravel_multi_index(tuple(bricks.T), self.n_bricks)
        keys = flat[:, None] * PAGES_PER_BRICK + np.arange(PAGES_PER_BRICK)
        rows = self.rows_of(keys.reshape(-1))
        rows = rows[rows >= 0]
        n_there = int(np.bitwise_count(self.faces.bits[rows]).sum())
        self._free_texels = _with_room(self._free_texels, n_there)
        self._free_rows = _with_room(self._free_rows, len(rows))
        self._free_blocks = _with_room(self._free_blocks, len(bricks))
        fresh, gone = np.empty(max(n_faces, 1), np.int32), np.empty(max(n_there, 1), np.int32)
        differs = np.zeros(len(self.page_key_of_row), np.bool_)
        free = (self._free_texels, self._free_rows, self._free_blocks)
        n, n_gone, self._used = _rebuild(
            grid, bricks, self.faces, self._used, self.page_key_of_row, self.place, free, fresh, gone, differs
        )
        self._free_texels, self._free_rows = _with_room(self._free_texels, 0), _with_room(self._free_rows, 0)
        self.has_texels[tuple(bricks.T)] = self.faces.block[flat] >= 0
        rows = np.flatnonzero(differs).astype(np.int32)
        self._lay_patches(rows)
        return fresh[:n].copy(), gone[:n_gone].copy(), rows

    def rows_of(self, keys: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """Rows of some pages [n], -1 where a page shows nothing."""
        rows = self.faces.row
        if not len(rows):
            return np.full(len(keys), -1, np.int32)
        block = self.faces.block[keys // PAGES_PER_BRICK]
        return np.where(block >= 0, rows[block, keys % PAGES_PER_BRICK], np.int32(-1))

    def keys(self) -> NDArray[np.int32]:
        """Keys of all pages that show anything, growing."""
        return np.sort(self.page_key_of_row[self.page_key_of_row >= 0])

    def page(self, row: int) -> NDArray[np.int32]:
        """The texels of a page [64] by v * 8 + u, -1 none."""
        texel = np.full(PAGE_TEXELS, -1, np.int32)
        _spread_out(self.faces, row, texel)
        return texel

    def _lay_patches(self, rows: NDArray[np.int32]) -> None:
        """Number the patches of some pages anew."""
        for row in rows[self.patch_count[rows] > 0].tolist():
            start, n = int(self.patch_first[row]), int(self.patch_count[row])
            self._free_patches.setdefault(n, []).append(start)
        _number_patches(rows, self.faces, self.patch_spot, self.patch_count)
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
        if self._n_patches > self._patch_room:
            self._patch_room = self._n_patches + self._n_patches // ROOM
        self.patch_first[rows] = first
        _spots_of_patches(rows, self.faces, self.patch_first, self.patch_spot)

    @property
    def n_spots(self) -> int:
        """Length of every per-spot array."""
        return self.capacity + self._patch_room

    def within(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int32]:
        """Numbers of the texels whose voxel's centre lies in one of the boxes low..high [n, 3] metres, growing."""
        found = [_texels_within(self.faces, self.place, self.n_bricks, a, b) for a, b in zip(low, high, strict=True)]
        return each_once(np.zeros(0, np.int32), *found)

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
def _texels_within(faces, place, n_bricks, low, high):
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
                    row = row_of(faces, key + page)
                    if row < 0:
                        continue
                    of_page = texels_of(faces, row)
                    for t in faces.texel[of_page[0] : of_page[1]]:
                        x, y, z = (place[t, 0] + 0.5) * 0.25, (place[t, 1] + 0.5) * 0.25, (place[t, 2] + 0.5) * 0.25
                        if low[0] <= x <= high[0] and low[1] <= y <= high[1] and low[2] <= z <= high[2]:
                            if n == len(found):
                                more = np.empty(2 * n, np.int32)
                                more[:n] = found
                                found = more
                            found[n] = t
                            n += 1
    return found[:n]


@leaf
def face_centre(place, t, out):
    """Centre of texel t's face in metres into out[3], its outward normal's axis and sign returned."""
    side = place[t, 3]
    axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
    out[0] = (place[t, 0] + 0.5) * 0.25
    out[1] = (place[t, 1] + 0.5) * 0.25
    out[2] = (place[t, 2] + 0.5) * 0.25
    out[axis] += 0.125 * sign
    return axis, sign
