"""Rigid bodies in a world: they fall, rest, are pushed and carried, and everything about them is in the state."""

import dataclasses
import os
import subprocess
import sys
import warnings
from pathlib import Path as Folder

import numpy as np
import pytest

from engine.core.errors import LimitError, SnapshotError, WorldFileError
from engine.core.ids import PLAYER, index_of
from engine.core.rotations import of_yaw, product, turned
from engine.core.units import TICK_HZ
from engine.sim import actions
from engine.sim.extract import extract
from engine.sim.physics.mirror import Mirror
from engine.sim.physics.solver import PhysicsError
from engine.sim.recording import run, synctest
from engine.sim.step import step
from engine.sim.systems import bodies
from engine.state import snapshot
from engine.state.blueprint import Blueprint, Path, Spawn
from engine.state.commands import Command
from engine.state.components import MAX_BODIES
from engine.state.events import Event
from engine.state.world import EngineBytes, State, new_state
from tests.worlds_for_tests import CRATE, LANTERN, LEAF_OF_DOOR, PERSON, STONE, empty_world, lively_world

ROOT = Folder(__file__).parents[3]
LIGHT = {"density": 100.0}  # a crate of 51 kg


def crate(name: str, x: float, y: float, z: float = 0.5, yaw: float = 0.0, **components: object) -> Spawn:
    return Spawn(name, CRATE, (x, y, z), yaw, {**LIGHT, **components})


def yard(*spawns: Spawn, **changes: object) -> Blueprint:
    return empty_world((16, 16, 8), spawns=spawns, **changes)


def begun(*spawns: Spawn, **changes: object) -> tuple[Blueprint, State]:
    blueprint = yard(*spawns, **changes)
    return blueprint, new_state(blueprint, 1)


def place_of(state: State, name: str) -> np.ndarray:
    return state.columns.position[index_of(state.id_by_name[name])].copy()


def mirror_of(state: State) -> Mirror:
    assert isinstance(state.physics, Mirror)
    return state.physics


# --- falling and resting ----------------------------------------------------------------------------------------------


def test_a_crate_falls_as_fast_as_it_should_and_rests_on_the_ground() -> None:
    blueprint, state = begun(crate("c", 4.0, 4.0, 4.5))
    run(blueprint, state, 32)
    assert place_of(state, "c")[2] == pytest.approx(4.5 - 0.5 * 9.81 * 0.25, abs=0.05)
    run(blueprint, state, 300)
    assert place_of(state, "c") == pytest.approx((4.0, 4.0, 0.5), abs=0.01)
    assert state.columns.asleep[1] and not state.columns.linear_velocity[1].any()


