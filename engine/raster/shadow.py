"""The sun's shadow: two orthographic depth maps with one matrix, one for the static world and one for the bodies.

The map's axes are the horizontal across the sun's path and the direction up the screen as the sun sees it; each axis is
fitted to the world by itself, so a low sun, which sees the world as a thin band, gets finer texels where its shadows
are long. A world too large for fine texels is covered by a window around the camera that moves in steps of whole
texels, so that edges do not swim. Both maps are kept until the sun or the window moves; before that, only the parts
round what changed are drawn anew, which gives the same depths as drawing all.

Surfaces are looked up a little off their plane (`offset_m` along the normal, two texels and a bit): seen under any
angle this clears the footprint of the filter, so there is no acne and no striping, and it is far below a voxel, so
nothing floats. Where the texels around a place disagree, the resolve pass asks the voxels themselves (occupancy.py).
"""

from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.raster.bodies import PosedBodies, differing
from engine.raster.buffers import BodyMesh, StaticMesh
from engine.raster.gbuffer import gl_matrix
from engine.raster.meshes import Meshes, Remeshed
from engine.raster.occupancy import Occupancy
from engine.raster.programs import program, set_uniforms
from engine.raster.visibility import Rect, boxes_touch, frustum_planes

F64 = NDArray[np.float64]

MAP_PX = 2048
CELL_PX = 32  # texels: the grain in which it is known where the body map holds anything
WINDOW_M = 96.0  # metres: the edge of the window around the camera in worlds that are larger
STEP_M = 16.0  # metres: how far the camera goes before the window follows
MARGIN_PX = 3.0  # texels: the filter's reach and a margin
WHOLE: Rect = (0, 0, MAP_PX, MAP_PX)
MOST_PARTS = 64  # of a map that are drawn anew one by one
MOST_AREA = 0.25  # of a map: beyond, all of it is drawn anew


@dataclass(frozen=True)
class ShadowFrame:
    """Where the map lies. Light space is metres: x across, y up as the sun sees it, z towards the sun."""

    light_from_world: F64  # [3, 3]
    low: F64  # [3] metres, light space
    high: F64  # [3]

    def equals(self, other: "ShadowFrame") -> bool:
        """Whether both give the same map."""
        pairs = ((self.light_from_world, other.light_from_world), (self.low, other.low), (self.high, other.high))
        return all(np.array_equal(a, b) for a, b in pairs)

    @property
    def clip_from_world(self) -> F64:
        """[4, 4] to OpenGL clip space; nearer the sun is nearer."""
        scale = 2.0 / (self.high - self.low) * np.array([1.0, 1.0, -1.0])
        matrix = np.eye(4)
        matrix[:3, :3] = scale[:, None] * self.light_from_world
        matrix[:3, 3] = -scale * (self.low + self.high) / 2
        return matrix

    @property
    def map_from_world(self) -> F64:
        """[4, 4] to texels (texel 0 has its centre at 0.5) and depth 0..1."""
        scale = np.array([MAP_PX / 2, MAP_PX / 2, 0.5])
        matrix = np.eye(4)
        matrix[:3, :3] *= scale
        matrix[:3, 3] = scale
        return np.asarray(matrix @ self.clip_from_world)

    @property
    def texel_m(self) -> float:
        """Metres: the longer edge of a texel."""
        return float((self.high - self.low)[:2].max() / MAP_PX)

    @property
    def offset_m(self) -> float:
        """Metres along the normal from a surface to where its light is looked up."""
        return 2.2 * self.texel_m + 0.002

    @property
    def slope(self) -> float:
        """Depth that a surface at 45 degrees to the sun gains over the texels around it that are asked.

        These lie up to two texels in x and y (2.83) beyond where it was lifted from, and the lift clears the rest.
        """
        return 3.0 * self.texel_m / float(self.high[2] - self.low[2])


