"""Evaluation on the shipped worlds: how near network, classical, raster and an equal-time path tracer come.

All pictures of a shot show the same surfaces: one sample through each pixel's centre, no antialiasing, fog, stars
or disc of the sun. The teacher knows no albedo patterns, so its light is divided by its own albedo and multiplied
by the G-buffer's: the comparison is about light alone. Pixels where teacher and G-buffer see different things (sky,
shining parts of bodies, sub-pixel edges) are the same in every picture. The reference is path-traced and denoised
(Open Image Denoise, guided by albedo and normal); `equal_time` is the path tracer with as many samples as fit the
network's measured frame time, at least one, denoised too; what it took in truth is reported.
"""

import hashlib
import statistics
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from platformdirs import user_cache_dir

from engine.core.errors import OutputError
from engine.film.camera import Renderer
from engine.raster.gbuffer import GBufferArrays
from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.sim.step import step
from engine.sim.systems.daylight import SPREAD_TICKS
from engine.state.commands import Command
from engine.state.world import new_state
from engine.teach import metrics, teacher
from engine.teach.surfaces import body_mesh
from engine.view import View

F32 = NDArray[np.float32]
SHIPPED_WORLDS = ("courtyard", "gallery", "town")
CONDITIONS = {"day": 11.0, "dusk": 19.2, "night": 23.0}  # name -> hour
LOOKS = {"net": "neural", "classical": "classical", "raster": "raster"}  # name in reports -> look of the renderer
METRICS: dict[str, Callable[[F32, F32], float]] = {"psnr": metrics.psnr, "ssim": metrics.ssim, "flip": metrics.flip}
SETTLE_TICKS = SPREAD_TICKS + 1  # after the clock was set: lamps that mind the dusk follow one after another
TIMED_FRAMES = 5
TEACHER_VERSION = 1  # grows when the same view would be traced differently: then cached pictures are stale


@dataclass(frozen=True)
class Shot:
    """One picture to be compared."""

    world: str
    camera: str
    condition: str
    view: View


@dataclass(frozen=True)
class Comparison:
    """The pictures of one shot, tone-mapped, and their distances from the teacher's."""

    shot: Shot
    teacher: F32  # [H, W, 3] sRGB, 0..1
    pictures: dict[str, F32]  # net, classical, raster, equal_time
    scores: dict[str, dict[str, float]]  # metric -> picture -> value
    compared: float  # share of pixels that are not the same in all pictures by construction
    frame_ms: float  # of the network, camera moving, world warm
    equal_time_spp: int
    equal_time_ms: float  # what the equal-time path tracer took in truth, denoising included


def shots(worlds: Sequence[str], one_camera: bool) -> Iterator[Shot]:
    """Every world at every hour through its still view of each camera, or only the first camera."""
    for world in worlds:
        loaded = load(world)
        blueprint = loaded.blueprint
        for condition, hour in CONDITIONS.items():
            state = new_state(blueprint, 7)
            for tick in range(SETTLE_TICKS):
                commands = [Command(0, "set_clock", {"hour": hour})] if tick == 0 else []
                state = step(blueprint, state, commands, loaded.script)
            for rail in blueprint.cameras[: 1 if one_camera else None]:
                yield Shot(Path(world).stem, rail.name, condition, extract(blueprint, state, camera=rail.at(0.0)))


