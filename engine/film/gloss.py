"""Glossy pixels of the picture: read from the G-buffer, reflected on the CPU, handed to the resolve shader.

Nothing is done in a world without glossy materials, and next to nothing while camera and light rest: only pixels whose
G-buffer changed trace their rays again. What is kept is exactly what tracing again would give.
"""

import math

import moderngl
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.film.tiles import tile_grid
from engine.light.cache import LightCache
from engine.light.furniture import Furniture, furniture_change, no_furniture
from engine.light.glossy import Pixels, surroundings_of
from engine.light.reflections import Reflections
from engine.light.transport import Transport
from engine.raster.gbuffer import FAR
from engine.view import View

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

MOST_MOVED = 64  # boxes around bodies that moved, before and now: beyond, all is traced again


@njit(parallel=True, cache=True, nogil=True)
def _unpack(surface, glossy, eye, corner, ray_x, ray_y, kind, place, normal, albedo, own, is_body):  # type: ignore[no-untyped-def]
    """Fill the arrays of `Pixels` where the material is glossy; `kind` is 0 elsewhere."""
    height, width = surface.shape[:2]
    for y in prange(height):
        for x in range(width):
            m = surface[y, x, 3] >> 24
            i = y * width + x
            kind[i] = m if glossy[m] else 0
            if not glossy[m]:
                continue
            depth = surface[y, x, 0] & 0x7FFFFFFF
            fx, fy = np.int16(surface[y, x, 1] & 0xFFFF) / 32767.0, np.int16(surface[y, x, 1] >> 16) / 32767.0
            fz = 1.0 - abs(fx) - abs(fy)
            t = max(-fz, 0.0)
            fx += -t if fx >= 0.0 else t
            fy += -t if fy >= 0.0 else t
            r = 1.0 / math.sqrt(fx * fx + fy * fy + fz * fz)
            normal[i, 0], normal[i, 1], normal[i, 2] = fx * r, fy * r, fz * r
            metres = np.uint32(depth).view(np.float32)
            for c in range(3):
                ray = corner[c] + (x + 0.5) * ray_x[c] + (y + 0.5) * ray_y[c]
                place[i, c] = eye[c] + metres * ray
                albedo[i, c] = ((surface[y, x, 3] >> 8 * c & 255) / 255.0) ** 2
                own[i, c] = 0.0
            key = surface[y, x, 2]
            is_body[i] = key >= 0x80000000
            if is_body[i] and key != FAR:
                scale = 2.0 ** (np.int64(key >> 27 & 15) - 17)
                own[i, 0], own[i, 1], own[i, 2] = (
                    (key & 511) * scale,
                    (key >> 9 & 511) * scale,
                    (key >> 18 & 511) * scale,
                )


@njit(cache=True, nogil=True)
def _differs(surface, before, differs):  # type: ignore[no-untyped-def]
    """Mark pixels that rays would leave otherwise than before: place, normal, material, or a body's own light."""
    height, width = surface.shape[:2]
    for y in range(height):
        for x in range(width):
            # No choice in between: all is asked of several pixels at once.
            other = (surface[y, x, 0] ^ before[y, x, 0]) | (surface[y, x, 1] ^ before[y, x, 1])
            other |= (surface[y, x, 2] ^ before[y, x, 2]) | (surface[y, x, 3] ^ before[y, x, 3]) >> 24
            differs[y * width + x] = other != 0


