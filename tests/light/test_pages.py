"""Surface pages: what is written into the atlases, and what of it pictures see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.light import pages

light = st.floats(0.0, 30000.0, width=32)


Shade = tuple[np.ndarray, np.ndarray, np.ndarray]


def no_shade(n_rows: int) -> Shade:
    """Nothing that moves is near."""
    return np.full(n_rows, -1, np.int32), np.zeros((0, 4, 3), np.float32), np.ones((0, 4), np.float32)


def filled(
    texels: np.ndarray,
    e: np.ndarray,
    near: np.ndarray,
    crease: np.ndarray,
    lamp: np.ndarray,
    shade: Shade | None = None,
) -> np.ndarray:
    """The page [18, 18, 4] of texels [10, 10] whose rows are their numbers."""
    atlas, differs = np.zeros((1, 18, 1008, 4), np.float32), np.zeros(1, np.bool_)
    light = (a.astype(np.float32) for a in (e, near, crease, lamp))
    rows = np.arange(len(e), dtype=np.int32)
    shade = shade or no_shade(len(e))
    pages.fill_pages(np.zeros(1, np.int32), texels.astype(np.int32)[None], rows, *light, *shade, atlas, differs)
    assert differs[0]
    return atlas[0, :, :18]


@given(light, light, st.floats(-0.01, 0.01))
def test_a_page_differs_where_half_floats_do(first: float, other: float, nudge: float) -> None:
    """Never less often, and oftener only for light that is fainter than half floats are exact."""
    atlas = np.zeros((1, 18, 1008, 4), np.float32)
    texels, rows = np.zeros((1, 10, 10), np.int32), np.zeros(1, np.int32)
    slots, differs, flat = np.array([3], np.int32), np.zeros(1, np.bool_), np.zeros((1, 4), np.float32)

    def fill(e: float, lamp: float) -> bool:
        e_indirect, e_lamp = np.full((1, 3), e, np.float32), np.full((1, 4, 3), lamp, np.float32)
        differs[:] = False
        pages.fill_pages(slots, texels, rows, e_indirect, flat[:, :3], flat, e_lamp, *no_shade(1), atlas, differs)
        return bool(differs[0])

    assert fill(first, other)  # validity came
    assert not fill(first, other)
    before = atlas[0, :, 54:72].copy()
    said, now = fill(float(np.float32(first * (1.0 + nudge))), other), atlas[0, :, 54:72]
    seen = bool((before.astype(np.float16) != now.astype(np.float16)).any())
    assert said == seen or (before.min() < 1e-4 and not seen)
    np.testing.assert_allclose(now[..., :3], np.float32(first * (1.0 + nudge)) + np.float32(other), rtol=1e-6)
    assert (now[..., 3] == 1.0).all() and not atlas[0, :, :54].any()


def test_light_goes_on_past_the_last_texel_as_it_came() -> None:
    """A plane of light that ends at a corner: linear up to it, between texels too, but light of lamps is even from the
    last point on; a texel by itself stays even.
    """
    v, u = np.mgrid[:10, :10]
    there = ((u < 6) & (v > 3)) | ((u == 8) & (v == 1))
    texels = np.where(there, np.arange(100).reshape(10, 10), -1)
    e, flat = (9.0 - u + 0.5 * v).reshape(100, 1) * np.ones(3), np.zeros((100, 4))
    quarter = np.array([[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]]) @ [-1.0, 0.5]
    bounced = filled(texels, e, flat[:, :3], flat, np.zeros((100, 4, 3)))
    lamp = filled(texels, 0 * e, flat[:, :3], flat, e[:, None] + quarter[:, None])
    y, x = np.mgrid[8:18, 0:12] / 2 + 0.25  # middles of quarters, in texels whose middles are whole numbers
    np.testing.assert_allclose(bounced[8:, :12, 0], 9.0 - x + 0.5 * y, atol=1e-5)
    np.testing.assert_allclose(lamp[8:, :11, 0], (9.0 - x + 0.5 * y)[:, :11], atol=1e-5)
    assert (lamp[8:, 11] == lamp[8:, 10]).all() and (lamp[6, :11] == lamp[7, :11]).all()
    for page in (bounced, lamp):
        assert page[7:, 11, 3].all() and not page[7:, 12:, 3].any()  # nothing beyond,
        assert page[1:3, 15:17, 3].all() and (page[:5, :, 3] > 0).sum() <= 4 + 8  # and nothing across a diagonal
    assert (bounced[1:3, 15:17, 0] == e[18, 0]).all()


def test_what_is_near_tells_the_quarters_of_a_face_apart() -> None:
    """A face by itself: each quarter takes as much from near and from afar as it sees of both, and the mean stays."""
    texels = np.full((10, 10), -1)
    texels[5, 5] = 0
    e, near, crease = np.array([[1.0, 2.0, 3.0]]), np.array([[0.0, 1.0, 3.0]]), np.array([[0.5, 0.5, 0.1, 0.1]])
    page = filled(texels, e, near, crease, np.zeros((1, 4, 3)))
    np.testing.assert_allclose(page[9, 9:11, :3], [[0.5 / 0.7, 0.5 / 0.3 + 0.5 / 0.7, 5.0]] * 2, rtol=1e-5)
    np.testing.assert_allclose(page[10, 9:11, :3], [[0.9 / 0.7, 0.1 / 0.3 + 0.9 / 0.7, 1.0]] * 2, rtol=1e-5)
    np.testing.assert_allclose(page[9:11, 9:11, :3].mean((0, 1)), e[0], rtol=1e-5)


def test_light_that_is_the_same_near_and_far_has_no_creases() -> None:
    crease = np.random.default_rng(5).uniform(0.1, 0.6, (100, 4))
    e = np.ones((100, 3))
    page = filled(np.arange(100).reshape(10, 10), e, e * 0, crease * 0, np.zeros((100, 4, 3)))
    np.testing.assert_allclose(page[..., :3], 1.0, rtol=1e-6)
    even = filled(np.arange(100).reshape(10, 10), e, e * 0.3, 0.3 + 0 * crease, np.zeros((100, 4, 3)))
    np.testing.assert_allclose(even[..., :3], 1.0, rtol=1e-5)


def test_creases_that_run_on_evenly_add_nothing() -> None:
    """Where what is near grows evenly from face to face, the light between the faces says it all."""
    v, u = np.mgrid[:10, :10]
    crease = (0.04 * u.reshape(100, 1) + 0.04 * np.array([-0.25, 0.25, -0.25, 0.25])) + 0.1
    e, lamp = (3.0 - 0.1 * u).reshape(100, 1) * np.ones(3), np.zeros((100, 4, 3))
    plain = filled(v * 10 + u, e, e / 4, np.full((100, 4), 0.25), lamp)
    creased = filled(v * 10 + u, e, e / 4, crease, lamp)
    np.testing.assert_allclose(creased[1:-1, 1:-1], plain[1:-1, 1:-1], rtol=1e-5)


def test_what_moves_takes_its_part_of_each_quarter() -> None:
    texels = np.full((10, 10), -1)
    texels[5, 5] = 1
    e, flat, lamp = np.full((2, 3), 2.0), np.zeros((2, 4)), np.full((2, 4, 3), 5.0)
    lost, left = np.array([[[1.0, 2, 3], [0, 0, 0], [6, 6, 6], [5, 5, 5]]]), np.array([[1.0, 0.5, 0.25, 0.0]])
    shade = np.array([-1, 0], np.int32), lost.astype(np.float32), left.astype(np.float32)
    page = filled(texels, e, flat[:, :3], flat, lamp, shade)[9:11, 9:11, :3]
    np.testing.assert_allclose(page, [[[6, 5, 4], [6, 6, 6]], [[0.5, 0.5, 0.5], [0, 0, 0]]], rtol=1e-6)


def test_pages_that_show_a_texel_are_those_of_the_nine_around_it() -> None:
    """Against all nine asked one by one; pages that are not resident, or would lie outside, are none."""
    random, n_bricks = np.random.default_rng(5), (3, 4, 2)
    table = pages.PageTable(int(np.prod(n_bricks)), 10_000)
    keys = random.choice(int(np.prod(n_bricks)) * pages.PAGES_PER_BRICK, 700, replace=False).astype(np.int32)
    table.admit(keys, 1)
    shown = 0
    for _ in range(300):
        size = np.array(n_bricks) * 8
        place = np.array([*random.integers(0, size), random.integers(0, 6)], np.int16)
        axis = int(place[3]) // 2
        u, v = (axis + 1) % 3, (axis + 2) % 3
        wanted = set()
        for du in (-1, 0, 1):
            for dv in (-1, 0, 1):
                at = place[:3].astype(int)
                at[u], at[v] = at[u] + du, at[v] + dv
                if ((at >= 0) & (at < size)).all():
                    wanted.add(pages.page_key(*at.tolist(), int(place[3]), n_bricks[1], n_bricks[2]))
        found = set(table.key_of_slot[table.showing(place[None], n_bricks)].tolist())
        assert found == wanted & set(keys.tolist())
        shown += len(found)
    assert shown > 100


def test_light_goes_on_towards_a_corner_as_it_came_and_that_of_lamps_stays_even() -> None:
    """Of lamps it may end in a shadow, behind which a straight line goes below nothing."""
    page = np.zeros((4, 4, 3), np.float32)
    page[:, :3] = [[(1.0, 1.0, 1.0), (0.9, 1.0, 1.0), (0.8, 0.1, 1.0)]]  # two channels, and that it is there
    pages._go_on(page, 1)
    assert page[:, 3, 0] == pytest.approx(0.7)
    assert page[:, 3, 1] == pytest.approx(0.1)
    assert (page[..., 2] == 1.0).all()
