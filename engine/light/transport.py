"""Transport: all that light needs to know of geometry, and how it follows a change of voxels.

Texels with the rays that light bounces along, and probes. What a change dirties, with `box` the voxels that differ:

- texels that are new, or belong to voxels that are others;
- rays of texels that cross the box: traced again when light is asked for (bounces.py);
- probes of cells whose candidates can see the box: placed again; rays of those that move, or of which one crosses the
  box, are forgotten (probes.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.light.bounces import BounceRays
from engine.light.distinct import each_once
from engine.light.gaps import follow_gaps
from engine.light.probes import CELL_VOXELS, NEAR_VOXELS, Probes
from engine.light.surface import Surface
from engine.light.trace import Voxels, voxels_of
from engine.view import VoxelView

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
Ints = NDArray[np.signedinteger[Any]]  # brick and voxel coordinates as numpy hands them out
Bool = NDArray[np.bool_]

BOX_MARGIN_M = 2e-3  # rays that graze a changed box count as crossing it
TRACED_PASSES = 9  # to trace the rays of all texels costs as much as so many passes (town: 1.17 s of .126)
PLACE_PASSES = 4  # to find the surface costs as much as so many passes of a relight, and to place probes too
MOST_BOXES = 512  # of a change that is followed: more cost more to test than everything does
FEW_BOXES = 192  # so many are not worth to be put together
DENSE = 0.5  # part of a box that boxes fill, from which on it costs less to test than these do


@dataclass(frozen=True)
class Change:
    """What a change of voxels did."""

    low: F64  # [n, 3] metres: boxes of the voxels that differ, a little widened
    high: F64  # [n, 3]
    fresh: I32  # [f] texels that are new (their numbers may have belonged to others before)
    gone: I32  # [g] numbers of texels that went (some may be among the fresh)
    texels: I32  # [n] that are new or other voxels'
    rows: I32  # [n] pages that gained or lost texels
    bricks: int  # in which texels are new or other voxels'


def change_of_boxes(low: F64, high: F64) -> Change:
    """A change that only texels' rays notice: things came or went in boxes low..high [n, 3] metres."""
    none = np.zeros(0, np.int32)
    return Change(low - BOX_MARGIN_M, high + BOX_MARGIN_M, none, none, none, none, 0)


