"""Weights of probes against their definition in plain numpy."""

import math

import numpy as np

from engine.light.interpolate import LIFT_M
from engine.light.trace import first_hit_reference
from engine.light.transport import Transport
from tests.light.scenes_for_light import plaza, view_of, weights_of


def slow_weights(transport: Transport, texel: int) -> dict[int, float]:
    """Probe -> weight of the 8 cells around a texel: trilinear, the less the more it stands to the side, and none of
    what lies behind the texel or is hidden from it; sight by marching.
    """
    probes, (x, y, z, side) = transport.probes, transport.surface.place[texel].tolist()
    normal = np.zeros(3)
    normal[side // 2] = 1 - 2 * (side % 2)
    centre = (np.array([x, y, z]) + 0.5) * 0.25 + 0.125 * normal
    lifted = centre + LIFT_M * normal - 0.5
    first, found = np.floor(lifted).astype(int), {}
    for step in np.ndindex(2, 2, 2):
        cell = first + step
        if (cell < 0).any() or (cell >= probes.n_cells).any() or probes.probe_of_cell[tuple(cell)] < 0:
            continue
        probe = int(probes.probe_of_cell[tuple(cell)])
        way = probes.position[probe] - centre
        ahead = float(way @ normal)
        if ahead < 0.05:
            continue
        share = float(np.prod(np.where(step, lifted - first, 1 - (lifted - first))))
        facing = (ahead / np.linalg.norm(way) + 1) / 2
        start = centre + 0.02 * normal
        towards = probes.position[probe] - start
        length = np.linalg.norm(towards)
        if first_hit_reference(transport.grid, start, towards / length, 5e-3) >= length:
            found[probe] = max(share, 1e-3) * (facing**2 + 0.1)
    return {probe: weight / sum(found.values()) for probe, weight in found.items()}


def test_texels_weigh_the_probes_that_they_see() -> None:
    transport = Transport(view_of(plaza()).voxels)
    texels = transport.surface.alive()[::97]
    hidden = 0
    for texel, index, weight in zip(texels, *weights_of(transport, texels), strict=True):
        wanted = slow_weights(transport, int(texel))
        got = dict(zip(index[index >= 0].tolist(), weight[index >= 0].tolist(), strict=True))
        assert got.keys() == wanted.keys()
        assert all(math.isclose(got[probe], wanted[probe], rel_tol=1e-4, abs_tol=1e-6) for probe in wanted)
        hidden += len(wanted) < 8
    assert 10 < hidden < len(texels)
