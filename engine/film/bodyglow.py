"""What leaves the vertices of bodies that shine themselves: lanterns, windows of a car, a screen."""

import numpy as np
from numpy.typing import NDArray

from engine.raster.bodies import PosedBodies
from engine.view import View

F32 = NDArray[np.float32]

UNLIT_SHARE = 0.3  # of the sky at the horizon: what they throw back where no light is worked out


class BodyGlow:
    """Keeps which vertices shine, and what follows from their materials, as long as the list of bodies is the same."""

    def __init__(self) -> None:
        self._of: tuple[object, object] = (None, None)  # materials, and those of the vertices
        self._vertex = np.zeros(0, np.intp)  # [n] those that shine
        self._body = np.zeros(0, np.int32)  # [n]
        self._radiance = np.zeros((0, 3), np.float32)  # [n, 3] of their material
        self._albedo = np.zeros((0, 3), np.float32)  # [n, 3]

    def put_into(self, e: F32, view: View, posed: PosedBodies, is_lit: bool) -> None:
        """In place of e [V, 3] at vertices that shine, the radiance that leaves them; not `is_lit` if e is unknown."""
        if self._of[0] is not view.materials or self._of[1] is not posed.material:
            self._follow(view, posed)
        if not len(vertex := self._vertex):
            return
        glow, bodies = self._radiance, view.bodies
        if bodies.glows.any():
            glow = np.where(bodies.glows[self._body, None] != 0, bodies.glow[self._body], glow)
        e[vertex] = glow + self._albedo * (e[vertex] if is_lit else UNLIT_SHARE * view.sky.horizon)

    def _follow(self, view: View, posed: PosedBodies) -> None:
        self._of = view.materials, posed.material
        shines = np.any(view.materials.emission, axis=-1)[posed.material] & ~posed.dress.is_pictured
        self._vertex = vertex = np.flatnonzero(shines)
        self._body, material = posed.body[vertex], posed.material[vertex]
        self._radiance = view.materials.emission[material]
        is_skinned = posed.dress.has_skin[self._body, None]
        self._albedo = np.where(is_skinned, posed.dress.tint[vertex], view.materials.albedo[material])
