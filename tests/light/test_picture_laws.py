"""Light obeys physics in the picture too: linear radiance from the camera, with all that lies between."""

import dataclasses
from collections.abc import Iterator

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.state.camera import Camera
from engine.view import Lamps, SkyView, View
from tests.light.scenes_for_light import (
    brightening_network,
    closed_room,
    lamps,
    open_ground,
    plain_network,
    plaza,
    sky,
    view_of,
    with_crates,
    with_voxels,
)

SIZE_PX = (96, 54)
CAMERA = Camera((9.6, 14.0, 2.6), -1.75, -0.25)
NIGHT = sky(sun=0.0, blue=0.0)
LAMPS = lamps(((9.4, 8.0, 2.2), 0.3, (30, 20, 10)), ((10.4, 11.5, 1.9), 0.3, (20, 20, 40)))


@pytest.fixture(params=["plain", "random", "classical"])
def renderer(request: pytest.FixtureRequest, gl_context: moderngl.Context) -> Iterator[Renderer]:
    look = "classical" if request.param == "classical" else "neural"
    network = {"plain": plain_network, "random": brightening_network}.get(request.param, lambda: None)()
    made = Renderer(SIZE_PX, look, context=gl_context, weights=network)
    yield made
    made.release()


def scene(light: Lamps, outside: SkyView, grid: np.ndarray | None = None) -> View:
    """The plaza with crates, seen from a corner."""
    view = with_crates(view_of(plaza() if grid is None else grid, light, outside), (9.9, 9.5, 0.5), (8.6, 8.0, 0.5))
    return dataclasses.replace(view, camera=CAMERA, previous_camera=CAMERA)


def switched(*on: float) -> Lamps:
    """The lamps at these fractions of their power."""
    return dataclasses.replace(LAMPS, radiance=LAMPS.radiance * np.array(on, np.float32)[:, None])


def assert_alike(one: np.ndarray, two: np.ndarray, tolerance: float) -> None:
    """Difference at every pixel relative to its brightest colour, for what bounces has one exponent for all three, with
    a floor of a hundredth of the mean where light cancels or is absent.
    """
    bound = tolerance * (np.abs(two).max(-1, keepdims=True) + 0.01 * np.abs(two).mean())
    np.testing.assert_array_less(np.abs(one - two) - bound, 1e-12)


def test_pictures_of_sources_add_to_the_picture_of_all(renderer: Renderer) -> None:
    """Sky, sun, two lamps, and what each of them bounces."""
    sun_only = dataclasses.replace(sky(), zenith=np.zeros(3, np.float32), horizon=np.zeros(3, np.float32))
    parts = [
        scene(switched(0, 0), sky(sun=0.0)),
        scene(switched(0, 0), sun_only),
        scene(switched(1, 0), NIGHT),
        scene(switched(0, 1), NIGHT),
    ]
    pictures = [renderer.render_linear(view) for view in parts]
    assert all(part.mean() > 3e-3 for part in pictures)
    whole = renderer.render_linear(scene(LAMPS, sky()))
    static = renderer.gbuffer(parts[0]).entity < 0
    assert (~static).sum() > 80
    assert_alike(sum(pictures)[static], whole[static], 2**-9)  # relight keeps 8 significant bits
    assert_alike(sum(pictures)[~static], whole[~static], 1e-2)  # bodies carry e in 9 bits a channel


def test_a_red_and_a_blue_lamp_give_the_same_picture_with_channels_swapped(renderer: Renderer) -> None:
    grid = plaza()
    grid[grid == 2] = 1

    def lit(colour: tuple[float, float, float]) -> np.ndarray:
        lamp = lamps(((9.4, 8.0, 2.2), 0.3, colour))
        return renderer.render_linear(
            scene(dataclasses.replace(lamp, full_radiance=np.full((1, 3), 40, np.float32)), NIGHT, grid)
        )

    red, blue = lit((40.0, 4.0, 1.0)), lit((1.0, 4.0, 40.0))
    assert red[..., 0].mean() > 10 * red[..., 2].mean() > 0
    assert_alike(blue[..., ::-1], red, 1e-5)


def test_twice_the_emission_is_twice_the_radiance(renderer: Renderer) -> None:
    def lit(times: float) -> np.ndarray:
        outside = sky(sun=1.5 * times, blue=0.25 * times)
        view = scene(dataclasses.replace(LAMPS, radiance=LAMPS.radiance * np.float32(times / 2)), outside)
        shine = np.zeros((4, 3), np.float32)
        shine[2] = 0.2 * times
        return renderer.render_linear(
            dataclasses.replace(view, materials=dataclasses.replace(view.materials, emission=shine))
        )

    assert_alike(lit(2.0), 2 * lit(1.0), 1e-3)


def test_a_lamp_behind_half_a_metre_of_wall_leaks_less_than_a_fiftieth(gl_context: moderngl.Context) -> None:
    lamp = lamps(((6.0, 6.0, 1.8), 0.3, (300, 300, 300)))
    walled = open_ground()
    walled[28:30, :, 2:] = 1
    camera = Camera((11.5, 6.0, 2.6), np.pi, -0.5)
    renderer = Renderer(SIZE_PX, "neural", context=gl_context, weights=plain_network())

    open_view = dataclasses.replace(view_of(open_ground(), lamp, NIGHT), camera=camera, previous_camera=camera)
    floor = np.s_[-16:]  # before the camera, this side of the wall
    free = renderer.render_linear(open_view)[floor]
    shut = renderer.render_linear(with_voxels(open_view, walled))[floor]
    renderer.release()
    assert free.mean() > 1e-3
    assert shut.mean() < 0.02 * free.mean()


def test_a_closed_dark_room_at_noon_is_black(gl_context: moderngl.Context) -> None:
    renderer = Renderer(SIZE_PX, "neural", context=gl_context, weights=plain_network())

    def seen_from(x: float, y: float, z: float) -> float:
        camera = Camera((x, y, z), 0.8, -0.2)
        view = view_of(closed_room(), outside=sky(sun=4.0, blue=1.0))
        return float(renderer.render_linear(dataclasses.replace(view, camera=camera, previous_camera=camera)).mean())

    inside, outside = seen_from(3.4, 3.4, 2.5), seen_from(1.0, 1.0, 2.5)
    renderer.release()
    assert inside < 0.01 * outside
