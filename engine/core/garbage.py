"""When nobody looks for garbage: while something is made of which next to nothing is garbage before it is done."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_alone() -> Iterator[None]:
    """Python does not look through all objects again and again, which takes a third of reading a world and a tenth of
    starting up.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
