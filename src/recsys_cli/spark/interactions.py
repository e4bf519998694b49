"""Spark job: events become one weighted row per user and item, and dense integer ids.

    spark-submit interactions.py --kind hm --events FILE --out FOLDER

Events come in from any file system that Spark reads: raw ones (H&M's transactions, RetailRocket's
events, or any table with named columns) or the canonical table that `recsys ingest` writes. Out
go, as Parquet below FOLDER,

    interactions/  user int32, item int32, weight float32, count int64, last int64 (seconds)
    users/         id int32, user string      (raw events only; canonical ones are numbered)
    items/         id int32, item string
    summary/       one line of JSON, written last

An event weighs, as in `recsys als export`, its kind's weight × its value (if asked for) ×
0.5 ^ (age in days / half-life); the sum over a pair may be capped. External ids are strings and
stay exactly as they are; an id's number is its rank in byte order, however the data is split:
Spark sorts within ranges, and only the number of ids in each range visits the driver.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StringType

KINDS = ("hm", "retailrocket", "generic", "canonical")
COLUMNS = {
    "hm": {"user": "customer_id", "item": "article_id", "time": "t_dat", "value": "price"},
    "retailrocket": {
        "user": "visitorid", "item": "itemid", "time": "timestamp", "event": "event",
    },
    "generic": {},
    "canonical": {
        "user": "user", "item": "item", "time": "time", "event": "event", "value": "value",
    },
}  # fmt: skip
RETAILROCKET = {"view": 1.0, "addtocart": 3.0, "transaction": 5.0}
# Kinds of event that go by these names in other shops; any other counts 1.
GENERIC = {
    "addtocart": 3.0, "add_to_cart": 3.0, "cart": 3.0, "basket": 3.0, "favorite": 3.0,
    "fav": 3.0, "wishlist": 3.0, "transaction": 5.0, "purchase": 5.0, "buy": 5.0, "order": 5.0,
}  # fmt: skip
ROLES = ("user", "item", "time", "event", "value")
# Epochs of the years 1973 to 5138 differ by a factor of 1,000 between s, ms, µs and ns.
UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
ARTICLE_DIGITS = 10
SECONDS_PER_DAY = 86_400
LATEST = 2**32 - 1
MOST_IDS = 2**31 - 1
POSITION_BITS = 33  # of monotonically_increasing_id: what is below them is the partition


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=KINDS, required=True, help="whose layout the events have")
    parser.add_argument("--events", required=True, nargs="+", help="files or folders")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument(
        "--format", choices=("auto", "csv", "tsv", "parquet", "json"), default="auto"
    )
    for role in ROLES:
        parser.add_argument(f"--{role}-column", metavar="NAME", help=f"column of the {role}")
    parser.add_argument(
        "--weight", action="append", default=[], metavar="KIND=NUMBER", help="may be repeated"
    )
    parser.add_argument(
        "--event-names", metavar="A,B,…", help="canonical: kinds of event in the order of codes"
    )
    parser.add_argument("--value-as-weight", action="store_true")
    parser.add_argument("--half-life-days", type=float)
    parser.add_argument("--max-weight", type=float)
    parser.add_argument(
        "--as-of", metavar="YYYY-MM-DD[THH:MM:SS]", help="only events before this moment (UTC)"
    )
    parser.add_argument("--partitions", type=int, help="of shuffles; default: Spark's")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    return parser.parse_args(given)


def read(spark: SparkSession, args: argparse.Namespace) -> DataFrame:
    """The events as they lie, all columns of text files as strings."""
    kind = args.format
    if kind == "auto":
        name = args.events[0].removesuffix("/").removesuffix(".gz").lower()
        known = {".csv": "csv", ".tsv": "tsv", ".inter": "tsv", ".json": "json", ".jsonl": "json"}
        kind = next((known[end] for end in known if name.endswith(end)), "parquet")
    if kind == "parquet":
        return spark.read.parquet(*args.events)
    if kind == "json":
        return spark.read.option("primitivesAsString", "true").json(args.events)
    return spark.read.csv(
        args.events, header=True, sep="\t" if kind == "tsv" else ",", quote='"', escape='"'
    )


def events_of(frame: DataFrame, args: argparse.Namespace) -> DataFrame:
    """user, item, weight float (before decay), seconds long (0 without a time); whole rows only."""
    columns = columns_of(frame, args)
    raw = {role: F.col(f"`{name}`") for role, name in columns.items()}
    types = dict(frame.dtypes)
    if args.kind == "canonical":
        user, item = (raw[role].cast(IntegerType()) for role in ("user", "item"))
    else:
        user, item = (raw[role].cast(StringType()) for role in ("user", "item"))
        if args.kind == "hm" and types[columns["item"]] != "string":
            # A number has lost its zeros; H&M's articles have ten digits.
            item = F.lpad(item, ARTICLE_DIGITS, "0")
    seconds = F.lit(0).cast("long")
    if "time" in raw:
        seconds = seconds_of(raw["time"], types[columns["time"]])
        if args.kind == "canonical":
            seconds = F.coalesce(seconds, F.lit(0).cast("long"))
    weight = weight_of(raw, args)
    table = frame.select(
        user.alias("user"), item.alias("item"), weight.alias("weight"), seconds.alias("seconds")
    )
    table = table.dropna()
    if args.kind != "canonical":
        table = table.filter((F.col("user") != "") & (F.col("item") != ""))
        if "time" in raw:
            # Zeros end up on the first day of 1970; the future is a broken clock.
            tomorrow = int(time.time()) + 2 * SECONDS_PER_DAY
            table = table.filter(F.col("seconds").between(SECONDS_PER_DAY, tomorrow))
    return table


def columns_of(frame: DataFrame, args: argparse.Namespace) -> dict[str, str]:
    """The name of each role's column: the layout's, unless another was asked for."""
    columns = dict(COLUMNS[args.kind])
    for role in ROLES:
        columns[role] = getattr(args, f"{role}_column") or columns.get(role, "")
    for role in ("user", "item"):
        if not columns[role]:
            raise SystemExit(f"recsys: --kind {args.kind} needs --{role}-column")
    # A price plays no part unless it weighs.
    if not args.value_as_weight:
        del columns["value"]
    columns = {role: name for role, name in columns.items() if name}
    missing = [name for name in columns.values() if name not in frame.columns]
    if missing:
        raise SystemExit(
            f"recsys: the events have no column {missing[0]}; they have {', '.join(frame.columns)}"
        )
    return columns


def seconds_of(cell: Column, dtype: str) -> Column:
    """Whole seconds since 1970: dates, date-times, epochs in s, ms, µs or ns told by their size."""
    if dtype in ("date", "timestamp", "timestamp_ntz"):
        return F.unix_seconds(cell.cast("timestamp"))
    text = F.trim(cell.cast(StringType()))
    number = text.try_cast("double")
    epoch = F.lit(None).cast("double")
    for below, per_second in reversed(UNITS):
        epoch = F.when(F.abs(number) < below, number / per_second).otherwise(epoch)
    compact = F.when(
        text.rlike("^(19|20|21)[0-9]{6}$"), F.try_to_timestamp(text, F.lit("yyyyMMdd"))
    )
    dated = F.coalesce(compact, F.try_to_timestamp(F.regexp_replace(text, "/", "-")))
    return F.when(number.isNotNull() & compact.isNull(), F.floor(epoch).cast("long")).otherwise(
        F.unix_seconds(dated)
    )


def weight_of(raw: dict[str, Column], args: argparse.Namespace) -> Column:
    """Weight of each event before decay as float; null for a kind that the layout lacks."""
    weights = {"retailrocket": RETAILROCKET, "generic": GENERIC}.get(args.kind, {}) | {
        name: float(number) for name, _, number in (w.partition("=") for w in args.weight)
    }
    weight = F.lit(1.0)
    if "event" in raw:
        event = raw["event"].cast(StringType())
        if args.kind == "canonical":
            names = (args.event_names or "").split(",") if args.event_names else []
            weights = {str(code): weights.get(name, 1.0) for code, name in enumerate(names)}
        other = F.lit(None if args.kind == "retailrocket" else 1.0).cast("double")
        weight = F.when(event.isNull(), F.lit(None).cast("double"))
        for name, number in weights.items():
            weight = weight.when(event == name, F.lit(number))
        weight = weight.otherwise(other)
    elif args.kind == "hm":
        weight = F.lit(weights.get("purchase", 1.0))
    elif "interaction" in weights:
        weight = F.lit(weights["interaction"])
    if "value" in raw:
        value = F.trim(raw["value"].cast(StringType())).try_cast("float").cast("double")
        infinite = F.isnan(value) | (F.abs(value) == float("inf"))
        value = F.coalesce(F.when(infinite, None).otherwise(value), F.lit(1.0))
        weight = weight * F.greatest(value, F.lit(0.0))
    return weight.cast("float")


def seconds_at(moment: str) -> int:
    """A date, or date and time, in UTC as whole seconds since 1970, rounded down."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise SystemExit(f"recsys: --as-of {moment!r} is not a date or time") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def decayed(events: DataFrame, reference: int, half_life_days: float) -> DataFrame:
    """Events weighed down by their age; one without a time keeps its weight."""
    days = (F.lit(reference) - F.col("seconds")) / SECONDS_PER_DAY
    factor = F.when(F.col("seconds") > 0, F.pow(F.lit(0.5), days / half_life_days))
    weight = (F.col("weight") * F.coalesce(factor, F.lit(1.0))).cast("float")
    return events.withColumn("weight", weight)


