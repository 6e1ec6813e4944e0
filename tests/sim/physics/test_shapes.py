"""Pieces of bodies: recognised from a prefab's parts, with the volume that they have."""

import math

import numpy as np
import pytest

from engine.script import prefabs
from engine.sim.physics.shapes import _Same, box, capsule, mass_of, parts_of, pieces_of, reach_of
from engine.state.blueprint import Spawn
from engine.state.world import new_state
from tests.worlds_for_tests import CRATE, empty_world

BOX = prefabs.box((-1.0, -0.5, 0.0), (1.0, 0.5, 0.25), 1)
BALL = prefabs.ball((0.0, 0.0, 1.0), (0.5, 0.5, 0.5), 1, 16, True)
EGG = prefabs.ball((0.0, 0.0, 1.0), (0.5, 0.5, 0.8), 1, 16, True)
LOG = prefabs.cylinder((-1.0, 0.0, 0.3), 0.3, 2.0, 1, 0.3, 16, 0, True)
CONE = prefabs.cylinder((0.0, 0.0, 0.0), 0.5, 1.0, 1, 0.0, 24, 2, False)
POST = prefabs.cylinder((0.0, 0.0, 0.0), 0.05, 3.0, 1, 0.05, 12, 2, True)  # slender: cut across
BEAM = prefabs.box((0.0, 0.0, 0.0), (3.0, 0.1, 0.1), 1)  # slender too


@pytest.mark.parametrize(
    ("part", "kind", "volume"),
    [
        (BOX, "box", 0.5),
        (BALL, "ball", 4 / 3 * math.pi * 0.125),
        (EGG, "hull", 4 / 3 * math.pi * 0.2 * 0.92),
        (LOG, "cylinder", math.pi * 0.09 * 2.0),
        (CONE, "hull", math.pi * 0.25 / 3 * 0.98),
        (POST, "cylinder", math.pi * 0.0025 * 3.0),
        (BEAM, "box", 0.03),
    ],
)
def test_parts_are_known_by_their_corners(part: prefabs.Part, kind: str, volume: float) -> None:
    (piece,) = parts_of(_Same(prefabs.assemble("one", [part])))
    assert piece.kind == kind and piece.volume == pytest.approx(volume, rel=0.05)


def test_a_compound_has_a_piece_for_each_part_and_reaches_as_far_as_they_do() -> None:
    prefab = prefabs.assemble("two", [BOX, BALL])
    pieces = parts_of(_Same(prefab))
    assert [p.kind for p in pieces] == ["box", "ball"]
    assert reach_of(pieces) >= float(np.linalg.norm(prefab.position, axis=1).max()) - 1e-6


def test_shapes_stand_on_their_origin_and_weigh_what_their_density_says() -> None:
    sizes = {"body_size": (0.5, 0.5, 1.0), "density": 100.0}
    spawns = tuple(
        Spawn(shape, CRATE, (4.0 + i, 4.0, 0.5), 0.0, {"shape": shape, **(sizes if shape != "auto" else {})})
        for i, shape in enumerate(("auto", "box", "sphere", "capsule"))
    )
    blueprint = empty_world(spawns=spawns)
    c = new_state(blueprint).columns
    kinds = [pieces_of(blueprint, c, i + 1)[0].kind for i in range(4)]
    assert kinds == ["box", "box", "ball", "capsule"]
    for i in range(4):
        piece = pieces_of(blueprint, c, i + 1)[0]
        assert piece.centre[2] - piece.half[2] == pytest.approx(0.0, abs=1e-6)
    assert mass_of(blueprint, c, 1) == pytest.approx(300.0 * 0.8**3, rel=1e-5)
    assert mass_of(blueprint, c, 2) == pytest.approx(100.0 * 0.25)
    assert mass_of(blueprint, c, 3) == pytest.approx(100.0 * 4 / 3 * math.pi * 0.125)
    assert mass_of(blueprint, c, 4) == pytest.approx(100.0 * math.pi * 0.0625 * (0.5 + 1 / 3))


def test_volumes_of_plain_pieces() -> None:
    assert box((0.0, 0.0, 0.0), (1.0, 2.0, 3.0)).volume == pytest.approx(6.0)
    assert capsule((0.0, 0.0, 1.0), 0.5, 1.0).volume == pytest.approx(math.pi * 0.25 * (1.0 + 2 / 3))
