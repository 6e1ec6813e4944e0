"""`render` and `play` without a display: pictures of a tick, films, and what to say when there is no OpenGL."""

import json
from pathlib import Path

import moderngl
import pytest
from PIL import Image

from engine.light.transport import Transport
from tests.cli.conftest import Daguerre


def test_render_makes_the_picture_of_a_tick(daguerre: Daguerre, tmp_path: Path, opengl: None) -> None:
    arguments = ("render", "courtyard", "--at-tick", "30", "--size", "96x54", "--look", "raster", "--seed", "7")
    answer = daguerre(*arguments, "--out", "deep/a.png", "--json")
    result = json.loads(answer.out)
    assert answer.code == 0 and answer.out.count("\n") == 1
    assert {"file", "tick", "digest", "frame_ms", "tiles"} <= set(result)
    assert result["file"] == "deep/a.png" and result["tick"] == 30
    assert set(result["tiles"]) == {"reused", "regenerated"} and result["tiles"]["regenerated"] > 0
    with Image.open(tmp_path / "deep" / "a.png") as image:
        assert image.size == (96, 54) and len(image.getcolors(9999) or []) > 20
        assert (image.info["world"], image.info["seed"], image.info["tick"]) == ("courtyard", "7", "30")
    plain = json.loads(daguerre("run", "courtyard", "--ticks", "30", "--seed", "7", "--json").out)
    assert result["digest"] == plain["digest"]  # pictures do not touch the state
    daguerre(*arguments, "--out", "b.png")
    with Image.open(tmp_path / "deep" / "a.png") as one, Image.open(tmp_path / "b.png") as two:
        assert one.tobytes() == two.tobytes()


def test_play_without_a_display_films_and_says_why(daguerre: Daguerre, tmp_path: Path, opengl: None) -> None:
    options = ("--seconds", "0.2", "--size", "96x54", "--look", "raster", "--record", "a.rec")
    answer = daguerre("play", "courtyard", *options)
    assert answer.code == 0
    assert "neither DISPLAY nor WAYLAND_DISPLAY is set" in answer.err and "out/courtyard.mp4" in answer.err
    import av

    with av.open(str(tmp_path / "out" / "courtyard.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 6
    replayed = json.loads(daguerre("replay", "a.rec", "--json").out)
    assert replayed["agrees"] and replayed["complete"] and replayed["ticks"] == 10


def test_missing_weights_mean_the_classical_look_and_a_notice(
    daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opengl: None
) -> None:
    monkeypatch.setattr("engine.film.camera.SHIPPED", tmp_path / "irradiance.safetensors")
    for data in (None, b"\x10" * 50):
        if data is not None:
            (tmp_path / "irradiance.safetensors").write_bytes(data)
        answer = daguerre("render", "courtyard", "--size", "16x9", "--out", "a.png", "--json")
        assert answer.code == 0 and json.loads(answer.out)["look"] == "classical"
        assert "irradiance.safetensors" in answer.err and "the look is classical" in answer.err


def test_no_opengl_is_one_sentence(daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**settings: object) -> None:
        raise Exception("libEGL.so.1 not found")

    monkeypatch.setattr(moderngl, "create_context", refuse)
    answer = daguerre("render", "courtyard", "--size", "16x9", "--look", "raster")
    assert answer.code == 3 and answer.err.startswith("daguerre: ") and answer.err.count("\n") == 1
    assert "OpenGL" in answer.err


def test_a_second_picture_of_a_world_traces_no_ray(
    daguerre: Daguerre, tmp_path: Path, opengl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transport is on disk, unless nothing may be kept from frame to frame."""
    made = []
    make = Transport.making
    monkeypatch.setattr(Transport, "making", lambda self, most: made.append(1) or make(self, most))
    pictures = {}
    for name, cache in (("off", "off"), ("first", "on"), ("second", "on")):
        made.clear()
        answer = daguerre("render", "courtyard", "--out", f"{name}.png", "--size", "64x36", "--cache", cache)
        assert answer.code == 0, answer.err
        assert len(made) == (name != "second")
        assert len(list((tmp_path / "kept").rglob("*.transport"))) == (name != "off")
        pictures[name] = (tmp_path / f"{name}.png").read_bytes()
    assert pictures["first"] == pictures["second"]
