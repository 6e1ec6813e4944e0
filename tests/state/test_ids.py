"""Ids: whoever is gone is never found again under an old id, however many come after."""

import numpy as np
import pytest

from engine.core.ids import INDEX_BITS, LAST_GENERATION, index_of, pack
from engine.sim import actions
from engine.state import snapshot
from engine.state.blueprint import Spawn
from engine.state.components import MAX_ENTITIES
from engine.state.entities import despawn, spawn
from engine.state.world import State, new_state
from tests.worlds_for_tests import CRATE, lively_world

WORLD = lively_world()
WANTED = Spawn("", CRATE, (4.0, 4.0, 0.5))


def churned(n: int, seed: int) -> tuple[State, set[int], list[int]]:
    """A state after n spawns and despawns in random order, the ids that live, and a sample of those that are gone."""
    chance = np.random.default_rng(seed)
    state = new_state(WORLD)
    living: list[int] = []
    gone: list[int] = []
    choices, picks = chance.random(n), chance.random(n)
    for i in range(n):
        if not living or (choices[i] < 0.5 and len(living) < 500):
            entity = spawn(WORLD, state, WANTED)
            assert entity not in living[-3:]
            living.append(entity)
        else:
            at = int(picks[i] * len(living))
            living[at], living[-1] = living[-1], living[at]
            entity = living.pop()
            despawn(state, entity)
            assert not state.alive(entity)
            if len(gone) < 20_000:
                gone.append(entity)
    return state, set(living), gone


def assert_no_stale_id_resolves(state: State, living: set[int], gone: list[int]) -> None:
    assert len(set(gone)) == len(gone), "an id was given twice"
    assert all(state.alive(entity) for entity in living)
    assert not any(state.alive(entity) for entity in gone) and not living & set(gone)
    with pytest.raises(actions.ActionError, match="names no living entity"):
        actions.position_of(WORLD, state, gone[0])


def test_twenty_thousand_come_and_go() -> None:
    state, living, gone = churned(20_000, 1)
    assert_no_stale_id_resolves(state, living, gone)
    again = snapshot.load(WORLD, snapshot.save(WORLD, state))
    assert_no_stale_id_resolves(again, living, gone)
    assert spawn(WORLD, again, WANTED) == spawn(WORLD, state, WANTED) not in gone


@pytest.mark.slow
def test_a_million_come_and_go() -> None:
    state, living, gone = churned(1_000_000, 2)
    assert_no_stale_id_resolves(state, living, gone)
    assert state.n_slots < 600


def test_a_slot_whose_generations_are_used_up_is_retired() -> None:
    state = new_state(WORLD)
    first = spawn(WORLD, state, WANTED)
    index, slots = index_of(first), state.n_slots
    state.columns.generation[index] = LAST_GENERATION - 2
    held = []
    for _ in range(2):
        entity = state.entity_at(index)
        held.append(entity)
        despawn(state, entity)
        entity = spawn(WORLD, state, WANTED)
    assert index_of(entity) == slots and state.n_slots == slots + 1, "the next entity lives in a new slot"
    assert int(state.columns.generation[index]) == LAST_GENERATION and index not in state.free
    assert not any(state.alive(e) for e in (*held, first, pack(index, LAST_GENERATION), pack(index, 1)))
    again = snapshot.load(WORLD, snapshot.save(WORLD, state))
    assert index not in again.free and again.n_slots == state.n_slots
    for _ in range(20):
        assert index_of(spawn(WORLD, again, WANTED)) != index


def test_ids_of_nonsense_name_nobody() -> None:
    state = new_state(WORLD)
    unused = pack(500, 1), pack(MAX_ENTITIES, 1), pack(1, 0), pack(1, 2), 1 << INDEX_BITS + 32
    for entity in (0, -1, True, 1.0, "bob", None, 2**63, 2**70, *unused):
        assert not state.alive(entity)  # type: ignore[arg-type]
