"""Scores of many shots: their means by world and condition, and the path tracer's ladder with the network beside it."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.teach import metrics

F32 = NDArray[np.float32]
METRICS: dict[str, Callable[[F32, F32], float]] = {"psnr": metrics.psnr, "ssim": metrics.ssim, "flip": metrics.flip}


def summary(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Rows of `evaluate.row_of`, and their means: over all, by world, by condition, as seen, on the ladder."""

    def by(key: str) -> dict[str, dict[str, dict[str, float]]]:
        names = dict.fromkeys(str(row[key]) for row in rows)
        return {name: mean_scores([row for row in rows if row[key] == name]) for name in names}

    seen = [row["as_seen"] for row in rows if row["as_seen"]]
    return {
        "views": list(rows),
        "mean": mean_scores(rows),
        "worlds": by("world"),
        "conditions": by("condition"),
        "as_seen": mean_scores(seen) if seen else {},  # type: ignore[arg-type]
        "ladder": ladder_of(rows),
    }


def mean_scores(rows: Sequence[Mapping[str, object]]) -> dict[str, dict[str, float]]:
    """Means of rows {metric: {picture: value}}, the other way round: {picture: {metric: mean}}."""
    values: list[Mapping[str, Mapping[str, float]]] = list(rows)  # type: ignore[arg-type]
    return {
        name: {key: round(float(np.mean([row[key][name] for row in values])), 4) for key in METRICS}
        for name in values[0]["psnr"]
    }


def ladder_of(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The path tracer's mean ladders, the network's place beside them, and what equal quality and equal time come to.

    {"rungs": [{spp, ms, psnr, ssim, flip}], "raw": the same without denoiser, "net": {ms, psnr, ssim, flip}, "factor":
    {"psnr", "flip"}, "equal_time": {"denoised", "raw"}}, all over the shots that have a ladder; {} if none has.
    """
    chosen = [row for row in rows if row["ladder"]]
    if not chosen:
        return {}
    steps, raw = (_mean_ladder([row[key] for row in chosen]) for key in ("ladder", "raw_ladder"))  # type: ignore[misc]
    net = {"ms": round(float(np.mean([float(str(row["frame_ms"])) for row in chosen])), 2)}
    net |= mean_scores(chosen)["net"]
    factor = {key: equal_quality(steps, net, key) for key in ("psnr", "flip")}
    at_once = {"denoised": equal_time(steps, net), "raw": equal_time(raw, net)}
    return {"rungs": steps, "raw": raw, "net": net, "factor": factor, "equal_time": at_once}


def _mean_ladder(ladders: Sequence[Sequence[Mapping[str, float]]]) -> list[dict[str, float]]:
    return [
        {"spp": ladders[0][k]["spp"]}
        | {key: round(float(np.mean([ladder[k][key] for ladder in ladders])), 4) for key in ("ms", *METRICS)}
        for k in range(min(len(ladder) for ladder in ladders))
    ]


def equal_time(steps: Sequence[Mapping[str, float]], net: Mapping[str, float]) -> dict[str, float | bool]:
    """The path tracer's FLIP in the network's time: {"flip", "times" the network's FLIP, "fits", "ms"}.

    Between rungs FLIP is interpolated over the logarithm of time. If not even the first rung fits into the network's
    time, it stands for all, with its own `ms`; if time is left after the last, that one does.
    """
    ms, flip = [rung["ms"] for rung in steps], [rung["flip"] for rung in steps]
    found = float(np.interp(np.log(net["ms"]), np.log(ms), flip))
    fits = net["ms"] >= ms[0]
    return {
        "flip": round(found, 4),
        "times": round(found / max(net["flip"], 1e-9), 2),
        "fits": fits,
        "ms": min(net["ms"], ms[-1]) if fits else ms[0],
    }


def equal_quality(
    steps: Sequence[Mapping[str, float]], net: Mapping[str, float], metric: str
) -> dict[str, float | bool | None]:
    """How many times the network's time the path tracer needs to be as good by one metric.

    {"times": number, "reached": whether any rung is as good, "spp": samples of the first that is, or None}. Between
    rungs time is interpolated by its logarithm; if no rung is as good, `times` is the highest's: at least so many.
    """
    sign = -1.0 if metric == "flip" else 1.0
    for k, rung in enumerate(steps):
        if sign * rung[metric] >= sign * net[metric]:
            ms = rung["ms"]
            if k:
                low, high = steps[k - 1], rung
                share = (net[metric] - low[metric]) / (high[metric] - low[metric])
                ms = low["ms"] * (high["ms"] / low["ms"]) ** share
            return {"times": round(ms / net["ms"], 2), "reached": True, "spp": rung["spp"]}
    return {"times": round(steps[-1]["ms"] / net["ms"], 2), "reached": False, "spp": None}
