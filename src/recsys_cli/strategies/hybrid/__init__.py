"""Candidates of all the others, ordered by a learned ranker or a blend of ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from recsys_cli.config.models import Section
from recsys_cli.store.kinds import OF_IDS, ArtifactKind, Switch, pack_kind
from recsys_cli.store.layout import (
    ITEMS,
    USERS,
    Array,
    Rule,
    by_name,
    counts,
    floats,
    moment,
    number,
    texts,
    truth,
    whole,
)
from recsys_cli.strategies.base import Packs, Source, Strategy
from recsys_cli.strategies.tunable import Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.config import Config
    from recsys_cli.ranking.contract import Recommender, Serving


def _candidates() -> dict[str, int]:
    """What every source brings by default."""
    from recsys_cli.strategies.hybrid.sources import all_sources

    return {name: source.candidates for name, source in all_sources().items()}


def _weights() -> dict[str, float]:
    """What every source weighs in the blend by default."""
    from recsys_cli.strategies.hybrid.sources import all_sources

    return {name: source.weight for name, source in all_sources().items()}


class HybridConfig(Section):
    """Candidates from several sources, ordered by a learned ranker or by a blend of ranks."""

    enabled: Literal["auto"] | bool = "auto"
    """Whether to train the ranker, which auto does as true does. Without it, the blend."""
    candidates: dict[str, NonNegativeInt] = Field(default_factory=_candidates)
    """How many items each source of candidates brings for a user; 0 leaves it out."""
    weights: dict[str, NonNegativeFloat] = Field(default_factory=_weights)
    """What each source's ranks weigh in the blend; what is left out has no say."""
    windows: int = Field(default=3, ge=1, le=8)
    """Test windows that the ranker learns from, besides the latest, which stops its training.
    For each, the models that candidates come from are trained at an earlier snapshot."""
    users_per_window: PositiveInt = 5_000
    """Users sampled from each window that the ranker learns from."""
    rounds: PositiveInt = 150
    """Most trees; training stops earlier when a later window no longer gains."""
    patience: PositiveInt = 50
    """Trees without a gain on the later window after which training stops."""
    learning_rate: PositiveFloat = 0.1
    """Weight of each tree."""
    leaves: int = Field(default=7, ge=2)
    """Leaves of a tree."""
    min_in_leaf: PositiveInt = 100
    """Least candidates in a leaf."""
    feature_fraction: float = Field(default=0.4, gt=0, le=1)
    """Share of the features that each tree looks at."""
    l2: NonNegativeFloat = 10.0
    """L2 penalty on the values of leaves."""
    truncation: PositiveInt = 20
    """Ranks from the top whose order LambdaRank cares about."""
    refit: bool = True
    """Train once more on all windows, the later one too, for as many trees."""
    seed: int = 42
    """Seed of the sample of users and of features."""


def _enabled(config: Config, dataset: str) -> bool:
    from recsys_cli.config.load import section_for

    return bool(section_for(config, "hybrid", dataset).enabled)


SWITCH = Switch(
    on=_enabled,
    message="hybrid.train is off, and the strategy hybrid serves a blend of ranks",
    hint="hybrid.enabled = true in recsys.toml trains the ranker",
    announced=True,
)


def _open(packs: Packs, threads: int) -> Serving:
    from recsys_cli.strategies.hybrid.build import build_hybrid

    return build_hybrid(packs, threads)


def _stages() -> list[Stage]:
    from recsys_cli.strategies.hybrid.stages import hybrid_stages

    return hybrid_stages()


def _variants(packs: Packs, _threads: int) -> Recommender:
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.strategies.hybrid.statistics import Statistics
    from recsys_cli.strategies.hybrid.variants import Variants
    from recsys_cli.strategies.popular.train import Popularity

    return Variants(
        Interactions.from_pack(packs.pack("interactions")),
        variant=Statistics.from_pack(packs.pack("statistics")).variant,
        popularity=Popularity.from_pack(packs.pack("popular")).scores[0],
    )


def _has_variants(statistics: Mapping[str, Any]) -> bool:
    return int(statistics["variant"].max(initial=-1)) >= 0


def _activity(what: str, rows: str) -> dict[str, Rule]:
    """`Activity` of items or users."""
    return {
        f"{what}_events": counts(rows),
        f"{what}_recent": counts(rows, "windows"),
        f"{what}_first": counts(rows),
        f"{what}_last": counts(rows),
        f"{what}_value": floats(rows, nan=True),
        f"{what}_recent_value": floats(rows, nan=True),
    }


HYBRID = Strategy(
    name="hybrid",
    summary="candidates of all the others, ordered by a learned ranker or a blend of ranks",
    needs=("interactions", "popular", "statistics", "hybrid"),
    uses=("ranker", "ranker_facts"),
    open=_open,
    artifacts={
        "statistics": pack_kind(
            True,
            {
                "buyers": counts(ITEMS),
                "repeated": floats(ITEMS, least=0),
                "categories": texts(size="categories"),
                "codes": Array(dtype="i4", shape=(ITEMS, "categories"), least=-1, below=ITEMS),
                "shares": floats(ITEMS, "categories", nan=True),
                "variant": Array(dtype="i4", shape=(ITEMS,), least=-1, below=ITEMS),
                "repurchase": truth(),
                "reference": moment(),
                **_activity("item", ITEMS),
                **_activity("user", USERS),
                **OF_IDS,
            },
        ),
        "hybrid": pack_kind(
            True,
            {
                "candidates": by_name(whole()),
                "weights": by_name(number(0)),
                "reference": moment(),
                **OF_IDS,
            },
        ),
        "ranker": ArtifactKind(".txt", True, switch=SWITCH),
        "ranker_facts": ArtifactKind(".json", True, "ranker", switch=SWITCH),
    },
    stages=_stages,
    sections={"hybrid": HybridConfig},
    sources=(
        Source(
            name="variants",
            needs=("interactions", "statistics", "popular"),
            open=_variants,
            candidates=20,
            weight=2,
            place=6,
            suits=_has_variants,
        ),
    ),
    fallback=(
        "twotower",
        "transitions",
        "sessions",
        "graph",
        "itemknn",
        "collab",
        "content",
        "popular",
    ),
    tune=Target(
        "hybrid",
        {
            "hybrid.leaves": Span(4, 63, log=True),
            "hybrid.learning_rate": Span(0.01, 0.2, log=True),
            "hybrid.min_in_leaf": Span(10, 500, log=True),
            "hybrid.feature_fraction": Span(0.2, 1.0),
            "hybrid.l2": Span(0.1, 100.0, log=True),
            "hybrid.truncation": Span(5, 50),
        },
    ),
    cost=80,
)
