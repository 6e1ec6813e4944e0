"""Views: what pictures see, between ticks too, and nothing else."""

import dataclasses
import math

import numpy as np
import pytest

from engine.sim import actions
from engine.sim.extract import extract
from engine.sim.recording import run
from engine.sim.sky import sky_at
from engine.sim.step import step
from engine.sim.systems.player import EYE_M
from engine.state import snapshot
from engine.state.blueprint import Sky, Spawn
from engine.state.camera import Camera
from engine.state.commands import Command
from engine.state.daylight import clock_at
from engine.state.world import new_state
from tests.worlds_for_tests import LANTERN, PERSON, empty_world, lively_world


def test_bodies_lie_between_two_ticks_and_tell_their_motion() -> None:
    blueprint = lively_world()
    state = run(blueprint, new_state(blueprint, 1), 100)
    now, half, before = (extract(blueprint, state, alpha=a).bodies for a in (1.0, 0.5, 0.0))
    np.testing.assert_allclose(half.position, (now.position + before.position) / 2, atol=1e-6)
    np.testing.assert_allclose(now.previous_position, before.position, atol=1e-6)
    moving = np.abs(now.position - before.position).max(1) > 1e-4
    assert 2 <= moving.sum() < len(moving)
    np.testing.assert_array_equal(now.position[~moving], now.previous_position[~moving])
    for b in (now, half):
        np.testing.assert_allclose(b.position - b.previous_position, now.position - before.position, atol=1e-6)


def test_an_earlier_state_may_be_given_instead() -> None:
    blueprint = lively_world()
    state = run(blueprint, new_state(blueprint, 1), 100)
    earlier = snapshot.load(blueprint, snapshot.save(blueprint, state))
    step(blueprint, state)
    a, b = extract(blueprint, state, alpha=0.3), extract(blueprint, state, earlier, alpha=0.3)
    np.testing.assert_array_equal(a.bodies.position, b.bodies.position)
    np.testing.assert_array_equal(a.bodies.yaw, b.bodies.yaw)
    assert a.camera == b.camera
    actions.spawn(blueprint, state, "crate", (1.0, 1.0, 0.5))
    assert len(extract(blueprint, state, earlier, alpha=0.3).bodies.entity) == len(a.bodies.entity) + 1


def test_yaws_turn_the_short_way() -> None:
    blueprint = empty_world(spawns=(Spawn("p", PERSON, (4.0, 4.0, 0.5)),))
    state = new_state(blueprint)
    state.columns.previous_yaw[1], state.columns.yaw[1] = 3.1, -3.1
    yaw = float(extract(blueprint, state, alpha=0.5).bodies.yaw[0])
    assert math.cos(yaw) == pytest.approx(-1.0)


def test_the_player_sees_from_the_eye_and_teleports_without_a_swoosh() -> None:
    blueprint = empty_world()
    state = run(blueprint, new_state(blueprint), 10)
    view = extract(blueprint, state)
    assert view.camera.position == pytest.approx((8.0, 8.0, 0.5 + EYE_M), abs=0.005)
    step(blueprint, state, [Command(10, "teleport", {"position": [2.0, 3.0, 0.5], "yaw": 1.0, "pitch": 0.2})])
    for alpha in (0.0, 0.5, 1.0):
        camera = extract(blueprint, state, alpha=alpha).camera
        assert camera.position == pytest.approx((2.0, 3.0, 0.5 + EYE_M), abs=0.005)
        assert (camera.yaw, camera.pitch) == pytest.approx((1.0, 0.2))


def test_a_given_camera_is_used_as_it_is() -> None:
    blueprint = empty_world()
    camera, before = Camera((1.0, 2.0, 3.0), 0.5, 0.1), Camera((1.0, 2.0, 2.9), 0.5, 0.1)
    view = extract(blueprint, new_state(blueprint), camera=camera)
    assert view.camera is camera
    assert view.previous_camera is camera
    assert extract(blueprint, new_state(blueprint), camera=camera, previous_camera=before).previous_camera is before


def test_lamps_shine_with_what_they_are_given() -> None:
    lamp = Spawn("lamp", LANTERN, (4.0, 4.0, 0.5), math.pi / 2,
                 {"lamp_size": (0.2, 0.3, 0.4), "lamp_offset": (1.0, 0.0, 2.0), "lamp_colour": (1.0, 0.5, 0.25),
                  "lamp_power": 8.0})  # fmt: skip
    blueprint = empty_world(spawns=(lamp,))
    state = new_state(blueprint)
    entity = state.id_by_name["lamp"]
    lamps = extract(blueprint, state).lamps
    np.testing.assert_allclose(lamps.centre, [[4.0, 5.0, 2.5]], atol=1e-6)
    np.testing.assert_allclose(lamps.radiance, [[8.0, 4.0, 2.0]])
    actions.dim_lamp(blueprint, state, entity, 0.5)
    view = extract(blueprint, state)
    np.testing.assert_allclose(view.lamps.radiance, [[4.0, 2.0, 1.0]])
    np.testing.assert_allclose(view.lamps.full_radiance, [[8.0, 4.0, 2.0]])
    np.testing.assert_allclose(view.bodies.glow, [[4.0, 2.0, 1.0]])
    actions.set_lamp(blueprint, state, entity, False)
    view = extract(blueprint, state)
    assert not view.lamps.radiance.any()
    assert not view.bodies.glow.any()
    assert view.bodies.glows.tolist() == [1]


