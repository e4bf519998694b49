"""Requests per second and latencies of `recsys serve`, driven over loopback by wrk.

    python benchmarks/serve.py --workspace demo

Starts the server, asks for lists of users drawn at random who have history, with one strategy
and number of connections after the other (of the strategies that are built), and prints Markdown
tables. The load generator runs on the same cores as the server. Needs wrk (`apt-get install wrk`).

What one more worker costs is its memory that is no file's: the artifacts are mapped files, whose
pages are in memory once, whoever maps them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.registry import available
from recsys_cli.store.workspace import Workspace

SAMPLE = 20_000
WARM_UP_SECONDS = 2
SCRIPT = """
local users = {{}}
for line in io.lines("{users}") do users[#users + 1] = line end
math.randomseed({seed})
request = function()
  local user = users[math.random(#users)]
  return wrk.format("GET", "/recommend/user/" .. user .. "?dataset={dataset}&strategy={strategy}")
end
"""
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@contextmanager
def server(workspace: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Address and process id of a running server."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "recsys_cli", "serve"),
            *("-w", str(workspace), "--port", "0", "--workers", str(workers)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        wait_for_all(url, process.pid, workers)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def wait_for_all(url: str, pid: int, workers: int) -> None:
    """Return when every process has loaded: when none of them is busy any more."""
    with urllib.request.urlopen(f"{url}/ready", timeout=600) as answer:
        json.load(answer)
    if workers == 1:
        return
    before = -1.0
    while (now := cpu_seconds(pid)) - before > 0.05:
        before = now
        time.sleep(1)


def family(pid: int) -> list[int]:
    """A process and those that it started."""
    found = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    ticks = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int, field: str) -> list[float]:
    """A figure of smaps_rollup for each process that answers."""
    workers = [one for one in family(pid) if is_worker(one, pid)]
    texts = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in workers]
    return [int(re.search(rf"^{field}:\s+(\d+)", t, re.MULTILINE)[1]) / 1024 for t in texts]


def is_worker(one: int, parent: int) -> bool:
    """Whether a process answers: those that started to serve have mapped the factors."""
    return one != parent and "als_" in Path(f"/proc/{one}/maps").read_text()


def drive(url: str, script: Path, *, connections: int, seconds: float) -> dict[str, float]:
    """What wrk says."""
    out = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency"),
            *("--timeout", "30s", "-s", str(script), url),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = {"failed": 0.0, "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])}
    for name in ("50%", "99%"):
        value, unit = re.search(rf"{name}\s+([\d.]+)(us|ms|s|m)", out).groups()
        found[name] = float(value) * UNITS[unit]
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)", out):
        found["failed"] = float(bad[1])
    return found


def users_with_history(artifacts: Artifacts) -> list[str]:
    """Up to `SAMPLE` ids drawn at random."""
    counts = np.diff(artifacts.pack("interactions")["indptr"])
    rows = np.flatnonzero(counts)
    drawn = np.random.default_rng(0).permutation(rows)[:SAMPLE]
    return [artifacts.users[int(row)] for row in drawn]


def made_of(artifacts: Artifacts) -> str:
    """What hybrid chooses from, and by what."""
    if not artifacts.has("ranker"):
        return "hybrid without a ranker"
    facts = json.loads(artifacts.text("ranker_facts"))
    names = ", ".join(name for name, _ in facts["sources"])
    return f"hybrid ranks by {facts['rounds']} trees what {names} recall"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("demo"))
    parser.add_argument("--dataset", default="hm")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--strategies", nargs="+", default=["collab", "content", "hybrid"])
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        parser.error("wrk is not installed: apt-get install wrk")
    artifacts = Artifacts(Workspace(arguments.workspace), arguments.dataset)
    print(
        f"{len(artifacts.users):,} users, {len(artifacts.items):,} items, {arguments.workers} "
        f"workers, niceness {os.nice(0)}; {made_of(artifacts)}; "
        f"load average before: {os.getloadavg()[0]:.1f}\n"
    )
    there = [name for name in arguments.strategies if name in available(artifacts)]
    print("| strategy | connections | requests/s | p50, ms | p99, ms | failed |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        users = Path(folder) / "users"
        users.write_text("\n".join(users_with_history(artifacts)))
        with server(arguments.workspace, arguments.workers) as (url, pid):
            for strategy in there:
                measure(url, Path(folder) / "wrk.lua", users, strategy, arguments)
            own, whole = megabytes(pid, "Anonymous"), megabytes(pid, "Pss")
    print(
        f"\nmemory of a worker: {max(own):,.0f} MB of its own, {max(whole):,.0f} MB with its share "
        f"of mapped artifacts; load average after: {os.getloadavg()[0]:.1f}"
    )


def write_script(script: Path, users: Path, strategy: str, dataset: str) -> None:
    script.write_text(SCRIPT.format(users=users, seed=1, dataset=dataset, strategy=strategy))


def measure(
    url: str, script: Path, users: Path, strategy: str, arguments: argparse.Namespace
) -> None:
    write_script(script, users, strategy, arguments.dataset)
    drive(url, script, connections=8, seconds=WARM_UP_SECONDS)
    for connections in arguments.connections:
        found = drive(url, script, connections=connections, seconds=arguments.seconds)
        print(
            f"| {strategy} | {connections} | {found['rate']:,.0f} | {found['50%']:.2f} | "
            f"{found['99%']:.2f} | {found['failed']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
