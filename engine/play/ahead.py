"""What is begun ahead of its time, on a thread of its own: reading a world, making a renderer, opening a window."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Something that is being made. Whoever ends before it is there does not wait for it."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Begins at once."""
        self._made: list[T] = []
        self._failure: BaseException | None = None
        self._make = make
        self._thread = threading.Thread(target=self._work, name="daguerre ahead", daemon=True)
        self._thread.start()

    def result(self) -> T:
        """Waits until it is there. Raises what making it raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._made[0]

    def _work(self) -> None:
        try:
            self._made.append(self._make())
        except BaseException as error:  # it is raised where the thing is asked for
            self._failure = error
