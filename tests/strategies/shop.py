"""A small shop with known tastes, as the artifacts that strategies are built from.

Users 0 to 11 like even items, users 12 to 23 odd ones (a checkerboard); each has bought all but
one or two of the items of their colour. User 24 has no history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.csr import CSR
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later
from recsys_cli.events.sequences import Sequences, build_sequences
from recsys_cli.strategies.content.availability import item_availability
from recsys_cli.strategies.content.fusion import fuse
from recsys_cli.strategies.content.uservectors import user_vectors
from recsys_cli.strategies.graph import GraphConfig
from recsys_cli.strategies.graph.train import build_graph_filter
from recsys_cli.strategies.hybrid import HybridConfig
from recsys_cli.strategies.hybrid.statistics import build_statistics
from recsys_cli.strategies.itemknn import ItemKnnConfig
from recsys_cli.strategies.itemknn.train import train_itemknn
from recsys_cli.strategies.popular import PopularConfig
from recsys_cli.strategies.popular.train import build_popularity
from recsys_cli.strategies.sessions import SessionsConfig
from recsys_cli.strategies.sessions.train import index_sessions
from recsys_cli.strategies.transitions import TransitionsConfig
from recsys_cli.strategies.transitions.train import train_transitions

N_USERS, N_ITEMS, N_FACTORS = 25, 16, 4
NO_HISTORY = N_USERS - 1
NEVER_SEEN = N_ITEMS - 1  # an odd item that nobody has bought yet
REFERENCE = 1_600_000_000
DAY = 86_400
AGED = {"half_life_days": 30.0, "half_life_events": 5.0}

SPEC = DatasetSpec(
    name="shop",
    source="shop",
    kind="generic",
    events=["purchase"],
    weights={"purchase": 1.0},
    truth_events=["purchase"],
    repurchase=False,
    horizon_days=7,
    has_time=True,
    category_columns=["colour"],
    variant_column="pair",
    segment_columns=["region"],
)
USERS = pl.DataFrame({"region": ["north" if u < 12 else "south" for u in range(N_USERS)]})


def held_out(user: int) -> int:
    """The item of the user's colour that the user lacks."""
    likes = np.arange(0 if user < 12 else 1, N_ITEMS - 1, 2)
    return int(likes[user % len(likes)])


def events() -> pl.DataFrame:
    """One purchase per user and item, later items more recently, but for the held-out ones."""
    pairs = [
        (user, item)
        for user in range(NO_HISTORY)
        for item in range(0 if user < 12 else 1, N_ITEMS - 1, 2)
        if item != held_out(user)
    ]
    # Item 0 is bought twice, once long ago, so that count and recency both differ.
    rows = [(u, i, (REFERENCE - (N_ITEMS - i) * DAY) * 1000) for u, i in pairs]
    rows += [(u, 0, (REFERENCE - 20 * DAY) * 1000) for u, i in pairs if i == 0]
    return pl.DataFrame(rows, schema=[USER, ITEM, TIME], orient="row").select(
        pl.col(USER, ITEM).cast(pl.Int32),
        pl.col(TIME).cast(pl.Datetime("ms")),
        pl.lit(0, pl.UInt8).alias(EVENT),
        pl.lit(None, pl.Float32).alias(VALUE),
    )


def interactions_pack(table: pl.DataFrame | None = None) -> dict[str, Any]:
    """The interactions artifact of `events`, or of others."""
    grouped = (
        (events() if table is None else table)
        .group_by(USER, ITEM)
        .agg(pl.len().alias("n"), (pl.col(TIME).max().dt.epoch("s")).alias("last"))
        .sort(USER, ITEM)
    )
    counts = np.bincount(grouped[USER].to_numpy(), minlength=N_USERS)
    return {
        "indptr": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "indices": grouped[ITEM].to_numpy().astype(np.int32),
        "weight": grouped["n"].to_numpy().astype(np.float32),
        "count": grouped["n"].to_numpy().astype(np.uint32),
        "last": grouped["last"].to_numpy().astype(np.uint32),
        "n_users": N_USERS,
        "n_items": N_ITEMS,
        "reference": REFERENCE,
    }


def history() -> CSR:
    """Who has what."""
    pack = interactions_pack()
    return CSR(pack["indptr"], pack["indices"], N_ITEMS)


def als_pack() -> dict[str, Any]:
    """Exact implicit-feedback factors of the checkerboard, by alternating least squares."""
    observed = np.zeros((N_USERS, N_ITEMS))
    rows, columns = history().entries()
    observed[rows, columns] = 1
    rng = np.random.default_rng(7)
    users = rng.normal(size=(N_USERS, N_FACTORS))
    items = rng.normal(size=(N_ITEMS, N_FACTORS))
    for _ in range(20):
        users = _solve(items, observed)
        items = _solve(users, observed.T)
    user_known, item_known = observed.any(axis=1), observed.any(axis=0)
    return {
        "user_factors": (users * user_known[:, None]).astype(np.float32),
        "item_factors": (items * item_known[:, None]).astype(np.float32),
        "user_known": user_known,
        "item_known": item_known,
        "factors": N_FACTORS,
        "regularization": 0.1,
        "alpha": 5.0,
        "origin": "implicit-cpu",
        "reference": REFERENCE,
    }