def pairs_of(events: DataFrame, max_weight: float | None) -> DataFrame:
    """One row per user and item; float32 weights are added up in double precision."""
    summed = F.sum(F.col("weight").cast("double")).cast("float")
    if max_weight is not None:
        summed = F.least(summed, F.lit(max_weight).cast("float"))
    return events.groupBy("user", "item").agg(
        summed.alias("weight"),
        F.count(F.lit(1)).alias("count"),
        F.least(F.max("seconds"), F.lit(LATEST)).cast("long").alias("last"),
    )


def number(spark: SparkSession, pairs: DataFrame, column: str, out: str, work: str) -> int:
    """Write `out` with each different id and its rank in byte order; the number of ids."""
    ranges = f"{work}/{column}"
    # Written out before it is counted, so that a range that is computed again cannot differ.
    (
        pairs.select(column)
        .distinct()
        .repartitionByRange(F.col(column))
        .sortWithinPartitions(column)
        .withColumn("place", F.monotonically_increasing_id())
        .write.parquet(ranges)
    )
    table = spark.read.parquet(ranges).select(
        column,
        F.shiftright("place", POSITION_BITS).alias("range"),
        F.col("place").bitwiseAND((1 << POSITION_BITS) - 1).alias("position"),
    )
    offsets, total = [], 0
    for row in sorted(table.groupBy("range").count().collect()):
        offsets.append((row["range"], total))
        total += row["count"]
    if total > MOST_IDS:
        raise SystemExit(f"recsys: {total:,} {column}s are more than MLlib's 32-bit ids can number")
    first = spark.createDataFrame(offsets, "range long, offset long")
    numbered = table.join(F.broadcast(first), "range").select(
        (F.col("offset") + F.col("position")).cast("int").alias("id"), column
    )
    numbered.write.parquet(out)
    return total


