"""Searches by words or by a picture, in the shape of `recsys search --json`.

The query goes through the encoders that the items' vectors were made with (`queries`). One
dataset's items are compared one by one, which costs less than importing FAISS; all datasets'
together through their common index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.config import Config
from recsys_cli.config.encoders import content_on, off_hint
from recsys_cli.engine.attributes import Attributes, Heard
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.queries import Query, QueryEncoders
from recsys_cli.engine.similar import CONTENT, Similar
from recsys_cli.errors import ArtifactError, Command, ConfigError, UnknownWordsError
from recsys_cli.ranking.vectors import Mask, Vectors
from recsys_cli.store.kinds import ALL
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.content.fusion import TEXT, ContentSpace

if TYPE_CHECKING:
    from recsys_cli.strategies.content.itemsources import SourceRows

Found = tuple[list[dict[str, Any]], dict[str, list[str]]]
"""Items, and the words of the query that columns have, with the values that they stand for."""


def search(
    workspace: Workspace,
    config: Config,
    datasets: Sequence[str],
    query: Query,
    *,
    k: int,
    where: Sequence[str] = (),
    encoders: QueryEncoders | None = None,
) -> dict[str, Any]:
    """The answer of `recsys search`: the k items that are nearest to the query.

    Of words, those that are values of catalogue columns count on their own (see `attributes`).

    Args:
        workspace: where the items' vectors are.
        config: names the encoders.
        datasets: one dataset, or all of the workspace.
        query: words or a picture.
        k: how many items.
        where: conditions on the items table, see `conditions`; those of each dataset.
        encoders: those of the workspace, kept open by who searches often.

    Raises:
        ConfigError: no encoder is named that could read the query, or it can't be loaded.
        UsageError: a query without a word that any text has.
        ArtifactError: the vectors are not there, or were made with another encoder.
    """
    encoders = encoders or QueryEncoders(workspace, config)
    opened = {name: Artifacts(workspace, name, config=config) for name in datasets}
    allow = {name: _meeting(artifacts, where) for name, artifacts in opened.items()}
    if len(datasets) == 1:
        items, words = _in_one(
            opened[datasets[0]], config, query, k=k, allow=allow[datasets[0]], encoders=encoders
        )
        return found(query, datasets[0], items, words=words)
    items, words = _in_all(workspace, config, opened, query, k=k, allow=allow, encoders=encoders)
    return found(query, ALL, items, words=words)


def _meeting(artifacts: Artifacts, where: Sequence[str]) -> Mask | None:
    """(n_items,) what may be found of a dataset; None for everything."""
    if not where:
        return artifacts.still_there if artifacts.has("ids") else None
    return Engine(artifacts.workspace, artifacts.dataset, artifacts=artifacts).meeting(where)


def found(
    query: Query,
    dataset: str,
    items: list[dict[str, Any]],
    *,
    words: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """What a search answers, around the items that it found; `words` are those that were heard."""
    return {
        "query": str(query),
        "dataset": dataset,
        "strategy_used": CONTENT if items else None,
        "fallback_reason": None,
        "items": items,
        **({"understood": dict(words)} if words else {}),
    }


def _in_one(
    artifacts: Artifacts,
    config: Config,
    query: Query,
    *,
    k: int,
    allow: Mask | None,
    encoders: QueryEncoders,
) -> Found:
    dataset = artifacts.dataset
    if not content_on(config, dataset):
        raise ConfigError("recsys.toml names no text or image encoder", hint=off_hint(TEXT))
    space = ContentSpace.from_pack(artifacts.pack("content"))
    heard = _heard(artifacts, space, query, encoders)
    vector = vector_of(lambda: encoders.vector([dataset], space, query), space, heard)
    items = Similar(artifacts).like(vector, k=k, allow=allow, heard=heard)
    return [of_dataset(item, dataset) for item in items], heard.words if heard else {}


def of_dataset(item: dict[str, Any], dataset: str) -> dict[str, Any]:
    """An item of a search with its dataset, and behind that what it has of the query."""
    matched = item.pop("matched", None)
    return item | {"dataset": dataset} | ({} if matched is None else {"matched": matched})


def vector_of(encode: Callable[[], Vectors], space: ContentSpace, heard: Heard | None) -> Vectors:
    """What `encode` makes of a query, (dim,) float32; zeros where only columns have its words.

    Raises:
        UnknownWordsError: nothing has any.
    """
    try:
        return encode()
    except UnknownWordsError:
        if heard is None:
            raise
        return np.zeros(space.dim, np.float32)


def _heard(
    artifacts: Artifacts, space: ContentSpace, query: Query, encoders: QueryEncoders
) -> Heard | None:
    """What a query says of a dataset's columns."""
    if query.words is None:
        return None

    def encode(texts: Sequence[str]) -> Vectors:
        return encoders.texts(artifacts.dataset, space, texts)

    return Attributes.of(artifacts).heard(query.words, encode if TEXT in space.encoders else None)


