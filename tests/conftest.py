"""What all tests share: which of them run, the same chance each time, one OpenGL context."""

import os
import shutil
from collections.abc import Iterator

import moderngl
import numpy as np
import pytest
from hypothesis import settings

os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

settings.register_profile("daguerre", derandomize=True, deadline=None)  # the same examples everywhere, however slow
settings.load_profile("daguerre")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--slow runs everything."""
    parser.addoption("--slow", action="store_true", help="also run the tests that are marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what was not asked for and what this machine cannot do."""
    skips = {}
    if not config.getoption("--slow") and not config.getoption("-m"):
        skips["slow"] = pytest.mark.skip(reason="slow: runs with --slow")
    if shutil.which("nvidia-smi") is None:
        skips["gpu"] = pytest.mark.skip(reason="gpu: none found")
    for item in items:
        for name, mark in skips.items():
            if name in item.keywords:
                item.add_marker(mark)


@pytest.fixture
def rng() -> np.random.Generator:
    """Chance for tests: the same numbers each time."""
    return np.random.default_rng(20_261_122)


@pytest.fixture(scope="session")
def gl_context() -> Iterator[moderngl.Context]:
    """One OpenGL context for the whole run; tests that need it fail in one line where there is none."""
    from engine.core.errors import GraphicsError
    from engine.raster.context import open_context

    try:
        context = open_context()
    except GraphicsError as error:
        pytest.fail(str(error), pytrace=False)
    yield context
    context.release()


@pytest.fixture(scope="session")
def gl(gl_context: moderngl.Context) -> moderngl.Context:
    """The same, under the name that tests of raster and film know."""
    return gl_context


@pytest.fixture(autouse=True)
def current_context(request: pytest.FixtureRequest) -> None:
    """A test may leave a context of its own behind as the current one; the next finds the shared one current again."""
    if "gl_context" in request.fixturenames:
        request.getfixturevalue("gl_context").__enter__()
