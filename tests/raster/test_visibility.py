import dataclasses
import math

import numpy as np

from engine.film.camera import Renderer
from engine.raster import visibility
from engine.raster.meshes import Meshes
from engine.state.camera import Camera
from tests.raster import views

SIZE = (160, 90)
WHOLE = (0, 0, *SIZE)
AHEAD = Camera((0.0, 0.0, 0.0), 0.0, 0.0)


def box(low, high) -> tuple[np.ndarray, np.ndarray]:
    return np.array([low], float), np.array([high], float)


def depth_of(metres: float) -> float:
    """What the depth buffer holds for a surface at some metres of depth."""
    w = AHEAD.clip_from_view(1.0) @ np.array([0.0, 0.0, -metres, 1.0])
    return 0.5 + 0.5 * w[2] / w[3]


def test_boxes_beyond_a_frustum_are_known():
    sight = visibility.Sight(AHEAD, SIZE)
    assert sight.touches(*box([5.0, -1, -1], [6.0, 1, 1]), WHOLE)
    assert not sight.touches(*box([-6.0, -1, -1], [-5.0, 1, 1]), WHOLE)
    assert not sight.touches(*box([5.0, 20, -1], [6.0, 21, 1]), WHOLE)
    left = (0, 0, 80, 90)  # y grows to the left of one who looks along x
    assert sight.touches(*box([5.0, 1, -1], [6.0, 2, 1]), left)
    assert not sight.touches(*box([5.0, -2, -1], [6.0, -1, 1]), left)
    assert sight.touches(*box([-1.0, -1, -1], [1.0, 1, 1]), WHOLE)


def test_boxes_behind_a_wall_are_hidden_until_it_has_a_hole():
    depth = np.full((SIZE[1], SIZE[0]), depth_of(8.0), np.float32)
    before, behind = box([6.0, -1, -1], [7.0, 1, 1]), box([9.0, -1, -1], [10.0, 1, 1])
    sight = visibility.Sight(AHEAD, SIZE, depth)
    assert sight.sees(*before, WHOLE) and not sight.sees(*behind, WHOLE)
    assert sight.sees(*box([7.5, -1, -1], [8.5, 1, 1]), WHOLE)
    assert sight.sees(*box([-1.0, -1, -1], [10.0, 1, 1]), WHOLE)  # the eye is inside
    depth[45, 80] = 1.0
    holed = visibility.Sight(AHEAD, SIZE, depth)
    assert holed.sees(*behind, WHOLE)
    assert not holed.sees(*behind, (0, 0, 64, 90))  # a rectangle without the hole
    assert visibility.Sight(AHEAD, SIZE).sees(*behind, WHOLE)  # nothing known, nothing hidden


def test_where_something_went_nothing_is_hidden_any_more():
    sight = visibility.Sight(AHEAD, SIZE, np.full((SIZE[1], SIZE[0]), depth_of(8.0), np.float32))
    ahead, aside = box([9.0, -0.2, -0.2], [10.0, 0.2, 0.2]), box([9.0, 3.0, -0.2], [10.0, 3.4, 0.2])
    holed = sight.without(*box([8.0, -0.5, -0.5], [8.2, 0.5, 0.5]))
    assert holed.sees(*ahead, WHOLE) and not holed.sees(*aside, WHOLE)
    assert not sight.sees(*ahead, WHOLE), "what it was made of is left as it is"
    for low, high in (([-3.0, -1, -1], [-2.0, 1, 1]), ([5.0, 30, -1], [6.0, 31, 1])):
        assert not sight.without(*box(low, high)).sees(*ahead, WHOLE), "it lay outside the picture"
    assert sight.without(*box([-1.0, -1, -1], [1.0, 1, 1])).sees(*aside, WHOLE), "the eye was inside"
    assert not sight.without(*(np.empty((0, 3)),) * 2).sees(*ahead, WHOLE)


def test_no_visible_page_is_ever_left_out(gl):
    """Every page that a picture shows is seen by a sight that knows the depth of that very picture."""
    renderer = Renderer(SIZE, look="raster", context=gl)
    base, meshes = views.courtyard(), Meshes()
    meshes.update(base.voxels)
    drawn = []
    for step in range(12):
        camera = Camera((12.0 + 3 * math.cos(step), 9.0 + 2 * math.sin(step), 1.0 + 0.3 * step), 0.7 * step, -0.1)
        arrays = renderer.gbuffer(dataclasses.replace(base, camera=camera, previous_camera=camera))
        near, far = camera.near, camera.far
        depth = np.where(np.isinf(arrays.depth), 1.0, far / (far - near) * (1.0 - near / arrays.depth))
        seen = visibility.Sight(camera, SIZE, depth.astype(np.float32)).sees_pages(meshes.table, WHOLE)
        rows = meshes.table.rows(np.unique(arrays.page[arrays.page >= 0]))
        assert len(rows) and seen[rows].all()
        drawn.append(seen.mean())
    assert np.median(drawn) < 0.3  # and most of the rest is
    renderer.release()


def test_the_picture_does_not_depend_on_what_was_seen_before(gl):
    base = views.courtyard()
    camera = Camera((20.0, 4.5, 2.4), math.radians(135), math.radians(-3))
    view = dataclasses.replace(base, camera=camera, previous_camera=camera)
    first, used = (Renderer(SIZE, look="raster", context=gl) for _ in range(2))
    wanted = first.gbuffer(view)
    for yaw in (0.0, 2.0, 2.3):
        other = dataclasses.replace(camera, yaw=yaw)
        used.render(dataclasses.replace(view, camera=other))
        got = used.gbuffer(view)
        for field in dataclasses.fields(wanted):
            assert np.array_equal(getattr(got, field.name), getattr(wanted, field.name)), field.name
    first.release()
    used.release()
