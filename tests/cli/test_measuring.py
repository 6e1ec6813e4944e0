"""`bench` and `doctor`."""

import json

import pytest

from tests.cli.conftest import Daguerre


def test_doctor_names_everything(daguerre: Daguerre) -> None:
    answer = daguerre("doctor", "--json")
    found = json.loads(answer.out)
    assert answer.code == 0
    assert {"opengl", "gpu", "display", "weights", "teacher", "packages", "processor"} <= set(found)
    assert found["packages"]["numpy"][0].isdigit()
    text = daguerre("doctor").out
    assert all(name in text for name in found) and "\x1b" not in text


def test_bench_times_side_by_side(daguerre: Daguerre, opengl: None) -> None:
    answer = daguerre("bench", "gallery", "--size", "64x36", "--frames", "3", "--json")
    assert answer.code == 0 and answer.out.count("\n") == 1
    rows = json.loads(answer.out)["rows"]
    assert [row["other"] for row in rows] == ["raster", "raster", "classical", "the same without the cache"]
    for row in rows:
        assert set(row) == {"name", "ours_ms", "other", "other_ms", "ratio"}
        assert row["ratio"] == pytest.approx(row["other_ms"] / row["ours_ms"], rel=0.05)
    assert rows[3]["ratio"] > 10, "a frame in which nothing changes costs next to nothing"
