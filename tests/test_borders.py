"""NaN, infinity, -0.0 and their like at every border: field by field, from the code's own tables."""

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from engine.core.errors import CommandError, DaguerreError, SnapshotError
from engine.script import assets
from engine.script.api import declarations
from engine.script.budget import Budget
from engine.script.draft import Draft
from engine.script.handlers import Hands
from engine.script.sandbox import friendly
from engine.script.worldfile import LoadedWorld
from engine.sim import actions
from engine.sim.step import step
from engine.state import commands, snapshot
from engine.state.commands import Command
from engine.state.components import ALIVE, COLUMNS
from engine.state.snapshot import PLAYER_RANGES
from engine.state.world import State, new_state
from tests.script.authoring import loaded
from tests.worlds_for_tests import lively_world

WORLD = lively_world()
NEVER = (math.nan, math.inf, -math.inf)
HUGE = (1e308, -1e308)

# --- places where a number stands -------------------------------------------------------------------------------------


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The paths of all numbers in nested tuples, lists and dicts."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield path
    elif isinstance(value, Mapping):
        for k, v in value.items():
            yield from places(v, (*path, k))
    elif isinstance(value, list | tuple):
        for i, v in enumerate(value):
            yield from places(v, (*path, i))


def with_number(value: Any, path: tuple[Any, ...], number: float) -> Any:
    """The same value with another number at a path."""
    if not path:
        return number
    if isinstance(value, Mapping):
        return {k: with_number(v, path[1:], number) if k == path[0] else v for k, v in value.items()}
    changed = [with_number(v, path[1:], number) if i == path[0] else v for i, v in enumerate(value)]
    return tuple(changed) if isinstance(value, tuple) else changed


# --- functions of a world file that is being read ---------------------------------------------------------------------

LANTERN = "assets/stone_lantern.vox"
P, Q = (1.0, 1.0, 1.0), (2.0, 2.0, 2.0)
PART = {"part": "box", "low": (0.0, 0.0, 0.0), "high": (1.0, 1.0, 1.0), "material": 1}
BODY = dict(shape="box", body_size=(1.0, 1.0, 1.0), density=300.0, friction=0.5, bounce=0.5,
            linear_velocity=(1.0, 1.0, 1.0), angular_velocity=(1.0, 1.0, 1.0), kinematic=False, asleep=False,
            tells=False, orientation=(0.0, 0.0, 0.0, 1.0))  # fmt: skip
