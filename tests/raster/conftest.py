"""One OpenGL context for all tests of the picture."""

from collections.abc import Iterator

import moderngl
import pytest

from engine.core.errors import GraphicsError
from engine.raster.context import open_context


@pytest.fixture(scope="session")
def gl() -> Iterator[moderngl.Context]:
    """A standalone context; the tests fail in one line where there is none."""
    try:
        context = open_context()
    except GraphicsError as reason:
        pytest.fail(str(reason), pytrace=False)
    yield context
    context.release()