def compare(shot: Shot, renderer: Renderer, spp: int, with_equal_time: bool = True) -> Comparison:
    """Render one shot in all looks at the renderer's size and hold it against the teacher."""
    view = shot.view
    linear = {}
    for name, look in LOOKS.items():
        renderer.set_look(look)
        linear[name] = renderer.render_linear(view)
    renderer.set_look(LOOKS["net"])
    seen = renderer.gbuffer(view)
    frame_ms = _moving_frame_ms(renderer, view)
    truth = _cached_picture(view, renderer.size_px, spp, True, 0)
    compared = _same_surface(view, seen, truth)
    reference = _with_albedo_of(seen, truth, compared, linear["net"])
    equal_spp, equal_ms = 0, 0.0
    if with_equal_time:
        equal_spp = max(1, int(frame_ms / 1e3 / (truth.trace_s / spp)))
        rival = _cached_picture(view, renderer.size_px, equal_spp, True, 1)
        equal_ms = 1e3 * (rival.trace_s + rival.denoise_s)
        linear["equal_time"] = _with_albedo_of(seen, rival, compared, linear["net"])
    shown = {name: metrics.tone_mapped(picture, view.sky.exposure) for name, picture in linear.items()}
    shown = {name: np.where(compared[..., None], picture, shown["net"]) for name, picture in shown.items()}
    wanted = metrics.tone_mapped(reference, view.sky.exposure)
    scores = {key: {name: round(f(x, wanted), 4) for name, x in shown.items()} for key, f in METRICS.items()}
    return Comparison(shot, wanted, shown, scores, float(compared.mean()), frame_ms, equal_spp, equal_ms)


def evaluate(
    worlds: Sequence[str] = SHIPPED_WORLDS,
    quick: bool = False,
    size_px: tuple[int, int] | None = None,
    spp: int | None = None,
    report: Callable[[str], None] | None = None,
    weights: Path | None = None,
) -> dict[str, object]:
    """Compare all shots: {"views": [...], "mean": {...}} as `daguerre eval --json` prints it.

    Quick means the first camera of each world at 320 x 180 with 64 samples; else every camera at 640 x 360 with 256.
    `report` is called with a line of text after each shot. Raises WorldFileError, WeightsError, GraphicsError or
    TeacherError.
    """
    renderer = Renderer(size_px or ((320, 180) if quick else (640, 360)), weights=weights)
    samples = spp or (64 if quick else 256)
    views: list[dict[str, object]] = []
    rows: list[dict[str, dict[str, float]]] = []
    for shot in shots(worlds, quick):
        result = compare(shot, renderer, samples)
        rows.append(result.scores)
        place = {"world": shot.world, "view": shot.camera, "condition": shot.condition}
        extra: dict[str, object] = {
            "frame_ms": round(result.frame_ms, 2),
            "equal_time_spp": result.equal_time_spp,
            "equal_time_ms": round(result.equal_time_ms, 2),
        }
        views.append({**place, **result.scores, **extra, "compared": round(result.compared, 4)})
        if report is not None:
            line = ", ".join(f"{name} {value:.2f}" for name, value in result.scores["psnr"].items())
            report(f"{shot.world} / {shot.camera} / {shot.condition}: PSNR dB {line}")
    names = [*LOOKS, "equal_time"]
    mean = {
        name: {key: round(float(np.mean([row[key][name] for row in rows])), 4) for key in METRICS} for name in names
    }
    return {"views": views, "mean": mean, "size_px": list(renderer.size_px), "spp": samples}


def sheet(
    worlds: Sequence[str],
    out: Path,
    size_px: tuple[int, int] = (400, 225),
    spp: int = 96,
    report: Callable[[str], None] | None = None,
    weights: Path | None = None,
) -> Path:
    """One PNG: a row for each world and hour, columns teacher | network | classical | raster, from each first camera.

    Pictures are made at twice the size and averaged, so that all four columns have smooth edges alike.
    """
    width, height = size_px
    renderer = Renderer((2 * width, 2 * height), weights=weights)
    columns = {"teacher": "teacher (path tracer)", "net": "network", "classical": "classical", "raster": "raster"}
    rows = []
    for shot in shots(worlds, one_camera=True):
        result = compare(shot, renderer, spp, with_equal_time=False)
        pictures = {"teacher": result.teacher, **result.pictures}
        row = np.concatenate([_halved(pictures[name]) for name in columns], 1)
        labels = [
            f"{shot.world}, {shot.condition}" if name == "teacher" else f"{result.scores['psnr'][name]:.1f} dB"
            for name in columns
        ]
        rows.append(_labelled(row, labels, width))
        if report is not None:
            report(f"{shot.world} / {shot.condition}")
    head = _labelled(np.zeros((18, 4 * width, 3), np.uint8), list(columns.values()), width)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate([head, *rows], 0)).save(out, optimize=True)
    except OSError as error:
        raise OutputError(f"{out}: the sheet of pictures cannot be written ({error})") from None
    return out


