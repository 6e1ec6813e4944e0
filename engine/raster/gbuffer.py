"""The G-buffer: what each pixel sees, drawn in one pass with OpenGL.

| channel     | dtype, shape        | unit, space |
|-------------|---------------------|---|
| albedo      | float32 [H, W, 3]   | linear RGB 0..1, pattern included (stored as sqrt in 8 bits: within 0.004) |
| normal      | float32 [H, W, 3]   | unit, world (octahedral, 16 bits each) |
| depth       | float32 [H, W]      | metres along the camera's forward axis; inf where nothing was hit |
| motion      | float32 [H, W, 2]   | px, x right, y down: where the point is now minus where it was (1/32 px, +-1023) |
| entity      | int64 [H, W]        | entity index of the body, -1 for static voxels and for the sky |
| material    | uint8 [H, W]        | index into Materials, 0 where nothing was hit |
| page        | int64 [H, W]        | surface page key of a static face, -1 elsewhere |
| body_light  | float32 [H, W, 3]   | e at a body's surface, 0 elsewhere (within 1/512 of its largest channel) |

Row 0 is the top of the image. On the GPU what pictures need lies in one target, as every fetch and every target costs
time: RGBA32UI (depth with bit 31 set where it shines; normal; page key + 1, or bit 31 and the packed e of a body, or
all bits set in the far field; albedo and material). Entity + 1 and motion lie in another, RG32UI, which is drawn when
asked for. All bits are zero where nothing was hit.
"""

import math
from dataclasses import dataclass
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.raster import patterns
from engine.raster.buffers import BodyMesh, StaticMesh
from engine.raster.far import SCALE, FarField
from engine.raster.meshes import Meshes
from engine.raster.programs import program, set_uniforms
from engine.raster.visibility import Rect, Sight, clip_from_world
from engine.state.blueprint import Materials
from engine.state.camera import Camera

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

FAR = 0xFFFFFFFF  # what stands in place of a page in the far field
SEAM_PX = 0.01  # how far a quad grows to close T-junctions


@dataclass(frozen=True)
class GBufferArrays:
    """The channels of the table above."""

    albedo: F32
    normal: F32
    depth: F32
    motion: F32
    entity: NDArray[np.int64]
    material: NDArray[np.uint8]
    page: NDArray[np.int64]
    body_light: F32


def gl_matrix(matrix: F64) -> bytes:
    """A matrix as OpenGL reads it: float32, column after column."""
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()


def material_texture(context: moderngl.Context, materials: Materials) -> moderngl.Texture:
    """[3, 256] RGBA32F: row 0 albedo and pattern (+ 16 where there is emission), row 1 emission, row 2 roughness (1
    where there is no lobe), metal, scale and shift of the pattern.
    """
    table = np.zeros((3, 256, 4), np.float32)
    n = len(materials.albedo)
    table[0, :n, :3], table[0, :n, 3], table[1, :n, :3] = materials.albedo, materials.pattern, materials.emission
    table[0, :n, 3] += 16.0 * materials.emission.any(-1)
    table[2, :n, 0], table[2, :n, 1] = np.where(materials.glossy, materials.roughness, 1.0), materials.metal
    table[2, :n, 2], table[2, :n, 3] = materials.pattern_scale, materials.pattern_shift
    texture = context.texture((256, 3), 4, table.tobytes(), dtype="f4")
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return texture


