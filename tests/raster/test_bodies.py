import dataclasses
import math

import numpy as np
import pytest

from engine.core.rotations import matrices, of_yaws
from engine.raster.bodies import Poser, differing, mark_facing, pose
from engine.raster.tessellation import refined
from tests.raster import views


def test_every_vertex_is_its_prefabs_turned_and_moved():
    view = views.courtyard()
    posed = pose(view)
    fine = refined(view.prefabs, view.materials)
    for b, index in enumerate(view.bodies.prefab):
        prefab = fine[index]
        span = slice(posed.first_vertex[b], posed.first_vertex[b + 1])
        for yaw, origin, got in (
            (view.bodies.yaw[b], view.bodies.position[b], posed.position[span]),
            (view.bodies.previous_yaw[b], view.bodies.previous_position[b], posed.previous_position[span]),
        ):
            c, s = math.cos(yaw), math.sin(yaw)
            turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
            assert np.allclose(got, prefab.position @ turn.T + origin, atol=1e-5)
        assert (posed.entity[span] == view.bodies.entity[b]).all()
        assert (posed.body[span] == b).all()
        assert np.array_equal(posed.material[span], prefab.material)
        assert np.allclose(posed.low[b], posed.position[span].min(0))
        assert np.allclose(posed.high[b], posed.position[span].max(0))
    assert np.allclose(np.linalg.norm(posed.normal, axis=1), 1, atol=1e-5)


def test_triangles_stay_within_their_body_and_parts_hold_their_vertices():
    view = views.courtyard()
    posed = pose(view)
    assert (posed.body[posed.triangles] == posed.body[posed.triangles[:, :1]]).all()
    assert np.array_equal(posed.part_body[posed.part], posed.body)
    local = posed.position - posed.part_centre[posed.part]
    yaw = view.bodies.yaw[posed.body]
    c, s = np.cos(yaw), np.sin(yaw)
    upright = np.stack([c * local[:, 0] + s * local[:, 1], c * local[:, 1] - s * local[:, 0], local[:, 2]], 1)
    assert (np.abs(upright) <= posed.part_half[posed.part] + 1e-4).all()


def test_kept_prefabs_follow_a_changed_list_of_bodies():
    view, poser = views.courtyard(), Poser()
    poser.pose(view)
    fewer = dataclasses.replace(view, bodies=views.bodies([(1, (3.0, 3.0, 0.5), 1.0, None)]))
    assert np.array_equal(poser.pose(fewer).position, pose(fewer).position)
    again = poser.pose(view)
    assert again.triangles is not poser.pose(fewer).triangles
    assert poser.pose(view).position.shape == again.position.shape


def test_no_bodies_and_empty_prefabs():
    view = dataclasses.replace(views.courtyard(), bodies=views.bodies([]))
    posed = pose(view)
    assert posed.position.shape == (0, 3) and posed.triangles.shape == (0, 3) and posed.low.shape == (0, 3)
    person = view.prefabs[0]
    empty = dataclasses.replace(
        person,
        position=person.position[:0],
        normal=person.normal[:0],
        material=person.material[:0],
        part=person.part[:0],
        triangles=person.triangles[:0],
        part_low=person.part_low[:0],
        part_high=person.part_high[:0],
    )
    mixed = dataclasses.replace(
        view, prefabs=(person, empty), bodies=views.bodies([(1, (1, 2, 3), 0.0, None), (0, (4, 5, 6), 0.0, None)])
    )
    posed = pose(mixed)
    assert np.allclose(posed.low[0], (1, 2, 3)) and np.allclose(posed.high[0], (1, 2, 3))
    assert posed.high[1, 2] > 7.5


def test_resting_bodies_keep_their_vertices_and_moved_ones_do_not_disturb_what_was_given():
    view, poser = views.courtyard(), Poser()
    first = poser.pose(view)
    assert poser.pose(dataclasses.replace(view, tick=11)) is first
    position = view.bodies.position.copy()
    position[1] += (1.0, -0.5, 0.25)
    turn = view.bodies.orientation.copy()
    turn[2] = of_yaws(view.bodies.yaw[2] + 0.3)
    moved = dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, position=position, orientation=turn))
    before = first.position.copy()
    second, fresh = poser.pose(moved), pose(moved)
    assert np.array_equal(first.position, before)
    for name in ("position", "previous_position", "normal", "part_centre", "low", "high"):
        assert np.array_equal(getattr(second, name), getattr(fresh, name)), name


