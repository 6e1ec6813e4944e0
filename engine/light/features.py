"""What the network learns from: the same transport, latents and patches as in play, for any texels of a scene."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light import decode
from engine.light.formfactor import lamp_shapes
from engine.light.lamps import LampTransport
from engine.light.latents import MOMENTS, probe_moments
from engine.light.probes import share
from engine.light.relight import Relight, sun_visibility
from engine.light.transport import Transport
from engine.view import Lamps, SkyView, VoxelView

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class TexelFeatures:
    """Geometry side of the decoder's inputs for n texels."""

    place: NDArray[np.int32]  # [n, 4] voxel x, y, z and side
    index: NDArray[np.int32]  # [n, 8] probes
    weight: F32  # [n, 8]
    patch: F32  # [n, 196]
    clearance: F32  # [n, 6] local sides
    offset: F32  # [n, 3] metres: u, v, n


class SceneFeatures:
    """Transport of one scene, ready to be asked for features of texels and moments of light sources."""

    def __init__(self, voxels: NDArray[np.uint8], albedo: F32, emission: F32) -> None:
        """`voxels` [X, Y, Z] material indices; `albedo`, `emission` [M, 3]."""
        self.albedo, self.emission = albedo.astype(np.float32), emission.astype(np.float32)
        stamp = np.zeros(tuple(n // BRICK for n in voxels.shape), np.int64)
        self.transport = Transport(VoxelView(voxels, stamp))
        self.surface, self.probes = self.transport.surface, self.transport.probes
        self.texels = self.surface.alive()
        place = self.surface.place
        self._material = np.zeros(len(place), np.uint8)
        self._material[self.texels] = self.transport.grid[tuple(place[self.texels, :3].T)]

    def geometry(self, texels: NDArray[np.int32]) -> TexelFeatures:
        """Features of some texels [n] (numbers from `self.texels`)."""
        n = len(texels)
        patch = np.empty((n, decode.PATCH), np.float32)
        clearance, offset = np.empty((n, 6), np.float32), np.empty((n, 3), np.float32)
        probes, index, weight = self.probes, self.transport.index, self.transport.weight
        decode.texel_features(
            self.transport.grid, self.surface.place, index, weight, probes.position, probes.clearance, texels,
            patch, clearance, offset,
        )  # fmt: skip
        return TexelFeatures(self.surface.place[texels], index[texels], weight[texels], patch, clearance, offset)

    def moments(self, sky: SkyView, lamps: Lamps | None) -> F32:
        """Moments [P, 6, 8, 3] under a sky (its sun reaches surfaces, never rays) and lamps (direct light on surfaces
        only).
        """
        place, probes = self.surface.place, self.probes
        direct = np.zeros((len(place), 3), np.float32)
        if lamps is not None and len(lamps.centre):
            transport = LampTransport()
            transport.update(lamp_shapes(lamps), self.transport.voxels, place, None)
            direct += transport.direct(len(place), lamps.radiance)
        if sky.sun.any():
            visible = np.zeros(len(place), np.float32)
            x, y, z = (float(v) for v in sky.sun_direction)
            sun_visibility(self.transport.voxels, place, x, y, z, self.texels, visible)
            direct += visible[:, None] * sky.sun
        relight = Relight()
        relight.run(self.transport, self._material, self.albedo, self.emission, direct, sky)
        moment = np.zeros((len(probes.alive), 6, MOMENTS, 3), np.float32)
        alive = np.flatnonzero(probes.alive).astype(np.int32)
        part = np.empty((len(alive), 6, MOMENTS, 3), np.float32)
        probe_moments(
            probes.direction,
            probes.cosine_sum,
            probes.hit,
            probes.level,
            probes.bin_at,
            relight.sky,
            relight.texel_radiance,
            alive,
            part,
        )
        moment[alive] = part
        shared = np.zeros_like(moment)
        share(
            probes.link,
            alive,
            moment.reshape(len(moment), 6 * MOMENTS * 3),
            shared.reshape(len(moment), 6 * MOMENTS * 3),
        )
        return shared
