"""The solver behind the protocol: what it remembers, what it refuses, how its casts treat what is touched already."""

import math
from typing import Any

import msgpack
import pytest

from engine.core.rotations import UPRIGHT
from engine.sim.physics import rapier
from engine.sim.physics.rapier import NAME, RESTORED_EVERY, RapierSolver
from engine.sim.physics.shapes import box
from engine.sim.physics.solver import (
    BODIES,
    CARRIED,
    DYNAMIC,
    FIXED,
    GROUND,
    PEOPLE,
    BrokenBodies,
    Hinge,
    PhysicsError,
    Surface,
)

STILL = (0.0,) * 6
CUBE = (box((-0.5, -0.5, 0.0), (0.5, 0.5, 1.0)),)
FLOOR = (box((-20.0, -20.0, -1.0), (20.0, 20.0, 0.0)),)


def on_a_floor() -> RapierSolver:
    solver = RapierSolver()
    solver.put(1, FIXED, GROUND, FLOOR, (0.0, 0.0, 0.0, *UPRIGHT, *STILL), Surface())
    return solver


def with_a_cube(height: float = 0.0, tells: bool = False) -> RapierSolver:
    solver = on_a_floor()
    solver.put(7, DYNAMIC, BODIES, CUBE, (0.0, 0.0, height, *UPRIGHT, *STILL), Surface(), stamp=BODIES, tells=tells)
    return solver


def test_bytes_are_all_of_it() -> None:
    solver = with_a_cube(2.0)
    for _ in range(10):
        solver.step()
    other = RapierSolver.from_bytes(solver.to_bytes())
    assert other.to_bytes() == solver.to_bytes() and other.stamps() == solver.stamps() == {1: 0, 7: BODIES}
    for _ in range(60):
        solver.step()
        other.step()
        assert other.to_bytes() == solver.to_bytes()
    assert other.motion(7)[2] == pytest.approx(0.0, abs=0.01)


def stir(solver: RapierSolver, tick: int) -> None:
    """What a tick may do to three cubes without putting anything in."""
    if tick % 3 == 0:
        solver.push(7, (900.0, 100.0 * tick, 0.0), (0.0, 0.0, 0.5))
    if tick % 4 == 1:
        solver.set_velocities(8, (*solver.motion(8)[:7], 0.3, -0.2, 1.0, 0.0, 0.5, 0.0))
    if tick % 5 == 2:
        solver.set_motion(9, (1.5, 0.1, 1.0 + 0.01 * tick, *UPRIGHT, *STILL))
    if tick % 7 == 3:
        solver.wake(8)
    solver.carry(10, (-2.0 + 0.05 * tick, 0.0, 0.0, *UPRIGHT))
    solver.step()


def with_three_cubes_and_a_walker() -> RapierSolver:
    solver = with_a_cube()
    for key in (8, 9):
        solver.put(key, DYNAMIC, BODIES, CUBE, (0.0, 0.0, key - 7.0, *UPRIGHT, *STILL), Surface(), stamp=BODIES)
    solver.put(10, CARRIED, PEOPLE, CUBE, (-2.0, 0.0, 0.0, *UPRIGHT, *STILL), Surface())
    return solver


def test_what_was_saved_at_any_tick_goes_on_as_the_run_did() -> None:
    solver, saves = with_three_cubes_and_a_walker(), []
    for tick in range(40):
        stir(solver, tick)
        saves.append(solver.to_bytes())
    for tick in range(RESTORED_EVERY + 3):
        other = RapierSolver.from_bytes(saves[tick])
        assert other.to_bytes() == saves[tick]
        for later in range(tick + 1, 40):
            stir(other, later)
            other.cast_ray((0.0, 0.0, 5.0), (0.0, 0.0, -10.0), BODIES | GROUND)  # to ask changes nothing
            assert other.to_bytes() == saves[later], (tick, later)


