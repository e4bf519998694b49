"""ALS, lists and metrics by bare calls of implicit."""

from __future__ import annotations

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.evaluation import ranking_metrics_at_k
from scipy.sparse import csr_matrix
from worker import Clock, Work, checksum, main


def pairs(work: Work, users: str, items: str, values: np.ndarray) -> csr_matrix:
    shape = (work.settings["n_users"], work.settings["n_items"])
    return csr_matrix((values, (work.load(users), work.load(items))), shape=shape)


def confidences(work: Work) -> csr_matrix:
    values = 1 + work.settings["alpha"] * work.load("weights")
    return pairs(work, "users", "items", values.astype(np.float32))


def train(work: Work) -> dict:
    matrix = confidences(work)
    model = AlternatingLeastSquares(
        factors=work.settings["factors"],
        regularization=work.settings["regularization"],
        iterations=work.settings["iterations"],
        random_state=work.settings["seed"],
    )
    clock = Clock()
    model.fit(matrix, show_progress=False)
    seconds = clock.seconds
    model.save(work.own / "als.npz")
    return {"seconds": seconds, "checksum": checksum(model.user_factors, model.item_factors)}


def recommend(work: Work) -> dict:
    model = AlternatingLeastSquares.load(work.own / "als.npz")
    matrix, known = confidences(work), work.known_users
    clock = Clock()
    seen = matrix[known]
    lists, _ = model.recommend(known, seen, N=work.k, filter_already_liked_items=True)
    seconds = clock.seconds
    work.save_lists(lists)
    return {"seconds": seconds, "checksum": checksum(lists.astype(np.int32))}


def evaluate(work: Work) -> dict:
    """implicit evaluates models rather than lists, so it ranks for the users in question again."""
    model = AlternatingLeastSquares.load(work.own / "als.npz")
    test = pairs(work, "test_users", "test_items", np.ones(len(work.load("test_users"))))
    matrix = confidences(work)
    clock = Clock()
    values = ranking_metrics_at_k(model, matrix, test, K=work.k, show_progress=False, num_threads=0)
    seconds = clock.seconds
    ndcg = float(values["ndcg"])
    return {"seconds": seconds, "ndcg": ndcg, "checksum": f"{ndcg:.6f}"}


if __name__ == "__main__":
    main("implicit", "implicit", {"train": train, "recommend": recommend, "evaluate": evaluate})
