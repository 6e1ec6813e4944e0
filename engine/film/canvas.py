"""The canvas: composes raster and light into frames, and draws only what changed since the last one.

Whatever is kept between frames (meshes, light, shadow maps, screen tiles) is used only where drawing it again would
give the same bits.
"""

import time
from functools import partial

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.film import tiles
from engine.film.bodyglow import BodyGlow
from engine.film.drawn import Drawn, shading_of
from engine.film.gloss import Gloss
from engine.film.settings import Settings
from engine.film.window import Window
from engine.light.cache import LightCache
from engine.raster.atlas import Atlas
from engine.raster.bodies import PosedBodies, Poser
from engine.raster.buffers import BodyMesh, StaticMesh
from engine.raster.far import FarField
from engine.raster.gbuffer import GBuffer, GBufferArrays, material_texture
from engine.raster.meshes import Meshes, Remeshed
from engine.raster.resolve import Resolve
from engine.raster.shadow import SunShadow
from engine.raster.visibility import Rect, Sight, clip_from_world, frustum_planes
from engine.view import REGENERATED, STALE, Frame, View

BODIES_PER_FRAME = 8  # that stand as they did and get other light
SHADOW_REACH_M = 400.0  # metres: shadows of a sun at the horizon are followed this far

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


class Canvas:
    """What one picture after another is drawn on: the targets, and all that the next picture can go on from."""

    def __init__(
        self, context: moderngl.Context, settings: Settings, size_px: tuple[int, int], light: LightCache | None
    ) -> None:  # fmt: skip
        """Nothing is drawn on it; `light` is what the look has so far."""
        self.context, self.settings = context, settings
        self._lights: dict[str, LightCache] = {}
        self._atlases: dict[str, Atlas] = {}
        self._meshes, self._poser = Meshes(), Poser()
        self._glow = BodyGlow()
        self._far: FarField | None = None  # of a large world
        self._far_of: object = None  # the world that it shows
        self._static, self._bodies = StaticMesh(context), BodyMesh(context)
        self._far_static = StaticMesh(context)
        self._shadow = SunShadow(context)
        self._materials: tuple[object, moderngl.Texture] | None = None
        self._sight: Sight  # of the last picture, see `_look`
        self._grid_shape: tuple[int, ...] = ()
        self._origin: NDArray[np.uint8] | None = None  # of the world that is drawn
        self._floor_m = 0.0  # metres: the lowest thing drawn, where shadows end
        self.state = b""  # of the world, that its last picture shows; see `Renderer`
        self.is_lit = True  # by the light of the look: else it is being made, and pictures are the raster's
        self._drawn: Drawn | None = None
        self._gbuffer: GBuffer | None = None
        self._resolve: Resolve
        self._gloss: Gloss
        self.resize(size_px)
        if light is not None:
            self.use(light)

    @property
    def light(self) -> LightCache | None:
        """The light cache of the look, None if it has none."""
        return self._lights.get(self.settings.look)

    def use(self, light: LightCache) -> None:
        """From now on the look has this light."""
        look = self.settings.look
        self._lights[look] = light
        if look not in self._atlases:
            self._atlases[look] = Atlas(self.context)

    def resize(self, size_px: tuple[int, int]) -> None:
        """Make the targets for pictures of another width and height."""
        self._size_px = width, height = size_px
        if self._gbuffer is not None:
            self._gbuffer.release()
            self._resolve.release()
            self._gloss.release()
        self._gbuffer = GBuffer(self.context, size_px)
        self._resolve = Resolve(self.context, size_px)
        self._gloss = Gloss(self.context, size_px)
        self._screen = tiles.PagesOnScreen(size_px)
        self._glossy = tiles.tile_grid(size_px)  # tiles that were drawn with their reflections
        self._tiles = np.zeros(self._glossy.shape, np.uint8)
        self._picture = np.zeros((height, width, 4), np.uint8)
        self._rgb = np.zeros((height, width, 3), np.uint8)
        self._surface = np.zeros((height, width, 4), np.uint32)  # the G-buffer as it was read last
        self._drawn = None

    def wipe(self, light_too: bool = False) -> None:
        """Draw all of the next picture anew, with light made from nothing if that is to go too."""
        self._drawn = None
        if light_too and self.light is not None:
            self.light.reset()

    # ---- pictures ----

    def picture(self, view: View, window: Window) -> Frame:
        """The picture of a view, which is seen through a window; `Renderer.render` says what is in its stats."""
        stats: dict[str, object] = {}
        drawn_tiles = self._draw(view, window, stats, picture=True)
        if drawn_tiles:
            self._resolve.read(self._picture)
            self._rgb = np.empty((*self._picture.shape[:2], 3), np.uint8)
            for channel in range(3):  # ten times as fast as all at once
                self._rgb[..., channel] = self._picture[..., channel]
            self._rgb.setflags(write=False)
        self._lap(stats, "read")
        total = tiles.tile_grid(self._size_px).size
        stats["tiles"] = {"reused": total - drawn_tiles, "regenerated": drawn_tiles}
        del stats["_lap"]
        return Frame(self._rgb, view.tick, stats, self._tiles)

    def linear(self, view: View, window: Window, decorated: bool) -> F32:
        """See `Renderer.render_linear`."""
        self._draw(view, window, {}, picture=False)
        assert self._gbuffer is not None and self._materials is not None
        atlas = self._atlases.get(self.settings.look) if self.is_lit else None
        self._drawn = None  # the targets hold this view, but no picture was made of it
        return self._resolve.linear(
            view, self._gbuffer, self._shadow, self._materials[1], atlas, decorated, self._gloss.texture
        )

    def gbuffer(self, view: View, window: Window) -> GBufferArrays:
        """See `Renderer.gbuffer`."""
        self._drawn = None
        self._draw(view, window, {}, picture=False, whole=True)
        self._drawn = None
        assert self._gbuffer is not None
        return self._gbuffer.arrays()

    def reflections(self, view: View, window: Window) -> F32:
        """See `Renderer.reflections`."""
        self._draw(view, window, {}, picture=False)
        self._drawn = None
        return self._gloss.values()

    # ---- the frame, stage by stage ----

    def _draw(
        self, view: View, window: Window, stats: dict[str, object], picture: bool, whole: bool = False
    ) -> int:  # fmt: skip
        """Bring all targets up to date, with `whole` the whole G-buffer; returns how many tiles were drawn."""
        assert self._gbuffer is not None
        settings = self.settings
        stats["ms"], stats["_lap"] = {}, time.perf_counter()
        self._follow_materials(view)
        remeshed = self._follow_voxels(view)
        self._follow_far(view, window)
        posed = self._poser.pose(view)
        self._lap(stats, "world")
        light = self.light
        if light is not None:
            rests = settings.frozen and light.is_of(view)
            archive = settings.archive if settings.cache else None
            light_stats = light.rest() if rests else light.update(view, settings.most_bricks, archive)
            stats["light_behind"] = light_stats.behind
            self._lap(stats, "light")
            if light.is_built != self.is_lit:
                self.is_lit, self._drawn = light.is_built, None
            light = light if light.is_built else None
        is_another = self._is_another(view, remeshed)
        sight = self._look(view, is_another, remeshed)
        self._lap(stats, "gbuffer")
        seen = sight.sees(posed.low, posed.high, self._all_px)
        body_light = self._body_light(view, posed, light, seen)
        self._bodies.update(posed, body_light)
        self._lap(stats, "bodies")
        self._follow_shadow(view, posed, remeshed)
        self._lap(stats, "shadow")

        drawn, now = self._drawn, self._to_be_drawn(view, posed, body_light, seen)
        if drawn is None or is_another or remeshed is None:
            geometry, shade, relit = tiles.tile_grid(self._size_px, True), tiles.tile_grid(self._size_px, True), False
        else:
            hulls = partial(self._shadow_hulls, view) if view.sky.sun.any() else None
            geometry, shade, relit = drawn.changed_tiles(now, self._size_px, self._clip(view), remeshed, hulls)
        assert self._materials is not None
        fresh = self._drawn is None
        rects = tiles.drawn_rects(geometry, self._size_px)
        if rects or relit:
            far = None if self._far is None else (self._far, self._far_static)
            if not is_another:
                sight = self._gbuffer.look(view.camera, self._meshes, self._static, rects, self._screen.keys)
            self._gbuffer.draw(
                sight,
                view.previous_camera,
                self._meshes,
                self._static,
                self._bodies,
                self._materials[1],
                rects,
                far,
                seen if relit else None,
                whole,
            )
            self._lap(stats, "gbuffer")
        screen = self._screen
        if rects or relit or fresh:
            self._surface, keys = self._gbuffer.read()
            screen.see(keys, 48 * view.voxels.stamp.size)
            self._lap(stats, "pages")
        if light is not None:
            light.decode(screen.keys, settings.texels_per_frame, screen.area_px)
            self._lap(stats, "decode")
            slots = light.slots(screen.keys)
            dirty = light.take_dirty_slots()
            self._atlases[settings.look].write(light.atlas, dirty, int(slots.max(initial=-1)))
            repaged = screen.place(slots, view.voxels.stamp.shape, dirty)
            if fresh or repaged.any():
                self._resolve.write_slots(screen.slots)
            shade |= repaged
            self._lap(stats, "upload")
            stats["probes"] = _split(light_stats.probes, light_stats.probes_regenerated)
            stats["bricks"] = _split(light_stats.bricks, light_stats.bricks_regenerated)
            stats["pages"] = _split(light_stats.pages, light_stats.pages_regenerated)
            stats["pages_stale"], stats["bodies_stale"] = light_stats.pages_stale, light_stats.bodies_stale
            stats["cache_mb"] = light.bytes / 1e6
        elif self.light is not None:
            stats["pages_stale"] = len(screen.keys)
        shade |= self._gloss.update(view, self._surface, light, bool(rects) or relit, fresh)
        self._lap(stats, "reflections")
        stats["reflections"] = _split(len(self._gloss.rows), self._gloss.traced)
        shade |= geometry | (self._gloss.tiles != self._glossy)  # two programs need not agree to the last bit
        self._glossy = self._gloss.tiles
        if picture and shade.any():
            sky, surface = tiles.tile_contents(screen.coded)
            plain = tiles.tile_grid(self._size_px, True) if shade.all() else shade & surface & ~self._glossy
            parts = {
                "sky": tiles.rects_of_tiles(shade & sky, self._size_px, shade.size),
                "glossy": tiles.rects_of_tiles(shade & self._glossy, self._size_px, shade.size),
                "plain": tiles.rects_of_tiles(plain, self._size_px, shade.size),
            }
            self._resolve.draw(
                view,
                self._gbuffer,
                self._shadow,
                self._materials[1],
                None if light is None else self._atlases[settings.look],
                parts,
                settings.antialias,
                self._gloss.texture,
            )
            self._lap(stats, "resolve")
        self._drawn = now
        self._tiles = shade.astype(np.uint8) * REGENERATED
        if light is not None:
            self._tiles[screen.showing(light.stale_slots)] = STALE
        return int(shade.sum())

    @property
    def _all_px(self) -> Rect:
        return (0, 0, *self._size_px)

    def _is_another(self, view: View, remeshed: Remeshed | None) -> bool:
        """Whether all of the picture may differ from the last one."""
        return self._drawn is None or remeshed is None or self._drawn.camera != view.camera

    def _look(self, view: View, is_another: bool, remeshed: Remeshed | None) -> Sight:
        """Who may be seen. Found out for the whole of a picture that `is_another`; while it is the same it holds, but
        where voxels change: what hid somebody may have gone.
        """
        assert self._gbuffer is not None
        if is_another:
            self._sight = self._gbuffer.look(
                view.camera, self._meshes, self._static, [self._all_px], self._screen.keys
            )  # fmt: skip
        elif remeshed is not None and len(remeshed.bricks):
            self._sight = self._sight.without(remeshed.low, remeshed.high)
        return self._sight

    def _shadow_hulls(self, view: View, low: NDArray[np.floating], high: NDArray[np.floating]) -> F64:
        """Points [n, 16, 3] whose hulls hold boxes [n, 3] (metres, world) and all the shadow they throw."""
        assert self._shadow.frame is not None
        pad = 4.0 * self._shadow.frame.texel_m + self._shadow.frame.offset_m
        towards = np.asarray(view.sky.sun_direction, np.float64)
        corners = tiles.box_corners(low.astype(np.float64) - pad, high.astype(np.float64) + pad)
        return tiles.swept(corners, towards, self._floor_m, SHADOW_REACH_M)

    def _clip(self, view: View) -> F64:
        return clip_from_world(view.camera, self._size_px[0] / self._size_px[1])

    def _lap(self, stats: dict[str, object], stage: str) -> None:
        if self.settings.profile:
            self.context.finish()
        now = time.perf_counter()
        stats["ms"][stage] = stats["ms"].get(stage, 0.0) + (now - stats["_lap"]) * 1e3  # type: ignore
        stats["_lap"] = now

    def _follow_materials(self, view: View) -> None:
        assert self._gbuffer is not None
        self._gbuffer.follow_patterns(view.materials)
        if self._materials is None or self._materials[0] is not view.materials:
            if self._materials is not None:
                self._materials[1].release()
            self._materials = (view.materials, material_texture(self.context, view.materials))
            self._drawn = None

    def _follow_voxels(self, view: View) -> Remeshed | None:
        """Which quads were made again, None for all of them."""
        if self._origin is not view.voxels.origin or self._grid_shape != view.voxels.material.shape:
            self._meshes = Meshes()
            self._origin, self._grid_shape = view.voxels.origin, view.voxels.material.shape
            self._screen = tiles.PagesOnScreen(self._size_px)
        remeshed = self._meshes.update(view.voxels)
        if remeshed is None:
            self._static.release()
            self._drawn = None
        if remeshed is None or len(remeshed.bricks):
            self._static.update(self._meshes)
            low, high = self._meshes.bounds()
            self._floor_m = float(low[2])
            self._shadow.occupancy.follow(view.voxels, None if remeshed is None else remeshed.bricks, float(high[2]))
        return remeshed

    def _follow_far(self, view: View, window: Window) -> None:
        if view.land is None:
            self._far = self._far_of = None
            return
        if self._far is None or self._far_of is not view.land.base:
            self._far, self._far_of = FarField(view.land), view.land.base
            self._far_static.release()
        if self._far.follow(view.land, window.low, window.high):
            self._far_static.update(self._far.meshes)
            self._drawn = None

    def _follow_shadow(self, view: View, posed: PosedBodies, remeshed: Remeshed | None) -> None:
        """Draw the shadow maps where needed."""
        if not view.sky.sun.any():
            self._shadow.rest(remeshed is None or len(remeshed.bricks) > 0)
            return
        eye = np.asarray(view.camera.position)
        self._shadow.update_static(view.sky.sun_direction, self._meshes, self._static, eye, remeshed)
        hulls = self._shadow_hulls(view, posed.low, posed.high)
        planes = frustum_planes(self._clip(view), (0, 0, *self._size_px), self._size_px)
        inside: Bool = np.greater(hulls @ planes[:, :3].T + planes[:, 3], 0.0)  # [B, 16, 5]
        casts: Bool = np.all(np.any(inside, axis=1), axis=1)  # a hull all beyond one plane is not in the picture
        self._shadow.update_bodies(posed, self._bodies, casts)

    def _body_light(self, view: View, posed: PosedBodies, light: LightCache | None, seen: Bool) -> F32:
        """What BodyMesh.update wants: e at vertices, for emissive materials the radiance that leaves them. Of bodies
        [B] that are not seen it need not be known.
        """
        most = None if self.settings.most_bricks is None else BODIES_PER_FRAME
        if light is None:
            e = np.zeros((len(posed.position), 3), np.float32)
        else:
            e = light.body_light(view, posed, most, seen)
        self._glow.put_into(e, view, posed, light is not None)
        return e

    def _to_be_drawn(self, view: View, posed: PosedBodies, body_light: F32, seen: Bool) -> Drawn:
        """What the picture of a view is made of."""
        settings, lamps = self.settings, view.lamps
        others: tuple[object, ...] = (settings.look, settings.antialias, self._shadow.bodies_cast)
        if settings.look == "raster" or not self.is_lit:
            others += tuple(a.tobytes() for a in (lamps.radiance, lamps.centre, lamps.size))
        return Drawn(view.camera, shading_of(view, *others), self._shadow.frame, posed, body_light, seen)

    def release(self) -> None:
        """Give all GPU memory back."""
        kept = (self._static, self._far_static, self._bodies, self._shadow, self._resolve, self._gbuffer, self._gloss)
        for thing in (*self._atlases.values(), *kept):
            if thing is not None:
                thing.release()
        if self._materials is not None:
            self._materials[1].release()
        # Renderer and canvas know each other, which only a search for garbage would end.
        self.settings = Settings(self.settings.look)
        self._lights.clear()


def _split(total: int, regenerated: int) -> dict[str, int]:
    return {"reused": max(total - regenerated, 0), "regenerated": regenerated}
