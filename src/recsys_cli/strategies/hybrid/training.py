"""Learns to rank candidates: LambdaRank (Burges 2010) with LightGBM (Ke et al. 2017).

Artifacts of an earlier snapshot and the events of the window after it come in. Each user with
an event in the window is a group: candidates and features as they were served at that snapshot,
relevant where the user went on to have the item. Several windows train, a later one stops the
training; nothing of a window is known to the features of its own groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import TrainingError
from recsys_cli.progress import Progress, Silent
from recsys_cli.ranking.vectors import Users
from recsys_cli.strategies.hybrid.blocks import in_user_blocks
from recsys_cli.strategies.hybrid.candidates import Recall
from recsys_cli.strategies.hybrid.features import Features

if TYPE_CHECKING:
    from recsys_cli.strategies.hybrid import HybridConfig

Floats = npt.NDArray[np.float32]

VALIDATION_DEPTH = 12
_MANY_ROWS = 1 << 20
_SMOOTHING = 7
"""Trees before and after a tree whose metric counts with its own."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Training rows of one window, user after user.

    Attributes:
        table: (P, F) float32 features.
        relevant: (P,) uint8 0 or 1.
        sizes: (G,) int64 candidates of each user; every user has a relevant one.
        users: users with an event in the window that could be recommended.
        pairs: their relevant items.
        recalled: how many of those were among the candidates.
        by_source: the same for each source.
    """

    table: Floats
    relevant: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.int64]
    users: int
    pairs: int
    recalled: int
    by_source: dict[str, int]

    def facts(self) -> dict[str, Any]:
        """How much of the window the candidates cover."""
        share = {name: round(n / max(self.pairs, 1), 4) for name, n in self.by_source.items()}
        return {
            "users": self.users,
            "groups": len(self.sizes),
            "rows": len(self.relevant),
            "candidates_per_user": round(len(self.relevant) / max(len(self.sizes), 1), 1),
            "relevant": self.pairs,
            "recall": round(self.recalled / max(self.pairs, 1), 4),
            "recall_by_source": share,
        }


def build_groups(
    recall: Recall,
    features: Features,
    truth: CSR,
    users: Users,
    *,
    threads: int = 0,
    progress: Progress | None = None,
) -> Groups:
    """Candidates of `users`, with features and whether they are in `truth`.

    Users none of whose relevant items is recalled say nothing about order, and are left out.

    Args:
        recall: finds candidates, at the snapshot before the window.
        features: describes them, likewise.
        truth: (n_users, n_items) what users had in the window.
        users: user rows, each with a row in `truth` that is not empty.
        threads: threads to use; 0 means all cores.
        progress: told how many users are done.
    """
    report = progress or Silent()
    report.start("features", len(users))

    def of_block(first: int, last: int) -> tuple[Any, ...]:
        block = users[first:last]
        found = recall.recall(block)
        relevant = truth.contains(block[found.rows], found.items)
        telling = np.bincount(found.rows[relevant], minlength=len(block)) > 0
        kept = np.flatnonzero(telling[found.rows])
        # By what sources say, since rows of items that nobody had yet say what came later.
        kept = kept[np.lexsort((*found.ranks[kept].T, found.rows[kept]))]
        report.advance(len(block))
        return (
            features.of(found.take(kept)),
            relevant[kept].astype(np.uint8),
            np.bincount(found.rows, minlength=len(block))[telling],
            found.found[relevant].sum(axis=0),
            int(relevant.sum()),
        )

    nothing = (
        np.empty((0, len(features.names)), np.float32),
        np.empty(0, np.uint8),
        np.empty(0, np.int64),
        np.zeros(len(recall.names), np.int64),
        0,
    )
    blocks = [nothing, *in_user_blocks(of_block, len(users), threads)]
    tables, labels, sizes, by_source, recalled = zip(*blocks, strict=True)
    return Groups(
        table=np.concatenate(tables),
        relevant=np.concatenate(labels),
        sizes=np.concatenate(sizes),
        users=len(users),
        pairs=int(truth.counts(users).sum()),
        recalled=sum(recalled),
        by_source=dict(zip(recall.names, sum(by_source).tolist(), strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and what is known of it.

    Attributes:
        text: LightGBM's text format.
        rounds: trees.
        validation: MAP on the later window, of the model that had not seen it.
        gains: share of the total gain by feature, largest first.
    """

    text: str
    rounds: int
    validation: float
    gains: dict[str, float]