def test_a_run_of_many_calls_still_makes_saves_that_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rapier, "MOST_CALLS", 20)
    solver = with_three_cubes_and_a_walker()
    for tick in range(12):
        for _ in range(9 * (tick % 3)):
            solver.push(7, (1.0, 0.0, 0.0), (0.0, 0.0, 0.5))
        stir(solver, tick)
        assert RapierSolver.from_bytes(solver.to_bytes()).motion(7) == solver.motion(7)


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"RPYS" + bytes(40), *map(msgpack.packb, ((b"RPYS", ()), (1, ()), 5))]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PhysicsError, match=NAME):
        RapierSolver.from_bytes(data)


STAYS = (0.0, 0.0, 0.0, *UPRIGHT)


@pytest.mark.parametrize(
    "calls",
    [
        5,
        ("step",),
        (("step",),) * RESTORED_EVERY,
        (("step", 7),),
        (("put", 7),),
        (("__init__", 7),),
        (("remove", 7),),
        ((7, "wake"),),
        (("wake", 77),),
        (("wake", True),),
        (("wake", 7, ()),),
        (("wake", (7,)),),
        (("carry", 7, STAYS[:6]),),
        (("carry", 7, (*STAYS[:6], 1)),),
        (("carry", 7, (*STAYS[:6], math.nan)),),
        (("push", 7, (0.0, math.inf, 0.0), (0.0, 0.0, 0.0)),),
        (("push", 7, (0.0, 0.0, 0.0)),),
        (("set_motion", 7, "thirteen"),),
        (("set_motion", 7, (*STAYS, *[1e300] * 6)), ("step",)),
        (("wake", 7),) * (rapier.MOST_CALLS + 1),
    ],
)
def test_calls_that_no_run_makes_are_refused(calls: Any) -> None:
    solver = with_a_cube()
    solver.step()
    own, _ = msgpack.unpackb(solver.to_bytes())
    with pytest.raises(PhysicsError, match=NAME):
        RapierSolver.from_bytes(msgpack.packb((own, calls)))


def test_a_taken_key_is_refused() -> None:
    with pytest.raises(PhysicsError, match="key 7 is taken"):
        with_a_cube().put(7, DYNAMIC, BODIES, CUBE, (0.0, 0.0, 0.0, *UPRIGHT, *STILL), Surface())


def test_what_breaks_is_named() -> None:
    solver = with_a_cube()
    solver.step()
    solver.set_motion(7, (0.0, 0.0, 0.0, *UPRIGHT, math.nan, *STILL[1:]))
    with pytest.raises(BrokenBodies) as caught:
        solver.step()
    assert caught.value.keys == [7]


def test_a_touch_is_told_once_with_its_impulse() -> None:
    solver = with_a_cube(0.5, tells=True)
    touches = [t for _ in range(64) for t in solver.step()]
    assert [{t.key, t.other} for t in touches] == [{1, 7}]
    speed = math.sqrt(2 * 9.81 * 0.5)
    assert touches[0].impulse == pytest.approx(1000.0 * speed, rel=0.2)


def test_casts_pass_what_they_touch_and_stop_before_what_is_ahead() -> None:
    solver = with_a_cube()
    solver.step()
    half = (0.3, 0.3, 0.5)
    hit = solver.cast_box((-2.0, 0.0, 0.6), half, (3.0, 0.0, 0.0), BODIES, 0.0)
    assert hit is not None and hit.key == 7 and hit.share == pytest.approx(1.2 / 3.0, abs=0.01)
    assert hit.normal == pytest.approx((-1.0, 0.0, 0.0), abs=1e-3)
    touching = (-0.795, 0.0, 0.6)
    assert solver.cast_box(touching, half, (0.1, 0.0, 0.0), BODIES, 0.01).share == 0.0  # type: ignore[union-attr]
    for way in ((-0.1, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 1.0)):
        assert solver.cast_box(touching, half, way, BODIES, 0.01) is None
    assert solver.cast_box((-2.0, 0.0, 0.6), half, (3.0, 0.0, 0.0), PEOPLE, 0.0) is None
    assert solver.cast_box((-2.0, 0.0, 0.6), half, (3.0, 0.0, 0.0), BODIES, 0.0, but=(7,)) is None


