"""What the simulation asks of scripts. Any object with `handle` will do; engine/script/worldfile.py brings one."""

from typing import Final, Protocol

from engine.core.errors import DaguerreError
from engine.state.blueprint import Blueprint
from engine.state.world import State

Value = int | float | str | bool

HANDLER_STEPS: Final = 100_000  # for one call of one handler
TICK_STEPS: Final = 200_000  # for all calls of a tick together
CALL_STEPS: Final = 100  # what a call costs before it does anything


class ScriptFailure(DaguerreError):
    """A handler that failed while it ran. The tick goes on without it; what it did before it failed stays done."""

    def __init__(self, handler: str, message: str) -> None:
        super().__init__(f"{handler}: {message}")
        self.handler, self.message = handler, message


class Script(Protocol):
    """Runs a world's handlers. Holds no state of its own: all that a handler remembers lives in `state.variables`."""

    def handle(self, blueprint: Blueprint, state: State, handler_name: str, args: tuple[Value, ...]) -> None:
        """Calls a handler with an event's arguments; it acts through engine.sim.actions. Raises ScriptFailure.

        What it spends it adds to `state.script_steps` and `state.steps_by_handler`.
        """