def test_the_grid_is_shared_and_read_only() -> None:
    blueprint = empty_world()
    state = new_state(blueprint)
    view = extract(blueprint, state)
    assert np.shares_memory(view.voxels.material, state.voxels.material)
    for array in (view.voxels.material, view.voxels.stamp):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0, 0] = 1


def test_poses_in_a_view_are_copies() -> None:
    blueprint = lively_world()
    state = run(blueprint, new_state(blueprint, 1), 100)
    view = extract(blueprint, state)
    kept = view.bodies.position.copy()
    run(blueprint, state, 10)
    np.testing.assert_array_equal(view.bodies.position, kept)


# --- the sky ----------------------------------------------------------------------------------------------------------

CLEAR = Sky(haze=0.0)


def test_the_sky_over_a_day_is_what_a_painter_would_expect() -> None:
    noon, evening, dusk, night = (sky_at(CLEAR, clock_at(h)) for h in (12.0, 18.0, 18.85, 23.0))
    assert noon.sun == pytest.approx((4.0, 3.7, 3.2), rel=0.02)
    assert noon.zenith == pytest.approx((0.25, 0.45, 0.95), rel=0.05)
    assert noon.exposure == pytest.approx(0.75, abs=0.03)
    assert evening.sun[0] > 1.8 * evening.sun[2] > 0.5  # golden
    assert not dusk.sun.any()
    assert dusk.glow[0] > 4 * dusk.glow[2]  # orange
    assert dusk.zenith[2] > 3 * dusk.zenith[0]  # deep blue
    assert not night.sun.any()
    assert not night.glow.any()
    assert night.exposure == pytest.approx(3.5, abs=0.05)
    assert night.zenith == pytest.approx(np.array(CLEAR.night) * 0.8, rel=1e-5)


@pytest.mark.parametrize("haze", [0.0, 0.25, 1.0])
def test_light_fades_smoothly_through_the_day(haze: float) -> None:
    skies = [sky_at(Sky(haze=haze), clock_at(m / 60)) for m in range(0, 24 * 60, 2)]
    for a, b in zip(skies, skies[1:], strict=False):
        assert abs(b.exposure / a.exposure - 1.0) < 0.05
        for name in ("sun", "zenith", "horizon", "glow", "ground"):
            p, q = getattr(a, name), getattr(b, name)
            assert np.abs(p - q).max() < 0.28, name
            assert (q >= 0.0).all()


def test_haze_dims_the_sun_and_whitens_the_sky() -> None:
    clear, hazy = sky_at(CLEAR, clock_at(12.0)), sky_at(Sky(haze=1.0), clock_at(12.0))
    assert hazy.sun.max() < 0.1 * clear.sun.max()
    assert np.ptp(hazy.zenith) < 0.5 * np.ptp(clear.zenith)


def test_the_sky_stands_still_within_two_minutes() -> None:
    a, b = (sky_at(CLEAR, clock_at(17.0) + s * 65536) for s in (1, 119))
    assert all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
    assert not np.array_equal(a.sun, sky_at(CLEAR, clock_at(17.0) + 121 * 65536).sun)


def test_a_world_may_open_the_camera_by_day_but_never_wider_than_at_night() -> None:
    for hour in (12.0, 23.0):
        plain = empty_world(start_hour=hour)
        wide = dataclasses.replace(plain, sky=dataclasses.replace(plain.sky, exposure=2.0))
        one, two = (extract(b, new_state(b)).sky.exposure for b in (plain, wide))
        assert two == pytest.approx(min(2 * one, 3.5))


def test_what_tumbles_is_turned_between_two_ticks_at_one_rate() -> None:
    spawn = Spawn("c", 1, (8.0, 4.0, 4.0), 0.4, {"density": 100.0, "angular_velocity": (6.0, 3.0, 0.0)})
    blueprint = empty_world(spawns=(spawn,))
    state = run(blueprint, new_state(blueprint, 1), 10)
    now, half, before = (extract(blueprint, state, alpha=a).bodies for a in (1.0, 0.5, 0.0))
    c = state.columns
    np.testing.assert_array_equal(now.orientation[0], c.orientation[1])
    np.testing.assert_allclose(before.orientation[0], c.previous_orientation[1], atol=1e-6)
    np.testing.assert_allclose(now.previous_orientation, before.orientation, atol=1e-6)

    def angle(a: np.ndarray, b: np.ndarray) -> float:
        return 2.0 * math.acos(min(1.0, abs(float((a[0].astype(float) * b[0].astype(float)).sum()))))

    whole = angle(before.orientation, now.orientation)
    assert whole == pytest.approx(math.hypot(6.0, 3.0) / 64, rel=0.05)
    assert angle(before.orientation, half.orientation) == pytest.approx(whole / 2, rel=1e-3)
    assert angle(half.previous_orientation, half.orientation) == pytest.approx(whole, rel=1e-3)
    assert np.linalg.norm(half.orientation, axis=1) == pytest.approx(1.0)
    assert not now.stands.any()
