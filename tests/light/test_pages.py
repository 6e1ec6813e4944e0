"""Surface pages: what is written into the atlases, and what of it pictures see."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.light import pages

light = st.floats(0.0, 60000.0, width=32)


@given(light, light, st.floats(-0.01, 0.01))
def test_a_page_differs_where_half_floats_do(first: float, other: float, nudge: float) -> None:
    """Never less often, and oftener only for light that is fainter than half floats are exact."""
    atlases = np.zeros((1, 10, 560, 4), np.float32), np.zeros((1, 18, 1008, 4), np.float32)
    texels, rows = np.zeros((1, 10, 10), np.int32), np.zeros(1, np.int32)
    slots, differs = np.array([3], np.int32), np.empty((1, 2), np.bool_)

    def fill(e: float, lamp: float) -> list[bool]:
        e_indirect, e_lamp = np.full((1, 3), e, np.float32), np.full((1, 4, 3), lamp, np.float32)
        pages.fill_pages(slots, texels, rows, e_indirect, e_lamp, *atlases, differs)
        return [bool(x) for x in differs[0]]

    assert fill(first, other) == [True, True]  # validity came
    assert fill(first, other) == [False, False]
    near = float(np.float32(first * (1.0 + nudge)))
    seen = [bool(np.float16(first) != np.float16(near)), False]
    assert fill(near, other) == seen or (first < 1e-4 and not seen[0])
    assert (atlases[0][0, :, 30:40, :3] == np.float32(near)).all() and (atlases[1][0, :, 54:72, 3] == 1.0).all()


def test_light_goes_on_past_the_last_texel_as_it_came() -> None:
    """A plane of light that ends at a corner: linear up to it, in both atlases; a texel by itself stays even."""
    atlases = np.zeros((1, 10, 560, 4), np.float32), np.zeros((1, 18, 1008, 4), np.float32)
    v, u = np.mgrid[:10, :10]
    there = ((u < 6) & (v > 3)) | ((u == 8) & (v == 1))
    texels = np.where(there, np.arange(100).reshape(10, 10), -1).astype(np.int32)[None]
    e = (7.0 - u + 0.5 * v).reshape(100, 1) * np.ones(3, np.float32)
    quarter = np.array([[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]]) @ [-1.0, 0.5]
    rows, differs = np.arange(100, dtype=np.int32), np.empty((1, 2), np.bool_)
    e_lamp = (e[:, None] + quarter[:, None]).astype(np.float32)
    pages.fill_pages(np.zeros(1, np.int32), texels, rows, e.astype(np.float32), e_lamp, *atlases, differs)
    indirect, lamp = atlases[0][0, :, :10], atlases[1][0, :, :18]
    np.testing.assert_allclose(indirect[4:, 6, 0], 7.0 - 6 + 0.5 * v[4:, 6])
    np.testing.assert_allclose(indirect[3, :6, 0], 7.0 - u[3, :6] + 0.5 * 3)
    assert not indirect[3, 6:].any() and not indirect[:, 7, 3].any()  # nothing beyond, nor across a diagonal
    assert indirect[1, 8, 3] == 1 and indirect[:3, :, 3].sum() == 1
    np.testing.assert_allclose(lamp[7:, 11, 0], lamp[7:, 10, 0] - 0.5, atol=1e-6)
    assert lamp[7:, 11, 3].all() and not lamp[7:, 12:, 3].any()
