"""The same OpenGL context as the tests of the raster."""

from tests.raster.conftest import gl

__all__ = ["gl"]