def test_a_tower_of_fifty_stands() -> None:
    spawns = [crate(str(i), 6.0 + 0.82 * (i % 2), 6.0 + 0.82 * (i // 2 % 2), 0.5 + 0.8 * (i // 4)) for i in range(50)]
    blueprint = empty_world((16, 16, 16), spawns=tuple(spawns))
    state = run(blueprint, new_state(blueprint), 6 * TICK_HZ)
    heights = state.columns.position[1:51, 2]
    np.testing.assert_allclose(heights, [0.5 + 0.8 * (i // 4) for i in range(50)], atol=0.03)
    assert state.columns.asleep[1:51].all()


def test_a_ball_rolls_over_flat_ground_without_hopping() -> None:
    ball = Spawn("ball", -1, (2.0, 8.0, 0.5), 0.0, {
        "shape": "sphere", "body_size": (0.5, 0.5, 0.5), "linear_velocity": (4.0, 0.0, 0.0),
        "angular_velocity": (0.0, 16.0, 0.0)})  # fmt: skip
    blueprint, state = begun(ball, player_start=(8.0, 2.0, 0.5))
    highest = []
    for _ in range(128):
        step(blueprint, state)
        middle = turned(state.columns.orientation[1].astype(np.float64), np.array([0.0, 0.0, 0.25]))
        highest.append(place_of(state, "ball")[2] + middle[2])
    assert place_of(state, "ball")[0] > 9.0 and max(highest) < 0.755  # over three seams of bricks


def test_what_sleeps_stays_until_it_is_touched() -> None:
    blueprint, state = begun(crate("low", 4.0, 4.0, asleep=True), crate("high", 4.0, 4.0, 1.3, asleep=True))
    run(blueprint, state, 64)
    assert place_of(state, "high").tolist() == [4.0, 4.0, np.float32(1.3)]
    actions.push(blueprint, state, state.id_by_name["low"], (300.0, 0.0, 0.0))
    run(blueprint, state, 64)
    assert place_of(state, "low")[0] > 4.3
    blueprint, state = begun(crate("pushed at once", 4.0, 4.0, asleep=True))
    actions.push(blueprint, state, state.id_by_name["pushed at once"], (300.0, 0.0, 0.0))
    run(blueprint, state, 64)
    assert place_of(state, "pushed at once")[0] > 4.3


def test_voxels_taken_away_or_built_wake_what_is_there() -> None:
    blueprint, state = begun(crate("c", 4.2, 4.2), boxes=[((12, 12, 2), (24, 24, 8), STONE)])
    actions.move_to(blueprint, state, state.id_by_name["c"], (4.2, 4.2, 2.0))
    run(blueprint, state, 200)
    assert state.columns.asleep[1] and place_of(state, "c")[2] == pytest.approx(2.0, abs=0.01)
    actions.set_voxels(blueprint, state, (12, 12, 2), (24, 24, 8), 0)
    run(blueprint, state, 200)
    assert place_of(state, "c")[2] == pytest.approx(0.5, abs=0.01)


def test_only_bricks_near_bodies_become_ground() -> None:
    blueprint = empty_world((64, 64, 8), spawns=(crate("c", 8.0, 8.0),))
    state = run(blueprint, new_state(blueprint), 2)
    bricks = [key for key in mirror_of(state).solver.stamps() if key < 1 << 19]
    assert 4 <= len(bricks) <= 27


def test_the_world_is_walled_in_and_what_gets_out_is_taken_out() -> None:
    blueprint, state = begun(crate("fast", 4.0, 4.0, linear_velocity=(-60.0, 0.0, 5.0)), crate("far", 12.0, 12.0))
    run(blueprint, state, 200)
    assert -0.1 < place_of(state, "fast")[0] < 4.0
    actions.move_to(blueprint, state, state.id_by_name["far"], (12.0, 12.0, -40.0))
    far = state.id_by_name["far"]
    step(blueprint, state)
    assert "far" not in state.id_by_name and not state.alive(far)
    assert Event("lost", (far,)) in state.events


def test_bodies_bounce_as_they_are_told() -> None:
    blueprint, state = begun(crate("dead", 4.0, 4.0, 2.5), crate("live", 8.0, 12.0, 2.5, bounce=1.0))
    tops = {"dead": 0.0, "live": 0.0}
    for tick in range(120):
        step(blueprint, state)
        if tick > 50:
            tops = {name: max(top, place_of(state, name)[2]) for name, top in tops.items()}
    assert tops["dead"] < 0.55 and tops["live"] > 0.8


def test_a_lamp_on_a_body_goes_along_and_leans_with_it() -> None:
    turn = product(of_yaw(0.3), (0.0, 0.70710678, 0.0, 0.70710678))  # on its side, the top towards +x
    lamp = Spawn("lamp", LANTERN, (4.0, 4.0, 2.0), 0.3, {
        **LIGHT, "orientation": turn, "lamp_size": (0.2, 0.2, 0.2), "lamp_offset": (0.0, 0.0, 2.0)})  # fmt: skip
    blueprint, state = begun(lamp)
    centre = extract(blueprint, state).lamps.centre[0]
    assert centre == pytest.approx((4.0 + 2 * np.cos(0.3), 4.0 + 2 * np.sin(0.3), 2.0), abs=1e-4)
    run(blueprint, state, 60)
    assert extract(blueprint, state).lamps.centre[0, 2] < 1.0


# --- the state is explicit --------------------------------------------------------------------------------------------


def heap() -> Blueprint:
    """A bit of everything that moves, in a world that has all else too."""
    lively = lively_world()
    extra = (
        crate("a", 6.0, 6.0, 1.0, 0.3), crate("b", 6.2, 6.1, 2.0, shape="box"),
        crate("ball", 6.0, 6.3, 3.0, shape="sphere", bounce=0.4), crate("pill", 9.0, 6.0, 2.5, shape="capsule"),
        crate("before the door", 5.3, 7.4, tells=True),
        crate("lift", 11.0, 11.0, 0.5, kinematic=True, linear_velocity=(0.0, 0.0, 0.3)),
        crate("on the lift", 11.0, 11.0, 1.4),
        crate("pendulum", 9.0, 9.0, 3.0, hinged=True, hinge_at=(0.0, 1.0, 0.0), hinge_axis=(1.0, 0.0, 0.0)),
        crate("second", 9.0, 10.0, 3.0, hinged=True, hinge_to="pendulum", hinge_at=(0.0, -0.5, 0.0),
              hinge_axis=(1.0, 0.0, 0.0)),
        crate("asleep", 3.0, 3.0, asleep=True),
    )  # fmt: skip
    return dataclasses.replace(lively, spawns=lively.spawns + extra, digest=b"heap of bodies..")


def test_a_world_restored_at_any_tick_goes_on_as_if_nothing_had_been() -> None:
    blueprint = heap()
    state = new_state(blueprint, 3)
    actions.open_door(blueprint, state, state.id_by_name["gate"], True)
    walk = {0: ("move", {"forward": 1.0, "run": True}), 20: ("look", {"yaw": 2.0}), 50: ("jump", {})}
    for tick in range(90):
        kind, args = walk.get(tick, ("move", {"forward": 1.0}))
        commands = [Command(tick, kind, args)]
        other = snapshot.load(blueprint, snapshot.save(blueprint, state))
        if tick == 60:
            for s in (state, other):
                actions.push(blueprint, s, s.id_by_name["a"], (200.0, 0.0, 100.0))
                actions.despawn(blueprint, s, s.id_by_name["b"])
                actions.spawn(blueprint, s, "crate", (6.0, 6.0, 4.0), 0.0, "new", {"density": 50.0, "tells": True})
        step(blueprint, state, commands)
        step(blueprint, other, commands)
        assert state.sections() == other.sections(), f"tick {tick}"


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0", "NPY_DISABLE_CPU_FEATURES": "X86_V3 AVX2 FMA3"},
        {"PYTHONHASHSEED": "1", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA", "RAYON_NUM_THREADS": "7"},
    ],
)
def test_other_processes_hash_seeds_and_processors_agree_on_a_heap(environment: dict[str, str]) -> None:
    here = run(heap(), new_state(heap(), 7), 150).digest()
    program = (
        "from tests.sim.systems.test_bodies import heap, new_state, run\n"
        "print(run(heap(), new_state(heap(), 7), 150).digest())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) == here


def test_synctest_holds_with_bodies_and_a_long_rest() -> None:
    blueprint = heap()
    state = run(blueprint, new_state(blueprint, 3), 300)
    assert synctest(blueprint, state, 12) is None


def test_falling_dominoes_are_restored_to_the_bit_too() -> None:
    """Rows of resting contacts: what rapier recycles of them is not in its bytes, and is switched off."""
    tile = {"shape": "box", "body_size": (0.14, 0.56, 1.0), "density": 400.0, "asleep": True}
    row = tuple(Spawn(str(i), -1, (3.0 + 0.45 * i, 8.0, 0.5), 0.04 * i, tile) for i in range(14))
    blueprint, state = begun(*row, player_start=(2.2, 8.0, 0.5))
    step(blueprint, state, [Command(0, "move", {"forward": 1.0})])
    assert synctest(blueprint, state, 200) is None
    assert abs(state.columns.orientation[14, 1]) > 0.3, "the last one fell"


def test_a_world_without_bodies_holds_no_physics_and_one_that_lost_them_neither() -> None:
    blueprint = lively_world()
    state = run(blueprint, new_state(blueprint, 1), 10)
    assert state.physics is None and "physics" not in dict(state.sections())
    assert not any(name.startswith(("body_", "linear", "hinge")) for name in dict(state.sections()))
    blueprint, state = begun(crate("c", 4.0, 4.0))
    run(blueprint, state, 5)
    assert state.physics is not None
    actions.despawn(blueprint, state, state.id_by_name["c"])
    step(blueprint, state)
    assert state.physics is None


def test_a_save_of_another_engine_goes_on_from_poses_and_says_so() -> None:
    blueprint, state = begun(crate("c", 4.0, 4.0, 3.5, linear_velocity=(1.0, 0.0, 0.0)))
    run(blueprint, state, 20)
    before = place_of(state, "c")
    state.physics = EngineBytes("rapier3d 0.1.0", b"older bytes")
    other = snapshot.load(blueprint, snapshot.save(blueprint, state))
    assert other.digest() == state.digest()
    with pytest.warns(bodies.PhysicsRebuilt, match=r"saved with rapier3d 0\.1\.0, this is rapier3d"):
        step(blueprint, other)
    fallen = place_of(other, "c") - before
    assert fallen[0] == pytest.approx(1 / 64, abs=1e-3) and fallen[2] < -0.04
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(blueprint, other, 10)


def test_damaged_physics_is_refused_and_the_state_stays() -> None:
    blueprint, state = begun(crate("c", 4.0, 4.0))
    run(blueprint, state, 3)
    name = mirror_of(state).name
    state.physics = EngineBytes(name, b"RPYS nothing that rapier wrote")
    digest = state.digest()
    with pytest.raises(PhysicsError, match="these bytes are no physics"):
        step(blueprint, state)
    assert state.digest() == digest


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("orientation", (0.0, 0.0, 0.5, 0.5), "its length is not 1"),
        ("orientation", (np.nan, 0.0, 0.0, 1.0), "orientation"),
        ("linear_velocity", (np.inf, 0.0, 0.0), "linear_velocity"),
        ("angular_velocity", (np.nan, 0.0, 0.0), "angular_velocity"),
        ("density", 0.0, "density"),
        ("hinge_axis", (0.0, 0.0, 0.0), "its length is not 1"),
        ("hinge_to", 12345678, "names no living entity"),
    ],
)
def test_forged_snapshots_of_bodies_are_refused(column: str, value: object, why: str) -> None:
    blueprint, state = begun(crate("c", 4.0, 4.0))
    state.columns[column][1] = value
    with pytest.raises(SnapshotError, match=why):
        snapshot.load(blueprint, snapshot.save(blueprint, state))


# --- bad values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("components", "why"),
    [
        ({"density": float("nan")}, "density is nan"),
        ({"density": 0.0}, "density is 0.0, it must be number from 1 to 20000"),
        ({"friction": float("inf")}, "friction is inf"),
        ({"bounce": -1.0}, "bounce is -1.0"),
        ({"linear_velocity": (float("nan"), 0.0, 0.0)}, "linear_velocity is"),
        ({"angular_velocity": (0.0, 0.0)}, "angular_velocity is"),
        ({"body_size": (1.0, 1.0, float("inf"))}, "body_size is"),
        ({"shape": "blob"}, "shape is 'blob', it must be one of auto, box, sphere, capsule"),
        ({"orientation": (0.0, 0.0, 0.0, 0.0)}, "orientation is .*, its length must be 1"),
        ({"kinematic": 1}, "kinematic is 1, it must be true or false"),
        ({"hinged": True, "hinge_to": "nobody"}, "hinge_to is 'nobody', it must be the name"),
        ({"hinged": True, "hinge_to": "player"}, "hinge_to is 'player', which is no body"),
        ({"hinged": True, "hinge_axis": (0.0, 0.0, 2.0)}, "hinge_axis is"),
        ({"behaviour": "wander"}, "cannot be a walker or a door too"),
        ({"door_low": (1, 1, 1), "door_high": (2, 2, 2)}, "cannot be a walker or a door too"),
    ],
)
def test_bad_components_are_named(components: dict[str, object], why: str) -> None:
    with pytest.raises(WorldFileError, match=why):
        new_state(yard(Spawn("bad", CRATE, (4.0, 4.0, 0.5), 0.0, {"density": 100.0, **components})))


def test_a_body_without_prefab_needs_a_size() -> None:
    with pytest.raises(WorldFileError, match="needs body_size"):
        new_state(yard(Spawn("bad", -1, (4.0, 4.0, 0.5), 0.0, {"density": 100.0})))


def test_one_body_too_many_is_refused_by_name_and_number() -> None:
    spawns = tuple(crate("", 1.0 + 0.01 * i, 4.0, 2.0) for i in range(MAX_BODIES))
    blueprint = yard(*spawns)
    state = new_state(blueprint)
    with pytest.raises(LimitError, match="one body too many: a world holds at most 1,000"):
        actions.spawn(blueprint, state, "crate", (4.0, 4.0, 1.0), 0.0, "", {"density": 100.0})
    assert state.n_entities == MAX_BODIES
    actions.spawn(blueprint, state, "crate", (4.0, 4.0, 1.0))  # without a body there is room


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e9, "x", True])
def test_actions_refuse_what_is_no_number_in_range(bad: object) -> None:
    blueprint, state = begun(crate("c", 4.0, 4.0))
    entity, digest = state.id_by_name["c"], state.digest()
    for deed in (
        lambda: actions.push(blueprint, state, entity, (bad, 0.0, 0.0)),
        lambda: actions.set_velocity(blueprint, state, entity, (0.0, bad, 0.0)),
        lambda: actions.set_velocity(blueprint, state, entity, (0.0, 0.0, 0.0), (bad, 0.0, 0.0)),
        lambda: actions.raycast(blueprint, state, (0.0, 0.0, bad), (1.0, 0.0, 0.0)),
        lambda: actions.raycast(blueprint, state, (0.0, 0.0, 0.0), (1.0, bad, 0.0)),
        lambda: actions.raycast(blueprint, state, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), bad),
    ):
        with pytest.raises(actions.ActionError, match="it must be"):
            deed()
    assert state.digest() == digest


