"""The raster's albedo patterns as a Mitsuba texture: "painted", a colour per triangle times the factor of a pattern.

A matte surface's pattern falls out of the comparison (evaluate.py), but what a glossy one mirrors lies over its
pattern, so the path tracer must see the same planks, as large and as far moved. Levels are chosen as the G-buffer does,
by distance from the eye. Import it after Mitsuba's variant is set.
"""

from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np

from engine.raster.patterns import LEVELS, PATTERN_M, SHIFT_V, TEXELS, pattern_atlas

LEAST_SLANT = 0.02
LEAST_SCALE = 1e-3  # rays that meet nothing have a scale of 0, by which the scalar backend refuses to divide


class Painted(mi.Texture):
    """`eye` [3] metres, `forward` [3] unit and `pixel_m`, the width of a pixel at one metre of depth."""

    def __init__(self, properties: Any) -> None:
        mi.Texture.__init__(self, properties)
        self.eye, self.forward = mi.Point3f(properties["eye"]), mi.Vector3f(properties["forward"])
        self.pixel_m = float(properties["pixel_m"])
        atlas = pattern_atlas()[..., :3].astype(np.float32) * np.float32(2.0 / 255.0)
        self.columns = atlas.shape[1]
        self.atlas: Any = atlas.reshape(-1, 3) if self._is_scalar() else mi.Float(atlas.ravel())

    @staticmethod
    def _is_scalar() -> bool:
        return "scalar" in str(mi.variant())

    def _texel(self, column: Any, row: Any, active: Any) -> Any:
        at = mi.UInt32(row) * self.columns + mi.UInt32(column)
        if self._is_scalar():
            return mi.Color3f(*(float(c) for c in self.atlas[int(at)]))
        return mi.Color3f(*(dr.gather(mi.Float, self.atlas, 3 * at + c, active) for c in range(3)))

    def eval(self, si: Any, active: Any = True) -> Any:
        """Colour of a surface interaction."""
        colour = si.shape.eval_attribute_3("face_colour", si, active)
        pattern = si.shape.eval_attribute_3("face_pattern", si, active)  # layer, scale, shift
        layer, scale, shift = dr.round(pattern[0]), dr.maximum(pattern[1], LEAST_SCALE), pattern[2]
        side, away = dr.abs(si.n), si.p - self.eye
        is_x, is_y = side.x > 0.5, side.y > 0.5
        u = dr.select(is_x, si.p.y, si.p.x) / scale + shift
        v = dr.select(is_x | is_y, si.p.z, si.p.y) / scale + shift * SHIFT_V
        distance = dr.maximum(dr.norm(away), 1e-3)
        slant = dr.maximum(dr.abs(dr.dot(away, si.n)) / distance, LEAST_SLANT)
        width = dr.maximum(dr.dot(away, self.forward), 1e-3) * self.pixel_m / dr.sqrt(slant)
        level = dr.maximum(dr.round(dr.log2(width / scale * (TEXELS / PATTERN_M))), 0.0)
        size = TEXELS * dr.exp2(-dr.minimum(level, LEVELS - 1.0))
        x = (u / PATTERN_M - dr.floor(u / PATTERN_M)) * size + 0.5  # the border of one texel, less half of one
        y = (v / PATTERN_M - dr.floor(v / PATTERN_M)) * size + 0.5
        left = 2.0 * (TEXELS - size) + 2.0 * dr.minimum(level, LEVELS - 1.0)
        top = layer * (TEXELS + 2.0)
        x0, y0 = dr.floor(x), dr.floor(y)
        fx, fy = x - x0, y - y0
        rows = [
            self._texel(left + x0, top + y0 + k, active) * (1.0 - fx)
            + self._texel(left + x0 + 1.0, top + y0 + k, active) * fx
            for k in (0.0, 1.0)
        ]
        factor = rows[0] * (1.0 - fy) + rows[1] * fy
        patterned = (layer > 0.5) & (level < LEVELS)
        return dr.select(patterned, dr.clip(colour * factor, 0.0, 1.0), colour)

    def eval_3(self, si: Any, active: Any = True) -> Any:
        """The same."""
        return self.eval(si, active)

    def is_spatially_varying(self) -> bool:
        """It is."""
        return True

    def traverse(self, callback: Any) -> None:
        """Nothing of it changes once made."""

    def to_string(self) -> str:
        """What it is."""
        return "Painted[]"


mi.register_texture("painted", Painted)
