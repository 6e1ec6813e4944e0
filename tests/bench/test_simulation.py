"""How long ten thousand walkers take: `pytest tests/bench -m slow` prints the table."""

from collections.abc import Callable

import pytest

from engine.sim.extract import extract
from engine.sim.recording import run
from engine.sim.step import step
from engine.state import snapshot
from engine.state.blueprint import Blueprint, Spawn
from engine.state.world import State, new_state
from tests.worlds_for_tests import CRATE, crowd, empty_world

pytestmark = pytest.mark.slow
DEEDS: dict[str, Callable[[Blueprint, State], object]] = {
    "tick": step,
    "digest": lambda blueprint, state: state.digest(),
    "save": snapshot.save,
    "extract": extract,
}


@pytest.mark.parametrize("deed", DEEDS)
def test_fifty_stacked_crates(benchmark: Callable[..., object], deed: str) -> None:
    spawns = tuple(
        Spawn(
            "", CRATE, (6.0 + 0.82 * (i % 2), 6.0 + 0.82 * (i // 2 % 2), 0.5 + 0.8 * (i // 4)), 0.0, {"density": 200.0}
        )
        for i in range(50)
    )
    blueprint = empty_world((16, 16, 16), spawns=spawns)
    state = run(blueprint, new_state(blueprint, 1), 20)

    def stir() -> tuple[tuple[Blueprint, State], dict[str, object]]:
        state.columns.linear_velocity[1:51, 0] += 0.001  # so that they never rest
        return (blueprint, state), {}

    benchmark.pedantic(DEEDS[deed], setup=stir, rounds=200)  # type: ignore[attr-defined]
    assert deed != "tick" or not state.columns.asleep[1:51].any()


@pytest.mark.parametrize("deed", DEEDS)
def test_ten_thousand_walkers(benchmark: Callable[..., object], deed: str) -> None:
    blueprint = crowd(10_000)
    state = run(blueprint, new_state(blueprint, 1), 20)
    benchmark(DEEDS[deed], blueprint, state)
    assert state.n_entities == 10_000