DECLARED: dict[str, dict[str, Any]] = {
    "world": dict(name="w", size=(8.0, 8.0, 8.0), hour=12.0, day_rate=1.0, latitude=1.0, sun_turn=1.0, haze=0.5,
                  exposure=1.0, night=(0.1, 0.1, 0.1), fog=0.1),
    "sky": dict(at=12.0, haze=0.5, fog=0.1, exposure=1.0, night=(0.1, 0.1, 0.1)),
    "material": dict(name="m", albedo=(0.5, 0.5, 0.5), emission=(0.5, 0.5, 0.5), pattern="plain", roughness=0.5,
                     metal=0.5, scale=1.0, seed=1),
    "fill": dict(low=P, high=Q, material="stone"),
    "clear": dict(low=P, high=Q),
    "room": dict(low=P, high=Q, wall="stone", floor="stone", roof="stone", thickness=0.25),
    "column": dict(base=P, radius=1.0, height=1.0, material="stone"),
    "sphere": dict(centre=P, radius=1.0, material="stone"),
    "arch": dict(low=P, high=Q, through="x", material="stone"),
    "stairs": dict(low=P, high=Q, material="stone", rises="+x"),
    "gable": dict(low=P, high=Q, material="stone", ridge="x", end_wall="stone"),
    "pyramid": dict(low=P, high=Q, material="stone"),
    "blob": dict(centre=P, radius=(1.0, 1.0, 1.0), materials=["stone"], density=0.5, seed=1),
    "weather": dict(low=P, high=Q, old="stone", new="stone", amount=0.5, seed=1),
    "terrain": dict(low=P, high=Q, material="stone", under="stone", steep="stone", style="hills", lowest=1.25,
                    scale=8.0, octaves=2, roughness=0.5, seed=1),
    "flatten": dict(at=P, radius=1.0, material="stone", height=1.0, blend=1.0),
    "road": dict(points=[P, Q], material="stone", width=1.0, blend=1.0),
    "river": dict(points=[P, Q], material="stone", width=1.0, depth=0.5, blend=1.0),
    "ground_at": dict(x=1.0, y=1.0),
    "scatter": dict(low=P, high=Q, spacing=1.0, on="stone", seed=1, count=4),
    "repeat": dict(at=P, step=P, count=2, then=P, rows=2),
    "ring": dict(centre=P, radius=1.0, count=3, start_deg=1.0),
    "snap": dict(value=P),
    "wedge": dict(low=P, high=Q, material="stone", rises="+x"),
    "union": dict(shapes=(PART, PART)),
    "difference": dict(shape=PART, less=(PART,)),
    "intersection": dict(shapes=(PART, PART)),
    "sculpt": dict(shape=PART, material="stone", at=P, only="everywhere"),
    "box": dict(low=P, high=Q, material="stone"),
    "cylinder": dict(base=P, radius=1.0, height=1.0, material="stone", top=0.5, sides=8, along="z", smooth=True),
    "ball": dict(centre=P, radius=(1.0, 1.0, 1.0), material="stone", sides=8, smooth=True),
    "prefab": dict(name="p", parts=[PART], collider=(1.0, 1.0, 1.0)),
    "lamp": dict(size=(0.5, 0.5, 0.5), colour=(1.0, 1.0, 1.0), power=1.0, on=True, dusk=False, offset=(0.0, 0.0, 1.0)),
    "door": dict(low=P, high=Q, material="stone", open=False, slide=(0.0, 1.0, 0.0)),
    "body": dict(shape="box", size=(1.0, 1.0, 1.0), density=300.0, friction=0.5, bounce=0.5, tilt_deg=1.0,
                 velocity=(1.0, 1.0, 1.0), spin=(1.0, 1.0, 1.0), kinematic=False, asleep=False, contacts=False,
                 hinge=None),
    "hinge": dict(at=(0.0, 0.0, 1.0), axis=(0.0, 0.0, 1.0), to=""),
    "spawn": dict(prefab="crate", at=P, name="n", yaw_deg=1.0, behaviour="wander", path=0, speed=1.0, follows="player",
                  seeks=None, flees=None, place="market", radius=5.0, schedule=None,
                  lamp=dict(lamp_size=(0.5, 0.5, 0.5), lamp_power=1.0), door=None, switches="a", solid=True, body=None,
                  carrier=None, carried_at=None),
    "spawn what is carried": dict(prefab="crate", name="n", carrier="player", carried_at=(0.5, 0.5, 0.5)),
    "spawn a body": dict(prefab="crate", at=P, name="n", yaw_deg=1.0, body=BODY),
    "path": dict(points=[P, Q]),
    "place": dict(name="here", at=P, radius=1.0),
    "schedule": dict(entries=[(6.0, "market"), (20.0, "none")]),
    "trigger": dict(name="t", low=P, high=Q),
    "camera": dict(name="c", at=None, look_at=None, keys=[(0.0, P, Q), (1.0, Q, P)], fov_deg=60.0),
    "player": dict(at=P, yaw_deg=1.0),
    "on": dict(event="use", handler="act"),
    "model": dict(file=LANTERN, name="m", height=2.0, scale=None, yaw_deg=1.0, frame=0, glow=1.0, lamps=1.0,
                  collider=(1.0, 1.0, 1.0)),
    "stamp": dict(file=LANTERN, at=P, height=2.0, scale=None, turns=0, frame=0, colours=8, glow=1.0, lamps=1.0,
                  clear=False),
    "var": dict(name="v", value=1.0),
    "goal": dict(name="g", text="do it", count=2, after=""),
}  # fmt: skip
DECLARED_PLACES = [(name, path) for name, args in DECLARED.items() for path in places(args)]


def verb(name: str) -> str:
    """The function of an example."""
    return name.split()[0]


def declared(draft: Draft, name: str, args: Mapping[str, Any]) -> object:
    """Say the example of a declaration into a draft."""
    function, named = declarations(draft)[verb(name)], dict(args)
    if not any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(function).parameters.values()):
        return function(**named)
    *first, rest = named.values()
    solid = function(*first, *rest)
    return declarations(draft)["sculpt"](solid, "stone")  # which looks at all of it