def shadow_frame(sun_direction: NDArray[np.float32], low: F64, high: F64, eye: F64) -> ShadowFrame:
    """The frame for a world box low..high seen by a camera at `eye` (metres, world)."""
    towards = np.asarray(sun_direction, np.float64) / np.linalg.norm(sun_direction)
    across = np.array([-towards[1], towards[0], 0.0])
    length = float(np.linalg.norm(across))
    across = across / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    light = np.stack([across, np.cross(towards, across), towards])
    corners = np.array([[(low, high)[i >> axis & 1][axis] for axis in range(3)] for i in range(8)]) @ light.T
    lo, hi = corners.min(0) - 0.5, corners.max(0) + 0.5
    at = light @ eye
    for axis in range(2):
        if hi[axis] - lo[axis] > WINDOW_M:
            centre = np.round(at[axis] / STEP_M) * STEP_M
            centre = min(max(centre, lo[axis] + WINDOW_M / 2), hi[axis] - WINDOW_M / 2)
            lo[axis], hi[axis] = centre - WINDOW_M / 2, centre + WINDOW_M / 2
    return ShadowFrame(light, lo, hi)


def _parts(low: F64, high: F64) -> list[Rect]:
    """Rectangles that cover boxes [n, 2] of texels, or the whole map where they are many or large."""
    first = np.clip(np.floor(low), 0, MAP_PX).astype(int)
    size = np.clip(np.ceil(high), 0, MAP_PX).astype(int) - first
    first, size = first[(size > 0).all(1)], size[(size > 0).all(1)]
    if len(size) > MOST_PARTS or size.prod(1).sum() > MOST_AREA * MAP_PX**2:
        return [WHOLE]
    return [(int(x), int(y), int(w), int(h)) for (x, y), (w, h) in zip(first, size, strict=True)]


