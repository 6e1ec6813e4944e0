"""Light on bodies: what they stand in, kept until they or the light move."""

import dataclasses

import numpy as np
import pytest

from engine.light import bodies
from engine.light.bodies import lamp_factors
from engine.light.cache import LightCache
from engine.light.fixtures import fixture_share, lamp_shapes, unshaded_share
from engine.light.formfactor import FAR_SIZES, box_factors
from engine.raster.bodies import pose
from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.state.camera import Camera
from engine.state.world import new_state
from engine.view import Bodies, View
from tests.light.scenes_for_light import closed_room, lamps, sky, view_of, with_voxels
from tests.raster.test_bodies import turned_to
from tests.worlds_for_tests import box_prefab

NIGHT = sky(sun=0.0, blue=0.0)


def open_ground() -> np.ndarray:
    grid = np.zeros((48, 48, 24), np.uint8)
    grid[:, :, :2] = 1
    return grid


def with_boxes(view: View, *places: tuple[float, float, float], yaw: float = 0.0) -> View:
    """The view with a crate of 0.8 m at each place, seen from above a corner of the world."""
    n = len(places)
    at, zero = np.array(places, np.float32), np.zeros(n, np.float32)
    turned = zero + np.float32(yaw)
    bodies = Bodies(
        np.arange(n, dtype=np.uint32), np.zeros(n, np.int32), at, turned, at, turned, np.zeros((n, 3), np.float32),
        np.zeros(n, np.uint8),
    )  # fmt: skip
    camera = Camera((0.5, 0.5, 4.0), 0.785, -0.3)
    return dataclasses.replace(view, prefabs=(box_prefab("crate", (0.4, 0.4, 0.4)),), bodies=bodies, camera=camera)


