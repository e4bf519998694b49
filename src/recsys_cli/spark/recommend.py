"""Spark job: factors become the k best items of every user, leaving out what they have.

    spark-submit recommend.py --factors FOLDER --users FOLDER --items FOLDER --out FOLDER

`--factors` holds `user_factors/` and `item_factors/` of `train_als.py`; `--users` and `--items`
are Parquet with `id` and the external id (`user`, `item`), and `--seen` Parquet with `user` and
`item` ids, one row per pair to leave out. Out goes Parquet as `recsys recommend --all` writes it
for users with factors: user, rank, item, score, strategy_used.

The item factors are broadcast, and each partition of users multiplies blocks of them with blocks
of its own (`mapInArrow`), so a user's scores are never all in memory and nothing is shuffled but
users, once. A score is the sum, in index order and float64, of the products of the float32
entries; ties go to the lower item id. Scores are found by a float32 product first, and whatever
comes near enough to the k-th best to be among the k best is scored again exactly (error bound:
Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

STRATEGY = "collab"
SCHEMA = "user string, rank int, item string, score float, strategy_used string"
USER_BLOCK = 256
ITEM_BLOCK = 1 << 15
"""A block of float32 scores is at most 256 × 32,768 × 4 bytes: 32 MiB."""
_ROUNDOFF = 2.0**-24
_UNDERFLOW = 2.0**-125

Array = np.ndarray[Any, Any]


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--factors", required=True, help="folder that train_als.py wrote")
    parser.add_argument("--users", required=True, help="Parquet: id, user")
    parser.add_argument("--items", required=True, help="Parquet: id, item")
    parser.add_argument("--seen", nargs="+", help="Parquet: user, item; left out of the lists")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("-k", type=int, default=12)
    parser.add_argument("--partitions", type=int, help="of users; default: Spark's")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    return parser.parse_args(given)


def users_of(spark: SparkSession, args: argparse.Namespace) -> DataFrame:
    """id, user, features and seen (sorted item ids, null for none), one row per user."""
    users = spark.read.parquet(f"{args.factors}/user_factors")
    users = users.join(spark.read.parquet(args.users).select("id", "user"), "id")
    if not args.seen:
        return users.withColumn("seen", F.lit(None).cast("array<int>"))
    seen = spark.read.parquet(*args.seen).select(F.col("user").alias("id"), "item")
    lists = seen.groupBy("id").agg(F.collect_set(F.col("item").cast("int")).alias("seen"))
    return users.join(lists, "id", "left")


def items_of(spark: SparkSession, args: argparse.Namespace) -> tuple[Array, Array, pa.Array]:
    """Ids (n,) ascending, factors (n, f) float32 and external ids (n,), on the driver."""
    factors = spark.read.parquet(f"{args.factors}/item_factors")
    items = spark.read.parquet(args.items).select("id", "item")
    table = factors.join(items, "id").toArrow().sort_by("id")
    if not table.num_rows:
        raise SystemExit("recsys: no item has both factors and an external id")
    ids = table["id"].to_numpy().astype(np.int32)
    return ids, matrix(table["features"].combine_chunks()), table["item"].combine_chunks()


def matrix(features: Any) -> Array:
    """(n, f) float32 of a list array."""
    if isinstance(features, pa.ChunkedArray):
        features = features.combine_chunks()
    flat = features.flatten().to_numpy(zero_copy_only=False)
    found: Array = np.ascontiguousarray(flat.reshape(len(features), -1), np.float32)
    return found


def recommender(items: Any, *, k: int) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """The function that turns batches of users into batches of rows, on an executor."""

    def rows(batches: Iterator[Any]) -> Iterator[Any]:
        ids, factors, names = items.value
        for batch in batches:
            for start in range(0, batch.num_rows, USER_BLOCK):
                yield from lists(batch.slice(start, USER_BLOCK), ids, factors, names, k)

    return rows


def lists(batch: Any, ids: Array, factors: Array, names: Any, k: int) -> Iterator[Any]:
    """Rows of one block of users."""
    vectors = matrix(batch.column("features"))
    row, seen = seen_pairs(batch.column("seen"), ids)
    user, place, score = top_k(vectors, factors, k=k, row=row, seen=seen)
    if not len(user):
        return
    starts = np.flatnonzero(np.concatenate(([True], user[1:] != user[:-1])))
    lengths = np.diff(starts, append=len(user))
    rank = np.arange(len(user)) - np.repeat(starts, lengths) + 1
    yield pa.RecordBatch.from_arrays(
        [
            batch.column("user").take(pa.array(user)),
            pa.array(rank.astype(np.int32)),
            names.take(pa.array(place)),
            pa.array(score.astype(np.float32)),
            pa.array([STRATEGY] * len(user), pa.string()),
        ],
        names=["user", "rank", "item", "score", "strategy_used"],
    )


def seen_pairs(seen: Any, ids: Array) -> tuple[Array, Array]:
    """Row of the block and position in `ids` of each pair to leave out, by position."""
    counts = np.array([len(s) if s is not None else 0 for s in seen.to_pylist()], np.int64)
    flat = seen.flatten().to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(counts)), counts)
    place = np.minimum(np.searchsorted(ids, flat), len(ids) - 1).astype(np.int64)
    known = ids[place] == flat
    row, place = row[known], place[known]
    order = np.argsort(place, kind="stable")
    return row[order], place[order]


def top_k(
    users: Array, items: Array, *, k: int, row: Array, seen: Array
) -> tuple[Array, Array, Array]:
    """User rows, positions of items and exact scores, by user, then score descending, then item.

    Args:
        users: (b, f) float32.
        items: (n, f) float32.
        k: how many for each user at most.
        row: (pairs,) user row of each pair to leave out.
        seen: (pairs,) its item, ascending.
    """
    slack = slack_of(users, items)
    best = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    floor = np.full(len(users), -np.inf)
    for start in range(0, len(items), ITEM_BLOCK):
        block = items[start : start + ITEM_BLOCK]
        scores = users @ block.T
        first, last = np.searchsorted(seen, (start, start + len(block)))
        scores[row[first:last], seen[first:last] - start] = -np.inf
        if k < len(block):
            kth = np.partition(scores, len(block) - k, axis=1)[:, len(block) - k]
            floor = np.maximum(floor, kth - slack)
        near = (scores > -np.inf) & (scores >= (floor - slack)[:, None].astype(np.float32))
        user, place = np.nonzero(near)
        exact = exact_scores(users, block, user, place)
        best = kept(
            np.concatenate((best[0], user)),
            np.concatenate((best[1], place + start)),
            np.concatenate((best[2], exact)),
            k,
        )
    return best


def kept(user: Array, place: Array, score: Array, k: int) -> tuple[Array, Array, Array]:
    """The first k of each user, ordered."""
    order = np.lexsort((place, -score, user))
    user, place, score = user[order], place[order], score[order]
    starts = np.searchsorted(user, user)
    keep = np.arange(len(user)) - starts < k
    return user[keep], place[keep], score[keep]


def slack_of(users: Array, items: Array) -> Array:
    """(b,) how far a float32 product may lie from the score."""
    length = np.abs(users).sum(axis=1, dtype=np.float64)
    largest = float(np.abs(items).max(initial=0))
    factors = users.shape[1]
    relative = (factors + 8) * _ROUNDOFF * 1.001
    slack: Array = relative * largest * length + factors * _UNDERFLOW * (1 + largest + length)
    return slack


def exact_scores(users: Array, items: Array, user: Array, place: Array) -> Array:
    """(pairs,) float64 scores, added up in index order."""
    exact = np.empty(len(user))
    for start in range(0, len(user), ITEM_BLOCK):
        part = slice(start, start + ITEM_BLOCK)
        products = users[user[part]].astype(np.float64) * items[place[part]]
        # cumsum adds in index order; sum does not. Adding 0.0 turns -0.0 into 0.0.
        exact[part] = np.cumsum(products, axis=1)[:, -1] + 0.0
    return exact


def run(spark: SparkSession, args: argparse.Namespace) -> None:
    """Read, rank and write."""
    if args.k < 1:
        raise SystemExit(f"recsys: -k {args.k} is less than 1")
    if args.partitions:
        spark.conf.set("spark.sql.shuffle.partitions", args.partitions)
    out = spark._jvm.org.apache.hadoop.fs.Path(args.out)
    found = out.getFileSystem(spark._jsc.hadoopConfiguration()).exists(out)
    if found and not args.overwrite:
        raise SystemExit(f"recsys: {args.out} exists; choose another --out or --overwrite")
    items = spark.sparkContext.broadcast(items_of(spark, args))
    users = users_of(spark, args).select("user", "features", "seen")
    ranked = users.mapInArrow(recommender(items, k=args.k), SCHEMA)
    ranked.write.parquet(args.out, mode="overwrite")


def main() -> None:
    """Entry point of spark-submit."""
    args = arguments()
    with SparkSession.builder.appName("recsys recommend").getOrCreate() as spark:
        run(spark, args)


if __name__ == "__main__":
    main()
