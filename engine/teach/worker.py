"""The process that path-traces: `python -m engine.teach.worker REQUEST.npz RESPONSE.npz`.

Mitsuba lives here and nowhere else, so that a crash of its compiler cannot take the engine with it. The request holds
triangle lists, lamps, skies, named bundles of rays, and a JSON list of jobs; the response holds one array per job.

Arrays of a request (n rays in a bundle R):
- `voxel_*`, `body_*`: position [V, 3] m, triangles [I, 3], albedo [I, 3], polish [I, 2] (roughness, metal; 1 is matte),
  pattern [I] (engine/raster/patterns.py, seen where glossy); `paint` [7]: eye m, forward, width of a pixel at 1 m;
  `body_normal` [V, 3]; `voxel_emission` [I, 3]
- `lamp_low`, `lamp_high` [L, 3] m, `lamp_radiance` [L, 3]
- `R_origin`, `R_direction`, `R_du`, `R_dv` [n, 3]; `R_spreads_origin` bool: what the offsets du and dv move
- `SKY_map` [H, W, 3] radiance in Mitsuba's latitude-longitude order, `SKY_sun_direction`, `SKY_sun` [3] (e facing it)

A job is {name, kind: "radiance" | "lamplight" | "surface" | "denoise", ...}; see the functions of these names.
"""

import importlib
import json
import os
import sys
import time
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from engine.teach.lamplight import AROUND_M, Bounced, Lamps, direct_along

mi.set_variant(os.environ.get("DAGUERRE_TEACHER", "scalar_rgb"))
VECTORISED = "scalar" not in str(mi.variant())
F32 = NDArray[np.float32]
LANES = 1 << (24 if "cuda" in str(mi.variant()) else 20)  # paths in flight: fills a graphics card, bounds memory
ROULETTE_DEPTH = 6  # bounces after which dim paths may end early, by chance and without bias
BOX_TRIANGLES = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4],
     [2, 3, 7], [2, 7, 6], [1, 2, 6], [1, 6, 5], [0, 4, 7], [0, 7, 3]], np.uint32)  # fmt: skip
BOX_CORNERS = np.array(
    [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], np.float32
)


def mesh(
    name: str, position: F32, triangles: Any, bsdf: dict[str, Any], albedo: F32 | None = None,
    normal: F32 | None = None, radiance: F32 | None = None, pattern: F32 | None = None,
) -> Any:  # fmt: skip
    """A Mitsuba mesh; flat-shaded unless it has normals, with a colour and a pattern per triangle if they are given."""
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(bsdf)
    if radiance is not None:
        properties["emitter"] = mi.load_dict({"type": "area", "radiance": rgb(radiance)})
    properties["face_normals"] = normal is None
    made = mi.Mesh(name, len(position), len(triangles), properties, normal is not None, False)
    if albedo is not None:
        colours: Any = np.ascontiguousarray(albedo, np.float32).ravel()
        made.add_attribute("face_colour", 3, colours)
    if pattern is not None:
        cut: Any = np.ascontiguousarray(pattern, np.float32).ravel()
        made.add_attribute("face_pattern", 3, cut)
    parameters = mi.traverse(made)
    parameters["vertex_positions"] = np.ascontiguousarray(position, np.float32).ravel()
    parameters["faces"] = np.ascontiguousarray(triangles, np.uint32).ravel()
    if normal is not None:
        parameters["vertex_normals"] = np.ascontiguousarray(normal, np.float32).ravel()
    parameters.update()
    return made


def rgb(colour: F32) -> dict[str, Any]:
    """A Mitsuba colour without a limit of 1."""
    return {"type": "rgb", "value": [float(c) for c in colour]}


COLOUR = {"type": "mesh_attribute", "name": "face_colour"}
MATTE = {"type": "diffuse", "reflectance": COLOUR}


def by_surface(polish: F32, paint: F32) -> list[tuple[NDArray[np.bool_], dict[str, Any], Any]]:
    """Triangles [I] that share a surface, with what it is and its paint: the matte ones, which have none, then each
    roughness and metal.
    """
    matte = polish[:, 0] >= 1.0
    groups: list[tuple[NDArray[np.bool_], dict[str, Any], Any]] = [(matte, MATTE, None)]
    for kind in np.unique(polish[~matte], axis=0):
        for plugin in ("polish", "painted"):
            importlib.import_module(f"engine.teach.{plugin}")  # needs the variant
        eye, forward = ([float(c) for c in part] for part in (paint[:3], paint[3:6]))
        colour = mi.load_dict({"type": "painted", "eye": eye, "forward": forward, "pixel_m": float(paint[6])})
        surface = {"type": "polish", "roughness": float(kind[0]), "metal": float(kind[1]), "colour": colour}
        groups.append(((polish == kind).all(1), surface, colour))
    return groups


