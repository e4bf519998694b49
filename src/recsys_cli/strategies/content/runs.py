"""What the content stages do: each reads its inputs, calls the library, writes its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from recsys_cli.build.stage import Context, Facts
from recsys_cli.config.load import raw_path, section_for
from recsys_cli.counted import counted
from recsys_cli.encoders.configured import configured_image_encoder, configured_text_encoder
from recsys_cli.store.idtable import fingerprints_of
from recsys_cli.store.kinds import ALL

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.encoders import Embeddings, Skipped, TextEncoder
    from recsys_cli.strategies.content.fusion import ContentVectors
    from recsys_cli.strategies.content.itemindex import ItemIndex

PARTS = ("text", "image")
_SETTLED = timedelta(days=28)
_SHOWN = 10
_RECORDED = 100


def items_with_spec(items: Path, spec: Path) -> tuple[pl.DataFrame, DatasetSpec]:
    """Text and picture columns of an items table, and the spec beside it."""
    from recsys_cli.columns import IMAGE
    from recsys_cli.datasets.spec import read_spec
    from recsys_cli.store.tables import column_names, read_table

    known, have = read_spec(spec), column_names(items)
    columns = [name for name in dict.fromkeys([*known.text_columns, IMAGE]) if name in have]
    return read_table(items, columns), known


def _texts(context: Context, dataset: str) -> list[str | None]:
    from recsys_cli.encoders import item_texts

    return item_texts(
        *items_with_spec(context.input("items", dataset), context.input("spec", dataset))
    )


def embed_text(context: Context) -> Facts:
    """Encode items' texts."""
    from recsys_cli.encoders import EmbeddingCache, embed_texts
    from recsys_cli.store.packs import save_pack

    texts = _texts(context, context.dataset)
    encoder = configured_text_encoder(
        context.config,
        context.dataset,
        root=context.workspace.root,
        hashes=context.workspace.hashes(),
    )
    encoder = _fit(context, encoder, texts)
    found = embed_texts(
        texts, encoder, EmbeddingCache(context.workspace.cache), progress=context.progress
    )
    fingerprint = _items_fingerprint(context)
    pack = found.to_pack(encoder=encoder.name, items_fingerprint=fingerprint)
    save_pack(context.output("text_embeddings"), pack)
    save_pack(context.output("text_encoder"), encoder.to_pack())
    return _facts(found, encoder.name, encoder.facts, fingerprint)


def _fit(context: Context, encoder: TextEncoder, texts: list[str | None]) -> TextEncoder:
    """The encoder fitted on the texts of all datasets that share it, in the config's order."""
    if encoder.cacheable:
        return encoder
    every = {name: _texts(context, name) for name in context.inputs("items")}
    every[context.dataset] = texts
    return encoder.fit(
        text for name in sorted(every) for text in every[name][: _settled(context, name)]
    )


def _settled(context: Context, dataset: str) -> int:
    """The first items of a dataset, of those that were there by the last of some weeks' Mondays.

    What is fitted on them stays as it is while items are added; where most items have no events or
    times are not known, it is all of them.
    """
    import numpy as np

    from recsys_cli.moments import on_grid, seconds_at
    from recsys_cli.store.kinds import NEVER
    from recsys_cli.store.packs import load_pack

    ids = load_pack(context.input("ids", dataset))
    items = len(ids["item_offsets"]) - 1
    first = np.asarray(ids.get("item_first", np.zeros(0, np.int64)))
    known = first[first < NEVER]
    if not len(known):
        return items
    newest = datetime(1970, 1, 1) + timedelta(seconds=int(known.max()))
    settled = int((known < seconds_at(on_grid(newest, _SETTLED))).sum())
    return settled if 2 * settled > items else items


def embed_image(context: Context) -> Facts:
    """Encode items' pictures."""
    from recsys_cli.encoders import EmbeddingCache, embed_images, item_pictures
    from recsys_cli.store.packs import save_pack

    root = context.workspace.root
    encoder = configured_image_encoder(
        context.config, context.dataset, root=root, hashes=context.workspace.hashes()
    )
    found = embed_images(
        item_pictures(
            *items_with_spec(context.input("items"), context.input("spec")),
            workspace=root,
            named=raw_path(context.config, context.dataset),
        ),
        encoder,
        EmbeddingCache(context.workspace.cache),
        root=root,
        workers=context.section("image").workers or context.threads,
        progress=context.progress,
    )
    fingerprint = _items_fingerprint(context)
    pack = found.to_pack(encoder=encoder.name, items_fingerprint=fingerprint)
    save_pack(context.output("image_embeddings"), pack)
    missing = {one for one in found.skipped if not (root / one.file).exists()}
    _report_damaged(context, [one for one in found.skipped if one not in missing])
    if not found.has.any():
        _report_none(context)
    return {
        **_facts(found, encoder.name, encoder.facts, fingerprint),
        "missing": len(missing),
        "skipped": len(found.skipped) - len(missing),
        "skipped_files": [list(one) for one in found.skipped[:_RECORDED]],
    }


def _report_none(context: Context) -> None:
    """Say where pictures were looked for, and what lies there."""
    from recsys_cli.datasets.itempictures import Pictures

    named = raw_path(context.config, context.dataset)
    folder = context.workspace.root / named if named else None
    if folder is None or not folder.is_dir():
        where = f"{folder} is not there" if folder else "recsys.toml does not say where they lie"
    else:
        there = sorted(Pictures.below(folder).paths)
        where = f"below {named} there is no JPEG, PNG, WebP or GIF"
        if there:
            where = (
                f"below {named} lie {counted(len(there), 'pictures')}, such as {there[0]}, that no "
                "column of the items names and that are not called after an item's id"
            )
    context.progress.warn(f"no item of {context.dataset} has a picture: {where}")


