"""Which results of evaluations are older than the models that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from recsys_cli.apps.opened import Opened
from recsys_cli.assembly import default_graph
from recsys_cli.config import chosen_datasets
from recsys_cli.evaluation.report.wording import listed
from recsys_cli.store.files import read_json
from recsys_cli.strategies import STRATEGIES

MEASURED = "measured"
"""When results were kept, in their file."""
_NAMED = 3


def outdated_evidence(opened: Opened, *, dataset: str | None = None) -> list[str]:
    """A sentence for each kept evaluation that came before a model of its strategies was rebuilt.

    Args:
        opened: the workspace.
        dataset: one dataset's name; None or "all" means all.
    """
    folder = opened.workspace.root / opened.config.serve.evaluations
    told = []
    for path in sorted(folder.glob("*.json")):
        report = read_json(path)
        if not isinstance(report, dict):
            continue
        if report.get("dataset") in chosen_datasets(opened.config, dataset):
            rebuilt = list(_rebuilt_since(opened, report))
            more = [f"{len(rebuilt) - _NAMED} more"] if len(rebuilt) > _NAMED else []
            names = listed([*rebuilt[:_NAMED], *more]) if rebuilt else ""
            verb = "was" if len(rebuilt) == 1 else "were"
            file = opened.workspace.relative(path)
            told += [f"{file} was measured before {names} {verb} rebuilt"] if rebuilt else []
    return told


def _rebuilt_since(opened: Opened, report: dict[str, Any]) -> Iterator[str]:
    """The stages behind a report's strategies that were built after it was kept."""
    producer = default_graph().producer
    manifests = opened.workspace.manifests(report["dataset"])
    try:
        measured = datetime.fromisoformat(report[MEASURED])
        specs = [STRATEGIES[name] for name in report["strategies"] if name in STRATEGIES]
        kinds = dict.fromkeys(kind for spec in specs for kind in (*spec.needs, *spec.uses))
        for stage in dict.fromkeys(producer[kind] for kind in kinds):
            made = manifests.get(stage)
            if made and datetime.fromisoformat(made.finished) > measured:
                yield stage
    except (LookupError, TypeError, ValueError):
        # Kept by an older version, or written by hand: it does not say when.
        return
