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
