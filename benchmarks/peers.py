"""Ours beside implicit, RecTools, LensKit and pandas, on the same work in the same run.

    python benchmarks/peers.py --scale 0.01             # a generated shop of 0.01 × H&M's size
    python benchmarks/peers.py --data data/ml-100k      # any folder of raw files

Ingest, ALS, lists for everybody with seen items excluded, and the evaluation of these lists: each
step of each library is a process of its own, with its time, memory and output's checksum. One
library that none of them has a part in computes the metrics of all lists. RecTools, LensKit and
pandas are installed into environments of their own under `--peers`, which is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from measuring import Measured, measure, succeed
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.store.workspace import Workspace
from scaled import RECSYS, shop
from split import write_split

HERE = Path(__file__).parent / "peers"
DATASET = "bench"
STEPS = ("train", "recommend", "evaluate")
TITLES = {
    "ingest": "ingest CSV",
    "train": "ALS",
    "recommend": "lists for all",
    "evaluate": "evaluation of the lists",
}
# implicit asks for BLAS to keep to one thread, since it has threads of its own.
ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
NOTES = """
- Everybody gets the confidences c = 1 + α·weight and λ on each factor, not scaled by counts. ours,
  implicit and RecTools (which calls a copy of implicit) solve with 3 conjugate gradient steps,
  LensKit with Cholesky; its factors start as squares of small normal numbers, implicit's as small
  uniform ones. LensKit keeps the trained user factors (`user_embeddings="prefer"`) rather than
  folding in.
- “call” is the library's call alone; “process” has start-up, imports and reading the input too.
- ours and implicit start from the same numbers for the same rows. RecTools numbers users and items
  by their first appearance, and so starts elsewhere: as with another seed, metrics differ a little.
  On ML-100K implicit gives RecTools' figures when its rows are put in that order.
- ours and RecTools evaluate the lists with NDCG, MAP and recall, LensKit with NDCG, recall and
  reciprocal rank; implicit evaluates a model, so it ranks for the users in question again, with
  precision, MAP, NDCG and AUC.
