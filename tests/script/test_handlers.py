"""Handlers: what they can do, how they fail, and that a cut repeats exactly."""

from pathlib import Path

import pytest

from engine.script.budget import Budget
from engine.script.worldfile import HANDLER_STEPS, LoadedWorld
from engine.sim.script_port import ScriptFailure
from engine.sim.step import step
from engine.state.world import State, new_state
from tests.script.authoring import loaded


def called(world: LoadedWorld, handler: str, *args: int | float | str | bool) -> State:
    """A fresh state after one call of a handler."""
    state = new_state(world.blueprint, 7)
    world.script.handle(world.blueprint, state, handler, args)
    return state


def test_handlers_reach_the_world_through_their_hands(tmp_path: Path) -> None:
    world = loaded(
        tmp_path,
        """
spawn("crate", at = (4, 4, 1), name = "bob", speed = 1)
spawn(at = (4, 4, 3), name = "lamp", lamp = lamp(on = False))
spawn(name = "gate", door = door((8, 4, 1), (8.25, 5, 3), "stone"))
var("n", 1)
def act(who):
    bob = find(who)
    set_lamp(find("lamp"), True)
    dim_lamp(find("lamp"), 0.5)
    open_door(find("gate"))
    put("n", get("n") + 1)
    put("far", distance(bob, find("player")))
    put("stone", voxel_at((4, 4, 0.5)) + "/" + voxel_at((4, 4, 5)))
    put("lit", lamp_is_on(find("lamp")) and door_is_open(find("gate")))
    put("x", position_of(bob)[0])
    put("there", exists("bob") and not exists("eve"))
    crate = spawn_at("crate", (6, 6, 1), name = "box 2", yaw_deg = 90)
    put("name", name_of(crate))
    move_to(bob, (5, 5, 1))
    set_behaviour(bob, "follow", speed = 2.0)
    build((10, 10, 1), (11, 11, 2), "stone")
    start_timer("tea", 3)
    toggle(find("gate"))
    put("dice", 0.0 <= random() and random() < 1.0)
    put("clock", hour())
    emit("own", 1, "a")
    say("Hello, %s." % who)
    despawn(find("lamp"))
""",
    )
    state = called(world, "act", "bob")
    v = state.variables
    assert (v["n"], v["stone"], v["lit"], v["x"], v["there"], v["name"]) == (2, "stone/air", True, 4.0, True, "box 2")
    assert v["far"] == pytest.approx(8**0.5) and v["dice"] is True and v["clock"] == 12.0
    assert state.subtitle == "Hello, bob." and "lamp" not in state.id_by_name and "tea" in state.timers
    assert (state.voxels.material[40:44, 40:44, 4:8] == 1).all() and state.voxels.material[40, 40, 8] == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('find("bbo")', "nothing named 'bbo'; did you mean 'bob'?"),
        ('set_lamp(find("bob"), True)', "no lamp"),
        ("set_lamp(12345, True)", "no living entity"),
        ('get("m")', "no variable named 'm'"),
        ("1 // 0", "division by zero"),
        ('fill((0, 0, 0), (1, 1, 1), "stone")', "a handler cannot use it"),
        ('build((0, 0, 0), (1, 1, 1.1), "stone")', "multiple of 0.25 m"),
        ('build((0, 0, 0), (1, 1, 1), "stnoe")', "did you mean 'stone'?"),
        ('build((0, 0, 0), (1, 1, 99), "stone")', "not inside this world"),
        ("LIST.append(1)", "mmutable"),
        ("say()", "it takes (line, seconds, who)"),
        ("say(3)", "must be a string"),
        ('set_lamp(find("bob"), "off")', "on must be True or False, not 'off'"),
        ("random(5)", "stream is 5, it must be a text"),
        ('emit("script_error")', "'script_error' is sent by the world itself"),
        ('start_timer("a", 1e9)', "seconds is 1000000000.0"),
        ("for i in range(1000000000): pass", "ran longer than 100,000 steps"),
        ("for i in range(50000): hour()", "ran longer than 100,000 steps"),
        ("act(1)", "nested too deeply"),
        ('"a" + 1', "a text + a whole number makes no sense"),
    ],
)
def test_a_failing_handler_says_where(tmp_path: Path, body: str, message: str) -> None:
    world = loaded(
        tmp_path, f'spawn("crate", at = (4, 4, 1), name = "bob")\nLIST = []\nvar("n", 1)\ndef act(x):\n    {body}\n'
    )
    with pytest.raises(ScriptFailure) as caught:
        called(world, "act", 1)
    failure = caught.value
    assert failure.handler == "act" and message in failure.message
    assert "test.star:11:" in failure.message and "^" in failure.message


def test_wrong_arguments_are_a_failure_too(tmp_path: Path) -> None:
    with pytest.raises(ScriptFailure, match="[Mm]issing"):
        called(loaded(tmp_path, "def act(x): pass"), "act")


ENDLESS = """
var("n", 0)
def endless():
    put("n", get("n") + 1)
    for i in range(1000000000):
        pass
    put("n", 1000)
def calm():
    put("n", get("n") + 10)
on("tick", endless)
on("tick", calm)
"""


def test_an_endless_handler_is_cut_at_the_same_count_and_the_world_goes_on(tmp_path: Path) -> None:
    digests = []
    for _ in range(2):
        world = loaded(tmp_path, ENDLESS)
        state = new_state(world.blueprint, 7)
        for _ in range(5):
            state = step(world.blueprint, state, (), world.script)
        assert state.disabled == {"endless"} and state.variables["n"] == 1 + 5 * 10
        digests.append(state.digest())
    assert digests[0] == digests[1]


def test_steps_are_counted_the_same_every_time(tmp_path: Path) -> None:
    world = loaded(tmp_path, "def work(n):\n    for i in range(n): hour()\n")
    counts = []
    for _ in range(2):
        budget = Budget(HANDLER_STEPS)
        state = new_state(world.blueprint, 7)
        world.script._hands.hold(world.blueprint, state, budget)
        world.script._box.call("work", (2000,), budget)
        world.script._hands.let_go()
        counts.append(budget.spent)
    assert counts[0] == counts[1] > 2000


def test_a_handler_of_the_library_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "manners.star").write_text('def greet(entity):\n    say("Good day.")\n')
    world = loaded(tmp_path, 'load("manners.star", "greet")\non("use", greet)')
    assert called(world, "greet", 1).subtitle == "Good day."


FLOOD = """
def flood(n):
    for i in range(1000): emit("drop")
def one(): flood(1)
def two(): flood(2)
def three():
    for i in range(100): flood(3)
def ring(): start_timer("a", 0)
on("start", one)
on("start", two)
on("start", three)
on("tick", ring)
"""


def test_handlers_that_fill_a_tick_with_events_leave_room_for_the_world(tmp_path: Path) -> None:
    world = loaded(tmp_path, FLOOD)
    state = new_state(world.blueprint, 7)
    for _ in range(3):
        state = step(world.blueprint, state, (), world.script)
    assert state.tick == 3 and state.disabled == {"three"}


@pytest.mark.parametrize("line", ['on("use", lambda e: 1)', 'on("use", _hidden)', 'on("use", 3)', 'on("use", len)'])
def test_only_public_functions_of_the_file_can_handle(tmp_path: Path, line: str) -> None:
    with pytest.raises(Exception, match="handler"):
        loaded(tmp_path, "def _hidden(e): pass\n" + line)