class Bench:
    """The geometry of one request, and the scenes made from it under different lights."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        emission = request["voxel_emission"]
        shining = emission.max(1) > 0
        self.solid: dict[str, Any] = {}
        self.surface_of: dict[str, tuple[F32, F32]] = {}  # name -> albedo and emission per triangle
        self.paint_of: dict[str, Any] = {}  # name -> texture of what is painted
        colours = request["voxel_albedo"]
        pattern, paint = request["voxel_pattern"], request["paint"]
        for i, (chosen, surface, colour) in enumerate(by_surface(request["voxel_polish"], paint)):
            k = chosen & ~shining
            self.paint_of[f"voxels{i}"] = colour
            self._add(f"voxels{i}", request["voxel_position"], request["voxel_triangles"][k], surface, colours[k],
                      pattern=pattern[k])  # fmt: skip
        colours = request["body_albedo"]
        pattern = request["body_pattern"]
        for i, (k, surface, _) in enumerate(by_surface(request["body_polish"], paint)):
            self._add(f"bodies{i}", request["body_position"], request["body_triangles"][k],
                      {"type": "twosided", "bsdf": surface}, colours[k], normal=request["body_normal"],
                      pattern=pattern[k])  # fmt: skip
        self.glowing: dict[str, Any] = {}  # takes the place of `solid` where the scene's own shine counts
        for i, colour in enumerate(np.unique(emission[shining], axis=0)):
            chosen = shining & (emission == colour).all(1)
            self._add(f"shining{i}", request["voxel_position"], request["voxel_triangles"][chosen], MATTE,
                      request["voxel_albedo"][chosen], radiance=colour)  # fmt: skip
        self.lamps: dict[str, Any] = {}
        for i, (low, high, light) in enumerate(
            zip(request["lamp_low"], request["lamp_high"], request["lamp_radiance"], strict=True)
        ):
            if light.max() > 0:  # a null surface lets every other ray pass: lamps are no obstacle
                corners = low + BOX_CORNERS * (high - low)
                self.lamps[f"lamp{i}"] = mesh(f"lamp{i}", corners, BOX_TRIANGLES, {"type": "null"}, radiance=light)
        self.scenes: dict[tuple[object, ...], Any] = {}

    def _add(
        self, name: str, position: F32, triangles: Any, bsdf: dict[str, Any], albedo: F32, normal: F32 | None = None,
        radiance: F32 | None = None, pattern: F32 | None = None,
    ) -> None:  # fmt: skip
        if len(triangles):
            used, compact = np.unique(triangles, return_inverse=True)  # no stray vertices
            chosen = None if normal is None else normal[used]
            parts = (name, position[used], compact.reshape(-1, 3), bsdf, albedo, chosen)
            self.solid[name] = mesh(*parts, pattern=pattern)
            if radiance is not None:
                self.glowing[name] = mesh(*parts, radiance)
            light = np.zeros(3, np.float32) if radiance is None else radiance
            self.surface_of[name] = (albedo, np.broadcast_to(light, albedo.shape).astype(np.float32))

    def scene(self, sky: str | None, sun: str | None, lamps: bool, shine: bool) -> Any:
        """The scene under a named sky, a named sky's sun, the lamps, the shine of its own voxels, or any of them."""
        key = (sky, sun, lamps, shine)
        if key not in self.scenes:
            parts: dict[str, Any] = {"type": "scene", **self.solid}
            parts |= (self.lamps if lamps else {}) | (self.glowing if shine else {})
            if sky is not None:
                image = np.ascontiguousarray(self.request[f"{sky}_map"], np.float32)
                # Mitsuba's sky has y up and ours z: turn about x.
                turn = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
                parts["sky"] = {"type": "envmap", "bitmap": mi.Bitmap(image), "to_world": turn}
            if sun is not None:
                towards = self.request[f"{sun}_sun_direction"]
                light = rgb(self.request[f"{sun}_sun"] * np.pi)
                parts["sun"] = {"type": "directional", "direction": [-float(c) for c in towards], "irradiance": light}
            self.scenes[key] = mi.load_dict(parts)
        return self.scenes[key]

    def radiance(self, job: dict[str, Any]) -> F32:
        """Mean radiance along each ray of a bundle: [n, 3]. Job: sky, sun (names or null), lamps, shine, or bounced in
        their place, which is the lamps' light from its second bounce on; spp, max_depth, seed, timed (see warm_up).

        Two jobs of one seed draw the same numbers, so the difference of two depths holds no noise of the shallower.
        """
        scene, integrator, bundle = self.lit(job)
        total = len(bundle.origin)
        per = samples_of_round(job["spp"], total)
        out = np.zeros((total, 3), np.float64)
        done, batch = 0, 0
        while done < job["spp"]:
            count = min(per, job["spp"] - done)
            for first in range(0, total, LANES):
                chosen = np.arange(first, min(first + LANES, total))
                seed = (job["seed"] * 1_000_003 + batch) & 0xFFFFFFFF
                out[chosen] += trace(integrator, scene, bundle, chosen, count, seed)
                batch += 1
            done += count
        return (out / job["spp"]).astype(np.float32)

    def lamplight(self, job: dict[str, Any]) -> F32:
        """Lamps seen straight and their direct light along each ray of a bundle, which must have no spread: [n, 3].
        Job: spp (for each lamp), seed.
        """
        bundle, lamps = self.bundle(job["rays"]), self.boxes(0.0)
        scene = self.scene(None, None, False, False)
        return direct_along(scene, bundle.origin, bundle.direction, lamps, job["spp"], job["seed"])

    def boxes(self, grown_m: float) -> Lamps:
        """The lamps that shine, as boxes so much wider on all sides."""
        shines = self.request["lamp_radiance"].max(1) > 0
        low, high, radiance = (self.request[f"lamp_{part}"][shines] for part in ("low", "high", "radiance"))
        return Lamps(low - np.float32(grown_m), high + np.float32(grown_m), radiance)

    def lit(self, job: dict[str, Any]) -> tuple[Any, Any, "Bundle"]:
        """What a job of `radiance` traces: the scene in its light, the integrator, the rays."""
        if job.get("bounced"):
            scene = self.scene(None, None, False, False)
            return scene, Bounced(self.boxes(0.0), self.boxes(AROUND_M), job["max_depth"]), self.bundle(job["rays"])
        scene = self.scene(job.get("sky"), job.get("sun"), bool(job.get("lamps")), bool(job.get("shine")))
        integrator = mi.load_dict({"type": "path", "max_depth": job["max_depth"], "rr_depth": ROULETTE_DEPTH})
        return scene, integrator, self.bundle(job["rays"])

    def warm_up(self, job: dict[str, Any]) -> None:
        """Build what a job of `radiance` needs; if it is `timed`, compile too, by tracing a round for nothing.

        A program is compiled for each number of samples in a round, which takes longer than tracing a few.
        """
        scene, integrator, bundle = self.lit(job)
        if VECTORISED and job.get("timed"):
            total = len(bundle.origin)
            trace(integrator, scene, bundle, np.arange(min(LANES, total)), samples_of_round(job["spp"], total), 0)

    def surface(self, job: dict[str, Any]) -> F32:
        """What each ray's centre meets first: [n, 10] albedo 3, emission 3, normal 3, distance (inf: nothing)."""
        scene = self.scene(None, None, False, False)
        bundle = self.bundle(job["rays"])
        out = np.zeros((len(bundle.origin), 10), np.float32)
        out[:, 9] = np.inf
        if VECTORISED:
            ray = mi.Ray3f(mi.Point3f(bundle.origin.T), mi.Vector3f(bundle.direction.T))
            hit = scene.ray_intersect(ray)
            face, distance, normal = np.array(hit.prim_index), np.array(hit.t), np.array(hit.sh_frame.n).T
            for name, (albedo, emission) in self.surface_of.items():
                k = np.array(hit.shape == mi.ShapePtr(self.solid[name])) & np.array(hit.is_valid())
                out[k] = np.column_stack([albedo[face[k]], emission[face[k]], normal[k], distance[k]])
                if self.paint_of.get(name) is not None:
                    out[k, :3] = np.array(self.paint_of[name].eval(hit, mi.Bool(k))).T[k]
            return out
        names = {shape: name for name, shape in self.solid.items()}
        for i, (origin, direction) in enumerate(zip(bundle.origin, bundle.direction, strict=True)):
            hit = scene.ray_intersect(mi.Ray3f(mi.Point3f(origin), mi.Vector3f(direction)))
            if hit.is_valid():
                name, face = names[hit.shape], hit.prim_index
                albedo, emission = self.surface_of[name]
                out[i] = np.concatenate([albedo[face], emission[face], np.array(hit.sh_frame.n), [hit.t]])
                if self.paint_of.get(name) is not None:
                    out[i, :3] = np.array(self.paint_of[name].eval(hit))
        return out

    def bundle(self, name: str) -> "Bundle":
        """The named rays, directions made unit."""
        origin, direction, du, dv = (
            np.ascontiguousarray(self.request[f"{name}_{part}"], np.float32)
            for part in ("origin", "direction", "du", "dv")
        )
        length = np.linalg.norm(direction, axis=1, keepdims=True)
        spreads_origin = bool(self.request[f"{name}_spreads_origin"])
        scale = np.float32(1.0) if spreads_origin else length
        return Bundle(origin, direction / length, du / scale, dv / scale, spreads_origin)


