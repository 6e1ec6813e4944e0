"""What reflections are worked out from: the glossy pixels of a picture, and the scene that their rays meet."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.light.cache import LightCache
from engine.light.compiled import leaf
from engine.light.faces import Faces
from engine.light.furniture import Furniture, grouped, no_furniture
from engine.light.trace import Voxels, voxels_of
from engine.view import View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]

BLOCK = 256  # pixels that a thread works through with the same scratch


class Pixels(NamedTuple):
    """Glossy pixels of a picture. Arrays of all H * W pixels, filled in at those whose `kind` is glossy."""

    width: int
    eye: F64  # [3] metres, world
    kind: U8  # [n] material
    place: F32  # [n, 3] metres, world
    normal: F32  # [n, 3] unit, world
    albedo: F32  # [n, 3] linear RGB
    own: F32  # [n, 3] e of a body's surface, what a ray reads that begins inside a voxel
    is_body: NDArray[np.bool_]  # [n]


class Scene(NamedTuple):
    """What rays read where they arrive."""

    traced: bool  # False: no voxels, a part of the sky everywhere
    patch_spot: I32
    radiance: U32  # [S] Relight.radiance
    sun: F32  # the fields of SkyView, [3] each
    zenith: F32
    horizon: F32
    glow: F32
    ground: F32
    part_radiance: F32  # [N, 6, 3] of all bodies
    body: I32  # [B] their numbers, see `furniture.grouped`
    group_box: F64  # [G, 2, 3]


class Surroundings(NamedTuple):
    """What rays meet and read. Kernels take it field by field: they know no tuple in a tuple, and to put one together
    for every ray counts a reference to each array in it.
    """

    voxels: Voxels
    faces: Faces
    bodies: Furniture
    scene: Scene


def surroundings_of(view: View, light: LightCache | None) -> Surroundings:
    """What rays meet in a view whose light is current in a cache; None is the raster look."""
    sky = view.sky
    sky_parts = (sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground)
    parts: list[Any] = [np.ascontiguousarray(part, np.float32) for part in sky_parts]
    bodies = no_furniture() if light is None else light.bodies_met
    parts.append(np.zeros((0, 6, 3), np.float32) if light is None else light.body_radiance(view))
    parts += grouped(bodies)
    if light is None:
        none, no_bits = np.zeros(1, np.int32), np.zeros(1, np.uint64)
        voxels = voxels_of(np.zeros((8, 8, 8), np.uint8))
        faces = Faces(none, np.zeros((1, 3), np.int32), no_bits, none, none)
        scene = Scene(False, np.zeros((1, 3), np.int32), np.zeros(1, np.uint32), *parts)
        return Surroundings(voxels, faces, bodies, scene)
    surface = light.transport.surface
    scene = Scene(True, surface.patch_spot, light.radiance, *parts)
    return Surroundings(light.transport.voxels, surface.faces, bodies, scene)


@leaf
def stand(pixels, i, o, n, v):
    """Where rays of a pixel begin (a little before its surface), its normal and the direction to the eye."""
    r = 0.0
    for c in range(3):
        n[c] = pixels.normal[i, c]
        v[c] = pixels.eye[c] - pixels.place[i, c]
        r += v[c] * v[c]
    r = 1.0 / math.sqrt(max(r, 1e-12))
    lift = 1e-2 if pixels.is_body[i] else 2e-3
    for c in range(3):
        v[c] *= r
        o[c] = pixels.place[i, c] + lift * n[c] + 2e-3 * v[c]