def test_actions_ask_for_bodies() -> None:
    blueprint, state = begun(crate("lift", 4.0, 4.0, kinematic=True), Spawn("stone", CRATE, (8.0, 4.0, 0.5)))
    with pytest.raises(actions.ActionError, match=r"\(stone\) is no rigid body"):
        actions.push(blueprint, state, state.id_by_name["stone"], (1.0, 0.0, 0.0))
    with pytest.raises(actions.ActionError, match="is no rigid body"):
        actions.set_velocity(blueprint, state, PLAYER, (1.0, 0.0, 0.0))
    with pytest.raises(actions.ActionError, match="is kinematic and cannot be pushed"):
        actions.push(blueprint, state, state.id_by_name["lift"], (1.0, 0.0, 0.0))


class Breaking:
    """A solver whose answers about one key turn to nonsense."""

    def __init__(self, inner: object, key: int, at: int, value: float) -> None:
        self.inner, self.key, self.at, self.value = inner, key, at, value

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def motion(self, key: int) -> tuple[float, ...]:
        motion = list(self.inner.motion(key))  # type: ignore[attr-defined]
        if key == self.key:
            motion[self.at] = self.value
        return tuple(motion)

    def motions(self, keys: list[int]) -> tuple[list[bool], np.ndarray]:
        return [False for _ in keys], np.array([self.motion(key) for key in keys])


