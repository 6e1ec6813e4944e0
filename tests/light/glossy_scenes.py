"""Small scenes with glossy surfaces, as views."""

import dataclasses
import math

import numpy as np

from engine.script.prefabs import assemble, ball
from engine.state.blueprint import Materials
from engine.state.camera import Camera
from engine.view import Bodies, Lamps, SkyView, View, VoxelView
from tests.light import scenes_for_light

FLOOR, RED, GREEN, WHITE, BALL = 1, 2, 3, 4, 5


def materials(roughness: float, metal: float, colour: tuple[float, float, float] = (0.8, 0.8, 0.8)) -> Materials:
    """Matte walls; floor and balls of one glossy material."""
    albedo = [(0, 0, 0), colour, (0.7, 0.1, 0.08), (0.1, 0.5, 0.12), (0.8, 0.8, 0.8), colour]
    rough = np.array([1, roughness, 1, 1, 1, roughness], np.float32)
    bare = np.array([0, metal, 0, 0, 0, metal], np.float32)
    names = ("air", "floor", "red", "green", "white", "ball")
    return Materials(
        names, np.array(albedo, np.float32), np.zeros((6, 3), np.float32), np.zeros(6, np.uint8), rough, bare
    )


def yard(
    polish: Materials,
    sky: SkyView | None = None,
    lamps: Lamps | None = None,
    with_ball: bool = False,
    camera: Camera | None = None,
) -> View:
    """8 x 8 x 4 m: a floor before a red wall and a green one, open above and behind; a ball of 0.6 m on the floor."""
    grid = np.zeros((32, 32, 16), np.uint8)
    grid[:, :, 0] = FLOOR
    grid[28:30, 4:28, 1:13] = RED
    grid[8:28, 26:28, 1:13] = GREEN
    prefabs, bodies = (), scenes_for_light.no_bodies()
    if with_ball:
        prefabs = (assemble("ball", [ball((0.0, 0.0, 0.6), (0.6, 0.6, 0.6), BALL, 24, True)]),)
        one, at = np.zeros(1, np.float32), np.array([[4.5, 4.0, 0.25]], np.float32)
        bodies = Bodies(
            np.array([7], np.uint32), np.zeros(1, np.int32), at, one, at.copy(), one, np.zeros((1, 3), np.float32),
            np.zeros(1, np.uint8),
        )  # fmt: skip
    eye = camera or Camera((1.0, 3.5, 1.7), 0.12, -0.3, math.radians(60.0))
    voxels = VoxelView(grid, np.zeros((4, 4, 2), np.int64))
    outside = sky or scenes_for_light.sky(0.0, blue=0.6)
    return View(0, 1.0, polish, prefabs, voxels, bodies, lamps or scenes_for_light.lamps(), outside, eye, eye)


def uniform(value: float = 1.0) -> SkyView:
    """The same light from everywhere."""
    one = np.full(3, value, np.float32)
    return dataclasses.replace(scenes_for_light.sky(0.0), zenith=one, horizon=one, ground=one, glow=one * 0)
