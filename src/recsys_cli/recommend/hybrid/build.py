"""Puts the strategy `hybrid` together from the artifacts that there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping
from typing import Any

from recsys_cli.errors import ArtifactError, Command
from recsys_cli.models.popularity import Popularity
from recsys_cli.models.statistics import Statistics
from recsys_cli.recommend.content import Content
from recsys_cli.recommend.contract import Recommender
from recsys_cli.recommend.graph import Graph
from recsys_cli.recommend.hybrid.blend import Blend
from recsys_cli.recommend.hybrid.candidates import Recall
from recsys_cli.recommend.hybrid.features import Features
from recsys_cli.recommend.hybrid.histories import History
from recsys_cli.recommend.hybrid.ranker import Ranker
from recsys_cli.recommend.hybrid.spaces import Artifacts, open_spaces
from recsys_cli.recommend.hybrid.strategy import Hybrid
from recsys_cli.recommend.hybrid.variants import Variants
from recsys_cli.recommend.itemknn import ItemKnn
from recsys_cli.recommend.strategies import ByProduct, Popular, Repurchase

_MOST = 100_000
"""Items that a source may bring."""

Maker = Callable[[Artifacts, int], Recommender]


def _variants(artifacts: Artifacts, _threads: int) -> Recommender:
    statistics = Statistics.from_pack(artifacts.pack("statistics"))
    history = History.from_pack(artifacts.pack("interactions"))
    return Variants(
        history.matrix,
        history.last,
        variant=statistics.variant,
        popularity=Popularity.from_pack(artifacts.pack("popular")).scores[0],
        reference=history.reference,
    )


def _twotower(artifacts: Artifacts, threads: int) -> Recommender:
    return ByProduct.two_tower(artifacts.pack("two_tower_vectors"), threads=threads)


SOURCES: dict[str, tuple[tuple[str, ...], Maker]] = {
    "repurchase": (
        ("interactions",),
        lambda artifacts, _: Repurchase.from_pack(artifacts.pack("interactions")),
    ),
    "popular": (
        ("popular",),
        lambda artifacts, _: Popular.from_pack(artifacts.pack("popular")),
    ),
    "collab": (
        ("als",),
        lambda artifacts, threads: ByProduct.collab(artifacts.pack("als"), threads=threads),
    ),
    "itemknn": (
        ("interactions", "itemknn"),
        lambda artifacts, _: ItemKnn.from_packs(
            artifacts.pack("interactions"), artifacts.pack("itemknn")
        ),
    ),
    "graph": (
        ("interactions", "graph"),
        lambda artifacts, threads: Graph.from_packs(
            artifacts.pack("interactions"), artifacts.pack("graph"), threads=threads
        ),
    ),
    "variants": (("interactions", "statistics", "popular"), _variants),
    "content": (
        ("content", "user_vectors"),
        lambda artifacts, threads: Content.from_packs(
            artifacts.pack("content"), artifacts.pack("user_vectors"), threads=threads
        ),
    ),
    "twotower": (("two_tower_vectors",), _twotower),
}
"""By name: the kinds of artifact that a source of candidates needs, and how it is made."""


def sources_there(
    artifacts: Artifacts, lengths: Mapping[str, int], *, kinds_known: Container[str] | None = None
) -> dict[str, int]:
    """Those of the sources asked for that the artifacts and the dataset allow, with lengths.

    Args:
        artifacts: packs by kind.
        lengths: how many items each source is to bring; 0 for none.
        kinds_known: kinds of artifact to which sources are confined; None means all.
    """
    statistics = artifacts.pack("statistics")
    there = {}
    for name, (kinds, _) in SOURCES.items():
        confined = kinds_known is not None and any(kind not in kinds_known for kind in kinds)
        if confined or not lengths.get(name) or not all(artifacts.has(kind) for kind in kinds):
            continue
        if name == "repurchase" and not statistics["repurchase"]:
            continue
        if name == "variants" and int(statistics["variant"].max(initial=-1)) < 0:
            continue
        there[name] = int(lengths[name])
    return there


def open_features(
    artifacts: Artifacts, lengths: Mapping[str, int], *, threads: int = 0
) -> tuple[Recall, Features]:
    """What finds and describes candidates of these sources.

    Raises:
        ArtifactError: an artifact that a source needs is missing.
    """
    history = History.from_pack(artifacts.pack("interactions"))
    statistics = Statistics.from_pack(artifacts.pack("statistics"))
    sources = {name: (SOURCES[name][1](artifacts, threads), n) for name, n in lengths.items()}
    recall = Recall(sources, own=None if statistics.repurchase else history.matrix)
    features = Features(
        sources=recall.names,
        spaces=open_spaces(artifacts, recall.names),
        statistics=statistics,
        popularity=Popularity.from_pack(artifacts.pack("popular")),
        history=history,
    )
    return recall, features


def build_hybrid(artifacts: Any, threads: int) -> Hybrid:
    """The strategy over one dataset's artifacts: with the ranker if there is one.

    Args:
        artifacts: packs by kind, and the text of the ranker.
        threads: threads for many users; 0 means all cores.

    Raises:
        ArtifactError: something is missing, or the ranker was made for other features.
    """
    settings = artifacts.pack("hybrid")
    if artifacts.has("ranker"):
        lengths = _trained_with(artifacts.text("ranker_facts"))
        unknown = [name for name in lengths if name not in SOURCES]
        if unknown:
            raise ArtifactError(
                f"the ranker was trained with the source {unknown[0]}, which there is not",
                hint=Command("hybrid", "train"),
            )
        recall, features = open_features(artifacts, lengths, threads=threads)
        scorer: Any = Ranker(artifacts.text("ranker"), features.names, threads=threads)
    else:
        lengths = sources_there(artifacts, settings["candidates"])
        recall, features = open_features(artifacts, lengths, threads=threads)
        scorer = Blend(settings["weights"])
    history = History.from_pack(artifacts.pack("interactions"))
    return Hybrid(recall, features, scorer, history.matrix, history.reference)


def _trained_with(facts: str) -> dict[str, int]:
    """The sources that a ranker was trained with, and the lengths of their lists.

    Raises:
        ArtifactError: the facts do not say.
    """
    try:
        sources = json.loads(facts)["sources"]
        lengths = {name: length for name, length in sources}
    except (ValueError, LookupError, TypeError, RecursionError):
        lengths = {}
    whole = all(type(length) is int and 0 < length <= _MOST for length in lengths.values())
    if not lengths or not whole or not all(type(name) is str for name in lengths):
        raise ArtifactError(
            "what is said of the ranker does not name its sources", hint=Command("hybrid", "train")
        )
    return lengths
