"""How compiled loops are declared: with types, so that they compile once per machine.

Loops with a signature are compiled when their module is imported, and numba's cache keeps the
result; without one, each mix of writable and read-only arrays would be compiled on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def readonly(scalar: Any, ndim: int) -> Any:
    """Type of an array that is only read, so that memory maps may be passed."""
    return numba.types.Array(scalar, ndim, "C", readonly=True)


def compiled(signature: Any, **options: Any) -> Callable[[Any], Any]:
    """Compile a function for one signature, to run without the GIL."""

    def wrap(function: Any) -> Any:
        options.update(nogil=True, error_model="numpy")
        try:
            return numba.njit(signature, cache=True, **options)(function)
        except (RuntimeError, OSError):
            # Neither the package's folder nor the user's cache can be written.
            return numba.njit(signature, **options)(function)

    return wrap
