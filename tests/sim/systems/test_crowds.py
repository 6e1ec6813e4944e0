"""Crowds: everybody gets where it wants to go, round walls and each other, and always in the same way."""

import os
import subprocess
import sys
from pathlib import Path as File

import numpy as np
import pytest

from engine.core.errors import DaguerreError
from engine.sim import actions
from engine.sim.recording import run, synctest
from engine.sim.step import step
from engine.sim.systems.behaviours import GOALS_PER_TICK, hours_entry
from engine.sim.ways import Ways, ways_of
from engine.state import snapshot
from engine.state.blueprint import Path, Place, Schedule, Spawn
from engine.state.commands import Command
from engine.state.components import NONE, PATROL, SEEK, WALKS, WANDER
from engine.state.world import State, new_state
from tests.worlds_for_tests import LEAF_OF_DOOR, PERSON, STONE, busy_world, doorway, empty_world

ROOT = File(__file__).parent.parent.parent.parent
COMMANDS = [
    Command(20, "move", {"forward": 1.0}),
    Command(60, "set_voxels", {"low": [24, 20, 2], "high": [26, 50, 10], "material": 2}),
    Command(120, "set_voxels", {"low": [24, 30, 2], "high": [26, 34, 10], "material": 0}),
]
PROGRAM = """
from tests.sim.systems.test_crowds import COMMANDS
from tests.worlds_for_tests import busy_world
from engine.sim.recording import run
from engine.state.world import new_state
print(run(busy_world(), new_state(busy_world(), 7), 300, COMMANDS).digest())
"""


def walker(at: tuple[float, float, float] = (4.0, 8.0, 0.5), **components: object) -> Spawn:
    return Spawn("walker", PERSON, at, 0.0, components)


def place_of(state: State, index: int = 1) -> np.ndarray:
    return state.columns.position[index, :2].copy()


# --- always the same --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "1", "NPY_DISABLE_CPU_FEATURES": "X86_V3 AVX2 FMA3"},
        pytest.param({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, marks=pytest.mark.slow),  # compiles anew
    ],
)
def test_other_processes_hash_seeds_and_processors_agree_on_a_crowd(environment: dict[str, str]) -> None:
    here = run(busy_world(), new_state(busy_world(), 7), 300, COMMANDS).digest()
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) == here


def test_saving_and_loading_before_every_tick_changes_nothing_in_a_crowd() -> None:
    blueprint = busy_world()
    state = run(blueprint, new_state(blueprint, 1), 130, COMMANDS)
    actions.open_door(blueprint, state, state.id_by_name["gate"], False)
    assert synctest(blueprint, state, 120) is None


def test_what_the_cache_of_fields_holds_changes_nothing() -> None:
    """One run keeps all, one forgets all before every tick, one keeps a single field and asks for others in between."""
    blueprint = busy_world()
    keeps, forgets, thrashes = (new_state(blueprint, 3) for _ in range(3))
    thrashes.derived["ways"] = Ways(thrashes.voxels, most_bytes=1)
    for tick in range(220):
        commands = [c for c in COMMANDS if c.tick == tick]
        forgets.derived.clear()
        ground = ways_of(thrashes).ground()
        ways_of(thrashes).towards(tick * 37 % len(ground.level), np.array([tick * 11 % len(ground.level)]))
        for state in (keeps, forgets, thrashes):
            step(blueprint, state, commands)
        assert keeps.digest() == forgets.digest() == thrashes.digest(), tick
    assert len(ways_of(thrashes).fields) == 1 < len(ways_of(keeps).fields)


# --- through doors and round each other -------------------------------------------------------------------------------


@pytest.mark.parametrize(("both_ways", "seconds"), [(False, 25), (True, 60)])
def test_fifty_get_through_a_doorway_of_one_metre(both_ways: bool, seconds: int) -> None:
    """Also when half of them come from the other side. Nobody walks through the wall, and nobody stays in another."""
    blueprint = doorway(50, both_ways)
    state = new_state(blueprint, 1)
    p = state.columns.position[1:51]
    began = p[:, 0] < 8.0
    too_near = np.zeros((50, 50), int)
    for _ in range(seconds * 64):
        step(blueprint, state)
        i, j, k = np.floor(p.T * 4.0 + np.array([[0.0], [0.0], [0.5]])).astype(int)
        assert not state.voxels.material[i, j, k].any()
        distance = np.linalg.norm(p[:, None, :2] - p[:, :2], axis=2) + 9.0 * np.eye(50)
        assert distance.min() > 0.15
        too_near = np.where(distance < 0.35, too_near + 1, 0)
        assert too_near.max() < 128, "two stood in one another for two seconds"
        if ((p[:, 0] < 8.0) != began).all():
            return
    raise AssertionError(f"{int(((p[:, 0] < 8.0) == began).sum())} of 50 are not through")


