"""Training curves: what a run noted while it learned comes in, lines to draw go out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys_cli.evaluation.report.charts import Line, line


def training_lines(curve: Any) -> list[Line]:
    """The loss and the metric by step, as far as `curve` has them.

    Args:
        curve: content of a file of curves: its `checks` are objects with a `step`, a `loss` and
            a `metric`, whose name is the curve's `metric`; `als` is that of ALS, and `best_step`
            the step that was kept.
    """
    points = curve.get("checks") if isinstance(curve, Mapping) else None
    if not isinstance(points, list) or not all(isinstance(p, Mapping) for p in points):
        return []
    als, kept = curve.get("als"), curve.get("best_step")
    metric = f"{curve.get('metric')} on the validation window"
    drawn = [
        _line("loss", "loss", points),
        _line(
            metric,
            "metric",
            points,
            level=(als, "ALS") if _is_number(als) else None,
            kept=kept if _is_number(kept) else None,
        ),
    ]
    return [chart for chart in drawn if chart]


def _line(title: str, name: str, points: list[Mapping[str, Any]], **marks: Any) -> Line | None:
    there = [p for p in points if _is_number(p.get("step")) and _is_number(p.get(name))]
    return line(title, [p["step"] for p in there], [p[name] for p in there], **marks)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
