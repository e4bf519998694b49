"""Every strategy as `recsys init` leaves its settings, on one test.

    python benchmarks/defaults.py --data DATA/toys --protocol leave-last-out -k 10
    python benchmarks/defaults.py --data DATA/allrecipes --truth DATA/allrecipes/truth.tsv -k 20
    python benchmarks/defaults.py --workspace demo --dataset hm --windows 4
    python benchmarks/defaults.py --workspace demo --dataset rr --live 0 -k 20

NDCG and recall at one depth, or MRR and hit rate of next-in-session, with 95% intervals;
differences are to the best single strategy, user by user (* outside the noise). `--set
text.encoder=lsa` spares the download of a text model.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measuring import succeed
from scaled import RECSYS, beside, evaluated

USUAL = ("ndcg", "recall")
METRICS = {"next-in-session": ("mrr", "hitrate")}
"""By protocol, what strategies are ordered by, and what else is shown."""


def from_data(data: Path, folder: Path) -> Path:
    """A workspace over the raw files of one dataset, as `recsys init` writes it."""
    workspace = folder / "workspace"
    (workspace / "data").mkdir(parents=True)
    (workspace / "data" / data.name).symlink_to(data.resolve())
    succeed([RECSYS, "init", "-w", str(workspace)])
    return workspace


def cell(found: dict) -> str:
    return f"{found['value']:.3f} [{found['low']:.3f} {found['high']:.3f}]"


def difference(found: dict | None) -> str:
    if found is None:
        return ""
    outside = "*" if found["low"] > 0 or found["high"] < 0 else ""
    return f"{found['value']:+.3f} [{found['low']:+.3f} {found['high']:+.3f}]{outside}"


def print_live(result: dict, k: int) -> None:
    """Each strategy as built and with live events, the one with most to gain last."""
    mrr, hits = f"mrr@{k}", f"hitrate@{k}"
    figures = {name: groups["all"] for name, groups in result["strategies"].items()}
    gains = {name: groups["all"] for name, groups in result["differences"].items()}
    print(f"{result['dataset']}, {result['protocol']}, {result['rows']:,} steps of "
          f"{result['users']:,} users\n")  # fmt: skip
    print(f"| strategy | {mrr} as built | with live | difference | {hits} as built | with live |")
    print("|---|---|---|---|---|---|")
    for name in sorted(gains, key=lambda name: -figures[name][mrr]["value"]):
        built, live = figures[name.removesuffix("+live")], figures[name]
        print(
            f"| {name.removesuffix('+live')} | {cell(built[mrr])} | {cell(live[mrr])} | "
            f"{difference(gains[name][mrr])} | {cell(built[hits])} | {cell(live[hits])} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, help="folder with the raw files of one dataset")
    where.add_argument("--workspace", type=Path)
    parser.add_argument("--dataset")
    parser.add_argument("--protocol")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--windows", type=int)
    parser.add_argument("--horizon")
    parser.add_argument("--live", metavar="LAG")
    parser.add_argument("-k", type=int, default=12)
    parser.add_argument("--set", action="append", default=[], help="as of recsys")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = from_data(args.data, folder) if args.data else beside(args.workspace, folder)
        options = ["-w", str(workspace), "-k", str(args.k)]
        for option in ("dataset", "protocol", "truth", "windows", "horizon", "live"):
            if (value := getattr(args, option)) is not None:
                options += [f"--{option}", str(value)]
        options += [part for one in args.set for part in ("--set", one)]
        first, _ = evaluated([*options, "--strategy", "all"], folder)
        if args.live is not None:
            print_live(first, args.k)
            return
        ndcg, recall = (f"{name}@{args.k}" for name in METRICS.get(args.protocol, USUAL))
        figures = {name: groups["all"] for name, groups in first["strategies"].items()}
        single = max(
            (name for name in figures if name != "hybrid"), key=lambda n: figures[n][ndcg]["value"]
        )
        second, _ = evaluated([*options, "--strategy", "all", "--baseline", single], folder)
    said = f", {args.windows} windows" if args.windows else ""
    print(f"{first['dataset']}, {first['protocol']}{said}, {first['users']:,} users\n")
    print(f"| strategy | {ndcg} | {recall} | {ndcg} less {single}'s |")
    print("|---|---|---|---|")
    for name in sorted(figures, key=lambda name: -figures[name][ndcg]["value"]):
        less = second["differences"].get(name, {}).get("all", {}).get(ndcg)
        row = figures[name]
        print(f"| {name} | {cell(row[ndcg])} | {cell(row[recall])} | {difference(less)} |")


if __name__ == "__main__":
    main()
