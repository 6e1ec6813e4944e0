"""What probes gather, for those who ask: things that move, furniture, and the classical look.

Worked out when it is asked for, from light as it is shown, and kept until that is another: so where nobody asks probes
cost nothing. 64 rays are noisy where light comes through a window; so a probe shares with its neighbours, who see
nearly the same light through other rays.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.interpolate import air_probes, texel_probes
from engine.light.keeping import unpack
from engine.light.probes import DISTANCE_UNIT, SKY, cell_rays
from engine.light.relight import Relight
from engine.light.skylight import sky_towards
from engine.light.surface import spot_of
from engine.light.trace import RAYS
from engine.light.transport import Transport
from engine.view import SkyView

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

OWN_SHARE = np.float32(4.0)  # of a probe's own light against one neighbour's: 4 had the least error of 1, 2, 4 and 8
PER_M = int(1.0 / DISTANCE_UNIT)


@leaf
def _level(distance):
    """Width of the patch (surface.py) that a ray reads: 64 share the sphere, each stands for a disc of about half its
    distance across.
    """
    return (distance >= PER_M) + (distance >= 2 * PER_M) + (distance >= 4 * PER_M)


@njit(parallel=True, cache=True)
def _gather(
    rows, probe, cell, fibonacci, met, distance, weight, weight_sum, patch_spot, radiance, sun, zenith, horizon, glow,
    ground, own,
):  # fmt: skip
    """Light of some rows [n] by side, e: own [R, 6, 3], from radiance [S], packed, and the sky."""
    for i in prange(len(rows)):
        row, c = rows[i], cell[probe[rows[i]]]
        direction, light = np.empty(fibonacci.shape, np.float32), np.empty(3, np.float32)
        cell_rays(c[0], c[1], c[2], fibonacci, direction)
        total = np.zeros((6, 3), np.float32)
        for k in range(RAYS):
            if met[row, k] >= 0:
                spot = spot_of(met[row, k], _level(distance[row, k]), patch_spot)
                light[0], light[1], light[2] = unpack(radiance[spot])
            elif met[row, k] == SKY:
                x, y, z = direction[k, 0], direction[k, 1], direction[k, 2]
                sky_towards(x, y, z, sun, zenith, horizon, glow, ground, light)
            else:
                continue
            for side in range(6):
                for a in range(3):
                    total[side, a] += np.float32(weight[row, k, side]) * light[a]
        for side in range(6):
            for a in range(3):
                own[row, side, a] = total[side, a] / max(np.float32(weight_sum[row, side]), np.float32(1.0))


@njit(parallel=True, cache=True)
def _share(probes, link, row_of, own, shared):
    """Means of some probes' [n] light and that of the probes that they are linked to: shared [R, 6, 3]."""
    for i in prange(len(probes)):
        p = probes[i]
        n, light = OWN_SHARE, OWN_SHARE * own[row_of[p]]
        for towards in range(6):
            if link[p, towards] >= 0:
                n += np.float32(1.0)
                light += own[row_of[link[p, towards]]]
        shared[row_of[p]] = light / n


@njit(parallel=True, cache=True)
def _mix(rows, weight, shared, cube):
    """Ambient cubes [n, 6, 3] at places that see probes of some rows [n, 8], by weight [n, 8]."""
    for i in prange(len(rows)):
        cube[i] = 0.0
        for j in range(8):
            if weight[i, j] != 0.0:
                cube[i] += weight[i, j] * shared[rows[i, j]]


class ProbeLight:
    """Light of the probes of one world. What is asked is brought up to date."""

    def __init__(self, transport: Transport, relit: Relight) -> None:
        self._transport, self._relit = transport, relit
        self._own = np.zeros((0, 6, 3), np.float32)  # [R, 6, 3] what a probe's own rays bring
        self._own_at = np.zeros(0, np.int32)  # [R] relight at which that was right, -1 none
        self._shared = np.zeros((0, 6, 3), np.float32)  # [R, 6, 3]
        self._n_traced = 0

    def take_traced(self) -> int:
        """Of how many probes rays were traced since the last call."""
        n, self._n_traced = self._n_traced, 0
        return n

    def of(self, probes: I32, sky: SkyView) -> F32:
        """e [n, 6, 3] by side of some probes [n], each of them once."""
        self._bring(probes, sky)
        return np.asarray(self._shared[self._transport.probes.row_of[probes]])

    def at(self, places: NDArray[np.float64], sky: SkyView) -> F32:
        """Ambient cubes [n, 6, 3] e at places [n, 3] in the air, metres."""
        probes = self._transport.probes
        index, weight = np.empty((len(places), 8), np.int32), np.empty((len(places), 8), np.float32)
        air_probes(self._transport.voxels, probes.probe_of_cell, probes.position, places, index, weight)
        return self._mixed(index, weight, sky)

    def on(self, texels: I32, sky: SkyView) -> F32:
        """e [n, 3] on some texels [n], as the classical look has it."""
        probes, place = self._transport.probes, self._transport.surface.place
        index, weight = np.empty((len(texels), 8), np.int32), np.empty((len(texels), 8), np.float32)
        texel_probes(self._transport.voxels, place, probes.probe_of_cell, probes.position, texels, index, weight)
        return np.asarray(self._mixed(index, weight, sky)[np.arange(len(texels)), place[texels, 3]])

    def _mixed(self, index: I32, weight: F32, sky: SkyView) -> F32:
        """Mean light [n, 6, 3] of probes index [n, 8], -1 none, by weight."""
        seen = np.zeros(len(self._transport.probes.alive) + 1, np.bool_)
        seen[index] = True
        self._bring(np.flatnonzero(seen[:-1]).astype(np.int32), sky)
        cube = np.empty((len(index), 6, 3), np.float32)
        row_of = np.append(self._transport.probes.row_of, np.int32(-1))  # of -1 too: there may be no probe at all
        _mix(row_of[index], np.where(index >= 0, weight, np.float32(0.0)), self._shared, cube)
        return cube

    def _bring(self, probes: I32, sky: SkyView) -> None:
        """Bring light of some probes [n], each of them once, up to date."""
        known, transport = self._transport.probes, self._transport
        asked = np.zeros(len(known.alive) + 1, np.bool_)
        asked[probes] = asked[known.link[probes]] = True
        around = np.flatnonzero(asked[:-1]).astype(np.int32)
        fresh = known.look(transport.voxels, transport.surface, around)
        more = len(known.probe) - len(self._own_at)
        if more > 0:
            self._own = np.concatenate([self._own, np.zeros((more, 6, 3), np.float32)])
            self._shared = np.concatenate([self._shared, np.zeros((more, 6, 3), np.float32)])
            self._own_at = np.concatenate([self._own_at, np.full(more, -1, np.int32)])
        self._own_at[fresh] = -1
        self._n_traced += len(fresh)
        rows = known.row_of[around]
        rows = rows[self._own_at[rows] != self._relit.spread_at]
        _gather(
            rows, known.probe, known.cell, known.fibonacci, known.met, known.distance, known.weight, known.weight_sum,
            transport.surface.patch_spot, self._relit.radiance, sky.sun_direction, sky.zenith, sky.horizon, sky.glow,
            sky.ground, self._own,
        )  # fmt: skip
        self._own_at[rows] = self._relit.spread_at
        _share(probes, known.link, known.row_of, self._own, self._shared)
