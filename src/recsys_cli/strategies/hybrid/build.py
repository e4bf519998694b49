"""Puts the strategy `hybrid` together from the artifacts that there are."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from typing import Any

from recsys_cli.errors import ArtifactError, Command
from recsys_cli.events.interactions import Interactions
from recsys_cli.strategies.base import Packs, Space
from recsys_cli.strategies.hybrid.blend import Blend
from recsys_cli.strategies.hybrid.candidates import Recall
from recsys_cli.strategies.hybrid.features import Features
from recsys_cli.strategies.hybrid.ranker import Ranker
from recsys_cli.strategies.hybrid.sources import all_sources
from recsys_cli.strategies.hybrid.statistics import Statistics
from recsys_cli.strategies.hybrid.strategy import Hybrid
from recsys_cli.strategies.popular.train import Popularity

_MOST = 100_000
"""Items that a source may bring."""


def sources_there(
    artifacts: Packs, lengths: Mapping[str, int], *, kinds_known: Container[str] | None = None
) -> dict[str, int]:
    """Those of the sources asked for that the artifacts and the dataset allow, with lengths.

    Args:
        artifacts: packs by kind.
        lengths: how many items each source is to bring; 0 for none.
        kinds_known: kinds of artifact to which sources are confined; None means all.
    """
    statistics = artifacts.pack("statistics")
    there = {}
    for name, source in all_sources().items():
        known = kinds_known is None or all(kind in kinds_known for kind in source.needs)
        if not known or not lengths.get(name) or not source.suits(statistics):
            continue
        if all(artifacts.has(kind) for kind in source.needs):
            there[name] = int(lengths[name])
    return there


def open_features(artifacts: Packs, lengths: Mapping[str, int]) -> tuple[Recall, Features]:
    """What finds and describes candidates of these sources, on one thread for a block of users.

    Raises:
        ArtifactError: an artifact that a source needs is missing.
    """
    history = Interactions.from_pack(artifacts.pack("interactions"))
    statistics = Statistics.from_pack(artifacts.pack("statistics"))
    known = all_sources()
    sources = {name: (known[name].open(artifacts, 1), n) for name, n in lengths.items()}
    spaces = _open_spaces(artifacts, list(sources))
    recall = Recall(
        sources,
        scored=[space.name for space in spaces],
        own=None if statistics.repurchase else history.matrix,
    )
    features = Features(
        sources=recall.names,
        spaces=spaces,
        statistics=statistics,
        popularity=Popularity.from_pack(artifacts.pack("popular")),
        history=history,
    )
    return recall, features


def _open_spaces(artifacts: Packs, names: Sequence[str]) -> tuple[Space, ...]:
    """The spaces of those of the strategies `names` that have one."""
    from recsys_cli.strategies import STRATEGIES

    made = [STRATEGIES[name].space for name in names if name in STRATEGIES]
    return tuple(space(artifacts) for space in made if space is not None)


def build_hybrid(artifacts: Packs, threads: int) -> Hybrid:
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
        unknown = [name for name in lengths if name not in all_sources()]
        if unknown:
            raise ArtifactError(
                f"the ranker was trained with the source {unknown[0]}, which there is not",
                hint=Command("hybrid", "train"),
            )
        recall, features = open_features(artifacts, lengths)
        scorer: Any = Ranker(artifacts.text("ranker"), features.names)
    else:
        lengths = sources_there(artifacts, settings["candidates"])
        recall, features = open_features(artifacts, lengths)
        cold = frozenset(name for name, source in all_sources().items() if source.cold)
        scorer = Blend(settings["weights"], cold)
    history = Interactions.from_pack(artifacts.pack("interactions"))
    return Hybrid(recall, features, scorer, history.matrix, history.reference, threads)


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
