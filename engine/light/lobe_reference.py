"""The slow definition of reflections: many rays from one place, each read where it arrives, none shared or widened."""

import math

import numpy as np
from numpy.typing import NDArray

from engine.light.cache import LightCache
from engine.light.faces import texel_at
from engine.light.furniture import first_part_met, side_met
from engine.light.keeping import unpack
from engine.raster.reference import cast_voxels
from engine.view import View, sky_radiance

F64 = NDArray[np.float64]


def reflected(
    view: View, light: LightCache, point: F64, normal: F64, roughness: float, metal: float, albedo: F64, rays: int
) -> F64:
    """Radiance [3] of the lobe (ggx.py) towards the eye at a point [3] (metres) of a surface, without lamps and sun.

    Facets are drawn by D cos (Walter et al. 2007), which is not how the fast path draws them: the mean of
    L F G vh / (nv nh) over `rays` of them.
    """
    rng = np.random.default_rng(5)
    u, phi = rng.random(rays), 2 * np.pi * rng.random(rays)
    a2 = roughness**4
    nh = np.sqrt((1 - u) / (1 + (a2 - 1) * u))
    across = np.array([1.0, 0, 0]) if abs(normal[0]) < 0.9 else np.array([0, 1.0, 0])
    t = np.cross(normal, across)
    t /= np.linalg.norm(t)
    b = np.cross(normal, t)
    sine = np.sqrt(1 - nh**2)[:, None]
    half = sine * (np.cos(phi)[:, None] * t + np.sin(phi)[:, None] * b) + nh[:, None] * normal
    to_eye = np.asarray(view.camera.position) - point
    to_eye /= np.linalg.norm(to_eye)
    vh = half @ to_eye
    out = 2 * vh[:, None] * half - to_eye
    nl, nv = out @ normal, float(normal @ to_eye)
    keep = (nl > 0) & (vh > 0)

    def g1(c: F64) -> F64:
        return np.asarray(2 * c / (c + np.sqrt(a2 + (1 - a2) * c * c)))

    f0 = 0.04 * (1 - metal) + metal * albedo
    fresnel = f0 + (1 - f0) * ((1 - np.clip(vh, 0, 1)) ** 5)[:, None]
    weight = np.where(keep, g1(np.maximum(nl, 1e-9)) * g1(np.array(nv)) * vh / (nv * nh), 0.0)
    seen = incoming(view, light, point + 2e-3 * (normal + to_eye), out)
    return np.asarray((seen * fresnel * weight[:, None]).mean(0))


def incoming(view: View, light: LightCache, origin: F64, direction: F64) -> F64:
    """Radiance [n, 3] along unit directions [n, 3]: of the body or voxel face that is met, else of the sky."""
    surface, grid, radiance = light.transport.surface, view.voxels.material, light.radiance
    bodies, shine = light.bodies_met, light.body_radiance(view)
    everybody = np.arange(len(bodies.low), dtype=np.int32)
    hits = cast_voxels(grid, origin, direction)
    out = sky_radiance(view.sky, direction.astype(np.float32)).astype(np.float64)
    _, ny, nz = (n >> 3 for n in grid.shape)
    for i in np.flatnonzero(np.isfinite(hits.distance)):
        x, y, z = hits.voxel[i].tolist()
        t = texel_at(surface.faces, x, y, z, int(hits.side[i]), ny, nz)
        out[i] = unpack(radiance[t]) if t >= 0 else math.nan
    for k, (x, y, z) in enumerate(direction.tolist()):
        reach = min(float(hits.distance[k]), 1e4)
        met, part = first_part_met(
            bodies, everybody, len(everybody), origin[0], origin[1], origin[2], x, y, z, reach
        )  # fmt: skip
        if part >= 0:
            at = origin + met * direction[k]
            out[k] = shine[part, side_met(bodies, part, at[0], at[1], at[2])]
    return out