def light_of(view: View, cache: LightCache | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(normals [V, 3], e [V, 3])."""
    cache = cache or LightCache()
    cache.update(view)
    posed = pose(view)
    return posed.normal, cache.body_light(view, posed)


@pytest.mark.parametrize("stands", [False, True])
def test_tops_see_the_sky_and_sides_half_of_it(stands: bool) -> None:
    view = with_boxes(view_of(open_ground(), outside=sky(sun=0.0, blue=0.8)), (6.0, 6.0, 0.5))
    view = standing(view) if stands else view
    normal, e = light_of(view)
    np.testing.assert_allclose(e[normal[:, 2] > 0.9], 0.8, rtol=0.05)
    sides = e[np.abs(normal[:, 2]) < 0.1]
    assert (sides > 0.35 * 0.8).all() and (sides < 0.85 * 0.8).all()


def test_a_lamp_lights_the_side_that_faces_it_as_its_solid_angle_says() -> None:
    lamp = lamps(((9.0, 6.0, 0.9), 0.3, (50.0, 50.0, 50.0)))
    view = with_boxes(view_of(open_ground(), lamp, NIGHT), (6.0, 6.0, 0.5))
    normal, e = light_of(view)
    towards, away = e[normal[:, 0] > 0.9], e[normal[:, 0] < -0.9]
    area, distance = 1.5 * 0.09, 2.6  # mean area that a cube of 0.3 m shows; from its centre to the crate's face
    expected = 50 * area / (np.pi * distance**2)
    assert expected * 0.7 < towards.mean() < expected * 1.3
    assert away.max() < 0.1 * towards.mean()


def test_a_wall_keeps_a_lamp_and_the_day_from_a_body() -> None:
    lamp = lamps(((9.5, 5.0, 1.5), 0.3, (50.0, 50.0, 50.0)))
    view = view_of(closed_room(), lamp, sky(sun=4.0, blue=1.0))
    _, inside = light_of(with_boxes(view, (5.0, 5.0, 1.0)))
    _, outside = light_of(with_boxes(view, (9.0, 9.0, 0.5)))
    assert inside.max() < 0.01 * outside.mean()


def test_turning_a_crate_by_a_quarter_keeps_its_light() -> None:
    view = view_of(open_ground(), lamps(((9.0, 6.0, 0.9), 0.3, (50.0, 50.0, 50.0))), NIGHT)
    normal, e = light_of(with_boxes(view, (6.0, 6.0, 0.5)))
    turned_normal, turned = light_of(with_boxes(view, (6.0, 6.0, 0.5), yaw=np.pi / 2))
    for axis in np.eye(3):
        one, two = e[normal @ axis > 0.9], turned[turned_normal @ axis > 0.9]
        np.testing.assert_allclose(one.mean(0), two.mean(0), rtol=1e-3)


def test_what_is_kept_is_what_a_fresh_cache_gives_and_behind_the_camera_is_nothing() -> None:
    view = view_of(open_ground(), lamps(((9.0, 6.0, 2.0), 0.3, (50.0, 50.0, 50.0))), sky())
    cache = LightCache()
    places = [(6.0, 6.0, 0.5), (8.0, 8.0, 0.5), (4.0, 7.0, 0.5)]
    light_of(with_boxes(view, *places), cache)
    places[1] = (8.0, 7.5, 0.5)  # one moves, two stay
    moved = with_boxes(view, *places)
    np.testing.assert_array_equal(light_of(moved, cache)[1], light_of(moved)[1])
    back = dataclasses.replace(moved, camera=dataclasses.replace(moved.camera, yaw=moved.camera.yaw + np.pi))
    assert not light_of(back, cache)[1].any()
    np.testing.assert_array_equal(light_of(moved, cache)[1], light_of(moved)[1])


def test_what_is_seen_is_lit_where_it_faces_the_camera_and_wholly_if_it_stays_so() -> None:
    """A crate that has just come, and not what is hidden; after the camera went elsewhere all of it; another light
    lights it again; what is marked has the light of a body that is lit as a whole.
    """
    view = with_boxes(
        view_of(open_ground(), lamps(((7.0, 8.0, 2.5), 0.3, (50.0, 50.0, 50.0))), sky()), (6.0, 6.0, 0.5),
        (6.0, 8.0, 0.5),
    )  # fmt: skip
    whole, posed, cache = light_of(view)[1], pose(view), LightCache()
    cache.update(view)
    first = int(posed.first_vertex[1])

    def seen(now: View, *which: bool) -> np.ndarray:
        cache.update(now)
        return cache.body_light(now, posed, seen=np.array(which))

    marks = turned_to(view.camera.position, posed.position[:first], posed.triangles[: posed.first_triangle[1]])
    e = seen(view, True, False)
    assert 0.3 < marks.mean() < 0.7
    np.testing.assert_array_equal(e[:first], np.where(marks[:, None], whole[:first], 0.0))
    assert not e[first:].any() and whole[first:].any()
    np.testing.assert_array_equal(seen(view, True, False), e)
    dim = dataclasses.replace(view.lamps, radiance=view.lamps.radiance * np.float32(0.5))
    dimmer = dataclasses.replace(view, lamps=dim)
    np.testing.assert_array_equal(
        seen(dimmer, True, False)[:first], np.where(marks[:, None], light_of(dimmer)[1][:first], 0.0)
    )
    elsewhere = dataclasses.replace(view, camera=Camera((11.0, 1.0, 3.0), 2.2, -0.2))
    np.testing.assert_array_equal(seen(elsewhere, True, True)[:first], whole[:first])
    np.testing.assert_array_equal(seen(view, True, True)[:first], whole[:first])


def test_in_play_bodies_that_stand_as_they_did_get_other_light_in_turns() -> None:
    """One that moved has it at once, and all have that of a lamp that is switched."""
    lamp = lamps(((9.0, 6.0, 2.0), 0.3, (50.0, 50.0, 50.0)))
    places = [(4.0 + k, 5.0 + k % 3, 0.5) for k in range(5)]
    view = with_boxes(view_of(open_ground(), lamp, sky()), *places)
    cache = LightCache()
    before = light_of(view, cache)[1]
    places[-1] = (4.0, 7.5, 0.5)
    now = sky(direction=(-0.5, 0.2, 0.4), blue=0.4)
    later = dataclasses.replace(with_boxes(view, *places), prefabs=view.prefabs, sky=now)
    posed, exact = pose(later), light_of(later)[1]
    cache.update(later)
    for right in (3, 5, 5):  # of five: the one that moved, and two in each turn
        e = cache.body_light(later, posed, most=2).reshape(5, -1, 3)
        is_new = (e == exact.reshape(e.shape)).all((1, 2))
        assert is_new.sum() == right and is_new[-1] and cache.stats.bodies_stale == 5 - right
        np.testing.assert_array_equal(e[~is_new], before.reshape(e.shape)[~is_new])
    dimmed = dataclasses.replace(later, lamps=dataclasses.replace(lamp, radiance=lamp.radiance / 2))
    cache.update(dimmed)
    e = cache.body_light(dimmed, posed, most=2)
    assert cache.stats.bodies_stale == 0
    np.testing.assert_array_equal(e, light_of(dimmed)[1])


@pytest.mark.parametrize("change", ["brighter", "dimmed", "off", "gone", "moved here", "moved away", "twin gone"])
def test_in_play_only_bodies_near_a_changed_lamp_have_its_light_at_once(change: str) -> None:
    """Those that it was near to too, also if they are not before the camera meanwhile; all get it in turns."""
    places = [(3.0, 3.0, 0.5), (4.0, 3.5, 0.5), (9.5, 9.0, 0.5), (9.0, 9.5, 0.5), (10.0, 10.0, 0.5)]
    first, near, far, on = (3.5, 2.0, 1.2), (3.0, 4.5, 1.2), (10.0, 8.5, 1.2), (9.0, 9.0, 9.0)
    twin = [(first, 0.2, on)] if change == "twin gone" else []
    world = view_of(open_ground(), lamps((first, 0.2, on), (near, 0.2, on), *twin), NIGHT)
    view, cache = with_boxes(world, *places), LightCache()
    before = light_of(view, cache)[1].reshape(5, -1, 3)
    dark = (0.0, 0.0, 0.0)
    now = {
        "brighter": [(first, 0.2, on), (near, 0.2, (13.0, 9.0, 9.0))],
        "dimmed": [(first, 0.2, on), (near, 0.2, (4.5, 4.5, 4.5))],
        "off": [(first, 0.2, on), (near, 0.2, dark)],
        "gone": [(first, 0.2, on)],
        "moved here": [(far, 0.2, on), (near, 0.2, on)],
        "moved away": [(near, 0.2, on), (far, 0.2, on)],
        "twin gone": [(first, 0.2, on), (near, 0.2, on)],
    }[change]
    later = dataclasses.replace(view, lamps=lamps(*now))
    posed, exact = pose(later), light_of(later)[1].reshape(5, -1, 3)
    back = dataclasses.replace(later, camera=dataclasses.replace(later.camera, yaw=later.camera.yaw + np.pi))
    cache.update(later)
    assert not cache.body_light(back, posed, most=0).any()  # looks away
    e = cache.body_light(later, posed, most=0).reshape(5, -1, 3)
    is_new = (e == exact).all((1, 2))
    reached = 5 if change.startswith("moved") else 2
    assert is_new[:reached].all() and cache.stats.bodies_stale == 5 - reached
    np.testing.assert_array_equal(e[reached:], before[reached:])
    for _ in range(2):
        e = cache.body_light(later, posed, most=2)
    assert cache.stats.bodies_stale == 0
    np.testing.assert_array_equal(e, light_of(later)[1])


def test_the_last_lamp_that_goes_leaves_no_light_on_a_body_that_might_wait() -> None:
    lit = with_boxes(view_of(open_ground(), lamps(((9.0, 6.0, 2.0), 0.3, (50.0, 50.0, 50.0))), NIGHT), (6.0, 6.0, 0.5))
    cache = LightCache()
    assert light_of(lit, cache)[1].any()
    dark = dataclasses.replace(lit, lamps=lamps())
    cache.update(dark)
    assert not cache.body_light(dark, pose(dark), most=0).any() and cache.stats.bodies_stale == 0


def test_what_stood_in_the_sun_is_lit_at_night_as_if_it_had_not() -> None:
    by_day = with_boxes(
        view_of(open_ground(), lamps(), sky(direction=(0.3, 0.2, 0.5))), (6.0, 6.0, 0.5), (8.0, 7.0, 0.5)
    )
    stand = dataclasses.replace(by_day.bodies, stands=np.ones(2, np.uint8))
    by_day, cache = dataclasses.replace(by_day, bodies=stand), LightCache()
    light_of(by_day, cache)
    by_night = dataclasses.replace(by_day, sky=sky(sun=0.0, direction=(0.3, 0.2, 0.5), blue=0.3))
    np.testing.assert_array_equal(light_of(by_night, cache)[1], light_of(by_night)[1])


def test_who_stands_still_for_good_looks_about_and_stops_doing_so_when_it_may_move() -> None:
    """In the same pose: the light is that of a fresh cache each time."""
    view = with_boxes(view_of(open_ground(), lamps(((9.0, 6.0, 2.0), 0.3, (50.0, 50.0, 50.0))), sky()), (6.0, 6.0, 0.5))
    cache, seen = LightCache(), []
    for stands in (0, 1, 0):
        bodies_now = dataclasses.replace(view.bodies, stands=np.array([stands], np.uint8))
        seen.append(light_of(now := dataclasses.replace(view, bodies=bodies_now), cache)[1])
        np.testing.assert_array_equal(seen[-1], light_of(now)[1])
    assert (seen[0] == seen[2]).all() and (seen[0] != seen[1]).any()


def test_a_lamp_switched_dimmed_or_added_works_out_no_factor_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is kept gives the same bits as a fresh cache, whatever came between."""
    done: list[int] = []
    monkeypatch.setattr(
        bodies,
        "lamp_factors",
        lambda *args: (done.append(int(args[6].sum())), lamp_factors(*args)),  # fmt: skip
    )
    near, far = ((9.0, 6.0, 2.0), 0.3, (50.0, 50.0, 50.0)), ((4.0, 9.0, 1.5), 0.3, (30.0, 20.0, 9.0))
    moved = ((4.0, 8.0, 1.5), 0.3, (30.0, 20.0, 9.0))

    def scene(*some: tuple[tuple[float, float, float], float, tuple[float, ...]], level: float = 1.0) -> View:
        """The last lamp is dimmed."""
        all_lamps = lamps(*some)
        radiance = all_lamps.radiance.copy()
        radiance[-1] *= level
        all_lamps = dataclasses.replace(all_lamps, radiance=radiance)
        return with_boxes(view_of(open_ground(), all_lamps, NIGHT), (6.0, 6.0, 0.5), (8.0, 8.0, 0.5))

    cache, first = LightCache(), scene(near, far)
    light_of(first, cache)
    pairs = len(pose(first).position) * 2
    assert done == [pairs]
    for view, again in (
        (scene(near, far, level=0.3), 0),
        (scene(near, far, level=0.0), 0),
        (scene(near, far), 0),
        (scene(near), 0),
        (scene(near, moved), pairs // 2),
    ):
        done.clear()
        view = dataclasses.replace(view, voxels=first.voxels, prefabs=first.prefabs, materials=first.materials)
        _, e = light_of(view, cache)
        assert sum(done) == again
        np.testing.assert_array_equal(e, light_of(view)[1])


def test_factors_are_those_of_the_exact_box_and_its_fixture_at_any_distance() -> None:
    """To the bit, though far lamps take a shorter way: from within a hand's breadth on, and from one's own lamp."""
    blueprint = load("town").blueprint
    seen = extract(blueprint, new_state(blueprint, 7))
    shapes = lamp_shapes(seen.lamps, seen.bodies, seen.prefabs, seen.materials)
    k, rng = int(np.flatnonzero(np.diff(shapes.first_shade))[0]), np.random.default_rng(5)
    middle, longest = (shapes.low[k] + shapes.high[k]) / 2, (shapes.high[k] - shapes.low[k]).max()
    away = rng.normal(size=(4000, 3))
    away *= (longest * rng.uniform(0.6, 30.0, (4000, 1))) / np.linalg.norm(away, axis=1, keepdims=True)
    position, normal = (middle + away).astype(np.float32), rng.normal(size=(4000, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    own = int(shapes.entity[k])
    entity = np.where(np.arange(4000) < 3000, own + 1, own).astype(np.int32)  # the last 1000 carry the lamp
    factor = np.empty((4000, 2), np.float32)
    lamp_factors(
        position, normal, np.ones(len(position), np.bool_), entity, np.array([0, 3000]), np.array([0, 3000]),
        np.array([3000, 1000]), np.array([k, k]), shapes, factor,
    )  # fmt: skip
    faces, corner, buffer = np.empty(6), np.empty((4, 3)), np.empty((10, 3))
    far = 0
    for i in range(4000):
        n = [np.float64(v) for v in normal[i]]
        p = [np.float64(v) + bodies.LIFT_M * w for v, w in zip(position[i], n, strict=True)]
        f = box_factors(*p, *n, shapes.low[k], shapes.high[k], faces, corner, buffer)
        share, glow = fixture_share(shapes, k, *p, faces)
        if i >= 3000:
            share, glow = unshaded_share(shapes, k, *p, faces, bodies.OWN_RAYS), 0.0
        assert tuple(factor[i]) == (np.float32(f * share), np.float32(f * glow))
        far += int(f > 0 and np.linalg.norm(away[i]) > FAR_SIZES * longest)
    assert 1000 < far < 1600 and (factor[:, 1] > 0).any()


def test_other_numbers_void_nothing_and_bodies_that_are_one_in_the_other_keep_their_own_light(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two lamps in two crates at one place: each crate shades itself from its own lamp alone."""
    done: list[int] = []
    monkeypatch.setattr(
        bodies,
        "lamp_factors",
        lambda *args: (done.append(int(args[6].sum())), lamp_factors(*args)),  # fmt: skip
    )
    lamp, other = ((6.0, 6.0, 1.6), 0.3, (50.0, 50.0, 50.0)), ((6.5, 6.0, 1.6), 0.3, (9.0, 20.0, 30.0))

    def scene(first: int, *more: tuple[float, float, float]) -> View:
        crates = with_boxes(view_of(open_ground(), lamps(lamp, other), NIGHT), *more, *2 * [(6.0, 6.0, 0.5)])
        numbers = np.arange(first, first + 2 + len(more), dtype=np.uint32)
        carriers = dataclasses.replace(crates.lamps, entity=numbers[-2:])
        return dataclasses.replace(crates, bodies=dataclasses.replace(crates.bodies, entity=numbers), lamps=carriers)

    cache, before = LightCache(), scene(1)
    _, e = light_of(before, cache)
    half = len(e) // 2
    assert sum(done) == 4 * half and (e[:half] != e[half:]).any()
    for view, again in ((scene(8), 0), (scene(2, (8.0, 8.0, 0.5)), 2 * half), (scene(1), 0)):
        done.clear()
        view = dataclasses.replace(view, voxels=before.voxels, prefabs=before.prefabs, materials=before.materials)
        _, e = light_of(view, cache)
        assert sum(done) == again
        np.testing.assert_array_equal(e, light_of(view)[1])


def test_a_crate_on_its_side_is_lit_as_one_that_stands_there() -> None:
    lamp = lamps(((9.0, 7.0, 2.4), 0.3, (50.0, 50.0, 50.0)))
    upright = with_boxes(view_of(open_ground(), lamp, sky(sun=0.0, blue=0.3)), (6.0, 6.0, 0.5))
    half = np.float32(np.sqrt(0.5))
    side = dataclasses.replace(
        upright.bodies,
        position=np.array([[6.0, 6.4, 0.9]], np.float32),  # turned by a quarter around x, what was up lies along -y
        orientation=np.array([[half, 0.0, 0.0, half]], np.float32),
    )
    lying = dataclasses.replace(upright, bodies=side)
    lit = []
    for view in (upright, lying):
        _, e = light_of(view)
        posed = pose(view)
        key = np.concatenate([posed.position, posed.normal], 1).round(3) + 0.0
        lit.append((key[np.lexsort(key.T)], e[np.lexsort(key.T)]))
    np.testing.assert_allclose(lit[0][0], lit[1][0], atol=2e-3)
    np.testing.assert_allclose(lit[0][1], lit[1][1], atol=2e-3)


def standing(view: View) -> View:
    return dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, stands=np.ones(1, np.uint8)))


def test_a_crate_by_a_shining_wall_is_lit_on_that_side_alone() -> None:
    grid = open_ground()
    grid[30, 14:34, 2:14] = 2
    view = with_boxes(view_of(grid, outside=NIGHT), (7.0, 6.0, 0.5))
    emission = np.zeros_like(view.materials.emission)
    emission[2] = 1.0
    view = dataclasses.replace(view, materials=dataclasses.replace(view.materials, emission=emission))
    normal, e = light_of(standing(view))
    assert (e[normal[:, 0] > 0.9] > 0.7).all()
    assert (e[normal[:, 0] < -0.9] < 0.15).all()


def test_the_ground_in_its_own_shadow_does_not_light_a_crate() -> None:
    """Of what the ground throws up the side away from the sun gets less; the sun itself is not in e."""
    view = view_of(open_ground(), outside=sky(sun=4.0, direction=(1.0, 0.0, 0.5), blue=0.0))
    normal, e = light_of(standing(with_boxes(view, (6.0, 6.0, 0.5))))
    towards, away = e[normal[:, 0] > 0.9].mean(), e[normal[:, 0] < -0.9].mean()
    assert 0.1 * towards < away < 0.7 * towards


def test_high_above_the_ground_where_no_probes_are_it_is_as_light_as_nearer_to_it() -> None:
    view = view_of(open_ground(), outside=sky(sun=0.0))
    normal, low = light_of(with_boxes(view, (6, 6, 1.5)))
    _, high = light_of(with_boxes(view, (6, 6, 5.0)))
    assert (high > 0.05).all()
    np.testing.assert_allclose(high[normal[:, 2] > 0.9], low[normal[:, 2] > 0.9], rtol=0.25)


def test_what_stands_traces_again_only_what_crosses_changed_voxels(monkeypatch: pytest.MonkeyPatch) -> None:
    """And has the light of a fresh cache after each of many changes, though all that its rays read is another; without
    the test which rays a change crosses it would not.
    """
    rng, held = np.random.default_rng(4), []
    near = bodies.corners_cross

    def crossing(*args: object) -> None:
        near(*args)
        held.append(1 - np.mean(args[-1]))

    monkeypatch.setattr(bodies, "corners_cross", crossing)
    view = with_boxes(view_of(open_ground(), lamps(((9.0, 6.0, 2.0), 0.3, (50.0, 50.0, 50.0))), sky()), (6.0, 6.0, 0.5))
    view, cache, wrong = standing(view), LightCache(), 0
    for last in (False,) * 8 + (True,):
        grid = view.voxels.material.copy()
        low = np.array([24, 24, 2]) + rng.integers((-12, -12, -1), (12, 12, 4)) if not last else np.array([20, 24, 2])
        box = tuple(slice(a, a + b) for a, b in zip(low, (2, 2, 6) if last else rng.integers(1, 4, 3), strict=True))
        grid[box] = 0 if grid[box].any() else 2
        view = with_voxels(view, grid)
        if last:
            monkeypatch.setattr(bodies, "corners_cross", lambda *args: args[-1].fill(False))
        wrong += (light_of(view, cache)[1] != light_of(view)[1]).any()
    assert wrong == 1, "only the last, for which nobody asked"
    assert len(held) == 7 and 0.2 < np.mean(held) < 1.0
