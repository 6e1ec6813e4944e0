"""Words over a picture: subtitle, notice, help, statistics and the loading screen, as plain arrays.

Nothing here knows of a window, so that a film written without a display carries the same words as the window does. Text
is set in Pillow's own embedded typeface (Aileron), in a size that follows the height of the picture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

U8 = NDArray[np.uint8]

INK = (244, 240, 232, 255)
QUIET = (176, 172, 164, 255)
ACCENT = (255, 190, 110, 255)
ALARM = (255, 128, 108, 255)
GLASS = (12, 13, 18, 176)
MIN_TEXT_PX = 11
LEAST_TEXT_PX = 8  # of a table that would not fit into the picture otherwise
TINTS = np.array([(40, 200, 60), (255, 150, 30), (255, 30, 30)], np.uint8)  # of REUSED, REGENERATED and STALE tiles
WIDE_SPACE = "  "  # the typeface kerns a single space after a digit almost away

HELP = (
    ("W A S D", "walk"),
    ("mouse", "look (click to take it)"),
    ("Space", "jump, or rise with the free camera"),
    ("Shift", "run, or sink with the free camera"),
    ("E", "use: open a door, switch a light, put an ending's card away"),
    ("C", "next camera: eyes, the world's own, free"),
    ("Tab", "next look"),
    ("N", "network on or off"),
    ("P", "pause"),
    ("R", "from the beginning"),
    (".", "one tick while paused"),
    ("Backspace", "hold: back in time"),
    ("F5  F9", "save, and go back to the save"),
    ("F1", "this help"),
    ("F3", "statistics; tiles reused green, made again orange, stale red"),
    ("F6  F7  F8", "light: freeze it, forget it, forget it every 64 frames"),
    ("F12", "screenshot"),
    ("Esc", "give the mouse back, then quit"),
)


@dataclass(frozen=True)
class Overlay:
    """The words that go with one frame."""

    subtitle: str = ""  # what the world says
    speaker: str = ""  # who says it
    goals: tuple[tuple[str, str, bool], ...] = ()  # what is to be done, how far it has come, whether it is reached
    ending: tuple[str, str] | None = None  # title and text of the card that ends a story
    notice: str = ""  # what the program says, briefly: "look: classical", "paused"
    help: bool = False
    stats: tuple[tuple[str, str], ...] = ()  # rows of name and value; empty hides the panel
    bars: tuple[tuple[str, float], ...] = field(default=())  # rows of name and share 0..1, drawn under the statistics
    problem: str = ""  # what is wrong with the world file that is being written, until it is mended


@dataclass(frozen=True)
class Panel:
    """A piece of text with its place in the picture."""

    rgba: U8  # [h, w, 4] sRGB and coverage, not premultiplied
    left_px: int
    top_px: int


def panels(overlay: Overlay, width_px: int, height_px: int) -> list[Panel]:
    """Everything that an overlay shows, placed in a picture of this size, back to front."""
    text_px = max(MIN_TEXT_PX, round(height_px / 44))
    margin = text_px
    placed, top = [], margin
    if overlay.goals:
        rgba = _goals(overlay.goals, text_px)
        placed.append(Panel(rgba, margin, top))
        top += rgba.shape[0] + margin // 2
    if overlay.stats or overlay.bars:
        rgba = _table(overlay.stats, overlay.bars, text_px, height_px - top - margin // 2)
        placed.append(Panel(rgba, margin, top))
    if overlay.help:
        rgba = _table(HELP, (), text_px, height_px - margin - margin // 2)
        placed.append(Panel(rgba, width_px - rgba.shape[1] - margin, margin))
    if overlay.notice:
        rgba = _line(overlay.notice, text_px, width_px - 2 * margin, ACCENT)
        placed.append(Panel(rgba, (width_px - rgba.shape[1]) // 2, margin))
    if overlay.problem:
        rgba = _line(overlay.problem, text_px, width_px - 2 * margin, ALARM)
        placed.append(Panel(rgba, (width_px - rgba.shape[1]) // 2, 4 * margin))
    if overlay.subtitle:
        rgba = _line(overlay.subtitle, round(text_px * 1.5), width_px - 4 * margin, INK, overlay.speaker)
        placed.append(Panel(rgba, (width_px - rgba.shape[1]) // 2, height_px - rgba.shape[0] - round(height_px / 18)))
    if overlay.ending is not None:
        rgba = _card(*overlay.ending, text_px, width_px - 4 * margin)
        placed.append(Panel(rgba, (width_px - rgba.shape[1]) // 2, round(height_px * 0.4) - rgba.shape[0] // 2))
    return placed


def draw(rgb: U8, overlay: Overlay) -> U8:
    """The picture [H, W, 3] with the overlay's words on it: a copy, or the same array where there are none."""
    placed = panels(overlay, rgb.shape[1], rgb.shape[0])
    if not placed:
        return rgb
    picture = rgb.copy()
    for panel in placed:
        _blend(picture, panel)
    return picture


