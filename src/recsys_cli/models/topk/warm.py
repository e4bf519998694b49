"""Asks for rankers that answer single users again and again, as a server does.

Kept apart from `single`, so that asking whether somebody did costs no import.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

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
