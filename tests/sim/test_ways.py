"""Ways: fields lead everybody to the goal, are what their slow definition says, and depend on the voxels alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sim import floods
from engine.sim.step import step
from engine.sim.ways import UNKNOWN, Ways, ground_of, lend, ways_of, ways_reference
from engine.state.blueprint import Place, Spawn
from engine.state.voxels import VoxelGrid
from engine.state.world import new_state
from tests.sim.systems.test_walkers import plain_footing
from tests.worlds_for_tests import PERSON, STONE, empty_world


def rough(seed: int, walls: float = 0.08) -> VoxelGrid:
    """A floor with random steps and pillars, a gallery above a part of it."""
    random = np.random.default_rng(seed)
    voxels = np.zeros((24, 32, 24), np.uint8)
    steps = random.random((24, 32)) < 0.2
    voxels[:, :, 0] = STONE
    voxels[:, :, 1] = steps * STONE
    voxels[random.random((24, 32)) < walls, :14] = STONE
    voxels[4:12, 4:12, 12] = STONE
    return VoxelGrid(voxels)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_nodes_are_where_walkers_find_footing(seed: int) -> None:
    grid = rough(seed, 0.2)
    ground = ground_of(grid)
    for i in range(24):
        for j in range(32):
            c = i * 32 + j
            levels = ground.level[ground.first[c] : ground.first[c + 1]].tolist()
            assert levels == [k for k in range(25) if plain_footing(grid.material, i, j, k) == 0]


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_a_field_is_what_its_slow_definition_says(seed: int) -> None:
    ground = ground_of(rough(seed))
    goal = int(np.random.default_rng(seed).integers(len(ground.level)))
    direction = np.empty((len(ground.level), 2), np.int8)
    assert not floods.flood(ground.link, ground.goes, ground.kind, goal, np.inf, direction)
    way, toward = ways_reference(ground, goal)
    known = direction[:, 0] != UNKNOWN
    assert (known == np.isfinite(way)).all()
    assert np.abs(toward[known] * 127.0 - direction[known]).max() < 0.51


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_what_is_flooded_does_not_depend_on_how_far(seed: int) -> None:
    ground = ground_of(rough(seed))
    goal = int(np.random.default_rng(seed).integers(len(ground.level)))
    whole, part = (np.empty((len(ground.level), 2), np.int8) for _ in range(2))
    goes = ground.goes.copy()
    floods.flood(ground.link, ground.goes, ground.kind, goal, np.inf, whole)
    for limit in (3.0, 9.0, 20.0):
        floods.flood(ground.link, ground.goes, ground.kind, goal, limit, part)
        known = part[:, 0] != UNKNOWN
        assert (part[known] == whole[known]).all()
    assert (ground.goes == goes).all()


def test_compiled_and_interpreted_floods_are_the_same_bits() -> None:
    ground = ground_of(rough(3))
    compiled, interpreted = (np.empty((len(ground.level), 2), np.int8) for _ in range(2))
    floods.flood(ground.link, ground.goes, ground.kind, 5, np.inf, compiled)
    arrival, floods.arrival = floods.arrival, floods.arrival.py_func
    try:
        floods.flood.py_func(ground.link, ground.goes, ground.kind, 5, np.inf, interpreted)
    finally:
        floods.arrival = arrival
    assert (compiled == interpreted).all()


@pytest.mark.parametrize("seed", range(3))
def test_whoever_has_a_way_arrives(seed: int) -> None:
    """Walkers get from random places, round whatever there is, to the goal in twice the time that their way takes."""
    random = np.random.default_rng(seed)
    corners, sizes = random.integers(0, 52, (26, 2)).tolist(), random.integers(1, 10, (26, 2)).tolist()
    boxes = [((x, y, 2), (x + w, y + d, 9), STONE) for (x, y), (w, d) in zip(corners, sizes, strict=True)]
    ground = ground_of(VoxelGrid(empty_world(boxes=boxes).voxels))
    way, _ = ways_reference(ground, ground.node_near(8.0, 8.0, 0.5))
    starts = random.permutation(np.flatnonzero(np.isfinite(way)))[:8]
    column = np.searchsorted(ground.first, starts, side="right") - 1
    feet = np.stack([column // ground.ny + 0.5, column % ground.ny + 0.5, ground.level[starts]], -1) / 4
    seeks: dict[str, object] = {"behaviour": "seek", "place": 0, "speed": 2.0}
    blueprint = empty_world(
        boxes=boxes,
        spawns=tuple(Spawn("", PERSON, (x, y, z), 0.0, seeks) for x, y, z in feet.tolist()),
        places=(Place("middle", (8.0, 8.0, 0.5), 0.0),),
        player_start=(0.5, 0.5, 3.0),
    )
    state = new_state(blueprint)
    longest_s = float(way[starts].max()) * 0.25 / 2.0
    for _ in range(64 + int(64 * 2.0 * longest_s)):
        step(blueprint, state)
    assert np.linalg.norm(state.columns.position[1:9, :2] - 8.0, axis=1).max() < 1.5
    assert not state.columns.lost[1:9].any()


def test_fields_are_bounded_in_bytes_and_the_oldest_goes_first() -> None:
    grid = rough(1)
    n = len(ground_of(grid).level)
    ways = Ways(grid, most_bytes=3 * 2 * n)
    everywhere = np.arange(n)
    first, _ = ways.towards(0, everywhere)
    for goal in (5, 9, 0, 14):
        ways.towards(goal, everywhere)
    assert list(ways.fields) == [9, 0, 14]
    assert (ways.towards(0, everywhere)[0] == first).all()


def test_edits_make_new_ways_and_those_that_change_no_ground_keep_the_old_ones() -> None:
    blueprint = empty_world()
    state = new_state(blueprint)
    ways = ways_of(state)
    goal = ways.ground().node_near(12.0, 8.0, 0.5)
    nodes = ways.ground().nodes_at(np.array([4.0]), np.array([8.0]), np.array([2]))
    assert ways.towards(goal, nodes)[0][0].tolist() == [1.0, 0.0]
    field = ways.fields[goal]
    state.voxels.fill((30, 20, 20), (34, 44, 24), STONE)  # overhead
    ways.towards(goal, nodes)
    assert ways.fields[goal] is not field  # one may stand on top of it
    state.voxels.fill((30, 20, 20), (34, 44, 24), 2)  # another stone
    field = ways.fields[goal]
    ways.towards(goal, nodes)
    assert ways.fields[goal] is field
    state.voxels.fill((30, 20, 2), (34, 44, 12), STONE)
    goal = ways.ground().node_near(12.0, 8.0, 0.5)
    nodes = ways.ground().nodes_at(np.array([4.0]), np.array([8.0]), np.array([2]))
    assert abs(ways.towards(goal, nodes)[0][0, 1]) > 0.2


def test_lent_ways_are_made_anew_where_the_voxels_are_others() -> None:
    blueprint = empty_world()
    one, same, other = (new_state(blueprint) for _ in range(3))
    ways = ways_of(one)
    goal = ways.ground().node_near(8.0, 8.0, 0.5)
    ways.towards(goal, np.array([goal]))
    lend(ways, same)
    assert ways_of(same) is ways and ways.voxels is same.voxels and list(ways.fields) == [goal]
    assert ways.version == same.voxels.version
    other.voxels.fill((8, 8, 2), (12, 12, 12), STONE)
    lend(ways, other)
    np.testing.assert_array_equal(ways_of(other).ground().level, ground_of(other.voxels).level)
    assert not ways.fields


def test_nobody_passes_between_walls_that_are_nearer_than_half_a_metre() -> None:
    for gap, passes in ((1, False), (2, True)):
        boxes = [((32, 0, 2), (33, 30, 12), STONE), ((32, 30 + gap, 2), (33, 64, 12), STONE)]
        ground = ground_of(VoxelGrid(empty_world(boxes=boxes).voxels))
        way, _ = ways_reference(ground, ground.node_near(12.0, 8.0, 0.5))
        assert bool(np.isfinite(way[ground.node_near(4.0, 8.0, 0.5)])) is passes
