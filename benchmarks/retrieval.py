"""Vectors of all users, the index of similar items, and the search that has nothing to prune.

    python benchmarks/retrieval.py --workspace DIR

Takes the interactions and ALS factors that were built in a workspace, so a workspace of full size
gives full-size figures. Item vectors of 384 dimensions are drawn around centres, as those of
variants of one product are. Each part is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from measuring import succeed
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.collab.als import AlsFactors
from recsys_cli.strategies.content.itemindex_build import build_index
from recsys_cli.strategies.content.uservectors import user_vectors
from topk import seen_by_all, unit

DIM, CENTRES, SPREAD = 384, 5_000, 0.7
QUERIES, K = 1_000, 12


def item_vectors(n: int) -> np.ndarray:
    """(n, DIM) float32 unit vectors around centres, larger and smaller ones."""
    rng = np.random.default_rng(0)
    centres = unit(rng.standard_normal((CENTRES, DIM), np.float32))
    size = rng.lognormal(0, 1, CENTRES)
    near = rng.standard_normal((n, DIM), np.float32) * np.float32(SPREAD / np.sqrt(DIM))
    return unit(centres[rng.choice(CENTRES, n, p=size / size.sum())] + near)


def of_users(artifacts: Artifacts) -> dict:
    """All users' vectors from their history, in a scratch file where they are large."""
    interactions = Interactions.from_pack(artifacts.pack("interactions"))
    items = item_vectors(interactions.n_items)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        made = user_vectors(interactions, items, half_life_days=90, scratch=Path(folder))
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "note": f"{made.vectors.shape[0]:,} × {made.vectors.shape[1]}"}


def queried(search: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    """Median milliseconds of one query at a time."""
    took = []
    for row in range(len(queries)):
        started = time.perf_counter()
        search(queries[row : row + 1])
        took.append(time.perf_counter() - started)
    return float(np.median(took)) * 1000


def similar(artifacts: Artifacts) -> dict:
    """The index that `index.kind = "auto"` gives, against exact search."""
    vectors = item_vectors(len(artifacts.items))
    ids = np.arange(len(vectors))
    facts = {"encoders": {}, "items_fingerprint": ""}
    started = time.perf_counter()
    index = build_index(vectors, ids, **facts)
    seconds = time.perf_counter() - started
    exact = build_index(vectors, ids, kind="exact", **facts)
    rows = np.random.default_rng(1).choice(len(vectors), QUERIES, replace=False)
    queries = vectors[rows]
    found, _ = index.search(queries, k=K)
    true, _ = exact.search(queries, k=K)
    recall = np.mean([np.isin(t, f).mean() for t, f in zip(true, found, strict=True)])
    ours = queried(lambda query: index.search(query, k=K), queries)
    flat = queried(lambda query: exact.search(query, k=K), queries[:100])
    return {
        "seconds": seconds,
        "note": f"{index.facts.kind} of {len(vectors):,} × {DIM}; {ours:.2f} ms a query at recall "
        f"{recall:.4f}; exact {flat:.2f} ms",
    }


def flat_norms(artifacts: Artifacts) -> dict:
    """Lists for all users from ALS factors brought to length 1, seen items left out."""
    interactions = Interactions.from_pack(artifacts.pack("interactions"))
    factors = AlsFactors.from_pack(artifacts.pack("als"))
    seen = seen_by_all(interactions)
    users = unit(factors.user_factors)
    started = time.perf_counter()
    FactorRanker(unit(factors.item_factors)).top_k(users, k=K, exclude=seen)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "note": f"{len(users):,} users, {K} of {seen.n_columns:,} items"}


PARTS: dict[str, tuple[Callable[[Artifacts], dict], str, str]] = {
    "users": (of_users, "vectors of all users", "60 s, 4 GB"),
    "similar": (similar, "index of similar items", "1 ms a query at recall 0.999"),
    "unit": (flat_norms, "lists for all users, unit-norm vectors", "200 s"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", default="demo")
    parser.add_argument("--dataset", default="hm")
    parser.add_argument("--part", choices=PARTS, help="print one part's figures as JSON")
    args = parser.parse_args()
    if args.part:
        artifacts = Artifacts(Workspace(Path(args.workspace)), args.dataset)
        print(json.dumps(PARTS[args.part][0](artifacts)))
        return
    print("| work | its seconds | process, s | CPU, s | peak, MB | | reach at full size |")
    print("|---|---|---|---|---|---|---|")
    where = ["--workspace", args.workspace, "--dataset", args.dataset]
    for part, (_, title, reach) in PARTS.items():
        took = succeed([sys.executable, __file__, *where, "--part", part])
        said = json.loads(took.out)
        print(
            f"| {title} | {said['seconds']:.1f} | {took.seconds:.1f} | {took.cpu:.1f} | "
            f"{took.peak_mb:,.0f} | {said['note']} | {reach} |"
        )
    print(f"\nLoad average after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
