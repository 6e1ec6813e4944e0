import dataclasses
import math

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.raster import gbuffer, patterns, reference
from engine.state.camera import Camera
from engine.view import VoxelView
from tests.raster import views

SIZE = (128, 72)
TOLERANCE = {  # of a channel, away from edges
    "albedo": 0.01,  # eight bits of a square root, and the pattern's own eight
    "normal": 1e-4,
    "depth": 1e-3,
    "motion": 1 / 32,
    "entity": 0,
    "material": 0,
    "page": 0,
    "body_light": 0.02,
}


def away_from_edges(arrays: gbuffer.GBufferArrays) -> np.ndarray:
    """Pixels whose neighbours show the same page, body and material."""
    same = np.ones(arrays.depth.shape, bool)
    for channel in (arrays.page, arrays.entity, arrays.material):
        padded = np.pad(channel, 1, mode="edge")
        for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
            same &= padded[dy : dy + channel.shape[0], dx : dx + channel.shape[1]] == channel
    return same


def disagreement(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    equal = a == b  # also where both are infinite
    with np.errstate(invalid="ignore"):
        difference = np.where(equal, 0.0, np.abs(a.astype(float) - b.astype(float)))
    return difference.max(-1) if difference.ndim == 3 else difference


@pytest.fixture(scope="module")
def renderer(gl):
    made = Renderer(SIZE, look="raster", context=gl)
    yield made
    made.release()


CAMERAS = {
    "yard": Camera((20.0, 4.5, 2.4), math.radians(135), math.radians(-3)),
    "beside a person": Camera((11.0, 8.3, 1.9), math.radians(-40), math.radians(-15)),
    "from above and outside": Camera((-3.0, -4.0, 16.0), math.radians(45), math.radians(-35)),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_all_channels_agree_with_the_reference(renderer, name):
    camera = CAMERAS[name]
    x, y, z = camera.position
    moved = dataclasses.replace(camera, position=(x + 0.04, y, z), yaw=camera.yaw + 0.008)
    view = dataclasses.replace(views.courtyard("dusk", camera), previous_camera=moved)
    body_light = renderer._canvas._body_light(view, renderer._canvas._poser.pose(view), renderer.light, None)
    wanted = reference.channels(view, SIZE, body_light)
    got = renderer.gbuffer(view)
    inner = away_from_edges(wanted)
    assert inner.mean() > 0.4
    assert (wanted.entity >= 0).sum() > 10  # there are bodies in the picture
    for channel, tolerance in TOLERANCE.items():
        off = disagreement(getattr(got, channel), getattr(wanted, channel))
        assert (off[inner] <= tolerance).mean() >= 0.99, channel
    assert (got.page == wanted.page).mean() > 0.97  # edges included
    assert np.abs(got.motion[inner & (got.depth < np.inf)]).max() > 0.5  # motion was put to the test


def test_scaled_and_moved_patterns_agree_with_the_reference(renderer):
    view = views.courtyard("day", CAMERAS["yard"])
    n = len(view.materials.names)
    new = [len(patterns.NAMES) - 3 + i % 3 for i in range(n)]
    cut = dataclasses.replace(
        view.materials,
        pattern=np.array(new, np.uint8),
        pattern_scale=np.linspace(0.5, 3.0, n).astype(np.float32),
        pattern_shift=np.linspace(0.0, 40.0, n).astype(np.float32),
    )
    plain = dataclasses.replace(view, materials=dataclasses.replace(view.materials, pattern=np.array(new, np.uint8)))
    view = dataclasses.replace(view, materials=cut)
    wanted = reference.channels(
        view, SIZE, renderer._canvas._body_light(view, renderer._canvas._poser.pose(view), renderer.light, None)
    )
    got, before = renderer.gbuffer(view), renderer.gbuffer(plain)
    off = disagreement(got.albedo, wanted.albedo)[away_from_edges(wanted)]
    assert (off <= TOLERANCE["albedo"]).mean() >= 0.98
    assert (disagreement(got.albedo, before.albedo) > 0.01).mean() > 0.1, "scale and shift are seen"


def test_the_channels_have_the_types_of_the_table(renderer):
    arrays = renderer.gbuffer(views.courtyard())
    table = {
        "albedo": (np.float32, 3),
        "normal": (np.float32, 3),
        "depth": (np.float32, None),
        "motion": (np.float32, 2),
        "entity": (np.int64, None),
        "material": (np.uint8, None),
        "page": (np.int64, None),
        "body_light": (np.float32, 3),
    }
    for name, (dtype, last) in table.items():
        channel = getattr(arrays, name)
        assert channel.dtype == dtype
        assert channel.shape == ((SIZE[1], SIZE[0]) if last is None else (SIZE[1], SIZE[0], last))
    sky = np.isinf(arrays.depth)
    assert sky.any() and (arrays.material[sky] == 0).all() and (arrays.page[sky] == -1).all()
    assert (arrays.page[arrays.entity >= 0] == -1).all()


def test_merged_quads_leave_no_pinholes(gl):
    grid = np.ones((64, 64, 32), np.uint8)
    grid[8:56, 8:56, 8:24] = 0
    rng = np.random.default_rng(3)
    for x, y, z in rng.integers([8, 8, 8], [55, 55, 23], (250, 3)):
        grid[x : x + 2, y, z] = 1 + (x + y) % 3
    grid[30:34, 30:34, 12:20] = 0
    base = views.courtyard()
    room = dataclasses.replace(base, voxels=VoxelView(grid, np.zeros((8, 8, 4), np.int64)), bodies=views.bodies([]))
    renderer = Renderer((640, 360), look="raster", context=gl)
    for yaw in np.linspace(0, 2 * math.pi, 12, endpoint=False):
        camera = Camera((8.0, 8.0, 4.0), float(yaw), 0.2 * math.sin(3 * yaw))
        arrays = renderer.gbuffer(dataclasses.replace(room, camera=camera, previous_camera=camera))
        assert np.isfinite(arrays.depth).all()
        assert arrays.depth.max() < 15
    renderer.release()


def test_an_empty_world_is_sky(renderer):
    base = views.courtyard()
    empty = dataclasses.replace(
        base, voxels=VoxelView(np.zeros((8, 8, 8), np.uint8), np.zeros((1, 1, 1), np.int64)), bodies=views.bodies([])
    )
    arrays = renderer.gbuffer(empty)
    assert np.isinf(arrays.depth).all() and not arrays.albedo.any() and (arrays.entity == -1).all()


def test_patterns_are_made_when_a_material_first_has_them(gl: moderngl.Context) -> None:
    buffer, whole = gbuffer.GBuffer(gl, SIZE), patterns.pattern_atlas()
    materials = views.courtyard().materials
    for layers in ([0, 4], [0, 8, 9]):
        pattern = np.resize(np.array(layers, np.uint8), len(materials.pattern))
        buffer.follow_patterns(dataclasses.replace(materials, pattern=pattern))
        image = np.frombuffer(buffer._patterns.read(), np.uint8).reshape(whole.shape)
        for layer in layers:
            rows = slice(layer * (patterns.TEXELS + 2), (layer + 1) * (patterns.TEXELS + 2))
            assert np.array_equal(image[rows], whole[rows])
    assert buffer._patterns_made == {0, 4, 8, 9}
    buffer.release()