@pytest.mark.parametrize(
    ("at", "value", "component"),
    [(0, np.nan, "position"), (2, 1e9, "position"), (5, np.nan, "orientation"), (8, -np.inf, "linear_velocity"),
     (12, np.nan, "angular_velocity")],
)  # fmt: skip
def test_nonsense_from_the_physics_stops_the_tick_by_name(at: int, value: float, component: str) -> None:
    blueprint, state = begun(crate("good", 8.0, 4.0, 3.0), crate("bad one", 4.0, 4.0, 3.0))
    run(blueprint, state, 3)
    mirror = mirror_of(state)
    mirror.solver = Breaking(mirror.solver, state.id_by_name["bad one"], at, value)  # type: ignore[assignment]
    with pytest.raises(PhysicsError, match=rf"tick 3: {component} of the body \d+ \(bad one\)"):
        step(blueprint, state)
    for name in ("position", "orientation", "linear_velocity", "angular_velocity"):
        assert np.isfinite(state.columns[name][: state.n_slots]).all()
    assert state.tick == 3 and state.physics is None


def test_a_body_that_rapier_sets_aside_is_named() -> None:
    blueprint, state = begun(crate("bad one", 4.0, 4.0, 3.0))
    run(blueprint, state, 3)
    mirror = mirror_of(state)
    entity = state.id_by_name["bad one"]
    mirror.solver.set_motion(entity, (*mirror.solver.motion(entity)[:7], np.nan, *[0.0] * 5))
    with pytest.raises(PhysicsError, match=r"motion of the body \d+ \(bad one\): it is not finite any more"):
        step(blueprint, state)
    assert np.isfinite(state.columns.position[:2]).all()
    run(blueprint, state, 5)  # who goes on all the same gets a world built anew
    assert place_of(state, "bad one")[2] < 3.0


