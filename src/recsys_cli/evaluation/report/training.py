"""Training curves: what a run noted while it learned comes in, lines to draw go out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

from recsys_cli.evaluation.report.charts import Axis, number


@dataclass(frozen=True)
class Line:
    """A training curve.

    Attributes:
        title: what is drawn.
        points: steps and values, at least one.
        level: a value to compare with, and its name.
        kept: the step that was kept.
    """

    title: str
    points: Sequence[tuple[float, float]]
    level: tuple[float, str] | None = None
    kept: float | None = None

    @cached_property
    def x(self) -> Axis:
        """Axis of the steps."""
        return Axis.over([step for step, _ in self.points], about=3)

    @cached_property
    def y(self) -> Axis:
        """Axis of the values."""
        levels = [self.level] if self.level else []
        return Axis.over([v for _, v in self.points] + [v for v, _ in levels], zero=False, about=3)

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last value in words."""
        return number(self.points[0][1]), number(self.points[-1][1])


def training_lines(curve: Any) -> list[Line]:
    """The loss and the metric by step, as far as `curve` has them.

    Args:
        curve: content of a file of curves: its `checks` are objects with a `step`, a `loss` and
            a `metric`, whose name is the curve's `metric`; `als` is that of ALS, and `best_step`
            the step that was kept.
    """
    checks = curve.get("checks") if isinstance(curve, Mapping) else None
    if not isinstance(checks, list) or not all(isinstance(check, Mapping) for check in checks):
        return []
    als, kept = curve.get("als"), curve.get("best_step")
    level = (als, "ALS") if _is_number(als) else None
    lines = [
        Line("loss", _points(checks, "loss")),
        Line(
            f"{curve.get('metric')} on the validation window",
            _points(checks, "metric"),
            level,
            kept if _is_number(kept) else None,
        ),
    ]
    return [line for line in lines if line.points]


def _points(checks: list[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    pairs = [(check.get("step"), check.get(name)) for check in checks]
    return [(s, v) for s, v in pairs if _is_number(s) and _is_number(v)]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and math.isfinite(value)
