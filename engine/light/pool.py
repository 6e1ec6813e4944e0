"""The pool of decoded texels: what the camera has asked for so far, one row each.

A row keeps what geometry decides (where its rays end, form factors of the lamps that reach it) and what light decides
(what its rays bring, means of that over its neighbours, indirect and lamp e). Geometry's part stays valid until a voxel
that it read changes; light's part is a sum over it.
"""

import numpy as np
from numpy.typing import NDArray

from engine.core.units import VOXEL_M
from engine.light import decode, gather, interpolate
from engine.light.furniture import Furniture
from engine.light.lamps import LAMPS_PER_TEXEL, LampTransport, fine_factors, fine_light
from engine.light.network import Network
from engine.light.relight import Relight
from engine.light.transport import Change, Transport
from engine.view import SkyView

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

ROW_BYTES = gather.TEXEL_RAYS * 5 + 4 * (2 * 16 + LAMPS_PER_TEXEL * 5 + 3 + 12)


class TexelPool:
    """Rows of decoded light; at most `limit` of them unless one picture needs more."""

    def __init__(self, n_texels: int, limit: int) -> None:
        self.limit = limit
        self.row_of_texel = np.full(n_texels, -1, np.int32)  # [T] -1 not decoded
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.row_of_texel[:] = -1
        self._n = 0
        self.ray_hit = np.zeros((0, gather.TEXEL_RAYS), np.int32)  # [R, 64] texel, SKY or BLOCKED
        self.ray_code = np.zeros((0, gather.TEXEL_RAYS), np.uint8)  # [R, 64] how far, see gather.py
        self.rays_valid = np.zeros(0, np.bool_)  # [R]
        self.rays_wait = np.zeros(0, np.bool_)  # [R] shows the probes' light until rays around it are traced
        self.share = np.zeros((0, gather.BINS), np.float32)  # [R, 4] of its rays that end in each bin
        self.moment = np.zeros((0, gather.BINS, 3), np.float32)  # [R, 4, 3] e that its rays bring from each bin
        self.moment_stamp = np.zeros(0, np.int64)  # [R] light stamp
        self.near_share = np.zeros((0, gather.BINS), np.float32)  # [R, 4] means over 3 x 3 texels
        self.near_moment = np.zeros((0, gather.BINS, 3), np.float32)  # [R, 4, 3]
        self.lamp_of = np.zeros((0, LAMPS_PER_TEXEL), np.int32)  # [R, 16] lamp, -1 none
        self.factor_of = np.zeros((0, LAMPS_PER_TEXEL, 4), np.float32)  # [R, 16, 4]
        self.lamps_valid = np.zeros(0, np.bool_)  # [R]
        self.e_indirect = np.zeros((0, 3), np.float32)  # [R, 3]
        self.e_lamp = np.zeros((0, 4, 3), np.float32)  # [R, 4, 3]
        self.light_stamp = np.zeros(0, np.int64)  # [R] of e_indirect and e_lamp

    def follow(self, change: Change, transport: Transport, lamps: LampTransport, furniture_moved: bool = False) -> None:
        """Void what a change of voxels or of furniture makes void. `lamps` as they were when the factors were made."""
        place = transport.surface.place
        more = len(place) - len(self.row_of_texel)
        if more:
            self.row_of_texel = np.concatenate([self.row_of_texel, np.full(more, -1, np.int32)])
        self.row_of_texel[place[:, 3] < 0] = -1
        self.row_of_texel[change.fresh] = -1

        texels = np.flatnonzero(self.row_of_texel >= 0)
        rows = self.row_of_texel[texels]
        if not len(texels):
            return
        crosses = np.zeros(len(texels), np.bool_)
        gather.rays_cross(place, texels, rows, self.ray_code, change.low, change.high, crosses)
        if furniture_moved:  # its parts have other numbers now
            crosses |= (self.ray_hit[rows] <= gather.PART).any(1)
        self.rays_valid[rows[crosses]] = False
        if not len(lamps.shapes.low):
            return
        lamp_of = self.lamp_of[rows]
        corner = place[texels, None, :3] * VOXEL_M
        # Shadow rays stay within the box around the texel's voxel and the lamp: [n, 16, 3].
        low = np.minimum(lamps.shapes.low[np.maximum(lamp_of, 0)], corner - 0.01)
        high = np.maximum(lamps.shapes.high[np.maximum(lamp_of, 0)], corner + VOXEL_M + 0.01)
        void = change.reweighed[texels].copy()
        for box_low, box_high in zip(change.low, change.high, strict=True):
            void |= (((low <= box_high) & (high >= box_low)).all(2) & (lamp_of >= 0)).any(1)
        self.lamps_valid[rows[void]] = False

    def admit(self, texels: I32) -> I32:
        """Rows [n] of some texels, new ones where they have none."""
        missing = texels[self.row_of_texel[texels] < 0]
        if self._n + len(missing) > max(self.limit, len(texels)):
            self.clear()
            missing = texels
        self.row_of_texel[missing] = np.arange(self._n, self._n + len(missing), dtype=np.int32)
        self._n += len(missing)
        more = self._n - len(self.moment)
        if more > 0:
            more = max(more, len(self.moment) // 2)
            for name, array in list(vars(self).items()):
                if isinstance(array, np.ndarray) and name != "row_of_texel":
                    setattr(self, name, np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)]))
        return self.row_of_texel[texels]

    def waits(self, rows: I32) -> Bool:
        """Which rows [n] show a stand-in for light that is still to be worked out."""
        return np.asarray(self.rays_wait[rows] | ~self.lamps_valid[rows])

    def gather(
        self, texels: I32, transport: Transport, furniture: Furniture, relit: Relight, part_radiance: F32, sky: SkyView,
        network: Network, stamp: int, most: int | None,
    ) -> None:  # fmt: skip
        """Indirect light of some texels [n] from their rays, tracing those that are void: of `most` texels if given.

        Texels around which rays are still missing get the probes' light and are marked as waiting.
        """
        surface = transport.surface
        around, ring = self._around(texels, transport)
        around_ring, outer = self._around(ring, transport)
        rows = self.admit(outer)
        void = np.flatnonzero(~self.rays_valid[rows])[:most]
        if len(void):
            gather.trace_texels(
                transport.voxels, furniture, surface.place, surface.page_row, surface.page_texel, outer[void],
                rows[void], self.ray_hit, self.ray_code,
            )  # fmt: skip
            gather.ray_shares(rows[void], self.ray_hit, self.ray_code, self.share)
            self.rays_valid[rows[void]] = True
            self.moment_stamp[rows[void]] = -1
        old = np.flatnonzero(self.rays_valid[rows] & (self.moment_stamp[rows] != stamp))
        gather.gather_light(
            surface.place, outer[old], rows[old], self.ray_hit, self.ray_code, relit.texel_radiance,
            part_radiance, sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground, self.moment,
        )  # fmt: skip
        self.moment_stamp[rows[old]] = stamp

        ready = np.append(self.rays_valid[self.row_of_texel], True)  # [T + 1] the last where there is none
        whole = np.zeros(len(ready), np.bool_)
        whole[ring], whole[-1] = ready[around_ring].all(1), True
        gather.average_around(
            self.row_of_texel[ring], around_ring, self.row_of_texel, self.moment, self.share, self.near_moment,
            self.near_share,
        )  # fmt: skip
        rows, done = self.row_of_texel[texels], whole[around].all(1)
        decode.gathered_light(
            rows[done], around[done], self.row_of_texel, self.moment, self.share, self.near_moment, self.near_share,
            network.w1, network.b1, network.w2, network.b2, self.e_indirect,
        )  # fmt: skip
        self.rays_wait[rows] = ~done
        self.take_from_probes(texels[~done], transport, relit)

    def take_from_probes(self, texels: I32, transport: Transport, relit: Relight) -> None:
        """Indirect light of some texels as the classical look has it."""
        interpolate.probe_light(
            transport.surface.place, transport.index, transport.weight, relit.side_light, texels,
            self.row_of_texel[texels], self.e_indirect,
        )  # fmt: skip

    def light_lamps(
        self, texels: I32, transport: Transport, lamps: LampTransport, radiance: F32, coarse: F32, most: int | None
    ) -> None:
        """Lamp light of some texels [n] for radiance [L, 3]. Void factors are worked out, of `most` texels if given;
        the others get the coarse lamp light [T, 3] that bounces are made of.
        """
        rows = self.row_of_texel[texels]
        void = np.flatnonzero(~self.lamps_valid[rows])[:most]
        fine_factors(
            transport.voxels, lamps.furniture, transport.surface.place, texels[void], rows[void], lamps.shapes,
            self.lamp_of, self.factor_of,
        )  # fmt: skip
        self.lamps_valid[rows[void]] = True
        fine_light(rows, self.lamp_of, self.factor_of, radiance, self.e_lamp)
        late = ~self.lamps_valid[rows]
        self.e_lamp[rows[late]] = coarse[texels[late], None]

    def _around(self, texels: I32, transport: Transport) -> tuple[I32, I32]:
        """Neighbours [n, 9] of some texels, -1 where there is none, and all texels among them."""
        surface = transport.surface
        around = np.empty((len(texels), gather.NEIGHBOURS), np.int32)
        shape = np.array(transport.grid.shape)
        gather.find_neighbours(surface.place, surface.page_row, surface.page_texel, shape, texels, around)
        found = np.zeros(len(surface.place) + 1, np.bool_)
        found[around] = True
        return around, np.flatnonzero(found[:-1]).astype(np.int32)