# --- people, doors and bodies -----------------------------------------------------------------------------------------


def test_the_player_pushes_what_is_light_and_is_stopped_by_what_is_heavy() -> None:
    ends = {}
    for density in (50.0, 5000.0):
        blueprint, state = begun(crate("c", 8.0, 8.0, density=density), player_start=(5.0, 8.0, 0.5))
        step(blueprint, state, [Command(0, "move", {"forward": 1.0})])
        run(blueprint, state, 3 * TICK_HZ)
        ends[density] = place_of(state, "c")[0], float(state.columns.position[0, 0])
        assert ends[density][1] < ends[density][0] - 0.69, "never inside of it"
    assert ends[50.0][0] > 9.5 and ends[50.0][1] > 8.8
    assert ends[5000.0][0] == pytest.approx(8.0, abs=0.02) and ends[5000.0][1] == pytest.approx(7.3, abs=0.03)


def test_the_player_stands_on_a_crate_and_its_weight_is_felt() -> None:
    blueprint, state = begun(crate("c", 8.0, 8.0, density=400.0), player_start=(8.0, 8.0, 2.5))
    run(blueprint, state, 100)
    assert state.player.on_ground and state.columns.position[0, 2] == pytest.approx(1.3, abs=0.02)
    plank = Spawn("plank", -1, (8.0, 8.0, 1.5), 0.0, {
        "shape": "box", "body_size": (4.0, 1.0, 0.1), "density": 100.0, "hinged": True,
        "hinge_axis": (0.0, 1.0, 0.0)})  # fmt: skip
    blueprint, state = begun(plank, player_start=(9.2, 8.0, 2.0))
    run(blueprint, state, 100)
    assert state.columns.orientation[1, 1] > 0.1  # the side on which the player stands went down


