"""The index of exposed faces against the grid itself."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.light.cache import LightCache
from engine.light.faces import count_bits, texel_at
from tests.light.scenes_for_light import plaza, view_of
from tests.light.test_cache import edited

STEPS = np.concatenate([np.eye(3, dtype=np.int64)[a] * sign for a in range(3) for sign in (1, -1)]).reshape(6, 3)


def exposed(grid: np.ndarray) -> np.ndarray:
    """[X, Y, Z, 6]: faces of solid voxels that look into air within the grid."""
    padded = np.pad(grid, 1, constant_values=1)
    x, y, z = grid.shape
    ahead = [padded[1 + i : 1 + i + x, 1 + j : 1 + j + y, 1 + k : 1 + k + z] for i, j, k in STEPS]
    return np.stack([(grid != 0) & (other == 0) for other in ahead], -1)


def assert_index(cache: LightCache) -> None:
    surface, grid = cache.transport.surface, cache.transport.grid
    _, ny, nz = surface.n_bricks
    found = np.full((*grid.shape, 6), -1)
    for x, y, z in np.argwhere(grid != 0):
        for side in range(6):
            found[x, y, z, side] = texel_at(surface.faces, x, y, z, side, ny, nz)
    is_exposed = exposed(grid)
    np.testing.assert_array_equal(found >= 0, is_exposed)
    texels = found[is_exposed]
    assert len(np.unique(texels)) == len(texels) == surface.n_texels
    np.testing.assert_array_equal(surface.place[texels], np.argwhere(is_exposed))


def test_every_exposed_face_has_a_texel_of_its_own_and_no_other_through_edits() -> None:
    random, view = np.random.default_rng(4), view_of(plaza())
    cache = LightCache(None)
    for _ in range(4):
        cache.update(view)
        assert_index(cache)
        view = edited(random, view)


@given(st.integers(0, 2**64 - 1))
def test_bits_are_counted(x: int) -> None:
    assert count_bits(np.uint64(x)) == x.bit_count()