def numbered_pairs(spark: SparkSession, pairs: DataFrame, out: str) -> DataFrame:
    """Pairs with ids in place of strings; Spark broadcasts a side that is small."""
    for column in ("item", "user"):
        ids = spark.read.parquet(f"{out}/{column}s")
        pairs = pairs.join(ids, column).drop(column).withColumnRenamed("id", column)
    return pairs


def located(spark: SparkSession, folder: str) -> tuple[Any, Any]:
    """The file system that a folder lies on, whichever that is, and its path there."""
    path = spark._jvm.org.apache.hadoop.fs.Path(folder)
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path


def run(spark: SparkSession, args: argparse.Namespace) -> None:
    """Read, weigh, sum, number and write."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    if args.partitions:
        spark.conf.set("spark.sql.shuffle.partitions", args.partitions)
    out = args.out.rstrip("/")
    files, path = located(spark, out)
    if files.exists(path) and not args.overwrite:
        raise SystemExit(f"recsys: {out} exists; choose another folder or add --overwrite")
    files.delete(path, True)
    events = events_of(read(spark, args), args)
    reference = None
    if args.as_of:
        reference = seconds_at(args.as_of)
        events = events.filter(F.col("seconds") < reference)
    if args.half_life_days:
        if reference is None:
            last = events.agg(F.max("seconds")).first()[0] or 0
            reference = last + 1 if last else 0
        events = decayed(events, reference, args.half_life_days)
    work = f"{out}/_work"
    pairs = pairs_of(events, args.max_weight)
    ids = {}
    if args.kind != "canonical":
        pairs.write.parquet(f"{work}/pairs")
        pairs = spark.read.parquet(f"{work}/pairs")
        for column in ("user", "item"):
            ids[f"{column}s"] = number(spark, pairs, column, f"{out}/{column}s", work)
        pairs = numbered_pairs(spark, pairs, out)
    pairs = pairs.select("user", "item", "weight", "count", "last")
    pairs.sortWithinPartitions("user", "item").write.parquet(f"{out}/interactions")
    totals = (
        spark.read.parquet(f"{out}/interactions")
        .agg(F.count(F.lit(1)), F.sum("count"), F.max("last"))
        .first()
    )
    last = totals[2] or 0
    if reference is None:
        reference = last + 1 if last else 0
    summary = {"pairs": totals[0], "events": totals[1] or 0, "reference": reference, **ids}
    summary |= {"half_life_days": args.half_life_days, "max_weight": args.max_weight}
    files.delete(located(spark, work)[1], True)
    line = spark.createDataFrame([(json.dumps(summary),)], "value string")
    line.coalesce(1).write.text(f"{out}/summary")


def main() -> None:
    """Entry point of spark-submit."""
    args = arguments()
    with SparkSession.builder.appName("recsys interactions").getOrCreate() as spark:
        run(spark, args)


if __name__ == "__main__":
    main()
