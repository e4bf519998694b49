"""What the two-tower's stages read: events in order, factors, and what is known of the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.build.stage import Context, Facts
from recsys_cli.columns import ITEM, USER
from recsys_cli.errors import ArtifactError, Command, missing_library
from recsys_cli.store.idtable import fingerprints_of
from recsys_cli.strategies.base import installed

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.strategies.collab.als import AlsFactors
    from recsys_cli.strategies.twotower.features import Columns
    from recsys_cli.strategies.twotower.history import OrderedEvents
    from recsys_cli.strategies.twotower.inputs import Facts as KnownFacts
    from recsys_cli.strategies.twotower.view import Settings

_MOST_VALUES = 16


def with_torch(work: Callable[[Context], Facts], context: Context) -> Facts:
    """Do a stage's work on one thread of BLAS.

    Raises:
        UsageError: torch is not installed.
    """
    if not installed("torch"):
        raise missing_library("the two-tower", "torch", extra="twotower")
    from threadpoolctl import threadpool_limits

    # Other numbers of threads, which the environment may set, add up in another order.
    with threadpool_limits(1, "blas"):
        return work(context)


def history_of(context: Context, interactions: Mapping[str, Any]) -> OrderedEvents:
    """The events of the snapshot by user and time, of the users and items of a pack."""
    from recsys_cli.strategies.twotower.history import read_history

    parts = [context.input("train_pairs"), context.input("validation_pairs")]
    return read_history(parts, n_users=interactions["n_users"], n_items=interactions["n_items"])


def als_of(context: Context, windows_ago: int, *, like: Mapping[str, Any]) -> AlsFactors:
    """The ALS factors of a snapshot before, with zeros for those who have come since.

    Args:
        context: of the stage.
        windows_ago: how many windows before.
        like: a pack of the users and items of this one.
    """
    from recsys_cli.strategies.collab.als import AlsFactors

    pack = context.past_pack("als", windows_ago, like=like)
    if pack is None:
        raise ArtifactError("there are no ALS factors", hint=Command("als", "train"))
    return AlsFactors.from_pack(pack)


def settings_of(context: Context, window: timedelta) -> Settings:
    """The settings that decide what is trained, with the length of items' windows."""
    from recsys_cli.strategies.twotower.view import Settings

    tower = context.section("twotower")
    return Settings(
        tower=tower,
        als=context.section("als"),
        interactions=context.section("interactions"),
        window=window,
        repurchase=context.spec.repurchase,
    )


def learn_facts(context: Context) -> Facts:
    """Find codes for columns and a map for content, from what was there at the snapshot."""
    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.twotower.features import Reduction, column_codes

    interactions = load_pack(context.input("interactions"))
    n_users, n_items = interactions["n_users"], interactions["n_items"]
    spec, config = context.spec, context.section("twotower")
    users, items, vectors = _tables(context)
    user_columns = column_codes(
        users.head(n_users), _user_columns(spec), n=n_users, most=_MOST_VALUES
    )
    item_columns = column_codes(
        items.head(n_items), spec.category_columns, n=n_items, most=config.max_codes
    )
    content = vectors[:n_items]
    reduction = Reduction.of(content, dim=config.content_dim)
    pack = {
        "mean": reduction.mean,
        "basis": reduction.basis,
        "content": reduction.apply(content),
        "user_codes": user_columns.codes,
        "item_codes": item_columns.codes,
        "user_values": _listed(user_columns),
        "item_values": _listed(item_columns),
    }
    fingerprints = fingerprints_of(interactions)
    save_pack(context.output("two_tower_facts"), pack | fingerprints)
    return {"content_dim": reduction.basis.shape[1], **fingerprints}


def facts_then(context: Context) -> KnownFacts:
    """What does not change with time, of those who were there at the snapshot."""
    from recsys_cli.store.packs import load_pack

    pack = load_pack(context.input("two_tower_facts"))
    return _facts(context, pack["content"], _columns(pack, "item"), _columns(pack, "user"))


def facts_now(context: Context, learned: Path) -> KnownFacts:
    """The same of all that there are now, by the codes and the map that the towers learned."""
    from recsys_cli.store.packs import load_pack
    from recsys_cli.strategies.twotower.features import Reduction, coded

    pack = load_pack(learned)
    users, items, vectors = _tables(context)
    if vectors.shape[1] != len(pack["mean"]):
        vectors = np.zeros((len(items), len(pack["mean"])), np.float32)
    return _facts(
        context,
        Reduction(pack["mean"], pack["basis"]).apply(vectors),
        coded(items, _values(pack, "item"), n=len(items)),
        coded(users, _values(pack, "user"), n=len(users)),
    )


def _listed(columns: Columns) -> list[list[Any]]:
    return [[name, list(kept)] for name, kept in zip(columns.names, columns.values, strict=True)]


def _values(pack: Mapping[str, Any], side: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in pack[f"{side}_values"]}


def _columns(pack: Mapping[str, Any], side: str) -> Columns:
    from recsys_cli.strategies.twotower.features import Columns

    values = _values(pack, side)
    return Columns(tuple(values), pack[f"{side}_codes"], tuple(values.values()))


def _user_columns(spec: DatasetSpec) -> list[str]:
    return list(dict.fromkeys([*spec.segment_columns, *spec.user_columns]))


def _tables(context: Context) -> tuple[pl.DataFrame, pl.DataFrame, npt.NDArray[np.float32]]:
    """Columns of all users, of all items, and the items' content vectors (n_items, d)."""
    import polars as pl

    from recsys_cli.store.packs import load_pack

    spec = context.spec
    users = pl.read_parquet(context.input("users"), columns=[USER, *_user_columns(spec)])
    items = pl.read_parquet(context.input("items"), columns=[ITEM, *spec.category_columns])
    content = context.inputs("content").get(context.dataset)
    vectors = load_pack(content)["vectors"] if content else np.zeros((len(items), 0), np.float32)
    return users, items, vectors


def _facts(
    context: Context, content: npt.NDArray[np.float32], items: Columns, users: Columns
) -> KnownFacts:
    from recsys_cli.strategies.twotower.inputs import Facts as KnownFacts

    spec = context.spec
    segment, segments = np.zeros(len(users.codes), np.int16), 0
    if spec.segment_columns and spec.segment_columns[0] in users.names:
        at = users.names.index(spec.segment_columns[0])
        segment, segments = users.codes[:, at].astype(np.int16), users.sizes[at] - 1
    return KnownFacts(content=content, items=items, users=users, segment=segment, segments=segments)
