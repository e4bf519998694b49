"""What five rules cost and bring, each alone and all together.

    python benchmarks/rules.py --workspace demo
    python benchmarks/rules.py --data DATA/hm_raw --windows 8 --set text.encoder=lsa

`recsys eval --rules all` of the strategy that serves; differences from the same without any rule,
user by user (* outside the noise).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import polars as pl

from defaults import from_data
from measuring import succeed
from scaled import RECSYS, evaluated

K = 12
METRICS = ("ndcg", "recall", "diversity", "boosted")


def rules_of(items: pl.DataFrame) -> list[str]:
    """One rule of each kind, about values that many items have, and an item that few had."""
    group, colour = (
        Counter(items[column].drop_nulls().to_list()).most_common(2)[1][0]
        for column in ("index_group_name", "colour_group_name")
    )
    rules = {
        "where": f'["colour_group_name!={colour}"]',
        "boost": f'[{{ name = "boost {group}", where = "index_group_name={group}", by = 1.3 }}]',
        "cap": '[{ column = "product_type_name", most = 3 }]',
        "diversity": "{ weight = 0.2 }",
        "pin": f'[{{ item = "{items["item"][-1]}", rank = 1 }}]',
    }
    return [f"rules.{name}={value}" for name, value in rules.items()]


def difference(found: dict) -> str:
    outside = "*" if found["low"] > 0 or found["high"] < 0 else ""
    return f"{found['value']:+.3f} [{found['low']:+.3f} {found['high']:+.3f}]{outside}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--workspace", type=Path, help="with an ingested hm")
    where.add_argument("--data", type=Path, help="folder with H&M's raw files")
    parser.add_argument("--windows", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="as of recsys")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = args.workspace or from_data(args.data, Path(folder))
        own = ["-w", str(workspace), *(part for one in args.set for part in ("--set", one))]
        if args.data:
            succeed([RECSYS, "ingest", *own])
        items = pl.read_parquet(workspace / "artifacts/items_hm.parquet")
        options = [*own, "-d", "hm", "--rules", "all", "-k", str(K), "--windows", str(args.windows)]
        for rule in rules_of(items):
            options += ["--set", rule]
        result, _ = evaluated(options, Path(folder))
    print(f"{result['users']:,} users, lists of {K}: {', '.join(rules_of(items))}\n")
    print(f"| strategy | {' | '.join(METRICS)} | coverage |")
    print("|---" * (len(METRICS) + 2) + "|")
    for name, groups in result["differences"].items():
        cells = [difference(groups["all"][f"{metric}@{K}"]) for metric in METRICS]
        covered = [
            f"{result['strategies'][one]['all'][f'coverage@{K}']['value']:.3f}"
            for one in (name.partition(" + ")[0], name)
        ]
        print(f"| {name} | {' | '.join(cells)} | {' → '.join(covered)} |")


if __name__ == "__main__":
    main()
