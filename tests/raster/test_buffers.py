import dataclasses

import moderngl
import numpy as np

from engine.raster.bodies import PosedBodies, Poser
from engine.raster.buffers import BODY_VERTEX, BodyMesh
from tests.raster import views


def in_buffer(mesh: BodyMesh) -> np.ndarray:
    assert mesh._vertices is not None
    return np.frombuffer(mesh._vertices.read(), BODY_VERTEX)


def assert_holds(mesh: BodyMesh, posed: PosedBodies, light: np.ndarray) -> None:
    sent = in_buffer(mesh)
    for name, wanted in (
        ("position", posed.position), ("previous", posed.previous_position), ("normal", posed.normal),
        ("light", light), ("entity", posed.entity), ("material", posed.material),
    ):  # fmt: skip
        assert np.array_equal(sent[name], wanted), name


def test_the_buffer_of_bodies_follows_what_moves_and_what_is_lit_otherwise(gl: moderngl.Context) -> None:
    view, poser, mesh, random = views.courtyard(), Poser(), BodyMesh(gl), np.random.default_rng(0)
    light = random.random((len(poser.pose(view).position), 3)).astype(np.float32)
    for k in range(6):
        position, turn = view.bodies.position.copy(), view.bodies.orientation.copy()
        position[k % len(position)] += 0.5
        turn[-1] = (0.0, 0.0, *np.array([np.sin(k), np.cos(k)]))
        moved = dataclasses.replace(view.bodies, position=position, orientation=turn, previous_position=position)
        view = dataclasses.replace(view, bodies=moved if k % 3 < 2 else view.bodies)
        posed, light = poser.pose(view), light.copy()
        light[posed.first_vertex[k % len(position)]] += 1.0
        mesh.update(posed, light)
        assert_holds(mesh, posed, light)
    mesh.release()


def test_only_bodies_that_differ_are_sent(gl: moderngl.Context) -> None:
    view, mesh = views.courtyard(), BodyMesh(gl)
    posed = Poser().pose(view)
    light = np.zeros((len(posed.position), 3), np.float32)
    mesh.update(posed, light)
    assert mesh._vertices is not None
    mesh._vertices.write(b"\xff" * mesh._vertices.size)  # what is not sent again stays like that
    brighter = light.copy()
    brighter[posed.first_vertex[1]] = 1.0
    mesh.update(posed, brighter)
    is_sent = in_buffer(mesh)["entity"] != 0xFFFFFFFF
    assert np.array_equal(np.unique(posed.body[is_sent]), [1]) and is_sent.sum() == (posed.body == 1).sum()
    mesh.release()


def test_other_bodies_get_a_buffer_of_their_own_and_none_need_none(gl: moderngl.Context) -> None:
    view, poser, mesh = views.courtyard(), Poser(), BodyMesh(gl)
    fewer = dataclasses.replace(view, bodies=views.bodies([(1, (3.0, 3.0, 0.5), 1.0, None)]))
    nobody = dataclasses.replace(view, bodies=views.bodies([]))
    for other in (view, fewer, view):
        posed = poser.pose(other)
        light = np.full((len(posed.position), 3), 0.5, np.float32)
        mesh.update(posed, light)
        assert_holds(mesh, posed, light)
        assert mesh.count == 3 * len(posed.triangles)
        mesh.update(poser.pose(nobody), np.zeros((0, 3), np.float32))
        assert mesh.count == 0 and mesh._vertices is None
    mesh.release()
