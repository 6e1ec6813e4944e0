"""What world files and handlers say about rigid bodies, and how they are told what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import WorldFileError
from engine.core.ids import index_of
from engine.sim.recording import run
from engine.sim.step import step
from engine.state.components import AUTO, BODY, BOX
from engine.state.world import new_state
from tests.script.authoring import loaded

BALL = 'prefab("ball", parts = [ball((0, 0, 0.2), 0.2, "stone")])\n'


def test_what_body_says_stands_in_the_columns(tmp_path: Path) -> None:
    world = loaded(
        tmp_path,
        """
spawn("crate", at = (4, 4, 1), name = "a", yaw_deg = 90, body = body(
    "box", size = (1, 2, 0.5), density = 120, friction = 0.3, bounce = 0.2, tilt_deg = 90, velocity = (1, 0, 0),
    spin = (0, 0, 2), asleep = True, contacts = True))
spawn("crate", at = (8, 4, 1), name = "b", body = body(kinematic = True))
spawn("crate", at = (8, 6, 1), name = "c", body = body(hinge = hinge(at = (0, 0, 1), axis = (0, 2, 0), to = "b")))
""",
    )
    state = new_state(world.blueprint)
    c = state.columns
    a, b, other = (index_of(state.id_by_name[n]) for n in "abc")
    assert (c.parts[[a, b, other]] & BODY).all() and c.shape[a] == BOX and c.shape[b] == AUTO
    assert (c.density[a], c.bounce[a], c.asleep[a], c.tells[a], c.kinematic[b]) == (
        120,
        np.float32(0.2),
        True,
        True,
        True,
    )
    half = np.sqrt(0.5)
    assert c.orientation[a] == pytest.approx((-half * half, half * half, half * half, half * half), abs=1e-6)
    assert c.hinged[other] and c.hinge_to[other] == state.id_by_name["b"]
    assert c.hinge_axis[other].tolist() == [0.0, 1.0, 0.0] and c.hinge_at_other[other].tolist() == [0.0, 2.0, 1.0]


def test_handlers_make_push_and_ask_bodies(tmp_path: Path) -> None:
    world = loaded(
        tmp_path,
        BALL
        + """
HEAVY = body(density = 500)
var("speed", 0.0)
var("met", "")
var("far", 0.0)
var("hits", 0)
def start():
    round = body("sphere", density = 100, contacts = True)
    ball = spawn_at("ball", (8, 8, 3), name = "thrown", yaw_deg = 30, body = round)
    push(ball, (1, 0, 0))
    put("speed", velocity_of(ball)[0])
    spawn_at("crate", (4, 4, 1), name = "heavy", body = HEAVY)
    set_velocity(find("heavy"), (0, 0, 5), spin = (0, 0, 1))
def look():
    hit = raycast((8, 8, 6), (0, 0, -1), reach = 10, ignore = find("player"))
    put("met", name_of(hit["entity"]) if hit["entity"] else "ground")
    put("far", hit["distance"])
    if raycast((8, 8, 6), (0, 0, 1)) != None:
        put("met", "sky?")
def hit(who, other, impulse):
    if name_of(who) == "thrown" and impulse > 0:
        put("hits", get("hits") + 1)
    if exists("heavy"):
        despawn(find("heavy"))
