import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.film import tiles
from engine.raster.visibility import clip_from_world
from engine.state.camera import Camera

SIZE = (200, 120)
masks = arrays.arrays(np.bool_, (8, 13))


@given(masks)
def test_rectangles_cover_marked_tiles_exactly_once(mask):
    painted = np.zeros(SIZE[::-1], int)
    for x, y, w, h in tiles.rects_of_tiles(mask, SIZE, mask.size):
        assert w > 0 and h > 0
        painted[y : y + h, x : x + w] += 1
    wanted = mask.repeat(16, 0).repeat(16, 1)[: SIZE[1], : SIZE[0]]
    assert np.array_equal(painted, wanted.astype(int))


@settings(max_examples=30)
@given(masks, st.integers(1, 6))
def test_few_rectangles_still_cover_everything(mask, most):
    rects = tiles.rects_of_tiles(mask, SIZE, most)
    assert len(rects) <= most
    covered = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    for x, y, w, h in rects:
        covered[y : y + h, x : x + w] = True
    wanted = mask.repeat(16, 0).repeat(16, 1)[: SIZE[1], : SIZE[0]]
    assert (covered | ~wanted).all()


def test_most_of_the_picture_is_drawn_as_a_whole():
    mask = tiles.tile_grid(SIZE, True)
    mask[0, 0] = False
    assert tiles.drawn_rects(mask, SIZE) == [(0, 0, *SIZE)]
    assert tiles.drawn_rects(tiles.tile_grid(SIZE), SIZE) == []


angles = st.floats(-3.2, 3.2)
places = st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(-4, 4))


@settings(max_examples=60, deadline=None)
@given(places, st.tuples(*[st.floats(0.05, 4)] * 3), angles, st.floats(-1.5, 1.5), st.integers(0, 99))
def test_every_visible_point_of_a_box_lies_in_a_marked_tile(low, size, yaw, pitch, seed):
    camera = Camera((0.3, -0.2, 0.1), yaw, pitch)
    clip = clip_from_world(camera, SIZE[0] / SIZE[1])
    low, size = np.array(low), np.array(size)
    mask = tiles.tile_grid(SIZE)
    tiles.mark_hulls(mask, clip, SIZE, tiles.box_corners(low[None], (low + size)[None]))
    points = low + np.random.default_rng(seed).random((400, 3)) * size
    at = points @ clip[:, :3].T + clip[:, 3]
    at = at[at[:, 3] > 0.05]
    px = (at[:, :2] / at[:, 3:] * 0.5 + 0.5) * SIZE
    px = px[((px >= 0) & (px < SIZE)).all(1)].astype(int)
    assert mask[px[:, 1] // 16, px[:, 0] // 16].all()


def test_a_box_behind_the_camera_marks_nothing():
    clip = clip_from_world(Camera((0.0, 0.0, 0.0), 0.0, 0.0), SIZE[0] / SIZE[1])
    mask = tiles.tile_grid(SIZE)
    tiles.mark_hulls(mask, clip, SIZE, tiles.box_corners(np.array([[-5.0, -1, -1]]), np.array([[-3.0, 1, 1]])))
    assert not mask.any()


@given(st.floats(0.02, 1.5), angles)
def test_a_swept_box_holds_its_shadow(height, azimuth):
    towards = np.array([math.cos(height) * math.cos(azimuth), math.cos(height) * math.sin(azimuth), math.sin(height)])
    low, high = np.array([[2.0, 3.0, 1.0]]), np.array([[2.5, 3.5, 2.8]])
    points = tiles.swept(tiles.box_corners(low, high), towards, 0.0, 400.0)[0]
    assert points.shape == (16, 3)
    top_shadow = np.array([2.0, 3.0, 2.8]) - towards * (2.8 / towards[2])
    if np.linalg.norm(top_shadow - [2.0, 3.0, 2.8]) < 399:
        assert (points.min(0)[:2] <= top_shadow[:2] + 1e-6).all() and (points.max(0)[:2] >= top_shadow[:2] - 1e-6).all()


def test_pages_on_screen_are_seen_once_and_placed():
    screen = tiles.PagesOnScreen((32, 16))
    coded = np.zeros((16, 32), np.uint32)
    coded[:, :8] = 1 + 48 * 5 + 3  # brick 5 of 2 x 3 x 4: (0, 1, 1)
    coded[4, 20] = 1 + 48 * 23  # brick (1, 2, 3)
    coded[:, 24:] = 0x80000123  # a body
    screen.see(coded, 48 * 24)
    assert screen.keys.tolist() == [48 * 5 + 3, 48 * 23]
    slots = np.array([60, -1], np.int32)
    none = np.empty(0, np.int32)
    changed = screen.place(slots, (2, 3, 4), none)
    assert changed.tolist() == [[True, False]]
    assert (screen.slots[:, :8] == 1 + (1 << 9 | 4 << 3 | 0b110)).all()
    assert not screen.slots[:, 8:].any()
    assert not screen.place(slots, (2, 3, 4), none).any()
    assert not screen.place(slots, (2, 3, 4), np.array([59, 61, 200], np.int32)).any()  # pages that are not on screen
    assert screen.place(slots, (2, 3, 4), np.array([60], np.int32)).tolist() == [[True, False]]
    slots[1] = 0
    assert screen.place(slots, (2, 3, 4), none).tolist() == [[False, True]]
    assert screen.slots[4, 20] == 1 + 0b101
