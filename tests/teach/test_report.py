from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from engine.core.errors import OutputError
from engine.teach.evaluate import Comparison, Rung, Shot, row_of
from engine.teach.report import (
    Report,
    _ticks,
    _time_ticks,
    chart,
    equal_quality_sentence,
    equal_time_sentence,
    few,
    page,
    sampled,
    stem_of,
)
from engine.teach.scores import METRICS, summary
from engine.teach.tables import score_tables
from tests.teach.views_for_tests import tiny_view

NAMES = ("net", "classical", "raster", "equal_time")
LADDER = (Rung(1, 200.0, 20.0, 0.8, 0.2), Rung(2, 300.0, 25.0, 0.85, 0.1), Rung(4, 500.0, 28.0, 0.9, 0.06))

RAW = (Rung(1, 100.0, 10.0, 0.3, 0.6), Rung(2, 200.0, 13.0, 0.4, 0.5), Rung(4, 400.0, 16.0, 0.5, 0.4))


class Reader(HTMLParser):
    """What a page refers to, and whether its tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.open, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("img", "meta", "br", "path", "circle", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.addresses += [value for key, value in attrs if key in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def comparisons():
    view, rng = tiny_view(), np.random.default_rng(3)
    out = []
    for k, (world, condition) in enumerate((("a <b>", "day"), ("a <b>", "night"), ("c", "day"))):
        truth = rng.random((18, 32, 3)).astype(np.float32)
        pictures = {n: np.clip(truth + 0.02 * (i + 1), 0, 1).astype(np.float32) for i, n in enumerate(NAMES)}
        scores = {key: {n: round(f(x, truth), 4) for n, x in pictures.items()} for key, f in METRICS.items()}
        shot = Shot(world, "view 1", condition, view)
        ladders = (LADDER, RAW) if k != 1 else ((), ())
        out.append(Comparison(shot, truth, pictures, scores, 0.9, 20.0, 1, 200.0, 64, *ladders, scores))
    return out


@pytest.fixture(scope="module")
def result(comparisons):
    sources = [{"cause": "edges", "error": 0.6, "pixels": 0.1, "rmse": 0.05}]
    return {**summary([row_of(c) for c in comparisons]), "size_px": [32, 18], "spp": 64, "sources": sources}


def test_the_folder_is_complete_in_itself(comparisons, result, tmp_path):
    report = Report(tmp_path / "deep" / "page")
    for comparison in comparisons:
        report.add(comparison)
    text = report.finish(result).read_text(encoding="utf-8")
    reader = Reader(text)
    assert reader.open == [] and "<script" not in text and "http" not in text and "<b>" not in text
    files = {address for address in reader.addresses if not address.startswith("#")}
    assert len(files) == 3 * 9
    for file in files:
        with Image.open(report.folder / file) as image:
            assert image.size == (32, 18)
    assert files == {path.name for path in report.folder.glob("*.jpg")}
    assert not [path for path in report.folder.iterdir() if path.suffix not in (".jpg", ".html")]


def test_the_pictures_are_the_compared_ones(comparisons, tmp_path):
    Report(tmp_path).add(comparisons[0])
    stem = stem_of("a <b>", "day", "view 1")
    assert stem == "a-b-day-view-1"
    with (
        Image.open(tmp_path / f"{stem}-net-flip.jpg") as net,
        Image.open(tmp_path / f"{stem}-equal_time-flip.jpg") as far,
    ):
        assert np.asarray(far).mean() > np.asarray(net).mean() + 5
    with Image.open(tmp_path / f"{stem}-teacher.jpg") as image:
        assert np.abs(np.asarray(image) / 255 - comparisons[0].teacher).mean() < 0.05


def test_the_page_says_the_numbers(result):
    words = " ".join(Reader(page(result)).words)
    for wanted in (f"{result['mean']['net']['psnr']:.2f}", f"{result['worlds']['c']['raster']['flip']:.3f}", "60.0 %"):
        assert wanted in words
    for heading in ("Means", "Equal quality", "As seen", "Sources of error", "a <b>"):
        assert heading in words
    bare = {**result, "ladder": {}, "as_seen": {}, "sources": []}
    words = " ".join(Reader(page(bare)).words)
    assert "Equal quality" not in words and "As seen" not in words and "Sources of error" not in words


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ({"times": 12.34, "reached": True, "spp": 2}, "needs 12.3 x the network's time for the network's FLIP"),
        ({"times": 25.0, "reached": False, "spp": None}, "more than 25.0 x the network's time: 4 samples"),
        ({"times": 10.0, "reached": True, "spp": 1}, "at most 10.0 x the network's time: 1 sample, the fewest"),
    ],
)
def test_equal_quality_in_words(result, found, wanted):
    assert wanted in equal_quality_sentence({**result["ladder"], "factor": {"flip": found}}, "flip")


def test_samples_in_words():
    assert [sampled(n) for n in (0.04, 1, 2)] == ["1 sample for 25 pixels", "1 sample", "2 samples"]
    assert [few(n) for n in (0, 0.01, 0.25, 1, 64)] == ["0", "1/100", "1/4", "1", "64"]


def test_equal_time_in_words(result):
    assert "1 sample, denoised, takes 10.0 x as long" in equal_time_sentence(result["ladder"], "denoised")
    assert "1 sample, not denoised, takes 5.0 x as long" in equal_time_sentence(result["ladder"], "raw")
    fits = {**result["ladder"], "equal_time": {"raw": {"flip": 0.2, "times": 3.14, "fits": True, "ms": 20.0}}}
    assert "not denoised, has 3.1 x the network's FLIP" in equal_time_sentence(fits, "raw")


def test_the_drawing_has_a_point_for_every_rung_and_the_network(result):
    drawing = chart(result["ladder"], "flip")
    assert drawing.count("<circle") == len(LADDER) + len(RAW) + 1 and "network" in drawing and "nan" not in drawing
    alike = {**result["ladder"], "net": {**result["ladder"]["net"], "flip": 0.1}}
    for key in ("rungs", "raw"):
        alike[key] = [{**rung, "flip": 0.1} for rung in alike[key]]
    assert "nan" not in chart(alike, "flip")


def test_ticks_are_round_and_few():
    assert _ticks(0.031, 0.218) == [0.05, 0.1, 0.15, 0.2]
    assert 3 <= len(_ticks(19.3, 34.1)) <= 9
    assert _time_ticks(1.1, 2.6) == [20, 50, 100, 200]
    assert _time_ticks(0.9, 4.2) == [10, 100, 1000, 10000]


def test_a_folder_that_cannot_be_written_is_one_sentence(comparisons, result, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "page"):
        with pytest.raises(OutputError, match="cannot write"):
            Report(folder)
    report = Report(tmp_path / "page")
    (tmp_path / "page").rmdir()
    with pytest.raises(OutputError, match="the report cannot be written"):
        report.add(comparisons[0])
    with pytest.raises(OutputError, match="the report cannot be written"):
        report.finish(result)


def test_the_tables_have_every_shot_and_no_colour_in_a_pipe(result, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", "1")
    Console(width=150).print(score_tables(result))
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert text.count("day") >= 2 and "night" in text and "view 1" in text and "as seen" in text and "edges" in text
    assert equal_quality_sentence(result["ladder"], "flip")[:40] in text
    psnr = result["views"][0]["psnr"]["net"]
    assert f"{psnr:.1f} / " in text
