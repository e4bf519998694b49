"""Which rules an evaluation measures strategies with and without.

What was asked for comes in, with the strategies of an engine; strategies by the name that they are
measured under go out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.config import Config
from recsys_cli.config.load import section_for
from recsys_cli.config.rules import RulesConfig
from recsys_cli.counted import counted
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.rules import rules_of
from recsys_cli.errors import UsageError, meant
from recsys_cli.evaluation.harness import Measured
from recsys_cli.evaluation.truth import UNDER
from recsys_cli.ranking.fallback import WithFallback
from recsys_cli.ranking.ruled import Ruled

ALL, NONE, TOGETHER = "all", "none", "all rules"


def compared_rules(asked: Sequence[str] | None, config: Config, artifacts: Artifacts) -> list[str]:
    """Names of the rules that each strategy is measured with and without, one at a time.

    Args:
        asked: names, or `ALL` or `NONE` alone; None compares nothing.
        config: states the rules.
        artifacts: of the dataset, ingested.

    Raises:
        UsageError: there is no rule of a name, or one that can be told now to be about nothing.
    """
    dataset = artifacts.dataset
    rules: RulesConfig = section_for(config, "rules", dataset)
    # Vectors may be among what is built later.
    early = rules.model_copy(update={"diversity": None})
    rules_of(Engine(artifacts.workspace, dataset, artifacts=artifacts), early)
    known = rules.names()
    if asked is None or list(asked) == [NONE]:
        return []
    if list(asked) == [ALL]:
        return known
    for name in asked:
        if name not in known:
            there = (
                ", ".join(known) or f"none; recsys.toml states them in [datasets.{dataset}.rules]"
            )
            raise UsageError(
                f"{dataset} has no rule {name!r}{meant(name, known)}",
                hint=f"rules: {there}; or {ALL}, or {NONE}",
            )
    return list(dict.fromkeys(asked))


def under_rules(
    names: Sequence[str], engine: Engine, asked: Sequence[str] | None, compared: Sequence[str]
) -> dict[str, WithFallback]:
    """The strategies to measure, by name.

    As they are served; or, where rules were `asked` for, without any, and with each one of those
    `compared`, and with all of these.
    """
    strategies = {name: engine.strategy(name) for name in names}
    rules = engine.rules
    if asked is None:
        return {name: engine.chained(strategy) for name, strategy in strategies.items()}
    sets = {name: [name] for name in compared}
    if len(compared) > 1:
        sets[TOGETHER] = list(compared)
    under = {
        name + UNDER + label: Ruled(strategy.chain, rules.only(named), name=name)
        for name, strategy in strategies.items()
        for label, named in sets.items()
        if rules is not None
    }
    return strategies | under


def told_of_short(measured: Measured, strategies: Mapping[str, WithFallback]) -> list[str]:
    """Sentences about lists that are shorter than they should be under rules."""
    short = {
        name: measured.strategies[name].short
        for name, strategy in strategies.items()
        if isinstance(strategy, Ruled) and measured.strategies[name].short
    }
    return [
        f"under the rules {counted(many, 'lists')} of {name} have fewer than "
        f"{measured.ks[-1]} items"
        for name, many in short.items()
    ]
