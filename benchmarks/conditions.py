"""Conditions on a million items: masks, the bound on those that are kept, and lists under them.

    python benchmarks/conditions.py --items 1000000

A table of text, number and date columns is drawn; each condition is read and turned into a mask as
an engine does, best of five, beside one pass of polars over the column. Then lists of 12 for one
user by a product with factors, with and without the mask.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from recsys_cli.engine.conditions import mask_of, parsed
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.serve.held import _MASKS, MASK_BYTES

CONDITIONS = (
    "colour=red", "colour!=red", "colour in red,blue,green", "price<20", "price>=19.99",
    "released>=2020-09-01", "sku=sku0001234", "text_price<20",
)  # fmt: skip
FIRST_DAY, DAYS = 17_897, 700
"""2019-01-01, in days since 1970, and how many follow."""
FACTORS, K, TIMES = 64, 12, 5


def catalogue(n: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    colours = np.array(["red", "blue", "green", *(f"colour {c}" for c in range(47))])
    days = pl.Series(rng.integers(0, DAYS, n), dtype=pl.Int32)
    price = rng.gamma(2, 15, n).round(2)
    return pl.DataFrame(
        {
            "colour": pl.Series(colours[rng.integers(0, len(colours), n)]),
            "price": pl.Series(price),
            "released": (FIRST_DAY + days).cast(pl.Date),
            "sku": pl.Series([f"sku{row:07d}" for row in range(n)]),
            "text_price": pl.Series(price).cast(pl.String),
        }
    )


def best(run: Callable[[], object]) -> float:
    """Milliseconds of the quickest of several runs."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return 1000 * min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    n = parser.parse_args().items
    items = catalogue(n)
    factors = np.random.default_rng(1).standard_normal((n, FACTORS)).astype(np.float32)
    # As those of ALS are: few items have long vectors.
    factors *= (1 + np.random.default_rng(2).pareto(2, n))[:, None].astype(np.float32)
    ranker, user = FactorRanker(factors), factors[:1]
    plain = best(lambda: ranker.top_k(user, k=K))
    print(f"{n:,} items; lists of {K} without a condition {plain:.1f} ms\n")
    print("| condition | items | mask, ms | one pass of polars, ms | list under it, ms |")
    print("|---|---|---|---|---|")
    for text in CONDITIONS:
        condition = parsed(text, items.columns, dataset="shop")
        column = items[condition.column]
        mask = mask_of(condition, column)
        made = best(lambda c=condition, v=column: mask_of(c, v))
        once = best(lambda v=column: v.cast(pl.String) == "red")
        under = best(lambda m=mask: ranker.top_k(user, k=K, allow=m))
        print(f"| `{text}` | {mask.sum():,} | {made:.1f} | {once:.1f} | {under:.1f} |")
    kept = max(1, min(_MASKS, MASK_BYTES // n))
    print(f"\nKept by a server: at most {kept} masks, {kept * n / 2**20:.0f} MiB a dataset.")


if __name__ == "__main__":
    main()
