"""The options of `recsys eval`: what to measure, what to write, and when to fail."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from recsys_cli.cli.names import STRATEGY_NAMES


class Protocol(StrEnum):
    """How the test events are split off."""

    TEMPORAL = "temporal"
    LEAVE_LAST_OUT = "leave-last-out"


StrategiesOption = Annotated[
    str,
    typer.Option(
        "--strategy", "-s", help=f"all, or some of {', '.join(STRATEGY_NAMES)} with commas."
    ),
]
DepthsOption = Annotated[
    str | None,
    typer.Option(
        "-k", help="Depths between commas, such as 10,20.", show_default="eval.k of the config"
    ),
]
CutoffOption = Annotated[
    str | None,
    typer.Option(
        "--cutoff",
        metavar="YYYY-MM-DD",
        help="First day of the test window; models see only what came before.",
        show_default="so that the window ends with the last event",
    ),
]
HorizonOption = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        metavar="DAYS",
        help="Length of the test window, such as 7d or 2w.",
        show_default="the dataset's",
    ),
]
ProtocolOption = Annotated[
    Protocol | None,
    typer.Option(
        "--protocol",
        help="How test events are split off.",
        show_default="eval.protocol of the config",
    ),
]
WindowsOption = Annotated[
    int | None,
    typer.Option(
        "--windows",
        min=1,
        help="Consecutive test windows, each with models built from what came before it.",
        show_default="eval.windows of the config",
    ),
]
TruthOption = Annotated[
    Path | None,
    typer.Option("--truth", help="File with a given test split: columns user and item."),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        help="Strategy to compare the others with, user by user; measured too.",
        show_default="eval.baseline of the config",
    ),
]
JsonFileOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Also write the results here; - for stdout."),
]
ReportOption = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="Also write a page to read: .html."),
]
PerUserOption = Annotated[
    Path | None,
    typer.Option(
        "--per-user",
        metavar="FILE",
        help="Also write each user's figures, for paired comparisons: .parquet.",
    ),
]
CompareOption = Annotated[
    tuple[Path, Path] | None,
    typer.Option(
        "--compare",
        metavar="A.json B.json",
        help="Measure nothing; put two results of --json side by side.",
    ),
]
FailBelowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-below",
        metavar="METRIC@K=VALUE",
        help="Exit with 1 if a strategy is below this for all users (with --compare, in B); "
        "STRATEGY:METRIC@K=VALUE is about one. May be repeated.",
    ),
]
FailWorseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-worse",
        metavar="METRIC@K",
        help="With --compare: exit with 1 if B is worse than A by more than noise.",
    ),
]
