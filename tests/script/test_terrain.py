"""Land: noise that is the same everywhere and however it is cut, roads one can walk, rivers that fall, places apart."""

import math
from hashlib import blake2b
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import DaguerreError
from engine.script import draft as drafts
from engine.script import land
from engine.script.draft import Draft
from engine.script.noise import fractal
from engine.script.terrain import Terrain
from engine.state.bricks import Bricks, same_voxels
from tests.script.authoring import loaded

SIZE = (160, 120, 64)  # voxels: 40 x 30 x 16 m


def drafted() -> Terrain:
    draft = Draft(grid=np.zeros(SIZE, np.uint8))
    for name in ("grass", "earth", "rock", "gravel", "water"):
        draft.add_material(name, (0.5, 0.5, 0.5))
    return Terrain(draft)


def hilly(**options: object) -> Terrain:
    terrain = drafted()
    given: dict[str, object] = {"under": "earth", "steep": "rock", "scale": 16, "seed": 5} | options
    terrain.terrain((0, 0, 0), (40, 30, 14), "grass", **given)
    return terrain


def grid_of(terrain: Terrain) -> np.ndarray:
    assert terrain.draft.grid is not None
    return np.asarray(terrain.draft.grid)


GRASS, EARTH, ROCK, GRAVEL, WATER = range(1, 6)


def ground(terrain: Terrain) -> np.ndarray:
    return land.tops(grid_of(terrain), slice(0, SIZE[0]), slice(0, SIZE[1]))


def test_noise_has_the_bits_that_it_always_had() -> None:
    x, y = np.arange(-40, 100, dtype=np.int64), np.arange(7, 60, dtype=np.int64)
    for is_ridged, wanted in ((False, "ea8570f4ca51e844"), (True, "7406f719640ea162")):
        heights = fractal(x, y, 9, 37.5, 5, 0.55, is_ridged)
        assert blake2b(heights.tobytes(), digest_size=8).hexdigest() == wanted


@settings(max_examples=30, deadline=None)
@given(st.integers(-1000, 1000), st.integers(1, 60), st.integers(0, 2**31), st.booleans())
def test_noise_does_not_depend_on_what_is_asked_with_it(first: int, cut: int, seed: int, is_ridged: bool) -> None:
    x, y = np.arange(first, first + 61, dtype=np.int64), np.arange(-first, 20 - first, dtype=np.int64)
    whole = fractal(x, y, seed, 13.0, 4, 0.5, is_ridged)
    parts = [fractal(x[:cut], y, seed, 13.0, 4, 0.5, is_ridged), fractal(x[cut:], y, seed, 13.0, 4, 0.5, is_ridged)]
    assert (whole == np.concatenate(parts)).all() and whole.min() >= 0.0 and whole.max() <= 1.0


def test_noise_has_hills_of_its_scale_and_more_detail_with_more_octaves() -> None:
    x = np.arange(4000, dtype=np.int64)
    smooth, rough = (fractal(x, np.zeros(1, np.int64), 3, 100.0, n, 0.5)[:, 0] for n in (1, 5))
    crossings = np.count_nonzero(np.diff(smooth > 0.5))
    assert 20 < crossings < 80, "about once a hill"
    turns = [np.count_nonzero(np.diff(np.sign(np.diff(line)))) for line in (smooth, rough)]
    assert turns[1] > 3 * turns[0]
    assert smooth.std() > 0.08 and 0.4 < smooth.mean() < 0.6
    assert (fractal(x, np.zeros(1, np.int64), 4, 100.0, 1, 0.5)[:, 0] != smooth).any()


def test_octaves_finer_than_a_voxel_are_left_out() -> None:
    x = np.arange(300, dtype=np.int64)
    assert (fractal(x, x, 3, 4.0, 3, 0.5) == fractal(x, x, 3, 4.0, 8, 0.5)).all()
    assert (fractal(x, x, 3, 4.0, 2, 0.5) != fractal(x, x, 3, 4.0, 3, 0.5)).any()


