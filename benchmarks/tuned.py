"""Every strategy with its defaults, and tuned by `recsys tune` alone, on the same test window.

    python benchmarks/tuned.py --workspace DIR --dataset ml --protocol leave-last-out
    python benchmarks/tuned.py --shop 800 90000 500 --dataset hm     # a dense one, generated

Works on a copy of the workspace's recsys.toml in a workspace of its own. Strategies are tuned one
after the other, those that others build on first, each on windows before the test window, and
--apply keeps the winner where it gains on those held out of the search. Then all are evaluated
once more. NDCG@12 with 95% intervals; differences are to the hybrid, user by user.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measuring import succeed
from scaled import RECSYS, beside, evaluated

TRIALS = {
    "popular": 10, "itemknn": 12, "graph": 12, "als": 20, "content": 8, "twotower": 6, "hybrid": 8,
}  # fmt: skip
STRATEGY_OF = {"als": "collab"}
METRIC = "ndcg@12"


def cell(found: dict) -> str:
    return f"{found['value']:.3f} [{found['low']:.3f} {found['high']:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--workspace", type=Path)
    where.add_argument("--shop", nargs=3, metavar=("CUSTOMERS", "PURCHASES", "ARTICLES"))
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--protocol", default="temporal")
    parser.add_argument("--windows", type=int, default=1, help="windows that eval tests on")
    parser.add_argument("--tuning-windows", type=int, help="in place of tune's own number")
    parser.add_argument("--targets", default=",".join(TRIALS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.shop:
            workspace = folder / "shop"
            workspace.mkdir()
            names = ("--customers", "--transactions", "--articles")
            sizes = [part for pair in zip(names, arguments.shop, strict=True) for part in pair]
            succeed([RECSYS, "demo", "--no-images", *sizes, "-w", str(workspace)])
        else:
            workspace = beside(arguments.workspace, folder)
        where = ["--dataset", arguments.dataset, "-w", str(workspace)]
        protocol = ["--protocol", arguments.protocol]
        timed = arguments.protocol == "temporal"
        test = ["--strategy", "all", "--baseline", "hybrid", *where, *protocol]
        test += ["--windows", str(arguments.windows)] if timed else []
        before, _ = evaluated(test, folder)
        cutoff = ["--cutoff", before["cutoffs"][0]] if timed else []
        seconds = {}
        for target in arguments.targets.split(","):
            trials = ["--trials", str(TRIALS[target]), "--apply"]
            own = arguments.tuning_windows
            windows = ["--windows", str(own)] if own else []
            took = succeed([RECSYS, "tune", target, *trials, *windows, *protocol, *cutoff, *where])
            seconds[STRATEGY_OF.get(target, target)] = took.seconds
        after, _ = evaluated(test, folder)
    tuned_on = arguments.tuning_windows or "as tune has it"
    print(
        f"{arguments.dataset}, {arguments.protocol}, test windows: {arguments.windows}, "
        f"{after['users']:,} users; {METRIC}, windows tuned on: {tuned_on}\n"
    )
    print("| strategy | defaults | tuned | tuned, less the tuned hybrid | trials | tuning, s |")
    print("|---|---|---|---|---|---|")
    trials_of = {STRATEGY_OF.get(target, target): n for target, n in TRIALS.items()}
    for strategy, groups in after["strategies"].items():
        old = before["strategies"].get(strategy, {}).get("all", {}).get(METRIC)
        difference = after["differences"].get(strategy, {}).get("all", {}).get(METRIC)
        less = "" if difference is None else cell(difference)
        spent = f"{seconds[strategy]:.0f}" if strategy in seconds else ""
        trials = str(trials_of[strategy]) if strategy in seconds else ""
        print(
            f"| {strategy} | {cell(old) if old else ''} | {cell(groups['all'][METRIC])} | {less} | "
            f"{trials} | {spent} |"
        )


if __name__ == "__main__":
    main()
