"""Weather over the day: keys, what lies between them, and that pictures follow the state."""

from pathlib import Path

import pytest

from engine.core.errors import WorldFileError
from engine.sim.extract import extract
from engine.state import daylight
from engine.state.world import new_state
from tests.script.authoring import loaded

WEATHER = """
sky(at = "6:00", fog = 0.04, haze = 0.9)
sky(at = 10, fog = 0.0, haze = 0.1, exposure = 2)
sky(at = 20, haze = 0.5, night = (0.1, 0, 0))
"""


@pytest.mark.parametrize(
    ("hour", "fog", "haze", "exposure"),
    [
        (6.0, 0.04, 0.9, 1.0),
        (8.0, 0.02, 0.5, 1.5),
        (10.0, 0.0, 0.1, 2.0),
        (15.0, 0.0, 0.3, 1.5),
        (1.0, 0.02, 0.7, 1.0),  # half-way from 20 to 6 of the next day
        (5.99, 0.03987, 0.8987, 1.0),
    ],
)
def test_weather_changes_evenly_between_its_hours(
    tmp_path: Path, hour: float, fog: float, haze: float, exposure: float
) -> None:
    blueprint = loaded(tmp_path, WEATHER).blueprint
    sky = daylight.sky_of(blueprint, daylight.clock_at(hour))
    assert (sky.fog_density, sky.haze, sky.exposure) == pytest.approx((fog, haze, exposure), abs=1e-4)


def test_pictures_have_the_weather_of_the_states_hour(tmp_path: Path) -> None:
    blueprint = loaded(tmp_path, WEATHER).blueprint
    state = new_state(blueprint)
    fogs = []
    for hour in (6.0, 8.0, 32.0):
        state.clock = daylight.clock_at(hour)
        fogs.append(extract(blueprint, state).sky.fog_density)
    assert fogs == pytest.approx([0.04, 0.02, 0.02])


def test_it_moves_in_the_steps_of_the_sun(tmp_path: Path) -> None:
    blueprint = loaded(tmp_path, WEATHER).blueprint
    clock, step = daylight.clock_at(8.0), daylight.SUN_STEP
    assert daylight.sky_of(blueprint, clock + 1) == daylight.sky_of(blueprint, clock + step - 1)
    assert daylight.sky_of(blueprint, clock + step) != daylight.sky_of(blueprint, clock)


def test_one_key_is_the_weather_of_the_whole_day(tmp_path: Path) -> None:
    blueprint = loaded(tmp_path, "sky(at = 7, fog = 0.1)").blueprint
    assert {daylight.sky_of(blueprint, daylight.clock_at(h)).fog_density for h in (0, 7, 12, 23.9)} == {0.1}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("sky(at = 25, fog = 0.1)", "at must lie between 0 and 24, not 25"),
        ('sky(at = "7.30", fog = 0.1)', 'at must be an hour such as 18.5 or "18:30"'),
        ('sky(at = "24:30", fog = 0.1)', "between 0 and 24"),
        ("sky(at = 7)", "needs something that it changes"),
        ("sky(at = 7, haze = 2)", "haze must lie between 0 and 1"),
        ("sky(at = 7, haze = 1)\nsky(at = '7:00', haze = 0)", "is said twice"),
        ("sky(at = 7, fgo = 1)", "takes no argument 'fgo'; did you mean 'fog'?"),
    ],
)
def test_a_wrong_sky_is_answered(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(WorldFileError) as caught:
        loaded(tmp_path, line)
    assert why in caught.value.message
