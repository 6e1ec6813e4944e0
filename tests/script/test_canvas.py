"""Bricks that lie open in sheets while they are written are the array that the same boxes give."""

import numpy as np
import pytest

from engine.script import shapes
from engine.script.canvas import EDGE, LARGE, MOST_OPEN, Canvas, Drawing
from engine.state.bricks import Bricks

SHAPE = (3 * EDGE - 40, 2 * EDGE + 16, 32)
Box = tuple[slice, slice, slice]


def random_box(random: np.random.Generator, longest: int) -> Box:
    low = random.integers(0, np.array(SHAPE) - 1)
    high = np.minimum(low + random.integers(0, longest, 3), SHAPE)  # some are empty
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize("seed", range(4))
def test_any_boxes_read_and_written_in_any_order_are_what_an_array_holds(seed: int) -> None:
    random = np.random.default_rng(seed)
    canvas, array = Canvas(SHAPE), np.zeros(SHAPE, np.uint8)
    for _ in range(300):
        box = random_box(random, int(random.choice([3, 30, 200])))
        material: np.ndarray | int = int(random.integers(0, 5))
        if random.random() < 0.4:
            material = random.integers(0, 3, array[box].shape, dtype=np.uint8)
        canvas[box] = material
        array[box] = material
        other = random_box(random, int(random.choice([3, 30, 200])))
        np.testing.assert_array_equal(canvas[other], array[other])
        assert len(canvas._sheets) <= MOST_OPEN
    made = canvas.finished()
    assert type(made) is Bricks
    np.testing.assert_array_equal(made[:, :, :], array)
    plain = Bricks(SHAPE)
    plain[:, :, :] = array
    plain.freeze()
    assert made.holds_same(plain) and made.nbytes == plain.nbytes


@pytest.mark.parametrize("seed", range(4))
def test_solid_boxes_reach_over_edges_of_the_grid_and_of_sheets_as_in_an_array(seed: int) -> None:
    random = np.random.default_rng(seed)
    canvas, array = Canvas(SHAPE), np.zeros(SHAPE, np.uint8)
    for n in range(300):
        at = random.integers(-60, np.array(SHAPE) + 40)
        size = random.integers(-2, random.choice([3, 30, 200]), 3)
        low, high = tuple(at.tolist()), tuple((at + size).tolist())
        for grid in (canvas, array):
            shapes.fill(grid, low, high, n % 5)
    np.testing.assert_array_equal(canvas.finished()[:, :, :], array)
    assert len(np.unique(array)) == 5


def test_houses_that_are_alike_share_bricks_until_one_is_written() -> None:
    canvas, array = Canvas((8 * EDGE, 64, 32)), np.zeros((8 * EDGE, 64, 32), np.uint8)

    def draw(x: int, material: int, thick: int) -> None:
        for grid in (canvas, array):
            shapes.room(grid, (x + 3, 5, 3), (x + 30, 40, 20), material, 2, 3, thick)

    for i in range(8):
        draw(i * EDGE, 1, 1)
    assert len(canvas._own) - len(canvas._free) < 4 * np.count_nonzero(
        canvas._row[: EDGE // 8] >= 256
    )  # of the 8 houses
    for i in (2, 5):
        draw(i * EDGE, 4, 2)
    wide = slice(3 * EDGE - 2, 8 * EDGE), slice(0, 64), slice(4, 11)  # goes to the bricks at once
    assert np.prod([s.stop - s.start for s in wide]) > LARGE
    canvas[wide] = array[wide] = 5
    draw(6 * EDGE, 1, 1)
    np.testing.assert_array_equal(canvas.finished()[:, :, :], array)


def test_one_voxel_and_a_box_without_any() -> None:
    canvas = Canvas(SHAPE)
    canvas[EDGE, EDGE, 5] = 3
    canvas[4:4, :, :] = 9
    assert canvas[EDGE : EDGE + 1, EDGE : EDGE + 1, 5:6].item() == 3 and canvas[4:4, :, :].size == 0
    assert np.count_nonzero(canvas.finished()[:, :, :]) == 1


def test_a_large_box_meets_what_was_drawn_before_and_is_met_after() -> None:
    canvas, array = Canvas(SHAPE), np.zeros(SHAPE, np.uint8)
    whole = slice(0, SHAPE[0]), slice(0, 200), slice(0, 10)
    assert np.prod([s.stop for s in whole]) > LARGE
    for box, material in (((slice(9, 40), slice(9, 40), slice(0, 30)), 1), (whole, 2), ((slice(9, 20),) * 3, 3)):
        canvas[box] = material
        array[box] = material
    np.testing.assert_array_equal(canvas.finished()[:, :, :], array)


@pytest.mark.parametrize("at", [(EDGE, EDGE, 12), (-4, 2 * EDGE + 14, 30), (-40, 5, 5)])
def test_foliage_is_the_same_on_a_canvas_and_in_an_array(at: tuple[int, int, int]) -> None:
    """Where sheets meet, over the edge of the world, and all of it beyond."""
    canvas, array = Canvas(SHAPE), np.zeros(SHAPE, np.uint8)
    for grid in (canvas, array):
        shapes.blob(grid, at, (9.0, 10.0, 8.0), (1, 2), 0.8, 5)
        shapes.weather(grid, (at[0] - 9, at[1] - 9, 0), (at[0] + 9, at[1] + 9, 32), 1, 3, 0.4, 8)
    np.testing.assert_array_equal(canvas.finished()[:, :, :], array)


def test_shapes_build_the_same_on_a_canvas() -> None:
    def build(grid: Drawing) -> None:
        shapes.fill(grid, (0, 0, 0), (40, 24, 5), 1)
        shapes.room(grid, (3, 3, 4), (20, 20, 18), 2, 3, 4, 1)
        shapes.column(grid, (28, 12, 5), 4.5, 12, 5)
        shapes.sphere(grid, (28, 12, 20), 6.0, 6)
        shapes.arch(grid, (2, 9, 5), (6, 14, 12), 0, 0)
        shapes.stairs(grid, (21, 2, 5), (29, 6, 13), 7, 0, 1)
        shapes.gable(grid, (2, 2, 18), (21, 21, 26), 4, 0, 2)
        shapes.pyramid(grid, (30, 15, 5), (40, 24, 12), 8)
        shapes.blob(grid, (33, 5, 20), (6.0, 5.0, 6.0), (9, 10), 0.7, 5)
        shapes.weather(grid, (0, 0, 0), (40, 24, 32), 2, 11, 0.4, 3)

    array, canvas = np.zeros((40, 24, 32), np.uint8), Canvas((40, 24, 32))
    build(array)
    build(canvas)
    np.testing.assert_array_equal(canvas.finished()[:, :, :], array)
