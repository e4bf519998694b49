"""Searches by words or by a picture, in the shape of `recsys search --json`.

The query goes through the encoders that the items' vectors were made with. Words are compared
with texts through the text encoder, and with pictures where the image encoder reads texts too.
One dataset's items are compared one by one, which costs less than importing FAISS; all
datasets' together through their common index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.config import Config
from recsys_cli.encoders.configured import (
    configured_image_encoder,
    configured_text_encoder,
    content_on,
    encoder_named,
    is_fitted,
    off_hint,
)
from recsys_cli.errors import ArtifactError, ConfigError, UsageError
from recsys_cli.models.fusion import IMAGE, TEXT, ContentSpace
from recsys_cli.recommend.artifacts import Artifacts
from recsys_cli.recommend.similar import CONTENT, Similar
from recsys_cli.store.packs import load_pack
from recsys_cli.store.workspace import ALL, Workspace

if TYPE_CHECKING:
    from recsys_cli.encoders import ImageEncoder, TextEncoder
    from recsys_cli.models.itemsources import SourceRows

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: words, or a picture's file."""

    words: str | None = None
    picture: Path | None = None

    def __str__(self) -> str:
        return self.words if self.words is not None else str(self.picture)


def search(
    workspace: Workspace, config: Config, datasets: Sequence[str], query: Query, *, k: int
) -> dict[str, Any]:
    """The answer of `recsys search`: the k items whose content is nearest to the query.

    Args:
        workspace: where the items' vectors are.
        config: names the encoders.
        datasets: one dataset, or all of the workspace.
        query: words or a picture.
        k: how many items.

    Raises:
        ConfigError: no encoder is named that could read the query, or it can't be loaded.
        UsageError: a query without a word that any text has.
        ArtifactError: the vectors are not there, or were made with another encoder.
    """
    if len(datasets) == 1:
        items = _in_one(workspace, config, datasets[0], query, k=k)
        return {"query": str(query), "dataset": datasets[0], "items": items}
    items = _in_all(workspace, config, datasets, query, k=k)
    return {"query": str(query), "dataset": ALL, "items": items}


def _in_one(
    workspace: Workspace, config: Config, dataset: str, query: Query, *, k: int
) -> list[dict[str, Any]]:
    artifacts = Artifacts(workspace, dataset, config=config)
    if not content_on(config, dataset):
        raise ConfigError("recsys.toml names no text or image encoder", hint=off_hint(TEXT))
    space = ContentSpace.from_pack(artifacts.pack("content"))
    vector = _query_vector(workspace, config, [dataset], space, query)
    found = Similar(artifacts).like(vector, k=k)
    return [{**item, "dataset": dataset} for item in found]


def _in_all(
    workspace: Workspace, config: Config, datasets: Sequence[str], query: Query, *, k: int
) -> list[dict[str, Any]]:
    from recsys_cli.models.itemindex import load_index

    if not any(content_on(config, name) for name in datasets):
        raise ConfigError("recsys.toml names no text or image encoder", hint=off_hint(TEXT))
    opened = {name: Artifacts(workspace, name) for name in datasets}
    rows = _source_rows(workspace, opened)
    index = load_index(
        workspace.path("all_index", ALL),
        encoders=rows.space.encoders,
        dim=rows.space.dim,
        items_fingerprint=rows.items_fingerprint,
        facts_path=workspace.path("all_index_facts", ALL),
    )
    vector = _query_vector(workspace, config, datasets, rows.space, query)
    numbers, scores = index.search(vector[None], k=k)
    found = []
    for rank, (number, score) in enumerate(zip(numbers[0], scores[0], strict=True), 1):
        if number < 0:
            break
        dataset, row = rows.datasets[int(rows.dataset[number])], int(rows.row[number])
        found.append(
            {
                "rank": rank,
                "item": opened[dataset].items[row],
                "score": float(str(score)),
                "name": opened[dataset].names[row],
                "sources": [CONTENT],
                "dataset": dataset,
            }
        )
    return found