def drafted(name: str) -> Draft:
    """A draft in which the example of a declaration can be said."""
    draft = Draft(folder=assets.worlds_folder())
    words = declarations(draft)
    if name == "world":
        return draft
    words["world"]("w", (8.0, 8.0, 8.0))
    words["material"]("stone", "#888888")
    words["prefab"]("crate", [dict(PART)])
    words["path"]([P, Q])
    words["place"]("market", P)
    return draft


def test_every_declaration_has_an_example_of_all_its_arguments() -> None:
    words = declarations(Draft())
    assert set(words) == {verb(name) for name in DECLARED}, "a new declaration needs an example here"
    for name, example in DECLARED.items():
        if name in words:
            assert set(inspect.signature(words[name]).parameters) == set(example), name
        declared(drafted(name), name, example)


@pytest.mark.parametrize(("name", "path"), DECLARED_PLACES, ids=lambda v: str(v))
def test_a_declaration_refuses_what_is_no_number(name: str, path: tuple[object, ...]) -> None:
    for number in (*NEVER, *HUGE):
        if name == "var" and number in HUGE:
            continue
        draft = drafted(name)
        with pytest.raises(DaguerreError):
            declared(draft, name, with_number(DECLARED[name], path, number))


@pytest.mark.parametrize(("name", "path"), DECLARED_PLACES, ids=lambda v: str(v))
def test_a_declaration_takes_tiny_numbers_and_minus_zero_as_numbers_or_not_at_all(
    name: str, path: tuple[object, ...]
) -> None:
    for number in (-0.0, 5e-324):
        draft = drafted(name)
        try:
            declared(draft, name, with_number(DECLARED[name], path, number))
        except DaguerreError:
            continue
        for spawn in draft.spawns:
            for value in (*spawn.position, spawn.yaw):
                assert math.isfinite(value) and not (value == 0.0 and math.copysign(1.0, value) < 0.0)


# --- functions of handlers --------------------------------------------------------------------------------------------

