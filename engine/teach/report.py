"""The page of an evaluation: a folder with index.html and its pictures, complete in itself, readable offline.

For each shot a row of pictures (teacher, network, classical, raster, equal-time path tracer) over their FLIP maps;
above them means, the path tracer's ladder as a drawing, and the sources of error. The page holds no script.
"""

import html
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.core.errors import OutputError
from engine.teach import metrics
from engine.teach.evaluate import Comparison
from engine.teach.outputs import check_writable
from engine.teach.sources import CAUSES

F32 = NDArray[np.float32]
QUALITY = 95  # of JPEG
TITLES = {
    "teacher": "path tracer, the reference",
    "net": "network",
    "classical": "classical",
    "raster": "raster",
    "equal_time": "path tracer, equal time",
    "unfiltered": "reference, not antialiased",
}
UNITS = {"psnr": "PSNR, dB", "ssim": "SSIM", "flip": "FLIP"}
STYLE = """
:root { color-scheme: dark; }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 1800px; background: #1a1a1a; color: #d6d6d6;
  font: 15px/1.5 system-ui, sans-serif; }
h1, h2, h3 { color: #f2f2f2; font-weight: 600; line-height: 1.2; }
h2 { margin: 3rem 0 .8rem; border-top: 1px solid #3a3a3a; padding-top: 1.2rem; }
h3 { margin: 1.8rem 0 .5rem; font-size: 1rem; }
a { color: #9fc3e6; }
p { max-width: 75ch; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #303030; white-space: nowrap; }
th { color: #a8a8a8; font-weight: 500; }
th:first-child, td:first-child, td.words { text-align: left; }
.best { color: #f0b35a; font-weight: 600; }
.shots { display: grid; grid-template-columns: repeat(5, minmax(240px, 1fr)); gap: 6px; }
.shots figure { margin: 0; } .shots img { width: 100%; height: auto; display: block; background: #000; }
.shots figcaption, .note { font-size: .85rem; color: #b0b0b0; padding: .15rem 0 .35rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; } svg { max-width: 100%; height: auto; background: #222; }
svg text { fill: #b8b8b8; font: 12px system-ui, sans-serif; }
nav a { margin-right: 1rem; }
"""


class Report:
    """A page that grows: `add` each comparison as it comes, then `finish` with the whole result."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises OutputError at once, not after the work, if it cannot be written."""
        self.folder = folder
        check_writable(folder / "index.html")

    def add(self, result: Comparison) -> None:
        """Write the pictures and FLIP maps of one shot. Raises OutputError."""
        stem = stem_of(result.shot.world, result.shot.condition, result.shot.camera)
        self._picture(f"{stem}-teacher", result.teacher)
        for name, picture in result.pictures.items():
            self._picture(f"{stem}-{name}", picture)
            self._picture(f"{stem}-{name}-flip", metrics.flip_map(picture, result.teacher))

    def finish(self, result: Mapping[str, Any]) -> Path:
        """Write index.html of what `evaluate` returned; returns its path. Raises OutputError."""
        path = self.folder / "index.html"
        fresh = self.folder / f".index-{os.getpid()}.html"
        try:
            fresh.write_text(page(result), encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            raise self._refusal(error) from None
        return path

    def _picture(self, stem: str, picture: F32) -> None:
        image = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
        try:
            image.save(self.folder / f"{stem}.jpg", quality=QUALITY, subsampling=0)
        except OSError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: OSError) -> OutputError:
        return OutputError(f"{self.folder}: the report cannot be written ({error.strerror or error})")


def stem_of(world: str, condition: str, camera: str) -> str:
    """What the files of a shot begin with: letters, digits and dashes only."""
    return "-".join(slug(part) for part in (world, condition, camera))


