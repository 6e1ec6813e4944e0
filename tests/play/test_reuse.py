"""What `bench cache` prints: the cache is exact in every row, and dear only where all changes."""

import pytest

from engine.play.reuse import reuse
from engine.script.worldfile import load


@pytest.mark.slow
def test_reuse_is_exact_and_an_idle_frame_costs_next_to_nothing() -> None:
    said: list[str] = []
    rows = reuse(load("gallery"), (64, 36), 2, said.append, (0.0, 0.02, 1.0))
    assert len(rows) == len(said) == 16
    assert all(row["max_error"] == 0 for row in rows)
    assert all(row["cache_mb"] == round(sum(row["tables"].values()) / 1e6, 1) > 10 for row in rows)
    assert {(row["camera"], row["changed"], row["share"]) for row in rows} == {
        (camera, changed, share)
        for camera in ("still", "moving")
        for changed in ("together", "scattered")
        for share in (0.0, 0.02, 1.0)
    } | {(camera, *row) for camera in ("still", "moving") for row in (("returns", 0.02), ("read again", 0.0))}
    idle = [row for row in rows if row["share"] == 0.0 and row["camera"] == "still"]
    assert all(row["ratio"] > 10 and row["bricks"] == 0 for row in idle)
    again = next(row for row in rows if row["camera"] == "still" and row["changed"] == "returns")
    assert again["ratio"] > 10 and again["bricks"] > 0
    assert all(row["bricks"] > 100 for row in rows if row["share"] == 1.0)