def train_ranker(
    windows: Sequence[Groups],
    later: Groups,
    names: Sequence[str],
    config: HybridConfig,
    *,
    threads: int,
    random: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train on `windows`, stop by `later`, then train on both for as many rounds.

    Args:
        windows: groups to learn from, the oldest first.
        later: groups of a window after them.
        names: of the features.
        config: rounds, learning rate, size of trees.
        threads: threads to use.
        random: whether the windows are of random pairs; they train with plain lambdas, since those
            that LightGBM weighs by group and by difference of scores follow chance in few hits.
        progress: told of rounds.

    Raises:
        TrainingError: no user of a window had one of their candidates.
    """
    import lightgbm

    if not windows or not all(len(groups.sizes) for groups in (*windows, later)):
        longer = "" if random else ", or a longer horizon of the dataset"
        raise TrainingError(
            "in one of the windows to learn from, nobody had any of their candidates",
            hint=f"more history is needed{longer}",
        )
    report = progress or Silent()
    rows = sum(len(groups.relevant) for groups in (*windows, later))
    # Threads that wait for each other cost more than they save on little data.
    parameters = _parameters(config, threads if rows > _MANY_ROWS else 1)
    if random:
        parameters["lambdarank_norm"] = False
    train = _dataset(windows, names, parameters)
    report.start("ranker", config.rounds)

    def advance(_state: Any) -> None:
        report.advance()

    curves: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        parameters,
        train,
        num_boost_round=config.rounds,
        valid_sets=[_dataset([later], names, parameters, reference=train)],
        callbacks=[
            lightgbm.record_evaluation(curves),
            lightgbm.early_stopping(config.patience, verbose=False),
            advance,
        ],
    )
    rounds, validation = best_round(next(iter(curves["valid_0"].values())))
    if config.refit:
        whole = _dataset([*windows, later], names, parameters)
        booster = lightgbm.train(parameters, whole, num_boost_round=rounds)
    text = booster.model_to_string(num_iteration=rounds)
    gains = booster.feature_importance("gain", iteration=rounds)
    order = np.argsort(-gains, kind="stable")
    total = max(float(gains.sum()), 1e-20)
    shares = {names[f]: round(float(gains[f]) / total, 5) for f in order if gains[f] > 0}
    return Trained(text, rounds, validation, shares)


def best_round(curve: Sequence[float]) -> tuple[int, float]:
    """The number of trees at which a metric is best, and its value there.

    With few users the metric jumps from tree to tree, and its highest point is luck; hence the
    mean of its neighbours counts.
    """
    values = np.asarray(curve, np.float64)
    padded = np.pad(values, _SMOOTHING, mode="edge")
    width = 2 * _SMOOTHING + 1
    smooth = np.convolve(padded, np.ones(width) / width, mode="valid")
    best = int(smooth.argmax())
    return best + 1, float(values[best])


def _parameters(config: HybridConfig, threads: int) -> dict[str, Any]:
    return {
        "objective": "lambdarank",
        "metric": "map",
        "eval_at": [VALIDATION_DEPTH],
        "lambdarank_truncation_level": config.truncation,
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.min_in_leaf,
        "feature_fraction": config.feature_fraction,
        "lambda_l2": config.l2,
        "max_bin": 127,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "verbosity": -1,
    }


def _dataset(
    windows: Sequence[Groups],
    names: Sequence[str],
    parameters: dict[str, Any],
    *,
    reference: Any = None,
) -> Any:
    import lightgbm

    return lightgbm.Dataset(
        [groups.table for groups in windows],
        label=np.concatenate([groups.relevant for groups in windows]),
        group=np.concatenate([groups.sizes for groups in windows]),
        feature_name=list(names),
        reference=reference,
        params=parameters,
        free_raw_data=True,
    )
