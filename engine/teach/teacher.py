"""The teacher: Mitsuba's path tracer over the same voxels, bodies, lamps, sun and sky as a View.

Mitsuba runs in a worker process (engine/teach/worker.py), one for each request: on a graphics card where OptiX is
found, with Dr.Jit's LLVM backend where an LLVM of version 16 or later is (older ones abort), scalar elsewhere.
"""

import ctypes.util
import glob
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import DaguerreError
from engine.state.blueprint import Materials
from engine.teach.surfaces import Mesh, body_mesh, voxel_mesh
from engine.view import SkyView, View, sky_radiance

F32 = NDArray[np.float32]
SKY_PX = (512, 1024)  # rows, columns of the sky's map
START_M = 0.02  # how far before a surface point a ray towards it starts
MIN_LLVM = 16
LAMP_SPP = 512  # least samples of a lamp's direct light in an `exact` picture
DEEPEST = 64  # bounces; long before, dim paths end by chance (worker.py)


class TeacherError(DaguerreError):
    """The path tracer is missing, or stopped."""


@dataclass(frozen=True)
class Picture:
    """A path-traced picture with what it shows."""

    radiance: F32  # [H, W, 3] linear RGB
    albedo: F32  # [H, W, 3] of the surface under each pixel's centre, painted where glossy; 0 where there is none
    emission: F32  # [H, W, 3] linear RGB radiance
    normal: F32  # [H, W, 3] unit, world; 0 where there is none
    distance: F32  # [H, W] metres from the eye along the ray, inf for the sky
    trace_s: float  # seconds of path tracing: processor time of all threads; of a timed picture without compiling
    denoise_s: float  # seconds of denoising, likewise
    exact: F32 | None = None  # [H, W, 3] what of the radiance holds next to no noise, if it was asked for


@dataclass(frozen=True)
class Source:
    """One light to be traced on its own."""

    kind: Literal["sky", "sun", "lamps"]
    part: Literal["all", "direct", "indirect"] = "all"
    sky: SkyView | None = None  # of kinds "sky" and "sun"


def available() -> bool:
    """Whether Mitsuba is installed."""
    return importlib.util.find_spec("mitsuba") is not None


def picture(
    view: View,
    size_px: tuple[int, int],
    spp: int,
    denoise: bool = False,
    max_depth: int = DEEPEST,
    seed: int = 0,
    antialias: bool = False,
    timed: bool = False,
    exact: bool = False,
) -> Picture:
    """Path-trace a view with `spp` samples per pixel for sun, sky and shining voxels, and as many again for the lamps.

    With `antialias`, samples spread over the pixel (box filter); without, all go through its centre, as the rasteriser
    does, so that both show the same surface. `denoise` runs Open Image Denoise with albedo and normal as guides.
    Glossy materials reflect as engine/light/ggx.py says, here among each other too. `timed` traces a round for nothing
    first, so that trace_s holds no compiling.

    `exact` tells apart what holds next to no noise: what shines by itself, seen straight, the direct light of the sun,
    which one sample knows as well as many, and that of lamps, each of which gets samples of its own (lamplight.py),
    LAMP_SPP or more, for they are cheap. So that this is so the sun then has `spp` samples of its own too, and light of
    lamps that bounces on is traced by itself. It needs rays without a spread.
    """
    if exact and (antialias or denoise):
        raise ValueError("exact: with antialias every sample sees another place, and denoise leaves no part as it was")
    width, height = size_px
    direction = view.camera.rays(width, height).astype(np.float32)
    step_u, step_v = (direction[0, 1] - direction[0, 0]) * antialias, (direction[1, 0] - direction[0, 0]) * antialias
    rays = _rays(
        "camera", np.asarray(view.camera.position, np.float32), direction.reshape(-1, 3), step_u, step_v, False
    )
    common: dict[str, Any] = {"rays": "camera", "kind": "radiance", "spp": spp, "max_depth": max_depth, "timed": timed}
    sun = "now" if view.sky.sun.max() > 0 else None
    jobs: list[dict[str, Any]] = [
        {"name": "surface", "kind": "surface", "rays": "camera"},
        {**common, "name": "day", "sky": "now", "sun": None if exact else sun, "shine": True, "seed": 2 * seed},
    ]
    shares, clear = ["day"], []  # names of jobs that add up, and of those whose sum holds next to no noise
    if len(view.lamps.radiance) and view.lamps.radiance.max() > 0:
        jobs.append({**common, "name": "lamps", "lamps": True, "bounced": exact, "seed": 2 * seed + 1})
        shares.append("lamps")
        if exact:
            samples = max(spp, LAMP_SPP)
            jobs.append({**common, "name": "lamplight", "kind": "lamplight", "spp": samples, "seed": 2 * seed + 1})
            shares.append("lamplight")
            clear.append("lamplight")
    if exact:
        first: dict[str, Any] = {"rays": "camera", "kind": "radiance", "spp": 1, "seed": 0}
        jobs.append({**first, "name": "seen", "sky": "now", "shine": True, "max_depth": 1})
        clear.append("seen")
        if sun is not None:
            jobs.append({**first, "name": "sunlit", "sun": sun, "max_depth": 2})
            jobs.append({**common, "name": "sun", "sun": sun, "seed": 2 * seed})
            shares.append("sun")
            clear.append("sunlit")
    if denoise:
        jobs.append({"name": "clean", "kind": "denoise", "image": shares, "guide": "surface", "size": [width, height]})
    pixel_m = 2.0 * math.tan(view.camera.fov_y / 2) / height
    paint = np.array([*view.camera.position, *view.camera.axes()[0], pixel_m], np.float32)
    done = _answer(view, {"now": view.sky}, rays, jobs, view.materials, paint)
    radiance = done["clean"] if denoise else np.sum([done[name] for name in shares], axis=0)
    surface = done["surface"].reshape(height, width, 10)
    trace_s = sum(float(done[f"{name}_seconds"]) for name in shares)
    parts = (surface[..., :3], surface[..., 3:6], surface[..., 6:9], surface[..., 9])
    noiseless = np.sum([done[name] for name in clear], axis=0).reshape(height, width, 3) if exact else None
    return Picture(
        radiance.reshape(height, width, 3).astype(np.float32), *parts, trace_s, float(done.get("clean_seconds", 0.0)),
        noiseless,
    )  # fmt: skip


