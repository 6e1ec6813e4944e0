"""A world in play: what keys do to it, what they leave alone, and what is said over the picture."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import WeightsError
from engine.core.looks import LOOKS
from engine.core.units import TICK_NS
from engine.play.cameras import FREE
from engine.play.loop import Input
from engine.play.session import RESET_EVERY, Session, reuse_bars, stat_rows
from engine.play.timeline import Keeping
from engine.script.worldfile import LoadedWorld
from engine.sim import stories
from engine.sim.physics.rapier import NAME
from engine.state import snapshot
from engine.state.blueprint import Goal
from engine.state.commands import Command
from engine.state.saves import SaveFolder
from engine.state.world import EngineBytes, State, new_state
from engine.view import REGENERATED, REUSED, STALE, Frame, View
from tests.worlds_for_tests import lively_world

FORWARD = Input("move", {"forward": 1.0, "right": 0.0, "up": 0.0, "run": False})
STILL = Input("move", {"forward": 0.0, "right": 0.0, "up": 0.0, "run": False})


class Sketches:
    """Pictures of one colour; the sessions under test only care about what they were asked for."""

    def __init__(self) -> None:
        self.views: list[View] = []
        self.looks: list[str] = []
        self.look = "neural"
        self.broken = False
        self.frozen, self.reset_every, self.forgotten = False, 0, 0
        self.tiles = np.zeros((0, 0), np.uint8)

    def invalidate(self) -> None:
        self.forgotten += 1

    def render(self, view: View) -> Frame:
        self.views.append(view)
        stats: Mapping[str, object] = {"frame_ms": 12.5, "probes": {"reused": 3, "regenerated": 1}}
        return Frame(np.full((36, 64, 3), 77, np.uint8), view.tick, dict(stats), self.tiles)

    def set_look(self, name: str) -> None:
        if self.broken:
            raise WeightsError("weights: they are damaged")
        self.look = name
        self.looks.append(name)


def session_with(tmp_path: Path, recorded: tuple[Command, ...] = ()) -> tuple[Session, Sketches]:
    blueprint, sketches = lively_world(), Sketches()
    world = LoadedWorld(blueprint, None)  # type: ignore[arg-type]
    return Session(world, new_state(blueprint, 3), sketches, recorded=recorded, screenshots=tmp_path), sketches


def play(session: Session, inputs: list[Input], ticks: int = 1) -> None:
    session.take(inputs)
    for _ in range(ticks):
        session.advance(TICK_NS)


def test_walking_moves_the_player_until_the_key_is_up(tmp_path: Path) -> None:
    session, _ = session_with(tmp_path)
    start = session.state.columns.position[0].copy()
    play(session, [FORWARD], 64)
    walked = session.state.columns.position[0].copy()
    assert np.linalg.norm(walked - start) > 0.5
    play(session, [STILL], 32)
    stopped = session.state.columns.position[0].copy()
    play(session, [], 32)
    assert (session.state.columns.position[0] == stopped).all()


def test_a_tap_between_two_ticks_is_not_lost(tmp_path: Path) -> None:
    session, _ = session_with(tmp_path)
    play(session, [], 32)
    height = float(session.state.columns.position[0][2])
    session.take([Input("jump")])
    session.advance(TICK_NS // 4)  # no tick runs in this frame
    session.take([Input("look", {"yaw": 0.25, "pitch": 0.0})])
    session.advance(TICK_NS // 4)
    yaw = float(session.state.columns.yaw[0])
    play(session, [], 8)
    assert float(session.state.columns.position[0][2]) > height
    assert float(session.state.columns.yaw[0]) == pytest.approx(yaw + 0.25)


def test_recorded_commands_come_at_their_ticks_and_playing_equals_running(tmp_path: Path) -> None:
    recorded = (Command(5, "move", {"forward": 1.0}), Command(20, "look", {"yaw": 1.0}), Command(60, "jump"))
    one, _ = session_with(tmp_path, recorded)
    two, _ = session_with(tmp_path, recorded)
    for _ in range(100):
        one.advance(TICK_NS)
    for _ in range(50):
        two.advance(2 * TICK_NS)
        two.picture()
    assert one.state.tick == two.state.tick == 100
    assert one.state.digest() == two.state.digest()


def test_a_paused_world_stands_still_and_goes_tick_by_tick(tmp_path: Path) -> None:
    session, sketches = session_with(tmp_path)
    play(session, [], 10)
    before = session.state.digest()
    play(session, [Input("pause"), Input("use"), Input("look", {"yaw": 1.0, "pitch": 0.0})], 20)
    assert session.state.digest() == before and session.paused
    _, overlay = session.picture()
    assert overlay.notice == "paused"
    play(session, [Input("single step"), Input("single step")], 5)
    assert session.state.tick == 12
    play(session, [Input("pause")], 3)
    assert session.state.tick == 15 and not session.paused
    assert float(session.state.columns.yaw[0]) == 0.0  # turning the head in a pause is not saved up


def test_cameras_and_looks_and_panels_never_touch_the_state(tmp_path: Path) -> None:
    session, sketches = session_with(tmp_path)
    plain, _ = session_with(tmp_path)
    kinds = ["next camera", "next camera", "help", "stats", "next look", "network", "screenshot", "next camera"]
    for kind in kinds:
        session.take([Input(kind)])
        session.advance(TICK_NS)
        session.picture()
        plain.advance(TICK_NS)
    for each in (session, plain):
        each.take([STILL])
        each.advance(TICK_NS)
    assert session.state.digest() == plain.state.digest()


def test_the_free_camera_takes_the_keys_from_the_player(tmp_path: Path) -> None:
    session, sketches = session_with(tmp_path)
    session.picture()
    session.take([FORWARD, Input("next camera"), Input("next camera")])
    assert session._cameras.name == FREE
    play(session, [Input("look", {"yaw": 0.5, "pitch": 0.1})], 32)
    start, yaw = session.state.columns.position[0].copy(), float(session.state.columns.yaw[0])
    session.picture()
    play(session, [], 32)
    session.picture()
    assert sketches.views[-1].camera.position != sketches.views[-2].camera.position
    assert (session.state.columns.position[0] == start).all() and yaw == 0.0


def test_looks_go_round_and_the_network_switches(tmp_path: Path) -> None:
    session, sketches = session_with(tmp_path)
    session.take([Input("next look")] * 3 + [Input("network"), Input("network")])
    assert sketches.looks == [LOOKS[1], LOOKS[2], LOOKS[0], "classical", "neural"]


def test_a_look_that_cannot_be_had_is_said_and_play_goes_on(tmp_path: Path) -> None:
    session, sketches = session_with(tmp_path)
    sketches.broken = True
    session.take([Input("network")])
    _, overlay = session.picture()
    assert overlay.notice == "weights: they are damaged" and sketches.look == "neural"


def test_words_are_shown_and_vanish(tmp_path: Path) -> None:
    session, _ = session_with(tmp_path)
    session.take([Input("help"), Input("stats"), Input("network")])
    _, overlay = session.picture()
    assert overlay.help and overlay.notice == "look: classical"
    assert ("frame", "12.5 ms") in overlay.stats and overlay.bars == (("probes reused", 0.75),)
    play(session, [Input("help"), Input("stats")], 150)
    _, overlay = session.picture()
    assert not overlay.help and overlay.notice == "" and overlay.stats == () and overlay.bars == ()


def test_a_screenshot_says_how_to_make_it_again(tmp_path: Path) -> None:
    session, _ = session_with(tmp_path)
    session.take([Input("screenshot")])  # there is no picture yet
    assert list(tmp_path.iterdir()) == []
    play(session, [], 7)
    session.picture()
    session.take([Input("screenshot")])
    (path,) = tmp_path.iterdir()
    assert path.name == "test-000007-neural.png"
    with Image.open(path) as image:
        assert image.info["seed"] == "3" and image.info["tick"] == "7" and image.getpixel((0, 0)) == (77, 77, 77)


def test_a_screenshot_that_cannot_be_written_is_said_and_play_goes_on(tmp_path: Path) -> None:
    session, _ = session_with(tmp_path / "file" / "inside")
    (tmp_path / "file").write_bytes(b"")
    session.picture()
    session.take([Input("screenshot")])
    _, overlay = session.picture()
    assert overlay.notice.startswith("cannot write")


def test_statistics_become_rows_and_bars() -> None:
    stats = {"frame_ms": 20.0, "ms": {"light": 1.25}, "tiles": {"reused": 1, "regenerated": 0}, "look": "neural"}
    assert stat_rows(stats) == (
        ("frame", "20.0 ms"),
        ("- light", "1.2 ms"),
        ("tiles", "1 reused, 0 regenerated"),
        ("look", "neural"),
    )
    assert reuse_bars(stats) == (("tiles reused", 1.0),)
    assert reuse_bars({"tiles": {"reused": 0, "regenerated": 0}}) == (("tiles reused", 1.0),)


# ---- time


def kept_session(tmp_path: Path, **options: object) -> Session:
    blueprint = lively_world()
    world = LoadedWorld(blueprint, None)  # type: ignore[arg-type]
    keeping = Keeping(past=True, recording=tmp_path / "a.rec", save=tmp_path / "monday")
    return Session(world, new_state(blueprint, 3), Sketches(), keeping=keeping, **options)  # type: ignore[arg-type]


def test_holding_backspace_goes_back_ever_faster_and_letting_go_plays_on(tmp_path: Path) -> None:
    session = kept_session(tmp_path)
    play(session, [FORWARD], 300)
    digest = session.state.digest()
    play(session, [Input("back")], 40)
    assert session.state.tick == 260 and session.picture()[1].notice == "<< 0.6 s back in time"
    play(session, [Input("jump"), Input("look", {"yaw": 1.0, "pitch": 0.0})], 100)  # nobody acts while time runs back
    assert session.state.tick < 160 and session.picture()[1].notice.startswith("<< ")
    play(session, [STILL, Input("forth")])
    at = session.state.tick
    assert session.picture()[1].notice == f"going on from tick {at - 1}"
    play(session, [], 300 - at)
    assert session.state.tick == 300 and session.state.digest() != digest, "the key was let go meanwhile"
    play(session, [Input("back")], 1000)
    assert session.state.tick == 0 and session.picture()[1].notice.endswith("no earlier past is kept")
    session.take([Input("forth"), Input("forth")])
    play(session, [], 5)
    assert session.state.tick == 5


def test_time_runs_backwards_smoothly(tmp_path: Path) -> None:
    """Between two ticks the picture moves backwards too: alpha falls while the clock goes on."""
    session = kept_session(tmp_path)
    play(session, [], 64)
    session.take([Input("back")])
    moments = []
    for _ in range(32):
        session.advance(TICK_NS // 4)
        session.picture()
        view = session.pictures.views[-1]  # type: ignore[attr-defined]
        moments.append(view.tick - 1 + session._alpha)
    assert all(later <= earlier for earlier, later in zip(moments, moments[1:], strict=False))
    assert moments[0] - moments[-1] == pytest.approx(31 / 4)


def test_a_save_with_forged_physics_is_refused_before_the_world_goes_on_from_it(tmp_path: Path) -> None:
    session = kept_session(tmp_path)
    play(session, [], 30)
    forged = new_state(lively_world(), 3)
    forged.physics = EngineBytes(NAME, b"no physics at all")
    with SaveFolder(tmp_path / "other") as folder:
        folder.write(snapshot.save(lively_world(), forged))
    session.timeline._keeping = Keeping(save=tmp_path / "other")
    digest = session.state.digest()
    assert "physics" in session.timeline.load()
    assert session.state.tick == 30 and session.state.digest() == digest


def test_saving_and_loading_by_keys(tmp_path: Path) -> None:
    session = kept_session(tmp_path)
    play(session, [], 30)
    session.take([Input("save")])
    digest = session.state.digest()
    assert session.picture()[1].notice == "saved tick 30 (monday, 1)"
    play(session, [FORWARD], 50)
    session.take([Input("load")])
    assert session.state.digest() == digest and session.picture()[1].notice == "back at tick 30"
    play(session, [], 5)
    assert session.state.tick == 35 and session.state.player.forward == 1.0, "the key is still down"


def test_watching_keeps_the_hands_off_and_stops_at_the_end(tmp_path: Path) -> None:
    commands = (Command(10, "look", {"yaw": 0.5, "pitch": 0.0}),)
    seen: list[int] = []

    def after_tick(state: State) -> str | None:
        seen.append(state.tick)
        return "it ends here" if state.tick >= 40 else None

    session = kept_session(tmp_path, recorded=commands, watching=True, after_tick=after_tick)
    untouched, _ = session_with(tmp_path, commands)
    play(session, [FORWARD, Input("use"), Input("look", {"yaw": 1.0, "pitch": 0.0})], 100)
    play(untouched, [], 40)
    assert session.paused and seen == list(range(1, 41)) and session.picture()[1].notice == "it ends here"
    assert session.state.digest() == untouched.state.digest()
    play(session, [Input("back")], 20)
    play(session, [Input("forth"), Input("pause")], 50)
    assert session.state.digest() == untouched.state.digest(), "what was recorded happens again"


def test_a_machine_that_slept_flies_no_mile(tmp_path: Path) -> None:
    session, sketches = session_with(tmp_path)
    while session._cameras.name != FREE:
        session.take([Input("next camera")])
    session.take([FORWARD])
    session.picture()
    before = np.array(sketches.views[-1].camera.position)
    session.advance(8 * 3600 * 10**9)
    session.picture()
    assert np.linalg.norm(np.array(sketches.views[-1].camera.position) - before) < 3.0
    assert session.state.tick == 8


def test_debugging_keys_freeze_light_and_forget_it(tmp_path: Path) -> None:
    session, sketches = session_with(tmp_path)
    play(session, [Input("freeze light"), Input("forget light often"), Input("forget light")])
    assert (sketches.frozen, sketches.reset_every, sketches.forgotten) == (True, RESET_EVERY, 1)
    assert session.picture()[1].notice == "light forgotten"
    play(session, [Input("freeze light"), Input("forget light often")])
    assert (sketches.frozen, sketches.reset_every) == (False, 0)


def test_statistics_colour_the_tiles_and_leave_the_frame_alone(tmp_path: Path) -> None:
    session, sketches = session_with(tmp_path)
    sketches.tiles = np.array([[REUSED, REGENERATED, STALE, REUSED]] * 3, np.uint8)
    plain = session.picture()[0].rgb
    play(session, [Input("stats")])
    shown = session.picture()[0].rgb
    assert (plain == 77).all()
    green, orange, red = (shown[0, 16 * i].astype(int) for i in range(3))
    assert green.argmax() == 1 and orange[0] > orange[1] > orange[2] and red[0] > 2 * red[1] - 77
    np.testing.assert_array_equal(shown[35, 63], green)


def test_goals_and_an_ending_are_shown_until_use_puts_the_card_away(tmp_path: Path) -> None:
    goals = (Goal("find", "Find the lamps", 2), Goal("home", "Go home"))
    world = dataclasses.replace(lively_world(), goals=goals)
    state = new_state(world)
    stories.progress(world, state, "find", 1)
    stories.progress(world, state, "home")
    stories.end(world, state, "The end", "All is well.")
    play = Session(LoadedWorld(world, None), state, Sketches(), screenshots=tmp_path)  # type: ignore[arg-type]
    overlay = play.picture()[1]
    assert overlay.goals == (("Find the lamps", "1 of 2", False), ("Go home", "done", True))
    assert overlay.ending == ("The end", "All is well.")
    play.take([Input("use", {})])
    assert play.picture()[1].ending is None and play.state.story.ending is not None