HANDLED: dict[str, dict[str, Any]] = {
    "find": dict(name="bob"),
    "exists": dict(name="bob"),
    "name_of": dict(entity="bob"),
    "position_of": dict(entity="bob"),
    "distance": dict(entity="bob", other="bob"),
    "move_to": dict(entity="bob", position=P),
    "spawn_at": dict(prefab="crate", position=P, name="n", yaw_deg=1.0, body=None),
    "spawn_at a body": dict(prefab="crate", position=P, name="n", yaw_deg=1.0, body=BODY),
    "push": dict(entity="ball", impulse=P),
    "set_velocity": dict(entity="ball", velocity=P, spin=P),
    "velocity_of": dict(entity="ball"),
    "raycast": dict(origin=P, direction=P, reach=5.0, ignore=0),
    "despawn": dict(entity="bob"),
    "set_behaviour": dict(entity="bob", behaviour="wander", path=0, speed=1.0, follows=0, seeks=None, flees=0,
                          place="market", radius=5.0, schedule=0),
    "set_lamp": dict(entity="lamp", on=True),
    "lamp_is_on": dict(entity="lamp"),
    "dim_lamp": dict(entity="lamp", factor=0.5),
    "open_door": dict(entity="gate", open=True),
    "door_is_open": dict(entity="gate"),
    "toggle": dict(entity="gate"),
    "build": dict(low=P, high=Q, material="stone"),
    "voxel_at": dict(position=P),
    "hour": {},
    "seconds": {},
    "random": dict(stream="a"),
    "start_timer": dict(name="t", seconds=1.0, repeat=True),
    "stop_timer": dict(name="t"),
    "get": dict(name="v"),
    "put": dict(name="v", value=1.0),
    "emit": dict(event="own", args=(1.0,)),
    "say": dict(line="hello", seconds=1.0, who="bob"),
    "dialogue": dict(lines=[("bob", "hello", 1.0)], name="d"),
    "progress": dict(goal="g", by=1),
    "progress_of": dict(goal="g"),
    "is_reached": dict(goal="g"),
    "end": dict(title="end", text="all", won=True),
    "carry": dict(entity="lamp", by=None, at=P),
    "drop": dict(entity="hat", position=P),
    "carrier_of": dict(entity="hat"),
    "carried_by": dict(entity="bob"),
    "carries": dict(entity="bob", thing="hat"),
}  # fmt: skip
HANDLED_PLACES = [(name, path) for name, args in HANDLED.items() for path in places(args)]
ENTITIES = ("entity", "other", "thing")
MORE = """
path([(1, 1, 1), (2, 2, 1)])
place("market", (4, 4, 1))
schedule([(6, "market")])
var("v", 1.0)
goal("g", "do it", count = 2)
spawn("crate", at = (4, 4, 1), name = "bob", speed = 1)
spawn("crate", at = (6, 6, 1), name = "ball", body = body())
spawn(at = (4, 4, 3), name = "lamp", lamp = lamp(on = False))
spawn("crate", name = "hat", carrier = "bob")
spawn(name = "gate", door = door((8, 4, 1), (8.25, 5, 3), "stone"))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> LoadedWorld:
    """The world in which the functions of handlers are tried."""
    return loaded(tmp_path_factory.mktemp("world"), MORE)


def handled(world: LoadedWorld, name: str, args: dict[str, Any]) -> State:
    """A fresh state after one function of handlers has been called."""
    state, hands = new_state(world.blueprint, 7), Hands()
    hands.hold(world.blueprint, state, Budget(100_000))
    before = state.digest()
    given = {k: state.id_by_name[v] if k in ENTITIES and isinstance(v, str) else v for k, v in args.items()}
    more = given.pop("args", ())
    try:
        hands.functions()[verb(name)](**given) if not more else hands.functions()[name](*given.values(), *more)
    except DaguerreError:
        assert state.digest() == before, "what is refused changes nothing"
        raise
    return state


def test_every_function_of_handlers_has_an_example(world: LoadedWorld) -> None:
    functions = Hands().functions()
    assert set(functions) == {verb(name) for name in HANDLED}, "a new function needs an example here"
    for name, example in HANDLED.items():
        if name in functions:
            assert set(inspect.signature(functions[name]).parameters) == set(example), name
        handled(world, name, example)


@pytest.mark.parametrize(("name", "path"), HANDLED_PLACES, ids=lambda v: str(v))
def test_a_function_of_handlers_refuses_what_is_no_number(
    world: LoadedWorld, name: str, path: tuple[object, ...]
) -> None:
    for number in (*NEVER, *HUGE):
        if number in HUGE and name in ("put", "emit", "voxel_at"):
            continue  # any finite number may be kept and sent; outside of the world is air
        with pytest.raises(DaguerreError):
            handled(world, name, with_number(HANDLED[name], path, number))


@pytest.mark.parametrize(("name", "path"), HANDLED_PLACES, ids=lambda v: str(v))
def test_minus_zero_in_a_handler_is_zero(world: LoadedWorld, name: str, path: tuple[object, ...]) -> None:
    digests = []
    for zero in (0.0, -0.0):
        try:
            digests.append(handled(world, name, with_number(HANDLED[name], path, zero)).digest())
        except DaguerreError:
            digests.append(0)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("argument", ENTITIES)
def test_no_float_is_an_entity(world: LoadedWorld, argument: str) -> None:
    for name, args in HANDLED.items():
        if argument in args:
            for number in (*NEVER, 1.0, True, -1, 2**70):
                if name == "name_of":
                    assert handled(world, name, {**args, argument: number}) is not None
                    continue
                with pytest.raises(DaguerreError):
                    handled(world, name, {**args, argument: number})


WRONG_KINDS = (None, True, "text", "", [], [1], {}, {"a": 1}, (), (1, 2), ("a", "b", "c"), 2**63, -1, 0.5, [[[[]]]])


def test_a_function_of_handlers_refuses_every_wrong_kind_in_the_author_s_terms(world: LoadedWorld) -> None:
    """A tick never ends in an error of Python's, whatever a handler gives."""
    for name, example in HANDLED.items():
        for argument in example:
            for wrong in WRONG_KINDS:
                state, hands = new_state(world.blueprint, 7), Hands()
                hands.hold(world.blueprint, state, Budget(100_000))
                args = {k: state.id_by_name[v] if k in ENTITIES else v for k, v in example.items()}
                args[argument] = wrong
                more = args.pop("args", ())
                try:
                    friendly(name, hands.functions()[verb(name)])(
                        *args.values(), *(more if isinstance(more, tuple) else [more])
                    )
                except DaguerreError as error:
                    assert "inside the engine" not in str(error), (name, argument, wrong)
                assert state.digest()


