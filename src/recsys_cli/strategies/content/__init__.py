"""Items whose text and picture are like those of the user's own, new ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

from recsys_cli.config.models import Section
from recsys_cli.store.idtable import strings
from recsys_cli.store.kinds import OF_IDS, OF_ITEMS, ArtifactKind, pack_kind
from recsys_cli.store.layout import (
    ITEMS,
    USERS,
    Array,
    Layout,
    by_name,
    flags,
    floats,
    lists,
    moment,
    number,
    text,
    texts,
    whole,
)
from recsys_cli.strategies.base import Packs, Source, Space, Strategy
from recsys_cli.strategies.content.switches import BOTH, COMMON, IMAGE, TEXT
from recsys_cli.strategies.tunable import Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.ranking.contract import Serving


class ContentConfig(Section):
    """How texts and pictures become vectors of items, and those vectors of users."""

    text_weight: NonNegativeFloat = 0.5
    """How much texts count beside pictures; only the ratio of the two weights matters."""
    image_weight: NonNegativeFloat = 0.5
    """How much pictures count beside texts."""
    half_life_days: PositiveFloat = 180.0
    """Age at which an item counts half in the vector of a user who had it."""
    half_life_events: PositiveFloat = 10.0
    """Items had since at which it counts half, in its turn."""
    availability_half_life_days: PositiveFloat = 14.0
    """Days without a sale after which an item counts as half available."""
    new_days: PositiveFloat = 90.0
    """How far back to look for how many items start to sell, for items that never sold yet."""
    availability_weight: NonNegativeFloat = 0.2
    """What full availability adds to the score of an item, whose cosine is at most 1."""


class IndexConfig(Section):
    """The FAISS indexes over item vectors (`recsys index`)."""

    kind: Literal["auto", "exact", "pq", "ivf"] = "auto"
    """exact, pq, ivf, or auto: exact while that is fast, pq beyond."""
    min_recall: float = Field(default=0.999, ge=0, le=1)
    """Recall against exact search below which an approximate index gives way to an exact one."""


def _open(packs: Packs, threads: int) -> Serving:
    from recsys_cli.strategies.content.serve import Content

    return Content.from_packs(packs.pack("content"), packs.pack("user_vectors"), threads=threads)


def _stages() -> list[Stage]:
    from recsys_cli.strategies.content.stages import content_stages

    return content_stages()


def _space(packs: Packs) -> Space:
    import numpy as np

    items, users = packs.pack("content"), packs.pack("user_vectors")
    known = items["has_text"] | items["has_image"]
    bonus = None
    if users.get("availability") is not None:
        bonus = users["availability"] * np.float32(users["availability_weight"])
    return Space(
        "content", users["vectors"], items["vectors"], users["known"], known, bonus, unit=True
    )


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
    **OF_ITEMS,
}

CONTENT = Strategy(
    name="content",
    summary="items whose text and picture are like those of the user's own, new ones too",
    needs=("content", "user_vectors"),
    open=_open,
    artifacts={
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
            switch=TEXT,
        ),
        "text_embeddings": pack_kind(False, _EMBEDDINGS, switch=TEXT),
        "image_embeddings": pack_kind(False, _EMBEDDINGS, switch=IMAGE),
        "content": pack_kind(
            False,
            {
                "vectors": floats(ITEMS, "dimensions"),
                "has_text": flags(ITEMS),
                "has_image": flags(ITEMS),
                **_SPACE,
                **OF_ITEMS,
            },
            switch=BOTH,
        ),
        "index": ArtifactKind(".faiss", False, "faiss_items", switch=BOTH),
        "index_facts": ArtifactKind(".json", False, "faiss_items", switch=BOTH),
        "all_index": ArtifactKind(".faiss", False, "faiss_items", switch=COMMON),
        "all_index_facts": ArtifactKind(".json", False, "faiss_items", switch=COMMON),
        "all_index_rows": pack_kind(
            False,
            {
                "datasets": texts(size="datasets"),
                "dataset": Array(dtype="u1", shape=("rows",), below="datasets"),
                "row": Array(dtype="i4", shape=("rows",), least=0),
                **_SPACE,
                **OF_ITEMS,
            },
            "faiss_items_rows",
            switch=COMMON,
        ),
        "user_vectors": pack_kind(
            True,
            {
                "vectors": floats(USERS, "dimensions"),
                "known": flags(USERS),
                "reference": moment(),
                "availability": Array(dtype="f4", shape=(ITEMS,), least=0, optional=True),
                "availability_weight": number(0, optional=True),
                "half_life_days": number(0, optional=True),
                "half_life_events": number(0, optional=True),
                **OF_IDS,
            },
            switch=BOTH,
        ),
    },
    stages=_stages,
    sections={"content": ContentConfig, "index": IndexConfig},
    sources=(
        Source(
            name="content",
            needs=("content", "user_vectors"),
            open=_open,
            candidates=30,
            weight=3,
            cold=True,
            place=7,
        ),
    ),
    space=_space,
    tune=Target(
        "content",
        {
            "content.text_weight": Span(0.05, 2.0, log=True),
            "content.half_life_days": Span(1.0, 720.0, log=True),
            "content.half_life_events": Span(0.5, 200.0, log=True),
            "content.availability_half_life_days": Span(2.0, 60.0, log=True),
            "content.new_days": Span(7.0, 365.0, log=True),
            "content.availability_weight": Span(0.0, 2.0),
        },
    ),
    cost=6,
)
