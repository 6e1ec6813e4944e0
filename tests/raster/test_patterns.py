import numpy as np

from engine.raster import patterns


def test_every_level_of_every_pattern_has_a_mean_of_one():
    for level in patterns.pattern_levels():
        mean = level.astype(float).mean((1, 2)) / 127.5
        assert np.abs(mean - 1).max() < 0.02
    finest = patterns.pattern_levels()[0].astype(float).mean((1, 2)) / 127.5
    assert np.abs(finest - 1).max() < 1e-3


def test_patterns_differ_and_plain_is_plain():
    finest = patterns.pattern_levels()[0] / 127.5
    assert np.abs(finest[0] - 1).max() < 0.005
    spread = finest.std((1, 2)).mean(-1)
    assert (spread[1:] > 0.015).all()
    assert len({round(float(s), 6) for s in spread}) == len(patterns.NAMES)


def test_contrast_fades_with_distance():
    spread = np.array([(level / 127.5)[1:].std((1, 2)).mean() for level in patterns.pattern_levels()])
    assert (np.diff(spread) < 0.002).all()
    assert spread[-1] < 0.4 * spread[0]


def test_the_atlas_holds_each_level_with_a_border_that_wraps():
    atlas, levels = patterns.pattern_atlas(), patterns.pattern_levels()
    t = patterns.TEXELS
    for number, texels in enumerate(levels):
        x, size = 2 * t - (2 * t >> number) + 2 * number, t >> number
        for layer in (1, len(patterns.NAMES) - 1):
            y = layer * (t + 2)
            part = atlas[y : y + size + 2, x : x + size + 2, :3]
            assert np.array_equal(part[1:-1, 1:-1], texels[layer])
            assert np.array_equal(part[0, 1:-1], texels[layer, -1])
            assert np.array_equal(part[1:-1, -1], texels[layer, :, 0])
