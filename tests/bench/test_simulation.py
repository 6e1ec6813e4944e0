"""How long ten thousand walkers take: `pytest tests/bench -m slow` prints the table."""

from collections.abc import Callable

import pytest

from engine.sim.extract import extract
from engine.sim.recording import run
from engine.sim.step import step
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.world import State, new_state
from tests.worlds_for_tests import crowd

pytestmark = pytest.mark.slow
DEEDS: dict[str, Callable[[Blueprint, State], object]] = {
    "tick": step,
    "digest": lambda blueprint, state: state.digest(),
    "save": snapshot.save,
    "extract": extract,
}


@pytest.mark.parametrize("deed", DEEDS)
def test_ten_thousand_walkers(benchmark: Callable[..., object], deed: str) -> None:
    blueprint = crowd(10_000)
    state = run(blueprint, new_state(blueprint, 1), 20)
    benchmark(DEEDS[deed], blueprint, state)
    assert state.n_entities == 10_000