def test_land_lies_within_its_heights_in_layers() -> None:
    terrain = hilly(lowest=3)
    grid, top = grid_of(terrain), ground(terrain)
    assert top.min() >= 12 and top.max() <= 56 and top.max() - top.min() > 12
    z = np.arange(SIZE[2])
    assert ((grid != 0) == (z < top[..., None])).all(), "no holes"
    assert (grid[z < (top - 2)[..., None]] == EARTH).all()
    crust = np.take_along_axis(grid, (top - 1)[..., None], -1)[..., 0]
    assert set(np.unique(crust)) == {GRASS, ROCK}
    rise = np.maximum(np.abs(top[4:, 2:-2] - top[:-4, 2:-2]), np.abs(top[2:-2, 4:] - top[2:-2, :-4]))
    assert ((crust[2:-2, 2:-2] == ROCK) == (rise >= 4)).all()
    assert (grid_of(hilly(lowest=3)) == grid).all() and (grid_of(hilly(lowest=3, seed=6)) != grid).any()
    assert (ground(hilly(style="mountains")) != top).any()


def test_land_is_the_same_however_it_is_cut() -> None:
    whole, parts = hilly(), drafted()
    for low, high in (((0, 0, 0), (13, 30, 14)), ((13, 0, 0), (40, 11, 14)), ((13, 11, 0), (40, 30, 14))):
        parts.terrain(low, high, "grass", under="earth", steep="rock", scale=16, seed=5)
    assert (grid_of(whole) == grid_of(parts)).all()


def test_land_in_bricks_is_the_land_of_an_array() -> None:
    dense, bricks = drafted(), drafted()
    bricks.draft.grid = Bricks(SIZE)
    for terrain in (dense, bricks):
        terrain.terrain((0, 0, 0), (40, 30, 14), "grass", under="earth", steep="rock", scale=16, seed=5)
        terrain.road([(3, 3), (30, 12), (36, 27)], "gravel", width=2)
        terrain.river([(2, 15), (38, 15)], "water", width=3)
        terrain.flatten((20, 15), 4)
    assert same_voxels(np.asarray(dense.draft.grid), bricks.draft.voxels())
    assert dense.scatter((2, 2), (38, 28), seed=3) == bricks.scatter((2, 2), (38, 28), seed=3)


def test_a_road_can_be_walked_from_end_to_end() -> None:
    terrain = hilly(scale=10)
    terrain.road([(3, 3), (30, 12), (36, 27)], "gravel", width=2)
    grid, top = grid_of(terrain), ground(terrain)
    way = np.concatenate([land._samples((12, 12), (120, 48)), land._samples((120, 48), (144, 108))])
    cells = np.floor(way).astype(int)
    levels = top[cells[:, 0], cells[:, 1]]
    assert (np.abs(np.diff(levels)) <= 1).all(), "steps of a voxel at most"
    assert (grid[cells[:, 0], cells[:, 1], levels - 1] == GRAVEL).all()
    z = np.arange(SIZE[2])
    assert ((grid != 0) == (z < top[..., None])).all(), "neither holes nor overhangs"


def test_a_river_never_flows_upwards() -> None:
    terrain = hilly(scale=10)
    before = ground(terrain)
    terrain.river([(2, 15), (38, 15)], "water", width=3, depth=0.5)
    grid, top = grid_of(terrain), ground(terrain)
    levels = top[8:152, 60]
    assert (np.diff(levels) <= 0).all() and (grid[np.arange(8, 152), 60, levels - 1] == WATER).all()
    assert levels[0] < before[8, 60] + 4 and (top[:, 100:] == before[:, 100:]).all()


def test_a_clearing_is_level_and_meets_the_land_around() -> None:
    terrain = hilly(scale=10)
    before = ground(terrain)
    height = terrain.flatten((20, 15), 4, "gravel", blend=4)
    top = ground(terrain)
    x, y = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    far = np.hypot(x - 80, y - 60)
    assert (top[far <= 16] == height * 4).all() and (top[far >= 33] == before[far >= 33]).all()
    assert (grid_of(terrain)[80, 60, int(height * 4) - 1]) == GRAVEL
    assert terrain.ground_at(20, 15) == height
    assert terrain.flatten((5, 5), 2, height=6.5) == 6.5 and ground(terrain)[20, 20] == 26


def test_scattered_places_are_apart_on_the_ground_and_where_they_may_be() -> None:
    terrain = hilly()
    terrain.road([(0, 15), (40, 15)], "gravel", width=6)
    places = terrain.scatter((2, 2), (38, 28), spacing=2.5, on="grass", seed=3)
    assert 40 < len(places) < 200
    assert min(math.dist(a[:2], b[:2]) for a, b in combinations(places, 2)) >= 2.5
    for x, y, z in places:
        assert 2 <= x < 38 and 2 <= y < 28 and terrain.ground_at(x, y) == z
        assert grid_of(terrain)[int(4 * x), int(4 * y), int(4 * z) - 1] == GRASS
    assert terrain.scatter((2, 2), (38, 28), spacing=2.5, on="grass", seed=3) == places
    assert terrain.scatter((2, 2), (38, 28), spacing=2.5, on=["grass"], seed=4) != places
    assert terrain.scatter((2, 2), (38, 28), spacing=2.5, on="grass", seed=3, count=7) == places[:7]


