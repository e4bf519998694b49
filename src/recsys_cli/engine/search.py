"""Searches by words or by a picture, in the shape of `recsys search --json`.

The query goes through the encoders that the items' vectors were made with (`queries`). One
dataset's items are compared one by one, which costs less than importing FAISS; all datasets'
together through their common index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.config import Config
from recsys_cli.config.encoders import content_on, off_hint
from recsys_cli.engine.queries import Query, QueryEncoders
from recsys_cli.engine.similar import CONTENT, Similar
from recsys_cli.errors import ArtifactError, Command, ConfigError
from recsys_cli.ranking.vectors import Mask
from recsys_cli.store.kinds import ALL
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.content.fusion import TEXT, ContentSpace

if TYPE_CHECKING:
    from recsys_cli.strategies.content.itemsources import SourceRows


def search(
    workspace: Workspace,
    config: Config,
    datasets: Sequence[str],
    query: Query,
    *,
    k: int,
    encoders: QueryEncoders | None = None,
) -> dict[str, Any]:
    """The answer of `recsys search`: the k items whose content is nearest to the query.

    Args:
        workspace: where the items' vectors are.
        config: names the encoders.
        datasets: one dataset, or all of the workspace.
        query: words or a picture.
        k: how many items.
        encoders: those of the workspace, kept open by who searches often.

    Raises:
        ConfigError: no encoder is named that could read the query, or it can't be loaded.
        UsageError: a query without a word that any text has.
        ArtifactError: the vectors are not there, or were made with another encoder.
    """
    encoders = encoders or QueryEncoders(workspace, config)
    if len(datasets) == 1:
        items = _in_one(workspace, config, datasets[0], query, k=k, encoders=encoders)
        return found(query, datasets[0], items)
    return found(query, ALL, _in_all(workspace, config, datasets, query, k=k, encoders=encoders))


def found(query: Query, dataset: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """What a search answers, around the items that it found."""
    return {
        "query": str(query),
        "dataset": dataset,
        "strategy_used": CONTENT if items else None,
        "fallback_reason": None,
        "items": items,
    }


def _in_one(
    workspace: Workspace,
    config: Config,
    dataset: str,
    query: Query,
    *,
    k: int,
    encoders: QueryEncoders,
) -> list[dict[str, Any]]:
    artifacts = Artifacts(workspace, dataset, config=config)
    if not content_on(config, dataset):
        raise ConfigError("recsys.toml names no text or image encoder", hint=off_hint(TEXT))
    space = ContentSpace.from_pack(artifacts.pack("content"))
    vector = encoders.vector([dataset], space, query)
    return [{**item, "dataset": dataset} for item in Similar(artifacts).like(vector, k=k)]


def _in_all(
    workspace: Workspace,
    config: Config,
    datasets: Sequence[str],
    query: Query,
    *,
    k: int,
    encoders: QueryEncoders,
) -> list[dict[str, Any]]:
    from recsys_cli.strategies.content.itemindex import load_index

    if not any(content_on(config, name) for name in datasets):
        raise ConfigError("recsys.toml names no text or image encoder", hint=off_hint(TEXT))
    opened = {name: Artifacts(workspace, name) for name in datasets}
    rows = _source_rows(workspace, opened)
    index = load_index(
        workspace.file("all_index", ALL),
        encoders=rows.space.encoders,
        dim=rows.space.dim,
        items_fingerprint=rows.items_fingerprint,
        facts_path=workspace.file("all_index_facts", ALL),
    )
    vector = encoders.vector(datasets, rows.space, query)
    numbers, scores = index.search(vector[None], k=k, allow=_still_there(rows, opened))
    items = []
    for rank, (number, score) in enumerate(zip(numbers[0], scores[0], strict=True), 1):
        if number < 0:
            break
        dataset, row = rows.datasets[int(rows.dataset[number])], int(rows.row[number])
        items.append(
            {
                "rank": rank,
                "item": opened[dataset].items[row],
                "score": float(str(score)),
                "name": opened[dataset].names[row],
                "sources": [CONTENT],
                "dataset": dataset,
            }
        )
    return items


def _still_there(rows: SourceRows, opened: Mapping[str, Artifacts]) -> Mask | None:
    """(numbers,) what may be found in the common index; None where nothing left a catalogue."""
    allow = np.ones(len(rows.row), np.bool_)
    for code, name in enumerate(rows.datasets):
        there = opened[name].still_there if name in opened else None
        if there is not None:
            own = rows.dataset == code
            allow[own] = there[rows.row[own]]
    return None if allow.all() else allow


def _source_rows(workspace: Workspace, opened: Mapping[str, Artifacts]) -> SourceRows:
    """What the numbers in the common index stand for, checked against the ids there are now."""
    from recsys_cli.strategies.content.itemsources import SourceRows, sources_fingerprint

    path = workspace.path("all_index_rows", ALL)
    if not path.exists():
        raise ArtifactError(
            f"{workspace.relative(path)} does not exist",
            hint=(
                Command("index"),
                f"\n  → or search one dataset with --dataset {next(iter(opened))}",
            ),
        )
    rows = SourceRows.from_pack(workspace.pack("all_index_rows", ALL))
    now = {
        name: str(opened[name].pack("ids")["items_fingerprint"]) if name in opened else ""
        for name in rows.datasets
    }
    if sources_fingerprint(now) != rows.items_fingerprint:
        raise ArtifactError(
            f"{workspace.relative(path)} was made for other items than there are now",
            hint=Command("index"),
        )
    for code, name in enumerate(rows.datasets):
        if rows.row[rows.dataset == code].max(initial=-1) >= len(opened[name].items):
            raise ArtifactError(
                f"{workspace.relative(path)} has rows beyond the items of {name}",
                hint=Command("index"),
            )
    return rows
