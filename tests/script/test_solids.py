"""Solids: every part against its own formula, joins against sets, what cannot be made is answered."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import WorldFileError
from engine.script import prefabs, solids
from engine.script.draft import Draft
from engine.script.parts import MAX_JOINS_DEEP, Parts
from engine.script.shapes import RISES
from tests.script.authoring import loaded

N = 24  # voxels: 6 m


def sculpted(shape: object, material: object = "stone", **options: object) -> np.ndarray:
    """The grid of a 6 m world, 1 where the shape is, 2 for wood."""
    draft = Draft(grid=np.zeros((N, N, N), np.uint8))
    draft.add_material("stone", (0.5, 0.5, 0.5))
    draft.add_material("wood", (0.5, 0.3, 0.2))
    Parts(draft).sculpt(shape, material, **options)
    assert draft.grid is not None
    return np.asarray(draft.grid)


PLAIN = ((0.5, 0.5, 0.5), (0.0, 0.0, 0.0), 0, 1.0, 0.0)
PARTS = Parts(Draft(materials={"stone": PLAIN, "wood": PLAIN}))
CENTRES = (np.mgrid[:N, :N, :N] + 0.5) / 4
X, Y, Z = CENTRES


def test_each_part_is_where_its_formula_says() -> None:
    assert (sculpted(PARTS.box((1, 1, 0), (2, 3, 1.5))) == ((X > 1) & (X < 2) & (Y > 1) & (Y < 3) & (Z < 1.5))).all()
    ball = ((X - 3) / 2) ** 2 + ((Y - 3) / 1) ** 2 + ((Z - 3) / 1.5) ** 2 <= 1
    assert (sculpted(PARTS.ball((3, 3, 3), (2, 1, 1.5))) == ball).all()
    cone = (Y > 1) & (Y < 5) & ((X - 3) ** 2 + (Z - 3) ** 2 <= (2 * (1 - (Y - 1) / 4)) ** 2)
    assert (sculpted(PARTS.cylinder((3, 1, 3), 2, 4, top=0, along="y")) == cone).all()
    for rises, share in (("+x", (X - 1) / 4), ("-x", (5 - X) / 4), ("+y", (Y - 1) / 4), ("-y", (5 - Y) / 4)):
        wedge = (X > 1) & (X < 5) & (Y > 1) & (Y < 5) & (Z > 1) & (1 + 2 * share >= Z)
        assert (sculpted(PARTS.wedge((1, 1, 1), (5, 5, 3), rises=rises)) == wedge).all(), rises


coordinates = st.integers(0, 20).map(lambda v: v / 4)
boxes = st.tuples(st.tuples(*[coordinates] * 3), st.tuples(*[st.integers(1, 12)] * 3)).map(
    lambda b: PARTS.box(b[0], tuple(p + s / 4 for p, s in zip(b[0], b[1], strict=True)))
)
balls = st.tuples(st.tuples(*[coordinates] * 3), st.floats(0.3, 3)).map(lambda b: PARTS.ball(b[0], b[1]))
leaves = boxes | balls


@settings(max_examples=60, deadline=None)
@given(leaves, leaves, leaves)
def test_joins_are_those_of_sets(a: dict[str, object], b: dict[str, object], c: dict[str, object]) -> None:
    one, two, three = (sculpted(part) == 1 for part in (a, b, c))
    assert ((sculpted(PARTS.union(a, b, c)) == 1) == (one | two | three)).all()
    assert ((sculpted(PARTS.difference(a, b, c)) == 1) == (one & ~two & ~three)).all()
    assert ((sculpted(PARTS.intersection(a, b, c)) == 1) == (one & two & three)).all()
    nested = PARTS.difference(PARTS.union(a, b), PARTS.intersection(b, c))
    assert ((sculpted(nested) == 1) == ((one | two) & ~(two & three))).all()


def test_parts_keep_their_own_materials_and_later_ones_count() -> None:
    wall = PARTS.box((1, 1, 0), (5, 5, 2), "stone")
    beam = PARTS.box((0, 2, 1), (6, 3, 2), "wood")
    grid = sculpted(PARTS.union(wall, beam), None)
    assert (grid[(Y > 2) & (Y < 3) & (Z > 1) & (Z < 2)] == 2).all() and (grid == 1).sum() == 16 * (8 * 16 - 4 * 4)
    cut = sculpted(PARTS.intersection(wall, beam), None)
    assert set(np.unique(cut)) == {0, 1}


def test_it_carves_paints_and_fills_the_air_alone() -> None:
    draft = Draft(grid=np.zeros((N, N, N), np.uint8))
    draft.add_material("stone", (0.5, 0.5, 0.5))
    draft.add_material("wood", (0.5, 0.3, 0.2))
    parts = Parts(draft)
    parts.sculpt(parts.box((0, 0, 0), (6, 6, 2)), "stone")
    parts.sculpt(parts.box((0, 0, 0), (1, 1, 3)), "wood", at=(2, 2, 0), only="air")
    parts.sculpt(parts.box((4, 4, 0), (5, 5, 3)), "wood", only="solid")
    parts.sculpt(parts.ball((0, 0, 0), 1), "air", at=(3, 3, 2))
    grid = np.asarray(draft.grid)
    hollow = (X - 3) ** 2 + (Y - 3) ** 2 + (Z - 2) ** 2 <= 1
    assert (grid[8:12, 8:12, 8:12] == 2).sum() == 64 - hollow[8:12, 8:12, 8:12].sum()
    assert (grid[16:20, 16:20, :8] == 2).all() and (grid[16:20, 16:20, 8:] == 0).all()
    assert (grid[hollow] == 0).all()


def test_a_solid_may_reach_outside_and_is_cut() -> None:
    assert sculpted(PARTS.ball((0, 0, 0), 4)).sum() == ((X**2 + Y**2 + Z**2) <= 16).sum()
    assert solids.bounds([{"part": "box", "low": (0, 0, 0), "high": (0.1, 0.1, 0.1)}]) == ((0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize("rises", sorted(RISES))
def test_a_wedge_of_a_prefab_is_closed_and_faces_outward(rises: str) -> None:
    wedge = prefabs.wedge((-1, -0.5, 0), (2, 0.5, 1), 1, *RISES[rises])
    corners = wedge.position[wedge.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ij,ij->i", normal, wedge.normal[wedge.triangles].mean(1)) > 0).all()
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume == pytest.approx(1.5) and len(wedge.triangles) == 8
    np.testing.assert_allclose(np.linalg.norm(wedge.normal, axis=1), 1.0)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("sculpt(box((0, 0, 0), (1, 1, 1)))", "sculpt(...) needs material=, or parts that have one each"),
        ('sculpt("box", "stone")', "sculpt(...) takes a box, cylinder, ball, wedge, union, difference or inters"),
        ('sculpt(union(), "stone")', "union(...) needs shapes to join"),
        ('sculpt(union(3), "stone")', "sculpt(...) takes a box"),
        ('sculpt({"part": "box", "material": 1}, "stone")', "sculpt(...) takes a box"),
        ('sculpt({"part": "ball", "material": 99, "centre": (0, 0, 0)}, "stone")', "sculpt(...) takes a box"),
        ('sculpt(box((0, 0, 0), (1, 1, 1)), "stnoe")', "there is no material named 'stnoe'; did you mean 'stone'?"),
        ('sculpt(box((0, 0, 0), (1, 1, 1)), "stone", only = "sold")', "only cannot be 'sold'; did you mean 'solid'?"),
        ('sculpt(box((0, 0, 0), (1, 1, 1)), "stone", at = (0.1, 0, 0))', "at x must be a multiple of 0.25 m"),
        ('wedge((0, 0, 0), (1, 1, 1), rises = "up")', "rises cannot be 'up'"),
        ('prefab("p", [box((0, 0, 0), (1, 1, 1))])', "a box of prefab 'p' needs a material"),
        ('prefab("p", [union(box((0, 0, 0), (1, 1, 1)))])', "'union' is for sculpt(...)"),
        ('prefab("p", [box((0, 0, 0), (65, 1, 1), "stone")])', "lies within 64 m of its origin"),
    ],
)
def test_a_wrong_solid_is_answered(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(WorldFileError) as caught:
        loaded(tmp_path, line)
    assert why in caught.value.message


def test_solids_are_bounded(tmp_path: Path) -> None:
    deep = "s = box((0, 0, 0), (1, 1, 1))\n" + "s = union(s)\n" * (MAX_JOINS_DEEP + 1) + 'sculpt(s, "stone")'
    wide = 'sculpt(union(*[box((0, 0, 0), (1, 1, 1)) for i in range(201)]), "stone")'
    for lines in (deep, wide):
        with pytest.raises(Exception, match="200 parts, joined 12 deep"):
            loaded(tmp_path, lines)