def _source_rows(workspace: Workspace, opened: Mapping[str, Artifacts]) -> SourceRows:
    """What the numbers in the common index stand for, checked against the ids there are now."""
    from recsys_cli.models.itemsources import SourceRows, sources_fingerprint

    path = workspace.path("all_index_rows", ALL)
    if not path.exists():
        raise ArtifactError(
            f"{workspace.relative(path)} does not exist",
            hint=f"recsys index\n  → or search one dataset with --dataset {next(iter(opened))}",
        )
    rows = SourceRows.from_pack(load_pack(path))
    now = {
        name: str(opened[name].pack("ids")["items_fingerprint"]) if name in opened else ""
        for name in rows.datasets
    }
    if sources_fingerprint(now) != rows.items_fingerprint:
        raise ArtifactError(
            f"{workspace.relative(path)} was made for other items than there are now",
            hint="recsys index",
        )
    return rows


def _query_vector(
    workspace: Workspace, config: Config, datasets: Sequence[str], space: ContentSpace, query: Query
) -> Vectors:
    """The query in the space of the items, whose encoders any of the datasets may name."""
    text_by, image_by = (
        next((name for name in datasets if encoder_named(config, part, name)), None)
        for part in (TEXT, IMAGE)
    )
    if query.picture is not None:
        image = _of_picture(workspace, config, image_by, space, query.picture)
        return space.query_vector(image=image)
    words = (query.words or "").strip()
    if not words:
        raise UsageError("there is nothing to search for", hint='recsys search "red dress"')
    found: dict[str, Vectors] = {}
    if TEXT in space.encoders and text_by:
        encoded = _text_encoder(workspace, config, text_by, space).encode_queries([words])[0]
        if encoded.any():
            found[TEXT] = encoded
    if IMAGE in space.encoders and image_by:
        from recsys_cli.encoders.contract import TextTower

        encoder = _image_encoder(workspace, config, image_by, space)
        if isinstance(encoder, TextTower):
            found[IMAGE] = encoder.encode_text([words])[0]
    if not found:
        if TEXT in space.encoders and text_by:
            raise UsageError(f"no item's text has any of the words {words!r}")
        raise ConfigError(
            "items have no vectors that words could be compared with", hint=off_hint(TEXT)
        )
    return space.query_vector(text=found.get(TEXT), image=found.get(IMAGE))


def _of_picture(
    workspace: Workspace, config: Config, dataset: str | None, space: ContentSpace, picture: Path
) -> Vectors:
    from recsys_cli.encoders import encode_picture

    if dataset is None:
        raise ConfigError("recsys.toml names no image encoder", hint=off_hint(IMAGE))
    if IMAGE not in space.encoders:
        raise ArtifactError(
            "no item has a vector of its picture", hint="recsys embed image && recsys index"
        )
    encoder = _image_encoder(workspace, config, dataset, space)
    vector: Vectors = encode_picture(picture, encoder)[0]
    return vector


def _text_encoder(
    workspace: Workspace, config: Config, dataset: str, space: ContentSpace
) -> TextEncoder:
    path = workspace.path("text_encoder", dataset)
    fitted = load_pack(path) if path.exists() else {}
    named = encoder_named(config, TEXT, dataset) or ""
    if is_fitted(named) and not fitted:
        _check_same(space, TEXT, named)
    encoder = configured_text_encoder(
        config,
        dataset,
        root=workspace.root,
        hashes=workspace.hashes(),
        fitted=fitted or None,
    )
    _check_same(space, TEXT, encoder.name)
    return encoder


def _image_encoder(
    workspace: Workspace, config: Config, dataset: str, space: ContentSpace
) -> ImageEncoder:
    encoder = configured_image_encoder(
        config, dataset, root=workspace.root, hashes=workspace.hashes()
    )
    _check_same(space, IMAGE, encoder.name)
    return encoder


def _check_same(space: ContentSpace, part: str, name: str) -> None:
    if space.encoders[part] != name:
        raise ArtifactError(
            f"the items' {part} vectors were made with {space.encoders[part]}, but the query would "
            f"be encoded with {name}",
            hint="recsys index",
        )
