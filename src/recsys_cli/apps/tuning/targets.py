"""What `recsys tune` can be asked for, as the strategies declare it."""

from __future__ import annotations

from recsys_cli.config import Config
from recsys_cli.config.load import section_for
from recsys_cli.errors import UsageError
from recsys_cli.strategies import STRATEGIES, Strategy
from recsys_cli.strategies.tunable import Target, Value

TARGETS: dict[str, Target] = {
    strategy.tune.name: strategy.tune for strategy in STRATEGIES.values() if strategy.tune
}


def judged_by(target: Target) -> Strategy:
    """The strategy whose lists tell how good settings are."""
    strategies = STRATEGIES.values()
    return next(one for one in strategies if one.tune and one.tune.name == target.name)


def settings_of(target: Target, config: Config, dataset: str) -> dict[str, Value]:
    """The values that a configuration has for a dataset."""
    found = {}
    for name in target.space:
        section, _, key = name.partition(".")
        found[name] = getattr(section_for(config, section, dataset), key)
    return found


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in TARGETS:
        raise UsageError(f"{name!r} cannot be tuned", hint=f"one of: {', '.join(TARGETS)}")
    return TARGETS[name]
