"""Which camera looks: names, rails in time, the free camera."""

import math

import numpy as np
import pytest

from engine.core.errors import DaguerreError
from engine.core.units import TICK_HZ
from engine.play.cameras import EYES, FREE, FREE_SPEED, Cameras, Held, camera_at, camera_names, touring_camera
from engine.state.blueprint import Blueprint
from engine.state.camera import Camera, CameraRail
from tests.worlds_for_tests import empty_world


def rail(name: str, seconds: float) -> CameraRail:
    """Along x, evenly: a metre a second between the second key and the last but one."""
    time_s = np.linspace(0.0, seconds, 9)
    keys = np.stack([1.0 + time_s, np.ones(9), np.full(9, 2.0)], 1)
    return CameraRail(name, time_s, keys, np.zeros(9), np.zeros(9))


def world(*rails: CameraRail) -> Blueprint:
    return empty_world(cameras=rails)


def test_names_are_the_eyes_and_the_rails() -> None:
    blueprint = world(rail("gate", 1.0), rail("well", 9.0))
    assert camera_names(blueprint) == ("eyes", "gate", "well")
    assert camera_at(blueprint, "eyes", 3.0) is None
    with pytest.raises(DaguerreError, match="test has no camera 'roof'; it has eyes, gate, well"):
        camera_at(blueprint, "roof", 0.0)


def test_the_tour_is_the_one_called_so_or_the_longest() -> None:
    assert touring_camera(world(rail("gate", 1.0), rail("well", 9.0))) == "well"
    assert touring_camera(world(rail("gate", 1.0), rail("tour", 2.0), rail("well", 9.0))) == "tour"


def test_a_rail_moves_with_ticks_and_remembers_a_tick_earlier() -> None:
    cameras = Cameras(world(rail("gate", 8.0)), "gate")
    now, earlier = cameras.at(tick=4 * TICK_HZ, alpha=1.0)
    assert now is not None and earlier is not None
    assert now.position[0] == pytest.approx(5.0) and earlier.position[0] == pytest.approx(5.0 - 1 / TICK_HZ, abs=1e-4)
    halfway, _ = cameras.at(tick=4 * TICK_HZ, alpha=0.5)
    assert halfway is not None and halfway.position[0] == pytest.approx(5.0 - 0.5 / TICK_HZ, abs=1e-4)


def test_next_goes_round_and_a_rail_begins_when_it_is_chosen() -> None:
    cameras = Cameras(world(rail("gate", 8.0)))
    seen = []
    shown = Camera((4.0, 5.0, 6.0), 1.0, 0.2)
    for _ in range(3):
        cameras.next(tick=100, shown=shown)
        seen.append(cameras.name)
        if cameras.name == "gate":
            start, _ = cameras.at(tick=101, alpha=0.0)
            assert start is not None and start.position[0] == pytest.approx(1.0)
        if cameras.name == FREE:
            assert cameras.at(tick=100, alpha=1.0) == (shown, shown)
    assert seen == ["gate", FREE, EYES]


def test_the_free_camera_flies_where_it_looks_and_never_over_its_head() -> None:
    cameras = Cameras(world(rail("gate", 8.0)))
    cameras.next(0, None)
    cameras.next(0, Camera((0.0, 0.0, 10.0), math.pi / 2, 0.0))
    cameras.fly(Held(forward=1.0), 2.0)
    cameras.fly(Held(up=1.0), 1.0)
    cameras.fly(Held(run=True), 2.0)
    camera, _ = cameras.at(0, 1.0)
    assert camera is not None
    assert camera.position == pytest.approx((0.0, 2 * FREE_SPEED, 10.0 - FREE_SPEED))
    cameras.turn(-4 * math.pi, 99.0)
    turned, _ = cameras.at(0, 1.0)
    assert turned is not None and turned.yaw == pytest.approx(math.pi / 2) and 1.5 < turned.pitch < math.pi / 2
