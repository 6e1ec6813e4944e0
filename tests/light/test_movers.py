"""What moves is found and posed: who is near enough, dark enough, and how they lean."""

import dataclasses
import math

import numpy as np
import pytest

from engine.light.movers import Cast
from engine.view import Bodies
from tests.light.scenes_for_light import moving, open_ground, view_of
from tests.light.test_cache import plaza
from tests.worlds_for_tests import SHINE, box_prefab


def test_who_stands_far_off_or_shines_keeps_nothing_away() -> None:
    near = moving(view_of(plaza()), (12.0, 6.0, 0.5))
    assert len(Cast().of(near).at) == 1
    far = dataclasses.replace(near, camera=dataclasses.replace(near.camera, position=(100.0, 0.0, 0.0)))
    assert not len(Cast().of(far).at)
    lamp = (box_prefab("lamp", (0.4, 0.4, 0.4), SHINE),)
    emission = np.zeros((5, 3), np.float32)
    emission[SHINE] = 1.0
    glows = dataclasses.replace(near.materials, emission=emission, albedo=np.full((5, 3), 0.5, np.float32))
    assert not len(Cast().of(dataclasses.replace(near, prefabs=lamp, materials=glows)).at)


def test_tilted_bodies_are_followed() -> None:
    view = moving(view_of(open_ground()), (6.0, 6.0, 0.9))
    turn = np.array([[math.sin(math.pi / 8), 0.0, 0.0, math.cos(math.pi / 8)]], np.float32)  # 45 degrees about x
    tilted: Bodies = dataclasses.replace(view.bodies, orientation=turn)
    upright, leaning = (Cast().of(dataclasses.replace(view, bodies=b)) for b in (view.bodies, tilted))
    assert (leaning.box[1] - leaning.box[0])[:, 0] == pytest.approx([0.8, 0.8 * math.sqrt(2), 0.8 * math.sqrt(2)])
    assert (upright.box[1] - upright.box[0])[:, 0] == pytest.approx([0.8, 0.8, 0.8])


def test_what_has_no_surface_keeps_nothing_away() -> None:
    view = moving(view_of(plaza()), (12.0, 6.0, 0.5))
    points = dataclasses.replace(view.prefabs[0], triangles=view.prefabs[0].triangles[:0])
    movers = Cast().of(dataclasses.replace(view, prefabs=(points, *view.prefabs[1:])))
    assert len(movers.at) == 1 and not len(movers.ball)
