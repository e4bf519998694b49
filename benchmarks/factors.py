"""ALS with 64 to 512 factors, regularisation and weight chosen for each number on its own.

    python benchmarks/factors.py --workspace demo --dataset hm

Rendle et al. (2021) found that larger models win only where both are tuned with the dimension.
The grid is judged on the window before the test window; the test window sees each number's best.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from datetime import date, timedelta
from pathlib import Path

from scaled import beside, evaluated

FACTORS = (64, 128, 256, 512)
REGULARIZATION = (0.01, 0.1, 1.0, 10.0)
ALPHA = (1.0, 10.0, 40.0)
METRIC = "ndcg@12"


def measured(
    settings: dict[str, float], cutoff: str, where: list[str], folder: Path
) -> tuple[dict, float]:
    """NDCG of ALS with its interval, and the seconds of training and evaluation."""
    options = [
        part for name, value in settings.items() for part in ("--set", f"als.{name}={value}")
    ]
    options += ["--cutoff", cutoff] if cutoff else []
    found, seconds = evaluated(["--strategy", "collab", *options, *where], folder)
    return found["strategies"]["collab"]["all"][METRIC] | {"cutoff": found["cutoff"]}, seconds


def settings(factors: int, regularization: float, alpha: float) -> dict[str, float]:
    return {"factors": factors, "regularization": regularization, "alpha": alpha}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("demo"))
    parser.add_argument("--dataset", default="hm")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--factors", type=int, nargs="+", default=FACTORS)
    arguments = parser.parse_args()
    print(f"{METRIC} of `collab` on {arguments.dataset}, by number of factors\n")
    print(
        "| factors | before the test | chosen: regularization, alpha | test window | last run, s |"
    )
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        where = ["--dataset", arguments.dataset, "-w", str(beside(arguments.workspace, folder))]
        first, _ = measured({"factors": 8}, "", where, folder)
        test = date.fromisoformat(first["cutoff"])
        inner = (test - timedelta(days=arguments.days)).isoformat()
        for factors in arguments.factors:
            tried = {
                pair: measured(settings(factors, *pair), inner, where, folder)[0]["value"]
                for pair in itertools.product(REGULARIZATION, ALPHA)
            }
            best = max(tried, key=tried.__getitem__)
            chosen = settings(factors, *best)
            found, seconds = measured(chosen, test.isoformat(), where, folder)
            interval = f"{found['value']:.3f} [{found['low']:.3f} {found['high']:.3f}]"
            print(
                f"| {factors} | {tried[best]:.3f} | {best[0]:g}, {best[1]:g} | {interval} | "
                f"{seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
