"""What a search says of itself: each trial as it ends, and the best, which can be applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recsys_cli.apps.written import write_settings
from recsys_cli.counted import counted
from recsys_cli.evaluation.bootstrap import Interval
from recsys_cli.strategies.tunable import Value


@dataclass(frozen=True, slots=True)
class Attempt:
    """One trial that ended.

    Attributes:
        number: the trial's number in the study, from 1; 0 is the settings as they are.
        state: complete, pruned or fail.
        value: its metric; None unless complete.
        settings: what it tried, by section.key.
        seconds: how long it took.
        best: the best value so far, that of the settings as they are included.
        error: why it failed.
    """

    number: int
    state: str
    value: float | None
    settings: Mapping[str, Value]
    seconds: float
    best: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Tuned:
    """The outcome of a search, over all its calls.

    Attributes:
        dataset: the dataset's name.
        target: what was tuned.
        metric: what was maximised.
        snapshots: states that trials were judged at.
        users: test users, all windows together.
        held_out: states that the best trial is compared with the settings as they are at.
        held_out_users: test users there.
        current: value of the settings as they are.
        best: value of the best trial; None before the first.
        settings: the best trial's settings, by section.key.
        trials: number of trials by state.
        seconds: how long they took together.
        gain: of the best trial over the settings as they are, user by user on what was held out;
            None where nothing beat them in the search, or the search was stopped before.
    """

    dataset: str
    target: str
    metric: str
    snapshots: list[str]
    users: int
    held_out: list[str]
    held_out_users: int
    current: float
    best: float | None
    settings: dict[str, Value]
    trials: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    gain: Interval | None = None

    @property
    def leads(self) -> bool:
        """Whether the best trial beats the settings as they are where the search looked."""
        return self.best is not None and self.best > self.current

    @property
    def improves(self) -> bool:
        """Whether it also does outside the noise where the search did not look."""
        return self.leads and self.gain is not None and self.gain.low > 0

    @property
    def verdict(self) -> str:
        """A sentence on whether the settings as they are should stay, and why."""
        if not self.leads:
            return "today's settings stay: no trial was better"
        if self.gain is None:
            return "today's settings stay: the best trial was not compared with them yet"
        low, high = self.gain.low, self.gain.high
        by = f"{self.gain.value:+.4f} ({low:+.4f} to {high:+.4f})"
        where = f"where the search did not look ({counted(self.held_out_users, 'users')})"
        if self.improves:
            return f"better than today's settings by {by} {where}"
        noise = "worse" if high < 0 else "within the noise"
        return f"today's settings stay: the best trial is {by} {where}, {noise}"


def apply(workspace: Path, outcome: Tuned) -> Path:
    """Write the best settings of an outcome that found some; see `write_settings`."""
    return write_settings(workspace, outcome.dataset, outcome.settings)