def test_rays_meet_the_nearest() -> None:
    solver = with_a_cube()
    solver.step()
    hit = solver.cast_ray((0.0, 0.0, 5.0), (0.0, 0.0, -10.0), BODIES | GROUND)
    assert hit is not None and hit.key == 7 and hit.share == pytest.approx(0.4, abs=1e-3)
    assert hit.normal == pytest.approx((0.0, 0.0, 1.0), abs=1e-3)
    ground = solver.cast_ray((0.0, 0.0, 5.0), (0.0, 0.0, -10.0), GROUND)
    assert ground is not None and ground.key == 1 and ground.point[2] == pytest.approx(0.0, abs=1e-3)
    assert solver.cast_ray((3.0, 0.0, 5.0), (0.0, 0.0, -4.0), BODIES | GROUND) is None
    assert solver.overlaps((0.5, 0.0, 0.5), (0.1, 0.1, 0.1), BODIES)
    assert not solver.overlaps((1.0, 0.0, 0.5), (0.1, 0.1, 0.1), BODIES)


def test_only_bodies_are_held_up_by_people_and_carried_things_push() -> None:
    solver = with_a_cube()
    solver.put(9, CARRIED, PEOPLE, CUBE, (-3.0, 0.0, 0.0, *UPRIGHT, *STILL), Surface())
    for i in range(64):
        solver.carry(9, (-3.0 + 4.0 * (i + 1) / 64, 0.0, 0.0, *UPRIGHT))
        solver.step()
    assert solver.motion(9)[:3] == pytest.approx((1.0, 0.0, 0.0), abs=1e-5)
    assert solver.motion(7)[0] >= 1.9


def test_sleepers_sleep_until_touched_while_others_go_on() -> None:
    solver = with_a_cube()
    solver.put(8, DYNAMIC, BODIES, CUBE, (0.0, 0.0, 1.0, *UPRIGHT, *STILL), Surface())
    solver.put(9, DYNAMIC, BODIES, CUBE, (5.0, 0.0, 3.0, *UPRIGHT, *STILL), Surface())
    solver.lay_to_rest([7, 8])
    for _ in range(20):
        solver.step()
    assert solver.motions([7, 8])[0] == [True, True] and solver.motion(8)[2] == 1.0
    assert solver.motion(9)[2] < 2.6
    solver.push(8, (3000.0, 0.0, 0.0), (0.0, 0.0, 1.5))
    for _ in range(20):
        solver.step()
    assert solver.motion(8)[0] > 0.3


def test_a_hinge_leaves_one_turn_free() -> None:
    solver = on_a_floor()
    plank = (box((0.0, -0.2, -0.05), (2.0, 0.2, 0.05)),)
    solver.put(5, DYNAMIC, BODIES, plank, (0.0, 0.0, 4.0, *UPRIGHT, *STILL), Surface())
    solver.join(5, Hinge(1, (0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 4.0), (0.0, 1.0, 0.0)))
    lowest = 1.0
    for _ in range(64):
        solver.step()
        x, y, z, *turn = solver.motion(5)[:7]
        assert (x, y, z) == pytest.approx((0.0, 0.0, 4.0), abs=0.02)
        assert abs(turn[0]) < 0.02 and abs(turn[2]) < 0.02
        lowest = min(lowest, turn[3])
    assert lowest < 0.8  # it swung down by more than 70 degrees


def test_what_is_taken_out_wakes_what_lay_on_it() -> None:
    solver = with_a_cube()
    solver.put(8, DYNAMIC, BODIES, CUBE, (0.0, 0.0, 1.0, *UPRIGHT, *STILL), Surface())
    for _ in range(400):
        solver.step()
    assert solver.motions([8])[0][0]
    solver.remove(7)
    for _ in range(64):
        solver.step()
    assert solver.motion(8)[2] == pytest.approx(0.0, abs=0.02) and 7 not in solver.stamps()
