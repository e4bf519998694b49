"""Names that options take, as they are declared."""

from recsys_cli.strategies import STRATEGIES

STRATEGY_NAMES = [*STRATEGIES, "auto"]
TARGET_NAMES = [strategy.tune.name for strategy in STRATEGIES.values() if strategy.tune]
