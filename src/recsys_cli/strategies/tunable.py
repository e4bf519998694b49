"""What can be tuned of a strategy: settings and their ranges.

Ranges of ALS follow Rendle, Krichene, Zhang and Koren (2021), "Revisiting the performance of
iALS on item recommendation benchmarks": dimension, regularisation and the weight of what was
not observed belong together. `implicit` weighs an unobserved pair 1 and an observed one
1 + alpha · weight, so alpha is one over their unobserved weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
        space: range of each setting, by section.key.
    """

    name: str
    space: Mapping[str, Span | Choice]
