"""The games in worlds/ are played by commands alone, from their first tick to their ending."""

import math
from collections.abc import Callable

import pytest

from engine.core.units import TICK_HZ
from engine.script.worldfile import load
from engine.sim import actions
from engine.sim.step import step
from engine.sim.systems.player import EYE_M
from engine.state import daylight
from engine.state.commands import Command
from engine.state.story import standings
from engine.state.world import new_state

Point = tuple[float, float, float]


class Game:
    """A world that is being played."""

    def __init__(self, name: str) -> None:
        self.world = load(name)
        self.state = new_state(self.world.blueprint, 7)

    def step(self, *commands: tuple[str, dict[str, object]]) -> None:
        orders = [Command(self.state.tick, kind, args) for kind, args in commands]
        step(self.world.blueprint, self.state, orders, self.world.script)

    def use(self, thing: str, stand: Point, height: float) -> None:
        """The player stands somewhere, faces a thing at some height (m) above its origin and uses it."""
        x, y, z = self.position(thing)
        dx, dy, dz = x - stand[0], y - stand[1], z + height - stand[2] - EYE_M
        yaw, pitch = math.atan2(dy, dx), math.atan2(dz, math.hypot(dx, dy))
        self.step(("teleport", {"position": stand, "yaw": yaw, "pitch": pitch}), ("use", {}))
        self.wait(lambda: False, 0.1)

    def wait(self, until: Callable[[], bool], at_most_s: float) -> bool:
        """Lets the world go on until something has happened; whether it has."""
        for _ in range(int(at_most_s * TICK_HZ)):
            if until():
                return True
            self.step()
        return until()

    def walk(self, seconds: float) -> None:
        self.step(("move", {"forward": 1.0}))
        self.wait(lambda: False, seconds)
        self.step(("move", {}))

    def walk_to(self, x: float, y: float) -> None:
        """The player walks straight to a point; the test fails where something is in the way."""

        def is_there() -> bool:
            px, py, _ = self.state.columns.position[0].tolist()
            return math.hypot(x - px, y - py) < 0.3

        px, py, pz = self.state.columns.position[0].tolist()
        self.step(("teleport", {"position": (px, py, pz), "yaw": math.atan2(y - py, x - px), "pitch": 0.0}))
        self.step(("move", {"forward": 1.0}))
        assert self.wait(is_there, 15), f"on the way to {x, y} stuck at {self.state.columns.position[0].round(2)}"
        self.step(("move", {}))

    def reached(self) -> set[str]:
        return {s.goal.name for s in standings(self.world.blueprint, self.state.story) if s.is_reached}

    def position(self, name: str) -> Point:
        x, y, z = actions.position_of(self.world.blueprint, self.state, self.state.id_by_name[name])
        return float(x), float(y), float(z)

    def hour(self) -> float:
        return daylight.hour_of(self.state.clock)

    def lamp_is_on(self, name: str) -> bool:
        return actions.lamp_is_on(self.world.blueprint, self.state, self.state.id_by_name[name])

    def has_ended(self) -> bool:
        return self.state.story.ending is not None

    def ending(self) -> tuple[str, bool]:
        assert not self.state.disabled, "no handler has failed"
        assert self.state.story.ending is not None, f"goals reached: {self.reached()}"
        return self.state.story.ending.title, self.state.story.ending.won


LANTERNS: list[Point] = [
    (6.75, 10.25, 1.0),
    (38.0, 8.25, 1.0),
    (36.5, 17.5, 1.0),
    (8.0, 34.75, 3.25),
    (35.5, 35.25, 1.0),
    (13.0, 30.0, 1.0),
    (24.5, 39.0, 1.0),
]


def test_seven_lanterns_wake_the_garden() -> None:
    game = Game("lanterns")
    for i, stand in enumerate(LANTERNS, 1):
        game.use(f"lantern {i}", stand, 1.0)
        assert game.lamp_is_on(f"lantern {i}") and game.state.story.progress["seven"] == i
    assert game.wait(game.has_ended, 10)
    assert game.ending() == ("The garden is awake", True)
    assert all(game.lamp_is_on(f"boat {i}") for i in range(1, 7)) and game.lamp_is_on("heart")


@pytest.mark.slow
def test_a_garden_without_its_lanterns_sees_the_morning() -> None:
    game = Game("lanterns")
    game.use("lantern 1", LANTERNS[0], 1.0)
    assert game.wait(game.has_ended, 600)
    assert game.ending() == ("Morning", False)


