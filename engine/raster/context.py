"""OpenGL contexts: a standalone one (EGL, no display needed) or the one of an existing window, behind the same code."""

from dataclasses import dataclass

import moderngl

from engine.core.errors import GraphicsError

GL_VERSION = 330  # OpenGL 3.3 core: what Mesa llvmpipe, old laptops and macOS all have


@dataclass(frozen=True)
class Device:
    """What draws: the strings that the driver gives for itself."""

    vendor: str
    renderer: str
    version: str
    max_texture_px: int


def open_context(window: bool = False) -> moderngl.Context:
    """A context of OpenGL 3.3 core or later: the current one of a window, or a standalone one without a display.

    Raises GraphicsError where there is none.
    """
    try:
        if window:
            return moderngl.create_context(require=GL_VERSION)
        try:
            return moderngl.create_context(require=GL_VERSION, standalone=True, backend="egl")  # type: ignore[arg-type]
        except Exception:  # no EGL on this system: the platform's own way (WGL, CGL, GLX)
            return moderngl.create_context(require=GL_VERSION, standalone=True)
    except Exception as reason:  # moderngl and glcontext raise bare Exceptions
        where = "in this window" if window else "without a window (on Debian: apt install libegl1 libgl1-mesa-dri)"
        raise GraphicsError(f"OpenGL: no context of version 3.3 or later could be made {where}: {reason}.") from reason


def device_of(context: moderngl.Context) -> Device:
    """The driver's name for itself, for `daguerre doctor` and for reports."""
    info = context.info
    return Device(info["GL_VENDOR"], info["GL_RENDERER"], info["GL_VERSION"], int(info["GL_MAX_TEXTURE_SIZE"]))
