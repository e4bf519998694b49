"""How each stage grows: generated shops of several sizes, and the exponents of time and memory.

    python benchmarks/growth.py                    # 0.01 and 0.1 × H&M's size
    python benchmarks/growth.py --full DIR         # and 1 ×, in a workspace of full size

Each stage is a process of its own, run as a user would. The exponent is the slope of a line
through the logarithms of size and of what a stage took, less what `recsys --version` takes: 1 is
linear, and less than 1 means that much of a small run goes to what does not grow. In parentheses
is the slope between the two largest sizes alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from measuring import Measured, measure, succeed
from scaled import RECSYS, shop
from stages import REACH, commands

STAGES = "ingest,als.export,als.train,itemknn,graph"


def grow(workspace: Path, scale: float, lists: Path) -> dict[str, Measured]:
    """What each stage takes in a shop of one size."""
    found = {}
    for name, command in commands(STAGES.split(","), str(workspace), "hm", str(lists)):
        print(f"{scale:g}: {name}", file=sys.stderr)
        found[name] = measure(command)
    return found


def exponent(scales: list[float], values: list[float], floor: float) -> str:
    """Slope of log values over log scales, and in parentheses that of the two largest alone."""
    above = np.array(values) - floor
    if len(scales) < 2 or (above <= 0.1 * floor).any():
        return "–"
    x, y = np.log(scales), np.log(above)
    fitted = f"{np.polyfit(x, y, 1)[0]:.2f}"
    return fitted if len(scales) == 2 else f"{fitted} ({(y[-1] - y[-2]) / (x[-1] - x[-2]):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scales", type=float, nargs="+", default=[0.01, 0.1])
    parser.add_argument("--shops", type=Path, help="folder to keep the shops in")
    parser.add_argument("--full", type=Path, help="workspace of H&M's size")
    args = parser.parse_args()
    scales = sorted({*args.scales, 1.0} if args.full else args.scales)
    nothing = succeed([RECSYS, "--version"])
    with tempfile.TemporaryDirectory() as name:
        sizes = []
        for scale in scales:
            given = args.full if scale == 1 else None
            workspace = given or shop((args.shops or Path(name)) / f"{scale:g}", scale)
            sizes.append(grow(workspace, scale, Path(name) / "lists.parquet"))
    head = " | ".join(f"×{scale:g}: wall, s | CPU, s | peak, MB" for scale in scales)
    print(f"| stage | {head} | exponent of wall | of CPU | of memory | reach |")
    print("|---" * (3 * len(scales) + 5) + "|")
    for stage in sizes[0]:
        found = [size[stage] for size in sizes]
        cells = " | ".join(
            f"{one.failure} | | "
            if one.failure
            else f"{one.seconds:.1f} | {one.cpu:.1f} | {one.peak_mb:,.0f}"
            for one in found
        )
        slopes = " | ".join(
            exponent(scales, [getattr(one, what) for one in found], getattr(nothing, what))
            for what in ("seconds", "cpu", "peak_mb")
        )
        print(f"| {stage} | {cells} | {slopes} | {REACH.get(stage, '')} |")
    print(
        "\nExponents: slope of log time or memory over log size, less what `recsys --version` "
        "takes; in parentheses between the two largest sizes alone, where what does not grow "
        "weighs little."
    )
    print(f"\nLoad average after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