def test_steps_of_crates_are_walked_and_high_ones_are_not() -> None:
    low = {"shape": "box", "body_size": (2.0, 2.0, 0.25), "density": 2000.0}
    high = {"shape": "box", "body_size": (1.0, 2.0, 0.5), "density": 2000.0}
    blueprint, state = begun(
        Spawn("low", -1, (7.0, 8.0, 0.5), 0.0, low), Spawn("high", -1, (9.5, 8.0, 0.5), 0.0, high),
        player_start=(4.0, 8.0, 0.5),
    )  # fmt: skip
    run(blueprint, state, 30)
    step(blueprint, state, [Command(30, "move", {"forward": 1.0})])
    heights = []
    for _ in range(4 * TICK_HZ):
        step(blueprint, state)
        heights.append(float(state.columns.position[0, 2]))
    assert max(heights) == pytest.approx(0.76, abs=0.03)
    assert state.columns.position[0, 0] == pytest.approx(8.7, abs=0.05)


@pytest.mark.parametrize(("degrees", "climbs"), [(15.0, True), (30.0, True), (65.0, False)])
def test_slopes_are_walked_up_to_fifty_degrees(degrees: float, climbs: bool) -> None:
    half = np.radians(degrees) / 2
    ramp = Spawn("ramp", -1, (8.0, 8.0, 0.6), 0.0, {
        "shape": "box", "body_size": (6.0, 3.0, 0.2), "kinematic": True,
        "orientation": (0.0, -float(np.sin(half)), 0.0, float(np.cos(half)))})  # fmt: skip
    blueprint, state = begun(ramp, player_start=(4.0, 8.0, 0.5))
    step(blueprint, state, [Command(0, "move", {"forward": 1.0})])
    run(blueprint, state, 3 * TICK_HZ)
    assert bool(state.columns.position[0, 2] > 1.0) is climbs


