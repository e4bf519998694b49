"""Runs the benchmarks and writes their tables into docs/benchmarks.md.

    python benchmarks/run.py                       # small, minutes
    python benchmarks/run.py --full DIR            # adds full-size tables; DIR is a workspace
    python benchmarks/run.py startup topk          # only these sections

Each section of the report shows the command that made its table. Sections that were not run
keep the table they have, so full-size results survive a small run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

Written by `make bench` (and `make bench-full FULL=workspace` for full size); each table names the
command that makes it. Machines are noisy: compare within a table, and trust ratios more than
seconds. Full size means H&M's: 31,788,324 purchases, 1,371,980 customers, 105,542 articles, made
by `recsys demo --customers 1371980 --transactions 31788324 --articles 105542`.
"""
SMALL = {
    "startup": ("Start-up", ["startup.py", "--workspace", "demo"]),
    "stages": ("Stages, demo size", ["stages.py", "--workspace", "demo"]),
    "topk": ("Top 12 for all users", ["topk.py"]),
    "als": ("ALS stage against the bare library", ["als.py"]),
}
FULL = {
    "stages-full": ("Stages, full size", ["stages.py", "--workspace", "{full}"]),
}


def section(name: str, title: str, command: list[str], *, full: str) -> str:
    """Run one benchmark and render its section."""
    shown = " ".join(["python", f"benchmarks/{command[0]}", *command[1:]]).format(full="DIR")
    arguments = [part.format(full=full) for part in command[1:]]
    print(f"{name}: {shown}", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / command[0]), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    when = f"{datetime.now(UTC):%Y-%m-%d}, {machine}"
    return f"## {title}\n\n`{shown}` ({when})\n\n{done.stdout.strip()}\n"


def read_sections() -> dict[str, str]:
    """Sections of the present report by name."""
    if not REPORT.exists():
        return {}
    found = re.findall(r"<!-- (\S+) -->\n(.*?)(?=<!-- |\Z)", REPORT.read_text(), re.DOTALL)
    return {name: text.strip() + "\n" for name, text in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SMALL | FULL))
    parser.add_argument("--full", metavar="DIR", default="", help="workspace of full size")
    arguments = parser.parse_args()
    available = SMALL | (FULL if arguments.full else {})
    sections = read_sections()
    for name in arguments.sections or available:
        title, command = available[name]
        sections[name] = section(name, title, command, full=arguments.full)
    parts = [f"<!-- {name} -->\n{sections[name]}" for name in SMALL | FULL if name in sections]
    REPORT.write_text(INTRODUCTION + "\n" + "\n".join(parts))


if __name__ == "__main__":
    main()