def test_a_shut_door_is_gone_round_and_an_open_one_gone_through() -> None:
    boxes = [((32, 0, 2), (33, 28, 12), STONE), ((32, 32, 2), (33, 56, 12), STONE)]
    gate = Spawn("gate", LEAF_OF_DOOR, (8.125, 7.5, 0.5), 0.0, {"door_low": (32, 28, 2), "door_high": (33, 32, 10)})
    for is_open in (False, True):
        blueprint = empty_world(
            spawns=(walker(behaviour="seek", place=0, speed=2.0), gate),
            boxes=boxes,
            places=(Place("there", (12.0, 8.0, 0.5), 0.0),),
            player_start=(1.0, 1.0, 0.5),
        )
        state = new_state(blueprint)
        actions.open_door(blueprint, state, state.id_by_name["gate"], is_open)
        crossed = []
        for _ in range(64 * 14):
            x = place_of(state)[0]
            step(blueprint, state)
            if x < 8.125 <= place_of(state)[0]:
                crossed.append(place_of(state)[1])
        assert len(crossed) == 1 and bool(abs(crossed[0] - 7.5) < 0.5) is is_open
        assert np.linalg.norm(place_of(state) - (12.0, 8.0)) < 0.5


def test_a_door_that_shuts_on_the_way_sends_people_round() -> None:
    blueprint = doorway(6)
    state = run(blueprint, new_state(blueprint), 32)
    step(blueprint, state, [Command(32, "set_voxels", {"low": [32, 30, 2], "high": [33, 34, 12], "material": 1})])
    run(blueprint, state, 64)
    assert state.columns.lost[1:7].all() and (state.columns.position[1:7, 0] < 8.0).all()
    step(blueprint, state, [Command(97, "set_voxels", {"low": [32, 2, 2], "high": [33, 6, 12], "material": 0})])
    run(blueprint, state, 64 * 20)
    assert not state.columns.lost[1:7].any() and (state.columns.position[1:7, 0] > 8.0).all()


def test_nobody_stands_in_the_player() -> None:
    blueprint = doorway(30)
    state = new_state(blueprint, 1)
    step(blueprint, state, [Command(0, "teleport", {"position": [8.1, 8.0, 0.5], "yaw": 0.0, "pitch": 0.0})])
    for _ in range(64 * 10):
        step(blueprint, state)
        assert np.linalg.norm(state.columns.position[1:31, :2] - place_of(state, 0), axis=1).min() > 0.3


# --- the behaviours ---------------------------------------------------------------------------------------------------


