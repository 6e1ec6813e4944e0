"""Materials of glTF 2.0 as looks, with their pictures and where those lie."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.script.gltf_data import Document
from engine.script.shells import Look, linear_from_srgb
from engine.state.blueprint import Picture

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

MATTE, MATTE_METAL = 0.7, 0.9  # roughness from which a lobe is left out: it would only cost time
REPEATS = {10497: True, 33071: False, 33648: True}  # wrap modes; the last one mirrors and is laid out twice
MIRRORS = 33648


@dataclass(frozen=True)
class Paint:
    """What a primitive needs to know of its material."""

    look: int  # index into the looks
    needs_uv: bool
    tint: tuple[float, float, float]
    texcoord: int
    uv_from: F64  # [2, 3] affine map of texture coordinates


class Paints:
    """The materials of a document that are asked for, each made once; `note` hears what is left out of them."""

    def __init__(self, document: Document, note: Callable[[str], None]) -> None:
        self.document, self.note = document, note
        self.looks: list[Look] = []
        self._made: dict[int, Paint] = {}
        self._pictures: dict[tuple[int, tuple[int, int]], Picture] = {}

    def paint(self, index: object, where: str) -> Paint:
        """The material of an index, or the default one of None. Raises AssetError."""
        key = -1 if index is None else index
        if not isinstance(key, int) or key not in self._made:
            material = {} if index is None else self.document.thing("materials", index, where)
            assert isinstance(key, int)
            self._made[key] = self._paint(material, f"materials[{key}]")
        return self._made[key]

    def _paint(self, material: dict[str, Any], where: str) -> Paint:
        d = self.document
        pbr = d.map(material, "pbrMetallicRoughness", where)
        r, g, b, alpha = d.numbers(pbr, "baseColorFactor", where, (1.0, 1.0, 1.0, 1.0), 0.0, 1.0)
        metal = d.number(pbr, "metallicFactor", where, 1.0, 0.0, 1.0)
        rough = d.number(pbr, "roughnessFactor", where, 1.0, 0.0, 1.0)
        base = d.map(pbr, "baseColorTexture", where)
        shine = d.map(material, "emissiveTexture", where)
        for name in ("normalTexture", "occlusionTexture"):
            if name in material:
                self.note(f"{where}.{name} is left out: surfaces are as smooth as their mesh")
        if "metallicRoughnessTexture" in pbr:
            sheet = self._sheet(d.map(pbr, "metallicRoughnessTexture", where), where)
            if sheet is not None:
                mean = sheet[0][..., 1:3].reshape(-1, 2).mean(0) / 255.0
                rough, metal = rough * float(mean[0]), metal * float(mean[1])
            self.note(f"{where}.metallicRoughnessTexture counts by its mean")
        strength = d.number(
            d.extension(material, "KHR_materials_emissive_strength", where), "emissiveStrength", where, 1.0, 0.0, 1e4
        )
        er, eg, eb = (strength * c for c in d.numbers(material, "emissiveFactor", where, (0.0, 0.0, 0.0), 0.0, 1.0))
        picture = self._picture(base, where)
        glow = self._picture(shine, where) if max(er, eg, eb) > 0.0 else None
        texcoord, uv_from = self._coordinates(base if picture is not None else shine, where)
        if picture is not None and glow is not None:
            other, map_ = self._coordinates(shine, where)
            if other != texcoord or not np.array_equal(map_, uv_from):
                self.note(f"{where}.emissiveTexture lies on other coordinates than its colour: it is laid on those")
        mirrored = self._mirrors(base if picture is not None else shine, where)
        uv_from = uv_from * np.array([[0.5 if m else 1.0] for m in mirrored])
        picture, cut_out = self._holes(picture, material, alpha, where)
        mr, mg, mb = (1.0, 1.0, 1.0) if picture is None else _mean(picture.rgba)
        if rough >= (MATTE if metal < 0.5 else MATTE_METAL):
            rough, metal = 1.0, 0.0
        name = d.text(material, "name", where, where)[:40]
        self.looks.append(Look(
            name=name if name.isprintable() and name else where,
            albedo=(r * mr, g * mg, b * mb),
            emission=(er, eg, eb),
            roughness=max(rough, 0.05),
            metal=metal,
            picture=picture,
            glow=glow,
            is_cut_out=cut_out,
            is_double=d.flag(material, "doubleSided", where),
        ))  # fmt: skip
        needs_uv = picture is not None or glow is not None
        return Paint(len(self.looks) - 1, needs_uv, (r, g, b), texcoord, uv_from)

    def _sheet(self, info: dict[str, Any], where: str) -> tuple[U8, tuple[int, int]] | None:
        """The pixels of a textureInfo's image and its wrap modes; None where there is none that can be read."""
        d = self.document
        if "index" not in info:
            return None
        texture = d.thing("textures", info["index"], where)
        here = f"textures[{info['index']}]"
        sampler = d.thing("samplers", texture["sampler"], here) if "sampler" in texture else {}
        wrap = (d.whole(sampler, "wrapS", here, 10497), d.whole(sampler, "wrapT", here, 10497))
        if not all(w in REPEATS for w in wrap):
            raise d.error(here, f"has wrap modes {wrap}; {', '.join(map(str, REPEATS))} are known")
        if "source" not in texture:
            self.note(f"{here} has no picture that is read (PNG or JPEG)")
            return None
        return d.picture(texture["source"], here), wrap

    def _mirrors(self, info: dict[str, Any], where: str) -> tuple[bool, bool]:
        sheet = self._sheet(info, where)
        return (False, False) if sheet is None else (sheet[1][0] == MIRRORS, sheet[1][1] == MIRRORS)

    def _picture(self, info: dict[str, Any], where: str) -> Picture | None:
        sheet = self._sheet(info, where)
        if sheet is None:
            return None
        rgba, wrap = sheet
        key = (id(rgba), wrap)  # the document keeps its pictures
        if key in self._pictures:
            return self._pictures[key]
        for axis, mode in ((1, wrap[0]), (0, wrap[1])):
            if mode == MIRRORS:
                rgba = np.concatenate([rgba, np.flip(rgba, axis)], axis)
        self._pictures[key] = Picture(rgba, (REPEATS[wrap[0]], REPEATS[wrap[1]]))
        return self._pictures[key]

    def _coordinates(self, info: dict[str, Any], where: str) -> tuple[int, F64]:
        """Which TEXCOORD a picture lies on, and the map that KHR_texture_transform asks for."""
        d = self.document
        moved = d.extension(info, "KHR_texture_transform", where)
        texcoord = d.whole(moved, "texCoord", where, d.whole(info, "texCoord", where, 0, 15), 15)
        turn = d.number(moved, "rotation", where, 0.0, -1e3, 1e3)
        (x, y), (sx, sy) = d.numbers(moved, "offset", where, (0.0, 0.0)), d.numbers(moved, "scale", where, (1.0, 1.0))
        c, s = float(np.cos(turn)), float(np.sin(turn))
        return texcoord, np.array([[c * sx, s * sy, x], [-s * sx, c * sy, y]])

    def _holes(
        self, picture: Picture | None, material: dict[str, Any], alpha: float, where: str
    ) -> tuple[Picture | None, bool]:
        """The picture with its coverage as alphaMode means it: 128 and more is drawn."""
        d = self.document
        mode = d.text(material, "alphaMode", where, "OPAQUE")
        if mode not in ("OPAQUE", "MASK", "BLEND"):
            raise d.error(f"{where}.alphaMode", "must be OPAQUE, MASK or BLEND")
        if picture is None:
            if mode == "BLEND" and alpha < 1.0:
                self.note(f"{where} is see-through there and solid here")
            return None, False
        least, most = int(picture.rgba[..., 3].min()), int(picture.rgba[..., 3].max())
        coverage = np.full(256, 255.0)  # by the picture's alpha
        if mode == "MASK":
            cutoff = d.number(material, "alphaCutoff", where, 0.5, 0.0, 1e3)
            coverage = np.ceil(np.arange(256) * alpha - cutoff * 255.0 + 128.0)
        elif mode == "BLEND" and least != most:
            self.note(f"{where} blends by alpha there and is cut out at one half here")
            coverage = np.arange(256) * alpha
        elif mode == "BLEND" and (alpha < 1.0 or least < 255):
            self.note(f"{where} is see-through there and solid here")
        table = np.clip(coverage, 0.0, 255.0).astype(np.uint8)
        if np.array_equal(table[[least, most]], (least, most)) and mode == "OPAQUE":
            return picture, False
        rgba = picture.rgba.copy()
        rgba[..., 3] = table[rgba[..., 3]]
        return Picture(rgba, picture.repeats), bool((rgba[..., 3] < 128).any())


def _mean(rgba: U8) -> tuple[float, float, float]:
    """Mean linear colour of a picture where it is not cut out."""
    shown = rgba[..., 3] >= 128
    texels = rgba if shown.all() or not shown.any() else rgba[shown]
    count = [np.bincount(texels[..., c].reshape(-1), minlength=256) for c in range(3)]
    r, g, b = ((n * linear_from_srgb(np.arange(256))).sum() / n.sum() for n in count)
    return float(r), float(g), float(b)
