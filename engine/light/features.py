"""What the network learns from: the same transport, rays and means as in play, for any texels of a scene."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light import gather
from engine.light.fixtures import lamp_shapes
from engine.light.furniture import no_furniture
from engine.light.lamps import LampTransport
from engine.light.probelight import ProbeLight
from engine.light.relight import Direct, Relight, Scene, passes_for
from engine.light.skylight import look_for_sun
from engine.light.transport import Transport
from engine.view import Lamps, SkyView, VoxelView

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Gathered:
    """What rays bring to n texels under one light, and what their probes say."""

    moment: F32  # [n, 3, 4, 3] e: of a texel, 3 x 3 and 5 x 5 texels; bin of distance; colour
    probe: F32  # [n, 3] e of the classical look


class SceneFeatures:
    """Transport of one scene and the rays of some of its texels, ready to be asked for light."""

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

    def look_from(self, texels: I32) -> F32:
        """Trace the rays of some texels [n] (numbers from `self.texels`) and of those around them; `gather` is about
        these from now on. Returns shares of rays: [n, 3, 4] of a texel, 3 x 3 and 5 x 5 texels, by bin of distance.
        """
        self._wanted = texels
        around = self._around(texels)
        ring = np.unique(around[around >= 0]).astype(np.int32)
        around_ring = self._around(ring)
        self._outer = np.unique(around_ring[around_ring >= 0]).astype(np.int32)
        n = len(self._outer)
        self._row = np.full(len(self.surface.place) + 1, n, np.int32)  # texel -> row, the last for those not there
        self._row[self._outer] = np.arange(n, dtype=np.int32)
        self._to_near, self._to_wide = self._row[around_ring], np.searchsorted(ring, around)
        self._to_wide[around < 0] = len(ring)
        self._n_rays = gather.rays_wanted(self._around(self._outer))
        self._met = np.empty((n, gather.EDGE_RAYS), np.uint32)
        rows = self._row[self._outer]
        gather.trace_texels(
            self.transport.voxels, no_furniture(), self.surface.place, self.surface.faces,
            self._outer, rows, self._n_rays, np.full(n, gather.ALL_RAYS), self._met,
        )  # fmt: skip
        share = np.zeros((n, gather.BINS), np.float32)
        gather.ray_shares(rows, self._n_rays, self._met, share)
        return self._means(share)

    def gather(self, sky: SkyView, lamps: Lamps | None) -> Gathered:
        """Light on the texels that `look_from` was given, under a sky (its sun reaches surfaces, never rays) and lamps
        (direct light on surfaces only).
        """
        place = self.surface.place
        lit = np.zeros(len(place), np.uint32)
        if lamps is not None and len(lamps.centre):
            transport = LampTransport()
            transport.update(lamp_shapes(lamps), self.transport.voxels, self.surface, None)
            lit = transport.direct(len(place), lamps.radiance)
        sun_share = np.zeros(len(place), np.uint8)
        if sky.sun.any():
            x, y, z = (float(v) for v in sky.sun_direction)
            look_for_sun(self.transport.voxels, no_furniture(), place, x, y, z, self.texels, sun_share)
        relight = Relight()
        passes = passes_for(self.albedo[self._material[self.texels]])
        direct = Direct(lit, sun_share, sky.sun, sky.sun_direction)
        relight.run(Scene(self.transport, self.albedo, self.albedo, self.emission, direct, sky), passes)
        moment = np.zeros((len(self._outer), gather.BINS, 3), np.float32)
        rows, from_sky = self._row[self._outer], np.zeros_like(moment)
        gather.gather_sky(
            place, self._outer, rows, self._n_rays, self._met, sky.sun_direction, sky.zenith, sky.horizon,
            sky.glow, sky.ground, from_sky,
        )  # fmt: skip
        no_parts = np.zeros((0, 3), np.float32)
        gather.gather_light(
            rows, self._n_rays, self._met, self.surface.patch_spot, relight.radiance, no_parts, from_sky,
            moment,
        )  # fmt: skip
        probe = ProbeLight(self.transport, relight).on(self._wanted, sky)
        return Gathered(self._means(moment), probe)

    def _around(self, texels: I32) -> I32:
        around = np.empty((len(texels), gather.NEIGHBOURS), np.int32)
        surface, shape = self.surface, np.array(self.transport.grid.shape)
        gather.find_neighbours(surface.place, surface.faces, shape, texels, around)
        return around

    def _means(self, own: F32) -> F32:
        """[R, ...] of all rows -> [n, 3, ...] of the wanted texels: own, mean over 3 x 3, mean over those."""
        near = _mean_of(own, self._to_near)
        wanted, around = self._row[self._wanted], self._to_wide
        return np.stack([own[wanted], near[around[:, 0]], _mean_of(near, around)], 1)


def _mean_of(values: F32, index: NDArray[np.integer]) -> F32:
    """Mean of values [R, ...] over index [n, 9]; an index of R counts as not there."""
    padded = np.concatenate([values, np.zeros((1, *values.shape[1:]), np.float32)])
    count = (index < len(values)).sum(1).reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray(padded[index].sum(1) / count, np.float32)