on("start", start)
on("contact", hit)
""",
    )
    b, state = world.blueprint, new_state(world.blueprint)
    step(b, state, (), world.script)
    mass = 100 * 4 / 3 * np.pi * 0.2**3
    assert not state.disabled and state.variables["speed"] == pytest.approx(1 / mass, rel=1e-5)
    run(b, state, 3, (), world.script)
    world.script.handle(b, state, "look", ())
    assert state.variables["met"] == "thrown" and 2.5 < state.variables["far"] < 2.8
    run(b, state, 100, (), world.script)
    assert state.variables["hits"] >= 1 and "heavy" not in state.id_by_name and not state.disabled


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('spawn("crate", at = (4, 4, 1), body = body("blob"))', "shape cannot be 'blob'; did you mean 'box'?"),
        ('spawn("crate", at = (4, 4, 1), body = body(density = 0))', "density (kg/m3) must lie between 1 and 20000"),
        ('spawn("crate", at = (4, 4, 1), body = body(density = "x"))', "density (kg/m3) must be a number, not 'x'"),
        ('spawn("crate", at = (4, 4, 1), body = body(friction = -1))', "friction must lie between 0 and 4"),
        ('spawn("crate", at = (4, 4, 1), body = body(bounce = 2))', "bounce must lie between 0 and 1"),
        ('spawn("crate", at = (4, 4, 1), body = body(bounce = float("nan")))', "this gives no finite number"),
        ('spawn("crate", at = (4, 4, 1), body = body(velocity = (0, 0, 1e9)))', "velocity (m/s) z must lie between"),
        ('spawn("crate", at = (4, 4, 1), body = body(spin = 3))', "spin (rad/s) must be three numbers"),
        ('spawn("crate", at = (4, 4, 1), body = body(size = (1, 1, 1)))', "size needs shape='box'"),
        ('spawn("crate", at = (4, 4, 1), body = body("box", size = (0, 1, 1)))', "size x must lie between 0.01 and 64"),
        ('spawn("crate", at = (4, 4, 1), body = body(kinematic = 1))', "kinematic must be True or False"),
        ('spawn("crate", at = (4, 4, 1), body = body(mass = 3))', "body() takes no argument 'mass'"),
        ('spawn("crate", at = (4, 4, 1), body = 3)', "body must be given as body=body(...), not 3"),
        ('spawn("crate", at = (4, 4, 1), body = body(), speed = 1)', "a body cannot be a walker or a door too"),
        ("spawn(at = (4, 4, 1), body = body())", "a body without a prefab needs body(shape='box', size="),
        ('spawn("crate", at = (4, 4, 1), body = body(hinge = 1))', "hinge must be given as hinge=hinge(...), not 1"),
        ('spawn("crate", at = (4, 4, 1), body = body(hinge = hinge(to = "x")))', "hinge to='x' must name a body"),
        ('spawn("crate", at = (4, 4, 1), body = body(hinge = hinge(axis = (0, 0, 0))))', "axis must point somewhere"),
        ('spawn(door = door((8, 4, 1), (8.25, 5, 3), "stone", slide = 1))', "slide must be three numbers"),
        ('spawn(door = door((8, 4, 1), (8.25, 5, 3), "stone", slide = (0, 99, 0)))', "slide y must lie between"),
    ],
)
def test_bad_words_are_answered_with_their_line(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(WorldFileError) as caught:
        loaded(tmp_path, line)
    assert why in str(caught.value) and caught.value.line and line in caught.value.excerpt


def test_a_body_too_many_is_refused_while_the_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match="a world may hold 1,000 of kind 'body', not more"):
        loaded(tmp_path, '[spawn("crate", at = (4, 4, 1), body = body()) for i in range(1001)]')


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        ('push(find("player"), (1, 0, 0))', "is no rigid body: spawn it with a body"),
        ('push(find("a"), (1, 0))', "impulse must be three numbers"),
        ('push(find("a"), (1e9, 0, 0))', "impulse x must lie between -1e+06 and 1e+06"),
        ('set_velocity(find("a"), (200, 0, 0))', "velocity x is 200.0, it must be a number from -100 to 100"),
        ("velocity_of(77)", "77 names no living entity"),
        ("raycast((0, 0, 0), (0, 0, 0))", "it must point somewhere"),
        ('spawn_at("crate", (4, 4, 1), body = 3)', "body must be given as body=body(...)"),
        ('spawn_at("crate", (4, 4, 1), body = {"density": 3})', "body must be given as body=body(...)"),
        ('spawn_at("crate", (4, 4, 1), body = body() | {"speed": 1})', "a body cannot be a walker or a door too"),
    ],
)
def test_bad_deeds_switch_their_handler_off_by_name(tmp_path: Path, deed: str, why: str) -> None:
    text = f'spawn("crate", at = (4, 4, 1), name = "a", body = body())\ndef act():\n    {deed}\non("start", act)\n'
    world = loaded(tmp_path, text)
    state = new_state(world.blueprint)
    step(world.blueprint, state, (), world.script)
    assert state.disabled == {"act"}
    assert why in str(state.queue[-1].args[1]) and ":" in str(state.queue[-1].args[1])