class SunShadow:
    """The two maps and what they were drawn for."""

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        self.frame: ShadowFrame | None = None
        self.static_map = context.depth_texture((MAP_PX, MAP_PX))
        self.body_map = context.depth_texture((MAP_PX, MAP_PX))
        for texture in (self.static_map, self.body_map):
            texture.compare_func = ""
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            texture.repeat_x = texture.repeat_y = False
        self.body_cells = context.texture((MAP_PX // CELL_PX, MAP_PX // CELL_PX), 1, dtype="f1")
        self.body_cells.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._static = context.framebuffer(depth_attachment=self.static_map)
        self._body = context.framebuffer(depth_attachment=self.body_map)
        self._voxels = program(context, "shadow_voxels.vert", "shadow.frag")
        self._bodies = program(context, "shadow_bodies.vert", "shadow.frag")
        self._holes = program(context, "shadow_bodies.vert", "shadow.frag", HOLES=True)
        self._stale = True  # the static map does not show the voxels as they are
        self._posed: PosedBodies | None = None  # as the body map shows them
        self._shown = np.zeros(0, np.bool_)  # [B] the bodies in it, at least those that cast shadows to be seen
        self.bodies_cast = False
        self.occupancy = Occupancy(context)  # what the static map shows, voxel by voxel

    def rest(self, changed: bool) -> None:
        """The sun is down: no map is needed; remembers whether voxels changed meanwhile."""
        self._stale |= changed
        self.bodies_cast = False
        self._posed = None
        if self.frame is None:
            self.frame = ShadowFrame(np.eye(3), np.zeros(3), np.ones(3))
            self._stale = True

    def update_static(
        self, sun: NDArray[np.float32], meshes: Meshes, static: StaticMesh, eye: F64, remeshed: Remeshed | None
    ) -> bool:
        """Draw what of the static map the sun, the window or the quads (None: all) changed; says whether it did."""
        frame = shadow_frame(sun, *meshes.bounds(), eye)
        self._stale |= remeshed is None
        if self.frame is None or not self.frame.equals(frame):
            self.frame, self._stale, self._posed = frame, True, None
        frame = self.frame
        if self._stale or remeshed is None:
            parts = [WHOLE]
        elif len(remeshed.low):
            low, high = self._texels_of(remeshed.low, remeshed.high)
            parts = _parts(low.min(0, keepdims=True), high.max(0, keepdims=True))
        else:
            return False
        self._stale = False
        clip = frame.clip_from_world
        set_uniforms(self._voxels, clip_from_world=gl_matrix(clip), seam=0.01 * frame.texel_m)
        table = meshes.table
        side = table.page // 8 % 6
        sunlit = (
            np.where(side & 1, -1.0, 1.0) * sun[side // 2] > 0
        )  # enough: what the other faces hide, these hide first
        for part in parts:
            self._begin(self._static, part)
            planes = frustum_planes(clip, part, (MAP_PX, MAP_PX))
            static.draw(self._voxels, table, sunlit & boxes_touch(planes, table.low, table.high))
        self._end(self._static)
        return True

    def update_bodies(self, posed: PosedBodies, mesh: BodyMesh, casts: NDArray[np.bool_]) -> None:
        """Bring the map in step with the bodies [B] that cast shadows to be seen; others in it may stay."""
        low, high = self._texels_of(posed.low, posed.high)
        wanted = casts & (high > 0).all(1) & (low < MAP_PX).all(1)
        self.bodies_cast = bool(wanted.any())
        if not self.bodies_cast:
            return
        old, parts, new = self._posed, [WHOLE], wanted
        if old is not None and old.dress is posed.dress:  # the same list of bodies
            moved = differing(posed.first_vertex, old.position, posed.position)
            new = wanted & ~self._shown
            if not (moved & (self._shown | wanted)).any() and not new.any():
                return
            gone, come = self._shown & moved, wanted & moved
            old_low, old_high = self._texels_of(old.low, old.high)
            here, there, changed = come[:, None], gone[:, None], gone | come
            part_low = np.minimum(np.where(there, old_low, np.inf), np.where(here, low, np.inf))
            part_high = np.maximum(np.where(there, old_high, -np.inf), np.where(here, high, -np.inf))
            parts = _parts(part_low[changed], part_high[changed])
            if parts != [WHOLE]:
                wanted, new = wanted | self._shown & ~moved, new & ~moved
        self._posed, self._shown = posed, wanted
        first = np.clip(np.floor(low[wanted] / CELL_PX), 0, None).astype(int)
        last = np.clip(np.ceil(high[wanted] / CELL_PX), None, MAP_PX // CELL_PX).astype(int)
        cells = np.zeros((MAP_PX // CELL_PX, MAP_PX // CELL_PX), np.uint8)
        for (x0, y0), (x1, y1) in zip(first, last, strict=True):
            cells[y0:y1, x0:x1] = 255
        self.body_cells.write(cells)
        assert self.frame is not None
        clip = gl_matrix(self.frame.clip_from_world)
        set_uniforms(self._bodies, clip_from_world=clip)
        set_uniforms(self._holes, clip_from_world=clip, picture=2)
        for part in parts:
            self._begin(self._body, part)
            corner, edge = np.array(part[:2]), np.array(part[2:])
            self._draw_bodies(mesh, wanted & (high > corner).all(1) & (low < corner + edge).all(1))
        if parts != [WHOLE] and new.any():  # beside what was there
            self._begin(self._body, WHOLE, clears=False)
            self._draw_bodies(mesh, new)
        self._end(self._body)

    def _draw_bodies(self, mesh: BodyMesh, seen: NDArray[np.bool_]) -> None:
        mesh.draw(self._bodies, seen & ~mesh.has_holes)
        if mesh.has_holes.any():
            mesh.draw_coats(self._holes, seen & mesh.has_holes)

    def _texels_of(self, low: NDArray[np.floating], high: NDArray[np.floating]) -> tuple[F64, F64]:
        """The boxes [n, 2] of texels that boxes [n, 3] (metres, world) may cover."""
        assert self.frame is not None
        matrix = self.frame.map_from_world[:2]
        centre, half = (low + high) / 2 @ matrix[:, :3].T + matrix[:, 3], (high - low) / 2 @ np.abs(matrix[:, :3]).T
        return centre - half - MARGIN_PX, centre + half + MARGIN_PX

    def _begin(self, target: moderngl.Framebuffer, part: Rect, clears: bool = True) -> None:
        target.use()
        target.scissor = part
        if clears:
            target.clear(depth=1.0, viewport=part)
        self.context.enable(moderngl.DEPTH_TEST)
        self.context.disable(moderngl.CULL_FACE)
        self.context.depth_func = "<"

    def _end(self, target: moderngl.Framebuffer) -> None:
        target.scissor = WHOLE
        self.context.disable(moderngl.DEPTH_TEST)

    def release(self) -> None:
        """Give the maps and programs back."""
        programs = self._voxels, self._bodies, self._holes
        maps = self._static, self._body, self.static_map, self.body_map, self.body_cells, self.occupancy
        for thing in (*programs, *maps):
            thing.release()