def test_repeat_ring_and_snap() -> None:
    terrain = drafted()
    assert terrain.repeat((1, 2, 3), (2, 0, 0), 3) == [(1, 2, 3), (3, 2, 3), (5, 2, 3)]
    assert terrain.repeat((0, 0, 0), (1, 0, 0), 2, then=(0, 5, 0), rows=2) == [
        (0, 0, 0), (1, 0, 0), (0, 5, 0), (1, 5, 0),
    ]  # fmt: skip
    for i, ((x, y, z), yaw_deg) in enumerate(terrain.ring((10, 10, 1), 4, 8)):
        angle = math.tau * i / 8
        assert (x, y, z) == pytest.approx((10 + 4 * math.cos(angle), 10 + 4 * math.sin(angle), 1))
        look = math.radians(yaw_deg)
        assert (x + 4 * math.cos(look), y + 4 * math.sin(look)) == pytest.approx((10, 10))
    assert (terrain.snap(1.13), terrain.snap((0.1, 0.13, -0.3))) == (1.25, (0.0, 0.25, -0.25))


LAND = 'terrain((0, 0, 0), (16, 16, 6), "stone")\n'


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('terrain((0, 0, 0), (16, 16, 9), "stone")', "reaches outside the world"),
        ('terrain((0, 0, 0), (16, 16, 6), "stnoe")', "did you mean 'stone'?"),
        ('terrain((0, 0, 0), (16, 16, 6), "stone", lowest = 7)', "lowest = 7 must lie above the box's floor"),
        ('terrain((0, 0, 0), (16, 16, 6), "stone", style = "mountain")', "did you mean 'mountains'?"),
        ('terrain((0, 0, 0), (16, 16, 6), "stone", octaves = 9)', "octaves must lie between 1 and 8"),
        ('road([(1, 1)], "stone")', "points must be a list of 2 to 256 places (x, y)"),
        ('road([(1, 1), (1, 1)], "stone")', "the same place"),
        ('road([(1, 1), (17, 1)], "stone")', "point 1 = (17, 1) lies outside the world (0..16, 0..16 metres)"),
        ('river([(1, 1), (5, 5)], "stone", depth = 0.3)', "depth must be a multiple of 0.25 m"),
        ('river([(1, 1), (5, 5)], "stone", depth = -1)', "below the land: 0 m or more, not -1"),
        ("flatten(3, 2)", "at must be two numbers (x, y), not 3"),
        ("flatten((3, 3), 0)", "radius must lie between"),
        ("scatter((0, 0), (0, 5))", "low must be below high"),
        ('scatter((0, 0), (5, 5), on = "gras")', "there is no material named 'gras'"),
        ("scatter((0, 0), (5, 5), spacing = 0)", "spacing (m) must lie between"),
        ("repeat((0, 0, 0), (1, 0, 0), 200, rows = 3)", "rows = ... needs then=(x, y, z)"),
        ("repeat((0, 0, 0), (1, 0, 0), 200, then = (0, 1, 0), rows = 200)", "may give 10,000 places, not 40,000"),
        ('snap("x")', "value must be a number"),
        ("ground_at(17, 3)", "lies outside the world"),
    ],
)
def test_what_is_wrong_is_answered(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(DaguerreError) as caught:
        loaded(tmp_path, line)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("line", "most"),
    [
        ('road([(0, 0), (16, 16)], "stone", width = 64)', 20_000_000),
        ("scatter((0, 0), (16, 16), spacing = 0.5)", 20_000_000),
        ("flatten((8, 8), 8)", 100_000),
        ("x = [ground_at(3, 3) for i in range(9000)]", 100_000),
    ],
)
def test_work_on_the_land_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, most: int) -> None:
    monkeypatch.setattr(drafts, "MAX_VOXELS_WRITTEN", most)
    with pytest.raises(DaguerreError, match=f"may write {most:,} voxels together"):
        loaded(tmp_path, LAND + line)
