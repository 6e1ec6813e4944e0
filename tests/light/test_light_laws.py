"""Light obeys physics: linear, bounded, dark where it must be, right where it is known."""

import dataclasses

import numpy as np
import pytest

from engine.light.cache import LightCache
from engine.light.formfactor import box_factors, lamp_shapes
from engine.light.lamps import LAMPS_PER_TEXEL, LampTransport, point_factor
from engine.light.trace import Voxels, occupied_bricks
from engine.view import Bodies, Lamps, View
from tests.light.scenes_for_light import closed_room, lamps, plaza, sky, view_of
from tests.worlds_for_tests import SHINE, box_prefab
from tests.worlds_for_tests import materials as dark_and_shining


def texel_light(view: View) -> tuple[np.ndarray, np.ndarray]:
    """(place [T, 4], e [T, 3]) of all texels: indirect plus the mean of the four lamp points."""
    cache = LightCache()
    cache.update(view)
    texels = cache.transport.surface.alive()
    indirect, lamp = cache.decode_texels(texels)
    place = cache.transport.surface.place[texels]
    order = np.lexsort(place.T)
    return place[order], (indirect + lamp.mean(1))[order]


def test_open_ground_sees_the_whole_sky() -> None:
    grid = np.zeros((48, 48, 16), np.uint8)
    grid[:, :, :2] = 1
    place, e = texel_light(view_of(grid, outside=sky(sun=0.0, blue=0.7)))
    up = place[:, 3] == 4
    assert up.sum() == 48 * 48
    np.testing.assert_allclose(e[up], 0.7, rtol=1e-4)


def test_a_closed_room_is_dark_at_noon() -> None:
    place, e = texel_light(view_of(closed_room(), outside=sky(sun=4.0, blue=1.0)))
    inside = ((place[:, :3] >= [11, 11, 3]) & (place[:, :3] <= [28, 28, 16])).all(1) & ~(
        (place[:, :3] < [10, 10, 2]) | (place[:, :3] > [29, 29, 17])
    ).any(1)
    faces_in = inside & _faces_inwards(place)
    assert faces_in.sum() > 500
    assert e[faces_in].max() < 0.01 * e[place[:, 3] == 4].mean()


def _faces_inwards(place: np.ndarray) -> np.ndarray:
    axis, sign = place[:, 3] // 2, 1 - 2 * (place[:, 3] % 2)
    front = place[:, :3].copy()
    front[np.arange(len(place)), axis] += sign
    return ((front >= [12, 12, 4]) & (front < [28, 28, 16])).all(1)


def test_sources_add() -> None:
    both = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((12.5, 3, 2.2), 0.3, (20, 20, 40)))
    none = dataclasses.replace(both, radiance=both.radiance * 0)
    first = dataclasses.replace(both, radiance=both.radiance * np.array([[1], [0]], np.float32))
    second = dataclasses.replace(both, radiance=both.radiance * np.array([[0], [1]], np.float32))
    night, day = sky(sun=0.0, blue=0.0), sky()
    total = texel_light(view_of(plaza(), both, day))[1]
    parts = [texel_light(view_of(plaza(), x, y))[1] for x, y in ((first, night), (second, night), (none, day))]
    np.testing.assert_allclose(total, sum(parts), rtol=1e-3, atol=1e-5)


def test_a_red_and_a_blue_lamp_swap_channels_and_twice_the_power_is_twice_the_light() -> None:
    grid = plaza()
    grid[grid == 2] = 1  # no coloured walls: channels must be alike
    night = sky(sun=0.0, blue=0.0)

    def lit(radiance: tuple[float, float, float], full: float = 60.0) -> np.ndarray:
        lamp = lamps(((5, 4.5, 2.5), 0.3, radiance))
        lamp = dataclasses.replace(lamp, full_radiance=np.full((1, 3), full, np.float32))
        return texel_light(view_of(grid, lamp, night))[1]

    red = lit((30, 2, 1))
    np.testing.assert_array_equal(red, lit((1, 2, 30))[:, ::-1])
    np.testing.assert_allclose(lit((60, 4, 2)), 2 * red, rtol=1e-5)


def test_a_wall_stops_a_lamp() -> None:
    night = sky(sun=0.0, blue=0.0)
    lamp = lamps(((5.0, 5.0, 2.2), 0.3, (40, 40, 40)))
    walled, free = closed_room(), np.zeros((48, 48, 32), np.uint8)
    free[:, :, :2] = 1
    place, shut = texel_light(view_of(walled, lamp, night))
    floor, open_ = texel_light(view_of(free, lamp, night))
    far = (place[:, 3] == 4) & (place[:, 2] == 1) & (place[:, 0] > 34) & (place[:, 0] < 40)
    also = (floor[:, 3] == 4) & (floor[:, 0] > 34) & (floor[:, 0] < 40)
    assert far.sum() > 100
    assert shut[far].mean() < 0.02 * open_[also].mean()