class Bundle:
    """Rays with a footprint: each sample moves by (x du + y dv), x and y uniform in -1/2..1/2."""

    def __init__(self, origin: F32, direction: F32, du: F32, dv: F32, spreads_origin: bool) -> None:
        self.origin, self.direction, self.du, self.dv, self.spreads_origin = origin, direction, du, dv, spreads_origin


def samples_of_round(spp: int, rays: int) -> int:
    """How many samples of every ray are traced at once."""
    return max(1, min(spp, LANES // max(1, rays)))


def trace(integrator: Any, scene: Any, bundle: Bundle, chosen: Any, count: int, seed: int) -> F32:
    """Sum of `count` path-traced samples for each chosen ray: [len(chosen), 3]."""
    sampler = mi.load_dict({"type": "independent"})
    if VECTORISED:
        sampler.seed(seed, len(chosen) * count)
        row = dr.repeat(mi.UInt32(np.ascontiguousarray(chosen, np.uint32)), count)
        origin, direction, du, dv = (
            dr.gather(mi.Vector3f, mi.Vector3f(part.T), row)
            for part in (bundle.origin, bundle.direction, bundle.du, bundle.dv)
        )
        jitter = sampler.next_2d() - 0.5
        offset = jitter.x * du + jitter.y * dv
        origin, direction = (origin + offset, direction) if bundle.spreads_origin else (origin, direction + offset)
        ray = mi.RayDifferential3f(mi.Ray3f(mi.Point3f(origin), dr.normalize(direction)))
        light, _, _ = integrator.sample(scene, sampler, ray)
        return np.array(dr.block_sum(dr.select(dr.isfinite(light), light, 0.0), count)).T
    sampler.seed(seed, 1)
    out = np.zeros((len(chosen), 3), np.float32)
    for i, k in enumerate(chosen):
        for _ in range(count):
            jitter = np.array(sampler.next_2d()) - 0.5
            offset = jitter[0] * bundle.du[k] + jitter[1] * bundle.dv[k]
            origin, direction = bundle.origin[k], bundle.direction[k]
            origin, direction = (origin + offset, direction) if bundle.spreads_origin else (origin, direction + offset)
            direction = direction / np.linalg.norm(direction)
            ray = mi.RayDifferential3f(mi.Ray3f(mi.Point3f(origin), mi.Vector3f(direction)))
            light, _, _ = integrator.sample(scene, sampler, ray)
            out[i] += np.nan_to_num(np.array(light))
    return out


def denoised(job: dict[str, Any], done: dict[str, F32]) -> F32:
    """Open Image Denoise over earlier jobs' results. Job: image (names to sum), guide (a surface job), size [W, H]."""
    mitsuba_oidn: Any = importlib.import_module("mitsuba_oidn")  # its stub file is not valid Python
    width, height = job["size"]
    image = np.sum([done[name] for name in job["image"]], axis=0).reshape(height, width, 3)
    guide = done[job["guide"]].reshape(height, width, 10)
    albedo, normal = np.clip(guide[..., :3], 0, 1), guide[..., 6:9]
    # The guides are taken through pixel centres once, so they hold no noise.
    guides = (np.ascontiguousarray(a, np.float32) for a in (image, albedo, normal))
    clean = mitsuba_oidn.denoise(*guides, hdr=True, clean_aux=True)
    return np.asarray(clean, np.float32).reshape(-1, 3)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """All jobs of a request, in order, and NAME_seconds of processor time, all threads, that each took."""
    bench = Bench(request)
    done: dict[str, Any] = {}
    for job in json.loads(str(request["jobs"])):
        if job["kind"] == "radiance":
            bench.warm_up(job)
        begin = time.process_time()
        if job["kind"] == "radiance":
            done[job["name"]] = bench.radiance(job)
        elif job["kind"] == "lamplight":
            done[job["name"]] = bench.lamplight(job)
        elif job["kind"] == "surface":
            done[job["name"]] = bench.surface(job)
        else:
            done[job["name"]] = denoised(job, done)
        done[f"{job['name']}_seconds"] = time.process_time() - begin
    return done


if __name__ == "__main__":
    with np.load(sys.argv[1], allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    np.savez(sys.argv[2], **answer(arrays))
