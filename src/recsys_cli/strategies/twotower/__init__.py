"""Collab, fine-tuned to what sells now, last items, content and users' columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys_cli.config.models import Section
from recsys_cli.errors import install_extra
from recsys_cli.store.kinds import OF_IDS, ArtifactKind, pack_kind
from recsys_cli.store.layout import (
    ITEMS,
    USERS,
    Array,
    above_zero,
    flags,
    floats,
    lists,
    moment,
    number,
    truth,
    whole,
)
from recsys_cli.strategies.base import Packs, Source, Space, Strategy, switch_of_extra
from recsys_cli.strategies.tunable import Choice, Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.ranking.contract import Serving


class TwoTowerConfig(Section):
    """Two towers fine-tuned from ALS factors (`recsys twotower train`)."""

    where = frozenset({"enabled", "device", "checkpoint_steps", "retrain_days"})

    enabled: bool | Literal["auto"] = "auto"
    """Whether `recsys build all` trains it; auto: where torch is installed."""
    init_from: str | None = None
    """Weights of another dataset to start from, a two_tower_*.pt relative to the workspace."""
    retrain_days: PositiveInt = 28
    """Age at which towers are trained anew, rounded down to 1, 2, 4, … windows and to an eighth of
    the log; until then the same weights are applied to all that is known since."""
    folds: int = Field(default=3, ge=2)
    """Parts of the users; each one's pairs are seen through factors of the others' events."""
    max_pairs: PositiveInt = 700_000
    """Training pairs at most; the latest are taken."""
    content_dim: PositiveInt = 64
    """Dimensions that the items' content vectors are reduced to."""
    half_life_days: PositiveFloat = 30.0
    """Age at which an item counts half in its user's taste for content."""
    last_items: PositiveInt = 5
    """How many of a user's last items count as what they look for now."""
    max_codes: PositiveInt = 1000
    """Values of a column that are told apart; rarer ones count as unknown."""
    hidden: PositiveInt = 64
    """Width of each tower's hidden layer."""
    extra: PositiveInt = 16
    """Dimensions, besides those of the factors, in which the hidden layers meet."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the hidden layers' inputs dropped in training."""
    factor_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of users and items that lose their factors in training, to learn to do without."""
    epochs: PositiveInt = 3
    """Passes over the pairs at most."""
    batch_size: PositiveInt = 512
    """Pairs in a batch, whose items are each other's negatives."""
    uniform_negatives: PositiveInt = 512
    """Items drawn uniformly for each batch, as further negatives."""
    learning_rate: PositiveFloat = 0.001
    """Highest learning rate of AdamW; the few gains and the temperature learn at three times it."""
    weight_decay: NonNegativeFloat = 0.01
    """Decay of AdamW."""
    warmup_steps: PositiveInt = 100
    """Steps until the learning rate is reached, a tenth of all steps at most."""
    clip: PositiveFloat = 1.0
    """Largest norm of the gradient."""
    checks_per_epoch: PositiveInt = 2
    """How often in an epoch the lists for the validation window are measured."""
    validation_users: PositiveInt = 10_000
    """Users at most that a check makes lists for."""
    patience: PositiveInt = 6
    """Checks without anything better after which training ends."""
    checkpoint_steps: PositiveInt = 500
    """Steps between checkpoints, which a killed training goes on from."""
    device: str = "auto"
    """Where it trains: cpu, cuda, …; auto is the GPU where there is one."""
    seed: int = 42
    """Seed of everything random."""


SWITCH = switch_of_extra(
    "twotower",
    "torch",
    message="the two-tower is off, because torch is missing or recsys.toml says so",
    hint=(*install_extra("twotower"), ", and leave twotower.enabled at auto"),
)


def _open(packs: Packs, threads: int) -> Serving:
    from recsys_cli.strategies.twotower.serve import Towers

    vectors, user_side = (packs.pack(kind) for kind in _NEEDS)
    return Towers(vectors, user_side, threads=threads)


def _stages() -> list[Stage]:
    from recsys_cli.strategies.twotower.stages import two_tower_stages

    return two_tower_stages()


def _space(packs: Packs) -> Space:
    pack = packs.pack("two_tower_vectors")
    return Space(
        "twotower",
        pack["user_vectors"],
        pack["item_vectors"],
        pack["user_known"],
        pack["item_known"],
    )


_NEEDS = ("two_tower_vectors", "two_tower_user_side")

