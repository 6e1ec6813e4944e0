"""Path-traced pictures that are kept on disk: the reference, which grows, and the rivals of the network.

A reference is a running sum of samples. It is traced in chunks, and after each the sum is written, so that a broken run
goes on where it stopped and a later one with more samples adds to what is there. Denoising comes last, over the whole
sum. A rival has exactly the samples that were asked for, drawn from other random numbers than the reference's.

Files are found by a digest of everything that the path tracer is told, so a world that changed is traced anew.
"""

import functools
import hashlib
import importlib
import importlib.util
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from engine.core.errors import OutputError
from engine.teach import teacher
from engine.teach.surfaces import body_mesh
from engine.teach.teacher import Picture, TeacherError
from engine.view import View

F32 = NDArray[np.float32]
CHUNK_SPP = 128  # samples between two writes: about 40 s at 640 x 360 on two cores
VERSION = 6  # grows when the same view would be traced differently: then kept pictures are stale
RIVAL_SEED = 1_000_000  # the first seed that no chunk of a reference has
UNREADABLE = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile)  # not there, or cut short
LEAST_ALBEDO = 0.04  # that light is divided by: as much as a varnish mirrors
CHANNELS = ("radiance", "albedo", "emission", "normal", "distance")


@dataclass(frozen=True)
class Traced:
    """A picture and what went into it."""

    picture: Picture  # denoised
    spp: int  # samples per pixel that it holds
    chunks: int = 1  # traced runs that it is the mean of


def folder() -> Path:
    """Where path-traced pictures are kept."""
    return Path(user_cache_dir("daguerre"), "teacher")


def reference(
    view: View, size_px: tuple[int, int], spp: int, watch: Callable[[int], None] = lambda spp: None
) -> Traced:
    """A view at `spp` samples or more, denoised: what is on disk, and so many samples on top as are missing.

    `watch` is told the samples that the sum holds, before tracing and after each chunk. Raises TeacherError, and
    OutputError if the sum cannot be kept.
    """
    path = folder() / f"{_digest(view, size_px)}.npz"
    kept = _read(path)
    watch(kept.spp if kept else 0)
    while kept is None or kept.spp < spp:
        count = min(CHUNK_SPP, spp - (kept.spp if kept else 0))
        chunk = Traced(teacher.picture(view, size_px, count, seed=kept.chunks if kept else 0, exact=True), count)
        kept = _joined(kept, chunk) if kept else chunk
        if _samples(path) < kept.spp:  # another run may have got further meanwhile
            _write(path, kept)
        watch(kept.spp)
    return replace(kept, picture=cleaned(kept.picture))


def rival(view: View, size_px: tuple[int, int], spp: int, denoise: bool = True) -> Traced:
    """A view at exactly `spp` samples from random numbers of its own. Raises as `reference` does."""
    path = folder() / f"{_digest(view, size_px)}-{spp}-samples.npz"
    kept = _read(path)
    if kept is None:
        kept = Traced(teacher.picture(view, size_px, spp, seed=RIVAL_SEED + spp, timed=True), spp)
        _write(path, kept)
    return replace(kept, picture=denoised(kept.picture)) if denoise else kept


def cleaned(picture: Picture) -> Picture:
    """Denoise nothing but what holds noise, and light in place of radiance, guided by normals alone: what shines, where
    the sun's light ends and where colours do stay sharp. A rival is not treated so well: it hands over whole pictures.
    """
    assert picture.exact is not None
    _warm_up()
    begin = time.process_time()
    albedo = np.clip(picture.albedo, np.float32(LEAST_ALBEDO), np.float32(1))
    light = np.maximum(picture.radiance - picture.exact, 0) / albedo
    surface = np.repeat(np.isfinite(picture.distance)[..., None], 3, -1).astype(np.float32)
    radiance = picture.exact + albedo * _denoise(light, surface, picture.normal)
    return replace(picture, radiance=radiance, denoise_s=time.process_time() - begin)


def denoised(picture: Picture) -> Picture:
    """Open Image Denoise with albedo and normal as guides; they are taken through pixel centres, so hold no noise."""
    _warm_up()
    begin = time.process_time()
    radiance = _denoise(picture.radiance, np.clip(picture.albedo, 0, 1), picture.normal)
    return replace(picture, radiance=radiance, denoise_s=time.process_time() - begin)


def _denoise(radiance: F32, albedo: F32, normal: F32) -> F32:
    if importlib.util.find_spec("mitsuba_oidn") is None:
        raise TeacherError("denoising needs mitsuba_oidn, which is not installed: pip install 'daguerre[teach]'")
    oidn: Any = importlib.import_module("mitsuba_oidn")  # its stub file is not valid Python
    guides = (np.ascontiguousarray(a, np.float32) for a in (radiance, albedo, normal))
    return np.array(oidn.denoise(*guides, hdr=True, clean_aux=True), np.float32)


@functools.cache
def _warm_up() -> None:
    """Denoise anything once, so that opening the device is not timed."""
    grey = np.full((32, 32, 3), 0.5, np.float32)
    _denoise(grey, grey, grey)


def _joined(a: Traced, b: Traced) -> Traced:
    """The mean of all samples of two undenoised pictures of one view."""
    share, one, other = np.float32(b.spp / (a.spp + b.spp)), a.picture, b.picture
    radiance = one.radiance + share * (other.radiance - one.radiance)
    exact = None if one.exact is None or other.exact is None else one.exact + share * (other.exact - one.exact)
    both = replace(one, radiance=radiance, exact=exact, trace_s=one.trace_s + other.trace_s)
    return Traced(both, a.spp + b.spp, a.chunks + b.chunks)


def _digest(view: View, size_px: tuple[int, int]) -> str:
    """A name for everything that the picture depends on, but for how many samples it has."""
    bodies, sky, materials = body_mesh(view), view.sky, view.materials
    digest = hashlib.blake2b(repr((VERSION, size_px, view.camera)).encode(), digest_size=16)
    for array in (
        view.voxels.material, materials.albedo, materials.emission, materials.roughness, materials.metal,
        materials.pattern, bodies.position, bodies.normal, bodies.triangles, bodies.material, view.lamps.centre,
        view.lamps.size, view.lamps.radiance, sky.sun_direction, sky.sun, sky.zenith, sky.horizon, sky.glow, sky.ground,
    ):  # fmt: skip
        digest.update(repr((array.shape, array.dtype)).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _read(path: Path) -> Traced | None:
    """The undenoised picture of a file; None if it is not there or was cut short."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            parts = {name: file[name] for name in CHANNELS}
            exact = file["exact"] if "exact" in file.files else None
            picture = Picture(**parts, trace_s=float(file["trace_s"]), denoise_s=0.0, exact=exact)
            return Traced(picture, int(file["spp"]), int(file["chunks"]))
    except UNREADABLE:
        return None


def _samples(path: Path) -> int:
    """Samples in a file, 0 if it cannot be read."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return int(file["spp"])
    except UNREADABLE:
        return 0


def _write(path: Path, traced: Traced) -> None:
    """Keep an undenoised picture, whole or not at all."""
    fresh = path.with_name(f".{path.stem}-{os.getpid()}.npz")
    arrays: dict[str, Any] = {name: getattr(traced.picture, name) for name in CHANNELS}
    if traced.picture.exact is not None:
        arrays["exact"] = traced.picture.exact
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(fresh, **arrays, trace_s=traced.picture.trace_s, spp=traced.spp, chunks=traced.chunks)
        fresh.replace(path)
    except OSError as error:
        raise OutputError(f"{path.parent}: path-traced pictures cannot be kept there ({error.strerror})") from None
