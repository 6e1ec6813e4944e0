"""The result of an evaluation as tables for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.teach.report import TITLES, UNITS, ladder_sentences
from engine.teach.sources import CAUSES

SHORT = {"net": "network", "classical": "classical", "raster": "raster", "equal_time": "equal time"}


def score_tables(result: Mapping[str, Any]) -> Group:
    """Every shot, the means, equal quality, the frame as seen and the sources of error, as far as they are there."""
    parts: list[RenderableType] = [_shots(result), _means("mean of all shots", result["mean"])]
    if result["as_seen"]:
        parts.append(_means("as seen: final frames, antialiased", result["as_seen"]))
    if result["ladder"]:
        parts += [Text(sentence) for sentence in ladder_sentences(result["ladder"])]
    if result["sources"]:
        parts.append(_sources(result))
    return Group(*parts)


def _shots(result: Mapping[str, Any]) -> Table:
    table = Table(title="PSNR dB / SSIM / FLIP", title_justify="left")
    for name in ("world", "condition", "view"):
        table.add_column(name, no_wrap=True)
    names = list(result["mean"])
    for name in names:
        table.add_column(SHORT[name], justify="right")

    def cells(values: Mapping[str, Mapping[str, float]]) -> list[str]:
        return [f"{values[n]['psnr']:.1f} / {values[n]['ssim']:.3f} / {values[n]['flip']:.3f}" for n in names]

    for world, means in result["worlds"].items():
        for row in (row for row in result["views"] if row["world"] == world):
            values = {n: {metric: row[metric][n] for metric in UNITS} for n in names}
            table.add_row(world, row["condition"], row["view"], *cells(values))
        table.add_row(world, "", "mean", *cells(means), style="bold", end_section=True)
    return table


def _means(title: str, means: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for unit in UNITS.values():
        table.add_column(unit, justify="right")
    for name, values in means.items():
        table.add_row(TITLES[name], f"{values['psnr']:.2f}", f"{values['ssim']:.4f}", f"{values['flip']:.4f}")
    return table


def _sources(result: Mapping[str, Any]) -> Table:
    table = Table(title="sources of the network's squared error", title_justify="left")
    table.add_column("cause")
    for name in ("error", "pixels", "RMSE"):
        table.add_column(name, justify="right")
    for share in result["sources"]:
        words = f"{share['cause']}: {CAUSES[share['cause']]}"
        table.add_row(words, f"{100 * share['error']:.1f} %", f"{100 * share['pixels']:.1f} %", f"{share['rmse']:.4f}")
    return table
