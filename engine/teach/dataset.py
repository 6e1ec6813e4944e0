"""Lessons: for many generated scenes, voxel faces with the light that truly falls on them, one source at a time.

A folder of lessons holds two files for each scene: `targets-SEED.npz`, path-traced and slow, and `features-SEED.npz`,
what the light engine knows of the same faces. Targets survive a change of the light engine; features are made again.
"""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from engine.core.errors import DaguerreError
from engine.teach import teacher
from engine.teach.scenes import random_sky, scene_from_seed, view_of
from engine.teach.surfaces import NORMALS, exposed_faces, face_centres, face_tangents
from engine.teach.teacher import Source
from engine.view import Lamps, SkyView

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

FACES = 5000  # of one scene
SUNS = 4
SPP = 96
PATCH_M = 0.2  # side of the patch of a face over which the target is averaged
HELD_OUT_FROM = 9000  # seeds from here on are never trained on


class DatasetError(DaguerreError):
    """Lessons that are missing or damaged."""


@dataclass(frozen=True)
class Targets:
    """What the teacher says about one scene: sky, SUNS suns, all lamps (of suns and lamps only the indirect part)."""

    seed: int
    faces: I32  # [n, 4] x, y, z (voxels), side
    e: F32  # [SUNS + 2, n, 3] irradiance / pi
    sky: SkyView  # of the sky source
    suns: F32  # [SUNS, 3] unit, towards the sun; their e on a facing white surface is 1


def default_folder() -> Path:
    """Where lessons are kept unless told otherwise."""
    return Path(user_cache_dir("daguerre"), "lessons")


def sun_sky(direction: F32) -> SkyView:
    """A black sky with a white sun of e = 1."""
    dark, white = np.zeros(3, np.float32), np.ones(3, np.float32)
    return SkyView(np.asarray(direction, np.float32), white, dark, dark, dark, dark, 1.0, 0.0)


def trace_targets(seed: int, faces_wanted: int = FACES, spp: int = SPP) -> Targets:
    """Path-trace one scene's targets (a few seconds on two cores)."""
    scene = scene_from_seed(seed)
    rng = np.random.default_rng([seed, 0x7EAC])
    faces = exposed_faces(scene.voxels, with_border=False)
    faces = faces[np.sort(rng.permutation(len(faces))[:faces_wanted])]
    sky = replace(random_sky(rng), sun=np.zeros(3, np.float32))
    elevations = np.radians([rng.uniform(2, 12), rng.uniform(10, 35), rng.uniform(30, 60), rng.uniform(45, 85)])
    suns = np.stack([random_sky(rng, float(elevation)).sun_direction for elevation in elevations])
    sources = [Source("sky", "all", sky)]
    sources += [Source("sun", "indirect", sun_sky(direction)) for direction in suns]
    if len(scene.lamps.entity):
        sources.append(Source("lamps", "indirect"))
    u, v = face_tangents(faces)
    view = view_of(scene.voxels, scene.materials, scene.lamps, sky)
    centres, normals = face_centres(faces), NORMALS[faces[:, 3]]
    spread_u, spread_v = u * np.float32(PATCH_M), v * np.float32(PATCH_M)
    e = teacher.trace_points(view, centres, normals, sources, spp, seed=seed, spread_u=spread_u, spread_v=spread_v)
    if not len(scene.lamps.entity):
        e = np.concatenate([e, np.zeros_like(e[:1])])
    return Targets(seed, faces, e, sky, suns.astype(np.float32))


def save_targets(folder: Path, targets: Targets) -> Path:
    """Write one scene's targets, whole or not at all."""
    sky = targets.sky
    path = target_path(folder, targets.seed)
    colours = np.stack([sky.zenith, sky.horizon, sky.glow, sky.ground])
    light = {"e": targets.e.astype(np.float16), "suns": targets.suns}
    return _save(path, faces=targets.faces, sky_sun_direction=sky.sun_direction, sky_colours=colours, **light)


