"""The kinds of artifact there are: where each lies, and what a pack of it must hold."""

from __future__ import annotations

from typing import NamedTuple

from recsys_cli.store.idtable import fingerprint, strings
from recsys_cli.store.layout import (
    ITEMS,
    USERS,
    Array,
    Layout,
    Rule,
    above_zero,
    by_name,
    counts,
    flags,
    floats,
    lists,
    matrix,
    moment,
    number,
    text,
    texts,
    truth,
    whole,
)


class ArtifactKind(NamedTuple):
    """Where the artifacts of one kind lie, and what they hold.

    Attributes:
        suffix: of the file name.
        per_snapshot: whether each snapshot has its own.
        stem: first part of the file name; empty means the kind itself.
        part: file name within a folder of that name, for artifacts of several files; empty
            means that the artifact is a single file.
        layout: what a pack holds; None where the artifact is no pack.
        or_nothing: whether a pack may hold nothing instead.
    """

    suffix: str
    per_snapshot: bool
    stem: str = ""
    part: str = ""
    layout: Layout | None = None
    or_nothing: bool = False


_OF_ITEMS: Layout = {"items_fingerprint": text()}
_OF_IDS: Layout = {"users_fingerprint": text(), **_OF_ITEMS}
_SPACE: Layout = {
    "text_dim": whole(),
    "image_dim": whole(),
    "text_weight": number(0),
    "image_weight": number(0),
    "encoders": by_name(text()),
}
_EMBEDDINGS: Layout = {
    "vectors": floats(ITEMS, "dimensions"),
    "has": flags(ITEMS),
    "encoder": text(),
    "dim": whole(size="dimensions"),
    "skipped": lists(),
    **_OF_ITEMS,
}
_NEIGHBOURS: Layout = {
    "n_items": whole(size=ITEMS),
    "half_life_days": above_zero(),
    "reference": moment(),
    **_OF_IDS,
}


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


def _pack(per_snapshot: bool, layout: Layout, stem: str = "") -> ArtifactKind:
    return ArtifactKind(".joblib", per_snapshot, stem, layout=layout)


ARTIFACTS: dict[str, ArtifactKind] = {
    "events": ArtifactKind(".parquet", False),
    "items": ArtifactKind(".parquet", False),
    "users": ArtifactKind(".parquet", False),
    "ids": _pack(
        False,
        {
            **strings("user", USERS),
            "users_fingerprint": fingerprint("user"),
            **strings("item", ITEMS),
            "items_fingerprint": fingerprint("item"),
            **strings("name", ITEMS, search=False),
        },
    ),
    "spec": ArtifactKind(".json", False),
    "interactions": _pack(
        True,
        {
            "n_users": whole(size=USERS),
            "n_items": whole(size=ITEMS),
            **matrix(USERS, ITEMS),
            "weight": floats("entries", least=0),
            "count": counts("entries"),
            "last": counts("entries"),
            "reference": moment(),
            **_OF_IDS,
        },
    ),
    "als": _pack(
        True,
        {
            "factors": whole(size="factors"),
            "user_factors": floats(USERS, "factors"),
            "item_factors": floats(ITEMS, "factors"),
            "user_known": flags(USERS),
            "item_known": flags(ITEMS),
            "regularization": number(0),
            "alpha": number(0),
            "origin": text(),
            "scale_by_count": truth(optional=True),
            "reference": moment(optional=True),
            **_OF_IDS,
        },
    ),
    "popular": _pack(
        True,
        {
            "segments": texts(size="segments"),
            "scores": floats("segments+1", ITEMS, least=0),
            "user_segment": Array(dtype="i2", shape=(USERS,), least=0, below="segments+1"),
            "reference": moment(),
            **_OF_IDS,
        },
    ),
    "itemknn": _pack(
        True,
        {**matrix(ITEMS, ITEMS), "similarity": floats("entries"), **_NEIGHBOURS},
    ),
    "graph": _pack(
        True,
        {
            **matrix(ITEMS, ITEMS),
            "weight": floats("entries"),
            "user_side": floats(ITEMS, "vectors"),
            "item_side": floats(ITEMS, "vectors"),
            **_NEIGHBOURS,
        },
    ),
    "statistics": _pack(
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
            **_OF_IDS,
        },
    ),
    "hybrid": _pack(
        True,
        {
            "candidates": by_name(whole()),
            "weights": by_name(number(0)),
            "reference": moment(),
            **_OF_IDS,
        },
    ),
    "ranker": ArtifactKind(".txt", True),
    "ranker_facts": ArtifactKind(".json", True, "ranker"),
    "text_encoder": ArtifactKind(
        ".joblib",
        False,
        layout={
            "kind": text("lsa"),
            "requested_dim": whole(),
            "idf": floats("words"),
            "components": floats("words", "dimensions"),
            **strings("word", "words", search=False),
        },
        # Nothing was fitted where the model came from elsewhere.
        or_nothing=True,
    ),
    "text_embeddings": _pack(False, _EMBEDDINGS),
    "image_embeddings": _pack(False, _EMBEDDINGS),
    "content": _pack(
        False,
        {
            "vectors": floats(ITEMS, "dimensions"),
            "has_text": flags(ITEMS),
            "has_image": flags(ITEMS),
            **_SPACE,
            **_OF_ITEMS,
        },
    ),
    "index": ArtifactKind(".faiss", False, "faiss_items"),
    "index_facts": ArtifactKind(".json", False, "faiss_items"),
    "all_index": ArtifactKind(".faiss", False, "faiss_items"),
    "all_index_facts": ArtifactKind(".json", False, "faiss_items"),
    "all_index_rows": _pack(
        False,
        {
            "datasets": texts(size="datasets"),
            "dataset": Array(dtype="u1", shape=("rows",), below="datasets"),
            "row": Array(dtype="i4", shape=("rows",), least=0),
            **_SPACE,
            **_OF_ITEMS,
        },
        "faiss_items_rows",
    ),
    "user_vectors": _pack(
        True,
        {
            "vectors": floats(USERS, "dimensions"),
            "known": flags(USERS),
            "reference": moment(),
            "availability": Array(dtype="f4", shape=(ITEMS,), least=0, optional=True),
            "availability_weight": number(0, optional=True),
            **_OF_IDS,
        },
    ),
    "train_pairs": ArtifactKind(".parquet", True, part="train"),
    "validation_pairs": ArtifactKind(".parquet", True, "train_pairs", "validation"),
    "all_train_pairs": ArtifactKind(".parquet", True, "train_pairs_all", "train"),
    "all_validation_pairs": ArtifactKind(".parquet", True, "train_pairs_all", "validation"),
    "two_tower": ArtifactKind(".pt", True),
    "two_tower_vectors": _pack(
        True,
        {
            "user_vectors": floats(USERS, "dimensions"),
            "item_vectors": floats(ITEMS, "dimensions"),
            "user_known": flags(USERS),
            "item_known": flags(ITEMS),
            "reference": moment(),
            **_OF_IDS,
        },
    ),
    "two_tower_curve": ArtifactKind(".json", True),
    "two_tower_plot": ArtifactKind(".svg", True),
}
ALL = "all"
"""Stands in a dataset's place for artifacts of the whole workspace."""
