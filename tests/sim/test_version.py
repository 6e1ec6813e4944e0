"""The simulation's version rises with its digests: a recording of another is refused, so it must not change unseen."""

from engine.sim.recording import run
from engine.sim.step import SIM_VERSION
from engine.state.world import new_state
from tests.sim.test_step import COMMANDS
from tests.worlds_for_tests import lively_world

DIGESTS = {
    1: "c6fd06c9ae50c3a6",
    2: "c0ec0b0ef85c280d",
    3: "c0ec0b0ef85c280d",
    4: "c0ec0b0ef85c280d",
}  # SIM_VERSION -> after 800 ticks


def test_digests_change_only_with_the_version() -> None:
    digest = f"{run(lively_world(), new_state(lively_world(), 7), 800, COMMANDS).digest():016x}"
    assert DIGESTS.get(SIM_VERSION) == digest, (
        "the same world, seed and commands come to another digest than before: if that is meant, raise SIM_VERSION in "
        "engine/sim/step.py, write the new digest here, and say in the changelog that old recordings are refused"
    )
