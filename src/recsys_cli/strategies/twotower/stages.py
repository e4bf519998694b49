"""The stages from events to training pairs, to two towers, and to the vectors that these give.

They are on where torch is installed, unless recsys.toml says otherwise; a build of everything says
what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from recsys_cli.build.stage import FITTED, Stage, Surroundings
from recsys_cli.config import Config
from recsys_cli.config.load import section_for
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.strategies.twotower import SWITCH
from recsys_cli.strategies.twotower.applied import FITTED_KINDS, train
from recsys_cli.strategies.twotower.known import learn_facts
from recsys_cli.strategies.twotower.runs import (
    checkpoint_path,
    fit,
    init_path,
    pairs,
    pairs_together,
)


def two_tower_stages() -> list[Stage]:
    """twotower.pairs, twotower.pairs.all, twotower.facts, twotower.fit and twotower.train."""
    return [
        Stage(
            name="twotower.pairs",
            summary="events by user and time, split by time, to train the two-tower on",
            inputs=("interactions", "spec"),
            outputs=("train_pairs", "validation_pairs"),
            sections=(),
            run=pairs,
            switch=SWITCH,
            timed=True,
        ),
        Stage(
            name="twotower.pairs.all",
            summary="the training pairs of all datasets together",
            inputs=("train_pairs", "validation_pairs"),
            outputs=("all_train_pairs", "all_validation_pairs"),
            sections=(),
            run=pairs_together,
            whole=True,
            switch=SWITCH,
        ),
        Stage(
            name="twotower.facts",
            summary="columns and content of users and items as numbers for the towers",
            inputs=("items", "users", "spec", "interactions", "content"),
            outputs=("two_tower_facts",),
            sections=("twotower.content_dim", "twotower.max_codes"),
            run=learn_facts,
            switch=SWITCH,
            timed=True,
            behind=True,
        ),
        Stage(
            name="twotower.fit",
            summary="pairs, past ALS factors and features to the weights of two towers",
            inputs=("spec", "interactions", "train_pairs", "validation_pairs", "two_tower_facts"),
            outputs=("two_tower_weights", "two_tower_basis", "two_tower_fit"),
            sections=("twotower", "als", "interactions"),
            run=fit,
            switch=SWITCH,
            timed=True,
            beyond=_init_identity,
            caches=_checkpoints,
            earlier=(("als", 1),),
            behind=True,
        ),
        Stage(
            name="twotower.train",
            summary="ALS factors and features through two towers to vectors",
            inputs=(
                "items", "users", "spec", "interactions", "als", "content",
                "train_pairs", "validation_pairs",
            ),
            outputs=(
                "two_tower", "two_tower_vectors", "two_tower_user_side", "two_tower_curve",
                "two_tower_plot",
            ),
            sections=("twotower", "als", "interactions"),
            run=train,
            version=5,
            switch=SWITCH,
            timed=True,
            earlier=tuple((kind, FITTED) for kind in FITTED_KINDS),
            retrain_days=lambda config, dataset: section_for(
                config, "twotower", dataset
            ).retrain_days,
        ),
    ]  # fmt: skip


def pair_stages(config: Config, datasets: list[str]) -> list[str]:
    """What `recsys twotower pairs` builds: the common pairs too, if no dataset is left out."""
    several = len(datasets) > 1 and set(datasets) == set(config.datasets)
    return ["twotower.pairs", "twotower.pairs.all"] if several else ["twotower.pairs"]


def _checkpoints(around: Surroundings, snapshot: Snapshot) -> Iterable[Path]:
    return [checkpoint_path(around.workspace, around.dataset, snapshot)]


def _init_identity(around: Surroundings) -> Mapping[str, str]:
    """The contents of the weights that training starts from."""
    section = section_for(around.config, "twotower", around.dataset)
    path = init_path(around.workspace.root, section.init_from)
    return {} if path is None else {"init_from": around.hashes.sha256(path)}
