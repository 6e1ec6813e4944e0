import pytest

from engine.teach.scores import equal_quality, equal_time, ladder_of, mean_scores, summary


def rung(spp, ms, psnr, flip):
    return {"spp": spp, "ms": ms, "psnr": psnr, "ssim": 0.9, "flip": flip}


def row(world, condition, psnr, ladder=()):
    scores = {"psnr": {"net": psnr, "raster": 20.0}, "ssim": {"net": 0.9, "raster": 0.5}}
    return {
        "world": world,
        "condition": condition,
        **scores,
        "flip": {"net": 0.1, "raster": 0.3},
        "frame_ms": 20.0,
        "ladder": list(ladder),
        "raw_ladder": [{**step, "ms": step["ms"] / 2, "flip": 2 * step["flip"]} for step in ladder],
        "as_seen": {},
    }


STEPS = [rung(1, 100.0, 20.0, 0.2), rung(2, 200.0, 30.0, 0.1), rung(4, 400.0, 40.0, 0.05)]


@pytest.mark.parametrize(
    ("net", "metric", "wanted"),
    [
        ({"ms": 10.0, "psnr": 25.0}, "psnr", {"times": 14.14, "reached": True, "spp": 2}),
        ({"ms": 10.0, "psnr": 30.0}, "psnr", {"times": 20.0, "reached": True, "spp": 2}),
        ({"ms": 10.0, "psnr": 41.0}, "psnr", {"times": 40.0, "reached": False, "spp": None}),
        ({"ms": 10.0, "psnr": 15.0}, "psnr", {"times": 10.0, "reached": True, "spp": 1}),
        ({"ms": 10.0, "flip": 0.075}, "flip", {"times": 28.28, "reached": True, "spp": 4}),
        ({"ms": 10.0, "flip": 0.01}, "flip", {"times": 40.0, "reached": False, "spp": None}),
    ],
)
def test_equal_quality_is_read_off_between_the_rungs(net, metric, wanted):
    assert equal_quality(STEPS, net, metric) == wanted


def test_means_are_by_world_and_condition():
    rows = [row("a", "day", 30.0), row("a", "night", 32.0), row("b", "day", 40.0)]
    result = summary(rows)
    assert result["mean"]["net"]["psnr"] == 34.0 and result["mean"]["raster"]["psnr"] == 20.0
    assert result["worlds"]["a"]["net"]["psnr"] == 31.0 and list(result["worlds"]) == ["a", "b"]
    assert result["conditions"]["day"]["net"]["psnr"] == 35.0
    assert result["as_seen"] == {} and result["ladder"] == {}
    assert mean_scores(rows[:1])["net"] == {"psnr": 30.0, "ssim": 0.9, "flip": 0.1}


def test_the_ladder_is_over_the_shots_that_have_one():
    rows = [row("a", "day", 25.0, STEPS), row("a", "night", 99.0), row("b", "day", 35.0, STEPS)]
    ladder = ladder_of(rows)
    assert ladder["net"] == {"ms": 20.0, "psnr": 30.0, "ssim": 0.9, "flip": 0.1}
    assert ladder["rungs"] == STEPS and isinstance(ladder["rungs"][0]["spp"], int)
    assert ladder["factor"]["flip"] == {"times": 10.0, "reached": True, "spp": 2}
    assert [step["flip"] for step in ladder["raw"]] == [0.4, 0.2, 0.1]
    assert ladder["equal_time"]["denoised"] == {"flip": 0.2, "times": 2.0, "fits": False, "ms": 100.0}
    assert ladder["equal_time"]["raw"] == {"flip": 0.4, "times": 4.0, "fits": False, "ms": 50.0}


@pytest.mark.parametrize(
    ("net_ms", "wanted"),
    [
        (99.0, {"flip": 0.2, "times": 2.0, "fits": False, "ms": 100.0}),
        (100.0, {"flip": 0.2, "times": 2.0, "fits": True, "ms": 100.0}),
        (141.4214, {"flip": 0.15, "times": 1.5, "fits": True, "ms": 141.4214}),
        (9e3, {"flip": 0.05, "times": 0.5, "fits": True, "ms": 400.0}),
    ],
)
def test_equal_time_is_read_off_between_the_rungs(net_ms, wanted):
    assert equal_time(STEPS, {"ms": net_ms, "flip": 0.1}) == wanted
