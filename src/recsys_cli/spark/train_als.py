"""Spark job: weighted interactions become user and item factors, by MLlib's ALS.

    spark-submit train_als.py --interactions FOLDER --out FOLDER

Interactions are Parquet or CSV with columns user, item (integers below 2³¹) and weight, as
`interactions.py` and `recsys als export` write them; pairs of weight 0 say nothing and are left
out. Out go `user_factors/` and `item_factors/`, Parquet with `id` int32 and `features`
list<float32> as MLlib keeps them, each closed by `_SUCCESS`; with --csv also
`user_factors_csv/` and `item_factors_csv/`, header `id,f0,f1,…`.

The model is Hu, Koren and Volinsky's (ICDM 2008), c = 1 + α · weight, with λ multiplied by the
number of a user's or item's pairs (ALS-WR; Zhou et al. 2008), which MLlib always does.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

SIDES = ("user", "item")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--interactions", required=True, nargs="+", help="files or folders")
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--regularization", type=float, default=0.05, help="λ, MLlib's regParam")
    parser.add_argument("--alpha", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--blocks", type=int, default=10, help="of users and of items")
    parser.add_argument("--item-blocks", type=int, help="of items, where not as many")
    parser.add_argument("--checkpoint", help="folder; default: _checkpoint below --out")
    parser.add_argument("--checkpoint-interval", type=int, default=5, help="in iterations")
    parser.add_argument("--storage-level", default="MEMORY_AND_DISK", help="of what is in between")
    parser.add_argument("--partitions", type=int, help="of shuffles; default: Spark's")
    parser.add_argument("--csv", action="store_true", help="write CSV beside Parquet")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    return parser.parse_args(given)


def read(spark: SparkSession, args: argparse.Namespace) -> DataFrame:
    """User int, item int, weight float above 0."""
    if args.format == "csv":
        frame = spark.read.csv(args.interactions, header=True)
    else:
        frame = spark.read.parquet(*args.interactions)
    missing = {"user", "item", "weight"} - set(frame.columns)
    if missing:
        raise SystemExit(
            f"recsys: the interactions have no column {min(missing)};"
            f" they have {', '.join(frame.columns)}"
        )
    frame = frame.select(
        F.col("user").cast("int"), F.col("item").cast("int"), F.col("weight").cast("float")
    )
    return frame.filter(F.col("weight") > 0)


def train(interactions: DataFrame, args: argparse.Namespace) -> dict[str, DataFrame]:
    """Factors by side, each `id` and `features`."""
    als = ALS(
        userCol="user",
        itemCol="item",
        ratingCol="weight",
        implicitPrefs=True,
        coldStartStrategy="drop",
        rank=args.factors,
        maxIter=args.iterations,
        regParam=args.regularization,
        alpha=args.alpha,
        seed=args.seed,
        numUserBlocks=args.blocks,
        numItemBlocks=args.item_blocks or args.blocks,
        checkpointInterval=args.checkpoint_interval,
        intermediateStorageLevel=args.storage_level,
        finalStorageLevel=args.storage_level,
    )
    model = als.fit(interactions)
    return {"user": model.userFactors, "item": model.itemFactors}


def write(factors: dict[str, DataFrame], out: str, *, rank: int, csv: bool) -> None:
    """Both sides; Spark adds _SUCCESS when all parts of one are there."""
    for side, frame in factors.items():
        frame.write.parquet(f"{out}/{side}_factors")
    if not csv:
        return
    for side, frame in factors.items():
        columns = [F.col("features")[j].alias(f"f{j}") for j in range(rank)]
        frame.select("id", *columns).write.csv(f"{out}/{side}_factors_csv", header=True)


def located(spark: SparkSession, folder: str) -> tuple[Any, Any]:
    """The file system that a folder lies on, whichever that is, and its path there."""
    path = spark._jvm.org.apache.hadoop.fs.Path(folder)
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path


def clear(spark: SparkSession, out: str, *, overwrite: bool) -> None:
    """Make room: factors of two runs must never stand side by side."""
    for side in SIDES:
        for folder in (f"{out}/{side}_factors", f"{out}/{side}_factors_csv"):
            files, path = located(spark, folder)
            if files.exists(path) and not overwrite:
                raise SystemExit(f"recsys: {folder} exists; choose another --out or --overwrite")
            files.delete(path, True)


def run(spark: SparkSession, args: argparse.Namespace) -> None:
    """Read, train and write."""
    if args.partitions:
        spark.conf.set("spark.sql.shuffle.partitions", args.partitions)
    out = args.out.rstrip("/")
    clear(spark, out, overwrite=args.overwrite)
    checkpoint = args.checkpoint or f"{out}/_checkpoint"
    spark.sparkContext.setCheckpointDir(checkpoint)
    interactions = read(spark, args)
    if interactions.isEmpty():
        raise SystemExit("recsys: there are no interactions with a weight above 0 to learn from")
    write(train(interactions, args), out, rank=args.factors, csv=args.csv)
    if not args.checkpoint:
        files, path = located(spark, checkpoint)
        files.delete(path, True)


def main() -> None:
    """Entry point of spark-submit."""
    args = arguments()
    with SparkSession.builder.appName("recsys train_als").getOrCreate() as spark:
        run(spark, args)


if __name__ == "__main__":
    main()