def _report_damaged(context: Context, damaged: Sequence[Skipped]) -> None:
    for one in damaged[:_SHOWN]:
        context.progress.warn(f"{one.file} is left out: {one.reason}")
    if len(damaged) > _SHOWN:
        context.progress.warn(
            f"… and {counted(len(damaged) - _SHOWN, 'pictures more are left out')}"
        )


def _items_fingerprint(context: Context) -> str:
    from recsys_cli.store.packs import load_pack

    return str(load_pack(context.input("ids"))["items_fingerprint"])


def _facts(
    found: Embeddings, encoder: str, about: Mapping[str, Any], items_fingerprint: str
) -> Facts:
    return {
        "encoder": encoder,
        "dim": found.vectors.shape[1],
        "items": len(found.has),
        "items_with_vectors": int(found.has.sum()),
        "encoded": found.encoded,
        "reused": found.reused,
        **about,
        "items_fingerprint": items_fingerprint,
    }


def index(context: Context) -> Facts:
    """Fuse the parts of one dataset's items, and index them."""
    import numpy as np

    from recsys_cli.store.packs import load_pack, save_pack

    packs = {
        part: load_pack(context.inputs(f"{part}_embeddings")[context.dataset])
        for part in PARTS
        if context.inputs(f"{part}_embeddings")
    }
    content = _fused(context, packs)
    save_pack(context.output("content"), content.to_pack())
    index = _build_index(
        context, content.vectors[content.has], np.flatnonzero(content.has), content
    )
    index.save(context.output("index"), context.output("index_facts"))
    return {
        **_index_facts(index),
        "with_text": int(content.has_text.sum()),
        "with_image": int(content.has_image.sum()),
        "items_fingerprint": content.items_fingerprint,
    }


def _fused(context: Context, packs: Mapping[str, Mapping[str, Any]]) -> ContentVectors:
    """The items' vectors; without columns where no item has a text or picture."""
    import numpy as np

    from recsys_cli.strategies.content.fusion import ContentSpace, ContentVectors, fuse

    if any(pack["has"].any() for pack in packs.values()):
        weights = context.section("content")
        return fuse(
            packs.get("text"),
            packs.get("image"),
            text_weight=weights.text_weight,
            image_weight=weights.image_weight,
            settled=_settled(context, context.dataset),
        )
    context.progress.warn(f"no item of {context.dataset} has a text or picture to be found by")
    n_items = len(next(iter(packs.values()))["has"])
    none = np.zeros(n_items, np.bool_)
    nothing = np.zeros((n_items, 0), np.float32)
    return ContentVectors(nothing, none, none, _items_fingerprint(context), ContentSpace.empty())


def _build_index(
    context: Context,
    vectors: npt.NDArray[np.float32],
    ids: npt.ArrayLike,
    about: Any,
) -> ItemIndex:
    from recsys_cli.strategies.content.itemindex_build import build_index

    settings = context.section("index")
    return build_index(
        vectors,
        ids,
        encoders=about.space.encoders,
        items_fingerprint=about.items_fingerprint,
        kind=settings.kind,
        min_recall=settings.min_recall,
        progress=context.progress,
    )


def _index_facts(index: ItemIndex) -> Facts:
    facts = index.facts
    return {
        "kind": facts.kind,
        "vectors": facts.vectors,
        "dim": facts.dim,
        f"recall_at_{facts.recall_at}": facts.recall,
        "parameters": facts.parameters,
        "encoders": facts.encoders,
    }


def index_all(context: Context) -> Facts:
    """Fuse and index the items of all datasets."""
    import numpy as np

    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.content.itemsources import SourceRows, fuse_sources

    text, image = (
        {name: load_pack(path) for name, path in context.inputs(f"{part}_embeddings").items()}
        for part in PARTS
    )
    if any(pack["has"].any() for pack in [*text.values(), *image.values()]):
        weights = section_for(context.config, "content", ALL)
        vectors, rows = fuse_sources(
            text, image, text_weight=weights.text_weight, image_weight=weights.image_weight
        )
    else:
        vectors, rows = np.zeros((0, 0), np.float32), SourceRows.empty()
    save_pack(context.output("all_index_rows"), rows.to_pack())
    index = _build_index(context, vectors, np.arange(len(vectors)), rows)
    index.save(context.output("all_index"), context.output("all_index_facts"))
    return {**_index_facts(index), "items_fingerprint": rows.items_fingerprint}


def user_model(context: Context) -> Facts:
    """Average users' items, and estimate what is still on sale."""
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.content.availability import item_availability
    from recsys_cli.strategies.content.uservectors import user_vectors

    pack = context.pack("interactions")
    interactions = Interactions.from_pack(pack)
    settings = context.section("content")
    aged = {
        "half_life_days": settings.half_life_days,
        "half_life_events": settings.half_life_events,
    }
    found = user_vectors(
        interactions,
        load_pack(context.input("content"))["vectors"],
        **aged,
        threads=context.threads,
        scratch=context.staging,
        progress=context.progress,
    )
    availability = item_availability(
        interactions,
        half_life_days=settings.availability_half_life_days,
        new_days=settings.new_days,
        weight=settings.availability_weight,
    )
    fingerprints = fingerprints_of(pack)
    # Ages are kept for histories that vectors are made of when somebody asks.
    save_pack(
        context.output("user_vectors"),
        found.to_pack(**fingerprints) | availability.to_pack() | aged,
    )
    return {
        "users": len(found.known),
        "users_with_vectors": int(found.known.sum()),
        "dim": found.vectors.shape[1],
        **fingerprints,
    }
