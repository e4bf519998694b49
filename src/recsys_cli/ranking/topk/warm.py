"""Asks for rankers that answer single users again and again, as a server does.

Kept apart from `single`, so that asking whether somebody did costs no import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from recsys_cli.store.scratch import Scratch

_WARM: ContextVar[Scratch | None] = ContextVar("warm", default=None)


@contextmanager
def warmed(scratch: Scratch) -> Iterator[None]:
    """Have every `FactorRanker` made in this block prepared for single users.

    Args:
        scratch: keeps what is prepared, for other processes and later calls.
    """
    token = _WARM.set(scratch)
    try:
        yield
    finally:
        _WARM.reset(token)


def warm_scratch() -> Scratch | None:
    """Where to keep what is prepared; None outside `warmed`."""
    return _WARM.get()


def shared(
    make: Callable[[], npt.NDArray[np.float32]], *sources: npt.NDArray[Any], about: str
) -> npt.NDArray[np.float32]:
    """What `make` computes from `sources`; within `warmed`, once for all processes.

    Args:
        make: computes it.
        sources: all that the result depends on, besides what `about` says.
        about: names the computation.
    """
    scratch = warm_scratch()
    if scratch is None:
        return make()
    from recsys_cli.store.scratch import array_key

    pack = scratch.pack(array_key(*sources, about=about), lambda: {"made": make()})
    # A plain array, since a memory map is slower to slice.
    made: npt.NDArray[np.float32] = np.asarray(pack["made"])
    return made
