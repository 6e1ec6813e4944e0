"""Flicker on a slow walk: how much of a frame is not the frame before, moved to where its points are now.

The same measure is taken of the path tracer's frames, on the same pixels and with the G-buffer's albedo, so that what
warping itself costs (a bilinear tap on a pattern, a highlight that travels) is in both. The camera alone moves.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.film.camera import Renderer
from engine.raster.gbuffer import GBufferArrays
from engine.state.camera import Camera
from engine.teach import metrics, reference, teacher
from engine.teach.evaluate import Shot, same_surface, shots, with_albedo_of
from engine.view import View

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
FRAME_S = 1 / 30
WALK_M_S = 1.0
TURN_RAD_S = 0.27
SAME_PLANE_M = 0.02
SIZE_PX, FRAMES, SPP = (160, 90), 4, 256


def walk(view: View, frames: int = FRAMES) -> list[View]:
    """A view from a camera that walks forward and turns slowly, one view a frame."""
    forward = view.camera.axes()[0]
    cameras = [
        replace(
            view.camera,
            position=tuple((np.asarray(view.camera.position) + WALK_M_S * FRAME_S * i * forward).tolist()),
            yaw=view.camera.yaw + TURN_RAD_S * FRAME_S * i,
        )
        for i in range(-1, frames)
    ]
    pairs: list[tuple[Camera, Camera]] = list(zip(cameras[:-1], cameras[1:], strict=True))
    return [replace(view, camera=now, previous_camera=before) for before, now in pairs]


def points(view: View, seen: GBufferArrays) -> NDArray[np.float64]:
    """World places [H, W, 3] in metres of pixels; far away where nothing was hit."""
    height, width = seen.depth.shape
    depth = np.where(np.isfinite(seen.depth), seen.depth, 1e6)[..., None]
    return np.asarray(np.asarray(view.camera.position) + depth * view.camera.rays(width, height))


def warped(
    picture: NDArray[np.floating], before: tuple[View, GBufferArrays], now: tuple[View, GBufferArrays]
) -> tuple[NDArray[np.float64], Bool]:
    """The earlier picture [H, W, 3] where its points are now (bilinear, along the motion channel), and the pixels
    [H, W] whose point was seen then: all four taps lie on the same plane and body.
    """
    (_, old), (_, new) = before, now
    old_point, new_point = points(*before), points(*now)
    height, width = new.depth.shape
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x - new.motion[..., 0], y - new.motion[..., 1]
    inside = (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1) & np.isfinite(new.depth)
    left, top = np.clip(np.floor(x).astype(int), 0, width - 2), np.clip(np.floor(y).astype(int), 0, height - 2)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    out = np.zeros(picture.shape, np.float64)
    for u, v in ((0, 0), (1, 0), (0, 1), (1, 1)):
        at = (top + v, left + u)
        weight = (fx if u else 1 - fx) * (fy if v else 1 - fy)
        out += weight * picture[at]
        off_plane = np.abs(((old_point[at] - new_point) * new.normal).sum(-1))
        inside &= (off_plane < SAME_PLANE_M) & ((old.normal[at] * new.normal).sum(-1) > 0.99)
        inside &= old.entity[at] == new.entity
    return out, inside


def flicker(
    views: Sequence[View],
    shown: Sequence[NDArray[np.floating]],
    buffers: Sequence[GBufferArrays],
    counts: Sequence[Bool] | None = None,
) -> float:
    """Mean absolute difference from frame to frame of pictures [H, W, 3] after the tone curve, where both see the same.

    `counts` [H, W] of each frame leaves pixels out. Raises ValueError if fewer than a tenth of all pixels are left.
    """
    apart = []
    for i in range(1, len(views)):
        there, seen = warped(shown[i - 1], (views[i - 1], buffers[i - 1]), (views[i], buffers[i]))
        if counts is not None:
            seen = seen & counts[i]
        if seen.mean() < 0.1:
            raise ValueError(f"frame {i} shares {100 * seen.mean():.0f} % of its pixels with the one before: too few")
        apart.append(np.abs(there - shown[i])[seen].mean())
    return float(np.mean(apart))


def of_shot(shot: Shot, renderer: Renderer, spp: int = SPP, frames: int = FRAMES) -> dict[str, object]:
    """The network's flicker and the path tracer's on a walk from one shot: {world, view, condition, net, teacher}.

    The path tracer has `spp` samples, drawn anew for each frame, and is denoised. Raises TeacherError.
    """
    views = walk(shot.view, frames)
    ours: list[F32] = []
    theirs: list[F32] = []
    buffers: list[GBufferArrays] = []
    counts: list[Bool] = []
    for i, view in enumerate(views):
        linear, seen = renderer.render_linear(view), renderer.gbuffer(view)
        truth = reference.denoised(teacher.picture(view, renderer.size_px, spp, seed=i))
        compared = same_surface(view, seen, truth)
        traced = with_albedo_of(seen, truth, compared, linear, view.materials.glossy[seen.material])
        for kept, picture in ((ours, linear), (theirs, traced)):
            kept.append(metrics.tone_mapped(picture, view.sky.exposure))
        buffers.append(seen)
        counts.append(compared)
    found = [round(flicker(views, shown, buffers, counts), 6) for shown in (ours, theirs)]
    names = {"world": shot.world, "view": shot.camera, "condition": shot.condition}
    return {**names, "net": found[0], "teacher": found[1], "times": round(found[0] / max(found[1], 1e-9), 3)}


def measure(
    worlds: Sequence[str], spp: int = SPP, report: Callable[[str], None] = lambda line: None
) -> list[dict[str, object]]:
    """`of_shot` for the first view of every world and hour, at SIZE_PX. Raises as `evaluate` does."""
    renderer = Renderer(SIZE_PX)
    rows = []
    for shot in shots(worlds, 1):
        row = of_shot(shot, renderer, spp)
        report(f"{row['world']} / {row['condition']}: {row['net']} against the path tracer's {row['teacher']}")
        rows.append(row)
    return rows