def slug(name: str) -> str:
    """A name as it may stand in an address."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def page(result: Mapping[str, Any]) -> str:
    """The whole index.html."""
    width, height = result["size_px"]
    views: Sequence[Mapping[str, Any]] = result["views"]
    worlds = list(dict.fromkeys(row["world"] for row in views))
    links = "".join(f'<a href="#{slug(world)}">{html.escape(world)}</a>' for world in worlds)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Daguerre: evaluation</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style></head><body>",
        "<h1>Daguerre: how near is the network?</h1>",
        f"<p>{len(views)} shots of {len(worlds)} worlds that were never trained on, {width} x {height} px. The "
        f"reference is path-traced with {result['spp']} samples per pixel or more and denoised. All pictures of a shot "
        "share sky, albedo patterns and silhouettes, so that only light is compared.</p>",
        f"<nav>{links}</nav>",
        "<h2>Means</h2>",
        _means(result["mean"]),
        _by_world(result["worlds"], "world"),
        _by_world(result["conditions"], "condition"),
    ]
    if result["ladder"]:
        parts += ["<h2>Equal quality</h2>", _ladder(result["ladder"])]
    if result["as_seen"]:
        parts += [
            "<h2>As seen</h2>",
            "<p>The final frames, softened edges and all, against a reference averaged over 3 x 3 places in each pixel "
            "(first view of each world). The last row is the reference at pixel centres alone: perfect light with "
            "jagged edges.</p>",
            _means(result["as_seen"]),
        ]
    if result["sources"]:
        parts += ["<h2>Sources of error</h2>", _sources(result["sources"])]
    for world in worlds:
        parts.append(f'<h2 id="{slug(world)}">{html.escape(world)}</h2>')
        parts += [_shot(row, width, height) for row in views if row["world"] == world]
    return "\n".join([*parts, "</body></html>", ""])


def equal_quality_sentence(ladder: Mapping[str, Any], metric: str) -> str:
    """What the factor of equal quality says, in words."""
    found = ladder["factor"][metric]
    name = "FLIP" if metric == "flip" else metric.upper()
    if not found["reached"]:
        most = ladder["rungs"][-1]["spp"]
        return (
            f"For the network's {name} the path tracer needs more than {found['times']:.1f} x the network's time: "
            f"{sampled(most)}, the most that were tried, are not enough."
        )
    if found["spp"] == ladder["rungs"][0]["spp"]:
        return (
            f"For the network's {name} the path tracer needs at most {found['times']:.1f} x the network's time: "
            f"{sampled(found['spp'])}, the fewest that were tried, is already as good."
        )
    return f"The path tracer needs {found['times']:.1f} x the network's time for the network's {name}."


def few(spp: float) -> str:
    """Samples a pixel as a whole number or 1/n."""
    return f"{spp}" if spp >= 1 or not spp else f"1/{round(1 / spp)}"


def sampled(spp: float) -> str:
    """So many samples a pixel, in words."""
    if spp < 1:
        return f"1 sample for {round(1 / spp)} pixels"
    return f"{spp} sample{'s' * (spp != 1)}"


def ladder_sentences(ladder: Mapping[str, Any]) -> list[str]:
    """Equal time and equal quality in words."""
    return [
        *(equal_time_sentence(ladder, which) for which in ("denoised", "raw")),
        *(equal_quality_sentence(ladder, metric) for metric in ("flip", "psnr")),
    ]


def equal_time_sentence(ladder: Mapping[str, Any], which: str) -> str:
    """What the path tracer makes of the network's time, in words; `which` is "denoised" or "raw"."""
    found, least = ladder["equal_time"][which], ladder["rungs"][0]["spp"]
    how = "denoised" if which == "denoised" else "not denoised"
    if found["fits"]:
        return f"In the network's time the path tracer, {how}, has {found['times']:.1f} x the network's FLIP."
    return (
        f"The path tracer does not fit into the network's time: {sampled(least)}, {how}, takes "
        f"{found['ms'] / ladder['net']['ms']:.1f} x as long and has {found['times']:.1f} x the network's FLIP."
    )


def chart(ladder: Mapping[str, Any], metric: str) -> str:
    """The path tracer's quality against time as an inline SVG, with the network's point."""
    width, height, left, right, top, bottom = 620, 380, 62, 20, 34, 46
    rungs, raw, net = ladder["rungs"], ladder["raw"], ladder["net"]
    times, values = ([point[key] for point in (*rungs, *raw, net)] for key in ("ms", metric))
    low_t, high_t = math.log10(min(times)) - 0.15, math.log10(max(times)) + 0.15
    margin = 0.08 * (max(values) - min(values)) or 0.1
    low_v, high_v = min(values) - margin, max(values) + margin

    def x(ms: float) -> float:
        return round(left + (math.log10(ms) - low_t) / (high_t - low_t) * (width - left - right), 1)

    def y(value: float) -> float:
        return round(height - bottom - (value - low_v) / (high_v - low_v) * (height - top - bottom), 1)

    out = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{UNITS[metric]} of the path tracer against time, and the network's</title>",
        f'<text x="{left}" y="20">{UNITS[metric]}, by ms for one picture</text>',
    ]
    for ms in _time_ticks(low_t, high_t):
        out.append(f'<path d="M{x(ms)} {top}V{height - bottom}" stroke="#333"/>')
        out.append(f'<text x="{x(ms)}" y="{height - bottom + 18}" text-anchor="middle">{ms:,.0f}</text>')
    for value in _ticks(low_v, high_v):
        out.append(f'<path d="M{left} {y(value)}H{width - right}" stroke="#333"/>')
        out.append(f'<text x="{left - 8}" y="{y(value) + 4}" text-anchor="end">{value:g}</text>')
    out.append(f'<path d="M{left} {y(net[metric])}H{width - right}" stroke="#f0b35a" stroke-dasharray="4 4"/>')
    for steps, colour in ((raw, "#7d8288"), (rungs, "#8fb8de")):
        line = " ".join(f"{x(r['ms'])},{y(r[metric])}" for r in steps)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for rung in steps:
            out.append(f'<circle cx="{x(rung["ms"])}" cy="{y(rung[metric])}" r="4" fill="{colour}"/>')
            out.append(
                f'<text x="{x(rung["ms"])}" y="{y(rung[metric]) - 9}" text-anchor="middle">{few(rung["spp"])}</text>'
            )
    out.append(f'<circle cx="{x(net["ms"])}" cy="{y(net[metric])}" r="6" fill="#f0b35a"/>')
    at_left = x(net["ms"]) < width / 2
    place = f'x="{x(net["ms"]) + (10 if at_left else -10)}" text-anchor="{"start" if at_left else "end"}"'
    out.append(f'<text {place} y="{y(net[metric]) + 18}" style="fill:#f0b35a">network</text>')
    out.append(
        f'<text x="{width - right}" y="{height - 8}" text-anchor="end">numbers: samples per pixel; grey: not denoised'
        "</text></svg>"
    )
    return "".join(out)


