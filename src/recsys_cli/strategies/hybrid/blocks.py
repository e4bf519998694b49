"""Many users, a block at a time, on all threads.

A block's candidates and features take tens of MB. Each block has a thread to itself, and what
works on it uses no other, since a thousand users keep no more than one busy in most of its steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from recsys_cli.cores import available_cores

T = TypeVar("T")

_BLOCK = 1024
"""Users taken together."""
_FEW = 64
"""Users that are not worth a second thread."""


def in_user_blocks(work: Callable[[int, int], T], n_users: int, threads: int) -> list[T]:
    """What `work` makes of the first user and the user after the last of each block, in order.

    Args:
        work: a function of two places.
        n_users: users in all.
        threads: 0 means all cores.
    """
    threads = threads or available_cores()
    at_once = min(_BLOCK, max(_FEW, -(-n_users // threads)))
    if n_users <= at_once or threads == 1:
        return [work(start, min(start + at_once, n_users)) for start in range(0, n_users, at_once)]
    from threadpoolctl import threadpool_limits

    from recsys_cli.strategies.neighbours import in_blocks

    with threadpool_limits(1, "blas"):
        return in_blocks(work, n_users, threads, at_once=at_once)
