"""Bootstrap of an evaluation: intervals and paired differences of 8 strategies at once.

100,000 users, 1,000 resamples, and as many columns as `recsys eval` has at three depths; once for
one row per user, once for four rows each (as with `--windows 4`), once with missing values.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from measuring import peak_mb
from recsys_cli.evaluation.beyond import DIVERSITY, LIST_METRICS
from recsys_cli.evaluation.bootstrap import bootstrap
from recsys_cli.ranking.metrics import METRICS

COLUMNS = 3 * len((*METRICS, *LIST_METRICS, DIVERSITY))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--strategies", type=int, default=8)
    parser.add_argument("--resamples", type=int, default=1000)
    arguments = parser.parse_args()
    n, rng = arguments.users, np.random.default_rng(0)
    tables = {
        f"s{i}": (rng.random((n, COLUMNS)) < 0.03) * rng.random((n, COLUMNS))
        for i in range(arguments.strategies)
    }
    gaps = {name: np.where(rng.random((n, 1)) < 0.01, np.nan, t) for name, t in tables.items()}
    one, four = np.arange(n), np.repeat(np.arange(n // 4 + 1), 4)[:n]
    print(
        f"{n:,} rows × {arguments.strategies} strategies × {COLUMNS} metrics, "
        f"{arguments.resamples:,} resamples, with differences from the first\n"
    )
    print("| rows | seconds | reach |\n|---|---|---|")
    for name, values, units in (
        ("one per user", tables, one),
        ("four per user", tables, four),
        ("one per user, 1% missing", gaps, one),
    ):
        started = time.perf_counter()
        bootstrap(values, units=units, baseline="s0", resamples=arguments.resamples)
        print(f"| {name} | {time.perf_counter() - started:.1f} | 60 s |")
    print(f"\npeak memory {peak_mb():.0f} MB")


if __name__ == "__main__":
    main()