def test_a_declaration_refuses_every_wrong_kind_in_the_author_s_terms() -> None:
    for name, example in DECLARED.items():
        for argument in example:
            for wrong in WRONG_KINDS:
                draft = drafted(name)
                try:
                    friendly(name, declarations(draft)[verb(name)])(**{**example, argument: wrong})
                except DaguerreError as error:
                    assert "inside the engine" not in str(error), (name, argument, wrong)


# --- commands ---------------------------------------------------------------------------------------------------------


def example_of(rule: object) -> Any:
    """A value that a rule of commands.KINDS accepts."""
    for value in (0.0, 0, True, "player", (0.0, 0.0, 0.0), (0, 0, 0)):
        if rule.problem(value) is None:  # type: ignore[attr-defined]
            return value
    raise AssertionError(f"no example fits {rule}")


COMMANDS = {kind: {name: example_of(rule) for name, rule in rules.items()} for kind, rules in commands.KINDS.items()}
COMMAND_PLACES = [(kind, path) for kind, args in COMMANDS.items() for path in places(args)]


@pytest.mark.parametrize(("kind", "path"), COMMAND_PLACES, ids=lambda v: str(v))
def test_a_command_refuses_what_is_no_number(kind: str, path: tuple[object, ...]) -> None:
    for number in (*NEVER, *HUGE):
        state = new_state(WORLD)
        before = state.digest()
        with pytest.raises(CommandError):
            step(WORLD, state, [Command(0, kind, with_number(COMMANDS[kind], path, number))])
        assert state.digest() == before
    good = commands.check(Command(0, kind, COMMANDS[kind]))
    zero = with_number(COMMANDS[kind], path, -0.0)
    if isinstance(COMMANDS[kind][path[0]], float | tuple) and not any(
        isinstance(v, int) for v in _flat(COMMANDS[kind])
    ):
        made = commands.check(Command(0, kind, zero))
        assert [math.copysign(1.0, v) for v in _flat(made.args)] == [1.0] * len(_flat(good.args))


def _flat(value: object) -> list[float]:
    if isinstance(value, Mapping):
        return [x for v in value.values() for x in _flat(v)]
    if isinstance(value, list | tuple):
        return [x for v in value for x in _flat(v)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


# --- snapshots --------------------------------------------------------------------------------------------------------

FLOAT_COLUMNS = [c for c in COLUMNS if c.dtype.startswith("f")]


@pytest.mark.parametrize("column", FLOAT_COLUMNS, ids=lambda c: c.name)
def test_a_snapshot_with_a_column_that_holds_no_number_is_refused(column: Any) -> None:
    state = new_state(WORLD)
    actions.spawn(WORLD, state, "crate", (4.0, 4.0, 2.0), components={"density": 300.0})
    rows = range(state.n_slots) if column.part == ALIVE else np.flatnonzero(state.columns.parts & column.part)
    for number in NEVER:
        state.columns[column.name][rows[-1]] = number
        with pytest.raises(SnapshotError, match=f"'{column.name}' is wrong"):
            snapshot.load(WORLD, snapshot.save(WORLD, state))
    state.columns[column.name][rows[-1]] = 0.0
    plain = snapshot.save(WORLD, state)
    state.columns[column.name][rows[-1]] = -0.0
    assert snapshot.save(WORLD, state) == plain


@pytest.mark.parametrize("name", PLAYER_RANGES)
def test_a_snapshot_with_a_player_that_holds_no_number_is_refused(name: str) -> None:
    for number in (*NEVER, *HUGE):
        state = new_state(WORLD)
        setattr(state.player, name, number)
        with pytest.raises(SnapshotError, match=name):
            snapshot.load(WORLD, snapshot.save(WORLD, state))


def test_every_number_of_the_player_has_a_range() -> None:
    numbers = {n for n, v in vars(new_state(WORLD).player).items() if isinstance(v, float)}
    assert numbers == set(PLAYER_RANGES)


@pytest.mark.parametrize("number", NEVER)
def test_a_snapshot_with_a_variable_that_is_no_number_is_refused(number: float) -> None:
    state = new_state(WORLD)
    state.variables["x"] = number
    with pytest.raises(SnapshotError, match="not a finite number"):
        snapshot.load(WORLD, snapshot.save(WORLD, state))
