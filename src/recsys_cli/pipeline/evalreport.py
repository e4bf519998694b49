"""The HTML report of evaluations: gathers users to show and training curves, writes the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.progress import Progress, Silent
from recsys_cli.store.files import atomic_path, read_json

if TYPE_CHECKING:
    from recsys_cli.evaluation.report.charts import Line
    from recsys_cli.pipeline.evaluate import Evaluation
    from recsys_cli.recommend.engine import Engine


def write_report(
    evaluations: Sequence[Evaluation], path: Path, *, seed: int, progress: Progress | None = None
) -> None:
    """Write one page with a section per evaluation.

    Args:
        evaluations: of one workspace.
        path: the file, replaced when the new one is complete.
        seed: of the users that are drawn.
        progress: told how many sections are done.
    """
    from recsys_cli.evaluation.report.examples import sample_examples
    from recsys_cli.evaluation.report.page import render_page
    from recsys_cli.evaluation.report.view import Section

    report = progress or Silent()
    report.start("report", len(evaluations))
    sections = []
    for evaluation in evaluations:
        examples = sample_examples(evaluation.engine, evaluation.windows[-1], seed=seed)
        sections.append(Section(evaluation.result, training_curves(evaluation.engine), examples))
        report.advance()
    root = evaluations[0].engine.artifacts.workspace.root
    with atomic_path(path) as temporary:
        temporary.write_text(render_page(sections, root=root), encoding="utf-8")


def training_curves(engine: Engine) -> dict[str, list[Line]]:
    """Curves of what was trained for the engine's snapshot, by title.

    They are JSON files `<what>_curve_<dataset>.json` beside the artifacts, whose `checks` are
    objects with a step, the loss and the value of the `metric` that is named beside them.
    """
    artifacts = engine.artifacts
    folder = artifacts.workspace.artifacts / artifacts.snapshot.folder
    found = {}
    for path in sorted(folder.glob(f"*_curve_{engine.dataset}.json")):
        lines = _lines(read_json(path))
        if lines:
            what = path.name.removesuffix(f"_curve_{engine.dataset}.json")
            found[what.replace("_", " ").capitalize()] = lines
    return found


def _lines(curve: Any) -> list[Line]:
    from recsys_cli.evaluation.report.charts import line

    points = curve.get("checks") if isinstance(curve, Mapping) else None
    if not isinstance(points, list) or not all(isinstance(p, Mapping) for p in points):
        return []
    titles = {"loss": "loss", "metric": f"{curve.get('metric')} on the validation window"}
    lines = []
    for name, title in titles.items():
        there = [p for p in points if _is_number(p.get("step")) and _is_number(p.get(name))]
        drawn = line(title, [p["step"] for p in there], [p[name] for p in there])
        lines += [drawn] if drawn else []
    return lines


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
