"""The graph filter of 30,000 users, 41,000 items and 0.8 million pairs.

    python benchmarks/graph.py

Items are drawn by a power law, users evenly. The filter is 256 singular vectors by randomised SVD
and, for each item, its strongest neighbours; all of `recsys build graph` but reading and writing.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from measuring import peak_mb
from recsys_cli.cores import available_cores
from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.strategies.graph import GraphConfig
from recsys_cli.strategies.graph.train import build_graph_filter

DAY = 20_000


def interactions(n_users: int, n_items: int, n: int) -> Interactions:
    rng = np.random.default_rng(0)
    popular = np.arange(1, n_items + 1) ** -0.8
    items = rng.choice(n_items, n, p=popular / popular.sum())
    pairs = CSR.from_pairs(rng.integers(0, n_users, n), items, n_rows=n_users, n_columns=n_items)
    ones = np.ones(pairs.nnz, np.uint32)
    when = np.full(pairs.nnz, DAY * 86_400 - 1, np.uint32)
    return Interactions(
        pairs.indptr, pairs.indices, ones.astype(np.float32), ones, when, DAY * 86_400,
        n_users, n_items,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--items", type=int, default=41_000)
    parser.add_argument("--pairs", type=int, default=820_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    made = interactions(args.users, args.items, args.pairs)
    print(f"{args.users:,} users, {args.items:,} items, {len(made.indices):,} pairs\n")
    print("| run | seconds | CPU, s | reach |\n|---|---|---|---|")
    for run in range(args.runs):
        wall, cpu = time.perf_counter(), time.process_time()
        build_graph_filter(made, GraphConfig(), threads=available_cores())
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        note = "8 s" if not run else "without compiling"
        print(f"| {run + 1} | {wall:.1f} | {cpu:.1f} | {note} |")
    print(f"\npeak memory {peak_mb():,.0f} MB; load average after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
