"""ALS, lists and metrics by RecTools."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from rectools import Columns
from rectools.dataset import Dataset
from rectools.metrics import MAP, NDCG, Recall, calc_metrics
from rectools.models import ImplicitALSWrapperModel
from worker import Clock, Work, checksum, main


def train(work: Work) -> dict:
    confidences = 1 + work.settings["alpha"] * work.load("weights")
    table = pd.DataFrame(
        {
            Columns.User: work.load("users"),
            Columns.Item: work.load("items"),
            Columns.Weight: confidences.astype(np.float32),
            Columns.Datetime: "2020-01-01",
        }
    )
    dataset = Dataset.construct(table)
    model = ImplicitALSWrapperModel(
        AlternatingLeastSquares(
            factors=work.settings["factors"],
            regularization=work.settings["regularization"],
            iterations=work.settings["iterations"],
            random_state=work.settings["seed"],
            use_gpu=False,
        )
    )
    clock = Clock()
    model.fit(dataset)
    seconds = clock.seconds
    (work.own / "model.pickle").write_bytes(pickle.dumps((dataset, model)))
    return {"seconds": seconds, "checksum": checksum(*model.get_vectors())}


def recommend(work: Work) -> dict:
    # Written by the step before, in a folder of this run's own.
    dataset, model = pickle.loads((work.own / "model.pickle").read_bytes())
    known = work.known_users
    clock = Clock()
    table = model.recommend(known, dataset, k=work.k, filter_viewed=True)
    seconds = clock.seconds
    lists = np.full((len(known), work.k), -1, np.int32)
    rows = np.searchsorted(known, table[Columns.User])
    lists[rows, table[Columns.Rank] - 1] = table[Columns.Item]
    work.save_lists(lists)
    return {"seconds": seconds, "checksum": checksum(lists)}


def evaluate(work: Work) -> dict:
    known, lists = work.known_users, work.lists()
    test = pd.DataFrame(
        {Columns.User: work.load("test_users"), Columns.Item: work.load("test_items")}
    )
    rows = np.searchsorted(known, test[Columns.User].unique())
    at, rank = np.nonzero(lists[rows] >= 0)
    shown = pd.DataFrame(
        {
            Columns.User: known[rows][at],
            Columns.Item: lists[rows][at, rank],
            Columns.Rank: rank + 1,
        }
    )
    metrics = {
        "ndcg": NDCG(k=work.k, divide_by_achievable=True),
        "map": MAP(k=work.k),
        "recall": Recall(k=work.k),
    }
    clock = Clock()
    values = calc_metrics(metrics, shown, test)
    ndcg = float(values["ndcg"])
    return {"seconds": clock.seconds, "ndcg": ndcg, "checksum": f"{ndcg:.6f}"}


if __name__ == "__main__":
    main("rectools", "RecTools", {"train": train, "recommend": recommend, "evaluate": evaluate})
