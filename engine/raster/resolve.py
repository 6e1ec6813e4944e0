"""The last pass: light on the G-buffer by look, sky, fog, exposure, tone curve and softened edges."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.raster.atlas import Atlas
from engine.raster.gbuffer import GBuffer, gl_matrix
from engine.raster.programs import program, set_uniforms
from engine.raster.shadow import CELL_PX, MAP_PX, SunShadow
from engine.raster.visibility import Rect
from engine.view import Lamps, SkyView, View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

LAMPS = (0, 4, 8, 16, 24)  # how many point lamps the raster look may know: the nearest
LAMP_REACH_E = 0.004  # e below which a point lamp is cut off
EDGE_PX = 3  # how far the edge filter looks
PLAIN_HAZE = 1 / 400  # per metre: so soon the plain around a world without fog is lost in the sky
FAR_AMBIENT = 2.0  # times the ambient light: the far field is open to nine tenths of the sky
PARTS = ("SKY", "SURFACES", "GLOSSY", "LINEAR", "SURE")  # what passes of one picture differ in
# Depths of the passes, see Resolve._cover: each leaves alone what those before it have written
SKY, SURE_AND_REST = -0.3, {"glossy": (-0.2, -0.1), "plain": (0.0, 0.1)}
INNER, EDGES = -0.5, -0.4  # those of the edge filter go over all that and over nothing of each other


def sky_e(sky: SkyView) -> tuple[F32, F32]:
    """e of a face under the whole open sky, and of a face that looks at sunlit ground of albedo 0.25: [3], [3].

    The cosine-weighted mean of the gradient: the mean of sqrt(h) under weight 2 h is 0.8.
    """
    up = sky.horizon + np.float32(0.8) * (sky.zenith - sky.horizon)
    down = np.float32(0.25) * (up + sky.sun * max(float(sky.sun_direction[2]), 0.0))
    return np.asarray(up, np.float32), np.asarray(down, np.float32)


def star_radiance(sky: SkyView) -> float:
    """Radiance of the brightest star: they come out as the sky darkens, in proportion to the exposure."""
    dark = max(0.0, 1.0 - float(np.max(sky.zenith)) / 0.08)
    return dark * 0.9 / max(sky.exposure, 1e-6) if not np.any(sky.sun > 0) else 0.0


def point_lamps(lamps: Lamps, eye: F64) -> tuple[F32, F32]:
    """The nearest lit lamps as points: [n, 4] place and 1 / reach^2, [n, 4] power (e at one metre) and squared size.

    A convex body of surface S shows S / 4 on average, so it gives e = L S / (4 pi d^2). n is one of LAMPS; rows
    beyond the lit lamps are dark.
    """
    lit = np.flatnonzero(lamps.radiance.max(-1) > 0) if len(lamps.radiance) else np.empty(0, np.int64)
    nearest = lit[np.argsort(((lamps.centre[lit] - eye) ** 2).sum(-1), kind="stable")[: LAMPS[-1]]]
    n = min(count for count in LAMPS if count >= len(nearest))
    place, power = np.zeros((n, 4), np.float32), np.zeros((n, 4), np.float32)
    place[:, 3], power[:, 3] = 1.0, 1.0
    for row, lamp in enumerate(nearest):
        x, y, z = (float(s) for s in lamps.size[lamp])
        strength = lamps.radiance[lamp] * (2 * (x * y + y * z + z * x) / (4 * math.pi))
        place[row, :3] = lamps.centre[lamp]
        place[row, 3] = LAMP_REACH_E / max(float(strength.max()), LAMP_REACH_E * 1e-3)
        power[row, :3], power[row, 3] = strength, (x * x + y * y + z * z) / 12
    return place, power


@dataclass(frozen=True)
class _Inputs:
    """What the programs of one picture share."""

    parts: dict[str, bool | int]  # what they are compiled with
    values: dict[str, object]  # uniforms


class Resolve:
    """Pictures from a G-buffer."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int]) -> None:
        self.context, self.size_px = context, size_px
        self._programs: dict[tuple[object, ...], moderngl.Program] = {}
        self._rects = context.buffer(reserve=4096, dynamic=True)
        self._arrays: dict[int, moderngl.VertexArray] = {}
        self._antialias = program(context, "screen.vert", "antialias.frag")
        self._inner = program(context, "screen.vert", "antialias.frag", SURE=True)
        self._shaded = context.texture(size_px, 4, dtype="f1")
        self._shaded.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._shaded.repeat_x = self._shaded.repeat_y = False
        self._slots = context.texture(size_px, 1, dtype="u4")
        self._slots.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._finished = context.renderbuffer(size_px, 4, dtype="f1")
        self._done = context.depth_renderbuffer(size_px)  # nearer where a pass has written its pixels
        self._done_only = context.framebuffer(depth_attachment=self._done)
        self._shade_target = context.framebuffer([self._shaded], self._done)
        self._finish_target = context.framebuffer([self._finished], self._done)
        self._linear_target: moderngl.Framebuffer | None = None

    def write_slots(self, slots: NDArray[np.uint32]) -> None:
        """Where each pixel's page lies [H, W]: 0 not resident, else 1 + (band << 9 | slot in the band << 3 | parity of
        brick x, y, z).
        """
        self._slots.write(slots)

    def _program(self, **parts: bool | int) -> moderngl.Program:
        key = tuple(parts.values())
        if key not in self._programs:
            self._programs[key] = program(
                self.context, "screen.vert", "resolve.frag", MAP_PX=MAP_PX, MAP_CELL=CELL_PX, **parts
            )
        return self._programs[key]

    def _cover(
        self,
        target: moderngl.Framebuffer,
        with_program: moderngl.Program,
        rects: list[Rect] | None,
        depth: float | None = None,
    ) -> None:
        """Run a program on all pixels of some rectangles, None for the whole target.

        With a `depth` (-1 near .. 1 far), only where no program of a smaller or the same one has written before.
        """
        if rects == []:
            return
        set_uniforms(with_program, depth=0.0 if depth is None else depth)
        boxes = np.array(rects if rects is not None else [(0, 0, *self.size_px)], np.float32)
        low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
        x0, y0, x1, y1 = low[:, 0], low[:, 1], high[:, 0], high[:, 1]
        corners = np.stack([x0, y0, x1, y0, x1, y1, x0, y0, x1, y1, x0, y1], 1).reshape(-1, 2)
        data = (corners * 2.0 / np.array(self.size_px, np.float32) - 1.0).astype(np.float32)
        if data.nbytes > self._rects.size:
            for old in self._arrays.values():
                old.release()
            self._arrays.clear()
            self._rects.release()
            self._rects = self.context.buffer(reserve=2 * data.nbytes, dynamic=True)
        self._rects.write(data.tobytes())
        array = self._arrays.get(with_program.glo)
        if array is None:
            array = self.context.vertex_array(with_program, [(self._rects, "2f4", "in_position")])
            self._arrays[with_program.glo] = array
        target.use()
        self.context.disable(moderngl.BLEND | moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        if depth is not None:
            self.context.enable(moderngl.DEPTH_TEST)
            self.context.depth_func = "<"
        array.render(moderngl.TRIANGLES, vertices=len(data))
        self.context.disable(moderngl.DEPTH_TEST)

    def _inputs(
        self,
        view: View,
        gbuffer: GBuffer,
        shadow: SunShadow,
        materials: moderngl.Texture,
        atlas: Atlas | None,
        decorated: bool,
        reflections: moderngl.Texture | None,
    ) -> _Inputs:
        """Bind all textures, and work out what the programs are to be told."""
        place, power = point_lamps(view.lamps, np.asarray(view.camera.position))
        stars = star_radiance(view.sky) if decorated else 0.0
        parts: dict[str, bool | int] = {
            "PAGES": atlas is not None,
            "LAMPS": len(place) if atlas is None else 0,
            "SUN": bool(view.sky.sun.any()),
            "BODIES_CAST": shadow.bodies_cast,
            "EXACT_SUN": bool(view.sky.sun.any()) and shadow.occupancy.reaches,
            "STARS": stars > 0.0,
            "FOG": decorated and view.sky.fog_density > 0.0,
            "FAR": view.land is not None,
        }
        width, height = self.size_px
        camera, sky, frame = view.camera, view.sky, shadow.frame
        assert frame is not None
        forward, right, up = camera.axes()
        t = math.tan(camera.fov_y / 2)
        up_e, down_e = sky_e(sky)
        textures: dict[str, moderngl.Texture | moderngl.Texture3D] = {
            "surface_map": gbuffer.surface,
            "materials": materials,
            "sun_map": shadow.static_map,
            "body_map": shadow.body_map,
            "body_cells": shadow.body_cells,
        }
        values: dict[str, object] = {}
        if atlas is not None:
            textures |= {"slot_map": self._slots, "atlas": atlas.texture}
            values["atlas_scale"] = (1.0 / atlas.texture.width, 1.0 / atlas.texture.height)
        elif len(place):
            values |= {"lamp_place": place.tobytes(), "lamp_power": power.tobytes()}
        if shadow.occupancy.reaches:
            textures["occupancy"] = shadow.occupancy.texture
            values |= {"grid_size": view.voxels.material.shape, "grid_top": shadow.occupancy.top}
        if reflections is not None:
            textures["reflection_map"] = reflections
        for unit, (name, texture) in enumerate(textures.items()):
            texture.use(unit)
            values[name] = unit
        values |= {
            "shadow_from_world": gl_matrix(frame.map_from_world),
            "shadow_offset": frame.offset_m,
            "shadow_slope": frame.slope,
            "eye": tuple(camera.position),
            "ray_corner": tuple(forward - right * (t * width / height) + up * t),
            "ray_x": tuple(right * (2 * t / height)),
            "ray_y": tuple(up * (-2 * t / height)),
            "exposure": float(sky.exposure),
            "fog_density": float(sky.fog_density) if decorated else 0.0,
            "ambient_up": tuple(0.45 * up_e),  # less than half of the sky is open to a place among walls
            "ambient_down": tuple(0.45 * down_e),
            "far_ambient": 1.0 if atlas is None else FAR_AMBIENT,
            "sun_direction": tuple(float(x) for x in sky.sun_direction),
            "sun": tuple(float(x) for x in sky.sun),
            "sky_zenith": tuple(float(x) for x in sky.zenith),
            "sky_horizon": tuple(float(x) for x in sky.horizon),
            "sky_glow": tuple(float(x) for x in sky.glow),
            "sky_ground": tuple(float(x) for x in sky.ground),
            "stars": stars,
            "disc": 1.0 if decorated else 0.0,
            "ground_haze": max(sky.fog_density, PLAIN_HAZE) * max(camera.position[2], 0.0) if decorated else 0.0,
        }
        return _Inputs(parts, values)

    def _prepare(self, inputs: _Inputs, **parts: bool) -> moderngl.Program:
        """The program with some of the parts SKY, SURFACES, GLOSSY, LINEAR and SURE, its uniforms set."""
        chosen = self._program(**inputs.parts, **{name: parts.get(name, False) for name in PARTS})
        set_uniforms(chosen, **inputs.values)
        return chosen

    def draw(
        self,
        view: View,
        gbuffer: GBuffer,
        shadow: SunShadow,
        materials: moderngl.Texture,
        atlas: Atlas | None,
        regions: Mapping[str, list[Rect]],
        antialias: bool = True,
        reflections: moderngl.Texture | None = None,
    ) -> None:
        """Make some rectangles of the picture, by region. `atlas` None is the raster look.

        Regions are "sky" (rectangles that hold all of the sky to be drawn), "glossy" (surfaces with `reflections`, see
        film/gloss.py) and "plain" (other surfaces; what lies in both of the last is glossy).
        """
        target = self._shade_target if antialias else self._finish_target
        inputs = self._inputs(view, gbuffer, shadow, materials, atlas, True, reflections)
        self._done_only.clear(depth=1.0)
        if regions["sky"]:
            self._cover(target, self._prepare(inputs, SKY=True), regions["sky"], SKY)
        for region, (sure, rest) in SURE_AND_REST.items():
            rects, glossy = regions[region], region == "glossy"
            if rects and inputs.parts["SUN"]:
                self._cover(target, self._prepare(inputs, SURFACES=True, GLOSSY=glossy, SURE=True), rects, sure)
            if rects:
                self._cover(target, self._prepare(inputs, SURFACES=True, GLOSSY=glossy), rects, rest)
        if antialias:
            self._shaded.use(0)
            every = [rect for rects in regions.values() for rect in rects]
            whole = sum(w * h for _, _, w, h in every) >= self.size_px[0] * self.size_px[1]
            drawn = [] if whole else [self._grown(rect) for rect in every]
            for with_program, depth in ((self._inner, INNER), (self._antialias, EDGES)):
                set_uniforms(with_program, colour_map=0, texel=(1.0 / self.size_px[0], 1.0 / self.size_px[1]))
                self._cover(self._finish_target, with_program, None if whole else drawn, depth)

    def _grown(self, rect: Rect) -> Rect:
        """A rectangle with all pixels whose edge filter sees into it."""
        x0, y0 = max(rect[0] - EDGE_PX, 0), max(rect[1] - EDGE_PX, 0)
        x1 = min(rect[0] + rect[2] + EDGE_PX, self.size_px[0])
        y1 = min(rect[1] + rect[3] + EDGE_PX, self.size_px[1])
        return x0, y0, x1 - x0, y1 - y0

    def read(self, out: NDArray[np.uint8]) -> None:
        """Copy the picture to `out` [H, W, 4] (sRGB, alpha is luma)."""
        self._finish_target.read_into(out, components=4)

    def linear(
        self,
        view: View,
        gbuffer: GBuffer,
        shadow: SunShadow,
        materials: moderngl.Texture,
        atlas: Atlas | None,
        decorated: bool = False,
        reflections: moderngl.Texture | None = None,
    ) -> F32:
        """Linear radiance [H, W, 3] before exposure, edges sharp; sun's disc, stars, haze and fog if `decorated`."""
        if self._linear_target is None:
            self._linear_target = self.context.framebuffer([self.context.renderbuffer(self.size_px, 4, dtype="f4")])
        inputs = self._inputs(view, gbuffer, shadow, materials, atlas, decorated, reflections)
        glossy = reflections is not None
        chosen = self._prepare(inputs, SKY=True, SURFACES=True, GLOSSY=glossy, LINEAR=True)
        self._cover(self._linear_target, chosen, None)
        width, height = self.size_px
        data = np.frombuffer(self._linear_target.read(components=4, dtype="f4"), np.float32)
        return np.ascontiguousarray(data.reshape(height, width, 4)[..., :3])

    def release(self) -> None:
        """Give the targets and programs back."""
        for thing in (
            *self._arrays.values(),
            *self._programs.values(),
            self._antialias,
            self._inner,
            self._shade_target,
            self._finish_target,
            self._done_only,
            self._done,
            self._linear_target,
            self._shaded,
            self._finished,
            self._slots,
            self._rects,
        ):
            if thing is not None:
                thing.release()
