"""Timers ring."""

from engine.state import events
from engine.state.world import State


def ring(state: State) -> None:
    """Sends "timer" for each that is due, by name; one-shot timers are done, others wait for their next time."""
    for name in sorted(name for name, timer in state.timers.items() if timer.due <= state.tick):
        timer = state.timers[name]
        if timer.period:
            timer.due += timer.period
        else:
            del state.timers[name]
        events.emit(state, "timer", name)