def trace_points(
    view: View,
    points: F32,
    normals: F32,
    sources: Sequence[Source],
    spp: int,
    max_depth: int = DEEPEST,
    seed: int = 0,
    spread_u: F32 | None = None,
    spread_v: F32 | None = None,
) -> F32:
    """Light e on points [n, 3] of solid surfaces with unit outward normals [n, 3], one source at a time: [S, n, 3].

    e is irradiance / pi (engine/view.py). `spread_u` and `spread_v` [n, 3] in metres are the sides of the patch around
    each point over which e is averaged. The surface's own albedo, which must not be 0, is divided out. All materials
    are taken as matte: e is what falls on a surface, and the cache it is taught to bounces all light as matte does.
    """
    zero = np.zeros(3, np.float32)
    rays = _rays(
        "points",
        points + normals * START_M,
        -np.asarray(normals, np.float32),
        zero if spread_u is None else spread_u,
        zero if spread_v is None else spread_v,
        True,
    )
    skies: dict[str, SkyView] = {}
    jobs: list[dict[str, Any]] = [{"name": "surface", "kind": "surface", "rays": "points"}]
    for i, source in enumerate(sources):
        job: dict[str, Any] = {"kind": "radiance", "rays": "points", "seed": seed * 97 + i, "spp": spp}
        if source.kind == "lamps":
            job["lamps"] = True
        elif source.sky is None:
            raise TeacherError(f"source {i} is a {source.kind}, which needs a SkyView")
        else:
            skies[f"sky{i}"] = source.sky
            job[source.kind] = f"sky{i}"
        if source.part != "direct":
            jobs.append({**job, "name": f"all{i}", "max_depth": max_depth})
        if source.part != "all":
            jobs.append({**job, "name": f"direct{i}", "max_depth": 2})
    matte = replace(view.materials, roughness=np.ones(len(view.materials.names), np.float32))
    done = _answer(view, skies, rays, jobs, matte)
    albedo = done["surface"][:, :3]
    if albedo.min() <= 0:
        where = int(np.argmin(albedo.min(1)))
        raise TeacherError(
            f"point {where} at {points[where]} m lies on no surface, or on one of albedo 0; move it or paint it"
        )
    light = [
        done[f"direct{i}"] if source.part == "direct" else done[f"all{i}"] - done.get(f"direct{i}", 0.0)
        for i, source in enumerate(sources)
    ]
    return np.stack(light).astype(np.float32) / albedo


def sky_map(sky: SkyView) -> F32:
    """The sky as Mitsuba's latitude-longitude picture [rows, columns, 3] (y up, turned to z up by the worker)."""
    rows, columns = SKY_PX
    theta = (np.arange(rows) + 0.5) / rows * np.pi
    phi = (np.arange(columns) + 0.5) / columns * 2 * np.pi
    theta, phi = np.meshgrid(theta, phi, indexing="ij")
    # Mitsuba's own direction is (sin phi sin theta, cos theta, -cos phi sin theta); the turn takes y to z and z to -y.
    direction = np.stack([np.sin(phi) * np.sin(theta), np.cos(phi) * np.sin(theta), np.cos(theta)], -1)
    return sky_radiance(sky, direction.astype(np.float32))