def test_what_carries_the_player_takes_it_along() -> None:
    raft = Spawn("raft", -1, (6.0, 8.0, 0.5), 0.0, {
        "shape": "box", "body_size": (2.0, 2.0, 0.25), "kinematic": True,
        "linear_velocity": (1.0, 0.0, 0.0)})  # fmt: skip
    blueprint, state = begun(raft, player_start=(6.0, 8.0, 0.8))
    run(blueprint, state, 10)
    before = state.columns.position[0].copy()
    run(blueprint, state, 2 * TICK_HZ)
    assert state.columns.position[0] - before == pytest.approx((2.0, 0.0, 0.0), abs=0.05)


def test_crates_do_not_fall_through_people_nor_through_the_player() -> None:
    blueprint, state = begun(
        crate("on him", 8.0, 8.0, 3.5), crate("on her", 4.0, 4.0, 3.5),
        Spawn("her", PERSON, (4.0, 4.0, 0.5), 0.0, {"behaviour": "none"}),
    )  # fmt: skip
    run(blueprint, state, 60)
    for name in ("on him", "on her"):
        assert place_of(state, name)[2] > 2.0


def test_walkers_push_what_is_light_and_wait_before_what_is_heavy() -> None:
    for density, free in ((20.0, True), (4000.0, False)):
        walker = Spawn("bob", PERSON, (4.0, 12.0, 0.5), 0.0, {"behaviour": "patrol", "path": 0, "speed": 1.5})
        path = Path(np.array([[12.0, 12.0, 0.5], [12.1, 12.0, 0.5]]))
        blueprint, state = begun(crate("c", 7.0, 12.0, density=density), walker, paths=(path,))
        run(blueprint, state, 4 * TICK_HZ)
        bob = place_of(state, "bob")
        assert bool(place_of(state, "c")[0] > 7.5) is free and bool(bob[0] > 7.0) is free
        if not free:
            assert bob[0] == pytest.approx(6.33, abs=0.05)


