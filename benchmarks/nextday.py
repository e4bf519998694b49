"""A build of everything from nothing, and the same a day later, beside one bare ALS.

    python benchmarks/nextday.py --scale 0.1            # of H&M's size, generated
    python benchmarks/nextday.py --scale 1 --folder DIR # keeps the workspace

A is `implicit`'s own ALS on the pairs of the first build, 64 factors and 15 iterations, as a
process of its own in the same run. The second build follows `recsys demo --next-day`: a day more of
sales, with new customers and articles. Which stages of past snapshots it ran is counted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from measuring import Measured, succeed
from recsys_cli.store.workspace import Workspace
from scaled import RECSYS, shop

BARE = """
import sys
from pathlib import Path
from threadpoolctl import threadpool_limits
import implicit.als
from recsys_cli.events.interactions import Interactions
from recsys_cli.store.packs import load_pack
from recsys_cli.strategies.collab.als import confidence_matrix
pairs = Interactions.from_pack(load_pack(Path(sys.argv[1])))
model = implicit.als.AlternatingLeastSquares(
    factors=64, iterations=15, alpha=1.0, regularization=30.0, random_state=42, use_gpu=False
)
confidence = confidence_matrix(pairs, 10.0)
import time
start = time.perf_counter()
with threadpool_limits(1, "blas"):
    model.fit(confidence, show_progress=False)
print(time.perf_counter() - start)
"""
TRAIN = ("als.train", "itemknn", "graph", "transitions", "sessions", "twotower.fit", "hybrid.train")


def stamps(workspace: Path) -> dict[Path, int]:
    """When the manifest of each stage was written."""
    found = (workspace / "artifacts").rglob("manifests/*.json")
    return {path: path.stat().st_mtime_ns for path in found}


def row(name: str, took: Measured, bare: float, before: dict[Path, int], workspace: Path) -> str:
    made = stamps(workspace)
    ran = [path for path, when in made.items() if before.get(path) != when]
    past = [path for path in ran if path.parent.parent.name != "artifacts"]
    trained = Counter(
        stage for path in past for stage in TRAIN if path.name.startswith(f"{stage}_")
    )
    shown = ", ".join(f"{n} {stage}" for stage, n in sorted(trained.items())) or "none"
    return (
        f"| {name} | {took.seconds:.0f} | {took.seconds / bare:.1f} | {took.cpu:.0f} | "
        f"{took.peak_mb:,.0f} | {len(ran)} of {len(made)} | {shown} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--folder", type=Path, help="where the shop is made, and kept")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        workspace = shop(args.folder or Path(name), args.scale)
        if (workspace / "artifacts").exists():
            sys.exit(f"{workspace} is built already; remove its artifacts to build from nothing")
        where = ["--dataset", "hm", "-w", str(workspace)]
        cold = succeed([RECSYS, "build", "all", *where])
        pairs = Workspace(workspace).path("interactions", "hm")
        bare = float(succeed([sys.executable, "-c", BARE, str(pairs)]).out)
        rows = [row("from nothing", cold, bare, {}, workspace)]
        before = stamps(workspace)
        succeed([RECSYS, "demo", "--next-day", "-w", str(workspace)])
        later = succeed([RECSYS, "build", "all", *where])
        rows.append(row("a day later", later, bare, before, workspace))
    print(f"A is {bare:.1f} s; load after: {os.getloadavg()[0]:.1f}\n")
    print("| build | wall, s | in A | CPU, s | peak, MB | stages run | trained at past snapshots |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