def _moving_frame_ms(renderer: Renderer, view: View) -> float:
    """Median time of a frame while the camera turns and the world is warm."""
    times = []
    for k in range(TIMED_FRAMES + 1):
        camera = replace(view.camera, yaw=view.camera.yaw + 0.01 * k)
        frame = renderer.render(replace(view, camera=camera, previous_camera=camera))
        times.append(float(str(frame.stats["frame_ms"])))
    return statistics.median(times[1:])


def _same_surface(view: View, seen: GBufferArrays, truth: teacher.Picture) -> NDArray[np.bool_]:
    """[H, W] where the teacher's ray and the rasteriser found one surface whose light can be compared."""
    height, width = seen.depth.shape
    slant = np.linalg.norm(view.camera.rays(width, height), axis=-1)
    both = np.isfinite(seen.depth) & np.isfinite(truth.distance)
    depth, other = np.where(both, seen.depth, 0.0), np.where(both, truth.distance, 0.0) / slant
    shining_body = (seen.entity >= 0) & (view.materials.emission[seen.material].max(-1) > 0)
    facing = (seen.normal * truth.normal).sum(-1) > 0.5
    return np.asarray(both & ~shining_body & facing & (np.abs(depth - other) < 0.02 + 0.01 * depth))


def _with_albedo_of(seen: GBufferArrays, truth: teacher.Picture, compared: NDArray[np.bool_], base: F32) -> F32:
    """The teacher's light on the G-buffer's albedo, `base` where nothing is compared: linear [H, W, 3]."""
    light = (truth.radiance - truth.emission) / np.maximum(truth.albedo, 1e-3)
    picture = np.maximum(light, 0.0) * seen.albedo + truth.emission
    return np.where(compared[..., None], picture, base).astype(np.float32)


def _cached_picture(view: View, size_px: tuple[int, int], spp: int, denoise: bool, seed: int) -> teacher.Picture:
    """`teacher.picture`, kept on disk under a digest of everything that it depends on."""
    bodies, sky, camera = body_mesh(view), view.sky, view.camera
    digest = hashlib.blake2b(repr((TEACHER_VERSION, size_px, spp, denoise, seed, camera)).encode(), digest_size=16)
    for array in (
        view.voxels.material, view.materials.albedo, view.materials.emission, bodies.position, bodies.normal,
        bodies.triangles, bodies.material, view.lamps.centre, view.lamps.size, view.lamps.radiance, sky.sun_direction,
        sky.sun, sky.zenith, sky.horizon, sky.glow, sky.ground,
    ):  # fmt: skip
        digest.update(repr((array.shape, array.dtype)).encode() + np.ascontiguousarray(array).tobytes())
    path = Path(user_cache_dir("daguerre"), "teacher", f"{digest.hexdigest()}.npz")
    names, times = ("radiance", "albedo", "emission", "normal", "distance"), ("trace_s", "denoise_s")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return teacher.Picture(*(file[name] for name in names), *(float(file[name]) for name in times))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):  # not there, or cut short by a crash: trace it
        pass
    picture = teacher.picture(view, size_px, spp, denoise, seed=seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp.npz")
    np.savez(fresh, **{name: getattr(picture, name) for name in (*names, *times)})
    fresh.replace(path)
    return picture


def _halved(picture: F32) -> NDArray[np.uint8]:
    """sRGB [2H, 2W, 3] in 0..1, averaged to bytes [H, W, 3]."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    mean = picture.reshape(height, 2, width, 2, 3).mean((1, 3))
    return (np.clip(mean, 0, 1) * 255 + 0.5).astype(np.uint8)


def _labelled(row: NDArray[np.uint8], labels: Sequence[str], width: int) -> NDArray[np.uint8]:
    """A row of pictures with a line of text in each one's upper left corner."""
    image = Image.fromarray(row)
    draw = ImageDraw.Draw(image)
    for i, label in enumerate(labels):
        draw.text((i * width + 6, 3), label, fill=(255, 255, 255), stroke_width=1, stroke_fill=(0, 0, 0))
    return np.asarray(image)
