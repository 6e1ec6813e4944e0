"""Furniture in light: which bodies stand where, what their parts shine with, and since when."""

import numpy as np
from numpy.typing import NDArray

from engine.light.furniture import AtHome, FurnitureChange, furniture_change, furniture_of, no_furniture
from engine.view import View

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


class StandingBodies:
    """The furniture of a world, with its light."""

    def __init__(self) -> None:
        self.furniture = no_furniture()
        self.albedo = np.zeros((0, 3), np.float32)  # [N, 3] of its parts
        self.sides = np.zeros((0, 6, 3), np.float32)  # [N, 6, 3] radiance that they shine with, to each side
        self.changed_at = np.zeros((0, 6), np.int32)  # [N, 6] relight at which that last changed
        self._key: tuple[object, ...] = ()
        self._made_of: tuple[object, object] = (None, None)  # prefabs and materials of what is at home
        self._at_home: AtHome = {}

    def stand(self, view: View) -> bool:
        """Whether all stands as it did."""
        return standing_key(view) == self._key

    def follow(self, view: View) -> FurnitureChange | None:
        """Note which furniture came, went or was moved; None if all stands as it did."""
        if self.stand(view):
            return None
        made_of, self._made_of = self._made_of, (view.prefabs, view.materials)
        same = made_of[0] is view.prefabs and made_of[1] is view.materials
        old, self._key = self.furniture, standing_key(view)
        self.furniture, self.albedo, self._at_home = furniture_of(view, self._at_home if same else None)
        moved = furniture_change(old, self.furniture)
        stays, was, n = moved.part >= 0, (self.sides, self.changed_at), len(self.albedo)
        self.sides, self.changed_at = np.full((n, 6, 3), np.nan, np.float32), np.full((n, 6), -1, np.int32)
        for now, before in zip((self.sides, self.changed_at), was, strict=True):
            now[moved.part[stays]] = before[stays]
        return moved

    def shine(self, sides: F32, stamp: int) -> None:
        """From relight `stamp` on the parts shine with `sides` [N, 6, 3]."""
        self.changed_at[(sides != self.sides).any(2)] = stamp
        self.sides = sides


def standing_key(view: View) -> tuple[object, ...]:
    """What furniture depends on."""
    bodies, stands = view.bodies, np.flatnonzero(view.bodies.stands)
    poses = (bodies.entity[stands], bodies.prefab[stands], bodies.position[stands], bodies.orientation[stands])
    return (id(view.prefabs), id(view.materials), *(a.tobytes() for a in poses))