def variants(timed: bool) -> list[str]:
    """Mitsuba's variants that this machine may run, fastest first; what is `timed` is timed on the processor."""
    cuda, llvm = optix_present() and not timed, llvm_library() is not None
    return ["cuda_ad_rgb"] * cuda + ["llvm_ad_rgb"] * llvm + ["scalar_rgb"]


def optix_present() -> bool:
    """Whether this machine has NVIDIA's ray tracer, which the CUDA backend needs."""
    try:
        ctypes.CDLL("libnvoptix.so.1")
    except OSError:
        return False
    return True


def llvm_library() -> str | None:
    """The newest LLVM shared library of version 16 or later on this machine, or None."""
    if os.environ.get("DRJIT_LIBLLVM_PATH"):
        return os.environ["DRJIT_LIBLLVM_PATH"]
    places = ("/usr/lib/*/libLLVM*.so*", "/usr/lib/llvm-*/lib/libLLVM*.so*", "/usr/lib64/libLLVM*.so*",
              "/opt/homebrew/opt/llvm*/lib/libLLVM*.dylib", "/usr/local/opt/llvm*/lib/libLLVM*.dylib")  # fmt: skip
    found = [path for place in places for path in glob.glob(place)]
    found += [name for name in (ctypes.util.find_library(f"LLVM-{n}") for n in range(MIN_LLVM, 24)) if name]
    versions = [(int(match[1]), path) for path in found if (match := re.search(r"LLVM(?:\.so\.|-)(\d+)", path))]
    good = [pair for pair in versions if pair[0] >= MIN_LLVM]
    return max(good)[1] if good else None


def _rays(name: str, origin: F32, direction: F32, du: F32, dv: F32, spreads_origin: bool) -> dict[str, Any]:
    parts = {"origin": origin, "direction": direction, "du": du, "dv": dv}
    out: dict[str, Any] = {
        f"{name}_{k}": np.broadcast_to(v, direction.shape).astype(np.float32) for k, v in parts.items()
    }
    out[f"{name}_spreads_origin"] = spreads_origin
    return out


def _answer(
    view: View,
    skies: Mapping[str, SkyView],
    rays: Mapping[str, Any],
    jobs: Sequence[Mapping[str, Any]],
    materials: Materials,
    paint: F32 | None = None,
) -> dict[str, Any]:
    """Send one request to a worker process and read its response. `paint` is what painted.py asks for, [7]."""
    if not available():
        raise TeacherError("the teacher needs Mitsuba, which is not installed: pip install 'daguerre[teach]'")
    static, bodies = voxel_mesh(view.voxels.material), body_mesh(view)
    half = view.lamps.size / 2
    patterns = np.stack([materials.pattern, materials.pattern_scale, materials.pattern_shift], 1).astype(np.float32)
    request: dict[str, Any] = {
        **_mesh_arrays("voxel", static, materials),
        **_mesh_arrays("body", bodies, materials),
        "voxel_pattern": patterns[static.material],
        "body_pattern": np.tile(np.array([0, 1, 0], np.float32), (len(bodies.material), 1)),  # only voxels have any
        "voxel_emission": materials.emission[static.material],
        "paint": np.zeros(7, np.float32) if paint is None else paint,
        "lamp_low": view.lamps.centre - half,
        "lamp_high": view.lamps.centre + half,
        "lamp_radiance": view.lamps.radiance,
        **rays,
        "jobs": json.dumps(list(jobs)),
    }
    for name, sky in skies.items():
        request[f"{name}_map"] = sky_map(sky)
        request[f"{name}_sun_direction"], request[f"{name}_sun"] = sky.sun_direction, sky.sun
    library = llvm_library()
    with tempfile.TemporaryDirectory(prefix="daguerre-teacher-") as folder:
        question, reply = Path(folder, "request.npz"), Path(folder, "response.npz")
        np.savez(question, **request)
        for variant in variants(any(job.get("timed") for job in jobs)):
            surroundings = {**os.environ, "DAGUERRE_TEACHER": variant, "DRJIT_LIBLLVM_PATH": library or ""}
            ran = subprocess.run(
                [sys.executable, "-m", "engine.teach.worker", str(question), str(reply)],
                env=surroundings, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False,
            )  # fmt: skip
            if ran.returncode == 0:
                with np.load(reply, allow_pickle=False) as file:
                    return {key: file[key] for key in file.files}
    last = ran.stderr.strip().splitlines()[-1:] or ["no message"]
    raise TeacherError(f"the path tracer's process ended with status {ran.returncode}: {last[0]}")


def _mesh_arrays(name: str, mesh: Mesh, materials: Materials) -> dict[str, Any]:
    roughness = np.where(materials.glossy, materials.roughness, np.float32(1.0))
    return {
        f"{name}_position": mesh.position,
        f"{name}_normal": mesh.normal,
        f"{name}_triangles": mesh.triangles,
        f"{name}_albedo": materials.albedo[mesh.material],
        f"{name}_polish": np.stack([roughness, materials.metal], 1)[mesh.material],
    }
