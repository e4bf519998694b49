"""The stages from texts and pictures to item vectors, their indexes and user vectors.

A stage whose encoder recsys.toml does not name is off, and left out of builds and of status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.build.stage import Stage, Surroundings
from recsys_cli.config import Config
from recsys_cli.config.encoders import encoder_named, is_fitted
from recsys_cli.config.load import raw_path
from recsys_cli.encoders.configured import configured_image_encoder, configured_text_encoder
from recsys_cli.store.kinds import ALL
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.strategies.content.runs import (
    embed_image,
    embed_text,
    index,
    index_all,
    items_with_spec,
    user_model,
)
from recsys_cli.strategies.content.switches import BOTH, COMMON, IMAGE, TEXT, comparable

if TYPE_CHECKING:
    from recsys_cli.encoders.contract import ImageEncoder


def content_stages() -> list[Stage]:
    """embed.text, embed.image, index, index.all and usermodel."""
    return [
        Stage(
            name="embed.text",
            summary="items' texts to vectors",
            inputs=("items", "ids", "spec"),
            outputs=("text_embeddings", "text_encoder"),
            sections=("text",),
            run=embed_text,
            per_snapshot=False,
            switch=TEXT,
            pool=_fitted_together,
            beyond=_text_identity,
            caches=_text_caches,
        ),
        Stage(
            name="embed.image",
            summary="items' pictures to vectors",
            inputs=("items", "ids", "spec"),
            outputs=("image_embeddings",),
            sections=("image",),
            run=embed_image,
            per_snapshot=False,
            switch=IMAGE,
            beyond=_image_identity,
            caches=_image_caches,
        ),
        Stage(
            name="index",
            summary="text and image vectors to one vector per item and an index over them",
            inputs=("ids", "text_embeddings", "image_embeddings"),
            outputs=("content", "index", "index_facts"),
            sections=("content.text_weight", "content.image_weight", "index"),
            run=index,
            per_snapshot=False,
            switch=BOTH,
            version=2,
        ),
        Stage(
            name="index.all",
            summary="one index over the items of all datasets",
            inputs=("text_embeddings", "image_embeddings"),
            outputs=("all_index", "all_index_facts", "all_index_rows"),
            sections=("content.text_weight", "content.image_weight", "index"),
            run=index_all,
            per_snapshot=False,
            whole=True,
            switch=COMMON,
        ),
        Stage(
            name="usermodel",
            summary="users as the recency-weighted mean of their items' vectors",
            inputs=("interactions", "content"),
            outputs=("user_vectors",),
            sections=(
                "content.half_life_days",
                "content.half_life_events",
                "content.availability_half_life_days",
                "content.new_days",
                "content.availability_weight",
            ),
            run=user_model,
            switch=BOTH,
            version=3,
        ),
    ]


def index_stages(config: Config, datasets: Sequence[str]) -> list[str]:
    """What `recsys index` builds: the common index too, if no dataset is left out."""
    everything = set(datasets) == set(config.datasets)
    return ["index", "index.all"] if everything and comparable(config, ALL) else ["index"]


def _fitted_together(config: Config, dataset: str) -> Sequence[str]:
    """The other datasets on whose texts the encoder is fitted, if it has to be fitted."""
    named = encoder_named(config, "text", dataset)
    if named is None or not is_fitted(named):
        return ()
    return [
        other
        for other in config.datasets
        if other != dataset and encoder_named(config, "text", other) == named
    ]


def _text_identity(around: Surroundings) -> Mapping[str, str]:
    """The model's weights; what a fitted encoder is made of are inputs of the stage already."""
    encoder = configured_text_encoder(
        around.config, around.dataset, root=around.workspace.root, hashes=around.hashes
    )
    return {"encoder": encoder.fingerprint} if encoder.cacheable else {}


def _text_caches(around: Surroundings, _snapshot: Snapshot) -> Sequence[Path]:
    from recsys_cli.encoders import EmbeddingCache

    cache = EmbeddingCache(around.workspace.cache)
    return [path for known in _text_identity(around).values() for path in cache.read_with(known)]


def _image_encoder(around: Surroundings) -> ImageEncoder:
    root, hashes = around.workspace.root, around.hashes
    return configured_image_encoder(around.config, around.dataset, root=root, hashes=hashes)


def _image_caches(around: Surroundings, _snapshot: Snapshot) -> Sequence[Path]:
    from recsys_cli.encoders import EmbeddingCache

    fingerprint = _image_encoder(around).fingerprint
    return EmbeddingCache(around.workspace.cache).read_with(fingerprint)


def _image_identity(around: Surroundings) -> Mapping[str, str]:
    """The model's weights and the contents of the pictures, hashed once per change."""
    import hashlib

    from recsys_cli.encoders import EmbeddingCache
    from recsys_cli.encoders.items import item_pictures

    root = around.workspace.root
    encoder = _image_encoder(around)
    items, spec = items_with_spec(
        *(around.workspace.file(kind, around.dataset) for kind in ("items", "spec"))
    )
    named = raw_path(around.config, around.dataset)
    pictures = item_pictures(items, spec, workspace=root, named=named)
    files = list(dict.fromkeys(path for path in pictures if path is not None))
    digests = (
        EmbeddingCache(around.workspace.cache)
        .files()
        .digests(files, root=root, threads=around.config.threads or 4, progress=around.progress)
    )
    listing = hashlib.sha256()
    for file, found in zip(files, digests, strict=True):
        listing.update(f"{file.as_posix()}\0".encode() + (found.digest or b"-"))
    return {"encoder": encoder.fingerprint, "pictures": listing.hexdigest()}
