"""The world's own rules: scripts answer the events of this tick, in order."""

from typing import Final

from engine.core.errors import DaguerreError
from engine.sim.script_port import Script, ScriptFailure, Value
from engine.state.blueprint import Blueprint
from engine.state.events import Event
from engine.state.world import State

LONGEST_MESSAGE: Final = 500  # characters


def call(blueprint: Blueprint, state: State, script: Script | None) -> None:
    """Calls every handler of "tick", then of each queued event. Events that handlers send wait for the next tick.

    A handler that fails is disabled for the rest of this world's life, which the event "script_error" tells; the others
    and the world go on.
    """
    state.events, state.queue = state.queue, []
    if script is not None:
        for name in blueprint.handlers.get("tick", ()):
            _call_one(blueprint, state, script, name, ())
        for event in state.events:
            for name in blueprint.handlers.get(event.kind, ()):
                _call_one(blueprint, state, script, name, event.args)
    state.draws = 0


def _call_one(blueprint: Blueprint, state: State, script: Script, name: str, args: tuple[Value, ...]) -> None:
    if name in state.disabled:
        return
    try:
        script.handle(blueprint, state, name, args)
    except DaguerreError as error:
        message = error.message if isinstance(error, ScriptFailure) else str(error)
        state.disabled.add(name)
        # Past the cap on purpose: a handler that filled the queue must still be named.
        state.queue.append(Event("script_error", (name, message[:LONGEST_MESSAGE])))
