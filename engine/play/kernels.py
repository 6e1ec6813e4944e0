"""All kernels that play may need, compiled before it begins: a door that opens must not stop the picture for them.

numba compiles a kernel when it is first called, for the kinds of arguments that it is given, and keeps it on the disk.
So a small world is played in which everything happens: people seek ways, a door opens, lamps and hours change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.film.camera import Renderer
from engine.film.trial import try_out
from engine.script.worldfile import LoadedWorld, load
from engine.sim import actions
from engine.sim.extract import extract
from engine.sim.step import step
from engine.state.commands import Command
from engine.state.world import State, new_state

YARD = Path(__file__).with_suffix(".star")
SIZE_PX = (96, 54)
FEW_TEXELS = 64  # a frame in play, so that some always wait


@dataclass(frozen=True)
class _Played:
    """The yard, and who makes pictures of it."""

    world: LoadedWorld
    state: State
    renderer: Renderer

    def frames(self, n: int, *commands: Command) -> None:
        """So many ticks and pictures; the commands come with the first."""
        for k in range(n):
            given = [replace(command, tick=self.state.tick) for command in commands] if k == 0 else []
            step(self.world.blueprint, self.state, given, self.world.script)
            self.renderer.render(extract(self.world.blueprint, self.state))

    def until_lit(self) -> None:
        """The first light, and what comes after it by and by."""
        self.frames(1, Command(0, "look", {"pitch": -0.5}))  # at the metal before the door
        while self.renderer.light is None or not self.renderer.light.is_built:
            self.frames(1)
        self.frames(12)

    def change(self) -> None:
        """Everything that may change: a door, the player's place, voxels, lamps, what stands, the hour."""
        blueprint, state, named = self.world.blueprint, self.state, self.state.id_by_name
        actions.toggle(blueprint, state, named["door"])
        self.frames(12, Command(0, "move", {"forward": 1.0}))
        self.frames(4, Command(0, "move", {}))
        self.frames(4, Command(0, "set_voxels", {"low": (30, 40, 2), "high": (32, 42, 9), "material": 1}))
        for name, on in (("lantern 0", False), ("lantern 1", True)):
            self.frames(4, Command(0, "set_lamp", {"entity": named[name], "on": on}))
        for name in ("crate", "lantern 2"):
            actions.despawn(blueprint, state, named[name])
            self.frames(4)
        actions.toggle(blueprint, state, named["door"])
        self.frames(12)
        for hour in (22.0, 12.0):
            self.frames(4, Command(0, "set_clock", {"hour": hour}))

    def other_looks(self) -> None:
        """A few pictures in each."""
        for look in ("classical", "raster"):
            self.renderer.set_look(look)
            self.frames(2)


def compile_all() -> Iterator[str]:
    """Play the yard in small pictures, in play and all at once; yields what comes next. Raises GraphicsError without
    OpenGL.
    """
    world = load(YARD)
    for texels_per_frame, how in ((FEW_TEXELS, ""), (None, ", exact")):
        played = _Played(world, new_state(world.blueprint, 1), Renderer(SIZE_PX, texels_per_frame=texels_per_frame))
        yield "first light" + how
        try_out(played.renderer)
        played.until_lit()
        yield "what changes" + how
        played.change()
        yield "other looks" + how
        played.other_looks()
        played.renderer.release()