def test_a_crowd_takes_part_only_where_bodies_are() -> None:
    spawns = [Spawn("", PERSON, (1.0 + 0.5 * (i % 120), 2.0 + i // 120, 0.5), 0.0, {"behaviour": "wander"})
              for i in range(6000)]  # fmt: skip
    blueprint = empty_world((64, 64, 8), spawns=(*spawns, crate("c", 32.0, 32.0)))
    state = run(blueprint, new_state(blueprint), 2)
    people = [key for key, stamp in mirror_of(state).solver.stamps().items() if stamp & 0xFF == 4]
    assert 4 <= len(people) < 200


def doorway(slide: tuple[float, float, float] = (0.0, 0.0, 0.0), *spawns: Spawn) -> tuple[Blueprint, State]:
    wall = [((32, 0, 2), (33, 64, 16), STONE)]
    gate = Spawn("gate", LEAF_OF_DOOR, (8.125, 8.0, 0.5), np.pi / 2,
                 {"door_low": (32, 30, 2), "door_high": (33, 34, 10), "door_slide": slide})  # fmt: skip
    return begun(gate, *spawns, boxes=wall, player_start=(3.0, 3.0, 0.5))


def test_an_opening_leaf_pushes_what_stands_before_it() -> None:
    small = {"shape": "box", "body_size": (0.4, 0.4, 0.4), "density": 100.0}
    blueprint, state = doorway((0.0, 0.0, 0.0), Spawn("c", CRATE, (7.6, 8.0, 0.5), 0.0, small))
    run(blueprint, state, 5)
    actions.open_door(blueprint, state, state.id_by_name["gate"], True)
    run(blueprint, state, 60)
    assert state.columns.door_swing[1] == 38
    assert place_of(state, "c")[0] < 7.5 or place_of(state, "c")[1] < 7.8


def test_a_leaf_waits_for_what_cannot_give_way_and_shuts_when_it_is_gone() -> None:
    small = {"shape": "box", "body_size": (0.4, 0.4, 0.4), "density": 20_000.0}
    blueprint, state = doorway((0.0, 0.0, 0.0), Spawn("c", CRATE, (8.1, 8.0, 0.5), 0.0, small))
    gate = state.id_by_name["gate"]
    actions.open_door(blueprint, state, gate, True)
    actions.move_to(blueprint, state, state.id_by_name["c"], (8.1, 8.0, 0.5))
    run(blueprint, state, 60)
    actions.set_velocity(blueprint, state, state.id_by_name["c"], (0.0, 0.0, 0.0))
    actions.open_door(blueprint, state, gate, False)
    run(blueprint, state, 200)
    assert not state.voxels.material[32, 30:34, 2:10].any(), "it did not shut"
    actions.despawn(blueprint, state, state.id_by_name["c"])
    run(blueprint, state, 80)
    assert state.voxels.material[32, 30:34, 2:10].all()


def test_a_sliding_leaf_goes_aside_and_comes_back() -> None:
    blueprint, state = doorway((0.0, 1.25, 0.0))
    gate = state.id_by_name["gate"]
    actions.open_door(blueprint, state, gate, True)
    ways = []
    for _ in range(40):
        step(blueprint, state)
        view = extract(blueprint, state).bodies
        ways.append(float(view.position[0, 1]))
        assert view.yaw[0] == pytest.approx(np.pi / 2)
    assert (np.diff(ways)[:-3] > 0).all() and ways[-1] == pytest.approx(8.0 + 1.25, abs=1e-5)
    actions.open_door(blueprint, state, gate, False)
    run(blueprint, state, 60)
    assert state.voxels.material[32, 30:34, 2:10].all()


# --- what is told -----------------------------------------------------------------------------------------------------


def test_contacts_are_told_for_those_who_ask_in_order() -> None:
    blueprint, state = begun(
        crate("quiet", 2.0, 2.0, 1.5), crate("one", 4.0, 4.0, 1.5, tells=True), crate("two", 4.0, 4.0, 2.5, tells=True)
    )
    told = []
    for _ in range(64):
        step(blueprint, state)
        told += [e.args for e in state.events if e.kind == "contact"]
    one, two = state.id_by_name["one"], state.id_by_name["two"]
    pairs = [(a, b) for a, b, _ in told]
    assert (one, 0) in pairs and pairs.index((one, two)) + 1 == pairs.index((two, one))
    assert {a for a, _ in pairs} == {one, two}
    impulse = next(i for a, b, i in told if (a, b) == (one, 0))
    assert 51.2 * 3.0 < impulse < 51.2 * 9.0


def test_more_contacts_than_the_cap_are_not_told() -> None:
    spawns = [
        Spawn("", CRATE, (0.5 + 0.5 * (i % 30), 0.5 + 0.5 * (i // 30), 0.6), 0.0,
              {"density": 100.0, "shape": "box", "body_size": (0.3, 0.3, 0.3), "tells": True})
        for i in range(300)
    ]  # fmt: skip
    blueprint, state = begun(*spawns)
    most = 0
    for _ in range(20):
        step(blueprint, state)
        most = max(most, sum(e.kind == "contact" for e in state.events))
    assert most == bodies.MAX_CONTACTS


def test_pushing_changes_speed_by_impulse_over_mass() -> None:
    blueprint, state = begun(crate("c", 4.0, 4.0, 4.0))
    actions.push(blueprint, state, state.id_by_name["c"], (51.2, 0.0, 0.0))
    assert actions.velocity_of(blueprint, state, state.id_by_name["c"]) == pytest.approx((1.0, 0.0, 0.0), abs=1e-4)
    run(blueprint, state, 16)
    assert place_of(state, "c")[0] == pytest.approx(4.25, abs=0.01)
