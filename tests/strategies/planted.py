"""A shop whose customers act on several signals at once, so that no single source sees all.

Each user has a taste among 8 groups of 25 items and a budget; in each week users buy again some
of what they had, follow what is in fashion that week in their group, and try what is new. All
of it depends on the past alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.config.models import InteractionsConfig
from recsys_cli.csr import CSR
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.events.interactions import build_interactions
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import train_als
from recsys_cli.strategies.hybrid import HybridConfig
from recsys_cli.strategies.hybrid.statistics import build_statistics
from recsys_cli.strategies.itemknn import ItemKnnConfig
from recsys_cli.strategies.itemknn.train import train_itemknn
from recsys_cli.strategies.popular import PopularConfig
from recsys_cli.strategies.popular.train import build_popularity
from strategies import shop

N_USERS, N_ITEMS, N_GROUPS, WEEKS = 400, 200, 8, 20
DAY, START = 86_400, 1_600_000_000
END = START + WEEKS * 7 * DAY
FINGERPRINTS = {"users_fingerprint": "", "items_fingerprint": ""}
SPEC = DatasetSpec(
    name="planted",
    source="planted",
    kind="generic",
    events=["purchase"],
    weights={"purchase": 1.0},
    truth_events=["purchase"],
    repurchase=True,
    horizon_days=7,
    has_time=True,
    category_columns=["group"],
)
ITEMS = pl.DataFrame({"group": [str(i % N_GROUPS) for i in range(N_ITEMS)]})


def make_events(*, seed: int = 0) -> pl.DataFrame:
    """Purchases over `WEEKS` weeks in order of time."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, N_GROUPS, N_USERS)
    rows: list[tuple[int, int, int, float]] = []
    had: list[list[int]] = [[] for _ in range(N_USERS)]
    price = rng.uniform(1, 10, N_ITEMS)
    for week in range(WEEKS):
        fashion = (week * 3 + np.arange(5)) % (N_ITEMS // N_GROUPS)
        for user in np.flatnonzero(rng.random(N_USERS) < 0.6):
            for _ in range(rng.integers(1, 4)):
                dice = rng.random()
                if dice < 0.35 and had[user]:
                    item = had[user][-rng.integers(1, min(4, len(had[user])) + 1)]
                elif dice < 0.8:
                    item = int(rng.choice(fashion)) * N_GROUPS + group[user]
                else:
                    item = int(rng.integers(N_ITEMS))
                had[user].append(int(item))
                second = START + week * 7 * DAY + int(rng.integers(7 * DAY))
                rows.append((int(user), int(item), second * 1000, float(price[item])))
    schema = [USER, ITEM, TIME, VALUE]
    return (
        pl.DataFrame(rows, schema=schema, orient="row")
        .select(
            pl.col(USER, ITEM).cast(pl.Int32),
            pl.col(TIME).cast(pl.Datetime("ms")),
            pl.lit(0, pl.UInt8).alias(EVENT),
            pl.col(VALUE).cast(pl.Float32),
        )
        .sort(TIME, maintain_order=True)
    )


def before(events: pl.DataFrame, moment: int) -> pl.DataFrame:
    """The events before a moment in seconds."""
    return events.filter(pl.col(TIME).dt.epoch("s") < moment)


def window(events: pl.DataFrame, moment: int) -> CSR:
    """(N_USERS, N_ITEMS) what users had in the week from `moment`."""
    week = before(events, moment + 7 * DAY).filter(pl.col(TIME).dt.epoch("s") >= moment)
    users, items = week[USER].to_numpy(), week[ITEM].to_numpy()
    return CSR.from_pairs(users, items, n_rows=N_USERS, n_columns=N_ITEMS)


def artifacts(events: pl.DataFrame, moment: int) -> shop.Packs:
    """The artifacts of the snapshot at `moment`, made of the events before it."""
    seen = before(events, moment).lazy()
    interactions = build_interactions(
        seen,
        n_users=N_USERS,
        n_items=N_ITEMS,
        spec=SPEC,
        config=InteractionsConfig(),
        reference=moment,
    )
    als = train_als(interactions, AlsConfig(factors=8, iterations=4, backend="cpu"), threads=1)
    popularity = build_popularity(
        seen,
        n_items=N_ITEMS,
        n_users=N_USERS,
        users=None,
        spec=SPEC,
        config=PopularConfig(),
        reference=moment,
    )
    itemknn = train_itemknn(interactions, ItemKnnConfig(), threads=1)
    statistics = build_statistics(seen, ITEMS, interactions=interactions, spec=SPEC)
    config = HybridConfig()
    packs: dict[str, Any] = {
        "interactions": interactions.to_pack(**FINGERPRINTS),
        "als": als.to_pack(**FINGERPRINTS) | {"reference": moment},
        "popular": popularity.to_pack(),
        "itemknn": itemknn.to_pack(**FINGERPRINTS),
        "statistics": statistics.to_pack(**FINGERPRINTS),
        "hybrid": {"candidates": config.candidates, "weights": config.weights},
    }
    return shop.Packs(packs)