def load_targets(folder: Path, seed: int) -> Targets:
    """Read one scene's targets; DatasetError says what to do when they are missing or damaged."""
    path = target_path(folder, seed)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            zenith, horizon, glow, ground = file["sky_colours"]
            dark = np.zeros(3, np.float32)
            sky = SkyView(file["sky_sun_direction"], dark, zenith, horizon, glow, ground, 1.0, 0.0)
            return Targets(seed, file["faces"], file["e"].astype(np.float32), sky, file["suns"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: no usable targets ({error}); delete it and run `daguerre teach lessons`") from None


@dataclass(frozen=True)
class Features:
    """What the light engine knows of one scene's faces: how far their rays go, and what those bring from each source.

    Three widths of a face: itself, the 3 x 3 around it, the 5 x 5; four bins of distance (engine/light/gather.py).
    """

    share: F32  # [n, 3, 4] of the rays, by width and bin
    moment: NDArray[np.float16]  # [SUNS + 2, n, 3, 4, 3] e of the sources in the order of Targets.e
    probe: NDArray[np.float16]  # [SUNS + 2, n, 3] e of the classical look


def compute_features(targets: Targets) -> Features:
    """Run the light engine on one scene's faces, source by source (about a second)."""
    from engine.light.features import SceneFeatures  # numba takes a second to import; targets do not need it

    scene = scene_from_seed(targets.seed)
    features = SceneFeatures(scene.voxels, scene.materials.albedo, scene.materials.emission)
    texels = _texels_of_faces(features.surface.place[features.texels], features.texels, targets.faces)
    share = features.look_from(texels)
    lights: list[tuple[SkyView, Lamps | None]] = [
        (targets.sky, None),
        *((sun_sky(direction), None) for direction in targets.suns),
    ]
    night = replace(sun_sky(targets.suns[0]), sun=np.zeros(3, np.float32))
    lights.append((night, scene.lamps))
    brought = [features.gather(sky, lamps) for sky, lamps in lights]
    moment, probe = np.stack([g.moment for g in brought]), np.stack([g.probe for g in brought])
    return Features(share, moment.astype(np.float16), probe.astype(np.float16))


def _texels_of_faces(place: NDArray[np.int16], texels: I32, faces: I32) -> I32:
    """Texel numbers of faces [n, 4], given the places [t, 4] of texels [t]."""
    size = (1024, 1024, 1024, 6)
    keys, wanted = np.ravel_multi_index(tuple(place.T), size), np.ravel_multi_index(tuple(faces.T), size)
    order = np.argsort(keys)
    at = order[np.clip(np.searchsorted(keys[order], wanted), 0, len(order) - 1)]
    if (keys[at] != wanted).any():
        raise DatasetError("a face of the targets is not exposed in its scene: scenes changed; make new targets")
    return texels[at].astype(np.int32)


def save_features(folder: Path, seed: int, features: Features) -> Path:
    """Write one scene's features, whole or not at all."""
    arrays = {name: getattr(features, name) for name in Features.__dataclass_fields__}
    return _save(feature_path(folder, seed), **arrays)


def load_features(folder: Path, seed: int) -> Features:
    """Read one scene's features; DatasetError says what to do when they are missing or damaged."""
    path = feature_path(folder, seed)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in Features.__dataclass_fields__}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: no usable features ({error}); delete it and make features again") from None
    return Features(**arrays)


def make_features(folder: Path, seeds: Iterable[int]) -> None:
    """Compute what is missing of these seeds' features, printing a line for each."""
    for seed in seeds:
        if not feature_path(folder, seed).exists():
            features = compute_features(load_targets(folder, seed))
            save_features(folder, seed, features)
            near = float(features.share[:, 0, 0].mean())
            print(f"features {seed}: {len(features.share)} faces, {100 * near:.0f} % of rays end near", flush=True)


def target_path(folder: Path, seed: int) -> Path:
    return folder / f"targets-{seed:05d}.npz"


def feature_path(folder: Path, seed: int) -> Path:
    return folder / f"features-{seed:05d}.npz"


def target_seeds(folder: Path) -> list[int]:
    """Seeds whose targets lie in a folder."""
    return sorted(int(path.stem.split("-")[1]) for path in folder.glob("targets-?????.npz"))


def make_targets(folder: Path, seeds: Iterable[int]) -> None:
    """Trace what is missing of these seeds' targets, printing a line for each."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        if not target_path(folder, seed).exists():
            targets = trace_targets(seed)
            save_targets(folder, targets)
            means = " ".join(f"{value:.3f}" for value in targets.e.mean((1, 2)))
            print(f"targets {seed}: {len(targets.faces)} faces, mean e {means}", flush=True)


def _save(path: Path, **arrays: object) -> Path:
    fresh = path.with_suffix(".tmp.npz")
    np.savez(fresh, **arrays)  # type: ignore[arg-type]
    fresh.replace(path)
    return path
