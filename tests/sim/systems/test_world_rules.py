"""The day, lamps at dusk, triggers, timers, and handlers that answer events."""

import dataclasses

import pytest

from engine.core.errors import LimitError
from engine.core.ids import PLAYER
from engine.core.units import DAY_S, TICK_HZ
from engine.sim import actions, stories
from engine.sim.recording import run
from engine.sim.script_port import ScriptFailure, Value
from engine.sim.step import step
from engine.sim.systems.daylight import SPREAD_TICKS
from engine.state import daylight, events
from engine.state.blueprint import Blueprint, Sky, Spawn, Trigger
from engine.state.commands import Command
from engine.state.world import State, new_state
from tests.worlds_for_tests import PERSON, empty_world

Seen = list[tuple[int, str, tuple[Value, ...]]]


def watch(blueprint: Blueprint, state: State, ticks: int) -> Seen:
    """Events of so many ticks with the tick in which they were handled."""
    seen: Seen = []
    for _ in range(ticks):
        step(blueprint, state)
        seen += [(state.tick - 1, e.kind, e.args) for e in state.events]
    return seen


class Rules:
    """A script made of Python functions."""

    def __init__(self, **handlers: object) -> None:
        self.handlers = handlers

    def handle(self, blueprint: Blueprint, state: State, handler_name: str, args: tuple[Value, ...]) -> None:
        self.handlers[handler_name](blueprint, state, *args)  # type: ignore[operator]


# --- the day ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 1.0, 60.0, 0.5, 1000.0 / 1024.0])
def test_the_clock_is_exact(rate: float) -> None:
    blueprint = empty_world(day_rate=rate, start_hour=6.0)
    state = run(blueprint, new_state(blueprint), 1000)
    assert state.clock - daylight.clock_at(6.0) == rate * 1000 / TICK_HZ * daylight.UNITS_PER_S


def test_midnight_begins_a_new_day() -> None:
    blueprint = empty_world(day_rate=3600.0, start_hour=23.5)
    state = run(blueprint, new_state(blueprint), TICK_HZ)
    assert state.hour == pytest.approx(0.5)
    assert state.clock > daylight.UNITS_PER_DAY


def test_the_sun_rises_in_the_east_stands_south_and_moves_in_steps() -> None:
    sky = Sky(latitude_deg=45.0)
    assert daylight.sun_direction(sky, daylight.clock_at(7.0))[0] > 0.5
    assert daylight.sun_direction(sky, daylight.clock_at(12.0)) == pytest.approx((0.0, -0.5736, 0.8192), abs=1e-4)
    assert daylight.sun_direction(sky, daylight.clock_at(17.0))[0] < -0.5
    assert daylight.sun_direction(sky, daylight.clock_at(0.0))[2] < -0.5
    step_of_sun = {daylight.sun_direction(sky, daylight.clock_at(12.0 + s / 3600)) for s in range(0, 600, 10)}
    assert len(step_of_sun) == 5


def test_lamps_come_on_at_dusk_one_after_another_and_go_off_at_dawn() -> None:
    lamps = tuple(
        Spawn(f"lamp{i}", -1, (1.0 + i, 1.0, 3.0), 0.0, {"lamp_size": (0.2, 0.2, 0.2), "lamp_dusk": True})
        for i in range(8)
    )
    plain = Spawn("plain", -1, (1.0, 3.0, 3.0), 0.0, {"lamp_size": (0.2, 0.2, 0.2), "lamp_on": False})
    blueprint = empty_world(spawns=(*lamps, plain), start_hour=18.0, day_rate=60.0 * 30)
    state = new_state(blueprint, 1)
    seen = watch(blueprint, state, 3 * SPREAD_TICKS)
    dusk = [tick for tick, kind, _ in seen if kind == "dusk"]
    lit = [(tick, args[0]) for tick, kind, args in seen if kind == "lamp"]
    assert len(dusk) == 1
    assert len({entity for _, entity in lit}) == len(lit) == 8
    assert len({tick for tick, _ in lit}) >= 6
    assert all(dusk[0] <= tick < dusk[0] + SPREAD_TICKS for tick, _ in lit)
    assert not actions.lamp_is_on(blueprint, state, state.id_by_name["plain"])
    step(blueprint, state, [Command(state.tick, "set_clock", {"hour": 9.0})])
    assert "dawn" in [e.kind for e in state.events]
    run(blueprint, state, SPREAD_TICKS)
    assert not state.columns.lamp_on[: state.n_slots][state.columns.lamp_dusk[: state.n_slots]].any()


def test_a_lamp_switched_by_hand_in_the_evening_stays_so() -> None:
    lamp = Spawn("lamp", -1, (1.0, 1.0, 3.0), 0.0, {"lamp_size": (0.2, 0.2, 0.2), "lamp_dusk": True})
    blueprint = empty_world(spawns=(lamp,), start_hour=22.0)
    state = new_state(blueprint)
    step(blueprint, state, [Command(0, "set_lamp", {"entity": "lamp", "on": False})])
    run(blueprint, state, 2 * SPREAD_TICKS)
    assert not actions.lamp_is_on(blueprint, state, state.id_by_name["lamp"])


# --- triggers and timers ----------------------------------------------------------------------------------------------


def test_triggers_tell_who_comes_and_who_leaves() -> None:
    trigger = Trigger("gate", (9.0, 0.0, 0.0), (10.0, 16.0, 3.0))
    blueprint = empty_world(triggers=(trigger,))
    state = new_state(blueprint)
    step(blueprint, state, [Command(0, "move", {"forward": 1.0})])
    seen = [e for e in watch(blueprint, state, 64) if e[1] in ("enter", "leave")]
    assert [(kind, args) for _, kind, args in seen] == [("enter", ("gate", PLAYER)), ("leave", ("gate", PLAYER))]
    assert seen[1][0] - seen[0][0] == pytest.approx(64 / 2.2, abs=1)


