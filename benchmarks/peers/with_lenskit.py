"""ALS, lists and metrics by LensKit."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
from lenskit.als import ImplicitMFConfig, ImplicitMFScorer
from lenskit.batch import recommend as recommend_all
from lenskit.data import ItemListCollection, UserIDKey, from_interactions_df
from lenskit.metrics import NDCG, LogRankWeight, Recall, RecipRank, RunAnalysis
from lenskit.pipeline import topn_pipeline
from lenskit.training import TrainingOptions
from worker import Clock, Work, checksum, main


def train(work: Work) -> dict:
    table = pd.DataFrame(
        {
            "user_id": work.load("users"),
            "item_id": work.load("items"),
            "rating": work.load("weights"),
        }
    )
    dataset = from_interactions_df(table)
    config = ImplicitMFConfig(
        embedding_size=work.settings["factors"],
        epochs=work.settings["iterations"],
        regularization=work.settings["regularization"],
        weight=work.settings["alpha"],
        use_ratings=True,
        user_embeddings="prefer",
    )
    pipeline = topn_pipeline(ImplicitMFScorer, config, n=work.k)
    clock = Clock()
    pipeline.train(dataset, TrainingOptions(rng=work.settings["seed"]))
    seconds = clock.seconds
    (work.own / "model.pickle").write_bytes(pickle.dumps(pipeline))
    scorer = pipeline.component("scorer")
    factors = np.asarray(scorer.user_embeddings), np.asarray(scorer.item_embeddings)
    return {"seconds": seconds, "checksum": checksum(*factors)}


def recommend(work: Work) -> dict:
    # Written by the step before, in a folder of this run's own.
    pipeline = pickle.loads((work.own / "model.pickle").read_bytes())
    known = work.known_users
    clock = Clock()
    found = recommend_all(pipeline, known, n=work.k)
    seconds = clock.seconds
    lists = np.full((len(known), work.k), -1, np.int32)
    for key, items in found:
        ids = items.ids()
        lists[np.searchsorted(known, key.user_id), : len(ids)] = ids
    work.save_lists(lists)
    return {"seconds": seconds, "checksum": checksum(lists)}


def evaluate(work: Work) -> dict:
    known, lists = work.known_users, work.lists()
    users = work.load("test_users")
    test = pd.DataFrame({"user_id": users, "item_id": work.load("test_items")})
    rows = np.searchsorted(known, np.unique(users))
    at, rank = np.nonzero(lists[rows] >= 0)
    shown = pd.DataFrame(
        {"user_id": known[rows][at], "item_id": lists[rows][at, rank], "rank": rank + 1}
    )
    analysis = RunAnalysis()
    # By default it discounts the first two ranks alike, others the second already.
    ndcg_of_others = NDCG(n=work.k, weight=LogRankWeight(offset=1))
    for metric in (ndcg_of_others, Recall(n=work.k), RecipRank(n=work.k)):
        analysis.add_metric(metric)
    clock = Clock()
    runs = ItemListCollection.from_df(shown, UserIDKey)
    truth = ItemListCollection.from_df(test, UserIDKey)
    summary = analysis.measure(runs, truth).list_summary()
    seconds = clock.seconds
    ndcg = float(summary.loc[f"NDCG@{work.k}", "mean"])
    return {"seconds": seconds, "ndcg": ndcg, "checksum": f"{ndcg:.6f}"}


if __name__ == "__main__":
    main("lenskit", "lenskit", {"train": train, "recommend": recommend, "evaluate": evaluate})
