"""Lists for all users: `recsys recommend --all` beside implicit's own `recommend`.

    python benchmarks/batch.py --workspace demo

Both take the same ALS factors and leave out what users have, each in a process of its own with
all cores. Ours gives everybody a list (those without factors what is popular) and writes a file
with external ids; implicit leaves its lists in memory, so the file is ours alone to write. Needs a
workspace in which als.train and popular are built.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from measuring import succeed
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.csr import CSR
from recsys_cli.store.packs import load_pack
from recsys_cli.store.workspace import Workspace

K = 12
SAMPLE = 10_000
"""Users whose lists are compared."""


def run_implicit(workspace: Workspace, dataset: str, out: Path) -> None:
    """Have implicit rank for all users; leaves the sample's lists and the seconds in `out`."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    # Into memory, as whoever uses the library alone would have them.
    als = load_pack(workspace.path("als", dataset), mmap=False)
    had = load_pack(workspace.path("interactions", dataset))
    indptr, indices = np.array(had["indptr"]), np.array(had["indices"])
    model = AlternatingLeastSquares(factors=als["item_factors"].shape[1], num_threads=0)
    model.user_factors, model.item_factors = als["user_factors"], als["item_factors"]
    seen = CSR(indptr, indices, int(had["n_items"])).to_scipy()
    users = np.arange(len(indptr) - 1, dtype=np.int32)
    with threadpool_limits(1, "blas"):
        started = time.perf_counter()
        items, _ = model.recommend(users, seen, N=K, filter_already_liked_items=True)
        seconds = time.perf_counter() - started
    np.savez(out, items=items[:SAMPLE], seconds=seconds)


def same_lists(artifacts: Artifacts, ours: Path, theirs: np.ndarray) -> float:
    """Share of the sample's users with factors whose lists hold the same items."""
    ids = pl.DataFrame({"item": artifacts.items.to_list()}).with_row_index("theirs")
    names = [artifacts.users[row] for row in range(len(theirs))]
    known = np.asarray(artifacts.pack("als")["user_known"][: len(theirs)])
    table = (
        pl.scan_parquet(ours)
        .head(K * len(theirs))
        .join(ids.lazy(), on="item")
        .group_by("user")
        .agg(pl.col("theirs").sort())
        .collect()
    )
    lists = dict(zip(table["user"], table["theirs"].to_list(), strict=True))
    rows = np.flatnonzero(known)
    same = [lists.get(names[row]) == np.sort(theirs[row]).tolist() for row in rows]
    return float(np.mean(same)) if same else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("demo"))
    parser.add_argument("--dataset", default="hm")
    parser.add_argument("--implicit", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    workspace = Workspace(arguments.workspace)
    if arguments.implicit:
        run_implicit(workspace, arguments.dataset, arguments.implicit)
        return
    artifacts = Artifacts(workspace, arguments.dataset)
    n = len(artifacts.users)
    print(
        f"{n:,} users × {len(artifacts.items):,} items, k = {K}, {os.cpu_count()} cores; "
        f"load average before: {os.getloadavg()[0]:.1f}\n"
    )
    print("| lists for all users | wall, s | CPU, s | peak, MB | users/s |\n|---|---|---|---|---|")
    where = ["--dataset", arguments.dataset, "--workspace", str(arguments.workspace)]
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "lists.parquet", Path(folder) / "lists.npz"
        options = ["--all", "--strategy", "collab", "--exclude-seen", "-k", str(K)]
        recsys = [sys.executable, "-m", "recsys_cli", "recommend", *options, "--out", str(ours)]
        implicit = [sys.executable, __file__, "--implicit", str(theirs)]
        for name, command in (
            ("`recsys recommend --all`, to a file", recsys),
            ("`implicit`'s recommend, in memory", implicit),
        ):
            took = succeed([*command, *where])
            print(
                f"| {name} | {took.seconds:.1f} | {took.cpu:.1f} | {took.peak_mb:,.0f} | "
                f"{n / took.seconds:,.0f} |",
                flush=True,
            )
        made = np.load(theirs)
        share = same_lists(artifacts, ours, made["items"])
        size = ours.stat().st_size / 2**20
    print(
        f"\nof that, the call of implicit alone: {float(made['seconds']):.1f} s; the file: "
        f"{size:,.0f} MB; lists with the same items, of {len(made['items']):,} users: {share:.2%}; "
        f"load average after: {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
