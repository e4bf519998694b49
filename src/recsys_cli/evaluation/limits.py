"""Limits that figures must keep, for use in CI: `[STRATEGY:]METRIC@K=VALUE`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recsys_cli.errors import RecsysError, UsageError
from recsys_cli.evaluation.beyond import BOOSTED, CATALOGUE_METRICS, DIVERSITY, LIST_METRICS
from recsys_cli.ranking.metrics import METRICS

_NAMES = (*METRICS, *CATALOGUE_METRICS, *LIST_METRICS, DIVERSITY, BOOSTED)


@dataclass(frozen=True, slots=True)
class Limit:
    """The least value that a metric of all users may have.

    Attributes:
        metric: such as ndcg@12.
        least: the value.
        strategy: whose; None means every strategy's.
    """

    metric: str
    least: float
    strategy: str | None = None


def parse_limit(text: str) -> Limit:
    """Read `[strategy:]metric@k=value`.

    Raises:
        UsageError: it is not of that form.
    """
    match = re.fullmatch(r"(?:([\w-]+):)?(\w+@\d+)=([-+.\deE]+)", text.strip())
    try:
        least = float(match[3]) if match else math.nan
    except ValueError:
        least = math.nan
    if match is None or math.isnan(least):
        raise UsageError(
            f"--fail-below {text!r} is not of the form metric@k=value",
            hint="such as ndcg@12=0.05, or collab:ndcg@12=0.05 for one strategy",
        )
    return Limit(check_metric(match[2]), least, match[1])


def check_metric(name: str) -> str:
    """A metric's name with its depth, as it was given.

    Raises:
        UsageError: there is no such metric.
    """
    if name.partition("@")[0] not in _NAMES or not re.fullmatch(r"\w+@\d+", name):
        raise UsageError(
            f"there is no metric {name!r}", hint=f"one of {', '.join(_NAMES)}, then @ and a depth"
        )
    return name


def broken(
    limits: Iterable[Limit], values: Mapping[str, Mapping[str, float]], *, dataset: str
) -> list[str]:
    """A sentence for each limit that is not kept.

    Args:
        limits: to check.
        values: strategy → metric@k → figure of all users; NaN keeps no limit.
        dataset: named in the sentences.

    Raises:
        UsageError: a limit is about a strategy or metric that was not measured.
    """
    told = []
    for limit in limits:
        for name in [limit.strategy] if limit.strategy else list(values):
            if name not in values or limit.metric not in values[name]:
                raise UsageError(
                    f"--fail-below: {limit.metric} of {name} was not measured on {dataset}",
                    hint="see --strategy and -k",
                )
            value = values[name][limit.metric]
            if not value >= limit.least:
                told.append(f"{limit.metric} of {name} on {dataset} is {value:.4g}, "
                            f"below {limit.least:g}")  # fmt: skip
    return told


def refuse(told: Sequence[str]) -> None:
    """End with exit code 1 if anything is told.

    Raises:
        RecsysError: with all that is told.
    """
    if told:
        raise RecsysError("; ".join(told))
