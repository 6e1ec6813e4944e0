"""One tick: the whole of what happens in 1/64 s, in order, on one page."""

from collections.abc import Sequence
from typing import Final

from engine.sim.script_port import Script
from engine.sim.systems import (
    behaviours,
    bodies,
    control,
    daylight,
    doors,
    handlers,
    motion,
    player,
    poses,
    story,
    timers,
    triggers,
)
from engine.state import carrying
from engine.state.blueprint import Blueprint
from engine.state.commands import Command
from engine.state.world import State

SIM_VERSION: Final = 4  # rises whenever the same world, seed and commands come to another digest than before


def step(blueprint: Blueprint, state: State, commands: Sequence[Command] = (), script: Script | None = None) -> State:
    """Advances a world by one tick, in place, and returns it.

    Commands must belong to this tick (`command.tick == state.tick`). They are all checked first: CommandError leaves
    the state untouched. LimitError says that the world's own events exceed the cap of a tick, PhysicsError that the
    motion of a body is lost: then the tick is void, and the last snapshot is where to go on.
    """
    orders = control.checked(blueprint, state, commands)
    bodies.of(state)  # wakes the physics of a snapshot, or refuses it

    poses.remember(state)  # where everything was: pictures between ticks need it
    control.obey(blueprint, state, orders)  # what players ask for
    daylight.advance(blueprint, state)  # the clock, dusk and dawn, lamps that mind them
    bodies.arrange(blueprint, state)  # what commands and handlers did to bodies
    player.walk(blueprint, state)  # the player's body against voxels and solid things
    behaviours.decide(blueprint, state)  # where every walker wants to go
    motion.walk(state)  # where the ground lets it
    doors.swing(blueprint, state)  # leaves turn; shut ones become voxels again
    bodies.move(blueprint, state)  # what falls, rolls and is pushed
    carrying.hold(state)  # what is carried goes where its carrier went
    triggers.notice(blueprint, state)  # who came, who left
    timers.ring(state)  # what is due
    story.go_on(state)  # lines that are over, lines that wait
    handlers.call(blueprint, state, script)  # the world's own rules answer what happened

    state.tick += 1
    return state
