"""The pages of a light cache on the GPU."""

import numpy as np

from engine.raster import atlas


def test_halves_are_rounded_as_numpy_does(rng: np.random.Generator) -> None:
    sizes = 2.0 ** rng.uniform(-30, 18, 20_000) * rng.choice([-1.0, 1.0], 20_000)
    halves = np.arange(0, 0x7BFF, dtype=np.uint16).view(np.float16).astype(np.float32)  # all that there are
    ties = halves + (np.nextafter(halves.astype(np.float16), np.float16(np.inf)).astype(np.float32) - halves) / 2
    values = np.concatenate([sizes, halves, -halves, ties, -ties, [0.0, -0.0, 1e30, -np.inf]]).astype(np.float32)
    values = np.resize(values, (2, 18, 1008, 4))
    out = np.empty(values.size, np.uint16)
    slots = np.arange(2 * atlas.PAGES_PER_BAND)
    n = len(slots)
    atlas._write_halves(
        values.reshape(2, 18, atlas.PAGES_PER_BAND, 72), slots, slots * 72, np.full(n, 72 * n), out
    )  # all in one run
    expected = np.clip(values, -atlas.HALF_MOST, atlas.HALF_MOST).astype(np.float16).reshape(2, 18, 56, 72)
    np.testing.assert_array_equal(out.reshape(18, 2, 56, 72).swapaxes(0, 1), expected.view(np.uint16))


def test_an_atlas_holds_what_was_dirty_and_nothing_else_changes(gl):
    """Slots alone and in runs, across the ends of bands; what is brighter than half floats reach is cut off."""
    random = np.random.default_rng(2)
    pages = random.uniform(-1e5, 1e5, (3, 18, 1008, 4)).astype(np.float32)
    kept = atlas.Atlas(gl)
    kept.write(pages, np.empty(0, np.int64), 167)  # the first time all of it goes

    def held() -> np.ndarray:
        width, height = kept.texture.size
        whole = np.frombuffer(kept.texture.read(), np.float16).reshape(height, width, 4)
        return whole[: 3 * 18, :1008].reshape(3, 18, 1008, 4)

    def halves(of: np.ndarray) -> np.ndarray:
        return np.clip(of, -atlas.HALF_MOST, atlas.HALF_MOST).astype(np.float16)

    np.testing.assert_array_equal(held(), halves(pages))
    dirty, before = np.array([0, 3, 20, 54, 55, 56, 58, 120]), pages.copy()
    pages[:] = random.uniform(-10, 10, pages.shape)
    kept.write(pages, dirty, 167)

    def slot(of: np.ndarray, s: int) -> np.ndarray:
        return of[s // 56, :, s % 56 * 18 : s % 56 * 18 + 18]

    for s in range(168):
        near = np.abs(dirty - s).min() <= atlas.NEAR_SLOTS  # may be sent along
        expected = [halves(slot(pages, s))] + ([] if s in dirty or not near else [halves(slot(before, s))])
        if not near:
            expected = [halves(slot(before, s))]
        assert any(np.array_equal(slot(held(), s), right) for right in expected), s
    kept.write(pages, np.empty(0, np.int64), 167)
    kept.release()
