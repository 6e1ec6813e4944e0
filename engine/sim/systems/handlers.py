"""The world's own rules: scripts answer the events of this tick, in order."""

from typing import Final

from engine.core.errors import DaguerreError
from engine.sim.script_port import TICK_STEPS, Script, ScriptFailure, Value
from engine.state.blueprint import Blueprint
from engine.state.events import Event
from engine.state.world import State

LONGEST_MESSAGE: Final = 500  # characters


def call(blueprint: Blueprint, state: State, script: Script | None) -> None:
    """Calls every handler of "tick", then of each queued event. Events that handlers send wait for the next tick.

    A handler that fails is disabled for the rest of this world's life, which the event "script_error" tells; the others
    and the world go on. Once all handlers together have used up the steps of a tick, no more are called in it, and the
    one that took most is disabled.
    """
    state.events, state.queue = state.queue, []
    if script is not None:
        for name in blueprint.handlers.get("tick", ()):
            _call_one(blueprint, state, script, name, ())
        for event in state.events:
            for name in blueprint.handlers.get(event.kind, ()):
                _call_one(blueprint, state, script, name, event.args)
    state.draws = state.spawns = state.script_steps = 0
    state.steps_by_handler.clear()


def _call_one(blueprint: Blueprint, state: State, script: Script, name: str, args: tuple[Value, ...]) -> None:
    if name in state.disabled or state.script_steps >= TICK_STEPS:
        return
    try:
        script.handle(blueprint, state, name, args)
    except DaguerreError as error:
        message = error.message if isinstance(error, ScriptFailure) else str(error)
        if state.script_steps >= TICK_STEPS:
            awake = state.steps_by_handler.keys() - state.disabled
            name = max(awake, key=lambda n: (state.steps_by_handler[n], n))
            share = f"{state.steps_by_handler[name]:,} of {state.script_steps:,}"
            message = f"all handlers together ran longer than {TICK_STEPS:,} steps in one tick, this one {share}"
        state.disabled.add(name)
        # Past the cap on purpose: a handler that filled the queue must still be named.
        state.queue.append(Event("script_error", (name, message[:LONGEST_MESSAGE])))
