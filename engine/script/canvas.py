"""The voxels of a large world while its file is read.

Shapes follow one another closely in one place: a house is forty boxes. So the land around the last ones lies open in
sheets, plain arrays that are written as fast as those of a small world, and goes back to the bricks when the shapes
have moved on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.state.bricks import Bricks, Key

U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]
Cut = tuple[slice, ...]

EDGE_BRICKS = 16  # of a sheet, along x and y; it is as high as the world
EDGE = EDGE_BRICKS * BRICK
MOST_OPEN = 4  # sheets: a house stands on so many where four of them meet
LARGE = 1 << 18  # voxels: larger boxes are written to the bricks at once


@dataclass(frozen=True)
class _Sheet:
    voxels: U8  # [EDGE, EDGE, Z]
    known: Bool  # [EDGE/8, EDGE/8, Z/8] bricks that were read
    drawn: Bool  # [EDGE/8, EDGE/8, Z/8] bricks that may have been written

    @property
    def blocks(self) -> U8:
        """The voxels by brick [EDGE/8, EDGE/8, Z/8, 8, 8, 8]; a view."""
        x, y, z = self.known.shape
        return self.voxels.reshape(x, BRICK, y, BRICK, z, BRICK).transpose(0, 2, 4, 1, 3, 5)


class Canvas(Bricks):
    """Bricks that are written and read by boxes. What else Bricks can do is right after `finished`, on its result."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(shape)
        self._sheets: dict[tuple[int, int], _Sheet] = {}  # by place, the one that was used last at the end
        self._spare: list[_Sheet] = []  # closed: new memory costs more than what is done in it

    def finished(self) -> Bricks:
        """What was written, frozen."""
        for at in tuple(self._sheets):
            self._put_back(at)
        self.freeze()
        return self.copy()

    def __getitem__(self, key: Key) -> U8:
        low, high = self._box(key)
        parts = self._parts_of(low, high)
        if parts is None:
            return super().__getitem__(key)
        out: U8 = np.empty([max(b - a, 0) for a, b in zip(low, high, strict=True)], np.uint8)
        for sheet, inside, part, _ in parts:
            out[part] = sheet.voxels[inside]
        return out

    def __setitem__(self, key: Key, value: U8 | int) -> None:
        low, high = self._box(key)
        parts = self._parts_of(low, high)
        if parts is None:
            super().__setitem__(key, value)
            return
        one_for_all = isinstance(value, int | np.integer)
        for sheet, inside, part, bricks in parts:
            sheet.voxels[inside] = value if one_for_all else value[part]  # type: ignore[index]
            sheet.drawn[bricks] = True

    def _parts_of(self, low: list[int], high: list[int]) -> list[tuple[_Sheet, Cut, Cut, Cut]] | None:
        """A box sheet by sheet: where it lies in the sheet, what of the box that is, and the sheet's bricks in it. None
        for one that is better read or written in the bricks, where all of it is put back then.
        """
        (ax, ay, az), (bx, by, bz) = low, high
        if ax >= bx or ay >= by or az >= bz:
            return []
        xs, ys = range(ax // EDGE, (bx - 1) // EDGE + 1), range(ay // EDGE, (by - 1) // EDGE + 1)
        if len(xs) * len(ys) > MOST_OPEN or (bx - ax) * (by - ay) * (bz - az) > LARGE:
            for at in tuple(self._sheets):
                if at[0] in xs and at[1] in ys:
                    self._put_back(at)
            return None
        parts: list[tuple[_Sheet, Cut, Cut, Cut]] = []
        z, bricks_z = slice(az, bz), slice(az >> 3, ((bz - 1) >> 3) + 1)
        for i in xs:
            left, x0, x1 = i * EDGE, max(ax - i * EDGE, 0), min(bx - i * EDGE, EDGE)
            for j in ys:
                near, y0, y1 = j * EDGE, max(ay - j * EDGE, 0), min(by - j * EDGE, EDGE)
                bricks = slice(x0 >> 3, ((x1 - 1) >> 3) + 1), slice(y0 >> 3, ((y1 - 1) >> 3) + 1), bricks_z
                part = slice(x0 + left - ax, x1 + left - ax), slice(y0 + near - ay, y1 + near - ay)
                parts.append((self._open((i, j), bricks), (slice(x0, x1), slice(y0, y1), z), part, bricks))
        return parts

    def _open(self, at: tuple[int, int], bricks: Cut) -> _Sheet:
        """A sheet in which some bricks are known; at most MOST_OPEN stay open."""
        sheet = self._sheets.pop(at, None)
        if sheet is None:
            if len(self._sheets) >= MOST_OPEN:
                self._put_back(next(iter(self._sheets)))
            sheet = self._spare.pop() if self._spare else self._new_sheet()
        self._sheets[at] = sheet
        known = sheet.known[bricks]
        if not known.all():
            x, y, z = (n + s.start for n, s in zip(np.nonzero(~known), bricks, strict=True))
            sheet.blocks[x, y, z] = self._blocks(self._row[x + at[0] * EDGE_BRICKS, y + at[1] * EDGE_BRICKS, z])
            known[:] = True
        return sheet

    def _new_sheet(self) -> _Sheet:
        z = self.shape[2]
        shape = EDGE_BRICKS, EDGE_BRICKS, z // BRICK
        return _Sheet(np.empty((EDGE, EDGE, z), np.uint8), np.zeros(shape, np.bool_), np.zeros(shape, np.bool_))

    def _put_back(self, at: tuple[int, int]) -> None:
        sheet = self._sheets.pop(at)
        x, y, z = np.nonzero(sheet.drawn)
        if len(x):
            self._show((x + at[0] * EDGE_BRICKS, y + at[1] * EDGE_BRICKS, z), sheet.blocks[x, y, z])
        sheet.known[:] = sheet.drawn[:] = False
        self._spare.append(sheet)