class Gloss:
    """The glossy pixels of one picture size."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int]) -> None:
        self.size_px = size_px
        self._context = context
        self.texture: moderngl.Texture | None = None  # radiance of the lobe, part of diffuse light; made when needed
        self.tiles = tile_grid(size_px)  # which tiles hold glossy pixels
        self.rows = np.empty(0, np.int32)  # [n] glossy pixels
        self.traced = 0  # of them traced rays in the last update
        self._key: tuple[object, ...] = ()  # what light is read by
        self._seen: tuple[object, ...] = ()  # what rays are sent out by, beside voxels
        self._transport: Transport | None = None  # whose voxels were met
        self._n_changes = 0  # of them so far
        self._bodies = no_furniture()  # that were met

    def _make(self) -> None:
        width, height = self.size_px
        n = width * height
        self.texture = self._context.texture(self.size_px, 4, dtype="f4")
        self.texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._reflections = Reflections(n)
        self._before = np.zeros((height, width, 4), np.uint32)  # the G-buffer that was read last
        self._kind, self._is_body = np.zeros(n, np.uint8), np.zeros(n, np.bool_)
        self._place, self._normal, self._albedo, self._own = (np.zeros((n, 3), np.float32) for _ in range(4))

    def update(self, view: View, surface: NDArray[np.uint32], light: LightCache | None, drawn: bool,
               fresh: bool) -> Bool:  # fmt: skip
        """Bring `texture` up to date; returns the tiles in which a glossy pixel looks different.

        `surface` [H, W, 4] is the G-buffer; `drawn` says that some of the G-buffer was drawn again, `fresh` that
        nothing of the last picture holds. `light` None is the raster look.
        """
        changed = tile_grid(self.size_px)
        self.traced = 0
        glossy = np.zeros(256, np.bool_)
        glossy[: len(view.materials.glossy)] = view.materials.glossy
        if not glossy.any():
            self.rows = np.empty(0, np.int32)
            self.tiles, self._transport = changed, None
            return changed
        if self.texture is None:
            self._make()
        assert self.texture is not None
        pixels = Pixels(
            self.size_px[0], np.asarray(view.camera.position, np.float64), self._kind, self._place, self._normal,
            self._albedo, self._own, self._is_body,
        )  # fmt: skip
        transport = None if light is None else light.transport
        n_changes = 0 if transport is None else transport.n_changes
        key = (-1 if light is None else light.light_stamp, n_changes, _lamps_key(view))
        seen = (view.camera, _sky_key(view))
        bodies = no_furniture() if light is None else light.bodies_met
        fresh = fresh or seen != self._seen or transport is not self._transport
        if not (drawn or fresh) and key == self._key and (light is None or bodies is self._bodies):
            return changed
        boxes = None if fresh or transport is None else transport.boxes_since(self._n_changes)
        if fresh or (transport is not None and boxes is None):
            self._reflections.forget()
        else:
            if boxes is not None and len(boxes[0]):
                self._reflections.forget_across(pixels, view.lamps, *boxes)
            self._follow_bodies(pixels, view, bodies)
        if key != self._key:
            self._reflections.forget_light()
        self._key, self._seen, self._transport, self._n_changes = key, seen, transport, n_changes
        self._bodies = bodies
        if drawn or fresh:
            self._read(view, surface, glossy, fresh)
        if not len(self.rows):
            return changed
        angle = 2.0 * math.tan(view.camera.fov_y / 2) / self.size_px[1]
        world = surroundings_of(view, light)
        self._reflections.update(world, view.lamps, pixels, angle, view.materials, self.rows, changed)
        self.traced = self._reflections.traced
        if fresh or changed.any():
            self.texture.write(self._reflections.values)
        return changed

    def _follow_bodies(self, pixels: Pixels, view: View, bodies: Furniture) -> None:
        """Forget what was traced across bodies that came, went or moved."""
        if bodies is self._bodies:
            return
        change = furniture_change(self._bodies, bodies)
        if len(change.low) > MOST_MOVED:
            self._reflections.forget()
        elif len(change.low):
            self._reflections.forget_across(pixels, view.lamps, change.low, change.high)

    def values(self) -> F32:
        """What `texture` holds, [H, W, 4]; 0 where a pixel is not glossy."""
        width, height = self.size_px
        out = np.zeros((height * width, 4), np.float32)
        if len(self.rows):
            out[self.rows] = self._reflections.values[self.rows]
        return out.reshape(height, width, 4)

    def _read(self, view: View, surface: NDArray[np.uint32], glossy: Bool, elsewhere: bool) -> None:
        width, height = self.size_px
        self.tiles = tile_grid(self.size_px)
        forward, right, up = view.camera.axes()
        t = math.tan(view.camera.fov_y / 2)
        _unpack(
            surface, glossy, np.asarray(view.camera.position, np.float64),
            forward - right * (t * width / height) + up * t, right * (2 * t / height), up * (-2 * t / height),
            self._kind, self._place, self._normal, self._albedo, self._own, self._is_body,
        )  # fmt: skip
        self.rows = np.flatnonzero(self._kind).astype(np.int32)
        self.tiles[self.rows // width >> 4, self.rows % width >> 4] = True
        if not elsewhere:
            differs = np.zeros(width * height, np.bool_)
            _differs(surface, self._before, differs)
            self._reflections.forget(differs)
        np.copyto(self._before, surface)

    def release(self) -> None:
        """Give the texture back."""
        if self.texture is not None:
            self.texture.release()
            self.texture = None


def _sky_key(view: View) -> bytes:
    sky = view.sky
    parts = (sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground)
    return b"".join(np.asarray(part).tobytes() for part in parts)


def _lamps_key(view: View) -> bytes:
    lamps = view.lamps
    return lamps.centre.tobytes() + lamps.size.tobytes() + lamps.radiance.tobytes()
