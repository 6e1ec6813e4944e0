"""What a world file says about models made elsewhere: MagicaVoxel's .vox, and glTF 2.0 as .glb or .gltf.

A model becomes a prefab, drawn as fine as it is and spawned like any other, or voxels of the world, which light,
shadow and feet meet like any wall.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import LimitError, WorldFileError
from engine.core.trig import sine_cosine
from engine.core.units import AIR, VOXEL_M
from engine.script import assets, coverage, prefabs, shells, vox
from engine.script.draft import MAX_MATERIALS, Draft
from engine.script.shells import Light, Look, Shell
from engine.script.values import flag, integer, number, point, text, voxel
from engine.state.blueprint import Spawn

SUFFIXES = (".vox", ".glb", ".gltf")
VOX_MODEL_M = 0.1  # metres: an edge of a model's voxel, where the author does not say
SPARE_MATERIALS = 16  # that a stamped model leaves free for what the file says after it
MAX_BYTES = 128 * 1024 * 1024  # of all assets of a world
MAX_PIXELS = 48_000_000  # of all pictures of a world, as they are kept
MAX_VERTICES = 2_000_000  # of all models of a world
MAX_STAMPED = 64_000_000  # voxels, filled or not, of the box around a stamped model
LAMP_M = 0.2  # metres: edge of a lamp that came with a model
CANDELA = 12.0  # of a lamp whose radiance times mean projected area is 1 m2: a lantern of 100 cd looks like ours
FARTHEST_M = 256.0  # metres: the largest model

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class _Source:
    """A model as its file has it."""

    voxels: vox.VoxelModel | None  # of a .vox file
    shell: Shell | None  # of a glTF file


class Imports:
    """Models of a draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._read: dict[tuple[str, int], _Source] = {}
        self._bytes_read = self._pixels = self._vertices = 0

    def model(
        self,
        file: object,
        name: object = None,
        height: object = None,
        scale: object = None,
        yaw_deg: object = 0.0,
        frame: object = 0,
        glow: object = 1.0,
        lamps: object = 1.0,
        collider: object = None,
    ) -> str:
        """A prefab from a .vox, .glb or .gltf file in the world's folder; it stands on its origin.

        `scale` is metres for a unit of the file (a voxel: 0.1; glTF: 1), or `height` says how tall it is in metres.
        `yaw_deg` turns it within the prefab, `frame` chooses from a .vox animation, `glow` and `lamps` are factors on
        what shines and on the lamps that came with it.

        >>> cart = model("assets/cart.glb", height = 1.5)
        >>> spawn(cart, at = (8, 12, 1))
        """
        wanted = text(file, "file", 200)
        label = text(wanted if name is None else name, "the prefab's name", 200)
        source = self._source("model", wanted, integer(frame, "frame", 0, 65_535))
        if not label or label in self.draft.prefabs:
            raise WorldFileError(f"there is already a prefab named '{label}'; say model('{wanted}', name=...)")
        self.draft.count("prefab", len(self.draft.prefabs))
        sine, cosine = sine_cosine(math.radians(number(yaw_deg, "yaw_deg", -3600.0, 3600.0)))
        shine, bright = number(glow, "glow", 0.0, 1000.0), number(lamps, "lamps", 0.0, 1e6)
        if source.voxels is not None:
            grid = source.voxels.grid
            unit = _scale(height, scale, float(grid.shape[2]), VOX_MODEL_M, max(grid.shape), wanted)
            shell = shells.shell_of_voxels(source.voxels, unit, wanted)
        else:
            assert source.shell is not None
            low, high = shells.measured(source.shell, wanted)
            unit = _scale(height, scale, float(high[2] - low[2]), 1.0, float((high - low).max()), wanted)
            shell = shells.moved(source.shell, unit, np.zeros(3))
        low, high = shells.measured(shell, wanted)
        origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
        shell = shells.turned(shells.moved(shell, 1.0, origin), cosine, sine)
        material = [self._material(wanted, look, shine) for look in shell.looks]
        made = shells.prefab_of(shell, label, material, wanted)
        self._vertices += len(made.position)
        if self._vertices > MAX_VERTICES:
            raise LimitError(f"{wanted}: the models of a world may have {MAX_VERTICES:,} vertices together, not more")
        if collider is not None:
            x, y, z = point(collider, "collider", 0.01, 64)
            made = prefabs.with_collider(made, (x / 2, y / 2, z / 2))
        self.draft.prefabs[label] = made
        self.draft.lights[label] = tuple(replace(light, candela=light.candela * bright) for light in shell.lights)
        return label

    def stamp(
        self,
        file: object,
        at: object,
        height: object = None,
        scale: object = None,
        turns: object = 0,
        frame: object = 0,
        colours: object = 64,
        glow: object = 1.0,
        lamps: object = 1.0,
        clear: object = False,
    ) -> None:
        """Voxels of the world from a .vox, .glb or .gltf file; `at` is the middle of its foot, on the grid.

        `scale` is metres for a unit of the file (a voxel: 0.25, one voxel of the world; glTF: 1), or `height` says how
        tall it is. `turns` are quarter turns counter-clockwise. At most `colours` materials are made of its colours.
        `clear` empties the box around it first.

        >>> stamp("assets/stone_lantern.vox", at = (8, 8, 1), turns = 1)
        """
        wanted = text(file, "file", 200)
        foot = voxel(at, "at")
        grid = self.draft.voxels()
        source = self._source("stamp", wanted, integer(frame, "frame", 0, 65_535))
        quarter = integer(turns, "turns", -1000, 1000) % 4
        most = integer(colours, "colours", 1, MAX_MATERIALS)
        shine, bright = number(glow, "glow", 0.0, 1000.0), number(lamps, "lamps", 0.0, 1e6)
        empties = flag(clear, "clear")
        lights: tuple[Light, ...] = ()
        if source.voxels is not None:
            extent = [float(n) for n in source.voxels.grid.shape]
            unit = _scale(height, scale, extent[2], VOXEL_M, max(extent), wanted)
        else:
            assert source.shell is not None
            low, high = shells.measured(source.shell, wanted)
            extent = (high - low).tolist()
            unit = _scale(height, scale, extent[2], 1.0, max(extent), wanted)
        x, y, z = (max(1, math.ceil(n * unit / VOXEL_M - 1e-6)) for n in extent)
        if x * y * z > MAX_STAMPED:
            raise LimitError(f"{wanted}: {x:,} x {y:,} x {z:,} voxels are too many; {MAX_STAMPED:,} can be stamped")
        if source.voxels is not None and unit >= VOXEL_M:
            index = coverage.enlarged(source.voxels.grid, unit / VOXEL_M)
            stamp = self._stamp_of_voxels(source.voxels, index, wanted, most, shine)
        elif source.voxels is not None:
            shell = shells.shell_of_voxels(source.voxels, unit, wanted)
            stamp = self._stamp_of_shell(shell, (x, y, z), wanted, most, shine)
        else:
            assert source.shell is not None
            shell = shells.moved(source.shell, unit, low * unit)
            stamp = self._stamp_of_shell(shell, (x, y, z), wanted, most, shine)
            lights = shell.lights
        if not stamp.any():
            raise LimitError(f"{wanted}: so small it does not fill a voxel of {VOXEL_M:g} m; say height= or scale=")
        size = stamp.shape
        stamp = np.rot90(stamp, quarter, axes=(0, 1))
        start = (foot[0] - stamp.shape[0] // 2, foot[1] - stamp.shape[1] // 2, foot[2])
        end = tuple(a + n for a, n in zip(start, stamp.shape, strict=True))
        self.draft.window(start, (end[0], end[1], end[2]), cut=False)
        window = tuple(slice(a, b) for a, b in zip(start, end, strict=True))
        grid[window] = stamp if empties else np.where(stamp != AIR, stamp, grid[window])
        for light in lights:
            lx, ly, lz = light.place
            along, across = size[0] * VOXEL_M, size[1] * VOXEL_M
            for _ in range(quarter):
                lx, ly, along, across = across - ly, lx, across, along
            lx, ly, lz = (n * VOXEL_M + v for n, v in zip(start, (lx, ly, lz), strict=True))
            self._lamp(replace(light, candela=light.candela * bright), (lx, ly, lz))

    # --- what both need -----------------------------------------------------------------------------------------------

    def _source(self, verb: str, wanted: str, frame: int) -> _Source:
        if (wanted, frame) not in self._read:
            data = self._bytes(verb, wanted, SUFFIXES)
            if wanted.lower().endswith(".vox"):
                found = vox.read(data, wanted, frame)
                source, notes = _Source(found, None), found.notes
            else:
                from engine.script import gltf  # with what it brings along, for worlds that need it

                folder = wanted.rpartition("/")[0]

                def beside(name: str) -> bytes:
                    return self._bytes(verb, f"{folder}/{name}" if folder else name, (".bin", ".png", ".jpg", ".jpeg"))

                shell = gltf.read(data, wanted, beside)
                source, notes = _Source(None, shell), shell.notes
                pictures = {id(p): p.rgba.size // 4 for look in shell.looks for p in (look.picture, look.glow) if p}
                self._pixels += sum(pictures.values())
                if self._pixels > MAX_PIXELS:
                    raise LimitError(f"{wanted}: the pictures of a world may have {MAX_PIXELS:,} pixels together")
            self._read[wanted, frame] = source
            self.draft.notes += notes
        return self._read[wanted, frame]

    def _bytes(self, verb: str, wanted: str, suffixes: tuple[str, ...]) -> bytes:
        if wanted not in self.draft.assets:
            if self.draft.folder is None:
                raise WorldFileError(f"{verb}('{wanted}') needs a world file: assets lie in its folder")
            self.draft.assets[wanted] = assets.asset(self.draft.folder, wanted, verb, suffixes)
            self._bytes_read += len(self.draft.assets[wanted])
            if self._bytes_read > MAX_BYTES:
                raise LimitError(f"{wanted}: the assets of a world may have {MAX_BYTES:,} bytes together, not more")
        return self.draft.assets[wanted]

    def _material(self, asset: str, look: Look, glow: float) -> int:
        """The world's material of a look, made when it is new."""
        r, g, b = (c * glow for c in look.emission)
        key = (look.albedo, (r, g, b), look.roughness, look.metal)
        if key not in self.draft.finishes:
            label = f"{asset} {look.name}"
            while label in self.draft.materials:
                label += "'"
            self.draft.finishes[key] = self.draft.add_material(
                label, _clipped(look.albedo), (r, g, b), "plain", look.roughness, look.metal
            )
        return self.draft.finishes[key]

    def _colour(self, srgb: tuple[int, int, int]) -> int:
        return self.draft.material("#{:02x}{:02x}{:02x}".format(*srgb))

    def _room(self, asset: str, most: int, wanted: int) -> int:
        """How many materials a stamped model may make; says so when its colours have to share them."""
        free = MAX_MATERIALS - len(self.draft.materials) - SPARE_MATERIALS
        if free < 1:
            raise LimitError(f"{asset}: no materials are left for it: a world holds {MAX_MATERIALS}")
        if wanted > min(most, free):
            why = "colours=" if most <= free else f"the {MAX_MATERIALS} materials of a world leave"
            self.draft.notes.append(
                f"{asset}: its {wanted} colours share {min(most, free)} materials ({why} {min(most, free)})"
            )
        return min(most, free)

    def _stamp_of_voxels(self, model: vox.VoxelModel, index: U8, asset: str, most: int, glow: float) -> U8:
        """Materials in place of palette indices."""
        count = np.bincount(index.reshape(-1), minlength=256)
        count[0] = 0
        plain = np.flatnonzero((count > 0) & (model.glow == 0) & (model.roughness >= 1.0))
        special = np.flatnonzero((count > 0) & ((model.glow > 0) | (model.roughness < 1.0)))
        table = np.zeros(256, np.uint8)
        linear = shells.linear_from_srgb(model.palette)
        distinct = len(np.unique(model.palette[plain], axis=0))
        room = self._room(asset, most, distinct + len(special)) - len(special)
        if room < min(1, distinct):
            raise LimitError(
                f"{asset}: its {len(special)} colours that shine or gleam leave no material for the others"
            )
        for i in special.tolist():
            r, g, b = (float(c) for c in linear[i])
            shine = float(model.glow[i])
            look = Look(
                f"colour {i}", (r, g, b), (r * shine, g * shine, b * shine), float(model.roughness[i]),
                float(model.metal[i]),
            )  # fmt: skip
            table[i] = self._material(asset, look, glow)
        if len(plain):
            label, mean = coverage.merged_colours(model.palette[plain].astype(np.int64), count[plain], room)
            made = [self._colour((int(r), int(g), int(b))) for r, g, b in mean]
            table[plain] = np.array(made, np.uint8)[label]
        return np.asarray(table[index])

    def _stamp_of_shell(self, shell: Shell, size: tuple[int, int, int], asset: str, most: int, glow: float) -> U8:
        """Materials of a mesh in cells: the mean colour of the surface inside each."""
        cells = shells.cells_of(shell, VOXEL_M, np.zeros(3), size)
        shines = np.array([any(look.emission) and look.glow is None for look in shell.looks])
        dark = (cells.look >= 0) & ~shines[cells.look]
        stamp = np.zeros(size, np.uint8)
        room = self._room(asset, most, 1) - int(shines.sum())
        if room < 1:
            raise LimitError(f"{asset}: its {int(shines.sum())} materials that shine leave none for the others")
        if dark.any():
            linear = np.clip(cells.albedo[dark], 0.0, 1.0)
            srgb = np.searchsorted(_SRGB_EDGES, linear).astype(np.int64)
            label, mean = coverage.merged_colours(srgb, np.ones(len(srgb), np.int64), room)
            made = [self._colour((int(r), int(g), int(b))) for r, g, b in mean]
            stamp[dark] = np.array(made, np.uint8)[label]
        for i in np.flatnonzero(shines).tolist():
            if (cells.look == i).any():
                stamp[cells.look == i] = self._material(asset, shell.looks[i], glow)
        hidden = cells.solid & (stamp == AIR)  # inside: nobody sees it
        if hidden.any():
            stamp[hidden] = np.bincount(stamp[stamp != AIR], minlength=256).argmax()
        return stamp

    def _lamp(self, light: Light, place: tuple[float, float, float]) -> None:
        self.draft.count("spawn", len(self.draft.spawns))
        self.draft.spawns.append(Spawn("", -1, self.draft.place(place, light.name), 0.0, lamp_parts(light, (0, 0, 0))))


def lamp_parts(light: Light, offset: tuple[float, float, float]) -> dict[str, object]:
    """The components of a lamp that came with a model."""
    power = light.candela / CANDELA / (1.5 * LAMP_M * LAMP_M)  # a cube shows a quarter of its six faces on average
    return {
        "lamp_size": (LAMP_M, LAMP_M, LAMP_M),
        "lamp_colour": light.colour,
        "lamp_power": min(power, 1e5),
        "lamp_on": True,
        "lamp_offset": offset,
    }


_STEPS = shells.linear_from_srgb(np.arange(256))
_SRGB_EDGES = (_STEPS[:-1] + _STEPS[1:]) / 2  # linear light between one step of sRGB and the next


def _clipped(albedo: tuple[float, float, float]) -> tuple[float, float, float]:
    r, g, b = (min(max(c, 0.0), 1.0) for c in albedo)
    return r, g, b


def _scale(height: object, scale: object, tall: float, plain: float, longest: float, asset: str) -> float:
    """Metres for a unit of the file."""
    if height is not None and scale is not None:
        raise WorldFileError("height and scale say the same thing twice; leave one out")
    if height is not None:
        if tall <= 0.0:
            raise WorldFileError(f"{asset} is flat, so it has no height; say scale=")
        unit = number(height, "height", 0.01, FARTHEST_M) / tall
    else:
        unit = plain if scale is None else number(scale, "scale", 1e-6, 1e6)
    if not 0.005 <= longest * unit <= FARTHEST_M:
        raise LimitError(
            f"{asset}: {longest * unit:.3g} m is no size for a model (0.005 to {FARTHEST_M:g} m); say height= or scale="
        )
    return unit
