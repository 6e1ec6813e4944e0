"""What moves keeps light away as what stands does, roughly, and leaves no trace when it has gone by."""

import dataclasses
import math

import numpy as np
import pytest

from engine.light import shade
from engine.light.cache import LightCache
from engine.light.movers import Cast
from engine.light.shade import AMBIENT_M, ball_share
from engine.light.shafts import SHAFT
from tests.light.scenes_for_light import (
    lamps,
    moving,
    open_ground,
    plain_network,
    random_network,
    sky,
    view_of,
    with_crates,
)
from tests.light.test_cache import LAMPS, assert_same, fresh, light_by_place, plaza, warm

LEGS = ((-0.6, -0.4), (0.5, -0.4), (-0.6, 0.3), (0.5, 0.3))
NIGHT = dataclasses.replace(sky(sun=0.0, blue=0.0), ground=np.zeros(3, np.float32))


def cosine_rays(n: int = 4000) -> np.ndarray:
    """Unit directions [n, 3] around +z by the cosine law."""
    k = np.arange(n) + 0.5
    r, turn = np.sqrt(k / n), 2.0 * math.pi * k * 0.6180339887498949
    return np.stack([r * np.cos(turn), r * np.sin(turn), np.sqrt(1.0 - r * r)], 1)


@pytest.mark.parametrize("middle", [(0, 0, 2), (1, 0.5, 1), (1.5, 0, 0.2), (1, 1, 0), (0.8, 0, -0.2), (0.3, 0, -1)])
@pytest.mark.parametrize("radius", [0.25, 0.6])
def test_a_ball_fills_what_rays_say(middle: tuple[float, float, float], radius: float) -> None:
    towards = np.array(middle, np.float64)
    rays = cosine_rays(40_000)
    along = rays @ towards
    met = (along > 0) & ((towards @ towards) - along**2 < radius * radius)
    assert ball_share(*towards, radius**2, 0.0, 0.0, 1.0) == pytest.approx(met.mean(), abs=3e-3)


@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_shadows_of_lamps_are_those_of_furniture(yaw: float) -> None:
    at = (6.0, 6.2, 0.5)
    empty = view_of(open_ground(), lamps(((4.5, 5.0, 3.0), 0.3, (40, 30, 20))), NIGHT)
    stands, moves, none = (fresh(v) for v in (with_crates(empty, at, yaw=yaw), moving(empty, at, yaw=yaw), empty))
    texels = none.transport.surface.alive()
    light_by_place(moves)
    found_shade = moves.decoded.shade
    place = none.transport.surface.place[texels]
    beside = (np.abs(place[:, :2] * 0.25 + 0.125 - at[:2]).max(1) > 0.7) & (place[:, 2] == 1)
    wanted = (none.decode_texels(texels)[1] - stands.decode_texels(texels)[1])[beside]
    found = np.zeros((len(moves.transport.surface.place), 4, 3), np.float32)
    found[found_shade.texels] = found_shade.lost
    assert wanted.sum() > 1.0
    assert np.abs(found[texels][beside] - wanted).sum() < 0.1 * wanted.sum()


def test_a_body_fills_of_a_view_what_rays_to_its_box_say() -> None:
    at = np.array((6.0, 6.0, 0.5))
    cache = fresh(moving(view_of(open_ground(), outside=NIGHT), tuple(at)))
    light_by_place(cache)
    kept, place, taken = cache.decoded.shade, cache.transport.surface.place, 1.0 - cache._movers.taken[0]
    assert 0.3 < taken < 0.7  # the stone's albedo
    found, wanted, rays = [], [], cosine_rays()
    low, high = at - (0.4, 0.4, 0.0), at + (0.4, 0.4, 0.8)
    for texel, left in zip(kept.texels, kept.left, strict=True):
        centre = (place[texel, :3] + (0.5, 0.5, 1.0)) * 0.25
        gap = np.maximum(np.maximum(low - centre, centre - high), 0.0)
        if place[texel, 3] != 4 or not 0.1 < np.hypot(*gap[:2]) < AMBIENT_M / 2:
            continue
        with np.errstate(divide="ignore"):
            a, b = (low - centre) / rays, (high - centre) / rays
        near, far = np.minimum(a, b).max(1), np.maximum(a, b).min(1)
        found.append(1.0 - left.mean())
        wanted.append((near <= far)[far > 0].sum() / len(rays) * (1.0 - taken))
    assert len(found) > 20
    assert np.abs(np.array(found) - wanted).max() < 0.08
    assert np.mean(found) == pytest.approx(np.mean(wanted), rel=0.2)


