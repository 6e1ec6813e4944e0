"""Reading what authors write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import WorldFileError
from engine.script import values


@given(st.integers(-4000, 4000))
def test_every_quarter_metre_is_on_the_grid(n: int) -> None:
    assert values.voxels(n / 4, "x") == n


@given(st.floats(-1000, 1000).filter(lambda v: abs(v * 4 - round(v * 4)) > 1e-4))
def test_whatever_lies_between_is_answered_with_the_nearest(v: float) -> None:
    with pytest.raises(WorldFileError, match="the nearest to") as caught:
        values.voxels(v, "x")
    assert str(caught.value).endswith(f"is {round(v * 4) / 4:g}")


@pytest.mark.parametrize("bad", [True, "1", None, float("nan"), float("inf"), [1], 1e9])
def test_numbers_are_finite_numbers_in_range(bad: object) -> None:
    with pytest.raises(WorldFileError, match="^width must"):
        values.number(bad, "width")


def test_colours_are_srgb_text_or_linear_numbers() -> None:
    assert values.colour("#ffffff", "c") == (1.0, 1.0, 1.0)
    assert values.colour("#808080", "c")[0] == pytest.approx(0.21586, abs=1e-5)
    assert values.colour([0.1, 0.2, 0.3], "c") == (0.1, 0.2, 0.3)
    for bad in ("#fff", "ffffff", "#gggggg", (1, 2), (1, 2, 3), "#+1+1+1", None):
        with pytest.raises(WorldFileError):
            values.colour(bad, "c")


def test_hints() -> None:
    assert values.hint("stnoe", ["stone", "wood"]) == "; did you mean 'stone'?"
    assert values.hint("zzz", ["a", "b"]) == "; there is 'a', 'b'"
    assert values.hint("zzz", []) == "; there are none yet"


def test_texts_are_printable_and_short() -> None:
    for bad in ("a\nb", "x" * 300, 3, "a\0"):
        with pytest.raises(WorldFileError, match="^name must"):
            values.text(bad, "name")
