"""Lamps against slow references: fixtures against rays and sums, fine factors against points, shadows against rays."""

import dataclasses
import math

import numpy as np
import pytest

from engine.light.fixtures import Throws, fixture_share, lamp_shapes, unshaded_share
from engine.light.formfactor import LampShapes, box_factors
from engine.light.furniture import no_furniture
from engine.light.lamps import (
    ALL,
    LAMPS_PER_TEXEL,
    LampTransport,
    coarse_factors,
    fine_factors,
    point_factor,
)
from engine.light.surface import Surface, face_centre
from engine.script import prefabs
from engine.state.blueprint import Materials
from engine.view import Bodies
from tests.light.scenes_for_light import lamps, room_with_pillars
from tests.worlds_for_tests import SHINE, materials

CENTRE = (3.0, 3.0, 2.0)
PLATE_M = 0.5  # edge of the plate over the lamp
GAP_M = 0.05  # between lamp and plate


def lantern(parts: list[prefabs.Part], centre: tuple[float, float, float] = CENTRE) -> LampShapes:
    """A lamp of 0.2 m with glass and dark parts (material 1) around it."""
    glass = prefabs.box((-0.1, -0.1, -0.1), (0.1, 0.1, 0.1), SHINE)
    at, one = np.array([centre], np.float32), np.ones(1, np.float32)
    body = Bodies(
        np.zeros(1, np.uint32), np.zeros(1, np.int32), at, 0 * one, at, 0 * one, 0 * at, np.ones(1, np.uint8)
    )  # fmt: skip
    prefab = prefabs.assemble("lantern", [*parts, glass])
    return lamp_shapes(lamps((centre, 0.2, (40.0, 40.0, 40.0))), body, (prefab,), coloured())


def coloured() -> Materials:
    """Materials whose first is an orange."""
    plain = materials()
    albedo = plain.albedo.copy()
    albedo[1] = (0.6, 0.3, 0.1)
    return dataclasses.replace(plain, albedo=albedo)


def buffers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.empty(6), np.empty((4, 3)), np.empty((10, 3))


def posts_and_cap() -> list[prefabs.Part]:
    posts = [
        prefabs.box((x - 0.02, y - 0.02, -0.15), (x + 0.02, y + 0.02, 0.15), 1)
        for x in (-0.14, 0.14)
        for y in (-0.14, 0.14)
    ]
    return [*posts, prefabs.box((-0.2, -0.2, 0.15), (0.2, 0.2, 0.2), 1)]


def test_what_passes_a_fixture_far_away_is_what_many_rays_see() -> None:
    shapes, random = lantern(posts_and_cap()), np.random.default_rng(0)
    factor, corner, buffer = buffers()
    off = []
    for d in random.normal(size=(200, 3)):
        d /= math.sqrt((d**2).sum())
        p = np.array(CENTRE) + random.uniform(2.0, 20.0) * d
        box_factors(*p, *-d, shapes.low[0], shapes.high[0], factor, corner, buffer)
        off.append(fixture_share(shapes, 0, *p, factor)[0] - unshaded_share(shapes, 0, *p, factor, 4096))
    assert abs(np.mean(off)) < 0.01
    assert np.sqrt(np.mean(np.square(off))) < 0.04


def test_a_plate_throws_back_what_a_sum_over_it_says() -> None:
    """The light of a lamp on every square centimetre of the plate's lower side, and from there to a point below."""
    half, low_z = PLATE_M / 2, CENTRE[2] + 0.1 + GAP_M
    plate = prefabs.box((-half, -half, 0.1 + GAP_M), (half, half, 0.1 + GAP_M + 0.04), 1)
    shapes = lantern([plate])
    factor, corner, buffer = buffers()
    steps = (np.arange(50) + 0.5) / 50 * PLATE_M - half
    for point in ((3.0, 3.0, -2.0), (6.0, 3.5, -1.0), (1.0, 0.5, -2.0)):
        wanted = 0.0
        for x in steps + CENTRE[0]:
            for y in steps + CENTRE[1]:
                e = box_factors(x, y, low_z, 0.0, 0.0, -1.0, shapes.low[0], shapes.high[0], factor, corner, buffer)
                r = np.array(point) - (x, y, low_z)
                down = -r[2] / math.sqrt((r**2).sum())
                wanted += e * (PLATE_M / 50) ** 2 * down * down / (math.pi * (r**2).sum())  # the point looks up
        whole = box_factors(*point, 0.0, 0.0, 1.0, shapes.low[0], shapes.high[0], factor, corner, buffer)
        _, glow = fixture_share(shapes, 0, *point, factor)
        assert whole * glow * shapes.tint[0] == pytest.approx(wanted * np.array((0.6, 0.3, 0.1)), rel=0.12)
    _, above = fixture_share(shapes, 0, 3.0, 3.0, 6.0, factor)
    assert above < 1e-3