def _time_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... between two powers of ten; only the tens where these would crowd."""
    steps = (1, 2, 5) if high - low < 2.2 else (1,)
    found = [s * 10.0**k for k in range(math.floor(low), math.ceil(high) + 1) for s in steps]
    return [ms for ms in found if low <= math.log10(ms) <= high]


def _ticks(low: float, high: float) -> list[float]:
    """Four to nine round numbers within a range."""
    rough = (high - low) / 5
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(s * size for s in (1, 2, 5, 10) if s * size >= rough)
    return [round(k * step, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _means(means: Mapping[str, Mapping[str, float]]) -> str:
    rows = [[TITLES[name], f"{m['psnr']:.2f}", f"{m['ssim']:.4f}", f"{m['flip']:.4f}"] for name, m in means.items()]
    return _table(["", *UNITS.values()], rows)


def _by_world(groups: Mapping[str, Mapping[str, Mapping[str, float]]], what: str) -> str:
    """PSNR / FLIP of every picture; the best of each row is marked."""
    names = list(next(iter(groups.values())))
    rows = []
    for group, means in groups.items():
        best = min(names, key=lambda name: means[name]["flip"])
        cells = [f"{means[name]['psnr']:.1f} / {means[name]['flip']:.3f}" for name in names]
        at = names.index(best)
        cells[at] = f'<span class="best">{cells[at]}</span>'
        rows.append([html.escape(group), *cells])
    return _table([f"{what}: PSNR / FLIP", *(TITLES[name] for name in names)], rows)


def _ladder(ladder: Mapping[str, Any]) -> str:
    net = ladder["net"]
    rows = [
        [f"{few(r['spp'])}{how}", f"{r['ms']:,.0f}", f"{r['psnr']:.2f}", f"{r['ssim']:.4f}", f"{r['flip']:.4f}"]
        for how, steps in ((", denoised", ladder["rungs"]), ("", ladder["raw"]))
        for r in steps
    ]
    rows.append(["network", f"{net['ms']:,.1f}", f"{net['psnr']:.2f}", f"{net['ssim']:.4f}", f"{net['flip']:.4f}"])
    return (
        f"<p><strong>{' '.join(ladder_sentences(ladder))}</strong> Means over the first view of each world and "
        "condition. Times are processor time of all threads on one machine; the path tracer's are tracing and "
        "denoising alone.</p>"
        f'<div class="charts">{chart(ladder, "flip")}{chart(ladder, "psnr")}</div>'
        + _table(["samples", "ms", *UNITS.values()], rows)
    )


def _sources(found: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [f"{s['cause']}: {CAUSES[s['cause']]}", f"{100 * s['error']:.1f} %", f"{100 * s['pixels']:.1f} %",
         f"{s['rmse']:.4f}"]
        for s in found
    ]  # fmt: skip
    return (
        "<p>Squared error of the network's pictures by where the pixels lie; a pixel counts for the first cause that "
        f"holds for it, in the order {', '.join(CAUSES)}.</p>"
        + _table(["cause", "share of error", "share of pixels", "RMSE"], rows)
    )


def _shot(row: Mapping[str, Any], width: int, height: int) -> str:
    stem = stem_of(row["world"], row["condition"], row["view"])
    names = list(row["psnr"])

    def figure(name: str, file: str, words: str) -> str:
        return (
            f'<figure><a href="{file}"><img src="{file}" width="{width}" height="{height}" loading="lazy" '
            f'alt="{html.escape(name)}"></a><figcaption>{words}</figcaption></figure>'
        )

    out = [figure(TITLES["teacher"], f"{stem}-teacher.jpg", f"{TITLES['teacher']}, {row['teacher_spp']} samples")]
    for name in names:
        words = f"{TITLES[name]}: {row['psnr'][name]:.1f} dB, SSIM {row['ssim'][name]:.3f}"
        out.append(figure(TITLES[name], f"{stem}-{name}.jpg", words))
    out.append(
        f'<div class="note">FLIP maps, black is no visible difference.<br>{100 * row["compared"]:.0f} % of the pixels '
        f"are compared.<br>Network {row['frame_ms']:.0f} ms, path tracer {row['equal_time_ms']:.0f} ms at "
        f"{few(row['equal_time_spp'])} spp.</div>"
    )
    for name in names:
        words = f"FLIP {row['flip'][name]:.3f}"
        out.append(figure(f"FLIP map, {TITLES[name]}", f"{stem}-{name}-flip.jpg", words))
    title = html.escape(f"{row['condition']}, {row['view']}")
    return f'<section><h3>{title}</h3><div class="scroll"><div class="shots">{"".join(out)}</div></div></section>'
