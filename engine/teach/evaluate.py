"""Evaluation on worlds never trained on: how near network, classical, raster and an equal-time path tracer come.

All pictures of a shot show the same surfaces: one sample through each pixel's centre, no antialiasing, fog, stars or
disc of the sun. The teacher paints no patterns on matte materials: its light is divided by its albedo and multiplied
by the G-buffer's, so the comparison is about light alone. Glossy materials are painted and compared as they are, for
what they mirror is not coloured by the pattern under it. Pixels where teacher and G-buffer see different things (sky,
shining parts of bodies, sub-pixel edges) are the same in every picture. The reference is path-traced, and what of it
holds noise is denoised (reference.py); `equal_time` is the path tracer with as many samples as fit the
network's measured frame time, denoised too. Where not one for each pixel fits, it has one for each 2 x 2, 5 x 5 or
10 x 10 pixels, spread over the surfaces of all (sparse.py), which is not counted.

Times are processor time of all threads, so that a busy machine tells the same: of a network's frame all of it, with the
camera moving and the world warm; of the path tracer tracing and denoising, without starting, loading and compiling.

What the first choice leaves out is told apart: `as_seen` holds the final frame, softened edges and all, against a
teacher that is averaged over 3 x 3 places in each pixel. `ladder` is the path tracer at 1/100, 1/25, 1/4, 1, 2, 4, ...
samples a pixel, denoised; `raw_ladder` is the same without the denoiser.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rich.progress import Progress

from engine.core.errors import OutputError
from engine.film.camera import Renderer
from engine.raster.gbuffer import GBufferArrays
from engine.script.assets import worlds_folder
from engine.script.worldfile import LoadedWorld, load
from engine.sim.extract import extract
from engine.sim.step import step
from engine.sim.systems.daylight import SPREAD_TICKS
from engine.state.camera import Camera, CameraRail
from engine.state.commands import Command
from engine.state.world import new_state
from engine.teach import metrics, sources, teacher
from engine.teach.outputs import check_writable
from engine.teach.reference import reference, rival
from engine.teach.scores import METRICS, summary
from engine.teach.sparse import enlarged
from engine.view import View

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
CONDITIONS = {"day": 11.0, "dusk": 19.2, "night": 23.0}  # name -> hour
EVALUATION_SET: dict[str, tuple[str, ...]] = {  # world -> conditions that make sense there
    "courtyard": ("day", "dusk", "night"),
    "gallery": ("day", "dusk", "night"),
    "town": ("day", "dusk", "night"),
    "cornell": ("night",),  # lit by its lamp alone
    "window": ("day", "dusk", "night"),
    "corridor": ("day", "dusk", "night"),
    "arcade": ("day", "dusk", "night"),
    "street": ("dusk", "night"),  # it is about lamps
    "cavern": ("day", "night"),  # its torch always burns; the hole in its roof is bright or dark
    "stairwell": ("day", "dusk", "night"),
    "pillars": ("day", "dusk", "night"),
    "furniture": ("day", "dusk", "night"),
}
VIEWS = 4  # of each world
SHEET_SET, SHEET_SPP = ("courtyard", "gallery", "town"), 96
LOOKS = {"net": "neural", "classical": "classical", "raster": "raster"}  # name in reports -> look of the renderer
SETTLE_TICKS = SPREAD_TICKS + 1  # after the clock was set: lamps that mind the dusk follow one after another
TIMED_FRAMES = 5
PAINTED_SO = 0.1  # how far the albedo of a glossy pixel may be from the teacher's
FINE = 3  # places along each side of a pixel that the `as_seen` teacher is averaged over
LADDER_SPP = 256  # the highest rung
SPARSE = (10, 5, 2)  # sides of the squares of pixels that share a sample; 640 x 360 and 320 x 180 hold them evenly
LADDER_PART = 4  # the reference has so many times the samples of the highest rung: its own noise must not matter

Scores = dict[str, dict[str, float]]  # metric -> picture -> value


@dataclass(frozen=True)
class Shot:
    """One picture to be compared."""

    world: str
    camera: str
    condition: str
    view: View


@dataclass(frozen=True)
class Rung:
    """The path tracer with a few samples."""

    spp: float  # a pixel
    ms: float
    psnr: float
    ssim: float
    flip: float


@dataclass(frozen=True)
class Comparison:
    """The pictures of one shot, tone-mapped, and their distances from the teacher's."""

    shot: Shot
    teacher: F32  # [H, W, 3] sRGB, 0..1
    pictures: dict[str, F32]  # net, classical, raster, equal_time
    scores: Scores
    compared: float  # share of pixels that are not the same in all pictures by construction
    frame_ms: float  # of the network, camera moving, world warm
    equal_time_spp: float
    equal_time_ms: float  # of the equal-time path tracer, denoising included
    teacher_spp: int  # samples that the teacher's picture holds: what was asked for, or more
    ladder: tuple[Rung, ...] = ()
    raw_ladder: tuple[Rung, ...] = ()
    as_seen: Scores = field(default_factory=dict)  # of the final frames; `unfiltered` is the teacher at pixel centres
    cause: NDArray[np.int64] | None = None  # [H, W] index into sources.CAUSES


