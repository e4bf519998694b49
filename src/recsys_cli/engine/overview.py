"""What the lists of a shop are made of: by category, by strategy, and beside what sells.

An engine comes in; plain values go out. Lists are those of users drawn at random, as they are
served, so shares are of what users see and not of what there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_cli.engine.engine import NO_FILTERS, Engine
from recsys_cli.ranking.topk import rank_items
from recsys_cli.strategies.popular.train import EVERYONE

SAMPLE = 500
"""Users whose lists are looked at."""
_CATEGORIES = 40
"""Categories that are told apart, those that sell most."""
_BEST = 4

Items = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of some users.

    Attributes:
        items: (n, k) int32 rows, -1 where a list is short.
        served_by: share of lists by the strategy of their first item; None for empty ones.
        fallbacks: share of lists by why others than the strategy asked for had a part in them.
    """

    items: Items
    served_by: dict[str | None, float]
    fallbacks: dict[str | None, float]

    @property
    def listed(self) -> npt.NDArray[np.intp]:
        """Rows of the items in all places of all lists."""
        return self.items[self.items >= 0].astype(np.intp)


def drawn_lists(engine: Engine, *, strategy: str, k: int, seed: int = 0) -> Lists:
    """The lists of k of at most `SAMPLE` users, drawn at random without replacement."""
    everybody = len(engine.artifacts.users)
    users = np.random.default_rng(seed).choice(everybody, min(SAMPLE, everybody), replace=False)
    rows = np.sort(users).astype(np.int32)
    answer = engine.answer(rows, strategy=strategy, k=k, allow=engine.allowed(NO_FILTERS))
    used = _shares(answer.strategy_used(row) for row in range(len(rows)))
    reasons = _shares(answer.fallback_reason(row) for row in range(len(rows)))
    reasons.pop(None, None)
    return Lists(answer.recommendations.items, used, reasons)


def _shares(values: Iterable[str | None]) -> dict[str | None, float]:
    counts = Counter(values)
    return {value: count / counts.total() for value, count in counts.most_common()}


def sellers(engine: Engine) -> Floats:
    """(n_items,) what sells now, see `popular.train`; all events where that is not built."""
    if engine.artifacts.has("popular"):
        scores = np.asarray(engine.artifacts.pack("popular")["scores"])
        return np.asarray(scores[EVERYONE], np.float64)
    counts = np.bincount(engine.history.indices, minlength=len(engine.artifacts.items))
    return counts.astype(np.float64)


def totals(engine: Engine, lists: Lists) -> dict[str, Any]:
    """How much of the catalogue stands in lists."""
    allowed = engine.allowed(NO_FILTERS)
    n_items = len(engine.artifacts.items)
    listed = len(np.unique(lists.listed))
    may = n_items if allowed is None else int(allowed.sum())
    return {"items": n_items, "listable": may, "listed": listed, "coverage": listed / max(may, 1)}


def by_category(engine: Engine, column: str | None, lists: Lists) -> list[dict[str, Any]]:
    """Each category's part of the catalogue, of what sells and of the lists, and its best sellers.

    Args:
        engine: of one dataset.
        column: of the items table; None takes all items for one category.
        lists: what is served.

    Returns:
        The categories that sell most, those first; value None is of items that have none.

    Raises:
        UsageError: there is no such column.
    """
    values = pl.Series([None] * len(engine.artifacts.items), dtype=pl.String)
    if column is not None:
        values = engine.artifacts.item_column(column).cast(pl.String)
    codes = values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    texts: list[str | None] = [None, *values.drop_nulls().unique().sort().to_list()]
    sold = sellers(engine)
    users = np.bincount(engine.history.indices, minlength=len(codes))
    counts = np.bincount(codes, minlength=len(texts))
    demand = np.bincount(codes, sold, minlength=len(texts))
    shown = np.bincount(codes[lists.listed], minlength=len(texts))
    covered = np.bincount(codes[np.unique(lists.listed)], minlength=len(texts))
    order = np.lexsort((np.arange(len(texts)), -counts, -demand))
    order = order[counts[order] > 0][:_CATEGORIES]
    best = _best(codes, sold, set(order.tolist()))
    ids, names = engine.artifacts.items, engine.artifacts.names
    return [
        {
            "value": texts[code],
            "items": int(counts[code]),
            "of_catalogue": float(counts[code] / max(len(codes), 1)),
            "of_sales": float(demand[code] / max(demand.sum(), 1e-9)),
            "of_lists": float(shown[code] / max(shown.sum(), 1)),
            "listed": int(covered[code]),
            "best": [
                {"item": ids[row], "name": names[row], "users": int(users[row])}
                for row in best.get(code, [])
            ],
        }
        for code in order.tolist()
    ]


def _best(codes: npt.NDArray[np.int64], sold: Floats, wanted: set[int]) -> dict[int, list[int]]:
    """The rows that sell best of each category."""
    best: dict[int, list[int]] = {code: [] for code in wanted}
    missing = len(best)
    for row in rank_items(sold.astype(np.float32)).tolist():
        code = int(codes[row])
        if not missing or sold[row] <= 0:
            break
        if code in best and len(best[code]) < _BEST:
            best[code].append(row)
            missing -= len(best[code]) == _BEST
    return best


def category_choices(engine: Engine, *, most: int = 60) -> list[str]:
    """Columns to group by, the one to begin with first: that with at most so many values.

    Those that the dataset's spec names, but for what all variants of a product share.
    """
    artifacts, spec = engine.artifacts, engine.artifacts.spec
    columns = [c for c in spec.category_columns if c != spec.variant_column]
    columns = [c for c in columns if c in artifacts.item_columns]
    few = [c for c in columns if artifacts.item_column(c).n_unique() <= most]
    return [*few, *(c for c in columns if c not in few)]
