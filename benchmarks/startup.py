"""Cold starts of the command, by turns with the imports that none of them can do without.

    python benchmarks/startup.py --workspace demo --user 123

Prints a Markdown table of medians, and of ratios to what only imports. The workspace must be built.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

RECSYS = [sys.executable, "-c", "from recsys_cli.cli import main; main()"]
DRAWING = "import typer, rich.console"
COMPUTING = "import typer, rich.console, numpy"


def seconds(command: list[str]) -> float:
    """Wall time of a command in a process of its own."""
    start = time.perf_counter()
    # What is installed is compiled, so what is run from a checkout has to be.
    compiled = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=compiled,
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", default="demo")
    parser.add_argument("--user", default="123")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    recommend = ["recommend", "--user", arguments.user, "-w", arguments.workspace]
    imports = {code: [sys.executable, "-c", code] for code in (DRAWING, COMPUTING)}
    # Each with what it is measured against, and how many times that it may take.
    asked: list[tuple[list[str], str, float | None]] = [
        (["--version"], DRAWING, None),
        (["--help"], DRAWING, 1.6),
        ([*recommend, "--strategy", "collab"], COMPUTING, 2.0),
        ([*recommend, "--strategy", "collab", "--json"], COMPUTING, None),
        ([*recommend, "--strategy", "popular", "--json"], COMPUTING, None),
    ]
    commands = imports | {" ".join(words): [*RECSYS, *words] for words, _, _ in asked}
    times: dict[str, list[float]] = {name: [] for name in commands}
    # By turns, so that a busy moment is everybody's; the first turn warms the caches.
    for turn in range(arguments.repeats + 1):
        for name, command in commands.items():
            took = seconds(command)
            if turn:
                times[name].append(took)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    print("| command | median, s | against | ratio | reach |")
    print("|---|---|---|---|---|")
    for code in imports:
        print(f'| `python -c "{code}"` | {medians[code]:.3f} |  |  |  |')
    for words, against, reach in asked:
        name = " ".join(words)
        ratio = f"{medians[name] / medians[against]:.2f} | {reach or ''}"
        print(f"| `recsys {name}` | {medians[name]:.3f} | `{against}` | {ratio} |")


if __name__ == "__main__":
    main()
