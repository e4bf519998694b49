"""The hybrid: candidates, features and ranking for many users, and one user at a time.

Generated purchases (heavy-tailed users and items, clusters of taste, one per second of two
years); ALS, item-to-item neighbours, popularity and statistics are made of all but the last
week, the ranker learns from that week. Content is left out, since its vectors would be noise.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import polars as pl

from measuring import peak_mb
from recsys_cli.config.models import InteractionsConfig
from recsys_cli.csr import CSR
from recsys_cli.events.interactions import build_interactions
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import train_als
from recsys_cli.strategies.hybrid import HybridConfig
from recsys_cli.strategies.hybrid.build import build_hybrid, open_features, sources_there
from recsys_cli.strategies.hybrid.statistics import build_statistics
from recsys_cli.strategies.hybrid.training import build_groups, train_ranker
from recsys_cli.strategies.itemknn import ItemKnnConfig
from recsys_cli.strategies.itemknn.train import train_itemknn
from recsys_cli.strategies.popular import PopularConfig
from recsys_cli.strategies.popular.train import build_popularity
from topk import SPEC, purchases

START, DAY, DAYS = 1_537_000_000, 86_400, 730
CUT = START + (DAYS - 7) * DAY
IDS = {"users_fingerprint": "", "items_fingerprint": ""}
COLUMNS = ("department", "section", "colour")


class Packs:
    """Artifacts in memory."""

    def __init__(self) -> None:
        self.packs: dict[str, dict] = {}
        self.texts: dict[str, str] = {}

    def has(self, kind: str) -> bool:
        return kind in self.packs or kind in self.texts

    def pack(self, kind: str) -> dict:
        return self.packs[kind]

    def text(self, kind: str) -> str:
        return self.texts[kind]


def made(args: argparse.Namespace) -> tuple[Packs, CSR]:
    """Artifacts as they were a week before the end, and what users had in that week."""
    rng = np.random.default_rng(args.seed)
    table = purchases(rng, args.users, args.items, args.events)
    seconds = np.sort(rng.integers(START, START + DAYS * DAY, len(table)))
    table = table.with_columns(
        pl.Series("time", seconds * 1000).cast(pl.Datetime("ms")),
        pl.lit(1.0, pl.Float32).alias("value"),
    )
    spec = SPEC.model_copy(
        update={"has_time": True, "category_columns": list(COLUMNS), "repurchase": True}
    )
    seen, week = table.filter(seconds < CUT).lazy(), table.filter(seconds >= CUT)
    sizes = {"n_users": args.users, "n_items": args.items}
    history = build_interactions(
        seen, **sizes, spec=spec, config=InteractionsConfig(), reference=CUT
    )
    items = pl.DataFrame(
        {c: rng.integers(0, n, args.items) for c, n in zip(COLUMNS, (50, 20, 12), strict=True)}
    )
    popular = build_popularity(
        seen, **sizes, users=None, spec=spec, config=PopularConfig(), reference=CUT
    )
    started = time.perf_counter()
    statistics = build_statistics(seen, items, interactions=history, spec=spec)
    args.statistics = time.perf_counter() - started
    started = time.perf_counter()
    neighbours = train_itemknn(history, ItemKnnConfig(), threads=args.threads)
    args.neighbours = time.perf_counter() - started
    als = train_als(history, AlsConfig(iterations=5, backend="cpu"), threads=args.threads)
    config = HybridConfig()
    packs = Packs()
    packs.packs = {
        "interactions": history.to_pack(**IDS),
        "popular": popular.to_pack(),
        "statistics": statistics.to_pack(**IDS),
        "itemknn": neighbours.to_pack(**IDS),
        "als": als.to_pack(**IDS) | {"reference": CUT},
        "hybrid": {"candidates": config.candidates, "weights": config.weights},
    }
    truth = CSR.from_pairs(
        week["user"].to_numpy(), week["item"].to_numpy(), n_rows=args.users, n_columns=args.items
    )
    return packs, truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--single", type=int, default=500, help="users ranked one at a time")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    packs, truth = made(args)
    lengths = sources_there(packs, HybridConfig().candidates)
    recall, features = open_features(packs, lengths)
    buyers = np.flatnonzero(np.diff(truth.indptr)).astype(np.int32)[:20_000]
    base = peak_mb()
    started = time.perf_counter()
    groups = build_groups(recall, features, truth, buyers, threads=args.threads)
    trained = train_ranker(
        [groups], groups, features.names, HybridConfig(rounds=100, refit=False),
        threads=args.threads,
    )  # fmt: skip
    training = time.perf_counter() - started
    facts = {"sources": list(lengths.items())}
    packs.texts = {"ranker": trained.text, "ranker_facts": json.dumps(facts)}
    hybrid = build_hybrid(packs, args.threads)
    everybody = np.arange(args.users, dtype=np.int32)
    seconds = dict.fromkeys(("candidates", "features", "trees"), 0.0)
    rows = 0
    for start in range(0, args.users, 1024):
        block = everybody[start : start + 1024]
        marks = [time.perf_counter()]
        found = recall.recall(block)
        marks.append(time.perf_counter())
        table = features.of(found)
        marks.append(time.perf_counter())
        hybrid.scorer.predict(table)
        marks.append(time.perf_counter())
        rows += len(table)
        for name, spent in zip(seconds, np.diff(marks), strict=True):
            seconds[name] += spent
    started = time.perf_counter()
    hybrid.recommend(everybody, k=12)
    whole = time.perf_counter() - started
    latencies = []
    for user in np.random.default_rng(2).integers(0, args.users, args.single).astype(np.int32):
        started = time.perf_counter()
        hybrid.recommend(np.array([user]), k=12)
        latencies.append(1000 * (time.perf_counter() - started))
    print(
        f"{args.users:,} users, {args.items:,} items, {args.events:,} events; "
        f"{rows / args.users:.0f} candidates a user with {len(features.names)} features, "
        f"{trained.rounds} trees of the ranker trained on {len(groups.sizes):,} users "
        f"in {training:.1f} s\n"
    )
    print("| step | seconds | users/s |\n|---|---|---|")
    for name, spent in seconds.items():
        print(f"| {name} | {spent:.1f} | {args.users / spent:,.0f} |")
    print(f"| lists of 12, all of it | {whole:.1f} | {args.users / whole:,.0f} |")
    print(f"\nstatistics {args.statistics:.1f} s, neighbours {args.neighbours:.1f} s")
    p50, p99 = np.percentile(latencies, [50, 99])
    print(f"one user at a time: median {p50:.1f} ms, 99th percentile {p99:.1f} ms")
    print(f"peak memory {peak_mb():,.0f} MB, {base:,.0f} MB of it before the hybrid")


if __name__ == "__main__":
    main()