def test_four_bowls_of_fire_open_the_mountain() -> None:
    game = Game("cave")
    game.use("bowl 1", (17.0, 21.5, 2.0), 0.8)
    assert not game.lamp_is_on("bowl 1"), "without a flame it stays cold"
    game.use("torch", (5.0, 17.0, 2.0), 0.5)
    assert game.reached() == {"torch"}
    for i, stand in enumerate([(17.0, 21.5, 2.0), (30.0, 7.5, 2.0), (34.5, 29.0, 2.0), (41.0, 21.5, 2.0)], 1):
        game.use(f"bowl {i}", stand, 0.8)
        assert game.lamp_is_on(f"bowl {i}") and game.state.story.progress["bowls"] == i
    assert game.reached() == {"torch", "bowls"}
    game.wait(lambda: False, 3)
    game.step(("teleport", {"position": (47.5, 18.0, 2.0), "yaw": 0.0, "pitch": 0.0}))
    game.walk(2)
    assert game.ending() == ("A sun under the mountain", True)


def test_every_hall_of_the_cave_can_be_walked_to() -> None:
    game = Game("cave")
    there = [(10, 18), (14, 19), (18, 19), (20, 16), (24, 11), (28, 9), (33, 10), (38, 12), (40.5, 13.5), (41, 20)]
    back = [(39, 23), (35, 26), (31, 27), (28, 27), (24, 26), (20, 22), (18, 19), (14, 19), (5, 18)]
    for x, y in there + back:
        game.walk_to(x, y)


@pytest.mark.parametrize("crate_first", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_button_of_the_machine_sounds_the_gong(crate_first: bool) -> None:
    """The player moves three things: the button, the crate before the ball (or later also the ball), the bolt."""
    game = Game("machine")

    def clear_the_way() -> None:
        game.step(("teleport", {"position": (7.6, 16.3, 1.0), "yaw": -math.pi / 2, "pitch": -0.3}))
        game.walk(2)

    if crate_first:
        clear_the_way()
    game.use("button", (2.75, 3.5, 1.0), 1.0)
    assert game.wait(lambda: "bell" in game.reached(), 10), "the tiles fall up to the bell"
    if not crate_first:
        assert not game.wait(lambda: "drum" in game.reached(), 6), "the crate holds the ball up"
        clear_the_way()
        game.wait(lambda: False, 3)
        x, y, z = game.position("runner")
        game.use("runner", (x - 1.3, y, 1.0), 0.25)
    assert game.wait(lambda: "plate" in game.reached(), 15), "drum, hammer, tower"
    assert not game.wait(game.has_ended, 2), "the hatch is bolted"
    game.use("bolt", (25.9, 18.0, 1.0), 0.0)
    assert game.wait(game.has_ended, 15) and game.ending() == ("It works", True)
    assert game.reached() == {"bell", "drum", "plate", "gong"}
    assert all(game.lamp_is_on(f"{name} lamp") for name in game.reached())


@pytest.mark.slow
def test_a_day_on_the_market_from_the_loaf_to_the_lanterns() -> None:
    game = Game("market")

    def is_at(name: str, place: str) -> bool:
        """Whether somebody is where the day leads them."""
        spot = next(p for p in game.world.blueprint.places if p.name == place)
        x, y, _ = game.position(name)
        return math.hypot(x - spot.position[0], y - spot.position[1]) < spot.radius + 1.0

    def until(hour: float) -> None:
        assert game.wait(lambda: game.hour() >= hour, 400)

    game.use("loaf", (14.5, 27.75, 1.0), 0.1)
    game.use("Vera", (26.5, 20.5, 1.0), 1.2)
    assert game.reached() == {"bread"}
    until(10)
    assert all(is_at(name, f"stall {i}") for i, name in enumerate(["Bruno", "Ida", "Tilde", "Sami", "Olga", "Emil"], 1))
    assert all(is_at(name, "school") for name in ["Pia", "Leo", "Nils"])
    game.use("bouquet", (33.5, 12.75, 1.0), 0.1)
    game.use("Vera", (26.5, 20.5, 1.0), 1.2)
    assert game.reached() == {"bread", "flowers"}
    until(18)
    assert sum(is_at(f"neighbour {i}", "fountain") for i in range(1, 15)) >= 6
    assert not game.has_ended() and game.wait(game.has_ended, 120)
    assert game.ending() == ("A day on the square", True) and 18 < game.hour() < 21
    until(23.9)
    assert sum(is_at(name, "inn") for name in ["Bruno", "Ida", "Tilde"]) == 0
    assert game.lamp_is_on("post 1") and game.lamp_is_on("stall lantern 1")


@pytest.mark.slow
def test_who_oversleeps_gets_no_bread() -> None:
    game = Game("market")
    assert game.wait(game.has_ended, 60)
    assert game.ending() == ("Too late", False) and 9 < game.hour() < 9.1
