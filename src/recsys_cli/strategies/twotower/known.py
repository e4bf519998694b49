"""What the two-tower's stages read: events in order, factors, and what is known of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_cli.build.stage import Context
from recsys_cli.errors import ArtifactError, Command
from recsys_cli.store.idtable import fingerprints_of

if TYPE_CHECKING:
    from datetime import timedelta

    from recsys_cli.strategies.collab.als import AlsFactors
    from recsys_cli.strategies.twotower.history import OrderedEvents
    from recsys_cli.strategies.twotower.inputs import Facts as KnownFacts
    from recsys_cli.strategies.twotower.view import Settings

_MOST_VALUES = 16


def sizes(context: Context) -> tuple[int, int, dict[str, str]]:
    """Users, items and what ties packs to them."""
    from recsys_cli.store.packs import load_pack

    ids = load_pack(context.input("ids"))
    return len(ids["user_offsets"]) - 1, len(ids["item_offsets"]) - 1, fingerprints_of(ids)


def history_of(context: Context) -> OrderedEvents:
    """The events of the snapshot by user and time."""
    from recsys_cli.strategies.twotower.history import read_history

    n_users, n_items, _ = sizes(context)
    parts = [context.input("train_pairs"), context.input("validation_pairs")]
    return read_history(parts, n_users=n_users, n_items=n_items)


def als_of(context: Context, windows_ago: int) -> AlsFactors:
    """The ALS factors of the snapshot, or of one before."""
    from recsys_cli.store.packs import load_pack
    from recsys_cli.strategies.collab.als import AlsFactors

    path = context.past_input("als", windows_ago) if windows_ago else context.input("als")
    if path is None:
        raise ArtifactError("there are no ALS factors", hint=Command("als", "train"))
    return AlsFactors.from_pack(load_pack(path))


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


def facts_of(context: Context) -> KnownFacts:
    """What does not change with time."""
    import polars as pl

    from recsys_cli.store.packs import load_pack
    from recsys_cli.strategies.twotower.features import column_codes, reduced
    from recsys_cli.strategies.twotower.inputs import Facts as KnownFacts

    n_users, n_items, _ = sizes(context)
    spec, config = context.spec, context.section("twotower")
    content = context.inputs("content").get(context.dataset)
    vectors = load_pack(content)["vectors"] if content else None
    own = list(dict.fromkeys([*spec.segment_columns, *spec.user_columns]))
    users = pl.read_parquet(context.input("users"), columns=own)
    items = pl.read_parquet(context.input("items"), columns=spec.category_columns)
    user_codes = column_codes(users, own, n=n_users, most=_MOST_VALUES)
    segment, segments = np.zeros(n_users, np.int16), 0
    if spec.segment_columns and spec.segment_columns[0] in user_codes.names:
        at = user_codes.names.index(spec.segment_columns[0])
        segment, segments = user_codes.codes[:, at].astype(np.int16), user_codes.sizes[at] - 1
    return KnownFacts(
        content=reduced(vectors, dim=config.content_dim, n_items=n_items),
        items=column_codes(items, spec.category_columns, n=n_items, most=config.max_codes),
        users=user_codes,
        segment=segment,
        segments=segments,
    )
