"""Torch on one thread, with numbers that stay normal.

The towers' products are small, so that threads would mostly wait for each other, and for whoever
else is at work. Numba's loops, which run between torch's steps, set the number of OpenMP's
threads anew, so that it has to be said again after each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def settle_threads() -> None:
    """Keep what follows on one thread."""
    torch.set_num_threads(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread within the block, and denormal numbers taken for zero.

    AdamW's means of the gradients of codes that have become rare shrink until they are denormal,
    after some 800 steps, and a CPU is a hundred times slower on those.
    """
    threads = torch.get_num_threads()
    settle_threads()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
