"""Commands become deeds. `checked` looks at all of them before `obey` changes anything."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from engine.core.errors import CommandError, DaguerreError
from engine.core.ids import NOBODY
from engine.sim import actions
from engine.sim.angles import wrapped
from engine.sim.systems.use import use_what_is_faced
from engine.state import daylight, entities
from engine.state.blueprint import Blueprint
from engine.state.commands import Command, check
from engine.state.components import LAMP
from engine.state.world import State

STEEPEST: Final = math.radians(89.0)  # how far up and down the player can look


def checked(blueprint: Blueprint, state: State, commands: Sequence[Command]) -> list[Command]:
    """The commands of this tick, complete and possible. CommandError otherwise; the state is only read."""
    orders = []
    for command in commands:
        order = check(command)
        if order.tick != state.tick:
            raise CommandError(f"command {order.kind!r} belongs to tick {order.tick}, but this is tick {state.tick}")
        args: dict[str, Any] = dict(order.args)
        try:
            if order.kind == "set_voxels":
                actions.check_box(blueprint, state, tuple(args["low"]), tuple(args["high"]), args["material"])
            elif order.kind == "teleport" and not entities.player_fits(blueprint, args["position"]):
                raise CommandError(f"position {args['position']} lies outside of this world of {blueprint.size_m} m")
            elif order.kind == "set_lamp":
                if isinstance(name := args["entity"], str):
                    args["entity"] = actions.find(blueprint, state, name)
                    if args["entity"] == NOBODY:
                        raise CommandError(f"there is nothing named {name!r}")
                actions.index_with(state, args["entity"], LAMP, "lamp")
        except DaguerreError as error:
            raise CommandError(f"command {order.kind!r} at tick {order.tick}: {error}") from error
        orders.append(Command(order.tick, order.kind, args))
    return orders


def obey(blueprint: Blueprint, state: State, orders: Sequence[Command]) -> None:
    """Does what checked commands ask, in their order."""
    for order in orders:
        _DEEDS[order.kind](blueprint, state, dict(order.args))


def _move(blueprint: Blueprint, state: State, args: dict[str, Any]) -> None:
    p = state.player
    p.forward, p.right, p.up, p.run = float(args["forward"]), float(args["right"]), float(args["up"]), args["run"]


def _look(blueprint: Blueprint, state: State, args: dict[str, Any]) -> None:
    yaw = state.columns.yaw
    yaw[0] = wrapped(float(yaw[0]) + args["yaw"])
    state.player.pitch = min(max(state.player.pitch + args["pitch"], -STEEPEST), STEEPEST)


def _jump(blueprint: Blueprint, state: State, args: dict[str, Any]) -> None:
    state.player.jump = True


def _use(blueprint: Blueprint, state: State, args: dict[str, Any]) -> None:
    use_what_is_faced(blueprint, state)


def _teleport(blueprint: Blueprint, state: State, args: dict[str, Any]) -> None:
    c, p = state.columns, state.player
    c.yaw[0] = wrapped(args["yaw"])
    entities.place(state, 0, tuple(args["position"]))
    p.pitch = p.previous_pitch = min(max(float(args["pitch"]), -STEEPEST), STEEPEST)
    p.fall_speed = p.eye_lag = p.previous_eye_lag = 0.0
    p.on_ground = False


def _set_voxels(blueprint: Blueprint, state: State, args: dict[str, Any]) -> None:
    actions.set_voxels(blueprint, state, tuple(args["low"]), tuple(args["high"]), args["material"])


def _set_lamp(blueprint: Blueprint, state: State, args: dict[str, Any]) -> None:
    actions.set_lamp(blueprint, state, args["entity"], args["on"])


def _set_clock(blueprint: Blueprint, state: State, args: dict[str, Any]) -> None:
    day = state.clock // daylight.UNITS_PER_DAY
    state.clock = day * daylight.UNITS_PER_DAY + daylight.clock_at(args["hour"])


_DEEDS: Final[dict[str, Callable[[Blueprint, State, dict[str, Any]], None]]] = {
    "move": _move,
    "look": _look,
    "jump": _jump,
    "use": _use,
    "teleport": _teleport,
    "set_voxels": _set_voxels,
    "set_lamp": _set_lamp,
    "set_clock": _set_clock,
}
