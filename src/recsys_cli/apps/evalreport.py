"""The HTML report of evaluations: gathers users to show and training curves, writes the page.

Users are drawn of those of the last test window; their lists are those that were measured, since
the same engine makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.evaluation.report.examples import Example, ExampleList, Shown
from recsys_cli.evaluation.truth import LIVE
from recsys_cli.progress import Progress, Silent
from recsys_cli.ranking.contract import UNKNOWN_USER
from recsys_cli.store.files import atomic_path, read_json

if TYPE_CHECKING:
    from recsys_cli.apps.evaluate import Evaluation
    from recsys_cli.engine.engine import Engine
    from recsys_cli.evaluation.harness import Measured
    from recsys_cli.evaluation.report.training import Line
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.ranking.fallback import WithFallback

USERS = 10
DEPTH = 12

Rows = npt.NDArray[np.int32]
_NOTHING: Rows = np.empty(0, np.int32)


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
    from recsys_cli.evaluation.report.page import render_page
    from recsys_cli.evaluation.report.view import DatasetReport

    report = progress or Silent()
    report.start("report", len(evaluations))
    sections = []
    for evaluation in evaluations:
        examples = sample_examples(
            evaluation.engine, evaluation.windows[-1], evaluation.strategies, seed=seed
        )
        curves = training_curves(evaluation.engine)
        sections.append(DatasetReport(evaluation.result, curves, examples))
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


def sample_examples(
    engine: Engine,
    window: Measured,
    strategies: Mapping[str, WithFallback],
    *,
    many: int = USERS,
    depth: int = DEPTH,
    seed: int = 42,
) -> list[Example]:
    """Draw test users and gather what to show of them.

    Args:
        engine: of the snapshot before `window`.
        window: the last test window.
        strategies: as they were measured in it.
        many: how many users; all where there are fewer.
        depth: items of each list.
        seed: equal seeds draw the same users.
    """
    known = np.flatnonzero(window.truth.users != UNKNOWN_USER)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(known, size=min(many, len(known)), replace=False)
    users = window.truth.users[drawn]
    catalogue = _Catalogue(engine)
    given = window.truth.given(drawn, engine.had)
    before = engine.had.take(users) if given is None else given.had
    lists = {}
    for name, strategy in strategies.items():
        # Beside one that knows what came since stands the same that does not.
        seen = None if name + LIVE in strategies else given
        had_by_then = engine.history.take(users) if seen is None else seen.had.items
        exclude = had_by_then if window.exclude_seen else None
        lists[name] = strategy.answer(users, k=depth, exclude=exclude, visitors=seen)
    examples = []
    for row, (at, user) in enumerate(zip(drawn.tolist(), users.tolist(), strict=True)):
        relevant, had = window.truth.items.row(at), before.items.row(row)
        examples.append(
            Example(
                user=engine.artifacts.users[user],
                had=len(had),
                history=[catalogue.shown(i) for i in _latest(before, row, depth)],
                relevant=len(relevant),
                truth=[catalogue.shown(i, had=had) for i in relevant[:depth].tolist()],
                lists=[
                    ExampleList(
                        name,
                        [
                            catalogue.shown(i, relevant=relevant, had=had)
                            for i in answer.recommendations.items[row].tolist()
                            if i >= 0
                        ],
                        answer.fallback_reason(row),
                    )
                    for name, answer in lists.items()
                ],
            )
        )
    return examples


class _Catalogue:
    """Names and pictures of items by row; rows beyond the catalogue have only a number."""

    def __init__(self, engine: Engine) -> None:
        from recsys_cli.encoders.items import item_pictures
        from recsys_cli.store.tables import read_table

        artifacts = engine.artifacts
        self._ids, self._names = artifacts.items, artifacts.names
        table = read_table(artifacts.workspace.file("items", engine.dataset))
        self._pictures = item_pictures(
            table, artifacts.spec, workspace=artifacts.workspace.root, named=artifacts.raw_path
        )

    def shown(self, row: int, *, relevant: Rows = _NOTHING, had: Rows = _NOTHING) -> Shown:
        if row >= len(self._ids):
            return Shown("?", "not in the catalogue", None)
        item = self._ids[row]
        return Shown(
            item,
            self._names[row] or item,
            self._pictures[row],
            hit=bool((relevant == row).any()),
            again=bool((had == row).any()),
        )


def _latest(before: Interactions, row: int, depth: int) -> list[int]:
    """The items of a row, those had last first."""
    span = slice(before.indptr[row], before.indptr[row + 1])
    order = np.lexsort((before.indices[span], -before.last[span].astype(np.int64)))
    latest: list[int] = before.indices[span][order[:depth]].tolist()
    return latest
