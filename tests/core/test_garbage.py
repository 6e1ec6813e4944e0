"""Garbage is left alone for a while, also within another while, and looked for again afterwards as before."""

import gc

import pytest

from engine.core import garbage


def test_it_is_looked_for_again_afterwards() -> None:
    assert gc.isenabled()
    with garbage.left_alone():
        with garbage.left_alone():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_also_where_something_went_wrong() -> None:
    with pytest.raises(ValueError), garbage.left_alone():
        raise ValueError
    assert gc.isenabled()
