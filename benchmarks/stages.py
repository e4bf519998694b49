"""Wall time, CPU time and peak memory of each stage, each in a process of its own.

    python benchmarks/stages.py --workspace demo --dataset hm

Runs every stage again with --force, then the batch file for all users, and prints a Markdown
table. `recsys build` is called as a user would; start-up, hashing of raw files and syncing to
disk are in the numbers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REACH = {
    "ingest": "15 s, 1.5 GB at full size",
    "als.export": "5 s at full size",
    "als.train": "1.05 × bare implicit",
    "recommend --all": "15 s, 1.5 GB at full size",
}


def measure(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory (MB) of a command that must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", default="demo")
    parser.add_argument("--dataset", default="hm")
    parser.add_argument("--stages", default="ingest,als.export,als.train,popular")
    arguments = parser.parse_args()
    recsys = str(Path(sys.executable).parent / "recsys")
    where = ["--dataset", arguments.dataset, "-w", arguments.workspace]
    rows = [
        (stage, [recsys, "build", stage, "--force", *where])
        for stage in arguments.stages.split(",")
        if stage
    ]
    print("| stage | wall, s | CPU, s | peak, MB | reach |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "lists.parquet")
        batch = [recsys, "recommend", "--all", "--strategy", "collab", "--exclude-seen"]
        rows.append(("recommend --all", [*batch, "--out", out, *where]))
        for name, command in rows:
            seconds, cpu, peak = measure(command)
            print(f"| {name} | {seconds:.1f} | {cpu:.1f} | {peak:.0f} | {REACH.get(name, '')} |")


if __name__ == "__main__":
    main()