TWOTOWER = Strategy(
    name="twotower",
    summary="collab, fine-tuned to what sells now, last items, content and users' columns",
    needs=_NEEDS,
    open=_open,
    artifacts={
        "train_pairs": ArtifactKind(".parquet", True, part="train", switch=SWITCH),
        "validation_pairs": ArtifactKind(
            ".parquet", True, "train_pairs", "validation", switch=SWITCH
        ),
        "all_train_pairs": ArtifactKind(
            ".parquet", True, "train_pairs_all", "train", switch=SWITCH
        ),
        "all_validation_pairs": ArtifactKind(
            ".parquet", True, "train_pairs_all", "validation", switch=SWITCH
        ),
        "two_tower_weights": ArtifactKind(".pt", True, "two_tower_fit", "weights", switch=SWITCH),
        "two_tower_basis": ArtifactKind(
            ".joblib",
            True,
            "two_tower_fit",
            "basis",
            layout={
                "item_factors": floats(ITEMS, "dimensions"),
                "item_known": flags(ITEMS),
                **OF_IDS,
            },
            switch=SWITCH,
        ),
        "two_tower_facts": ArtifactKind(
            ".joblib",
            True,
            "two_tower_fit",
            "facts",
            layout={
                "mean": floats("dimensions"),
                "basis": floats("dimensions", "content"),
                "content": floats(ITEMS, "content"),
                "user_codes": Array(dtype="i4", shape=(USERS, "user columns"), least=0),
                "item_codes": Array(dtype="i4", shape=(ITEMS, "item columns"), least=0),
                "user_values": lists(),
                "item_values": lists(),
                **OF_IDS,
            },
            switch=SWITCH,
        ),
        "two_tower_fit": ArtifactKind(".json", True, "two_tower_fit", "outcome", switch=SWITCH),
        "two_tower": ArtifactKind(".pt", True, switch=SWITCH),
        "two_tower_vectors": pack_kind(
            True,
            {
                "user_vectors": floats(USERS, "dimensions"),
                "item_vectors": floats(ITEMS, "dimensions"),
                "user_known": flags(USERS),
                "item_known": flags(ITEMS),
                "reference": moment(),
                **OF_IDS,
            },
            switch=SWITCH,
        ),
        "two_tower_user_side": pack_kind(
            True,
            {
                "factors": floats(ITEMS, "factors"),
                "content": floats(ITEMS, "content"),
                "code_table": floats("codes", "hidden"),
                "codes": Array(dtype="i4", shape=(USERS, "columns"), least=0, below="codes"),
                "starts": Array(dtype="i4", shape=("columns",), least=0, below="codes"),
                "segment_gain": floats("segments"),
                "segment": Array(dtype="i2", shape=(USERS,), least=0, below="segments+1"),
                "guess_table": floats("codes", "factors"),
                "guess_weight": floats("content", "factors"),
                "guess_bias": floats("factors"),
                "dense_weight": floats("hidden", "inputs"),
                "dense_bias": floats("hidden"),
                "head_weight": floats("heads", "hidden"),
                "head_bias": floats("heads"),
                "last_weight": floats("factors", "factors"),
                "content_scale": floats("content"),
                "factor_scale": number(),
                "regularization": number(0),
                "alpha": number(0),
                "scale_by_count": truth(),
                "half_life_days": above_zero(),
                "last_items": whole(),
                "new_users": truth(),
                **OF_IDS,
            },
            switch=SWITCH,
        ),
        "two_tower_curve": ArtifactKind(".json", True, switch=SWITCH),
        "two_tower_plot": ArtifactKind(".svg", True, switch=SWITCH),
    },
    stages=_stages,
    sections={"twotower": TwoTowerConfig},
    sources=(
        Source(
            name="twotower",
            needs=_NEEDS,
            open=_open,
            candidates=80,
            weight=15,
            place=8,
        ),
    ),
    space=_space,
    tune=Target(
        "twotower",
        {
            "twotower.learning_rate": Span(1e-4, 1e-2, log=True),
            "twotower.epochs": Span(1, 8),
            "twotower.batch_size": Choice((256, 512, 1024, 2048)),
            "twotower.uniform_negatives": Choice((128, 256, 512, 1024)),
            "twotower.hidden": Choice((32, 64, 128)),
            "twotower.dropout": Span(0.0, 0.5),
            "twotower.factor_dropout": Span(0.0, 0.5),
            "twotower.weight_decay": Span(1e-4, 0.3, log=True),
            "twotower.half_life_days": Span(5.0, 365.0, log=True),
        },
    ),
    cost=3,
)
