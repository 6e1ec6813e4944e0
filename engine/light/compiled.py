"""Functions that are compiled to be called by other compiled code, in its innermost loops."""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def leaf(function: F) -> F:
    """Compile a function that makes no array, and calls none that does, into whoever calls it.

    Such a function has no need to count references to the arrays that it is given. numba counts them at every call,
    in a named tuple those of each of its arrays, and threads that count the same array wait for each other: of the time
    that a texel's shadow rays to lamps took that was four tenths. Nor are arrays handed over, each as its pointers,
    shape and strides, where nothing is called. Raises numba's errors if an array is made after all.
    """
    compiled: F = njit(cache=True, _nrt=False, forceinline=True)(function)  # type: ignore[call-overload]
    return compiled
