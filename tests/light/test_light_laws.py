"""Light obeys physics: linear, bounded, dark where it must be, right where it is known."""

import dataclasses

import numpy as np
import pytest

from engine.light.cache import LightCache
from engine.light.fixtures import lamp_shapes
from engine.light.formfactor import box_factors
from engine.light.furniture import no_furniture
from engine.light.keeping import KEPT_BITS
from engine.light.lamps import LAMPS_PER_TEXEL, LampTransport, point_factor
from engine.light.network import Network
from engine.light.surface import Surface
from engine.light.trace import voxels_of
from engine.script import prefabs
from engine.view import Bodies, Lamps, View
from tests.light.scenes_for_light import (
    closed_room,
    even_sky,
    lamps,
    open_ground,
    plain_network,
    plaza,
    random_network,
    sky,
    view_of,
    with_crates,
)
from tests.worlds_for_tests import SHINE
from tests.worlds_for_tests import materials as dark_and_shining

NIGHT = sky(sun=0.0, blue=0.0)
# Laws hold for any network that keeps light; linearity for any network at all.
SOUND = pytest.mark.parametrize("network", [None, plain_network()], ids=["classical", "gathered"])
ANY = pytest.mark.parametrize("network", [None, random_network()], ids=["classical", "random"])


def texel_light(view: View, network: Network | None) -> tuple[np.ndarray, np.ndarray]:
    """(place [T, 4], e [T, 3]) of all texels: indirect plus the mean of the four lamp points."""
    cache = LightCache(network)
    cache.update(view)
    texels = cache.transport.surface.alive()
    indirect, lamp = cache.decode_texels(texels)
    place = cache.transport.surface.place[texels]
    order = np.lexsort(place.T)
    return place[order], (indirect + lamp.mean(1))[order]


def painted(view: View, albedo: float, emission: float = 0.0) -> View:
    """The view with all materials of one albedo and emission."""
    colour, shine = np.full((4, 3), albedo, np.float32), np.full((4, 3), emission, np.float32)
    return dataclasses.replace(view, materials=dataclasses.replace(view.materials, albedo=colour, emission=shine))


def faces_inwards(place: np.ndarray) -> np.ndarray:
    """Which texels are the inside of `closed_room`."""
    axis, sign = place[:, 3] // 2, 1 - 2 * (place[:, 3] % 2)
    front = place[:, :3].copy()
    front[np.arange(len(place)), axis] += sign
    return ((front >= [12, 12, 4]) & (front < [28, 28, 16])).all(1)


@SOUND
def test_open_ground_sees_the_whole_sky(network: Network | None) -> None:
    place, e = texel_light(view_of(open_ground(), outside=sky(sun=0.0, blue=0.7)), network)
    up = place[:, 3] == 4
    assert up.sum() == 48 * 48
    np.testing.assert_allclose(e[up], 0.7, rtol=1e-5)


@SOUND
def test_white_furnace_over_a_plain(network: Network | None) -> None:
    """Whatever lies in light that is the same from everywhere is as bright as it."""
    _, e = texel_light(painted(view_of(open_ground(), outside=even_sky(1.0)), 0.98), network)
    np.testing.assert_allclose(e, 1.0, rtol=0.05)


@SOUND
def test_furnace_in_a_closed_room_that_shines(network: Network | None) -> None:
    """Emission E and albedo a everywhere: radiance E / (1 - a), of which all passes together leave a^8 out."""
    place, e = texel_light(painted(view_of(closed_room(), outside=NIGHT), 0.5, 1.0), network)
    np.testing.assert_allclose(1 + 0.5 * e[faces_inwards(place)], 2.0, rtol=0.05)


@SOUND
def test_white_furnace_in_a_court_of_white_walls(network: Network | None) -> None:
    """Walls that keep all light change nothing under an even sky."""
    court = open_ground()
    court[16:32, 16:32, 2:10] = 3
    court[18:30, 18:30, 2:10] = 0
    place, e = texel_light(painted(view_of(court, outside=even_sky(1.0)), 1.0), network)
    inside = ((place[:, :3] >= [17, 17, 1]) & (place[:, :3] <= [30, 30, 9])).all(1)
    np.testing.assert_allclose(e[inside], 1.0, rtol=0.05)


@SOUND
def test_a_closed_room_is_dark_at_noon(network: Network | None) -> None:
    place, e = texel_light(view_of(closed_room(), outside=sky(sun=4.0, blue=1.0)), network)
    inside = faces_inwards(place)
    assert inside.sum() > 500
    assert e[inside].max() < 0.01 * e[place[:, 3] == 4].mean()


