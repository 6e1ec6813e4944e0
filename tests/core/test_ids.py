"""Ids pack and unpack without loss."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.ids import INDEX_MASK, LAST_GENERATION, NOBODY, PLAYER, generation_of, index_of, pack


@given(st.integers(0, INDEX_MASK), st.integers(1, LAST_GENERATION))
def test_index_and_generation_come_back(index: int, generation: int) -> None:
    entity = pack(index, generation)
    assert (index_of(entity), generation_of(entity)) == (index, generation)
    assert entity != NOBODY
    assert entity < 2**63


def test_the_player_is_the_first_tenant_of_slot_0() -> None:
    assert pack(0, 1) == PLAYER
