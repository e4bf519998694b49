"""The Spark jobs on this machine: wall seconds, peak memory and bytes shuffled, by cores and rows.

Synthetic purchases (Zipf-like items) go through interactions, train_als and recommend, each in a
Spark session of its own; starting one is reported apart, as the mean of the three. Memory is that
of the JVM and its Python workers together; shuffled bytes come from Spark's own event log.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import recsys_cli.spark
from measuring import measure

JOBS = ("interactions", "train_als", "recommend")
SCRIPT = """
import importlib, json, sys, time
started = time.time()
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
module, begun = importlib.import_module(sys.argv[1]), time.time()
module.run(session, module.arguments(sys.argv[2:]))
ended = time.time()
session.stop()
print(json.dumps([begun - started, ended - begun]))
"""


def write_events(path: Path, *, events: int, users: int, items: int) -> None:
    rng = np.random.default_rng(1)
    pl.DataFrame(
        {
            "user": rng.integers(users, size=events),
            "item": (items * rng.random(events) ** 2.5).astype(np.int64),
            "time": 1_500_000_000 + rng.integers(60_000_000, size=events),
        }
    ).with_columns(pl.format("{}", pl.col("user")).str.zfill(64).alias("user")).write_csv(path)


def shuffled(log: Path) -> int:
    """Bytes that tasks wrote for a shuffle."""
    total = 0
    for file in log.rglob("*"):
        for line in file.open() if file.is_file() else ():
            event = json.loads(line) if '"SparkListenerTaskEnd"' in line else {}
            written = (event.get("Task Metrics") or {}).get("Shuffle Write Metrics") or {}
            total += written.get("Shuffle Bytes Written", 0)
    return total


def run(job: str, arguments: list[str], master: str, log: Path, memory: str) -> dict[str, float]:
    """Seconds to start and to run, peak MB and MB shuffled of one job."""
    log.mkdir(parents=True)
    conf = {
        "spark.master": master, "spark.ui.enabled": "false", "spark.driver.memory": memory,
        "spark.sql.shuffle.partitions": "4", "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false", "spark.eventLog.dir": log.as_uri(),
    }  # fmt: skip
    submit = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    done = measure(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, job, *arguments],
        env={
            "PYTHONPATH": str(Path(recsys_cli.spark.__file__).parent),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
            "PYSPARK_SUBMIT_ARGS": " ".join([*submit, "pyspark-shell"]),
        },
    )
    if done.failure:
        raise SystemExit(f"{job}: {done.failure}")
    start, seconds = json.loads(done.out.splitlines()[-1])
    return {
        "start": start, "seconds": seconds, "peak": done.peak_mb, "mb": shuffled(log) / 1e6
    }  # fmt: skip


def line(master: str, folder: Path, args: argparse.Namespace) -> list[str]:
    """Cells of one line of the table."""
    out, made = folder / "out", str(folder / "out" / "interactions")
    columns = [f"--{role}-column={role}" for role in ("user", "item", "time")]
    jobs = {
        "interactions": ["--kind", "generic", "--events", str(folder.parent / "events.csv"),
                         *columns, "--out", made],
        "train_als": ["--interactions", f"{made}/interactions", "--out", str(out / "als"),
                      "--factors", str(args.factors), "--iterations", str(args.iterations),
                      "--blocks", "4"],
        "recommend": ["--factors", str(out / "als"), "--users", f"{made}/users", "--items",
                      f"{made}/items", "--seen", f"{made}/interactions",
                      "--out", str(out / "lists")],
    }  # fmt: skip
    found = [
        run(job, arguments, master, folder / "log" / job, args.memory)
        for job, arguments in jobs.items()
    ]
    cells = [f"{sum(job['start'] for job in found) / len(found):.0f}"]
    for job in found:
        cells += [f"{job['seconds']:.1f}", f"{job['peak']:.0f}", f"{job['mb']:.1f}"]
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--factors", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--master", nargs="+", default=["local[1]", "local[2]"])
    parser.add_argument("--memory", default="1g")
    args = parser.parse_args()
    print(f"{args.factors} factors, {args.iterations} iterations, {args.items:,} items;"
          f" driver and executor in one JVM with a heap of {args.memory}\n")  # fmt: skip
    print("| events | users | master | start, s | " + " | ".join(
        f"{job}, s | peak, MB | shuffled, MB" for job in JOBS) + " |\n|" + "---|" * 13)  # fmt: skip
    for times in args.times:
        with tempfile.TemporaryDirectory() as name:
            events, users = args.events * times, args.users * times
            write_events(Path(name) / "events.csv", events=events, users=users, items=args.items)
            for master in args.master:
                cells = line(master, Path(name) / master.strip("]").replace("[", ""), args)
                print(f"| {events:,} | {users:,} | {master} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