class GBuffer:
    """The targets of one picture size, and the pass that fills them."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int]) -> None:
        self.context, self.size_px = context, size_px
        self.surface = context.texture(size_px, 4, dtype="u4")
        self.surface.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._more = context.renderbuffer(size_px, 2, dtype="u4")
        self._depth = context.depth_texture(size_px)
        self._target = context.framebuffer([self.surface], self._depth)
        self._whole_target = context.framebuffer([self.surface, self._more], self._depth)
        self._depth_only = context.framebuffer(depth_attachment=self._depth)
        defines = {"PATTERN_M": patterns.PATTERN_M, "PATTERN_TEXELS": float(patterns.TEXELS)}
        defines["PATTERN_LEVELS"], defines["PATTERN_TURN"] = float(patterns.LEVELS), patterns.SHIFT_V
        self._defines = defines
        self._programs: dict[tuple[str, ...], moderngl.Program] = {}
        self._occluders = program(context, "voxels.vert", "shadow.frag")
        self._patterns = context.texture(patterns.ATLAS_PX, 4, dtype="f1")
        self._patterns.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._patterns.repeat_x = self._patterns.repeat_y = False
        self._patterns_made: set[int] = set()  # layers
        self._read = np.empty((size_px[1], size_px[0], 4), np.uint32)
        self._keys = np.empty((size_px[1], size_px[0]), np.uint32)
        self._depth_read = np.empty((size_px[1], size_px[0]), np.float32)
        self._looked: list[Rect] = []  # rectangles whose depth is that of `look`

    def follow_patterns(self, materials: Materials) -> None:
        """Make the patterns that materials have, before they are drawn. All of them would take half a second."""
        for layer in set(materials.pattern.tolist()) - self._patterns_made:
            image = patterns.atlas_of(patterns.NAMES[layer])
            rows, columns = image.shape[:2]
            self._patterns.write(image, viewport=(0, layer * rows, columns, rows))
            self._patterns_made.add(layer)

    def look(
        self, camera: Camera, meshes: Meshes, static: StaticMesh, rects: list[Rect], likely: NDArray[np.integer]
    ) -> Sight:  # fmt: skip
        """What the camera may see in rectangles of the targets, before `draw` fills them.

        `likely` are surface pages that may well be in view, such as those of the last picture: their depth is drawn,
        and what is then hidden altogether is not drawn at all; the picture is the same whatever they are.
        """
        self._looked = rects
        table, sight = meshes.table, Sight(camera, self.size_px)
        before = table.rows(likely) if rects else np.empty(0, np.int64)
        self._set_state(True)
        set_uniforms(self._occluders, **self._lens(camera))
        self._depth_only.use()
        for rect in rects:
            self._depth_only.scissor = rect
            self._depth_only.clear(depth=1.0, viewport=rect)
            if len(before):
                occludes = np.zeros(len(table.page), np.bool_)
                occludes[before] = sight.touches(table.low[before], table.high[before], rect)
                static.draw(self._occluders, table, occludes)
        self._set_state(False)
        if not len(before):
            return sight
        self._depth.read_into(self._depth_read)
        return Sight(camera, self.size_px, self._depth_read)

    def draw(
        self,
        sight: Sight,
        previous_camera: Camera,
        meshes: Meshes,
        static: StaticMesh,
        bodies: BodyMesh,
        materials: moderngl.Texture,
        rects: list[Rect],
        far: tuple[FarField, StaticMesh] | None = None,
        again: Bool | None = None,
        whole: bool = False,
    ) -> None:
        """Fill rectangles of the targets, of which `sight` is what `look` has just seen. `far` is the far field of a
        large world with its buffers, `whole` asks for the channels that no picture needs too. Where bodies in
        other rectangles have another light, `again` [B] are all that may be seen there.
        """
        assert rects == self._looked, "depth of another picture lies there"
        self._looked = []
        camera, (width, height) = sight.camera, self.size_px
        common = {
            **self._lens(camera),
            "previous_clip_from_world": gl_matrix(clip_from_world(previous_camera, width / height)),
            "size_px": (float(width), float(height)),
            "pixel_m": 2.0 * math.tan(camera.fov_y / 2) / height,
            "materials": 0,
            "patterns": 1,
            "patterns_scale": (1.0 / self._patterns.width, 1.0 / self._patterns.height),
            "corner": (0.0, 0.0, 0.0) if far is None else tuple(-far[0].origin_m),
        }
        voxels, coats = self._program("voxels.vert", whole), bodies.has_skin.any()
        set_uniforms(voxels, **common)
        people = self._program("bodies.vert", whole, BODIES=True)
        set_uniforms(people, **common)
        if coats:
            skins = self._program("bodies.vert", whole, BODIES=True, SKINS=True)
            set_uniforms(skins, **common, picture=2, glow_picture=3)
        if far is not None:
            blocks = self._program("voxels.vert", whole, FAR_SCALE=SCALE)
            set_uniforms(blocks, **common, far_origin=tuple(far[0].origin_m))
        materials.use(0)
        self._patterns.use(1)
        self._set_state(True)
        table = meshes.table
        target = self._whole_target if whole else self._target
        target.use()
        target.depth_mask = False
        for rect in rects:
            target.clear(0.0, 0.0, 0.0, 0.0, viewport=rect)
        target.depth_mask = True
        for rect in rects:
            target.scissor = rect
            static.draw(voxels, table, sight.sees_pages(table, rect))
            if far is not None:
                beyond = sight.through(far[0].scaled(camera))
                far[1].draw(blocks, far[0].meshes.table, beyond.sees_pages(far[0].meshes.table, rect))
            seen = sight.sees(*bodies.boxes, rect)
            bodies.draw(people, seen & ~bodies.has_skin)
            if coats:
                bodies.draw_coats(skins, seen)
        target.scissor = (0, 0, width, height)
        if again is not None:  # all over themselves: where some are as near as others, the last one stays the last
            bodies.draw(people, again & ~bodies.has_skin)
            if coats:
                bodies.draw_coats(skins, again)
        self._set_state(False)

    def _lens(self, camera: Camera) -> dict[str, Any]:
        """The uniforms of a camera that depth alone needs."""
        width, height = self.size_px
        return {
            "clip_from_world": gl_matrix(clip_from_world(camera, width / height)),
            "eye": tuple(camera.position),
            "seam": SEAM_PX * 2.0 * math.tan(camera.fov_y / 2) / height,
        }

    def _set_state(self, draws: bool) -> None:
        """The state of OpenGL that geometry is drawn in, or that all else expects."""
        context = self.context
        context.front_face = "cw" if draws else "ccw"  # the image is upside down in OpenGL's eyes
        if not draws:
            context.disable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
            return
        context.disable(moderngl.BLEND)
        context.enable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        # Passes where a pixel's depth is there already; equals go by the order, which is fixed.
        context.depth_func = "<="

    def _program(self, vertex: str, whole: bool, **parts: float) -> moderngl.Program:
        key = (vertex, str(whole), *parts)
        if key not in self._programs:
            defines = {**self._defines, **parts}
            self._programs[key] = program(self.context, vertex, "gbuffer.frag", LOOKS=True, WHOLE=whole, **defines)
        return self._programs[key]

    def read(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """The target of pictures [H, W, 4], and of it what tells pages: 0, page key + 1, or bit 31 and more [H, W].

        Both are overwritten by the next call.
        """
        self.surface.read_into(self._read)
        np.copyto(self._keys, self._read[..., 2])
        return self._read, self._keys

    def arrays(self) -> GBufferArrays:
        """All channels, read back and unpacked; the last drawing must have been of the `whole`."""
        width, height = self.size_px
        surface, light = self.read()
        coded = np.ascontiguousarray(surface[..., 3]).view(np.uint8).reshape(height, width, 4)
        more = np.frombuffer(self._whole_target.read(components=2, attachment=1, dtype="u4"), np.uint32).reshape(
            height, width, 2
        )
        hit = surface[..., 0] != 0
        motion = np.ascontiguousarray(more[..., 1]).view(np.int16).reshape(height, width, 2)
        body = (light >> 31 == 1) & (light != FAR)
        e = (
            np.stack([light & 511, light >> 9 & 511, light >> 18 & 511], -1)
            * np.exp2((light >> 27 & 15).astype(np.float32) - 17.0)[..., None]
        )
        return GBufferArrays(
            albedo=((coded[..., :3] / np.float32(255.0)) ** 2).astype(np.float32),
            normal=np.where(hit[..., None], _unpack_normal(surface[..., 1]), 0.0).astype(np.float32),
            depth=np.where(hit, (surface[..., 0] & 0x7FFFFFFF).view(np.float32), np.inf).astype(np.float32),
            motion=motion.astype(np.float32) / 32.0,
            entity=more[..., 0].astype(np.int64) - 1,
            material=coded[..., 3].copy(),
            page=np.where(light >> 31 == 0, light.astype(np.int64) - 1, -1),
            body_light=np.where(body[..., None], e, 0.0).astype(np.float32),
        )

    def release(self) -> None:
        """Give the targets and programs back."""
        for made in (*self._programs.values(), self._occluders):
            made.release()
        for thing in (
            self._target,
            self._whole_target,
            self._depth_only,
            self.surface,
            self._more,
            self._depth,
            self._patterns,
        ):
            thing.release()


def _unpack_normal(packed: NDArray[np.uint32]) -> F32:
    """Octahedral unit vectors (Cigolle et al., JCGT 2014) from two snorm16: [..., 3]."""
    f = np.ascontiguousarray(packed)[..., None].view(np.int16).astype(np.float32) / 32767.0
    z = 1.0 - np.abs(f[..., 0]) - np.abs(f[..., 1])
    t = np.maximum(-z, 0.0)
    n = np.stack([f[..., 0] - np.where(f[..., 0] >= 0, t, -t), f[..., 1] - np.where(f[..., 1] >= 0, t, -t), z], -1)
    return np.asarray(n / np.linalg.norm(n, axis=-1, keepdims=True), np.float32)
