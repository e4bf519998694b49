"""ALS training: our stage beside the bare `implicit` call on the same interactions.

The bare call gets a ready float32 matrix and does nothing but `fit`; ours makes the confidences,
checks the factors and records what ran. The two alternate, and medians are reported.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recsys_cli.events.interactions import Interactions
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import confidence_matrix, train_als
from topk import factors as made


def bare(interactions: Interactions, config: AlsConfig) -> tuple[float, np.ndarray]:
    matrix = confidence_matrix(interactions, config.alpha)
    started = time.perf_counter()
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.regularization,
            iterations=config.iterations,
            random_state=config.seed,
        )
        model.fit(matrix, show_progress=False)
    return time.perf_counter() - started, model.item_factors


def ours(interactions: Interactions, config: AlsConfig) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    model = train_als(interactions, config)
    return time.perf_counter() - started, model.item_factors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=137_198)
    parser.add_argument("--items", type=int, default=10_554)
    parser.add_argument("--events", type=int, default=3_178_832)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    args = parser.parse_args()
    interactions, _ = made(args)
    config = AlsConfig(factors=args.factors, iterations=args.iterations, backend="cpu")
    seconds: dict[str, list[float]] = {"implicit": [], "ours": []}
    for _ in range(args.repeats):
        for name, run in (("implicit", bare), ("ours", ours)):
            taken, item_factors = run(interactions, config)
            seconds[name].append(taken)
            known = item_factors[np.unique(interactions.indices)]
            print(f"{name}: {taken:.2f} s, sum of factors {known.sum(dtype=np.float64):.6f}")
    print(f"\n{len(interactions.indices):,} pairs, {args.iterations} iterations\n")
    print("| training | seconds (median) | ratio |\n|---|---|---|")
    base = median(seconds["implicit"])
    for name, taken in seconds.items():
        print(f"| {name} | {median(taken):.2f} | {median(taken) / base:.3f} |")


if __name__ == "__main__":
    main()
