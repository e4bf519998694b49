"""Uses a workspace whose files were changed, one at a time, and notes what is not as it should be.

    PYTHONPATH=.:tests python -m hostile.fuzz --workspace FOLDER --count 3000 --seed 1

The workspace is built, and is not written to: each change is made in a copy, and undone. A file
is changed as bad luck would, as somebody who keeps its size and time, or as a stranger who made
the workspace, whose manifests vouch for whatever is in it. Wanted are an error that says what to
run, the same answers, or other answers with a word about it; of a stranger's workspace, answers
or an error. Ends with 1, and a line for each change that led to something else.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Threads of BLAS that wait for a busy core take a hundred times as long.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from hostile.mutations import disguise, mutate, vouch
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.status import status_of
from recsys_cli.assembly import load_config
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.batch import recommend_all
from recsys_cli.engine.cold import Cold, Taste
from recsys_cli.engine.engine import Engine, Filters
from recsys_cli.engine.queries import Query
from recsys_cli.engine.search import search
from recsys_cli.engine.similar import Similar
from recsys_cli.errors import RecsysError
from recsys_cli.serve.state import State
from recsys_cli.store.scratch import Scratch
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies import STRATEGIES

DATASET = "hm"
LONGEST, LONGEST_AT_FIRST, MOST_MB = 5.0, 120.0, 300
MODES = ("luck", "disguised", "vouched")


class Slow(BaseException):
    """Something takes longer than it may."""


def uses(root: Path, out: Path) -> dict[str, Callable[[], Any]]:
    """What is done with a workspace, by name."""
    config = load_config(root)
    items = Artifacts(Workspace(root), DATASET, config=config)

    def engine() -> Engine:
        return Opened(root, overrides=["threads=1"]).engine(DATASET)

    def one(strategy: str) -> Any:
        opened = engine()
        users = ["123", "nobody", *opened.artifacts.users.to_list(5, 7)]
        return [
            opened.recommend_one(user, strategy=strategy, k=5, explain=strategy == "hybrid")
            for user in users
        ]

    def batch() -> Any:
        opened = engine()
        target = out / "lists.csv"
        recommend_all(opened, target, strategy="collab", k=3)
        return target.read_bytes()

    def filtered() -> Any:
        only = Filters(where=["product_group_name=Shoes"])
        return engine().recommend_one("123", strategy="popular", k=5, filters=only)

    def similar() -> Any:
        opened = Artifacts(Workspace(root), DATASET, config=config)
        return Similar(opened).item(opened.items[3], k=5)

    def cold() -> Any:
        return Cold(engine()).recommend(Taste(liked=[items.items[3]]), k=5)

    def found(datasets: list[str]) -> Any:
        return search(Workspace(root), config, datasets, Query("red dress"), k=5)

    def status() -> Any:
        states = status_of(Opened(root)).stages
        return [(s.name, s.dataset, s.snapshot, s.state) for s in states]

    def served() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            state = State.load(Workspace(root), config, [DATASET], Scratch(Path(folder)))
            mine = state.served[DATASET]
            return mine.strategies, mine.similar_by, mine.items.row(3)

    return {
        **{name: lambda name=name: one(name) for name in [*STRATEGIES, "auto"]},
        "batch": batch,
        "where": filtered,
        "similar": similar,
        "cold": cold,
        "search": lambda: found([DATASET]),
        "search all": lambda: found(list(config.datasets)),
        "status": status,
        "serve": served,
    }


@contextlib.contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """Raise `Slow` in what takes longer."""

    def stop(*_: object) -> None:
        raise Slow

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def used(use: Callable[[], Any], longest: float = LONGEST) -> tuple[str, Any, str]:
    """What became of a use, its answer, and what was said on the way."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), no_longer_than(longest):
            answer = use()
        return "answered", json.dumps(answer, default=repr), said.getvalue()
    except RecsysError as error:
        return "refused", type(error).__name__, error.message
    except Slow:
        return "slow", "".join(traceback.format_exc(limit=-3)), said.getvalue()
    except BaseException as error:
        return "broken", type(error).__name__, "".join(traceback.format_exception(error)[-4:])


def targets(root: Path) -> list[Path]:
    """The files to change: every artifact and manifest of now, and some of a past snapshot."""
    artifacts = root / "artifacts"
    now = [path for path in artifacts.glob("*") if path.is_file() and path.name[0] != "."]
    now += [*artifacts.glob("manifests/*"), *artifacts.glob("*/*.parquet")]
    past = sorted(artifacts.glob("asof=*"))
    now += [path for path in past[-1].rglob("*") if path.is_file()]
    memos = [artifacts / ".hashes.json", artifacts / ".checked.json"]
    return sorted(path for path in [*now, *memos] if path.is_file())


def judge(mode: str, before: tuple[str, Any, str], now: tuple[str, Any, str], name: str) -> str:
    """What is wrong with an outcome; empty if nothing is."""
    outcome, answer, said = now
    if outcome in ("slow", "broken"):
        return f"{outcome}: {answer} {said}"
    other = outcome == "answered" and answer != before[1]
    if mode != "vouched" and other and not said and name not in ("status", "serve"):
        return "another answer without a word"
    return ""


def main() -> int:
    """Run the changes that the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--uses", type=int, default=4, help="uses of each change, of all")
    arguments = parser.parse_args()
    wrong, tally = 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "workspace", Path(folder)
        shutil.copytree(arguments.workspace, root)
        ways = uses(root, out)
        for longest in (LONGEST_AT_FIRST, LONGEST):
            # The second time everything is loaded, compiled and checked.
            usual = {name: used(way, longest) for name, way in ways.items()}
        assert all(outcome == "answered" for outcome, _, _ in usual.values()), usual
        files = targets(root)
        start_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.monotonic()
        for number in range(arguments.first, arguments.first + arguments.count):
            rng = random.Random(f"{arguments.seed} {number}")
            path, mode = files[number % len(files)], rng.choice(MODES)
            kept, before = path.read_bytes(), path.stat()
            manifests = {p: p.read_bytes() for p in (root / "artifacts").rglob("manifests/*")}
            mutate(path, rng)
            if mode == "disguised":
                disguise(path, before)
            elif mode == "vouched" and path.parent.name != "manifests":
                vouch(root, path)
            for name in rng.sample(sorted(ways), arguments.uses):
                now = used(ways[name])
                tally[now[0]] += 1
                finding = judge(mode, usual[name], now, name)
                if finding:
                    wrong += 1
                    print(f"{number} {mode} {path.relative_to(root)} {name}: {finding}", flush=True)
            for manifest, text in manifests.items():
                if manifest.read_bytes() != text:
                    manifest.write_bytes(text)
            path.write_bytes(kept)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - start_mb
        seconds = time.monotonic() - start
    print(f"{arguments.count} changes, {dict(tally)}, {seconds:.0f} s, grown by {grown:.0f} MB")
    if grown > MOST_MB:
        print(f"memory grew by more than {MOST_MB} MB")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
