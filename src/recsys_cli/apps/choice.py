"""Which strategy serves, by what an evaluation measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recsys_cli.apps.written import write_settings
from recsys_cli.engine.registry import AUTO
from recsys_cli.errors import DataError
from recsys_cli.evaluation.result import EvalResult
from recsys_cli.strategies import STRATEGIES


@dataclass(frozen=True, slots=True)
class Chosen:
    """What serves from now on.

    Attributes:
        strategy: its name.
        path: the recsys.toml that says so.
        why: why it is this one, in words.
    """

    strategy: str
    path: Path
    why: str


def choose(workspace: Path, result: EvalResult) -> Chosen:
    """Write the best strategy into recsys.toml; of those level with it the cheapest to serve.

    Args:
        workspace: folder that holds recsys.toml.
        result: of an evaluation that tells who leads.

    Raises:
        DataError: nothing was measured that can be chosen.
        RecsysError: there is no recsys.toml that names the dataset.
    """
    lead = result.lead
    # What auto answers is what stands behind it; recsys.toml names that.
    names = [lead.best, *lead.level] if lead else []
    there = dict.fromkeys(result.auto if name == AUTO else name for name in names)
    able = [name for name in there if name in STRATEGIES]
    if lead is None or not able:
        raise DataError(f"{result.dataset}: there is no strategy to choose")
    best = able[0]
    strategy = min(able, key=lambda name: STRATEGIES[name].cost)
    why = f"it is the best with {lead.metric}"
    if strategy != best:
        why = f"level with {best}, the best with {lead.metric}, and cheaper to serve"
    path = write_settings(workspace, result.dataset, {"recommend.strategy": strategy})
    return Chosen(strategy, path, why)
