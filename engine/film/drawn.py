"""What a picture was made of, and which of its tiles another one of the same camera changes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.film import tiles
from engine.raster.bodies import PosedBodies, differing
from engine.raster.meshes import Remeshed
from engine.raster.shadow import ShadowFrame
from engine.state.camera import Camera
from engine.view import View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Hulls = Callable[[F64, F64], F64]  # of boxes low, high [n, 3] metres: points [n, k, 3] around them and their shadows


@dataclass(frozen=True)
class Drawn:
    """What the picture that lies in the targets was made of, or that which is to be drawn over it."""

    camera: Camera  # a difference means all tiles
    shading: tuple[object, ...]  # sky, look, ...: a difference means all tiles, but the G-buffer holds
    shadow_frame: ShadowFrame | None  # of the map of shadows: so does another one
    posed: PosedBodies
    body_light: F32
    seen: Bool  # [B] bodies that may be in it: the light of others is not known

    def changed_tiles(
        self, now: "Drawn", size_px: tuple[int, int], clip: F64, remeshed: Remeshed, shadow_hulls: Hulls | None
    ) -> tuple[Bool, Bool, bool]:
        """Tiles whose G-buffer must be drawn again, and tiles whose light must (pages apart); and whether bodies in
        other tiles have another light in the G-buffer. `clip` is of the camera, which is the same, and `shadow_hulls`
        says where shadows fall; None if nothing throws one.
        """
        shade_all = self.shadow_frame is not now.shadow_frame or self.shading != now.shading
        geometry, shade = tiles.tile_grid(size_px), tiles.tile_grid(size_px, shade_all)
        moved_low, moved_high, relit_low, relit_high = self._changed_boxes(now)
        tiles.mark_hulls(shade, clip, size_px, tiles.box_corners(relit_low, relit_high))
        moved_low, moved_high = np.concatenate([moved_low, remeshed.low]), np.concatenate([moved_high, remeshed.high])
        tiles.mark_hulls(geometry, clip, size_px, tiles.box_corners(moved_low, moved_high))
        if len(moved_low) and shadow_hulls is not None and not shade_all:
            tiles.mark_hulls(shade, clip, size_px, shadow_hulls(moved_low, moved_high))
        return geometry, shade, len(relit_low) > 0

    def _changed_boxes(self, now: "Drawn") -> tuple[F64, F64, F64, F64]:
        """Boxes, old and new, of bodies whose shape or place differs, and of others whose light does."""
        old, new = self.posed, now.posed
        if old.triangles is not new.triangles:  # other bodies altogether
            low = np.concatenate([old.low, new.low]).astype(np.float64)
            high = np.concatenate([old.high, new.high]).astype(np.float64)
            return low, high, low[:0], high[:0]
        moved = differing(new.first_vertex, old.position, new.position)
        relit = differing(new.first_vertex, self.body_light, now.body_light) & self.seen & now.seen

        def both(which: Bool) -> tuple[F64, F64]:
            low = np.concatenate([old.low[which], new.low[which]]).astype(np.float64)
            return low, np.concatenate([old.high[which], new.high[which]]).astype(np.float64)

        return (*both(moved), *both(relit & ~moved))


def shading_of(view: View, *others: object) -> tuple[object, ...]:
    """What the light of all tiles depends on: the sky, and `others`."""
    sky = view.sky
    arrays = (sky.sun_direction, sky.sun, sky.zenith, sky.horizon, sky.glow, sky.ground)
    return (*others, sky.exposure, sky.fog_density, *(a.tobytes() for a in arrays))