@ANY
def test_sources_add(network: Network | None) -> None:
    both = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((12.5, 3, 2.2), 0.3, (20, 20, 40)))
    none = dataclasses.replace(both, radiance=both.radiance * 0)
    first = dataclasses.replace(both, radiance=both.radiance * np.array([[1], [0]], np.float32))
    second = dataclasses.replace(both, radiance=both.radiance * np.array([[0], [1]], np.float32))
    parts = ((first, NIGHT), (second, NIGHT), (none, sky()))
    crates = ((11.0, 4.5, 0.5), (6.0, 6.0, 0.5))
    total = texel_light(with_crates(view_of(plaza(), both, sky()), *crates), network)[1]
    each = [texel_light(with_crates(view_of(plaza(), x, y), *crates), network)[1] for x, y in parts]
    assert np.abs(total).mean() > 0.05
    # Light is rounded between passes, and a random network takes near light from far: what is left may be small.
    rounding = 2.0**-KEPT_BITS
    apart = np.abs(total - sum(each)) - rounding / 2 * np.abs(total).max(-1, keepdims=True)
    bound = (1e-4 if network is None else rounding) * np.abs(total).mean()
    assert (apart <= bound).mean() >= (1.0 if network is None else 0.9995) and apart.max() <= 1.5 * bound


@ANY
def test_a_red_and_a_blue_lamp_swap_channels_and_twice_the_power_is_twice_the_light(network: Network | None) -> None:
    grid = plaza()
    grid[grid == 2] = 1  # no coloured walls: channels must be alike

    def lit(radiance: tuple[float, float, float], full: float = 60.0) -> np.ndarray:
        lamp = lamps(((5, 4.5, 2.5), 0.3, radiance))
        lamp = dataclasses.replace(lamp, full_radiance=np.full((1, 3), full, np.float32))
        return texel_light(view_of(grid, lamp, NIGHT), network)[1]

    red = lit((30, 2, 1))
    np.testing.assert_array_equal(red, lit((1, 2, 30))[:, ::-1])
    np.testing.assert_allclose(lit((60, 4, 2)), 2 * red, rtol=1e-5, atol=1e-6)


@SOUND
def test_a_wall_stops_a_lamp(network: Network | None) -> None:
    """A lamp in a closed room, against the same lamp in the open."""
    lamp = lamps(((5.0, 5.0, 2.2), 0.3, (40, 40, 40)))
    place, shut = texel_light(view_of(closed_room(), lamp, NIGHT), network)
    floor, open_ = texel_light(view_of(open_ground(), lamp, NIGHT), network)
    far = (place[:, 3] == 4) & (place[:, 2] == 1) & (place[:, 0] > 34) & (place[:, 0] < 40)
    also = (floor[:, 3] == 4) & (floor[:, 0] > 34) & (floor[:, 0] < 40)
    assert far.sum() > 100
    assert shut[far].mean() < 0.02 * open_[also].mean()


@SOUND
def test_a_free_wall_of_half_a_metre_leaks_little(network: Network | None) -> None:
    """Behind a long wall that stands in the open nothing faces what the lamp lights: all light there has leaked."""
    lamp = lamps(((6.0, 6.0, 2.0), 0.3, (40, 40, 40)))
    grid = open_ground()
    grid[32:34, :, 2:] = 1  # from border to border, up to the top of the world
    place, e = texel_light(view_of(grid, lamp, NIGHT), network)
    floor, free = texel_light(view_of(open_ground(), lamp, NIGHT), network)
    behind, there = (place[:, 0] >= 34) & (place[:, 3] == 4), (floor[:, 0] >= 34)
    assert behind.sum() == there.sum() > 500
    assert free[there].mean() > 1e-3
    assert e[behind].mean() < 0.02 * free[there].mean()


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
    voxels = voxels_of(grid)
    shapes = lamp_shapes(lamps(((4.0, 4.0, 6.1), 0.2, (50.0, 50.0, 50.0))))
    buffers = np.empty(6), np.empty((4, 3)), np.empty((10, 3))
    seen = [
        point_factor(voxels, no_furniture(), 4.0, y, 2.0, 0.0, 0.0, 1.0, shapes, 0, 32, *buffers)[0]
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
    voxels = voxels_of(grid)
    transport.update(lamp_shapes(empty), voxels, Surface(voxels), None)
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
    cap = prefabs.box((-0.25, -0.25, 0.35), (0.25, 0.25, 0.4), 1)
    two = prefabs.assemble("lantern", [cap, prefabs.box((-0.1, -0.1, -0.1), (0.1, 0.1, 0.1), SHINE)])
    one = np.ones(1, np.float32)
    at = np.array([centre], np.float32)
    bodies = Bodies(
        np.zeros(1, np.uint32), np.zeros(1, np.int32), at, 0 * one, at, 0 * one, 0 * at, np.ones(1, np.uint8)
    )  # fmt: skip
    shapes = lamp_shapes(lamps((centre, 0.2, (40.0, 40.0, 40.0))), bodies, (two,), dark_and_shining())
    assert len(shapes.shade_box) == 1
    grid = np.zeros((24, 24, 24), np.uint8)
    voxels = voxels_of(grid)
    buffers = np.empty(6), np.empty((4, 3)), np.empty((10, 3))
    above = point_factor(voxels, no_furniture(), 3.0, 3.0, 4.0, 0.0, 0.0, -1.0, shapes, 0, 32, *buffers)[0]
    below = point_factor(voxels, no_furniture(), 3.0, 3.0, 0.1, 0.0, 0.0, 1.0, shapes, 0, 32, *buffers)[0]
    assert above == 0.0 and below > 0.0
