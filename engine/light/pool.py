"""The pool of decoded texels: what the camera has asked for so far, one row each.

A row keeps what geometry decides (the network's residual, form factors of the lamps that reach it) and what light
decides (indirect and lamp e). Geometry's part stays valid until a voxel that it read changes; light's part is a cheap
sum over it.
"""

import numpy as np
from numpy.typing import NDArray

from engine.core.units import VOXEL_M
from engine.light import decode
from engine.light.lamps import LAMPS_PER_TEXEL, LampTransport, fine_factors, fine_light
from engine.light.network import RESIDUALS, Network
from engine.light.transport import Change, Transport

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

ROW_BYTES = 4 * (RESIDUALS + LAMPS_PER_TEXEL * 5 + 3 + 12)


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
        self.residual = np.zeros((0, RESIDUALS), np.float32)  # [R, 18]
        self.lamp_of = np.zeros((0, LAMPS_PER_TEXEL), np.int32)  # [R, 16] lamp, -1 none
        self.factor_of = np.zeros((0, LAMPS_PER_TEXEL, 4), np.float32)  # [R, 16, 4]
        self.e_indirect = np.zeros((0, 3), np.float32)  # [R, 3]
        self.e_lamp = np.zeros((0, 4, 3), np.float32)  # [R, 4, 3]
        self.residual_valid = np.zeros(0, np.bool_)  # [R]
        self.lamps_valid = np.zeros(0, np.bool_)  # [R]
        self.light_stamp = np.zeros(0, np.int64)  # [R] of e_indirect and e_lamp

    def follow(self, change: Change, transport: Transport, lamps: LampTransport) -> None:
        """Void what a change of voxels makes void. `lamps` as they were when the factors were made."""
        place = transport.surface.place
        more = len(place) - len(self.row_of_texel)
        if more:
            self.row_of_texel = np.concatenate([self.row_of_texel, np.full(more, -1, np.int32)])
        self.row_of_texel[place[:, 3] < 0] = -1
        self.row_of_texel[change.fresh] = -1
        rows = self.row_of_texel[change.reread]
        self.residual_valid[rows[rows >= 0]] = False

        texels = np.flatnonzero(self.row_of_texel >= 0)
        if not len(texels) or not len(lamps.shapes.low):
            return
        rows = self.row_of_texel[texels]
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
        more = self._n - len(self.residual)
        if more > 0:
            more = max(more, len(self.residual) // 2)
            for name, array in list(vars(self).items()):
                if isinstance(array, np.ndarray) and name != "row_of_texel":
                    setattr(self, name, np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)]))
        return self.row_of_texel[texels]

    def work_out_geometry(
        self,
        texels: I32,
        rows: I32,
        transport: Transport,
        network: Network,
        lamps: LampTransport,
        most_lamps: int | None = None,
    ) -> None:
        """Residuals and lamp factors of some texels, where they are void; of lamps the first `most_lamps` only."""
        surface, probes = transport.surface, transport.probes
        void = ~self.residual_valid[rows]
        if void.any():
            decode.texel_residuals(
                transport.grid, surface.place, transport.index, transport.weight, probes.position, probes.clearance,
                texels[void], rows[void], network.w1, network.b1, network.w2, network.b2, network.w3, network.b3,
                self.residual,
            )  # fmt: skip
            self.residual_valid[rows[void]] = True
            self.light_stamp[rows[void]] = -1
        dark = np.flatnonzero(~self.lamps_valid[rows])[:most_lamps]
        if len(dark):
            fine_factors(
                transport.voxels, surface.place, texels[dark], rows[dark], lamps.shapes, self.lamp_of, self.factor_of
            )
            self.lamps_valid[rows[dark]] = True
            self.light_stamp[rows[dark]] = -1

    def work_out_light(
        self, texels: I32, rows: I32, transport: Transport, latent: F32, lamp_radiance: F32, coarse: F32, stamp: int
    ) -> None:
        """Light of some texels from latents [P, 6, 3, 3] and lamps [L, 3].

        Texels whose lamp factors are still void get the coarse lamp light [T, 3] that bounces are made of.
        """
        decode.texel_light(
            transport.surface.place, transport.index, transport.weight, latent, self.residual, texels, rows,
            self.e_indirect,
        )  # fmt: skip
        fine_light(rows, self.lamp_of, self.factor_of, lamp_radiance, self.e_lamp)
        waits = ~self.lamps_valid[rows]
        self.e_lamp[rows[waits]] = coarse[texels[waits], None]
        self.light_stamp[rows] = stamp