def _in_all(
    workspace: Workspace,
    config: Config,
    opened: Mapping[str, Artifacts],
    query: Query,
    *,
    k: int,
    allow: Mapping[str, Mask | None],
    encoders: QueryEncoders,
) -> Found:
    from recsys_cli.strategies.content.itemindex import load_index

    datasets = list(opened)
    if not any(content_on(config, name) for name in datasets):
        raise ConfigError("recsys.toml names no text or image encoder", hint=off_hint(TEXT))
    rows = _source_rows(workspace, opened)
    index = load_index(
        workspace.file("all_index", ALL),
        encoders=rows.space.encoders,
        dim=rows.space.dim,
        items_fingerprint=rows.items_fingerprint,
        facts_path=workspace.file("all_index_facts", ALL),
    )
    if query.words is not None:
        found = _heard_in_all(opened, query, k=k, allow=allow, encoders=encoders)
        if found[1]:
            return found
    vector = encoders.vector(datasets, rows.space, query)
    numbers, scores = index.search(vector[None], k=k, allow=_allowed(rows, allow))
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
    return items, {}


def _heard_in_all(
    opened: Mapping[str, Artifacts],
    query: Query,
    *,
    k: int,
    allow: Mapping[str, Mask | None],
    encoders: QueryEncoders,
) -> Found:
    """The nearest of all datasets, each asked by itself: what is heard differs from one to another.

    Their scores compare, since each is the cosine of what the query is compared with.
    """
    items: list[dict[str, Any]] = []
    words: dict[str, list[str]] = {}
    asked = {name: artifacts for name, artifacts in opened.items() if artifacts.has("content")}
    spaces = {name: ContentSpace.from_pack(of.pack("content")) for name, of in asked.items()}
    heard = {name: _heard(of, spaces[name], query, encoders) for name, of in asked.items()}
    for name, said in heard.items():
        if not any(heard.values()):
            break
        ask = partial(encoders.vector, list(opened), spaces[name], query)
        vector = vector_of(ask, spaces[name], next(filter(None, heard.values())))
        listed = Similar(asked[name]).like(vector, k=k, allow=allow[name], heard=said)
        items += [of_dataset(item, name) for item in listed]
        for word, values in (said.words if said else {}).items():
            known = words.setdefault(word, [])
            known += [value for value in values if value not in known]
    items = sorted(items, key=lambda item: -item["score"])[:k]
    return [item | {"rank": rank} for rank, item in enumerate(items, 1)], words


def _allowed(rows: SourceRows, allow: Mapping[str, Mask | None]) -> Mask | None:
    """(numbers,) what may be found in the common index; None for everything."""
    mask = np.ones(len(rows.row), np.bool_)
    for code, name in enumerate(rows.datasets):
        there = allow.get(name)
        if there is not None:
            own = rows.dataset == code
            mask[own] = there[rows.row[own]]
    return None if mask.all() else mask


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