def test_the_same_fixture_gives_the_same_bits_wherever_it_hangs() -> None:
    here, there = lantern(posts_and_cap()), lantern(posts_and_cap(), (7.25, 1.5, 3.75))
    assert here.throw.tobytes() == there.throw.tobytes()
    assert here.tint.tobytes() == there.tint.tobytes()


def test_a_fixture_is_worked_out_once_and_forgotten_when_it_is_gone() -> None:
    at, one = np.array([CENTRE], np.float32), np.ones(1, np.float32)
    body = Bodies(
        np.zeros(1, np.uint32), np.zeros(1, np.int32), at, 0 * one, at, 0 * one, 0 * at, np.ones(1, np.uint8)
    )  # fmt: skip
    glass = prefabs.box((-0.1, -0.1, -0.1), (0.1, 0.1, 0.1), SHINE)
    prefab, matter = prefabs.assemble("lantern", [*posts_and_cap(), glass]), coloured()
    known: Throws = {}
    light = lamps((CENTRE, 0.2, (40.0, 40.0, 40.0)))
    lamp_shapes(light, body, (prefab,), matter, known)
    (first,) = known.values()
    lamp_shapes(light, body, (prefab,), matter, known)
    (second,) = known.values()
    assert second is first
    lamp_shapes(lamps(), body, (prefab,), matter, known)
    assert not known


def test_fine_factors_are_what_points_see() -> None:
    """At every quarter of every face: 256 rays at the point itself, which meet world and fixture alike."""
    voxels, shapes = room_with_pillars(), lantern(posts_and_cap(), (4.1, 4.2, 3.3))
    surface = Surface(voxels)
    texels = np.random.default_rng(1).permutation(surface.alive())[:400].astype(np.int32)
    rows = np.arange(len(texels), dtype=np.int32)
    void, lamp_of = np.full(len(rows), ALL, np.int32), np.full((len(rows), LAMPS_PER_TEXEL), -1, np.int32)
    factor_of = np.zeros((len(rows), LAMPS_PER_TEXEL, 4), np.float32)
    glow_of = np.zeros((len(rows), LAMPS_PER_TEXEL), np.float32)
    is_lit = np.ones(1, np.bool_)
    fine_factors(voxels, no_furniture(), surface.place, texels, rows, shapes, is_lit, void, lamp_of, factor_of, glow_of)
    wanted, glow, centre = np.zeros((len(rows), 4)), np.zeros(len(rows)), np.empty(3)
    for i, t in enumerate(texels):
        axis, sign = face_centre(surface.place, t, centre)
        normal = np.zeros(3)
        normal[axis] = sign
        for s in range(4):
            p = centre.copy()
            p[(axis + 1) % 3] += 0.0625 if s & 1 else -0.0625
            p[(axis + 2) % 3] += 0.0625 if s & 2 else -0.0625
            wanted[i, s], thrown = point_factor(voxels, no_furniture(), *p, *normal, shapes, 0, 256, *buffers())
            glow[i] += thrown / 4
    found = np.where(lamp_of[:, :1] == 0, factor_of[:, 0], 0.0)
    assert found.sum() == pytest.approx(wanted.sum(), rel=0.02)
    assert np.abs(found - wanted).sum() < 0.05 * wanted.sum()
    assert np.where(lamp_of[:, 0] == 0, glow_of[:, 0], 0.0).sum() == pytest.approx(glow.sum(), rel=0.05)
    assert not found[wanted.max(1) == 0.0].any()


@pytest.mark.parametrize("seed", range(4))
def test_no_texel_that_a_lamp_lights_is_left_out(seed: int) -> None:
    """Those in its reach by distance and cosine, against a look at all; lamps of all sizes, flat ones too."""
    random, voxels = np.random.default_rng(seed), room_with_pillars()
    surface = Surface(voxels)
    size = random.choice([0.05, 0.3, 1.5], 3) * random.uniform(0.5, 1.5, 3)
    centre, power = (
        random.uniform((1.0, 1.0, 0.6 + size[2] / 2), (7.0, 7.0, 5.0)),
        float(random.choice([0.5, 8.0, 60.0])),
    )
    box = lamps(((*centre,), 0.2, (power, power, power)))
    box = dataclasses.replace(box, size=size[None].astype(np.float32))
    shapes, look = lamp_shapes(box), LampTransport()
    look.update(shapes, voxels, surface, None)
    look.shine(surface.capacity, box.radiance)
    (found,) = look.lit
    assert found is not None
    texels = surface.alive()
    factor = np.empty((len(texels), 2), np.float32)
    coarse_factors(voxels, no_furniture(), surface.place, texels, shapes, 0, factor)
    lit = factor.any(1)
    np.testing.assert_array_equal(np.sort(found[0]), np.sort(texels[lit]))
    assert lit.any() and not lit.all()
