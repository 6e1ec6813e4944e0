"""What is asked of all rows of decoded texels at once, against plain loops."""

import numpy as np
import pytest

from engine.light import gather, rows
from engine.light.surface import LEVELS


@pytest.mark.parametrize("others_changed", [False, True])
@pytest.mark.parametrize("n_rows", [3, 200])
def test_light_is_gathered_where_a_plain_loop_finds_something_newer(
    n_rows: int, others_changed: bool, rng: np.random.Generator
) -> None:
    """Few rows and many, which are asked in other ways; whether or not the sky and parts are others too."""
    n_texels, n_spots, n_parts = 300, 400, 4
    patch_spot = rng.integers(0, n_spots, (n_texels, LEVELS - 1)).astype(np.int32)
    changed_at = np.where(rng.random(n_spots) < 0.01, rng.integers(5, 9, n_spots), 2).astype(np.int32)
    part_at, sky_at = np.full(6 * n_parts, 2, np.int32), 2
    if others_changed:
        part_at[7], sky_at = 8, 6
    hit = rng.integers(0, n_texels, (n_rows, gather.EDGE_RAYS))
    hit[rng.random(hit.shape) < 0.02] = gather.SKY
    hit[rng.random(hit.shape) < 0.02] = gather.BLOCKED
    is_part = rng.random(hit.shape) < 0.01
    hit[is_part] = gather.PART - rng.integers(0, 6 * n_parts, is_part.sum())
    far = rng.uniform(0.1, 20.0, hit.shape)
    met = np.vectorize(gather.packed_met.py_func, otypes=[np.uint32])(hit, far)
    n_rays = rng.choice([gather.TEXEL_RAYS, gather.EDGE_RAYS], n_rows).astype(np.int32)
    checked = rng.choice([-1, 3, 4, 7, 9], n_rows, p=[0.1, 0.4, 0.2, 0.2, 0.1]).astype(np.int32)
    asked = rng.permutation(n_rows).astype(np.int32)[: max(n_rows * 9 // 10, 3)]
    kept = rng.integers(12 << 27, 20 << 27, n_spots).astype(np.uint32)
    side, from_sky = rng.random((6 * n_parts, 3)).astype(np.float32), rng.random((n_rows, 4, 3)).astype(np.float32)
    moment, expected = np.full((2, n_rows, 4, 3), 7.0, np.float32)
    reads = rows.gather_newer(
        asked, n_rays, met, patch_spot, checked, changed_at, sky_at, part_at, kept, side, from_sky, moment
    )
    gather.gather_light(asked[reads], n_rays, met, patch_spot, kept, side, from_sky, expected)
    np.testing.assert_array_equal(moment, expected)
    for i, row in enumerate(asked):
        wants = checked[row] < 0
        for k in range(n_rays[row]):
            if hit[row, k] >= 0:
                level = gather.patch_level(gather.met_code(met[row, k]))
                spot = patch_spot[hit[row, k], level - 1] if level else hit[row, k]
                wants |= changed_at[spot] > checked[row]
            elif hit[row, k] == gather.SKY:
                wants |= sky_at > checked[row]
            elif hit[row, k] <= gather.PART:
                wants |= part_at[gather.PART - hit[row, k]] > checked[row]
        assert reads[i] == wants, (row, checked[row])
    if n_rows == 200:
        assert 20 < reads.sum() < len(reads) - 20


def test_the_state_and_the_mean_around_a_texel_are_those_of_a_plain_loop(rng: np.random.Generator) -> None:
    n_texels, n_rows = 60, 80
    row_of_texel = rng.permutation(n_rows)[:n_texels].astype(np.int32)
    around = rng.integers(0, n_texels, (25, gather.NEIGHBOURS)).astype(np.int32)
    around[rng.random(around.shape) < 0.3] = -1
    around[:, 0] = rng.permutation(n_texels)[:25]  # itself
    at, ok = rng.integers(-1, 9, (n_rows, 2)).astype(np.int32), rng.random(n_rows) < 0.8
    light = rng.random((n_rows, 3)).astype(np.float32)
    newest, whole = np.full((n_rows, 2), 99, np.int32), np.zeros(n_rows, np.bool_)
    mean = np.full((n_rows, 3), 99.0, np.float32)
    rows.state_around(around, row_of_texel, at, ok, newest, whole)
    rows.mean_around(around, row_of_texel, light, mean)
    for texels in around:
        own, others = row_of_texel[texels[0]], row_of_texel[texels[texels >= 0]]
        assert newest[own].tolist() == at[others].max(0).tolist() and whole[own] == ok[others].all()
        np.testing.assert_allclose(mean[own], light[others].mean(0), rtol=1e-6)
    untouched = np.setdiff1d(np.arange(n_rows), row_of_texel[around[:, 0]])
    assert (newest[untouched] == 99).all() and (mean[untouched] == 99.0).all()
    assert 0 < whole[row_of_texel[around[:, 0]]].sum() < 25
