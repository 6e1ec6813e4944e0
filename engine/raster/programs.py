"""Shader programs from the files in shaders/, with constants put in as defines."""

from importlib import resources

import moderngl

from engine.core.errors import GraphicsError
from engine.core.units import VOXEL_M


def _text(name: str) -> str:
    text = resources.files("engine.raster").joinpath("shaders", name).read_text(encoding="utf-8")
    lines = []
    for line in text.splitlines():
        lines.append(_text(line.split('"')[1]) if line.startswith("#include") else line)
    return "\n".join(lines)


def program(context: moderngl.Context, vertex: str, fragment: str, **defines: float | int | bool) -> moderngl.Program:
    """Compile shaders/`vertex` with shaders/`fragment`; `defines` become #define lines, False ones are left out.

    Raises GraphicsError with the compiler's first words.
    """
    values = {"VOXEL_M": VOXEL_M, **defines}
    head = "#version 330 core\n" + "".join(
        f"#define {name} {int(value) if isinstance(value, bool) else value}\n"
        for name, value in values.items()
        if value is not False
    )
    try:
        return context.program(vertex_shader=head + _text(vertex), fragment_shader=head + _text(fragment))
    except moderngl.Error as reason:
        words = " ".join(str(reason).split())[:400]
        raise GraphicsError(f"OpenGL: the shaders {vertex} and {fragment} do not compile here: {words}") from reason


def set_uniforms(target: moderngl.Program, **values: object) -> None:
    """Set uniforms by name; names that the compiler found unused are passed over."""
    for name, value in values.items():
        member = target.get(name, None)
        if member is not None:
            if isinstance(value, bytes):
                member.write(value)  # type: ignore[union-attr]
            else:
                member.value = value  # type: ignore[union-attr]