@pytest.mark.parametrize("height", [0.6, 2.0])
def test_form_factor_against_sampling(height: float) -> None:
    """A box above a tilted point, by two million directions."""
    low, high = np.array([0.3, -0.2, height]), np.array([0.7, 0.3, height + 0.4])
    normal = np.array([0.36, 0.48, 0.8])
    factor, corner, buffer = np.empty(6), np.empty((4, 3)), np.empty((10, 3))
    exact = box_factors(0.0, 0.0, 0.0, *normal, low, high, factor, corner, buffer)
    random = np.random.default_rng(0)
    d = random.normal(size=(2_000_000, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        a, b = low / d, high / d
    hit = np.minimum(a, b).max(1) <= np.maximum(a, b).min(1)
    cosine = np.maximum(d @ normal, 0)
    sampled = 4 * (cosine * hit * (d[:, 2] > 0)).mean()  # mean over the sphere; (1 / pi) integral cos = 4 mean
    assert exact == pytest.approx(sampled, rel=0.02)


def test_a_lamp_through_a_half_open_gap_is_half_seen() -> None:
    grid = np.zeros((32, 32, 32), np.uint8)
    grid[:, :16, 16] = 1  # a ceiling over one half
    voxels = Voxels(grid, occupied_bricks(grid))
    shapes = lamp_shapes(lamps(((4.0, 4.0, 6.1), 0.2, (50.0, 50.0, 50.0))))
    buffers = np.empty(6), np.empty((4, 3)), np.empty((10, 3))
    seen = [
        point_factor(voxels, 4.0, y, 2.0, 0.0, 0.0, 1.0, shapes, 0, 0.3, *buffers)
        / box_factors(4.0, y, 2.0, 0.0, 0.0, 1.0, shapes.low[0], shapes.high[0], *buffers)
        for y in (3.0, 3.99, 5.0)
    ]
    assert seen[0] == 0.0
    assert 0.2 < seen[1] < 0.8
    assert seen[2] == pytest.approx(1.0, rel=0.01)


def test_no_lamps_is_no_light() -> None:
    empty = Lamps(*(np.zeros(s, np.float32) for s in ((0,), (0, 3), (0, 3), (0, 3), (0, 3))))  # type: ignore[arg-type]
    transport = LampTransport()
    grid = plaza()
    transport.update(lamp_shapes(empty), Voxels(grid, occupied_bricks(grid)), np.zeros((5, 4), np.int32), None)
    assert not transport.direct(5, empty.radiance).any()


def test_more_lamps_than_a_texel_keeps_drops_the_faintest() -> None:
    grid = np.zeros((48, 48, 16), np.uint8)
    grid[:, :, :2] = 1
    boxes = [((1.125 + 0.5 * i, 6.125, 2.5), 0.2, (8.0, 8.0, 8.0)) for i in range(LAMPS_PER_TEXEL + 4)]
    cache = LightCache()
    cache.update(view_of(grid, lamps(*boxes), sky(sun=0.0, blue=0.0)))
    texels = cache.transport.surface.alive()
    _, e = cache.decode_texels(texels)
    at = {tuple(p): i for i, p in enumerate(cache.transport.surface.place[texels].tolist())}
    under_last = e[at[(4 + 2 * 19, 24, 1, 4)]].mean()
    under_first = e[at[(4, 24, 1, 4)]].mean()
    assert under_last == pytest.approx(under_first, rel=0.05)


def test_the_cap_of_a_lantern_shades_what_is_above_it() -> None:
    """A cap over the lamp, and glass around it that does not count."""
    centre = (3.0, 3.0, 2.0)
    box = box_prefab("lantern", (0.25, 0.25, 0.02))
    glass = dataclasses.replace(box, material=np.full_like(box.material, SHINE))
    two = dataclasses.replace(
        box,
        position=np.concatenate([box.position, glass.position]),
        material=np.concatenate([box.material, glass.material]),
        part=np.concatenate([box.part, glass.part + 1]),
        part_low=np.array([[-0.25, -0.25, 0.35], [-0.1, -0.1, -0.1]], np.float32),
        part_high=np.array([[0.25, 0.25, 0.4], [0.1, 0.1, 0.1]], np.float32),
    )
    one = np.ones(1, np.float32)
    at = np.array([centre], np.float32)
    bodies = Bodies(
        np.zeros(1, np.uint32), np.zeros(1, np.int32), at, 0 * one, at, 0 * one, 0 * at, np.ones(1, np.uint8)
    )  # fmt: skip
    shapes = lamp_shapes(lamps((centre, 0.2, (40.0, 40.0, 40.0))), bodies, (two,), dark_and_shining().emission)
    assert len(shapes.shade) == 1
    grid = np.zeros((24, 24, 24), np.uint8)
    voxels = Voxels(grid, np.ones((3, 3, 3), np.bool_))
    buffers = np.empty(6), np.empty((4, 3)), np.empty((10, 3))
    above = point_factor(voxels, 3.0, 3.0, 4.0, 0.0, 0.0, -1.0, shapes, 0, 0.3, *buffers)
    below = point_factor(voxels, 3.0, 3.0, 0.1, 0.0, 0.0, 1.0, shapes, 0, 0.3, *buffers)
    assert above == 0.0 and below > 0.0
