"""The window of a large world: where it lies, and that walking through the world changes no pixel of any picture."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.film.camera import Renderer
from engine.film.window import BRICK_M, STEP, Window, window_at
from engine.raster.far import FarField, looks
from engine.sim.actions import set_voxels
from engine.sim.extract import extract
from engine.state.bricks import Bricks
from engine.state.camera import Camera
from engine.state.world import State, new_state
from engine.view import View
from tests.worlds_for_tests import LEAF, STONE, WOOD, empty_world

SIZE = (160, 90)


def hills() -> Bricks:
    """144 x 80 x 24 m of rolling ground with towers on it."""
    grid = Bricks((576, 320, 96))
    x, y = np.mgrid[0:576, 0:320]
    top = (28 + 12 * np.sin(x / 37.0) * np.cos(y / 29.0)).astype(np.int64)
    depth = top[..., None] - np.arange(96)  # voxels of ground from each level up
    grid[:, :, :] = np.select([depth > 2, depth > 0], [STONE, LEAF]).astype(np.uint8)
    for i in range(20, 576, 75):
        for j in range(15, 320, 60):
            grid[i : i + 12, j : j + 12, 20:60] = WOOD
            grid[i + 1 : i + 11, j + 1 : j + 11, 20:60] = 0
    grid.freeze()
    return grid


WORLD = replace(empty_world(), voxels=hills(), digest=b"hills", player_start=(90.0, 40.0, 12.0))


def seen(state: State, x: float, y: float, z: float = 14.0, yaw: float = 0.4, pitch: float = -0.25) -> View:
    camera = Camera((x, y, z), yaw, pitch)
    return extract(WORLD, state, camera=camera, previous_camera=camera)


@given(st.floats(-50.0, 1100.0), st.floats(-50.0, 1100.0), st.tuples(*[st.integers(1, 512)] * 2))
def test_a_window_holds_its_camera_with_room_around(x: float, y: float, n: tuple[int, int]) -> None:
    low, high = window_at((x, y, 3.0), (*n, 7))
    assert low[2] == 0 and high[2] == 7
    for axis, at in enumerate((x, y)):
        size = n[axis] * BRICK_M
        at = min(max(at, 0.0), size - 1e-6)
        a, b = low[axis] * BRICK_M, high[axis] * BRICK_M
        assert low[axis] % STEP == 0 and 0 <= a < b <= size
        assert at - a >= min(32.0, at) and b - at >= min(32.0, size - at) - 1e-9
        assert b - a <= 96.0


def test_a_small_world_is_its_own_window() -> None:
    world = empty_world()
    view = extract(world, new_state(world))
    assert view.land is None and Window().of(view) is view


def test_the_view_through_a_window_is_the_world_moved() -> None:
    state = new_state(WORLD)
    window = Window()
    for x, y in ((90.0, 40.0), (130.0, 60.0), (10.0, 70.0)):
        whole = seen(state, x, y)
        part = window.of(whole)
        corner = window.low * BRICK_M
        assert np.allclose(np.asarray(part.camera.position) + corner, whole.camera.position)
        box = tuple(slice(a * 8, b * 8) for a, b in zip(window.low.tolist(), window.high.tolist(), strict=True))
        assert np.array_equal(part.voxels.material, state.voxels.material[box])
        set_voxels(WORLD, state, (int(x * 4), int(y * 4), 60), (int(x * 4) + 9, int(y * 4) + 9, 64), STONE)
        again = window.of(seen(state, x, y))
        assert np.array_equal(again.voxels.material, state.voxels.material[box])
        assert again.voxels.base is part.voxels.base and again.voxels.stamp.any()


def test_bricks_look_from_afar_as_they_do() -> None:
    blocks = np.zeros((7, 8, 8, 8), np.uint8)
    blocks[1, :, :, :3] = 1  # ground below half
    blocks[2, :, :, :4] = 1  # and half
    blocks[2, 3, 3, 4] = 2
    blocks[3, 4, :, :] = 3  # a wall one voxel thick
    blocks[4, :, :, 0] = 4  # a floor
    blocks[5] = 5
    blocks[5, 0:4, :, 7] = 6
    blocks[5, 4:8, 0:1, 7] = 6
    blocks[6, 3, 3, :] = 7  # a post
    assert looks(blocks).tolist() == [0, 0, 1, 3, 0, 6, 0]


def test_the_far_field_follows_into_another_state_of_its_world() -> None:
    """Both have been written once: what was counted in one says nothing about the other."""
    one, two = new_state(WORLD, 1), new_state(WORLD, 1)
    set_voxels(WORLD, one, (480, 200, 64), (504, 224, 88), WOOD)
    set_voxels(WORLD, two, (40, 200, 64), (64, 224, 88), STONE)
    views = [seen(state, 200.0, 20.0).land for state in (one, two)]
    assert views[0] is not None and views[1] is not None and views[0].version == views[1].version
    far, new = FarField(views[0]), FarField(views[1])
    window = np.array([0, 0, 0]), np.array([48, 40, 12])
    assert far.follow(views[0], *window) and far.follow(views[1], *window)
    new.follow(views[1], *window)
    np.testing.assert_array_equal(far._cells, new._cells)


@pytest.mark.parametrize("look", ["raster", pytest.param("neural", marks=pytest.mark.slow)])
def test_who_walked_there_sees_what_a_new_renderer_sees(gl, look: str) -> None:
    state = new_state(WORLD)
    walker = Renderer(SIZE, look, context=gl)
    for step in range(5):
        x, y = 30.0 + 22.0 * step, 20.0 + 9.0 * step
        at = int(4 * x) + 30 + 40 * step  # now within the window, now in the far field
        if step % 2:
            set_voxels(WORLD, state, (min(at, 560), 200, 40), (min(at, 560) + 12, 212, 90), step % 3)
        view = seen(state, x, y)
        picture = walker.render(view).rgb.copy()
        if step in (1, 3, 4):
            fresh = Renderer(SIZE, look, context=gl)
            assert np.array_equal(picture, fresh.render(view).rgb), f"step {step}"
            fresh.release()
    walker.release()


def test_in_play_the_next_window_is_lit_before_it_is_shown(gl) -> None:
    """No picture on the way is unlit, and where the walker rests it is that of a new renderer."""
    grid = Bricks((640, 128, 32))
    grid[:, :, :6] = STONE
    for x in range(20, 640, 40):
        grid[x : x + 6, 30:34, 6:18] = WOOD
    grid.freeze()
    world = replace(empty_world(), voxels=grid, digest=b"strip", player_start=(40.0, 16.0, 2.0))
    state = new_state(world)
    walker, fresh = Renderer(SIZE, "neural", context=gl, texels_per_frame=500), Renderer(SIZE, "neural", context=gl)

    def through(renderer: Renderer, x: float) -> np.ndarray:
        camera = Camera((x, 12.0, 5.0), 0.3, -0.2)
        return renderer.render(extract(world, state, camera=camera, previous_camera=camera)).rgb.copy()

    def rests(x: float) -> int:
        for n in range(1, 400):
            through(walker, x)
            if walker._ahead is None and walker._canvas.is_lit and not walker.light.stale_slots.size:
                return n
        raise AssertionError("it is never lit")

    rests(60.0)
    first = walker._window.low.copy()
    lit, frames = through(walker, 65.0), 0
    assert (walker._window.low == first).all() and walker._ahead is not None
    while walker._ahead is not None:
        picture, frames = through(walker, 65.0), frames + 1
        assert walker._canvas.is_lit
        assert np.abs(picture.astype(int) - lit).mean() < 3.0  # nothing flashes, whatever window it is
    assert frames > 3 and (walker._window.low != first).any()
    rests(65.0)
    assert np.array_equal(through(walker, 65.0), through(fresh, 65.0))
    through(walker, 70.0)
    assert walker._ahead is None
    through(walker, 152.0)  # beyond what the window shows: it moves at once
    assert walker._ahead is None and walker._window.lies_right(
        extract(world, state, camera=Camera((152.0, 12.0, 5.0), 0.3, -0.2))
    )
    rests(152.0)
    assert np.array_equal(through(walker, 152.0), through(fresh, 152.0))
    for renderer in (walker, fresh):
        renderer.release()


def test_there_is_no_hole_between_the_window_and_the_far_field(gl) -> None:
    """Each ray that must meet the ground meets something, wherever the window's border runs."""
    state = new_state(WORLD)
    renderer = Renderer(SIZE, "raster", context=gl)
    below = 30.0  # metres over the lowest ground
    for x, y, yaw in ((60.0, 50.0, 0.0), (100.0, 20.0, 2.8), (30.0, 30.0, 0.3), (110.0, 60.0, 3.4)):
        view = seen(state, x, y, 4.0 + below, yaw, -0.5)
        rays = view.camera.rays(*SIZE)
        reach = np.where(rays[..., 2] < 0, below / np.maximum(-rays[..., 2], 1e-9), math.inf)
        foot = np.asarray(view.camera.position) + rays * np.where(np.isfinite(reach), reach, 0.0)[..., None]
        must = np.isfinite(reach) & (foot[..., 0] > 0.5) & (foot[..., 0] < 143.5)
        must &= (foot[..., 1] > 0.5) & (foot[..., 1] < 79.5)
        drawn = renderer.gbuffer(view)
        assert must.sum() > 1000 and np.isfinite(drawn.depth[must]).all()
        assert (must & (drawn.page < 0)).sum() > 100  # the far field is in the picture
    renderer.release()


