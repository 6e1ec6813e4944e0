import moderngl
import pytest

from engine.core.errors import GraphicsError
from engine.raster import context


def test_device_names_itself(gl):
    device = context.device_of(gl)
    assert device.vendor and device.renderer and device.version[0].isdigit()
    assert device.max_texture_px >= 4096


@pytest.mark.parametrize("window", [False, True])
def test_no_opengl_is_one_clear_sentence(monkeypatch, window):
    def refuse(**_):
        raise Exception("cannot create")

    monkeypatch.setattr(moderngl, "create_context", refuse)
    with pytest.raises(GraphicsError, match="OpenGL: no context of version 3.3") as caught:
        context.open_context(window=window)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_shader_that_does_not_compile_is_named(gl, monkeypatch):
    from engine.raster import programs

    monkeypatch.setattr(programs, "_text", lambda name: "this is not GLSL")
    with pytest.raises(GraphicsError, match=r"shaders a\.vert and b\.frag"):
        programs.program(gl, "a.vert", "b.frag")
