"""What can be tuned: the settings, their ranges, and the strategy that they are judged by.

Ranges of ALS follow Rendle, Krichene, Zhang and Koren (2021), "Revisiting the performance of
iALS on item recommendation benchmarks": dimension, regularisation and the weight of what was
not observed belong together. `implicit` weighs an unobserved pair 1 and an observed one
1 + alpha · weight, so alpha is one over their unobserved weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recsys_cli.config import Config
from recsys_cli.config.load import section_for
from recsys_cli.errors import UsageError

if TYPE_CHECKING:
    from optuna import Trial

Value = float | int | str


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: smallest value; the type of the numbers is that of the bounds.
        high: largest value.
        log: whether equal ratios are equally likely, instead of equal differences.
    """

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: Trial, name: str) -> Value:
        """A value for one trial, of three digits, which is what settings are worth writing as."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(trial.suggest_int(name, self.low, self.high, log=self.log))
        return float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.3g}")

    def holds(self, value: object) -> bool:
        """Whether `value` is one that could be suggested."""
        kind = int if isinstance(self.low, int) and isinstance(self.high, int) else float
        # Rounded to three digits, a value may lie just outside.
        low, high = self.low * 0.99, self.high * 1.01
        return type(value) is kind and low <= value <= high


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    options: tuple[Value, ...]

    def suggest(self, trial: Trial, name: str) -> Value:
        """A value for one trial."""
        chosen: Value = trial.suggest_categorical(name, self.options)
        return chosen

    def holds(self, value: object) -> bool:
        """Whether `value` is one of the options."""
        return any(type(value) is type(option) and value == option for option in self.options)


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be tuned.

    Attributes:
        name: as on the command line.
        strategy: the strategy whose lists are judged.
        space: range of each setting, by section.key.
    """

    name: str
    strategy: str
    space: dict[str, Span | Choice]

    def settings(self, config: Config, dataset: str) -> dict[str, Value]:
        """The values that a configuration has for a dataset."""
        found = {}
        for name in self.space:
            section, _, key = name.partition(".")
            found[name] = getattr(section_for(config, section, dataset), key)
        return found


_ALL = (
    Target(
        name="als",
        strategy="collab",
        space={
            "als.factors": Choice((32, 64, 96, 128, 192, 256)),
            "als.regularization": Span(1e-3, 100.0, log=True),
            "als.alpha": Span(0.3, 300.0, log=True),
            "als.iterations": Span(6, 24),
        },
    ),
    Target(
        name="itemknn",
        strategy="itemknn",
        space={
            "itemknn.similarity": Choice(("cosine", "tfidf", "bm25")),
            "itemknn.neighbours": Span(10, 400, log=True),
        },
    ),
    Target(
        name="graph",
        strategy="graph",
        space={
            "graph.vectors": Choice((32, 64, 128, 256, 512)),
            "graph.alpha": Span(0.03, 3.0, log=True),
            "graph.neighbours": Span(20, 500, log=True),
            "graph.half_life_days": Span(5.0, 2000.0, log=True),
        },
    ),
    Target(
        name="content",
        strategy="content",
        space={
            "content.text_weight": Span(0.05, 2.0, log=True),
            "content.half_life_days": Span(5.0, 720.0, log=True),
            "content.availability_half_life_days": Span(2.0, 60.0, log=True),
            "content.new_days": Span(7.0, 365.0, log=True),
            "content.availability_weight": Span(0.0, 2.0),
        },
    ),
    Target(
        name="twotower",
        strategy="twotower",
        space={
            "twotower.learning_rate": Span(1e-4, 1e-2, log=True),
            "twotower.epochs": Span(1, 8),
            "twotower.batch_size": Choice((256, 512, 1024, 2048)),
            "twotower.uniform_negatives": Choice((128, 256, 512, 1024)),
            "twotower.hidden": Choice((32, 64, 128)),
            "twotower.dropout": Span(0.0, 0.5),
            "twotower.factor_dropout": Span(0.0, 0.5),
            "twotower.weight_decay": Span(1e-4, 0.3, log=True),
            "twotower.half_life_days": Span(5.0, 365.0, log=True),
        },
    ),
    Target(
        name="hybrid",
        strategy="hybrid",
        space={
            "hybrid.leaves": Span(4, 63, log=True),
            "hybrid.learning_rate": Span(0.01, 0.2, log=True),
            "hybrid.min_in_leaf": Span(10, 500, log=True),
            "hybrid.feature_fraction": Span(0.2, 1.0),
            "hybrid.l2": Span(0.1, 100.0, log=True),
            "hybrid.truncation": Span(5, 50),
        },
    ),
    Target(
        name="popular",
        strategy="popular",
        space={
            "popular.window_days": Span(3, 90, log=True),
            "popular.half_life_days": Span(1.0, 60.0, log=True),
            "popular.segment_prior": Span(1.0, 1000.0, log=True),
        },
    ),
)

TARGETS: dict[str, Target] = {target.name: target for target in _ALL}


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in TARGETS:
        raise UsageError(f"{name!r} cannot be tuned", hint=f"one of: {', '.join(TARGETS)}")
    return TARGETS[name]
