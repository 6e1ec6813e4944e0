"""Parts of bodies as convex pieces: exact for boxes and balls, turned with the body."""

import math

import numpy as np
import pytest

from engine.core.rotations import of_yaws
from engine.light.solids import distance_to_solid, joined, parts_that, solids_of
from engine.light.trace import one_over
from engine.script import prefabs

BOX = prefabs.assemble("box", [prefabs.box((-0.5, -0.25, 0.0), (0.5, 0.25, 1.0), 1)])
CONE = prefabs.assemble("cone", [prefabs.cylinder((0, 0, 0), 0.5, 1.0, 1, 0.0, 24, 2, False)])


def distance(solids, origin, direction, piece=0):
    over = (one_over(float(d)) for d in direction)
    return distance_to_solid(*solids, piece, *(float(x) for x in (*origin, *direction)), *over, 1e9)


def posed(prefab, position=(0, 0, 0), yaw=0.0):
    return solids_of(prefab, np.ones(len(prefab.part_low), np.bool_), np.array(position, np.float32), of_yaws(yaw))


def test_a_box_has_six_planes_and_is_met_where_its_faces_are() -> None:
    box = posed(BOX, (3, 2, 1))
    assert len(box.plane) == 6
    assert distance(box, (0, 2, 1.5), (1, 0, 0)) == pytest.approx(2.5)
    assert distance(box, (0, 2, 1.5), (5, 0, 0)) == pytest.approx(0.5), "in lengths of the direction"
    assert distance(box, (3, 2, 9), (0, 0, -1)) == pytest.approx(7.0)
    assert distance(box, (0, 2.3, 1.5), (1, 0, 0)) == math.inf
    assert distance(box, (3, 2, 1.5), (1, 0, 0)) == math.inf, "a ray that begins inside is let go"


def test_a_quarter_turn_swaps_its_sides() -> None:
    box = posed(BOX, (3, 2, 1), math.pi / 2)
    assert distance(box, (0, 2, 1.5), (1, 0, 0)) == pytest.approx(2.75, abs=1e-5)
    assert distance(box, (0, 2.4, 1.5), (1, 0, 0)) == pytest.approx(2.75, abs=1e-5)


def test_a_cone_is_round_and_narrow_above() -> None:
    cone = posed(CONE)
    for angle in np.linspace(0.1, 6, 7):
        away = np.array([math.cos(angle), math.sin(angle), 0.0])
        assert distance(cone, 3 * away + [0, 0, 0.5], -away) == pytest.approx(2.75, abs=0.01)
    assert distance(cone, (3, 0.3, 0.5), (-1, 0, 0)) == math.inf
    assert distance(cone, (3, 0.3, 0.1), (-1, 0, 0)) < 3.0


def test_pieces_keep_their_planes_when_lists_are_joined() -> None:
    both = joined([posed(BOX, (3, 2, 1)), posed(CONE)])
    assert distance(both, (0, 2, 1.5), (1, 0, 0), 0) == pytest.approx(2.5)
    assert distance(both, (3, 0, 0.5), (-1, 0, 0), 1) == pytest.approx(2.75, abs=0.01)
    assert len(joined([]).box) == 0


def test_a_piece_that_leans_is_met_where_it_lies():
    half = math.sqrt(0.5)
    lying = solids_of(BOX, np.ones(1, np.bool_), np.array((0, 0, 5), np.float32), np.array((0, half, 0, half)))
    np.testing.assert_allclose(lying.box[0], [[0.0, -0.25, 4.5], [1.0, 0.25, 5.5]], atol=1e-6)
    assert distance(lying, (-2, 0, 5), (1, 0, 0)) == pytest.approx(2.0, abs=1e-6)
    assert distance(lying, (0.5, 0, 9), (0, 0, -1)) == pytest.approx(3.5, abs=1e-6)


def test_an_imported_mesh_stops_light_as_the_boxes_of_its_skin(tmp_path) -> None:
    from tests.script import models
    from tests.script.authoring import loaded

    cube = models.model((4, 2, 2), *((x, y, z, 1) for x in range(4) for y in range(2) for z in range(2)))
    (tmp_path / "a.vox").write_bytes(models.vox(cube))
    prefab = loaded(tmp_path, 'model("a.vox", scale = 0.5)').blueprint.prefabs[-1]
    parts = parts_that(prefab, np.zeros((99, 3), np.float32), shine=False)
    position, ray = np.array((3, 2, 1), np.float32), ((0, 2.2, 1.4), (1, 0, 0))
    for yaw, wanted in ((0.0, 2.0), (math.pi / 2, 2.5)):
        solids = solids_of(prefab, parts, position, of_yaws(np.array([yaw]))[0].astype(np.float32))
        assert min(distance(solids, *ray, piece=i) for i in range(len(solids.box))) == pytest.approx(wanted, abs=0.1)