def world_at(name_or_path: str) -> LoadedWorld:
    """A world of the evaluation set by name, any other world as `load` finds it. Raises WorldFileError."""
    inside = worlds_folder() / "eval" / f"{name_or_path}.star"
    shipped = (worlds_folder() / f"{name_or_path}.star").is_file()
    return load(inside if name_or_path in EVALUATION_SET and not shipped else name_or_path)


def places(rails: Sequence[CameraRail], views: int) -> list[tuple[str, Camera]]:
    """Named still cameras of a world: the first of each rail, and if that is too few, more along those that travel."""
    found = [(rail.name, rail.at(0.0)) for rail in rails[:views]]
    moving = [rail for rail in rails if len(rail.time_s) > 1]
    missing = views - len(found)
    for k in range(missing if moving else 0):
        rail, turn = moving[k % len(moving)], k // len(moving)
        turns = -(-(missing - k % len(moving)) // len(moving))
        time_s = float(rail.time_s[-1]) * (turn + 1) / (turns + 1)
        found.append((f"{rail.name} {time_s:.0f} s", rail.at(time_s)))
    return found


def shots(worlds: Sequence[str], views: int = VIEWS) -> Iterator[Shot]:
    """Every world at the hours that make sense there, from its first `views` places. Raises WorldFileError."""
    for world in worlds:
        loaded = world_at(world)
        blueprint = loaded.blueprint
        for condition in EVALUATION_SET.get(world, tuple(CONDITIONS)):
            state = new_state(blueprint, 7)
            for tick in range(SETTLE_TICKS):
                commands = [Command(0, "set_clock", {"hour": CONDITIONS[condition]})] if tick == 0 else []
                state = step(blueprint, state, commands, loaded.script)
            for name, camera in places(blueprint.cameras, views):
                yield Shot(Path(world).stem, name, condition, extract(blueprint, state, camera=camera))


def compare(
    shot: Shot,
    renderer: Renderer,
    spp: int,
    with_equal_time: bool = True,
    with_ladder: bool = False,
    with_as_seen: bool = False,
    with_causes: bool = False,
    watch: Callable[[int], None] = lambda spp: None,
) -> Comparison:
    """Render one shot in all looks at the renderer's size and hold it against the teacher.

    `watch` is told the teacher's samples as they come. Raises TeacherError, or OutputError if the teacher's picture
    cannot be kept.
    """
    view, (width, height) = shot.view, renderer.size_px
    linear = {}
    for name, look in LOOKS.items():
        renderer.set_look(look)
        linear[name] = renderer.render_linear(view)
    renderer.set_look(LOOKS["net"])
    seen = renderer.gbuffer(view)
    frame_ms = _moving_frame_ms(renderer, view)
    traced = reference(view, renderer.size_px, spp, watch)
    truth = traced.picture
    compared = same_surface(view, seen, truth)
    as_it_is = view.materials.glossy[seen.material]
    wanted = metrics.tone_mapped(with_albedo_of(seen, truth, compared, linear["net"], as_it_is), view.sky.exposure)

    def climbed(count: float, denoise: bool) -> tuple[F32, float]:
        """The path tracer's linear picture and its milliseconds."""
        side = max(1, round(count**-0.5))
        few_px = (width // side, height // side)
        found = rival(view, few_px, max(1, int(count)), denoise).picture
        found = enlarged(found, truth) if side > 1 else found
        picture = with_albedo_of(seen, found, compared, linear["net"], as_it_is)
        return picture, 1e3 * (found.trace_s + found.denoise_s)

    equal_spp, equal_ms = 0.0, 0.0
    if with_equal_time:
        equal_spp = affordable(frame_ms / 1e3, rival(view, renderer.size_px, 1).picture)
        linear["equal_time"], equal_ms = climbed(equal_spp, True)
    shown = {name: metrics.tone_mapped(picture, view.sky.exposure) for name, picture in linear.items()}
    shown = {name: np.where(compared[..., None], picture, shown["net"]) for name, picture in shown.items()}
    ladders: dict[bool, list[Rung]] = {True: [], False: []}
    for count in rungs(spp) if with_ladder else ():
        for denoise, ladder in ladders.items():
            picture, ms = climbed(count, denoise)
            row = _scores({"it": metrics.tone_mapped(picture, view.sky.exposure)}, wanted)
            ladder.append(Rung(count, round(ms, 2), **{key: row[key]["it"] for key in METRICS}))
    return Comparison(
        shot, wanted, shown, _scores(shown, wanted), float(compared.mean()), frame_ms, equal_spp, equal_ms, traced.spp,
        tuple(ladders[True]), tuple(ladders[False]), as_seen(view, renderer, spp) if with_as_seen else {},
        sources.causes(view, seen, linear["net"]) if with_causes else None,
    )  # fmt: skip


def rungs(spp: int) -> list[float]:
    """Samples a pixel of the path tracer's ladder beside a reference of `spp`: shared ones, then powers of two."""
    most = max(1, min(LADDER_SPP, spp // LADDER_PART))
    return [*(side**-2 for side in SPARSE), *(1 << k for k in range(most.bit_length()))]


def affordable(seconds: float, one: teacher.Picture) -> float:
    """Samples a pixel that can be traced and denoised in so much time, by what one of each took; the fewest at least.

    Both are taken to go with the number of pixels: for small pictures that is a little too kind to the path tracer.
    """
    if seconds >= one.trace_s + one.denoise_s:
        return int((seconds - one.denoise_s) / one.trace_s)
    fits = [side for side in SPARSE if (one.trace_s + one.denoise_s) / side**2 <= seconds]
    return min(fits, default=SPARSE[0]) ** -2


def as_seen(view: View, renderer: Renderer, spp: int) -> Scores:
    """How the frames that a player sees compare with a teacher averaged over FINE x FINE places in each pixel.

    Fog is taken out of both; sky, and whatever teacher and G-buffer see differently, is drawn in high resolution in
    both. `unfiltered` is the teacher at pixel centres alone: what antialiasing could win.
    """
    view = replace(view, sky=replace(view.sky, fog_density=0.0))
    width, height = renderer.size_px
    shown: dict[str, F32] = {}
    for name, look in LOOKS.items():
        renderer.set_look(look)
        shown[name] = (renderer.render(view).rgb / 255.0).astype(np.float32)
    renderer.set_look(LOOKS["net"])
    try:
        renderer.size_px = (FINE * width, FINE * height)
        base, seen = renderer.render_linear(view, decorated=True), renderer.gbuffer(view)
    finally:
        renderer.size_px = (width, height)
    truth = reference(view, (FINE * width, FINE * height), -(-spp // FINE**2)).picture
    as_it_is = view.materials.glossy[seen.material]
    fine = with_albedo_of(seen, truth, same_surface(view, seen, truth), base, as_it_is)
    mean = fine.reshape(height, FINE, width, FINE, 3).mean((1, 3), dtype=np.float32)
    shown["unfiltered"] = metrics.tone_mapped(fine[FINE // 2 :: FINE, FINE // 2 :: FINE], view.sky.exposure)
    return _scores(shown, metrics.tone_mapped(mean, view.sky.exposure))


def evaluate(
    worlds: Sequence[str] = tuple(EVALUATION_SET),
    quick: bool = False,
    size_px: tuple[int, int] | None = None,
    spp: int | None = None,
    views: int | None = None,
    with_sources: bool = False,
    with_ladder: bool = False,
    report: Callable[[str], None] | None = None,
    watch: Callable[[Comparison], None] | None = None,
    progress: Progress | None = None,
    weights: Path | None = None,
) -> dict[str, object]:
    """Compare all shots: {"views": [...], "mean": {...}, ...} as `daguerre eval --json` prints it.

    Quick means one view of each world at 320 x 180 with 64 samples, and the path tracer's ladder only `with_ladder`;
    else 4 views at 640 x 360 with 1024, and for the first view of each world and condition the ladder and the frame as
    seen. After each shot `report` gets
    a line of text and `watch` the comparison. Raises WorldFileError, WeightsError, GraphicsError, TeacherError or
    OutputError.
    """
    for world in worlds:
        world_at(world)  # what is wrong with the last should not come out after hours of tracing
    renderer = Renderer(size_px or ((320, 180) if quick else (640, 360)), weights=weights)
    samples, views = spp or (64 if quick else 1024), views or (1 if quick else VIEWS)
    rows: list[dict[str, object]] = []
    parts: list[tuple[NDArray[np.int64], F32]] = []
    seen_first: set[tuple[str, str]] = set()
    total = sum(views * len(EVALUATION_SET.get(world, CONDITIONS)) for world in worlds)
    task = progress.add_task("", total=total) if progress is not None else None
    for done, shot in enumerate(shots(worlds, views)):
        name = f"{shot.world} / {shot.camera} / {shot.condition}"

        def tell(held: int, name: str = name, done: int = done) -> None:
            if progress is not None and task is not None:
                share = min(1.0, held / samples)
                progress.update(task, completed=done + share, description=f"{name}: {held} of {samples} samples")

        first = (shot.world, shot.condition) not in seen_first
        seen_first.add((shot.world, shot.condition))
        more = first and not quick
        result = compare(shot, renderer, samples, True, first and (with_ladder or not quick), more, with_sources, tell)
        rows.append(row_of(result))
        if result.cause is not None:
            squared = ((result.pictures["net"] - result.teacher) ** 2).mean(-1)
            parts.append((result.cause, squared.astype(np.float32)))
        if watch is not None:
            watch(result)
        if report is not None:
            line = ", ".join(f"{key} {value:.2f}" for key, value in result.scores["psnr"].items())
            report(f"{name}: PSNR dB {line}")
    if progress is not None and task is not None:
        progress.update(task, completed=total)
    return {
        **summary(rows), "size_px": list(renderer.size_px), "spp": samples,
        "sources": [asdict(share) for share in sources.shares(parts)] if parts else [],
    }  # fmt: skip


def row_of(result: Comparison) -> dict[str, object]:
    """One shot as `daguerre eval --json` prints it."""
    return {
        "world": result.shot.world,
        "view": result.shot.camera,
        "condition": result.shot.condition,
        **result.scores,
        "frame_ms": round(result.frame_ms, 2),
        "equal_time_spp": result.equal_time_spp,
        "equal_time_ms": round(result.equal_time_ms, 2),
        "teacher_spp": result.teacher_spp,
        "compared": round(result.compared, 4),
        "ladder": [asdict(rung) for rung in result.ladder],
        "raw_ladder": [asdict(rung) for rung in result.raw_ladder],
        "as_seen": result.as_seen,
    }


def sheet(
    worlds: Sequence[str],
    out: Path,
    size_px: tuple[int, int] = (400, 225),
    spp: int = SHEET_SPP,
    report: Callable[[str], None] | None = None,
    weights: Path | None = None,
) -> Path:
    """One PNG: a row for each world and hour, columns teacher | network | classical | raster, from each first camera.

    Pictures are made at twice the size and averaged, so that all four columns have smooth edges alike.
    """
    check_writable(out)
    width, height = size_px
    renderer = Renderer((2 * width, 2 * height), weights=weights)
    columns = {"teacher": "teacher (path tracer)", "net": "network", "classical": "classical", "raster": "raster"}
    rows = []
    for shot in shots(worlds, 1):
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
        Image.fromarray(np.concatenate([head, *rows], 0)).save(out, optimize=True)
    except (OSError, ValueError) as error:  # ValueError: a suffix that stands for no kind of picture
        raise OutputError(f"{out}: the sheet of pictures cannot be written ({error})") from None
    return out


def _moving_frame_ms(renderer: Renderer, view: View) -> float:
    """Median processor time of a frame while the camera turns and the world is warm."""
    times = []
    for k in range(TIMED_FRAMES + 1):
        camera = replace(view.camera, yaw=view.camera.yaw + 0.01 * k)
        begin = time.process_time()
        renderer.render(replace(view, camera=camera, previous_camera=camera))
        times.append(1e3 * (time.process_time() - begin))
    return statistics.median(times[1:])


def same_surface(view: View, seen: GBufferArrays, truth: teacher.Picture) -> Bool:
    """[H, W] where the teacher's ray and the rasteriser found one surface whose light can be compared."""
    height, width = seen.depth.shape
    rays = view.camera.rays(width, height)
    slant = np.linalg.norm(rays, axis=-1)
    both = np.isfinite(seen.depth) & np.isfinite(truth.distance)
    depth, other = np.where(both, seen.depth, 0.0), np.where(both, truth.distance, 0.0) / slant
    shining_body = (seen.entity >= 0) & (view.materials.emission[seen.material].max(-1) > 0)
    facing = (seen.normal * truth.normal).sum(-1) > 0.5
    # Where two materials meet rays of one pixel may differ; of glossy ones the teacher's own colour would be compared.
    painted_so = np.abs(seen.albedo - truth.albedo).max(-1) < PAINTED_SO
    same_paint = painted_so | ~view.materials.glossy[seen.material]
    behind_a_lamp = _behind_a_lamp(view, rays, depth)
    same_place = np.abs(depth - other) < 0.02 + 0.01 * depth
    return np.asarray(both & ~shining_body & ~behind_a_lamp & facing & same_paint & same_place)


def _behind_a_lamp(view: View, rays: NDArray[np.float64], depth: NDArray[np.float64]) -> Bool:
    """[H, W] where a lamp that shines stands before the surface at `depth` [H, W] metres: the path tracer shows its
    box, pictures do not. `rays` [H, W, 3] are one metre deep.
    """
    found = np.zeros(depth.shape, np.bool_)
    lamps, eye = view.lamps, np.asarray(view.camera.position)
    for k in np.flatnonzero(lamps.radiance.max(-1, initial=0.0) > 0):
        half = lamps.size[k] / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.stack([(lamps.centre[k] - half - eye) / rays, (lamps.centre[k] + half - eye) / rays])
        enters, leaves = ends.min(0).max(-1), ends.max(0).min(-1)
        found |= (enters <= leaves) & (leaves > 0) & (enters < depth)
    return found


def with_albedo_of(
    seen: GBufferArrays, truth: teacher.Picture, compared: Bool, base: F32, as_it_is: Bool | None = None
) -> F32:
    """The teacher's light on the G-buffer's albedo, `base` where nothing is compared: linear [H, W, 3].

    `as_it_is` [H, W] are pixels that keep the teacher's own albedo.
    """
    light = (truth.radiance - truth.emission) / np.maximum(truth.albedo, 1e-3)
    picture = np.maximum(light, 0.0) * seen.albedo + truth.emission
    if as_it_is is not None:
        picture = np.where(as_it_is[..., None], truth.radiance, picture)
    return np.where(compared[..., None], picture, base).astype(np.float32)


def _scores(pictures: Mapping[str, F32], wanted: F32) -> Scores:
    """Every metric of every picture."""
    return {key: {name: round(f(x, wanted), 4) for name, x in pictures.items()} for key, f in METRICS.items()}


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
