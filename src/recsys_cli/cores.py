"""How many cores there are to use, which is what a setting of 0 threads stands for."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may run on, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
