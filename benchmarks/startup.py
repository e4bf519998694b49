"""Medians of cold-process times: --help, --version, and one user's recommendation.

    python benchmarks/startup.py --workspace demo --user 123

Prints a Markdown table. The workspace must be built.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path


def median_seconds(command: list[str], repeats: int) -> float:
    """Median wall time of a command, after one warm-up run."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", default="demo")
    parser.add_argument("--user", default="123")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    recsys = str(Path(sys.executable).parent / "recsys")
    recommend = [recsys, "recommend", "--user", arguments.user, "-w", arguments.workspace, "--json"]
    rows = [
        ("python -c pass", [sys.executable, "-c", "pass"], None),
        ("recsys --version", [recsys, "--version"], None),
        ("recsys --help", [recsys, "--help"], 0.25),
        ("recsys recommend --strategy collab --json", [*recommend, "--strategy", "collab"], 0.35),
        ("recsys recommend --strategy popular --json", [*recommend, "--strategy", "popular"], None),
    ]
    print("| command | median, s | reach, s |")
    print("|---|---|---|")
    for name, command, reach in rows:
        seconds = median_seconds(command, arguments.repeats)
        print(f"| `{name}` | {seconds:.3f} | {reach or ''} |")


if __name__ == "__main__":
    main()