def test_what_goes_by_leaves_no_trace() -> None:
    view, random = view_of(plaza(), LAMPS), np.random.default_rng(2)
    cache = warm(view)
    for k in range(6):
        places = random.uniform([1, 1, 0.5], [15, 15, 0.6], (k % 3, 3))
        view = moving(view, *places, yaw=float(random.uniform(0, 3)))
        cache.update(view)
        if k % 2:  # else only a few pages are seen
            keys = cache.transport.surface.keys()
            cache.decode(random.choice(keys, 30, replace=False).astype(np.int32))
        else:
            assert_same(cache, fresh(view))


def test_pools_that_hold_next_to_nothing_give_the_same_light() -> None:
    view = moving(view_of(plaza(), LAMPS), (12.0, 6.0, 0.5), (5.0, 12.0, 0.5))
    small, random = LightCache(random_network(), budget_bytes=1), np.random.default_rng(4)
    wanted, width = light_by_place(fresh(view)), 18
    for step in range(4):
        moved = dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, position=view.bodies.position + step))
        small.update(moved)
        small.decode(random.choice(wanted["keys"], 12, replace=False).astype(np.int32))
    small.update(view)
    for keys in np.array_split(random.permutation(wanted["keys"]), 40):
        small.decode(keys)
        for slot, light in zip(small.slots(keys), wanted["light"][np.searchsorted(wanted["keys"], keys)], strict=True):
            band, x = slot // 56, slot % 56 * width
            np.testing.assert_array_equal(small.atlas[band, :, x : x + width], light)


def test_who_is_not_listed_for_a_page_keeps_nothing_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against every page asked about every body and every lamp before it: the slow way."""
    view = moving(view_of(plaza(), LAMPS), (12.0, 6.0, 0.5), (5.0, 12.0, 0.5), (6.5, 5.0, 0.5), yaw=0.4)
    listed = fresh(view)
    light = light_by_place(listed)["light"]

    def everything(*arguments: np.ndarray) -> None:
        for mask in arguments[-2:]:
            mask[:] = (1 << len(view.bodies.entity)) - 1

    near, before = listed.decoded.shade._near != 0, listed.decoded.shade._before != 0
    assert near.any() and near.mean() < 0.5 and before.any() and before.mean() < 0.5
    monkeypatch.setattr(shade, "_find_near", everything)
    slow = fresh(view)
    np.testing.assert_array_equal(light_by_place(slow)["light"], light)
    np.testing.assert_array_equal(slow.decoded.shade.lost, listed.decoded.shade.lost)
    np.testing.assert_array_equal(slow.decoded.shade.left, listed.decoded.shade.left)
    assert slow.decoded.shade.lost.any()
    assert (slow.decoded.shade._before != 0).all()


def test_a_crowd_of_more_than_a_word_of_a_mask_is_the_same_light_whatever_came_before() -> None:
    view = view_of(plaza(), LAMPS)
    crowd = [(11.0 + 0.2 * (k % 9), 4.0 + 0.2 * (k // 9), 0.5) for k in range(81)]
    cache = warm(moving(view, *crowd[:3]))
    crowded = moving(view, *crowd)
    cache.update(crowded)
    assert_same(cache, fresh(crowded))
    assert cache.decoded.shade._near[:, 1].any(), "the second word"
    cache.update(view)
    assert_same(cache, fresh(view))


def test_nothing_is_done_where_all_rests() -> None:
    view = moving(view_of(plaza(), LAMPS), (12.0, 6.0, 0.5))
    cache = warm(view)
    at_rest = cache._movers
    cache.take_dirty_slots()
    for tick in (5, 6, 7):
        cache.update(dataclasses.replace(view, tick=tick))
        light_by_place(cache)
        assert cache._movers is at_rest
        assert not len(cache.take_dirty_slots())


def test_light_stays_linear_in_what_lamps_shed() -> None:
    """Which shadows are seen is a question of a lamp's full power, never of how bright it is now."""
    view = moving(view_of(plaza(), LAMPS, NIGHT), (13.0, 5.0, 0.5), (6.0, 6.0, 0.5))

    def lit(*share: float) -> np.ndarray:
        radiance = LAMPS.full_radiance * np.array(share, np.float32)[:, None]
        cache = LightCache(plain_network())
        cache.update(dataclasses.replace(view, lamps=dataclasses.replace(LAMPS, radiance=radiance)))
        return light_by_place(cache)["light"][..., :3]

    both, one, other = lit(0.01, 1.0), lit(0.01, 0.0), lit(0.0, 1.0)
    np.testing.assert_allclose(both, one + other, rtol=4e-3, atol=2e-3 * both.max())


