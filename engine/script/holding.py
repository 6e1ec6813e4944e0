"""The world that a handler acts on while it runs."""

from engine.core.errors import WorldFileError
from engine.script.budget import Budget
from engine.state import events
from engine.state.blueprint import Blueprint
from engine.state.world import State


class Holding:
    """Holds a world between `hold` and `let_go`, so that the functions of handlers can reach it."""

    def __init__(self) -> None:
        self._held: tuple[Blueprint, State, Budget] | None = None

    def hold(self, blueprint: Blueprint, state: State, budget: Budget) -> None:
        """The world that the next handler acts on."""
        self._held = (blueprint, state, budget)

    def let_go(self) -> None:
        """No handler runs any more."""
        self._held = None

    def is_holding(self) -> bool:
        """Whether a handler runs now."""
        return self._held is not None

    def _world(self, steps: int = 0) -> tuple[Blueprint, State]:
        """The world that runs; what costs more than other calls pays for it first."""
        if self._held is None:
            raise WorldFileError("this works in handlers only; while the file is read the world does not run yet")
        blueprint, state, budget = self._held
        budget.charge(steps)
        return blueprint, state

    def _sending(self) -> tuple[Blueprint, State]:
        """The world, for what may send an event: handlers must leave room for the events of the world itself."""
        blueprint, state = self._world()
        events.check_room(state, "by a handler", events.MAX_EVENTS)
        return blueprint, state