class Transport:
    """The geometry side of light, kept in step with a voxel grid."""

    def __init__(self, voxels: VoxelView, most_bricks: int | None = None) -> None:
        """Trace everything; the grid is copied, so that later changes can be told voxel by voxel.

        With `most_bricks` nothing is there yet: `making` does it in parts.
        """
        self.grid = np.ascontiguousarray(voxels.material).copy()  # [X, Y, Z] what has been read so far
        self._stamp = voxels.stamp.copy()
        self.origin = voxels.origin  # what its stamps are of
        self.voxels = voxels_of(self.grid)
        self.surface = Surface(self.voxels, is_empty=True)
        self.probes = Probes(self.voxels, is_empty=True)
        self.bounce_rays = BounceRays()
        self.n_changes = 0  # so far
        self._boxes: list[tuple[F64, F64]] = []  # [n, 3] of the last of them
        if most_bricks is None:
            for _ in self.making(None):
                pass

    def making(self, most_bricks: int | None) -> Iterator[int]:
        """Make everything, in parts if given `most_bricks`; yields the work of each, in bricks that go through a pass
        of a relight.
        """
        probes, surface, grid = self.probes, self.surface, self.voxels.material
        occupied = np.argwhere(self.voxels.occupied).astype(np.int32)
        most_bricks = most_bricks or max(len(occupied), 1) * PLACE_PASSES
        surface.make_room(grid, occupied)
        yield most_bricks
        n = -(-PLACE_PASSES * len(occupied) // most_bricks)
        for part in np.array_split(occupied, max(n, 1)):
            surface.rebuild(grid, part)
            yield most_bricks
        for part in np.array_split(probes.cells(), max(n, 1)):
            probes.place(self.voxels, part)
            yield most_bricks
        self.bounce_rays.make_room(surface.capacity)
        self.bounce_rays.note(surface.alive())
        yield most_bricks
        probes.join(self.voxels, np.flatnonzero(probes.alive).astype(np.int32))

    def trace(self, found: Bool, most_bricks: int | None = None) -> Iterator[int]:
        """Bring the rays that light bounces along up to date and mark in found [T] the texels of such rays, in parts if
        given `most_bricks`; yields the work of each.
        """
        most = None
        if most_bricks is not None:
            surface = self.surface
            most = max(most_bricks * surface.n_texels // (TRACED_PASSES * max(surface.n_with_texels, 1)), 1)
        for _ in self.bounce_rays.trace(self.voxels, self.surface, found, most):
            yield most_bricks or 0

    def stands_at(self, voxels: VoxelView) -> None:
        """It was read from elsewhere: a grid with the same voxels has other stamps, and no ray was traced for it."""
        self._stamp, self.origin = voxels.stamp.copy(), voxels.origin
        self.bounce_rays.take_traced()

    def first_change(self) -> Change:
        """The change from nothing to all there is: one box around the world."""
        texels, bricks = self.surface.alive(), int(self.surface.has_texels.sum())
        low, high = np.full((1, 3), -1.0), np.array(self.grid.shape)[None] * VOXEL_M + 1.0
        rows = np.flatnonzero(self.surface.page_key_of_row >= 0).astype(np.int32)
        return Change(low, high, texels, texels[:0], texels, rows, bricks)

    def is_like(self, voxels: VoxelView) -> bool:
        """Whether a grid of the same origin is as large as the one that was read last: all those of which nobody knows
        how they were made have one.
        """
        return self._stamp.shape == voxels.stamp.shape

    def changed_bricks(self, voxels: VoxelView) -> int:
        """In how many bricks a grid that is like it holds others than the one that was read last."""
        return int(np.count_nonzero(voxels.stamp != self._stamp))

    def is_scattered(self, voxels: VoxelView) -> bool:
        """Whether a grid that is like it differs in too many places, apart from each other, to be followed."""
        if self.changed_bricks(voxels) <= MOST_BOXES:
            return False
        corner = np.argwhere(voxels.stamp != self._stamp) * BRICK
        return len(boxes_around(corner, corner + BRICK)[0]) > MOST_BOXES

    def follow(self, voxels: VoxelView) -> Change | None:
        """Bring everything in step with the grid; None if no voxel differs."""
        changed = np.argwhere(voxels.stamp != self._stamp)
        boxes = []
        for brick in changed:
            part = tuple(slice(b * BRICK, b * BRICK + BRICK) for b in brick)
            differs = np.argwhere(self.grid[part] != voxels.material[part])
            if len(differs):
                boxes.append((brick * BRICK + differs.min(0), brick * BRICK + differs.max(0) + 1))
            self.grid[part] = voxels.material[part]
        self._stamp[:] = voxels.stamp
        if not boxes:
            return None
        low, high = joined_boxes(np.array([a for a, _ in boxes]), np.array([b for _, b in boxes]))
        occupied = self._occupied(changed)
        gap = follow_gaps(self.grid, self.voxels.gap, occupied.shape[2], low, high)
        self.voxels = Voxels(self.grid, occupied, gap)
        if len(low) > FEW_BOXES:
            low, high = boxes_around(low, high)
        return self._note_change(low, high, *self._rebuild_surface(changed))

    def _occupied(self, changed: Ints) -> Bool:
        old = self.voxels.occupied
        occupied = np.zeros(self.surface.n_bricks, np.bool_)
        occupied[:, :, : old.shape[2]] = old
        for brick in changed:
            occupied[tuple(brick)] = self.grid[tuple(slice(b * BRICK, b * BRICK + BRICK) for b in brick)].any()
        layers = np.flatnonzero(occupied.any((0, 1)))
        return np.ascontiguousarray(occupied[:, :, : int(layers.max(initial=0)) + 1])

    def _rebuild_surface(self, changed: Ints) -> tuple[I32, I32, I32]:
        touched = np.zeros(self.surface.n_bricks, np.bool_)
        for brick in changed:  # a face is exposed by its neighbour, who may lie in the next brick
            touched[tuple(slice(max(b - 1, 0), b + 2) for b in brick)] = True
        before = self.surface.capacity
        fresh, gone, rows = self.surface.rebuild(self.grid, np.argwhere(touched).astype(np.int32))
        more = self.surface.capacity - before
        if more:
            self.bounce_rays.make_room(more)
        return fresh, gone, rows

    def _note_change(self, low_vox: Ints, high_vox: Ints, fresh: I32, gone: I32, rows: I32) -> Change:
        surface, probes = self.surface, self.probes
        low = (low_vox * VOXEL_M - BOX_MARGIN_M).astype(np.float64)
        high = (high_vox * VOXEL_M + BOX_MARGIN_M).astype(np.float64)
        self._note_boxes(low, high)
        self.bounce_rays.note_change(fresh, gone, rows, low, high, surface)
        probes.forget_across(low, high)
        cells = np.zeros(probes.n_cells, np.bool_)
        for a, b in zip(low_vox, high_vox, strict=True):
            first = np.maximum((a - NEAR_VOXELS - CELL_VOXELS) // CELL_VOXELS, 0)
            last = (b + NEAR_VOXELS) // CELL_VOXELS + 1
            cells[tuple(slice(f, e) for f, e in zip(first, last, strict=True))] = True
        probes.place(self.voxels, np.argwhere(cells).astype(np.int32))
        for _ in range(2):  # links reach into the next cell, and are walked from either end
            cells = _grown(cells)
        around = probes.probe_of_cell[cells]
        probes.join(self.voxels, around[around >= 0])
        texels = each_once(surface.within(low, high), fresh)
        n_bricks = len(np.unique(np.ravel_multi_index(tuple(surface.place[texels, :3].T // BRICK), surface.n_bricks)))
        return Change(low, high, fresh, gone, texels, rows, n_bricks)

    def boxes_since(self, n_changes: int) -> tuple[F64, F64] | None:
        """Boxes low, high [n, 3] metres that hold all voxels that differ since there were so many changes; None if that
        is too long ago to tell.
        """
        more = self.n_changes - n_changes
        if more > len(self._boxes):
            return None
        last = [(np.zeros((0, 3)), np.zeros((0, 3))), *self._boxes[len(self._boxes) - more :]]
        return np.concatenate([low for low, _ in last]), np.concatenate([high for _, high in last])

    def _note_boxes(self, low: F64, high: F64) -> None:
        self.n_changes += 1
        self._boxes.append((low, high))
        while sum(len(boxes) for boxes, _ in self._boxes) > MOST_BOXES:
            del self._boxes[0]


def joined_boxes(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Fewer boxes that hold the same voxels as boxes low..high [n, 3], which do not overlap: those that touch with a
    whole side are one. A room that was changed in one go is one box then, not one for each of its bricks.
    """
    for axis in range(3):
        across = [a for a in range(3) if a != axis]
        order = np.lexsort((low[:, axis], *high[:, across].T, *low[:, across].T))
        low, high = low[order], high[order]
        goes_on = (low[1:, axis] == high[:-1, axis]) & (low[1:, across] == low[:-1, across]).all(1)
        goes_on &= (high[1:, across] == high[:-1, across]).all(1)
        first, last = np.append(True, ~goes_on), np.append(~goes_on, True)
        low, high = low[first], np.where(np.arange(3) == axis, high[last], high[first])
    return low, high


def boxes_around(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Fewer boxes that hold boxes low..high [n, 3] voxels, which do not overlap: one around those that fill a good part
    of it, DENSE, counted in bricks, else some around either half of them.
    """
    whole_low, whole_high = low.min(0, keepdims=True), high.max(0, keepdims=True)
    if len(low) == 1 or _bricks_in(low, high) >= DENSE * _bricks_in(whole_low, whole_high):
        return whole_low, whole_high
    order = np.argsort(low[:, int((whole_high - whole_low).argmax())], kind="stable")
    halves = [boxes_around(low[half], high[half]) for half in np.array_split(order, 2)]
    return np.concatenate([a for a, _ in halves]), np.concatenate([b for _, b in halves])


def _bricks_in(low: Ints, high: Ints) -> int:
    """How many bricks boxes [n, 3] voxels may fill, together."""
    return int(np.prod(-(-(high - low) // BRICK), 1).sum())


def _grown(mask: Bool) -> Bool:
    """A mask of cells [CX, CY, CZ] and the cells next to it along the axes."""
    grown = mask.copy()
    for axis in range(3):
        ahead, behind = np.moveaxis(grown, axis, 0), np.moveaxis(mask, axis, 0)
        ahead[1:] |= behind[:-1]
        ahead[:-1] |= behind[1:]
    return grown