def test_who_begins_inside_does_not_enter_but_leaves_and_statues_do_neither() -> None:
    trigger = Trigger("all", (0.0, 0.0, 0.0), (12.0, 16.0, 3.0))
    statue = Spawn("statue", PERSON, (2.0, 2.0, 0.5))
    blueprint = empty_world(triggers=(trigger,), spawns=(statue,))
    state = new_state(blueprint)
    step(blueprint, state, [Command(0, "move", {"forward": 1.0, "run": True})])
    seen = [e[1:] for e in watch(blueprint, state, 64 * 2) if e[1] in ("enter", "leave")]
    assert seen == [("leave", ("all", PLAYER))]


def test_timers_ring_once_or_again() -> None:
    blueprint = empty_world()
    state = new_state(blueprint)
    actions.start_timer(blueprint, state, "once", 0.5)
    actions.start_timer(blueprint, state, "again", 0.25, repeat=True)
    actions.start_timer(blueprint, state, "never", 0.25)
    actions.stop_timer(blueprint, state, "never")
    seen = [(tick, args[0]) for tick, kind, args in watch(blueprint, state, 65) if kind == "timer"]
    assert seen == [(16, "again"), (32, "again"), (32, "once"), (48, "again"), (64, "again")]


def test_subtitles_end() -> None:
    blueprint = empty_world()
    state = new_state(blueprint)
    stories.say(blueprint, state, "hello", 1.0)
    run(blueprint, state, 64)
    assert state.subtitle == "hello"
    run(blueprint, state, 1)
    assert state.subtitle == ""


# --- handlers ---------------------------------------------------------------------------------------------------------


def test_handlers_get_events_in_order_and_what_they_send_comes_in_the_next_tick() -> None:
    calls: list[str] = []
    script = Rules(
        begin=lambda b, s: (calls.append("begin"), actions.emit(b, s, "echo", 7)),
        tick=lambda b, s: calls.append("tick"),
        echo=lambda b, s, n: calls.append(f"echo {n}"),
    )
    blueprint = empty_world(handlers={"start": ("begin",), "tick": ("tick",), "echo": ("echo",)})
    state = new_state(blueprint)
    for _ in range(3):
        step(blueprint, state, (), script)
    assert calls == ["tick", "begin", "tick", "echo 7", "tick"]


def test_a_failing_handler_is_named_and_disabled_and_the_others_go_on() -> None:
    calls: list[str] = []

    def broken(b: Blueprint, s: State) -> None:
        calls.append("broken")
        raise ScriptFailure("broken", "division by zero at world.star:3")

    script = Rules(
        broken=broken,
        good=lambda b, s: calls.append("good"),
        worried=lambda b, s, handler, message: calls.append(f"{handler}: {message}"),
    )
    blueprint = empty_world(handlers={"tick": ("broken", "good"), "script_error": ("worried",)})
    state = new_state(blueprint)
    for _ in range(3):
        step(blueprint, state, (), script)
    assert calls == ["broken", "good", "good", "broken: division by zero at world.star:3", "good"]
    assert state.disabled == {"broken"}


def test_a_handler_that_asks_for_nonsense_fails_like_any_other() -> None:
    script = Rules(bad=lambda b, s: actions.set_lamp(b, s, 12345, True))
    blueprint = empty_world(handlers={"start": ("bad",)})
    state = new_state(blueprint)
    for _ in range(2):
        step(blueprint, state, (), script)
    assert [(e.kind, e.args) for e in state.events] == [("script_error", ("bad", "12345 names no living entity"))]


def test_a_flood_of_events_is_refused_by_number_and_its_handler_named() -> None:
    def flood(b: Blueprint, s: State) -> None:
        for _ in range(events.MAX_EVENTS + 1):
            actions.emit(b, s, "drop")

    blueprint = empty_world(handlers={"start": ("flood",)})
    state = new_state(blueprint)
    step(blueprint, state, (), Rules(flood=flood))
    assert state.disabled == {"flood"}
    step(blueprint, state, (), Rules(flood=flood))
    assert state.events[-1].kind == "script_error"
    assert "at most 10000 events" in str(state.events[-1].args[1])
    with pytest.raises(LimitError, match="at most 10000 events"):
        for _ in range(events.MAX_EVENTS + 1):
            actions.emit(blueprint, state, "drop")


def test_random_numbers_of_a_tick_differ_and_repeat_in_another_run() -> None:
    runs = []
    for _ in range(2):
        drawn: list[float] = []
        script = Rules(draw=lambda b, s, drawn=drawn: drawn.extend(actions.random(b, s, "dice") for _ in range(3)))
        blueprint = empty_world(handlers={"tick": ("draw",)})
        state = new_state(blueprint, 9)
        for _ in range(5):
            step(blueprint, state, (), script)
        runs.append(drawn)
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 15


def test_dusk_in_a_frozen_world_needs_the_clock_to_be_set() -> None:
    blueprint = dataclasses.replace(empty_world(), day_rate=0.0)
    state = new_state(blueprint)
    run(blueprint, state, 64)
    assert state.clock == 12 * 3600 * daylight.UNITS_PER_S < DAY_S * daylight.UNITS_PER_S
    step(blueprint, state, [Command(64, "set_clock", {"hour": 20.0})])
    assert "dusk" in [e.kind for e in state.events]
