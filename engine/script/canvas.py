"""The voxels of a large world while its file is read.

Shapes follow one another closely in one place: a house is forty boxes. So the land around the last ones lies open in
sheets, plain arrays that are written as fast as those of a small world, and goes back to the bricks when the shapes
have moved on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.state.bricks import UNIFORM, Bricks, Key, hashes_of, words_by_brick, words_of

U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
Cut = tuple[slice, slice, slice]
Voxel = tuple[int, int, int]
Box = tuple[int, int, int, int, int, int]  # low x y z, high x y z, exclusive

EDGE_BRICKS = 16  # of a sheet, along x and y; it is as high as the world
EDGE = EDGE_BRICKS * BRICK
MOST_OPEN = 4  # sheets: a house stands on so many where four of them meet
WORD = np.uint64(0x0101010101010101)  # eight voxels of material 1
LARGE = 1 << 18  # voxels: larger boxes are written to the bricks at once


@dataclass(frozen=True)
class _Sheet:
    voxels: U8  # [EDGE, EDGE, Z]
    known: Bool  # [EDGE/8, EDGE/8, Z/8] bricks that were read, and may have been written
    boxes: set[Box] = field(default_factory=set)  # of bricks that are all known: most are asked for again and again

    @cached_property
    def words(self) -> U64:
        return words_by_brick(self.voxels)


class Canvas(Bricks):
    """Bricks that are written and read by boxes. What else Bricks can do is right after `finished`, on its result."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(shape)
        self._sheets: dict[tuple[int, int], _Sheet] = {}  # by place, the one that was used last at the end
        self._spare: list[_Sheet] = []  # closed: new memory costs more than what is done in it
        self._rows_by_hash: dict[int, int] = {}  # of what rows held when they were written

    def finished(self) -> Bricks:
        """What was written, frozen."""
        for at in tuple(self._sheets):
            self._put_back(at)
        self.freeze()
        return self.copy()

    def pieces(self, window: Cut) -> Iterator[tuple[Cut, U8]]:
        """A box in the grid, cut where sheets meet: each piece and its voxels, a view to be written before the next
        piece is asked for.
        """
        x, y, z = window
        for inside, part, sheet in self._cut([x.start, y.start, z.start], [x.stop, y.stop, z.stop]):
            at = tuple(slice(s.start + w.start, s.stop + w.start) for s, w in zip(part, window, strict=True))
            yield (at[0], at[1], at[2]), sheet.voxels[inside]

    def fill(self, low: Voxel, high: Voxel, material: int) -> None:
        """Writes the part of a box low..high that lies in the grid: what is done most, so without detours."""
        (ax, ay, az), (bx, by, bz), (nx, ny, nz) = low, high, self.shape
        ax, ay, az, bx, by, bz = max(ax, 0), max(ay, 0), max(az, 0), min(bx, nx), min(by, ny), min(bz, nz)
        dx, dy, dz = bx - ax, by - ay, bz - az
        if dx <= 0 or dy <= 0 or dz <= 0:
            return
        i, j = ax // EDGE, ay // EDGE
        x, y = ax - i * EDGE, ay - j * EDGE
        if x + dx > EDGE or y + dy > EDGE or dx * dy * dz > LARGE:
            self[ax:bx, ay:by, az:bz] = material
            return
        sheet = self._open((i, j), (x >> 3, y >> 3, az >> 3, (x + dx + 7) >> 3, (y + dy + 7) >> 3, (bz + 7) >> 3))
        sheet.voxels[x : x + dx, y : y + dy, az:bz] = material

    def __getitem__(self, key: Key) -> U8:
        low, high = self._box(key)
        if self._is_for_bricks(low, high):
            return super().__getitem__(key)
        out: U8 = np.empty([max(b - a, 0) for a, b in zip(low, high, strict=True)], np.uint8)
        for inside, part, sheet in self._cut(low, high):
            out[part] = sheet.voxels[inside]
        return out

    def __setitem__(self, key: Key, value: U8 | int) -> None:
        low, high = self._box(key)
        if self._is_for_bricks(low, high):
            super().__setitem__(key, value)
            return
        one_for_all = isinstance(value, int | np.integer)
        for inside, part, sheet in self._cut(low, high):
            sheet.voxels[inside] = value if one_for_all else value[part]  # type: ignore[index]

    def _is_for_bricks(self, low: list[int], high: list[int]) -> bool:
        """Whether a box is better read or written in the bricks; if so, all of it has been put back there."""
        (ax, ay, az), (bx, by, bz) = low, high
        sheets = ((bx - 1) // EDGE - ax // EDGE + 1) * ((by - 1) // EDGE - ay // EDGE + 1)
        if sheets <= MOST_OPEN and (bx - ax) * (by - ay) * (bz - az) <= LARGE:
            return False
        for i, j in tuple(self._sheets):
            if ax < (i + 1) * EDGE and i * EDGE < bx and ay < (j + 1) * EDGE and j * EDGE < by:
                self._put_back((i, j))
        return True

    def _cut(self, low: list[int], high: list[int]) -> Iterator[tuple[Cut, Cut, _Sheet]]:
        """A box sheet by sheet: where it lies in the sheet, and what of the box that is."""
        (ax, ay, az), (bx, by, bz) = low, high
        if ax >= bx or ay >= by or az >= bz:
            return
        for i in range(ax // EDGE, (bx - 1) // EDGE + 1):
            left, x0, x1 = i * EDGE, max(ax - i * EDGE, 0), min(bx - i * EDGE, EDGE)
            for j in range(ay // EDGE, (by - 1) // EDGE + 1):
                near, y0, y1 = j * EDGE, max(ay - j * EDGE, 0), min(by - j * EDGE, EDGE)
                sheet = self._open((i, j), (x0 >> 3, y0 >> 3, az >> 3, (x1 + 7) >> 3, (y1 + 7) >> 3, (bz + 7) >> 3))
                part = slice(x0 + left - ax, x1 + left - ax), slice(y0 + near - ay, y1 + near - ay), slice(0, bz - az)
                yield (slice(x0, x1), slice(y0, y1), slice(az, bz)), part, sheet

    def _open(self, at: tuple[int, int], box: Box) -> _Sheet:
        """A sheet in which a box of bricks is known; at most MOST_OPEN stay open."""
        sheet = self._sheets.pop(at, None)
        if sheet is None:
            if len(self._sheets) >= MOST_OPEN:
                self._put_back(next(iter(self._sheets)))
            sheet = self._spare.pop() if self._spare else self._new_sheet()
        self._sheets[at] = sheet
        if box not in sheet.boxes:
            sheet.boxes.add(box)
            x0, y0, z0, x1, y1, z1 = box
            known = sheet.known[x0:x1, y0:y1, z0:z1]
            missing = ~known
            rows = self._rows_at(at)[x0:x1, y0:y1, z0:z1][missing]
            if len(rows):
                if rows.max() < UNIFORM:  # as air is
                    words = (rows.astype(np.uint64) * WORD)[:, None, None]
                else:
                    words = words_of(self._blocks(rows)).reshape(-1, BRICK, BRICK)
                sheet.words[x0:x1, y0:y1, z0:z1][missing] = words
                known[:] = True
        return sheet

    def _rows_for(self, blocks: U8, shown: I64) -> I32:
        """As of Bricks, but what a row holds already is not kept again: of a village's bricks a quarter is left."""
        n, words = len(self._shared), words_of(blocks)
        hashes = hashes_of(words).tolist()
        rows = np.array([self._rows_by_hash.get(value, -1) for value in hashes], np.int32)
        known = np.flatnonzero(rows >= 0)
        own = rows[known] - n
        is_there = (self._shown[own] > 0) & (words_of(self._own[own]) == words[known]).all(1)  # nor written since
        np.add.at(self._shown, own[is_there], shown[known[is_there]])
        rows[known[~is_there]] = -1
        missing = np.flatnonzero(rows < 0)
        rows[missing] = super()._rows_for(blocks[missing], shown[missing])
        self._rows_by_hash.update((hashes[i], int(rows[i])) for i in missing if rows[i] >= n)
        return rows

    def _new_sheet(self) -> _Sheet:
        z = self.shape[2]
        return _Sheet(np.empty((EDGE, EDGE, z), np.uint8), np.zeros((EDGE_BRICKS, EDGE_BRICKS, z // BRICK), np.bool_))

    def _put_back(self, at: tuple[int, int]) -> None:
        """Closes a sheet. What was known was mostly written, so nobody looks whether it was."""
        sheet, rows = self._sheets.pop(at), self._rows_at(at)
        known = sheet.known[: rows.shape[0], : rows.shape[1]]
        blocks = sheet.words[: rows.shape[0], : rows.shape[1]][known].view(np.uint8).reshape(-1, BRICK, BRICK, BRICK)
        self._release(rows[known])
        rows[known] = self._rows_for(blocks, np.ones(len(blocks), np.int64))
        sheet.known[:] = False
        sheet.boxes.clear()
        self._spare.append(sheet)

    def _rows_at(self, at: tuple[int, int]) -> I32:
        """The table below a sheet, a view; smaller where the world ends within it."""
        x, y = at[0] * EDGE_BRICKS, at[1] * EDGE_BRICKS
        return self._row[x : x + EDGE_BRICKS, y : y + EDGE_BRICKS]


Drawing = U8 | Canvas  # [X, Y, Z] a grid while its file is read
