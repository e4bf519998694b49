"""The HTML report of evaluations: gathers users to show and training curves, writes the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.progress import Progress, Silent
from recsys_cli.store.files import atomic_path, read_json

if TYPE_CHECKING:
    from recsys_cli.apps.evaluate import Evaluation
    from recsys_cli.engine.engine import Engine
    from recsys_cli.evaluation.report.charts import Line


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
    from recsys_cli.apps.examples import sample_examples
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

    They are JSON files `<what>_curve_<dataset>.json` beside the artifacts.
    """
    from recsys_cli.evaluation.report.training import training_lines

    artifacts = engine.artifacts
    folder = artifacts.workspace.artifacts / artifacts.snapshot.folder
    found = {}
    for path in sorted(folder.glob(f"*_curve_{engine.dataset}.json")):
        if lines := training_lines(read_json(path)):
            what = path.name.removesuffix(f"_curve_{engine.dataset}.json")
            found[what.replace("_", " ").capitalize()] = lines
    return found