def test_everybody_has_a_spot_of_its_own_in_a_place_and_rests_there() -> None:
    spawns = tuple(Spawn("", PERSON, (1.0 + i % 8, 1.0 + i // 8, 0.5), 0.0, {"behaviour": "seek", "place": 0})
                   for i in range(24))  # fmt: skip
    blueprint = empty_world(spawns=spawns, places=(Place("square", (11.0, 11.0, 0.5), 3.0),))
    state = run(blueprint, new_state(blueprint), 64 * 25)
    p = state.columns.position[1:25, :2]
    assert np.linalg.norm(p - 11.0, axis=1).max() < 4.0
    distance = np.linalg.norm(p[:, None] - p, axis=2) + 9.0 * np.eye(24)
    assert distance.min() > 0.45
    before = p.copy()
    run(blueprint, state, 64)
    assert (np.linalg.norm(state.columns.position[1:25, :2] - before, axis=1) < 0.01).mean() > 0.8


def test_seekers_of_an_entity_find_it_behind_a_wall_and_greet_it() -> None:
    boxes = [((32, 16, 2), (33, 64, 12), STONE)]
    blueprint = empty_world(
        spawns=(walker((5.0, 12.0, 0.5), behaviour="seek", speed=2.0),), boxes=boxes, player_start=(11.0, 12.0, 0.5)
    )
    state = run(blueprint, new_state(blueprint), 64 * 14)
    assert np.linalg.norm(place_of(state) - (11.0, 12.0)) == pytest.approx(0.8, abs=0.1)


def test_followers_come_round_the_corner() -> None:
    boxes = [((32, 16, 2), (33, 64, 12), STONE)]
    blueprint = empty_world(
        spawns=(walker((5.0, 12.0, 0.5), behaviour="follow", speed=2.0),), boxes=boxes, player_start=(11.0, 12.0, 0.5)
    )
    state = run(blueprint, new_state(blueprint), 64 * 14)
    assert np.linalg.norm(place_of(state) - (11.0, 12.0)) == pytest.approx(1.5, abs=0.2)
    assert not state.columns.lost[1]


def test_who_flees_gets_away_and_stands_when_it_is_far_enough() -> None:
    blueprint = empty_world(spawns=(walker((8.0, 9.0, 0.5), behaviour="flee", radius=4.0, speed=2.0),))
    state = run(blueprint, new_state(blueprint), 64 * 4)
    away = np.linalg.norm(place_of(state) - place_of(state, 0))
    assert 4.0 <= away < 4.2
    run(blueprint, state, 64)
    assert np.linalg.norm(place_of(state) - place_of(state, 0)) == away


def test_who_flees_into_a_wall_runs_along_it() -> None:
    boxes = [((12, 12, 2), (14, 64, 12), STONE)]  # a wall in the west, open in the south
    blueprint = empty_world(
        spawns=(walker((4.2, 5.0, 0.5), behaviour="flee", radius=5.0, speed=2.0),), boxes=boxes,
        player_start=(6.0, 5.6, 0.5),
    )  # fmt: skip
    state = run(blueprint, new_state(blueprint), 64 * 10)
    assert np.linalg.norm(place_of(state) - place_of(state, 0)) >= 5.0


def test_a_wanderer_with_a_place_stays_about_it_and_comes_back() -> None:
    blueprint = empty_world(
        spawns=(walker((2.0, 2.0, 0.5), behaviour="wander", place=0, radius=3.0),),
        places=(Place("tree", (11.0, 11.0, 0.5), 1.0),),
        boxes=[((24, 0, 2), (25, 50, 12), STONE)],
        player_start=(15.0, 1.0, 0.5),
    )
    state = run(blueprint, new_state(blueprint, 2), 64 * 25)
    seen = []
    for _ in range(64 * 20):
        step(blueprint, state)
        seen.append(np.linalg.norm(place_of(state) - 11.0))
    assert max(seen) < 3.2 and max(seen) - min(seen) > 1.0


def test_a_patrol_finds_its_way_between_points_that_do_not_see_each_other() -> None:
    boxes = [((32, 16, 2), (33, 64, 12), STONE)]
    path = Path(np.array([[11.0, 12.0, 0.5], [5.0, 12.0, 0.5]]))
    blueprint = empty_world(
        spawns=(walker((5.0, 12.0, 0.5), behaviour="patrol", path=0, speed=2.0),), paths=(path,), boxes=boxes,
        player_start=(1.0, 1.0, 0.5),
    )  # fmt: skip
    state, visits = new_state(blueprint), []
    for _ in range(64 * 45):
        step(blueprint, state)
        d = np.linalg.norm(path.points[:, :2] - place_of(state), axis=1)
        if d.min() < 0.45 and (not visits or visits[-1] != d.argmin()):
            visits.append(int(d.argmin()))
    assert visits[:4] == [1, 0, 1, 0]


def test_a_schedule_sends_people_where_they_belong_at_each_hour() -> None:
    day = Schedule(((6.0, SEEK, 0), (9.0, WANDER, -1), (20.0, SEEK, 1)))
    places = (Place("market", (12.0, 12.0, 0.5), 1.0), Place("home", (3.0, 3.0, 0.5), 1.0))
    blueprint = empty_world(
        spawns=(walker(behaviour="schedule", schedule=0, speed=2.0),), places=places, schedules=(day,), day_rate=0.0,
        start_hour=7.0,
    )  # fmt: skip
    state = run(blueprint, new_state(blueprint), 64 * 10)
    assert np.linalg.norm(place_of(state) - 12.0) < 1.6
    state.clock += 3 * 3600 * 65_536
    before = place_of(state)
    run(blueprint, state, 64 * 2)
    assert np.linalg.norm(place_of(state) - before) > 0.5
    state.clock += 12 * 3600 * 65_536
    run(blueprint, state, 64 * 12)
    assert np.linalg.norm(place_of(state) - 3.0) < 1.6


@pytest.mark.parametrize(
    ("hour", "says"),
    [(6.0, (SEEK, 0)), (8.9, (SEEK, 0)), (9.0, (WANDER, -1)), (23.0, (PATROL, -1)), (0.0, (PATROL, -1))],
)
def test_the_last_entry_of_a_schedule_holds_through_the_night(hour: float, says: tuple[int, int]) -> None:
    blueprint = empty_world(schedules=(Schedule(((6.0, SEEK, 0), (9.0, WANDER, -1), (20.0, PATROL, -1))),))
    assert hours_entry(blueprint, 0, hour) == says


def test_who_has_no_way_says_so_and_stands() -> None:
    room = [((40, 40, 2), (56, 41, 12), STONE), ((40, 55, 2), (56, 56, 12), STONE),
            ((40, 40, 2), (41, 56, 12), STONE), ((55, 40, 2), (56, 56, 12), STONE)]  # fmt: skip
    blueprint = empty_world(
        spawns=(walker(behaviour="seek", place=0),),
        places=(Place("inside", (12.0, 12.0, 0.5), 1.0),),
        boxes=room,
    )  # fmt: skip
    state = run(blueprint, new_state(blueprint), 64)
    assert state.columns.lost[1] and place_of(state).tolist() == [4.0, 8.0]


def test_more_goals_than_a_tick_has_time_for_take_turns() -> None:
    n = 3 * GOALS_PER_TICK + 1
    places = tuple(Place(f"p{i}", (14.0, 1.0 + 0.55 * i, 0.5), 0.0) for i in range(n))
    spawns = tuple(Spawn("", PERSON, (2.0, 1.0 + 0.55 * i, 0.5), 0.0, {"behaviour": "seek", "place": n - 1 - i})
                   for i in range(n))  # fmt: skip
    blueprint = empty_world(spawns=spawns, places=places, player_start=(0.5, 0.5, 0.5))
    state = new_state(blueprint)
    step(blueprint, state)
    moving = (state.columns.velocity[1 : n + 1] != 0.0).any(1)
    assert moving.sum() == GOALS_PER_TICK
    run(blueprint, state, 64 * 25)
    goals = np.array([p.position[:2] for p in places])[::-1]
    assert np.linalg.norm(state.columns.position[1 : n + 1, :2] - goals, axis=1).max() < 1.1


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_whom_somebody_flees_or_seeks_may_vanish() -> None:
    wolf = Spawn("wolf", PERSON, (6.0, 8.0, 0.5), 0.0, {"behaviour": "none", "speed": 1.0})
    blueprint = empty_world(spawns=(walker(behaviour="flee", follows="wolf"), wolf))
    state = run(blueprint, new_state(blueprint), 10)
    actions.despawn(blueprint, state, state.id_by_name["wolf"])
    assert state.columns.behaviour[1] == NONE
    run(blueprint, state, 10)


@pytest.mark.parametrize("column", ["radius", "speed", "position", "velocity"])
def test_a_snapshot_with_a_number_that_is_none_is_refused(column: str) -> None:
    blueprint = busy_world()
    state = new_state(blueprint)
    rows = np.flatnonzero(state.columns.parts[: state.n_slots] & WALKS)
    state.columns[column][rows[3]] = np.nan
    with pytest.raises(DaguerreError, match=column):
        snapshot.load(blueprint, snapshot.save(blueprint, state))


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("place", 7, "no such place"),
        ("schedule", 5, "no such schedule"),
        ("behaviour", 6, "a schedule is missing"),
        ("behaviour", 7, "outside 0 to 6"),
    ],
)
def test_a_snapshot_that_names_what_is_not_there_is_refused(column: str, value: int, why: str) -> None:
    blueprint = busy_world()
    state = new_state(blueprint)
    index = next(i for i in range(2, state.n_slots) if state.columns.schedule[i] == -1)
    state.columns[column][index] = value
    with pytest.raises(DaguerreError, match=why):
        snapshot.load(blueprint, snapshot.save(blueprint, state))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "seek", "place": 2}, "place is 2, this world has places 0 to 1"),
        ({"name": "seek", "place": 0.5}, "place is 0.5"),
        ({"name": "seek", "follows": 12}, "names no living entity"),
        ({"name": "flee", "radius": float("nan")}, "radius is nan, it must be a number from 0.5"),
        ({"name": "flee", "radius": 0.0}, "radius is 0.0"),
        ({"name": "schedule"}, "needs a schedule"),
        ({"name": "schedule", "schedule": 9}, "schedule is 9, this world has schedules 0 to 1"),
        ({"name": "schedule", "schedule": 1}, "schedule 1 says patrol, which needs a path"),
        ({"name": "seek", "speed": float("inf")}, "speed is inf"),
    ],
)
def test_a_wrong_behaviour_is_refused_and_changes_nothing(changes: dict[str, object], why: str) -> None:
    blueprint = busy_world()
    state = new_state(blueprint)
    before = state.digest()
    with pytest.raises(DaguerreError, match=why):
        actions.set_behaviour(blueprint, state, state.entity_at(2), **changes)  # type: ignore[arg-type]
    assert state.digest() == before
