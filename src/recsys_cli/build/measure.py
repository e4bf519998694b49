"""Wall time and peak memory of one stage."""

from __future__ import annotations

import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

_MB = 1024 * 1024


class Meter:
    """Measures from construction to `stop`."""

    def __init__(self) -> None:
        # Linux can reset the high-water mark, so that each stage gets its own peak.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._start = time.perf_counter()

    def stop(self) -> tuple[float, float]:
        """Seconds since construction, and peak resident memory in MB."""
        return time.perf_counter() - self._start, peak_memory_mb()


def peak_memory_mb() -> float:
    """Peak resident memory of this process in MB, since the last reset where there is one."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MB if sys.platform == "darwin" else peak / 1024
