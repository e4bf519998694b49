"""Training of the two-tower: one epoch over a million pairs, and where the time goes.

    python benchmarks/twotower.py --pairs 1000000

Synthetic events of users with tastes, 64 ALS factors, 64 content dimensions and columns of both
sides; states and trends lie in memory-mapped files, as in the stage. Torch trains on one thread.
`feeding` is the input pipeline, `learning` forward, backward and optimiser.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np

from measuring import peak_mb
from recsys_cli.config.models import InteractionsConfig
from recsys_cli.progress import Silent
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import train_als
from recsys_cli.strategies.twotower import TwoTowerConfig
from recsys_cli.strategies.twotower.features import Columns
from recsys_cli.strategies.twotower.fit import Validation, fit_towers, pairs_before
from recsys_cli.strategies.twotower.history import OrderedEvents
from recsys_cli.strategies.twotower.inputs import Facts
from recsys_cli.strategies.twotower.moments import interactions_of
from recsys_cli.strategies.twotower.threads import one_thread
from recsys_cli.strategies.twotower.view import Settings, view_of

DAY, NOW = 86_400, 20_000 * 86_400
GROUPS = 20


def events(users: int, items: int, n: int, rng: np.random.Generator) -> OrderedEvents:
    user = np.sort(rng.integers(0, users, n))
    popular = (rng.pareto(1.2, n) * items / 50).astype(np.int64) % (items // GROUPS)
    item = popular * GROUPS + (user + (rng.random(n) < 0.2) * rng.integers(0, GROUPS, n)) % GROUPS
    when = rng.integers(NOW - 700 * DAY, NOW, n) // DAY * DAY
    order = np.lexsort((when, user))
    indptr = np.zeros(users + 1, np.int64)
    np.cumsum(np.bincount(user, minlength=users), out=indptr[1:])
    ones = np.ones(n, np.float32)
    return OrderedEvents(indptr, item[order].astype(np.int32), when[order], ones, ones == 0, items)


def facts(users: int, items: int, rng: np.random.Generator) -> Facts:
    def columns(n: int, sizes: list[int]) -> Columns:
        codes = np.stack([rng.integers(0, size, n) for size in sizes], axis=1).astype(np.int32)
        names = tuple(f"column{i}" for i in range(len(sizes)))
        return Columns(names, codes, tuple(tuple(map(str, range(1, size))) for size in sizes))

    content = rng.normal(size=(items, 64)).astype(np.float32) / 8
    of_users = columns(users, [7, 4, 4])
    segment = of_users.codes[:, 0].astype(np.int16)
    return Facts(content, columns(items, [1000, 130, 20, 30, 50]), of_users, segment, 6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=60_000)
    parser.add_argument("--items", type=int, default=10_000)
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    history = events(args.users, args.items, int(args.pairs * 1.05), rng)
    known = facts(args.users, args.items, rng)
    tower = TwoTowerConfig(epochs=1, max_pairs=args.pairs, checks_per_epoch=1)
    als = AlsConfig(iterations=3, backend="cpu")
    settings = Settings(tower, als, InteractionsConfig(), window=timedelta(days=7), repurchase=True)
    factors = train_als(interactions_of(history, InteractionsConfig()), als)
    view = view_of(history, factors, known, settings, reference=NOW)
    nothing = Validation(
        np.arange(0, args.users, 100), lambda users, *_: np.zeros(len(users)), "none"
    )
    with tempfile.TemporaryDirectory() as folder, one_thread():
        started = time.perf_counter()
        pairs = pairs_before(
            view, known, settings, folder=Path(folder), threads=0, progress=Silent()
        )
        prepared = time.perf_counter() - started
        fitted = fit_towers(view, pairs, known, settings, nothing, folder=Path(folder))
    spent = fitted.outcome.seconds
    epoch = spent["feeding"] + spent["learning"]
    print(f"{len(pairs):,} pairs, {fitted.outcome.steps:,} steps, load {os.getloadavg()[0]:.1f}\n")
    print("| part | seconds | share of the epoch |\n|---|---|---|")
    print(f"| factors of 3 folds, and states before all pairs | {prepared:.1f} | |")
    for part in ("feeding", "learning"):
        print(f"| {part} | {spent[part]:.1f} | {spent[part] / epoch:.1%} |")
    print(f"\n{fitted.outcome.pairs / epoch:,.0f} pairs/s, peak memory {peak_mb():.0f} MB")


if __name__ == "__main__":
    main()
