"""Which camera looks: the player's eyes, one of the world's own rails, or a free one that flies and changes nothing."""

import math
from dataclasses import dataclass, replace

from engine.core.errors import DaguerreError
from engine.core.units import TICK_S
from engine.state.blueprint import Blueprint
from engine.state.camera import Camera

EYES, FREE = "eyes", "free"
FREE_SPEED = 5.0  # m/s
STEEPEST = math.radians(89.0)


def camera_names(blueprint: Blueprint) -> tuple[str, ...]:
    """The cameras of a world by name: the player's eyes and the world's own rails."""
    return (EYES, *(rail.name for rail in blueprint.cameras))


def camera_at(blueprint: Blueprint, name: str, time_s: float) -> Camera | None:
    """A camera at a time along its rail; None means the player's eyes. Raises DaguerreError for an unknown name."""
    if name == EYES:
        return None
    for rail in blueprint.cameras:
        if rail.name == name:
            return rail.at(time_s)
    raise DaguerreError(f"{blueprint.name} has no camera {name!r}; it has {', '.join(camera_names(blueprint))}")


def touring_camera(blueprint: Blueprint) -> str:
    """The rail that shows most of a world: the one called tour, else the longest, else the first."""
    return max(blueprint.cameras, key=lambda rail: (rail.name == "tour", float(rail.time_s[-1]))).name


@dataclass(frozen=True)
class Held:
    """The walking keys that are down, each axis -1..1."""

    forward: float = 0.0
    right: float = 0.0
    up: float = 0.0
    run: bool = False


class Cameras:
    """The camera in use and how to change it. None stands for the player's eyes, as in engine.sim.extract."""

    def __init__(self, blueprint: Blueprint, name: str = EYES) -> None:
        """Raises DaguerreError for a name that the world does not have."""
        camera_at(blueprint, name, 0.0)
        self.name = name
        self._blueprint = blueprint
        self._rail_start = 0  # the tick from which a rail's time counts
        self._free = blueprint.cameras[0].at(0.0)

    def follow(self, blueprint: Blueprint) -> None:
        """Look at another version of the world, through the player's eyes where the camera in use is gone."""
        self._blueprint = blueprint
        if self.name not in (*camera_names(blueprint), FREE):
            self.name = EYES

    def next(self, tick: int, shown: Camera | None) -> None:
        """Change to the next one; a rail starts at its beginning, the free camera where the last picture was taken."""
        names = (*camera_names(self._blueprint), FREE)
        self.name = names[(names.index(self.name) + 1) % len(names)]
        self._rail_start = tick
        if self.name == FREE and shown is not None:
            self._free = shown

    def at(self, tick: int, alpha: float) -> tuple[Camera | None, Camera | None]:
        """The camera of a picture between `tick - 1` and `tick`, and the same a tick earlier (for motion)."""
        if self.name == FREE:
            return self._free, self._free
        time_s = (tick - self._rail_start - 1 + alpha) * TICK_S
        earlier = camera_at(self._blueprint, self.name, time_s - TICK_S)
        return camera_at(self._blueprint, self.name, time_s), earlier

    def turn(self, yaw: float, pitch: float) -> None:
        """Turn the free camera by radians."""
        up = min(max(self._free.pitch + pitch, -STEEPEST), STEEPEST)
        self._free = replace(self._free, yaw=math.remainder(self._free.yaw + yaw, math.tau), pitch=up)

    def fly(self, held: Held, seconds: float) -> None:
        """Move the free camera along its own axes, and straight up and down (run, the Shift key, sinks)."""
        if held == Held():
            return
        forward, right, _ = self._free.axes()
        velocity = FREE_SPEED * (forward * held.forward + right * held.right)
        velocity[2] += FREE_SPEED * (held.up - held.run)
        x, y, z = (float(p + v * seconds) for p, v in zip(self._free.position, velocity, strict=True))
        self._free = replace(self._free, position=(x, y, z))