def test_patterns_stay_where_they_are_when_the_window_moves(gl) -> None:
    """The same place, seen straight from above through two windows, has the same albedo."""
    materials = WORLD.materials
    scaled = replace(materials, pattern=np.full_like(materials.pattern, 4),
                     pattern_scale=np.full_like(materials.pattern_scale, 1.7))  # fmt: skip
    state = new_state(WORLD)
    renderer = Renderer(SIZE, "raster", context=gl)
    albedo = []
    for x in (63.9, 64.1):  # a border of the lattice lies between
        camera = Camera((x, 40.0, 20.0), math.pi / 2, -math.pi / 2 + 1e-3)
        view = replace(extract(WORLD, state, camera=camera, previous_camera=camera), materials=scaled)
        drawn = renderer.gbuffer(view)
        rays = camera.rays(*SIZE)
        place = np.asarray(camera.position) + rays * drawn.depth[..., None]
        flat = (drawn.normal[..., 2] > 0.9) & (drawn.page >= 0)
        albedo.append({(round(float(p[0]), 1), round(float(p[1]), 1)): a for p, a in
                       zip(place[flat], drawn.albedo[flat], strict=True)})  # fmt: skip
    both = albedo[0].keys() & albedo[1].keys()
    assert len(both) > 500
    differs = [float(np.abs(albedo[0][k] - albedo[1][k]).max()) for k in both]
    spread = np.std([a for a in albedo[0].values()], axis=0).max()
    assert np.median(differs) < 0.3 * spread
    renderer.release()


def test_frozen_light_is_not_carried_into_another_window(gl) -> None:
    state = new_state(WORLD)
    renderer = Renderer((32, 18), "classical", context=gl)
    renderer.render(seen(state, 20.0, 20.0))
    renderer.frozen = True
    moved = renderer.render(seen(state, 130.0, 70.0)).rgb.copy()
    fresh = Renderer((32, 18), "classical", context=gl)
    assert np.array_equal(moved, fresh.render(seen(state, 130.0, 70.0)).rgb)
    renderer.release()
    fresh.release()