def test_a_body_keeps_nothing_of_its_own_lamp() -> None:
    own = dataclasses.replace(LAMPS, entity=np.array([100, 1], np.uint32))
    view = moving(view_of(plaza(), own, NIGHT), (5.0, 4.5, 1.5))
    alone = dataclasses.replace(view, lamps=dataclasses.replace(own, radiance=own.radiance * [[1], [0]]))
    cache = fresh(alone)
    light_by_place(cache)
    assert not cache.decoded.shade.lost.any()


@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_parts_out_of_a_shaft_are_in_the_way_of_no_ray(yaw: float) -> None:
    """Against rays from all over a face to all over a lamp's box, asked in the world and not in the body's frame."""
    turn = np.array([[0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)]], np.float32)
    view = moving(view_of(open_ground()), (6.0, 6.0, 0.5))
    crate = Cast().of(dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, orientation=turn)))
    table = np.array(
        [[(-0.6, -0.4, 0.7), (0.6, 0.4, 0.75)]] + [[(x, y, 0.0), (x + 0.1, y + 0.1, 0.7)] for x, y in LEGS]
    )
    body = crate._replace(
        part=np.moveaxis(table, 0, 2).copy(), first_part=np.array([0, 5], np.int32), body=np.zeros(5, np.int32)
    )
    random, n_blocked, n_left = np.random.default_rng(1), 0, 0
    shaft, stands = np.empty(SHAFT), np.empty(5, np.bool_)
    parts, one, o, d = np.empty(6, np.int32), np.empty(1, np.int32), np.empty(3), np.empty(3)
    for _ in range(600):
        p, half = random.uniform([4, 4, 0.5], [8, 8, 0.6]), np.array([0.0625, 0.0625, 0.0])
        low = random.uniform([3, 3, 1], [9, 9, 4])
        high = low + 0.3
        face, lamp_box = shade._frames(body, low[None], high[None])
        found = shade._parts_in_shaft(body, 0, p, face[0, 2], lamp_box[0, 0], o, shaft, stands, parts, 0)
        kept = parts[:found].tolist()
        n_left += 5 - len(kept)
        for part in set(range(5)) - set(kept):
            one[0] = part
            for _ in range(20):
                q, target = p + half * random.uniform(-1, 1, 3), low + (high - low) * random.random(3)
                assert not shade._is_blocked(body, one, 1, q, *target, o, d)
        n_blocked += shade._is_blocked(body, parts, len(kept), p, *(low + high) / 2, o, d)
    assert n_blocked > 20 and n_left > 600, (n_blocked, n_left)


def test_differing_are_texels_on_which_what_is_kept_away_is_not_the_same() -> None:
    random = np.random.default_rng(6)
    for n, m in ((0, 0), (0, 5), (7, 0), (60, 40), (300, 300)):
        one, other = (np.sort(random.choice(500, k, replace=False)).astype(np.int32) for k in (n, m))
        shades = [
            (t, *(random.integers(1, 3, (len(t), *s)).astype(np.float32) for s in ((1, 1), (1,)))) for t in (one, other)
        ]
        found = np.empty(n + m, np.int32)
        count = shade._differing(*shades[0], *shades[1], found)
        first, second = ({t: (a.tolist(), b.tolist()) for t, a, b in zip(*some, strict=True)} for some in shades)
        wanted = [t for t in range(500) if first.get(t) != second.get(t)]
        assert found[:count].tolist() == wanted
