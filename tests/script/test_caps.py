"""Every cap: what fits exactly is taken, one more is refused by the cap's name and number."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.core.errors import DaguerreError
from engine.script import draft, evaluator, objects, parts, reading, sandbox, stage, walks
from engine.script.handlers import MAX_SPAWNS
from engine.script.worldfile import load
from engine.sim import actions, stories
from engine.sim.actions import LONGEST_TIMER_S
from engine.sim.step import step
from engine.state import entities, events
from engine.state.components import MAX_ENTITIES
from engine.state.events import MAX_ARGUMENTS, MAX_EVENTS, MAX_TEXT
from engine.state.story import LONGEST_LINE
from engine.state.world import MAX_TIMERS, MAX_TRIGGERS, MAX_VARIABLES, State, new_state
from tests.script.authoring import BASE, loaded, written
from tests.worlds_for_tests import lively_world


@dataclass(frozen=True)
class Cap:
    """How to ask for n of something in a world file, how many there may be, and what one more is answered."""

    most: int
    lines: Callable[[int], str]
    answer: str


def loop(n: int, body: str) -> str:
    """A body n times; longer than a loop over a list may be."""
    return f"for i in range({n}):\n    {body}\n"


BOX = 'box((0, 0, 0), (1, 1, 1), "stone")'
BALL = 'ball((0, 0, 1), 1, "stone", sides = 64, smooth = False)'  # 11,904 vertices
PER_BALL = 11_904
FILE_CAPS = {
    "materials": Cap(
        draft.MAX_MATERIALS - 2, lambda n: loop(n, 'material("m%d" % i, "#ffffff")'), "hold 255 materials"
    ),
    "prefabs": Cap(
        draft.MAX_COUNTS["prefab"] - 1, lambda n: loop(n, f'prefab("p%d" % i, [{BOX}])'), "1,024 of kind 'prefab'"
    ),
    "parts of a prefab": Cap(
        parts.MAX_PARTS, lambda n: f'prefab("p", [{BOX}] * {n})', "a prefab may have 200 parts, not 201"
    ),
    "vertices of all prefabs": Cap(
        draft.MAX_VERTICES // PER_BALL, lambda n: loop(n, f'prefab("p%d" % i, [{BALL}])'), "500,000 vertices together"
    ),
    "entities": Cap(
        MAX_ENTITIES, lambda n: loop(n, 'spawn("crate", at = (4, 4, 1))'), "50,000 of kind 'spawn', not more"
    ),
    "lamps": Cap(
        draft.MAX_COUNTS["lamp"],
        lambda n: loop(n, "spawn(at = (4, 4, 3), lamp = lamp())"),
        "512 of kind 'lamp'",
    ),
    "paths": Cap(draft.MAX_COUNTS["path"], lambda n: loop(n, "path([(1, 1, 1), (2, 2, 1)])"), "4,096 of kind 'path'"),
    "points of a path": Cap(walks.MAX_PATH_POINTS, lambda n: f"path([(1, 1, 1)] * {n})", "a list of 2 to 1024 points"),
    "places": Cap(draft.MAX_COUNTS["place"], lambda n: loop(n, 'place("q%d" % i, (4, 4, 1))'), "4,096 of kind 'place'"),
    "schedules": Cap(
        draft.MAX_COUNTS["schedule"], lambda n: loop(n, 'schedule([(6, "none")])'), "4,096 of kind 'schedule'"
    ),
    "entries of a schedule": Cap(
        walks.MAX_SCHEDULE_ENTRIES,
        lambda n: f'schedule([(i / 4, "none") for i in range({min(n, 90)})])',
        "a list of 1 to 48",
    ),
    "triggers": Cap(
        MAX_TRIGGERS, lambda n: loop(n, 'trigger("t%d" % i, (0, 0, 0), (1, 1, 1))'), "64 of kind 'trigger', not more"
    ),
    "cameras": Cap(
        draft.MAX_COUNTS["camera"] - 1,
        lambda n: loop(n, 'camera("c%d" % i, at = (1, 1, 1), look_at = (2, 2, 2))'),
        "256 of kind 'camera', not more",
    ),
    "keys of a camera": Cap(
        stage.MAX_KEYS,
        lambda n: f'camera("c", keys = [(i, (1, 1, 1), (2, 2, 2)) for i in range({n})])',
        "a list of 1 to 256",
    ),
    "variables": Cap(MAX_VARIABLES, lambda n: loop(n, 'var("v%d" % i, i)'), "1,000 of kind 'variable', not more"),
    "handlers": Cap(
        draft.MAX_COUNTS["handler"],
        lambda n: (
            "".join(f"def h{i}(): pass\n" for i in range(64))
            + "H = ["
            + ", ".join(f"h{i}" for i in range(64))
            + "]\n"
            + 'def go():\n    for i in range(64): emit("e%d" % i)\n'
            + loop(n, 'on("e%d" % (i // 64), H[i % 64])')
        ),
        "4,096 of kind 'handler', not more",
    ),
    "characters of a name": Cap(60, lambda n: f'trigger("{"t" * n}", (0, 0, 0), (1, 1, 1))', "at most 60 characters"),
    "characters of a text": Cap(
        reading.MAX_TEXT_LENGTH, lambda n: f'x = "{"a" * n}"', "a text may have 65,536 characters, not 65,537"
    ),
    "characters of a made text": Cap(
        reading.MAX_TEXT_LENGTH, lambda n: f'x = "a" * {n}', "this makes a text of 65,537; it may be 65,536 long"
    ),
    "elements of a list": Cap(
        objects.MAX_LENGTH, lambda n: f"x = [0] * {n}", "this makes a list of 10,001; it may be 10,000 long"
    ),
    "elements of a dict": Cap(
        objects.MAX_LENGTH, lambda n: "x = {}\n" + loop(n, "x[i] = i"), "a dict of 10,001; it may be 10,000 long"
    ),
    "a whole number": Cap(2**63 - 1, lambda n: f"x = {n}", "does not fit into 64 bits"),
    "a sum": Cap(2**63 - 1, lambda n: f"x = {n - 1} + 1", "does not fit into 64 bits"),
    "levels of a tree": Cap(reading.MAX_NESTING - 2, lambda n: "x = " + "[" * n + "]" * n, "nested more than 64 deep"),
    "levels of a value that is written": Cap(
        objects.MAX_VALUE_DEPTH, lambda n: "x = []\n" + loop(n, "x = [x]") + "y = str(x)", "nested more than 32 deep"
    ),
    "words of a file": Cap(reading.MAX_WORDS - reading.words_of(BASE), lambda n: "#" * n, "60,000 words and signs"),
    "files loaded by one another": Cap(
        sandbox.MAX_LOADS_DEEP, lambda n: f'load("deep{n}.star", "x")', "files may load files 8 deep, not deeper"
    ),
    "files of a world": Cap(
        sandbox.MAX_FILES - 1, lambda n: "".join(f'load("wide{i}.star", "x")\n' for i in range(n)), "made of 32 files"
    ),
    "voxels": Cap(
        draft.MAX_VOXELS // (1024 * 1024 * 8),
        lambda n: "",
        "a world may hold 2,147,483,648 voxels",
    ),
}


def world_of(folder: Path, name: str, n: int) -> Path:
    """A world file that asks for n."""
    for i in range(1, 12):
        below = f'load("deep{i - 1}.star", "x")' if i > 1 else "x = 1"
        (folder / f"deep{i}.star").write_text(below + "\ny = 1\n" if i == 1 else below + "\n")
    for i in range(40):
        (folder / f"wide{i}.star").write_text("x = 1\n")
    if name == "voxels":
        return written(folder, "", BASE.replace("(16, 16, 8)", f"(256, 256, {2 * n})"))
    return written(folder, FILE_CAPS[name].lines(n))


@pytest.mark.parametrize("name", FILE_CAPS)
def test_a_file_may_ask_for_just_as_much_as_there_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name != "entities":
        monkeypatch.setattr("engine.script.worldfile.LOAD_STEPS", 1_500_000)  # what asks for 2^31 is cut sooner
    cap = FILE_CAPS[name]
    load(world_of(tmp_path, name, cap.most))
    for n in (cap.most + 1, 2**31):
        if n == 2**31 and (n < cap.most or len(cap.lines(8)) + 1 < len(cap.lines(16))):
            continue  # the text itself would be too long to write down
        with pytest.raises(DaguerreError) as caught:
            load(world_of(tmp_path, name, n))
        if n == cap.most + 1:
            assert cap.answer in str(caught.value)


def test_recursion_is_cut_at_a_counted_depth(tmp_path: Path) -> None:
    """At the same depth however deep the caller stands."""

    def deepest() -> int:
        box = sandbox.Sandbox({}, lambda wanted: "")
        with pytest.raises(DaguerreError, match="calls are nested too deeply"):
            box.run("t.star", "D = []\ndef f():\n    D.append(1)\n    f()\nf()\n", 100_000)
        return len(box._names["D"])

    def from_below(n: int) -> int:
        return deepest() if n == 0 else from_below(n - 1)

    assert evaluator.CALL_FRAMES > 0
    assert 20 < deepest() == from_below(100) < 200


# --- while the world runs ---------------------------------------------------------------------------------------------

WORLD = lively_world()


def refused(state: State, deed: Callable[[], object], answer: str) -> None:
    """The deed is refused in these words and changes nothing."""
    before = state.digest()
    with pytest.raises(DaguerreError, match=answer):
        deed()
    assert state.digest() == before


def test_entities_while_the_world_runs() -> None:
    state = new_state(WORLD)
    while state.n_entities < MAX_ENTITIES:
        actions.spawn(WORLD, state, "crate", (4.0, 4.0, 0.5))
    refused(state, lambda: actions.spawn(WORLD, state, "crate", (4.0, 4.0, 0.5)), "a world holds at most 50,000")
    entities.despawn(state, state.entity_at(5))
    actions.spawn(WORLD, state, "crate", (4.0, 4.0, 0.5))


def test_spawns_of_one_tick(tmp_path: Path) -> None:
    text = f'def act():\n    for i in range({MAX_SPAWNS // 2}): spawn_at("crate", (4, 4, 1))\n'
    text += 'def more(): spawn_at("crate", (4, 4, 1))\ndef again(): act()\n'
    text += 'on("tick", act)\non("tick", again)\non("tick", more)\n'
    world = loaded(tmp_path, text)
    state = new_state(world.blueprint)
    step(world.blueprint, state, (), world.script)
    assert state.n_entities == MAX_SPAWNS and state.disabled == {"more"} and state.spawns == 0
    (error,) = [e for e in state.queue if e.kind == "script_error"]
    assert "handlers may make 500 in one tick, not more" in str(error.args[1])
    step(world.blueprint, state, (), world.script)
    assert state.n_entities == 2 * MAX_SPAWNS, "the next tick has room again"


def test_events_of_one_tick() -> None:
    state = new_state(WORLD)
    while len(state.queue) < MAX_EVENTS:
        actions.emit(WORLD, state, "own")
    refused(state, lambda: actions.emit(WORLD, state, "own"), "a tick holds at most 10000 events")
    while len(state.queue) < 2 * MAX_EVENTS:
        events.emit(state, "enter", "door", 1)
    refused(state, lambda: events.emit(state, "enter", "door", 1), "a tick holds at most 20000 events")


def test_timers_and_variables() -> None:
    state = new_state(WORLD)
    for i in range(MAX_TIMERS):
        actions.start_timer(WORLD, state, f"t{i}", LONGEST_TIMER_S)
    refused(state, lambda: actions.start_timer(WORLD, state, "more", 1.0), "at most 1000")
    refused(state, lambda: actions.start_timer(WORLD, state, "t1", LONGEST_TIMER_S + 1), "from 0 to 2.592e")
    while len(state.variables) < MAX_VARIABLES:
        actions.set_var(WORLD, state, f"v{len(state.variables)}", 1)
    refused(state, lambda: actions.set_var(WORLD, state, "more", 1), "at most 1000")


def test_texts_and_arguments() -> None:
    state = new_state(WORLD)
    for deed in (
        lambda n: actions.set_var(WORLD, state, "v", "x" * n),
        lambda n: actions.set_var(WORLD, state, "x" * n, 1),
        lambda n: actions.start_timer(WORLD, state, "x" * n, 1.0),
        lambda n: actions.emit(WORLD, state, "own", "x" * n),
        lambda n: actions.emit(WORLD, state, "x" * n),
        lambda n: actions.random(WORLD, state, "x" * n),
    ):
        deed(MAX_TEXT)
        refused(state, lambda deed=deed: deed(MAX_TEXT + 1), "4096|short text")  # type: ignore[misc]
    actions.emit(WORLD, state, "own", *range(MAX_ARGUMENTS))
    refused(state, lambda: actions.emit(WORLD, state, "own", *range(MAX_ARGUMENTS + 1)), "at most 16 arguments")
    stories.say(WORLD, state, "x" * (LONGEST_LINE + 1))
    assert len(state.subtitle) == LONGEST_LINE
    actions.spawn(WORLD, state, "crate", (4.0, 4.0, 0.5), name="x" * entities.LONGEST_NAME)
    longer = "y" * (entities.LONGEST_NAME + 1)
    refused(state, lambda: actions.spawn(WORLD, state, "crate", (4.0, 4.0, 0.5), name=longer), "at most 200 characters")


def test_more_visitors_of_triggers_than_a_tick_has_room_for_are_told_in_the_next(tmp_path: Path) -> None:
    text = loop(MAX_TRIGGERS, 'trigger("t%d" % i, (8, 0, 0), (16, 16, 8))')
    text += loop(400, 'spawn("crate", at = (4, 4, 1), solid = True)')
    world = loaded(tmp_path, text)
    state = new_state(world.blueprint)
    for index in range(1, 401):
        entities.place(state, index, (12.0, 8.0, 1.0))
    told = 0
    for _ in range(3):
        step(world.blueprint, state, (), world.script)
        told += sum(e.kind == "enter" for e in state.events)
        assert len(state.events) <= 2 * MAX_EVENTS
    assert told == 400 * MAX_TRIGGERS