def tinted(rgb: U8, tiles: U8) -> U8:
    """A copy of the picture [H, W, 3] in the colours of what became of its 16 px tiles [rows, columns]."""
    colour = TINTS[tiles].repeat(16, 0).repeat(16, 1)[: rgb.shape[0], : rgb.shape[1]].astype(np.uint16)
    return ((rgb.astype(np.uint16) * 3 + colour) // 4).astype(np.uint8)


def loading_screen(width_px: int, height_px: int, title: str, stage: str, share: float) -> U8:
    """What a window shows before the first picture: the world's name, what is being done, and a progress line.

    `share` is how much is done, 0..1. Returns [H, W, 3] sRGB.
    """
    picture = _dusk(width_px, height_px).copy()
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    name_px = max(18, height_px // 12)
    text_px = max(MIN_TEXT_PX, height_px // 40)
    middle = width_px / 2
    pen.text((middle, height_px * 0.42), title, font=_font(name_px), fill=INK[:3], anchor="mm")
    left, right, y = round(width_px * 0.36), round(width_px * 0.64), round(height_px * 0.52)
    thick = max(1, height_px // 240)
    pen.rectangle((left, y, right, y + thick), fill=(64, 62, 70))
    reach = left + round((right - left) * min(max(share, 0.0), 1.0))
    pen.rectangle((left, y, reach, y + thick), fill=ACCENT[:3])
    pen.text((middle, y + 2.2 * text_px), stage, font=_font(text_px), fill=QUIET[:3], anchor="mm")
    return np.asarray(image, np.uint8)


def _blend(rgb: U8, panel: Panel) -> None:
    """Lay a panel over [H, W, 3] in place; what lies outside the picture is cut."""
    height, width = rgb.shape[:2]
    top, left = max(panel.top_px, 0), max(panel.left_px, 0)
    bottom = min(panel.top_px + panel.rgba.shape[0], height)
    right = min(panel.left_px + panel.rgba.shape[1], width)
    if top >= bottom or left >= right:
        return
    source = panel.rgba[top - panel.top_px : bottom - panel.top_px, left - panel.left_px : right - panel.left_px]
    below = rgb[top:bottom, left:right].astype(np.uint16)
    alpha = source[..., 3:].astype(np.uint16)
    rgb[top:bottom, left:right] = (source[..., :3] * alpha + below * (255 - alpha) + 127) // 255


@lru_cache(maxsize=16)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow without FreeType cannot set text in a size"
    return font


@lru_cache(maxsize=4)
def _dusk(width_px: int, height_px: int) -> U8:
    """A quiet evening gradient, [H, W, 3]."""
    u = np.linspace(0.0, 1.0, height_px, dtype=np.float32)[:, None, None]
    top, low = np.array([14, 16, 26], np.float32), np.array([44, 32, 34], np.float32)
    return np.broadcast_to(top + (low - top) * u**2 + 0.5, (height_px, width_px, 3)).astype(np.uint8)


def _glass(width_px: int, height_px: int, radius_px: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (max(width_px, 1), max(height_px, 1)), (*GLASS[:3], 0))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, width_px - 1, height_px - 1), radius_px, fill=GLASS)
    return image, pen


@lru_cache(maxsize=32)
def _line(text: str, text_px: int, room_px: int, ink: tuple[int, int, int, int], speaker: str = "") -> U8:
    """Centred lines of text on dark glass, broken to fit, under the name of who says them: [h, w, 4]."""
    font = _font(text_px)
    lines = [line for part in text.split("\n") for line in _broken(part, font, room_px - 2 * text_px)]
    if speaker:
        lines.insert(0, speaker)
    width = round(max(font.getlength(line) for line in lines)) + 2 * text_px
    pitch = round(text_px * 1.35)
    height = pitch * len(lines) + text_px
    image, pen = _glass(width, height, text_px // 2)
    for i, line in enumerate(lines):
        fill = ACCENT if speaker and i == 0 else ink
        pen.text((width / 2, text_px / 2 + (i + 0.5) * pitch), line, font=font, fill=fill, anchor="mm")
    return np.asarray(image, np.uint8)


@lru_cache(maxsize=4)
def _goals(goals: Sequence[tuple[str, str, bool]], text_px: int) -> U8:
    """What is to be done, bright, with how far it has come; what is reached stays, quiet: [h, w, 4]."""
    font = _font(text_px)
    rows = [(text, value.replace(" ", WIDE_SPACE), reached) for text, value, reached in goals]
    first = max(font.getlength(text) for text, _, _ in rows)
    second = max(font.getlength(value) for _, value, _ in rows)
    pitch, pad = round(text_px * 1.45), round(text_px * 0.8)
    image, pen = _glass(round(first + second) + text_px + 2 * pad, pitch * len(rows) + 2 * pad, text_px // 2)
    for i, (text, value, reached) in enumerate(rows):
        y = pad + (i + 0.5) * pitch
        pen.text((pad, y), text, font=font, fill=QUIET if reached else INK, anchor="lm")
        pen.text((pad + first + text_px, y), value, font=font, fill=QUIET if reached else ACCENT, anchor="lm")
    return np.asarray(image, np.uint8)


@lru_cache(maxsize=4)
def _card(title: str, text: str, text_px: int, room_px: int) -> U8:
    """The card that ends a story: a title, a line under it, and a text: [h, w, 4]."""
    large, small, pad = _font(round(text_px * 2.6)), _font(round(text_px * 1.3)), 2 * text_px
    titles = list(_broken(title, large, room_px - 2 * pad))
    lines = list(_broken(text, small, room_px - 2 * pad)) if text else []
    widest = max(*(large.getlength(line) for line in titles), *(small.getlength(line) for line in lines), 0.0)
    title_pitch, pitch = round(text_px * 3.2), round(text_px * 1.9)
    width, height = round(widest) + 2 * pad, 2 * pad + title_pitch * len(titles) + pitch * len(lines)
    image, pen = _glass(width, height, text_px // 2)
    for i, line in enumerate(titles):
        pen.text((width / 2, pad + (i + 0.5) * title_pitch), line, font=large, fill=ACCENT, anchor="mm")
    for i, line in enumerate(lines):
        y = pad + title_pitch * len(titles) + (i + 0.5) * pitch
        pen.text((width / 2, y), line, font=small, fill=INK, anchor="mm")
    return np.asarray(image, np.uint8)


def _broken(text: str, font: ImageFont.FreeTypeFont, room_px: float) -> Iterable[str]:
    """Break a text at spaces into lines that fit; a word longer than a line stays whole."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and font.getlength(longer) > room_px:
            yield line
            line = word
        else:
            line = longer
    yield line


@lru_cache(maxsize=8)
def _table(rows: Sequence[tuple[str, str]], bars: Sequence[tuple[str, float]], text_px: int, room_px: int) -> U8:
    """Two columns, names quiet and values bright, then bars of shares: [h, w, 4]. In smaller letters where they would
    not find room.
    """
    n_rows = len(rows) + len(bars)
    if round(text_px * 1.45) * n_rows + 2 * round(text_px * 0.8) > room_px:
        text_px = max(min(text_px, int(room_px / (1.25 * n_rows + 1.6))), LEAST_TEXT_PX)
    font = _font(text_px)
    names = [name for name, _ in rows] + [name for name, _ in bars]
    first = max(font.getlength(name) for name in names)
    second = max(
        [font.getlength(value.replace(" ", WIDE_SPACE)) for _, value in rows] + [text_px * 9.0 if bars else 0.0]
    )
    gap, pad = text_px, round(text_px * 0.8)
    pitch = min(round(text_px * 1.45), max((room_px - 2 * pad) // n_rows, text_px + 1))
    width = round(first + second) + gap + 2 * pad
    height = pitch * n_rows + 2 * pad
    image, pen = _glass(width, height, text_px // 2)
    x = pad + first + gap
    for i, (name, value) in enumerate(rows):
        y = pad + (i + 0.5) * pitch
        pen.text((pad, y), name, font=font, fill=QUIET, anchor="lm")
        pen.text((x, y), value.replace(" ", WIDE_SPACE), font=font, fill=INK, anchor="lm")
    for i, (name, share) in enumerate(bars, start=len(rows)):
        y, half = pad + (i + 0.5) * pitch, max(1, text_px // 5)
        pen.text((pad, y), name, font=font, fill=QUIET, anchor="lm")
        end = width - pad
        pen.rectangle((x, y - half, end, y + half), fill=(255, 255, 255, 48))
        if share > 0:
            pen.rectangle((x, y - half, x + (end - x) * min(share, 1.0), y + half), fill=ACCENT)
    return np.asarray(image, np.uint8)
