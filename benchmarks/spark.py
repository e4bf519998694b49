"""The Spark jobs on this machine: wall seconds and bytes shuffled, by cores and rows.

Synthetic purchases (Zipf-like items) go through interactions, train_als and recommend in one
Spark session per line, so that starting it, which is reported apart, is not counted three times.
Shuffled bytes come from Spark's own event log.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import recsys_cli.spark

JOBS = ("interactions", "train_als", "recommend")
SCRIPT = """
import importlib, json, sys, time
started = time.time()
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
spans = {"start": (started, time.time())}
for job, arguments in json.load(sys.stdin):
    module, begun = importlib.import_module(job), time.time()
    module.run(session, module.arguments(arguments))
    spans[job] = (begun, time.time())
session.stop()
json.dump(spans, open("spans.json", "w"))
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


def shuffled(log: Path, spans: dict[str, tuple[float, float]]) -> dict[str, int]:
    """Bytes that the tasks of each job wrote for a shuffle."""
    total = dict.fromkeys(JOBS, 0)
    for file in log.rglob("*"):
        if not file.is_file():
            continue
        for line in file.open():
            event = json.loads(line) if '"SparkListenerTaskEnd"' in line else {}
            written = (event.get("Task Metrics") or {}).get("Shuffle Write Metrics")
            if not written:
                continue
            at = event["Task Info"]["Finish Time"] / 1000
            for job in JOBS:
                if spans[job][0] <= at <= spans[job][1]:
                    total[job] += written["Shuffle Bytes Written"]
    return total


def measure(master: str, folder: Path, args: argparse.Namespace) -> list[str]:
    """Cells of one line of the table."""
    home = Path(recsys_cli.spark.__file__).parent
    out, log = folder / "out", folder / "log"
    log.mkdir(parents=True)
    conf = {
        "spark.master": master, "spark.ui.enabled": "false", "spark.driver.memory": args.memory,
        "spark.sql.shuffle.partitions": "4", "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false", "spark.eventLog.dir": log.as_uri(),
    }  # fmt: skip
    submit = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    columns = [f"--{role}-column={role}" for role in ("user", "item", "time")]
    made = str(out / "interactions")
    runs = [
        ["interactions", ["--kind", "generic", "--events", str(folder.parent / "events.csv"),
                          *columns, "--out", made]],
        ["train_als", ["--interactions", f"{made}/interactions", "--out", str(out / "als"),
                       "--factors", str(args.factors), "--iterations", str(args.iterations),
                       "--blocks", "4"]],
        ["recommend", ["--factors", str(out / "als"), "--users", f"{made}/users", "--items",
                       f"{made}/items", "--seen", f"{made}/interactions",
                       "--out", str(out / "lists")]],
    ]  # fmt: skip
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        input=json.dumps(runs), text=True, check=True, cwd=folder, stderr=subprocess.DEVNULL,
        env={
            **os.environ, "PYTHONPATH": str(home), "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1", "OMP_NUM_THREADS": "1",
            "PYSPARK_SUBMIT_ARGS": " ".join([*submit, "pyspark-shell"]),
        },
    )  # fmt: skip
    spans = json.loads((folder / "spans.json").read_text())
    written = shuffled(log, spans)
    cells = [f"{spans['start'][1] - spans['start'][0]:.0f}"]
    for job in JOBS:
        cells += [f"{spans[job][1] - spans[job][0]:.1f}", f"{written[job] / 1e6:.1f}"]
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
          " seconds and megabytes written for shuffles\n")  # fmt: skip
    print("| events | users | master | start, s | " + " | ".join(
        f"{job}, s | MB" for job in JOBS) + " |\n|" + "---|" * 10)  # fmt: skip
    for times in args.times:
        with tempfile.TemporaryDirectory() as name:
            events, users = args.events * times, args.users * times
            write_events(Path(name) / "events.csv", events=events, users=users, items=args.items)
            for master in args.master:
                cells = measure(master, Path(name) / master.strip("]").replace("[", ""), args)
                print(f"| {events:,} | {users:,} | {master} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