def test_what_leans_is_turned_as_a_whole_now_and_a_tick_before():
    view = views.courtyard()
    turn = np.array([[0.5, 0.5, 0.5, 0.5], [0.1, 0.7, 0.1, 0.7]], np.float32)  # the first: x to y, y to z, z to x
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    bodies = views.bodies([(1, (3.0, 3.0, 0.5), 0.0, None)])
    bodies = dataclasses.replace(bodies, orientation=turn[:1], previous_orientation=turn[1:])
    posed = pose(dataclasses.replace(view, bodies=bodies))
    prefab = refined(view.prefabs, view.materials)[1]
    assert np.allclose(posed.position, np.roll(prefab.position, 1, axis=1) + (3.0, 3.0, 0.5), atol=1e-5)
    assert np.allclose(posed.normal, np.roll(prefab.normal, 1, axis=1), atol=1e-5)
    before = prefab.position @ matrices(turn[1]).T + bodies.previous_position[0]
    assert np.allclose(posed.previous_position, before, atol=1e-5)
    local = (posed.position - posed.part_centre[posed.part]) @ matrices(turn[0])
    assert (np.abs(local) <= posed.part_half[posed.part] + 1e-4).all()
    assert np.allclose(posed.low, posed.position.min(0)) and np.allclose(posed.high, posed.position.max(0))


def test_a_body_that_only_turns_is_posed_anew():
    view, poser = views.courtyard(), Poser()
    first = poser.pose(view)
    turn = view.bodies.orientation.copy()
    turn[0] = (0.0, 1.0, 0.0, 0.0)
    turned = dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, orientation=turn))
    assert not np.array_equal(poser.pose(turned).position, first.position)
    assert np.array_equal(poser.pose(turned).position, pose(turned).position)


def test_bodies_differ_where_any_of_their_vertices_does():
    view = views.courtyard()
    posed = pose(view)
    assert not differing(posed.first_vertex, posed.position, posed.position.copy()).any()
    for b in range(len(view.bodies.entity)):
        other = posed.position.copy()
        other[posed.first_vertex[b + 1] - 1, b % 3] += 1e-3
        assert np.flatnonzero(differing(posed.first_vertex, posed.position, other)).tolist() == [b]


def turned_to(eye: tuple[float, float, float], position: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Slow definition of whose front an eye sees: the vertices of those triangles."""
    a, b, c = (position[triangles[:, k]].astype(np.float64) for k in range(3))
    front = (np.cross(b - a, c - a) * (np.array(eye) - a)).sum(1) > 0.0
    return np.isin(np.arange(len(position)), triangles[front])


@pytest.mark.parametrize("seed", range(4))
def test_every_vertex_whose_front_may_show_is_marked_and_few_others(seed: int) -> None:
    random = np.random.default_rng(seed)
    position, eye = random.uniform(0, 4, (3000, 3)).astype(np.float32), random.uniform(-6, 10, 3)
    triangles, marks = np.arange(3000, dtype=np.int32).reshape(1000, 3), np.zeros(3000, np.bool_)
    first = np.array([0, 300, 600, 1000], np.int32)
    posed = dataclasses.replace(
        pose(views.courtyard()), position=position, triangles=triangles, first_triangle=first
    )  # fmt: skip
    mark_facing(posed, np.array([0, 2], np.int32), eye, marks)
    wanted = turned_to(eye, position, triangles)
    asked = np.ones(3000, np.bool_)
    asked[900:1800] = False
    assert not (wanted & asked & ~marks).any() and not (marks & ~asked).any()
    assert (marks & ~wanted).mean() < 0.04


def test_what_begins_or_ends_to_shine_is_cut_anew_though_its_prefab_is_the_same():
    dark = views.courtyard("night")
    emission = dark.materials.emission.copy()
    emission[views.INDEX["cloth"]] = 0.1
    shining = dataclasses.replace(dark, materials=dataclasses.replace(dark.materials, emission=emission))
    assert shining.prefabs is dark.prefabs and len(pose(shining).position) > len(pose(dark).position)
    poser = Poser()
    for view in (dark, shining, dark):
        posed, anew = poser.pose(view), pose(view)
        assert np.array_equal(posed.position, anew.position) and np.array_equal(posed.triangles, anew.triangles)
