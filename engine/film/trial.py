"""A trial picture: of a field with one block on it, drawn before there is a world to draw.

The first picture of a process loads numba's kernels, which takes a fifth of a second before the first one runs, has the
driver compile shaders, and needs the patterns of materials. A renderer that was tried has that behind it. Its pictures
are what they were: they follow from the view alone.
"""

import numpy as np

from engine.core.units import BRICK
from engine.film.camera import Renderer
from engine.raster.patterns import NAMES
from engine.state.blueprint import Materials
from engine.state.bricks import Bricks
from engine.state.camera import Camera
from engine.view import Bodies, Lamps, Land, SkyView, View, VoxelView

USUAL = ("plain", "grass", "planks", "plaster", "paving", "tiles", "brick")  # patterns: most worlds have all of these
FIELD = (384, 64, 16)  # voxels: half again as long as a window, so that there is a far field


def try_out(renderer: Renderer) -> None:
    """Draw the trial picture, in the raster look, and throw it away."""
    look = renderer.look
    renderer.set_look("raster")
    renderer.render(trial_view())
    renderer.set_look(look)


def trial_view() -> View:
    """A plain field by day under a low sun, a block that throws a shadow, no bodies and no lamps."""
    ground = Bricks(FIELD)
    ground[:, :, :4] = 1
    ground[40:44, 30:34, 4:12] = 1
    ground.freeze()  # as that of a world is: kernels are loaded for the kinds of arrays that they are given
    stamp = np.zeros([n // BRICK for n in FIELD], np.int64)
    nothing, none = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    empty = np.zeros((0, 0, 0), np.uint8)
    patterns = np.array([0, *map(NAMES.index, USUAL)], np.uint8)
    grey = np.full((len(patterns), 3), 0.5, np.float32)
    camera = Camera((4.0, 8.0, 3.0), 0.0, -0.1)
    white = np.ones(3, np.float32)
    return View(
        tick=0,
        alpha=0.0,
        materials=Materials(("air", *USUAL), grey, np.zeros_like(grey), patterns),
        prefabs=(),
        voxels=VoxelView(empty, empty.astype(np.int64)),
        bodies=Bodies(
            entity=np.zeros(0, np.uint32),
            prefab=np.zeros(0, np.int32),
            position=nothing,
            yaw=none,
            previous_position=nothing,
            previous_yaw=none,
            glow=nothing,
            glows=np.zeros(0, np.uint8),
        ),
        lamps=Lamps(np.zeros(0, np.uint32), nothing, nothing, nothing, nothing),
        sky=SkyView(np.array([0.6, 0.0, 0.8], np.float32), white, white, white, white, white, 1.0, 0.001),
        camera=camera,
        previous_camera=camera,
        land=Land(ground, stamp, ground.copy(), 0),
    )
