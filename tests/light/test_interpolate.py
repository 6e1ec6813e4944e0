import numpy as np
import pytest

from engine.light.interpolate import NEAR_M, NEAR_RAYS, NEAR_WHOLE, bricks_around, cell_around, cell_step
from engine.light.trace import first_hit_reference
from engine.light.transport import Transport
from tests.light.scenes_for_light import open_ground, view_of

GROUND = 4  # voxels


def yard() -> np.ndarray:
    """Open ground with a wall, and a shaft of one voxel in it."""
    grid = open_ground(24)
    grid[:, :, :GROUND], grid[:, :, GROUND:] = 1, 0
    grid[:8, :, GROUND : GROUND + 8] = 1
    grid[16, 16, 1:GROUND] = 0
    return grid


def share_by_marching(grid: np.ndarray, x: int, y: int, z: int, rays: int) -> float:
    """The slow definition: how many of many rays, by the cosine law from all over the top of a voxel, soon end."""
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(rays):
        r2, angle = rng.random(), 2.0 * np.pi * rng.random()
        way = np.array([np.sqrt(r2) * np.cos(angle), np.sqrt(r2) * np.sin(angle), np.sqrt(1.0 - r2)])
        origin = np.array([x + rng.random(), y + rng.random(), z + 1.004]) / 4
        hits += first_hit_reference(grid, origin, way, 5e-3) < NEAR_M
    return hits / rays


@pytest.mark.parametrize(("x", "y", "z"), [(8, 12, 3), (9, 12, 3), (10, 12, 3), (16, 16, 0), (20, 5, 3)])
def test_what_is_near_is_found_as_by_marching(x: int, y: int, z: int) -> None:
    grid = yard()
    transport = Transport(view_of(grid).voxels)
    texels = np.flatnonzero((transport.surface.place == (x, y, z, 4)).all(1))
    assert len(texels) == 1
    wanted = share_by_marching(grid, x, y, z, 400) * NEAR_RAYS / (NEAR_RAYS + 1)
    near = transport.near[texels[0]] / NEAR_WHOLE
    assert near == pytest.approx(wanted, abs=0.08)
    assert (near == 0.0) == (wanted == 0.0)


def test_the_bricks_around_a_cell_hold_all_texels_that_may_see_its_probe() -> None:
    """Against every texel of some bricks and every step to a cell; no brick is there for nothing."""
    shape, n_bricks = (16, 16, 16), 8
    seen = np.zeros((shape[0], n_bricks), np.bool_)  # along one axis
    for x in range(16, 48):  # away from the borders
        for side in range(6):
            place = np.array([[x, 32, 32, side]], np.int16)
            for code in range(64):
                cell = cell_around(place, 0, shape) + cell_step(code, shape)
                seen[np.unravel_index(cell, shape)[0], x // 8] = True
    for cell in range(6, 10):
        first, last = bricks_around(cell)
        np.testing.assert_array_equal(np.flatnonzero(seen[cell]), np.arange(first, last + 1))
