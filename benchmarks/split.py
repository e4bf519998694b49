"""What peers get to learn from and are tested on: interactions before a day, purchases after it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.config.models import InteractionsConfig
from recsys_cli.csr import CSR
from recsys_cli.evaluation.splits import temporal_truth
from recsys_cli.evaluation.truth import without_seen
from recsys_cli.events.interactions import build_interactions
from recsys_cli.store.packs import save_pack
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.collab import AlsConfig


def write_split(
    workspace: Path, dataset: str, folder: Path, *, k: int, days: int | None, raw: Path
) -> str:
    """Write the files that `peers/worker.py` names, and say in a sentence what they hold.

    Truth is what users with history newly had in the last `days` (by default the dataset's test
    window), since nobody recommends what was seen.
    """
    store = Workspace(workspace)
    artifacts = Artifacts(store, dataset)
    events = pl.scan_parquet(store.path("events", dataset))
    n_users, n_items = len(artifacts.users), len(artifacts.items)
    truth = temporal_truth(
        events, spec=artifacts.spec, n_items=n_items, horizon=timedelta(days=days)
    )
    before = events.filter(pl.col("time") < pl.lit(truth.cutoff).cast(pl.Datetime("ms")))
    interactions = build_interactions(
        before,
        n_users=n_users,
        n_items=n_items,
        spec=artifacts.spec,
        config=InteractionsConfig(),
    )
    history = CSR(interactions.indptr, interactions.indices, n_items)
    truth = without_seen(truth, history)
    rows, test_items = truth.items.entries()
    test_users = truth.users[rows]
    warm = np.diff(interactions.indptr)[test_users] > 0
    save_pack(
        folder / "interactions.joblib",
        interactions.to_pack(users_fingerprint="", items_fingerprint=""),
    )
    arrays = {
        "users": interactions.users.astype(np.int32),
        "items": interactions.indices,
        "weights": interactions.weight,
        "test_users": test_users[warm].astype(np.int32),
        "test_items": test_items[warm].astype(np.int32),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    als = AlsConfig()
    settings = {
        "n_users": n_users,
        "n_items": n_items,
        "k": k,
        "raw": str(raw),
        "factors": als.factors,
        "iterations": als.iterations,
        "regularization": als.regularization,
        "alpha": als.alpha,
        "seed": als.seed,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return (
        f"{n_users:,} users × {n_items:,} items, {len(arrays['users']):,} pairs before "
        f"{truth.cutoff:%Y-%m-%d}; tested on {len(np.unique(arrays['test_users'])):,} users with "
        f"history and {warm.sum():,} items that are new to them; {als.factors} factors, "
        f"{als.iterations} iterations, λ {als.regularization}, α {als.alpha:g}, k = {k}."
    )
