"""Top-k for all users: our search, the same on unit-norm vectors, and implicit's `recommend`.

Trains ALS on generated purchases (heavy-tailed users and items, clusters of taste), then ranks
the whole catalogue for every user with seen items excluded. `--cache DIR` keeps the factors
between runs. The full size is `--users 1371980 --items 105542 --events 31788324`; without
arguments it is a hundredth of that. implicit is timed on a sample of users and scaled up.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl

from measuring import peak_mb
from recsys_cli.config.models import InteractionsConfig
from recsys_cli.csr import CSR
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.events.interactions import Interactions, build_interactions
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import AlsFactors, train_als

CLUSTERS = 200
SPEC = DatasetSpec(
    name="bench",
    source="bench",
    kind="generic",
    events=["purchase"],
    weights={"purchase": 1.0},
    truth_events=["purchase"],
    repurchase=False,
    horizon_days=7,
    has_time=False,
)


def purchases(rng: np.random.Generator, users: int, items: int, events: int) -> pl.DataFrame:
    """Events of users who buy mostly within three of the clusters of taste."""
    activity = np.cumsum(rng.lognormal(0, 1.3, users))
    user = np.searchsorted(activity, rng.random(events) * activity[-1]).astype(np.int32)
    cluster = np.sort(rng.integers(0, CLUSTERS, items))
    popularity = np.concatenate(([0], np.cumsum(rng.lognormal(0, 1.8, items))))
    bounds = popularity[np.searchsorted(cluster, np.arange(CLUSTERS + 1))]
    tastes = rng.integers(0, CLUSTERS, (users, 3))
    taste = tastes[user, rng.integers(0, 3, events)]
    anything = rng.random(events) < 0.3
    low = np.where(anything, 0, bounds[taste])
    high = np.where(anything, popularity[-1], bounds[taste + 1])
    place = np.searchsorted(popularity, low + rng.random(events) * (high - low), "right") - 1
    item = rng.permutation(items)[np.clip(place, 0, items - 1)].astype(np.int32)
    return pl.DataFrame({"user": user, "item": item}).with_columns(
        pl.lit(None, pl.Datetime("ms")).alias("time"),
        pl.lit(0, pl.UInt8).alias("event"),
        pl.lit(None, pl.Float32).alias("value"),
    )


def factors(args: argparse.Namespace) -> tuple[Interactions, AlsFactors]:
    """Interactions and ALS factors, from the cache if there is one."""
    paths = (
        [args.cache / f"{what}.joblib" for what in ("interactions", "als")] if args.cache else []
    )
    if paths and all(path.exists() for path in paths):
        return Interactions.from_pack(load_pack(paths[0])), AlsFactors.from_pack(
            load_pack(paths[1])
        )
    rng = np.random.default_rng(args.seed)
    events = purchases(rng, args.users, args.items, args.events)
    interactions = build_interactions(
        events.lazy(),
        n_users=args.users,
        n_items=args.items,
        spec=SPEC,
        config=InteractionsConfig(),
    )
    config = AlsConfig(factors=args.factors, iterations=args.iterations, backend="cpu")
    model = train_als(interactions, config)
    if paths:
        args.cache.mkdir(parents=True, exist_ok=True)
        for path, made in zip(paths, (interactions, model), strict=True):
            save_pack(path, made.to_pack(users_fingerprint="", items_fingerprint=""))
    return interactions, model


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(norms, 1e-20), np.float32)


class Notes:
    """Keeps what the ranker says about itself."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, what: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def log(self, message: str) -> None:
        self.lines.append(message)

    def warn(self, message: str) -> None:
        self.lines.append(message)


def seen_by_all(interactions: Interactions) -> CSR:
    return CSR(interactions.indptr, interactions.indices, interactions.n_items)


def time_ours(users: np.ndarray, items: np.ndarray, seen: CSR, args: argparse.Namespace) -> dict:
    """Rank all users, and some again one at a time to see that the lists are the same."""
    notes, started = Notes(), time.perf_counter()
    ranker = FactorRanker(items, threads=args.threads)
    lists, scores = ranker.top_k(users, k=args.k, exclude=seen, progress=notes)
    seconds = time.perf_counter() - started
    rows = np.random.default_rng(0).integers(0, len(users), 200).astype(np.int32)
    single = FactorRanker(items, method="numpy")
    again, scores_again = single.top_k(users[rows], k=args.k, exclude=seen.take(rows))
    same = np.array_equal(lists[rows], again) and np.array_equal(scores[rows], scores_again)
    return {
        "seconds": seconds,
        "users": len(users),
        "note": f"{'; '.join(notes.lines[-1:])}; same as one at a time: {same}",
    }


def time_implicit(interactions: Interactions, model: AlsFactors, args: argparse.Namespace) -> dict:
    """implicit's own recommend on a sample of users."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    n = min(args.sample, interactions.n_users)
    rows = np.arange(n, dtype=np.int32)
    with threadpool_limits(1, "blas"):
        theirs = AlternatingLeastSquares(factors=model.factors)
        theirs.user_factors = np.array(model.user_factors)
        theirs.item_factors = np.array(model.item_factors)
        seen = seen_by_all(interactions).take(rows).to_scipy()
        started = time.perf_counter()
        theirs.recommend(rows, seen, N=args.k, filter_already_liked_items=True)
        seconds = time.perf_counter() - started
    return {"seconds": seconds * interactions.n_users / n, "users": n, "note": "scaled up"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=13_720)
    parser.add_argument("--items", type=int, default=10_554)
    parser.add_argument("--events", type=int, default=317_883)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--k", type=int, default=12)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--sample", type=int, default=20_000, help="users to time implicit on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--only", choices=["als", "unit", "implicit"], action="append")
    args = parser.parse_args()
    interactions, model = factors(args)
    wanted = args.only or ["als", "unit", "implicit"]
    results = {}
    if "als" in wanted:
        results["ours, ALS factors"] = time_ours(
            model.user_factors, model.item_factors, seen_by_all(interactions), args
        )
    if "unit" in wanted:
        results["ours, unit-norm vectors"] = time_ours(
            unit(model.user_factors), unit(model.item_factors), seen_by_all(interactions), args
        )
    if "implicit" in wanted:
        results["implicit.recommend"] = time_implicit(interactions, model, args)
    print(
        f"{interactions.n_users:,} users × {interactions.n_items:,} items × {model.factors}"
        f" factors, k = {args.k}, {len(interactions.indices):,} seen pairs excluded\n"
    )
    print("| search | seconds for all users | measured on | note |\n|---|---|---|---|")
    for name, result in results.items():
        print(f"| {name} | {result['seconds']:.2f} | {result['users']:,} | {result['note']} |")
    print(f"\npeak memory {peak_mb():,.0f} MB")


if __name__ == "__main__":
    main()
