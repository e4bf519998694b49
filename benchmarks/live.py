"""Events and answers at the same time, over loopback, and what live events add to an answer.

    python benchmarks/live.py --workspace demo --dataset hm

Works on a copy of the workspace. Starts the server with two workers; for a while, writers post
events of users, and readers ask for lists of the same users. No answer may be a failure of the
server, and each has to know of every event that was acknowledged before it was asked for. Then
single requests, one after the other: of users with no live events and with 50. The load generator
runs on the same cores as the server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.registry import available
from recsys_cli.store.workspace import Workspace
from serve import server, users_with_history

USERS = 400
LIVE = 50
SINGLE = 60


class Client:
    """A connection that stays open."""

    def __init__(self, url: str, dataset: str) -> None:
        self.dataset = dataset
        where = urlsplit(url)
        self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)

    def ask(self, user: str, strategy: str) -> tuple[int, dict, float]:
        return self._send(
            "GET", f"/recommend/user/{user}?dataset={self.dataset}&strategy={strategy}"
        )

    def post(self, events: list[dict]) -> tuple[int, dict, float]:
        return self._send(
            "POST", "/events", json.dumps({"events": events, "dataset": self.dataset})
        )

    def _send(self, method: str, path: str, body: str | None = None) -> tuple[int, dict, float]:
        start = time.perf_counter()
        self.connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        told = json.loads(answer.read())
        return answer.status, told, (time.perf_counter() - start) * 1000


class Load:
    """What writers and readers share, and what they met."""

    def __init__(self, url: str, artifacts: Artifacts, strategy: str, batch: int) -> None:
        self.url, self.dataset = url, artifacts.dataset
        self.users = users_with_history(artifacts)[:USERS]
        self.items = [artifacts.items[row] for row in range(min(1000, len(artifacts.items)))]
        self.strategy, self.batch = strategy, batch
        self.done = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged: Counter[str] = Counter()
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.late = 0
        self.seconds: dict[str, list[float]] = {"write": [], "read": []}

    def write(self, seed: int) -> None:
        client, choose = Client(self.url, self.dataset), random.Random(seed)
        while not self.done.is_set():
            users = choose.sample(self.users, self.batch)
            events = [{"user": user, "item": choose.choice(self.items)} for user in users]
            status, _, took = client.post(events)
            with self.lock:
                self.statuses["write", status] += 1
                self.seconds["write"].append(took)
                if status == 202:
                    self.acknowledged.update(users)

    def read(self, seed: int) -> None:
        client, choose = Client(self.url, self.dataset), random.Random(seed)
        while not self.done.is_set():
            user = choose.choice(self.users)
            with self.lock:
                known = self.acknowledged[user]
            status, answer, took = client.ask(user, self.strategy)
            with self.lock:
                self.statuses["read", status] += 1
                self.seconds["read"].append(took)
                # A user's last thousand are looked at.
                self.late += status == 200 and answer["live"] < min(known, 1000)

    def run(self, *, writers: int, readers: int, seconds: float) -> None:
        threads = [threading.Thread(target=self.write, args=(n,)) for n in range(writers)]
        threads += [threading.Thread(target=self.read, args=(99 + n,)) for n in range(readers)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.done.set()
        for thread in threads:
            thread.join()


def quantiles(values: list[float]) -> str:
    p50, p99 = np.percentile(values, [50, 99])
    return f"{p50:.1f} | {p99:.1f}"


def at_once(url: str, artifacts: Artifacts, options: argparse.Namespace) -> None:
    print(
        f"{options.writers} writers and {options.readers} readers, 2 workers, "
        f"{options.seconds:g} s, answers by {options.strategy}:\n"
    )
    print("| events a request | events/s | p50 ms | p99 ms | answers/s | p50 ms | p99 ms | 5xx | "
          "late |")  # fmt: skip
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for batch in (1, 20):
        load = Load(url, artifacts, options.strategy, batch)
        load.run(writers=options.writers, readers=options.readers, seconds=options.seconds)
        events = sum(load.acknowledged.values()) / options.seconds
        answers = load.statuses["read", 200] / options.seconds
        failed = sum(n for (_, status), n in load.statuses.items() if status >= 500)
        print(
            f"| {batch} | {events:,.0f} | {quantiles(load.seconds['write'])} | {answers:,.0f} | "
            f"{quantiles(load.seconds['read'])} | {failed} | {load.late} |",
            flush=True,
        )


def one_by_one(url: str, artifacts: Artifacts) -> None:
    client, choose = Client(url, artifacts.dataset), random.Random(5)
    users = users_with_history(artifacts)[USERS : USERS + 2 * SINGLE]
    quiet, busy = users[:SINGLE], users[SINGLE:]
    items = [artifacts.items[row] for row in range(min(1000, len(artifacts.items)))]
    for user in busy:
        client.post([{"user": user, "item": item} for item in choose.sample(items, LIVE)])
    print(f"\nOne request after the other, ms, without live events and with {LIVE}:\n")
    print("| strategy | p50 | p99 | with 50: p50 | p99 | ratio of p50 |")
    print("|---|---:|---:|---:|---:|---:|")
    for strategy in available(artifacts):
        times = []
        for some in (quiet, busy):
            for user in some:
                client.ask(user, strategy)
            times.append([client.ask(user, strategy)[2] for _ in range(3) for user in some])
        ratio = np.median(times[1]) / np.median(times[0])
        print(f"| {strategy} | {quantiles(times[0])} | {quantiles(times[1])} | {ratio:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("demo"))
    parser.add_argument("--dataset", default="hm")
    parser.add_argument("--strategy", default="hybrid")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recsys-live-") as folder:
        root = Path(folder) / "shop"
        shutil.copytree(options.workspace, root, ignore=shutil.ignore_patterns("live", "data"))
        (root / "data").symlink_to((options.workspace / "data").resolve())
        artifacts = Artifacts(Workspace(root), options.dataset)
        with server(root, 2) as (url, _):
            at_once(url, artifacts, options)
            one_by_one(url, artifacts)


if __name__ == "__main__":
    sys.exit(main())