"""


@dataclass
class Peer:
    """A library that does the steps.

    Attributes:
        name: as in tables.
        worker: script in peers/.
        requirements: file in peers/ for an environment of its own; None runs in ours.
        env: variables that its documentation asks for.
    """

    name: str
    worker: str
    requirements: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    problem: str = ""

    def prepare(self, folder: Path) -> None:
        """Make its environment unless it is there; what goes wrong is kept for the tables."""
        if not self.requirements:
            return
        wanted = HERE / self.requirements
        home = folder.resolve() / Path(self.requirements).stem
        stamp, self.python = home / "installed.txt", str(home / "bin" / "python")
        if stamp.exists() and stamp.read_text() == wanted.read_text():
            return
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [*pip, "-r", str(wanted)],
        ):
            print(" ".join(command), file=sys.stderr)
            found = measure(command)
            if found.failure:
                self.problem = f"not installed: {found.failure}"
                return
        shutil.copyfile(wanted, stamp)


PEERS = [
    Peer("ours", "recsys"),
    Peer("implicit", "implicit", env=ONE_BLAS_THREAD),
    Peer("RecTools", "rectools", "rectools.txt", env=ONE_BLAS_THREAD),
    Peer("LensKit", "lenskit", "lenskit.txt"),
]
PANDAS = Peer("pandas", "pandas", "pandas.txt")


def row(step: str, peer: Peer, found: Measured, said: dict) -> str:
    """A line of the table of steps; `said` is what the worker printed."""
    version = f" {said['version']}" if "version" in said else ""
    call = f"{said['seconds']:.2f}" if "seconds" in said else ""
    out = found.failure or said["checksum"]
    return (
        f"| {TITLES[step]} | {peer.name}{version} | {call} | {found.seconds:.2f} | "
        f"{found.cpu:.1f} | {found.peak_mb:,.0f} | {out} |"
    )


def work(peer: Peer, step: str, folder: Path, args: argparse.Namespace) -> tuple[str, dict]:
    """Let a library do a step: its line of the table, and what it said."""
    if peer.problem:
        return f"| {TITLES[step]} | {peer.name} | | | | | {peer.problem} |", {}
    print(f"{peer.name}: {step}", file=sys.stderr)
    found = measure(
        [peer.python, str(HERE / f"with_{peer.worker}.py"), step, str(folder)],
        timeout=args.timeout,
        memory_gb=args.memory_gb,
        env=peer.env,
    )
    if found.failure and step != "evaluate":
        peer.problem = f"nothing to go on with, since {step} failed"
    said = {} if found.failure else json.loads(found.out.splitlines()[-1])
    return row(step, peer, found, said), said


def our_ingest(workspace: Path) -> str:
    """`recsys build ingest` as a user would call it."""
    found = succeed([RECSYS, "build", "ingest", "--force", "-w", str(workspace)])
    artifacts = Artifacts(Workspace(workspace), DATASET)
    events = pl.scan_parquet(Workspace(workspace).path("events", DATASET))
    made = (
        f"{events.select(pl.len()).collect().item():,} events, {len(artifacts.users):,} users, "
        f"{len(artifacts.items):,} items"
    )
    return row("ingest", PEERS[0], found, {"checksum": made})


def quality(folder: Path, own: dict[str, float]) -> list[str]:
    """The table of metrics of the lists that there are."""
    peers = [peer for peer in PEERS if (folder / peer.worker / "lists.npy").exists()]
    judge = [sys.executable, str(HERE / "judge.py"), str(folder)]
    values = json.loads(succeed([*judge, *(peer.worker for peer in peers)]).out)
    metrics = list(next(iter(values.values())))
    lines = [
        f"| lists of | {' | '.join(metrics)} | {metrics[0]} by itself |",
        "|---|" + "---|" * (len(metrics) + 1),
    ]
    for peer in peers:
        figures = " | ".join("{:.4f} ± {:.4f}".format(*values[peer.worker][m]) for m in metrics)
        itself = f"{own[peer.name]:.4f}" if peer.name in own else ""
        lines.append(f"| {peer.name} | {figures} | {itself} |")
    return lines


def compare(raw: Path, folder: Path, args: argparse.Namespace) -> None:
    """Do everything and print it."""
    kind = "hm" if (raw / "transactions_train.csv").exists() else "generic"
    (folder / "recsys.toml").write_text(
        f'[datasets.{DATASET}]\nkind = "{kind}"\npath = "{raw.resolve()}"\n'
    )
    for peer in (*PEERS, PANDAS):
        peer.prepare(args.peers)
    lines = [our_ingest(folder)]
    sentence = write_split(folder, DATASET, folder, k=args.k, days=args.days, raw=raw.resolve())
    if kind == "hm":
        lines.append(work(PANDAS, "ingest", folder, args)[0])
    own: dict[str, float] = {}
    for step in STEPS:
        for peer in PEERS:
            line, said = work(peer, step, folder, args)
            lines.append(line)
            if "ndcg" in said:
                own[peer.name] = said["ndcg"]
    print(f"{sentence} Each process may have {args.memory_gb:g} GB and {args.timeout:g} s.\n")
    print("| work | library | call, s | process, s | CPU, s | peak, MB | output |")
    print("|---|---|---|---|---|---|---|")
    print(
        "\n".join(
            [
                *lines,
                "",
                "Metrics of these lists by ranx, with 95% intervals over users:",
                "",
                *quality(folder, own),
            ]
        )
    )
    print(NOTES + f"\nLoad average after: {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--scale", type=float, default=0.01, help="share of H&M's size to generate")
    what.add_argument("--data", type=Path, help="folder of raw files to use instead")
    parser.add_argument("--days", type=int, help="days to test on; by default the dataset's")
    parser.add_argument("--peers", type=Path, default=Path(".peers"), help="environments' folder")
    parser.add_argument("--timeout", type=float, default=900, help="seconds a step may take")
    parser.add_argument("--memory-gb", type=float, default=20, help="address space of a process")
    parser.add_argument("-k", type=int, default=12)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = args.data or shop(folder / "shop", args.scale) / "data" / "hm_raw"
        compare(raw, folder, args)


if __name__ == "__main__":
    main()