def _solve(fixed: np.ndarray, observed: np.ndarray) -> np.ndarray:
    ridge = 0.1 * np.eye(fixed.shape[1])
    confidence = 1 + 5 * observed
    return np.stack(
        [
            np.linalg.solve((fixed.T * c) @ fixed + ridge, fixed.T @ (c * o))
            for c, o in zip(confidence, observed, strict=True)
        ]
    )


def graph_pack() -> dict[str, Any]:
    """The graph artifact of `events`."""
    history = Interactions.from_pack(interactions_pack())
    config = GraphConfig(vectors=4)
    model = build_graph_filter(history, config, threads=1)
    return model.to_pack(users_fingerprint="users", items_fingerprint="items")


def itemknn_pack() -> dict[str, Any]:
    """The itemknn artifact of `events`."""
    history = Interactions.from_pack(interactions_pack())
    model = train_itemknn(history, ItemKnnConfig(), threads=1)
    return model.to_pack(users_fingerprint="", items_fingerprint="")


def sequences() -> Sequences:
    """The `events` in their order."""
    return build_sequences(
        events().lazy(), n_users=N_USERS, n_items=N_ITEMS, spec=SPEC, reference=REFERENCE
    )


def transitions_pack() -> dict[str, Any]:
    """The transitions artifact of `events`."""
    model = train_transitions(sequences(), TransitionsConfig(), reference=REFERENCE, threads=1)
    return model.to_pack(users_fingerprint="", items_fingerprint="")


def sessions_pack() -> dict[str, Any]:
    """The sessions artifact of `events`."""
    model = index_sessions(sequences(), SessionsConfig(), reference=REFERENCE)
    return model.to_pack(users_fingerprint="", items_fingerprint="")


def two_tower_vectors_pack() -> dict[str, Any]:
    """The two_tower_vectors artifact: the factors of `als_pack`, and a bias of items."""
    als = als_pack()
    one = np.ones((N_USERS, 1), np.float32)
    bias = np.full((N_ITEMS, 1), 0.01, np.float32)
    return {
        "user_vectors": np.concatenate([als["user_factors"], one], axis=1),
        "item_vectors": np.concatenate([als["item_factors"], bias], axis=1),
        "user_known": als["user_known"],
        "item_known": als["item_known"],
        "reference": REFERENCE,
        "users_fingerprint": "",
        "items_fingerprint": "",
    }


def two_tower_user_side_pack() -> dict[str, Any]:
    """The two_tower_user_side artifact of towers that pass factors on, and a 1 for the bias."""
    als, f = als_pack(), N_FACTORS
    shapes = {
        "content": (N_ITEMS, 0), "code_table": (0, 1), "guess_table": (0, f),
        "guess_weight": (0, f), "guess_bias": (f,), "dense_weight": (1, 2 * f + 5),
        "dense_bias": (1,), "head_weight": (3 + f, 1), "head_bias": (3 + f,),
        "last_weight": (f, f), "content_scale": (0,), "segment_gain": (0,),
    }  # fmt: skip
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()} | {
        "factors": als["item_factors"],
        "codes": np.zeros((N_USERS, 0), np.int32),
        "segment": np.zeros(N_USERS, np.int16),
        "starts": np.zeros(0, np.int32),
        "factor_scale": 1.0,
        "regularization": als["regularization"],
        "alpha": als["alpha"],
        "scale_by_count": False,
        "half_life_days": 30.0,
        "last_items": 5,
        "new_users": False,
        "users_fingerprint": "",
        "items_fingerprint": "",
    }


def popular_pack() -> dict[str, Any]:
    """The popular artifact of `events`."""
    return build_popularity(
        events().lazy(),
        n_items=N_ITEMS,
        n_users=N_USERS,
        users=USERS,
        spec=SPEC,
        config=PopularConfig(segment_prior=1.0),
        reference=REFERENCE,
    ).to_pack()


def content_pack() -> dict[str, Any]:
    """The content artifact: a text and a picture of every item, alike among those of a colour.

    The item that nobody has bought looks a bit less like the others of its colour.
    """
    rng = np.random.default_rng(11)
    embeddings = []
    for dim in (5, 3):
        vectors = 0.1 * rng.normal(size=(N_ITEMS, dim))
        vectors[np.arange(N_ITEMS), np.arange(N_ITEMS) % 2] += 1
        vectors[NEVER_SEEN, -1] += 0.6
        embeddings.append(
            {
                "vectors": vectors.astype(np.float32),
                "has": np.ones(N_ITEMS, np.bool_),
                "encoder": "shop",
                "items_fingerprint": "",
            }
        )
    return fuse(*embeddings).to_pack()


