"""One tick: the whole of what happens in 1/64 s, in order, on one page."""

from collections.abc import Sequence
from typing import Final

from engine.sim.script_port import Script
from engine.sim.systems import (
    behaviours,
    control,
    daylight,
    doors,
    handlers,
    motion,
    player,
    poses,
    timers,
    triggers,
)
from engine.state.blueprint import Blueprint
from engine.state.commands import Command
from engine.state.world import State

SIM_VERSION: Final = 1  # rises whenever the same world, seed and commands come to another digest than before


def step(blueprint: Blueprint, state: State, commands: Sequence[Command] = (), script: Script | None = None) -> State:
    """Advances a world by one tick, in place, and returns it.

    Commands must belong to this tick (`command.tick == state.tick`). They are all checked first: CommandError leaves
    the state untouched. LimitError says that the world's own events exceed the cap of a tick.
    """
    orders = control.checked(blueprint, state, commands)

    poses.remember(state)  # where everything was: pictures between ticks need it
    control.obey(blueprint, state, orders)  # what players ask for
    daylight.advance(blueprint, state)  # the clock, dusk and dawn, lamps that mind them
    player.walk(blueprint, state)  # the player's body against voxels and solid things
    behaviours.decide(blueprint, state)  # where every walker wants to go
    motion.walk(state)  # where the ground lets it
    doors.swing(blueprint, state)  # leaves turn; shut ones become voxels again
    triggers.notice(blueprint, state)  # who came, who left
    timers.ring(state)  # what is due
    handlers.call(blueprint, state, script)  # the world's own rules answer what happened

    state.tick += 1
    return state
