"""ALS, lists and metrics by recsys."""

from __future__ import annotations

import numpy as np
from worker import Clock, Work, checksum, main

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.metrics import ranking_metrics
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import AlsFactors, train_als


def train(work: Work) -> dict:
    interactions = Interactions.from_pack(load_pack(work.folder / "interactions.joblib"))
    names = ("factors", "iterations", "regularization", "alpha", "seed")
    config = AlsConfig(backend="cpu", **{name: work.settings[name] for name in names})
    clock = Clock()
    model = train_als(interactions, config)
    seconds = clock.seconds
    save_pack(work.own / "als.joblib", model.to_pack(users_fingerprint="", items_fingerprint=""))
    return {"seconds": seconds, "checksum": checksum(model.user_factors, model.item_factors)}


def recommend(work: Work) -> dict:
    model = AlsFactors.from_pack(load_pack(work.own / "als.joblib"))
    data = Interactions.from_pack(load_pack(work.folder / "interactions.joblib"))
    known = work.known_users
    clock = Clock()
    seen = CSR(data.indptr, data.indices, data.n_items).take(known)
    ranker = FactorRanker(model.item_factors, candidates=model.item_known)
    lists, _ = ranker.top_k(model.user_factors[known], k=work.k, exclude=seen)
    seconds = clock.seconds
    work.save_lists(lists)
    return {"seconds": seconds, "checksum": checksum(lists)}


def evaluate(work: Work) -> dict:
    known, lists = work.known_users, work.lists()
    users, items = work.load("test_users"), work.load("test_items")
    clock = Clock()
    testers, rows = np.unique(users, return_inverse=True)
    n_items = work.settings["n_items"]
    truth = CSR.from_pairs(rows, items, n_rows=len(testers), n_columns=n_items)
    shown = lists[np.searchsorted(known, testers)]
    values = ranking_metrics(shown, truth, ks=[work.k])
    ndcg = float(np.nanmean(values[f"ndcg@{work.k}"]))
    return {"seconds": clock.seconds, "ndcg": ndcg, "checksum": f"{ndcg:.6f}"}


if __name__ == "__main__":
    main("recsys", "recsys-cli", {"train": train, "recommend": recommend, "evaluate": evaluate})