def user_vectors_pack(table: pl.DataFrame | None = None) -> dict[str, Any]:
    """The user_vectors artifact of `events`, or of others, and `content_pack`."""
    history = Interactions.from_pack(interactions_pack(table))
    users = user_vectors(history, content_pack()["vectors"], **AGED)
    made = users.to_pack(users_fingerprint="", items_fingerprint="")
    # Too little to change who likes what.
    known = Interactions.from_pack(interactions_pack())
    made |= item_availability(known, weight=0.05).to_pack()
    return made | AGED


def decayed_weights(user: int) -> np.ndarray:
    """What each item of a user's history counts in their vector."""
    pack = interactions_pack()
    span = slice(pack["indptr"][user], pack["indptr"][user + 1])
    age = (REFERENCE - pack["last"][span].astype(np.float64)) / DAY
    since = (age < age[:, None]).sum(axis=1)
    aged = 0.5 ** (age / AGED["half_life_days"]) / (1 + since / AGED["half_life_events"])
    return pack["weight"][span] * aged


def statistics_pack(table: pl.DataFrame | None = None) -> dict[str, Any]:
    """The statistics artifact of `events`, or of others; items 0 and 2, 1 and 3, … pair up."""
    items = pl.DataFrame(
        {
            "colour": ["even" if i % 2 == 0 else "odd" for i in range(N_ITEMS)],
            "pair": [str(i // 4 * 2 + i % 2) for i in range(N_ITEMS)],
        }
    )
    return build_statistics(
        (events() if table is None else table).lazy(),
        items,
        interactions=Interactions.from_pack(interactions_pack(table)),
        spec=SPEC,
    ).to_pack(users_fingerprint="", items_fingerprint="")


def hybrid_pack() -> dict[str, Any]:
    """The hybrid artifact."""
    config = HybridConfig()
    settings = {"candidates": dict(config.candidates), "weights": dict(config.weights)}
    return settings | {"reference": REFERENCE}


@dataclass
class Packs:
    """Artifacts in memory."""

    packs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def has(self, kind: str) -> bool:
        return kind in self.packs or kind in self.texts

    def text(self, kind: str) -> str:
        return self.texts[kind]

    def pack(self, kind: str) -> Mapping[str, Any]:
        return self.packs[kind]


MAKERS = {
    "als": als_pack,
    "interactions": interactions_pack,
    "itemknn": itemknn_pack,
    "graph": graph_pack,
    "transitions": transitions_pack,
    "sessions": sessions_pack,
    "popular": popular_pack,
    "content": content_pack,
    "two_tower_vectors": two_tower_vectors_pack,
    "two_tower_user_side": two_tower_user_side_pack,
    "user_vectors": user_vectors_pack,
    "statistics": statistics_pack,
    "hybrid": hybrid_pack,
}
"""How the tests make each kind of artifact."""


def all_packs() -> Packs:
    return Packs({kind: make() for kind, make in MAKERS.items()})


def later(rows: Sequence[Sequence[tuple[int, int]]]) -> Later:
    """Events of weight 1 that came since: items and seconds, row by row."""
    flat = [pair for row in rows for pair in row]
    last = np.cumsum([len(row) for row in rows])
    return Later(
        first=last - [len(row) for row in rows],
        last=last,
        items=np.array([item for item, _ in flat], np.int32),
        times=np.array([second for _, second in flat], np.uint32),
        weights=np.ones(len(flat), np.float32),
        values=np.full(len(flat), np.nan, np.float32),
    )


def before_the_last(packs: Packs) -> tuple[Packs, Later]:
    """Artifacts that know nothing of any user's last event, but what items learned from it.

    Returns:
        These, and those events of the users who have any.
    """
    table = events().with_columns(pl.col(TIME).dt.epoch("s").alias("s"))
    is_last = pl.col("s") == pl.col("s").max().over(USER)
    left = table.filter(~is_last).drop("s")
    gone = table.filter(is_last).sort(USER).group_by(USER, maintain_order=True).agg(ITEM, "s")
    statistics = packs.pack("statistics") | {
        name: value for name, value in statistics_pack(left).items() if name.startswith(f"{USER}_")
    }
    made = dict(packs.packs) | {
        "interactions": interactions_pack(left),
        "user_vectors": user_vectors_pack(left),
        "statistics": statistics,
    }
    return Packs(made, packs.texts), later(
        [list(zip(items, times, strict=True)) for _, items, times in gone.iter_rows()]
    )
