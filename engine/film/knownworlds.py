"""Worlds that are known: what is shown again, or resembles something that was shown, is told in its terms.

All that is kept from one picture to the next goes by objects and stamps, which is fast, but a world that is read again
brings other objects: a file that is saved while it is played, a test that begins anew, one of several environments that
learn side by side. Here equal materials and prefabs become one object, and the voxels of a world that was made much
like a known one are told as edits of that. Everything that follows edits (light, meshes, shadows, tiles of the screen)
then follows from one world to the other too, and a second identical world costs nothing. One
that light would not follow (ANEW) is known for itself.

Of large worlds every window is a world of its own; they are left as they are.
"""

import weakref
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light.cache import ANEW
from engine.raster.meshes import filled_bricks
from engine.state.blueprint import Materials, Prefab
from engine.state.voxels import stamp_of
from engine.view import View, VoxelView

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
T = TypeVar("T")

MOST_KNOWN = 4  # worlds, and as many sets of materials and of prefabs
MOST_TOLD = 16  # worlds that are told in terms of those


@dataclass(frozen=True)
class _Told:
    """A world as a change of a known one."""

    base: "weakref.ref[U8]"
    origin: U8  # [X, Y, Z] voxels of the known one
    brick: I64  # [n] where they differ, as flat indices
    stamp: I64  # [n] of what is there in the world that is told,
    origin_stamp: I64  # [n] and of what is there in the known one


class KnownWorlds:
    """What the views of one renderer were made of lately."""

    def __init__(self) -> None:
        self._origins: list[U8] = []  # latest first, as all of these
        self._told: list[_Told] = []
        self._materials: list[Materials] = []
        self._prefabs: list[tuple[Prefab, ...]] = []

    def of(self, view: View) -> View:
        """The same view, made of objects that are known: as those are, or with voxels that are told in their terms."""
        voxels = view.voxels if view.land is not None or not view.voxels.base.size else self._voxels(view.voxels)
        materials, prefabs = _known(self._materials, view.materials), _known(self._prefabs, view.prefabs)
        if voxels is view.voxels and materials is view.materials and prefabs is view.prefabs:
            return view
        return replace(view, voxels=voxels, materials=materials, prefabs=prefabs)

    def _voxels(self, voxels: VoxelView) -> VoxelView:
        told = None
        if not any(voxels.base is origin for origin in self._origins):
            told = next((told for told in self._told if told.base() is voxels.base), None) or self._met(voxels.base)
        _note(self._origins, voxels.base if told is None else told.origin)
        self._told = [told for told in self._told if any(told.origin is origin for origin in self._origins)]
        if told is None:
            return voxels
        stamp = voxels.stamp.copy()
        now = stamp.reshape(-1)[told.brick]
        stamp.reshape(-1)[told.brick] = np.where(now == 0, told.stamp, np.where(now == told.origin_stamp, 0, now))
        return VoxelView.told(voxels.material, stamp, voxels.base if len(told.brick) else told.origin, told.origin)

    def _met(self, base: U8) -> _Told | None:
        """How a world that was never seen is told; None if it is like none."""
        alike = [origin for origin in self._origins if origin.shape == base.shape]
        differing = [bricks_that_differ(origin, base) for origin in alike]
        counts = [int(differs.sum()) for differs in differing]
        if not alike or min(counts) > ANEW * filled_bricks(base).sum():
            return None
        nearest = int(np.argmin(counts))
        origin, brick = alike[nearest], np.flatnonzero(differing[nearest])
        told = _Told(weakref.ref(base), origin, brick, _stamps(base, brick), _stamps(origin, brick))
        self._told = [told, *self._told][:MOST_TOLD]
        return told


def bricks_that_differ(one: U8, other: U8) -> Bool:
    """In which bricks two grids of voxels [X, Y, Z] are not the same: [X/8, Y/8, Z/8]."""
    x, y, z = (n // BRICK for n in one.shape)
    rows = [np.ascontiguousarray(grid).view(np.uint64) for grid in (one, other)]  # of a brick's voxels at a time
    return np.asarray((rows[0] != rows[1]).reshape(x, BRICK, y, BRICK, z).any((1, 3)))


def _stamps(grid: U8, bricks: NDArray[np.intp]) -> I64:
    """The stamps of what is in some bricks [n] of a grid, were it an edit."""
    corners = np.stack(np.unravel_index(bricks, [n // BRICK for n in grid.shape]), -1) * BRICK
    boxes = (tuple(slice(c, c + BRICK) for c in corner) for corner in corners.tolist())
    return np.array([stamp_of(grid[box]) for box in boxes], np.int64)


def _known(known: list[T], thing: T) -> T:
    """What is known and the same as a thing; the thing itself, which is known from now on, where nothing is."""
    found = next((other for other in known if other is thing), None)
    if found is None:
        found = next((other for other in known if is_same(other, thing)), thing)
    _note(known, found)
    return found


def _note(known: list[T], thing: T) -> None:
    """A thing was seen right now; those that were not for longest are known no more."""
    if not known or known[0] is not thing:
        known[:] = [thing, *(other for other in known if other is not thing)][:MOST_KNOWN]


def is_same(one: Any, other: Any) -> bool:
    """Whether two things, of arrays, tuples, dataclasses and what can be compared, hold the same."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if is_dataclass(one):
        return all(is_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return bool(one == other)
