"""Where two states part is said by section, entity and value."""

import pytest

from engine.core.ids import index_of
from engine.sim import actions
from engine.state.compare import parting
from engine.state.world import State
from tests.state.test_snapshot import WORLD, busy_state


def ann(state: State) -> int:
    return index_of(state.id_by_name["ann"])


def move_ann(state: State) -> None:
    state.columns.position[ann(state)] += (0.5, 0.0, 0.0)


def dim_lamp(state: State) -> None:
    state.columns.lamp_level[index_of(state.id_by_name["lamp"])] = 0.25


def spawn(state: State) -> None:
    actions.spawn(WORLD, state, "crate", (2.0, 2.0, 0.5), name="second box")


@pytest.mark.parametrize(
    ("change", "section", "what", "second"),
    [
        (move_ann, "position", "ann", "[8."),
        (dim_lamp, "lamp_level", "lamp", "0.25"),
        (lambda state: setattr(state, "clock", 7), "world", "clock", "7"),
        (lambda state: setattr(state.player, "run", True), "player", "run", "True"),
        (lambda state: state.voxels.fill((5, 5, 5), (6, 6, 6), 2), "voxels", "voxel 5 5 5", "material 2"),
        (lambda state: state.variables.update(x=3), "variables", "x", "3"),
        (lambda state: state.variables.pop("x"), "variables", "x", "nothing"),
        (lambda state: state.timers.pop("beat"), "timers", "beat", "nothing"),
        (lambda state: state.queue.pop(), "queue", "number ", "nothing"),
        (lambda state: state.disabled.add("other"), "disabled", "", "other"),
        (lambda state: setattr(state, "subtitle", "hello"), "subtitle", "", "hello"),
        (spawn, "parts", "second box", "1"),
    ],
)
def test_a_change_is_named(change: object, section: str, what: str, second: str) -> None:
    one, other = busy_state(), busy_state()
    assert parting(one, other) is None
    change(other)  # type: ignore[operator]
    found = parting(one, other)
    assert found is not None and found.section == section and found.what.startswith(what) and second in found.second
    assert str(found).startswith(section) and "in the first" in str(found)
