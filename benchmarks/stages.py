"""Wall time, CPU time, peak memory and checksum of each stage, each in a process of its own.

    python benchmarks/stages.py --workspace demo --dataset hm

Runs every stage again with --force, then the batch file for all users, and prints a Markdown
table. `recsys build` is called as a user would; start-up, hashing of raw files and syncing to
disk are in the numbers. The checksum is the start of the SHA-256 over those of all files made:
runs that made the same have the same.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

from measuring import succeed
from recsys_cli.store.files import sha256
from recsys_cli.store.workspace import Workspace
from scaled import RECSYS

REACH = {
    "ingest": "15 s, 1.5 GB at full size",
    "als.export": "5 s at full size",
    "als.train": "1.05 × bare implicit",
    "graph": "8 s for 30,000 users, 41,000 items, 0.8 M pairs",
    "recommend --all": "15 s, 1.5 GB at full size",
}
FROM_CSV = ("ingest", "als.export", "als.train", "recommend --all")


def commands(
    stages: list[str], workspace: str, dataset: str, lists: str
) -> list[tuple[str, list[str]]]:
    """Names and commands of the stages and of the batch file for all users."""
    where = ["--dataset", dataset, "-w", workspace]
    found = [(stage, [RECSYS, "build", stage, "--force", *where]) for stage in stages if stage]
    batch = [RECSYS, "recommend", "--all", "--strategy", "collab", "--exclude-seen"]
    return [*found, ("recommend --all", [*batch, "--out", lists, *where])]


def checksum(name: str, workspace: str, dataset: str, lists: str) -> str:
    """Of the files that a stage made, or of the lists."""
    manifest = Workspace(Path(workspace)).manifest(name, dataset)
    made = (
        [output.sha256 for output in manifest.outputs.values()]
        if manifest
        else [sha256(Path(lists))]
    )
    return hashlib.sha256("".join(sorted(made)).encode()).hexdigest()[:8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", default="demo")
    parser.add_argument("--dataset", default="hm")
    parser.add_argument("--stages", default="ingest,als.export,als.train,itemknn,graph,popular")
    arguments = parser.parse_args()
    print("| stage | wall, s | CPU, s | peak, MB | output | reach |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        lists = str(Path(folder) / "lists.parquet")
        stages = arguments.stages.split(",")
        took = {}
        for name, command in commands(stages, arguments.workspace, arguments.dataset, lists):
            found = took[name] = succeed(command)
            print(
                f"| {name} | {found.seconds:.1f} | {found.cpu:.1f} | {found.peak_mb:.0f} | "
                f"{checksum(name, arguments.workspace, arguments.dataset, lists)} | "
                f"{REACH.get(name, '')} |"
            )
    if took.keys() >= set(FROM_CSV):
        parts = [took[name] for name in FROM_CSV]
        print(
            f"\nFrom raw files to everybody's lists by ALS ({', '.join(FROM_CSV)}): "
            f"{sum(part.seconds for part in parts):.0f} s, at most "
            f"{max(part.peak_mb for part in parts):,.0f} MB"
        )


if __name__ == "__main__":
    main()
