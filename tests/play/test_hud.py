"""Words over pictures: where they stand, that they are legible, and that they leave the picture alone."""

import numpy as np
import pytest

from engine.play import hud

SIZES = [(640, 360), (1280, 720), (64, 36), (3, 2)]


def grey(width_px: int, height_px: int, level: int = 128) -> np.ndarray:
    return np.full((height_px, width_px, 3), level, np.uint8)


def test_no_words_leave_the_very_same_array() -> None:
    rgb = grey(64, 36)
    assert hud.draw(rgb, hud.Overlay()) is rgb


@pytest.mark.parametrize("size", SIZES)
def test_every_panel_at_once_in_any_size_leaves_the_input_alone(size: tuple[int, int]) -> None:
    rgb = grey(*size)
    overlay = hud.Overlay(
        subtitle="Good evening.",
        speaker="Ada",
        goals=(("Find the lanterns", "2 of 5", False), ("Go home", "done", True)),
        ending=("Home again", "All lanterns burn."),
        notice="paused",
        help=True,
        stats=(("tick", "12"),),
        bars=(("probes reused", 0.5),),
    )
    drawn = hud.draw(rgb, overlay)
    assert drawn.shape == rgb.shape and drawn.dtype == np.uint8
    assert (rgb == 128).all() and (drawn != 128).any()


def test_a_subtitle_stands_low_in_the_middle_and_is_legible_on_white_and_black() -> None:
    overlay = hud.Overlay(subtitle="The lamps are lit.")
    for level in (0, 255):
        drawn = hud.draw(grey(640, 360, level), overlay).astype(int)
        rows, columns = np.nonzero((drawn != level).any(2))
        assert rows.min() > 360 * 0.8 and rows.max() < 360
        assert abs((columns.min() + columns.max()) / 2 - 320) < 2
        panel = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].mean(2)
        background = np.median(panel)
        assert panel.max() - background > 110  # bright letters on glass that is dark whatever lies below


def test_a_long_subtitle_breaks_into_lines_that_fit() -> None:
    long = hud.panels(hud.Overlay(subtitle="word " * 60), 640, 360)[0]
    short = hud.panels(hud.Overlay(subtitle="word"), 640, 360)[0]
    assert long.rgba.shape[1] <= 640 and long.rgba.shape[0] > 2 * short.rgba.shape[0]
    assert long.left_px >= 0 and long.top_px + long.rgba.shape[0] <= 360


def test_a_panel_is_blended_by_its_coverage() -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, :3] = 200
    rgba[0, :, 3] = (0, 128, 255)
    rgb = grey(3, 1, 100)
    hud._blend(rgb, hud.Panel(rgba, 0, 0))
    assert rgb[0, :, 0].tolist() == [100, 150, 200]


def test_a_panel_beyond_the_edges_is_cut() -> None:
    rgba = np.full((4, 4, 4), 255, np.uint8)
    rgb = grey(8, 8, 0)
    for left, top in ((-2, -2), (6, 6), (20, 0), (0, -9)):
        hud._blend(rgb, hud.Panel(rgba, left, top))
    assert int((rgb[..., 0] == 255).sum()) == 8


def test_bars_are_as_long_as_their_share() -> None:
    def accent(share: float) -> int:
        rgba = hud.panels(hud.Overlay(bars=(("probes reused", share),)), 1280, 720)[0].rgba
        return int((rgba == np.array(hud.ACCENT, np.uint8)).all(2).sum())

    assert accent(0.0) == 0
    assert accent(1.0) == pytest.approx(2 * accent(0.5), rel=0.05)
    assert accent(7.0) == accent(1.0)


def test_the_loading_line_grows() -> None:
    def done(share: float) -> int:
        screen = hud.loading_screen(640, 360, "courtyard", "Tracing light", share)
        assert screen.shape == (360, 640, 3)
        return int((screen == np.array(hud.ACCENT[:3], np.uint8)).all(2).sum())

    assert done(0.1) < done(0.5) < done(1.0) == done(3.0)


def test_goals_stand_above_the_statistics_and_a_reached_one_is_quiet() -> None:
    goals = (("Find the lanterns", "2 of 5", False),)
    shown, below = hud.panels(hud.Overlay(goals=goals, stats=(("tick", "12"),)), 1280, 720)
    assert (shown.left_px, shown.top_px) == (below.left_px, below.left_px)
    assert below.top_px >= shown.top_px + shown.rgba.shape[0]
    done = hud.panels(hud.Overlay(goals=(("Find the lanterns", "2 of 5", True),)), 1280, 720)[0]
    assert (done.rgba[..., :3].max((0, 1)) < shown.rgba[..., :3].max((0, 1)))[:2].all()


def test_a_speaker_stands_above_the_line_in_another_colour() -> None:
    alone, spoken = (hud.panels(hud.Overlay(subtitle="Hi.", speaker=who), 1280, 720)[0] for who in ("", "Ada"))
    assert spoken.rgba.shape[0] > alone.rgba.shape[0]
    blue, red = spoken.rgba[..., 2].astype(int), spoken.rgba[..., 0].astype(int)
    half = spoken.rgba.shape[0] // 2
    assert (red - blue)[:half].max() > 100 > (red - blue)[half + 4 :].max()


@pytest.mark.parametrize("text", ["", "word " * 80])
def test_an_ending_stands_in_the_middle_and_fits(text: str) -> None:
    card = hud.panels(hud.Overlay(ending=("Home again", text)), 640, 360)[0]
    assert card.rgba.shape[1] <= 640 and abs(card.left_px + card.rgba.shape[1] / 2 - 320) <= 1
    assert card.top_px + card.rgba.shape[0] <= 360


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (1920, 1080)])
def test_all_statistics_and_keys_find_room_in_the_picture(size: tuple[int, int]) -> None:
    goals = (
        ("Wish all four a good evening (E)", "0 of 4", False),
        ("Put out the light behind the green door", "", False),
    )
    stats = tuple((f"row {k}", "28852 reused, 255 regenerated") for k in range(26))
    bars = tuple((f"share {k}", 0.5) for k in range(4))
    for panel in hud.panels(hud.Overlay(goals=goals, stats=stats, bars=bars, help=True), *size):
        height, width = panel.rgba.shape[:2]
        assert panel.top_px + height <= size[1] and panel.left_px + width <= size[0]
