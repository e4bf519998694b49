"""Searches a target's settings with Optuna (Akiba et al. 2019) on windows before the test window.

The sampler is TPE (Bergstra et al. 2011). A trial is judged window by window, the latest first,
and given up after one where its mean so far is below the median of the trials before it. The best
of many is the luckiest of them too, so it is compared with the settings as they are on windows
that no trial saw. The study is kept in an SQLite file, so that a search that was stopped goes on
where it was.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_cli.apps.opened import Opened
from recsys_cli.apps.tuning.grounds import Grounds
from recsys_cli.apps.tuning.outcome import Attempt, Tuned
from recsys_cli.apps.tuning.targets import settings_of
from recsys_cli.apps.tuning.trial import Judge
from recsys_cli.apps.tuning.windows import Search, identity, prepare
from recsys_cli.assembly import load_config
from recsys_cli.config import Config
from recsys_cli.errors import RecsysError
from recsys_cli.evaluation.bootstrap import Interval, bootstrap
from recsys_cli.store.journal import refuse_link_out
from recsys_cli.strategies.tunable import Value

if TYPE_CHECKING:
    import optuna

_STARTUP_TRIALS = 10
_CURRENT, _SETTINGS = "current ", "settings"


def tune(
    opened: Opened,
    dataset: str,
    search: Search,
    *,
    on_trial: Callable[[Attempt], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Run trials, and return the best of the study so far, compared with the settings as they are.

    A keyboard interrupt ends the trial that runs, and the search: what came before is kept.

    Args:
        opened: the workspace, which receives the states that trials are judged at, and the study.
        dataset: name of the dataset.
        search: what to search.
        on_trial: told of each trial as it ends, and before that of the settings as they are.
        clock: tells the seconds that `search.minutes` is about.

    Raises:
        RecsysError: Optuna is not installed, a stage is off or failed, or there is nothing to
            judge on.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    report = opened.progress
    judge, grounds = prepare(opened, dataset, search)
    report.log(f"{dataset}: {grounds.told}")
    study = _Study(optuna, judge, grounds, search, opened.overrides)
    tell = on_trial or (lambda _attempt: None)
    tell(study.judge_current(opened.config))
    report.start(f"tune {search.target.name}", search.trials)
    end = math.inf if search.minutes is None else clock() + search.minutes * 60
    try:
        for _ in count() if search.trials is None else range(search.trials):
            if clock() >= end:
                break
            tell(study.attempt())
            report.advance()
        study.compare(opened.config)
    except KeyboardInterrupt:
        report.log("stopped; the trials before are kept, and the same command goes on")
    return study.outcome()


class _Study:
    """Optuna's study of one search, with the trials of earlier calls if it is the same."""

    def __init__(
        self,
        optuna: Any,
        judge: Judge,
        grounds: Grounds,
        search: Search,
        overrides: Sequence[str],
    ) -> None:
        self._judge = judge
        self._windows, self._held_out = grounds.searched, grounds.held_out
        self._search = search
        self._overrides = overrides
        self._states = optuna.trial.TrialState
        folder = judge.workspace.artifacts / "tuning"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{search.target.name}_{judge.dataset}.db"
        refuse_link_out(judge.workspace.root, judge.workspace.relative(file))
        self._file = judge.workspace.relative(file)
        try:
            self._study: optuna.Study = optuna.create_study(
                study_name=identity(judge, self._windows, search),
                storage=f"sqlite:///{file}",
                load_if_exists=True,
                direction="maximize",
                pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS // 2),
            )
        except Exception as error:
            # What is no such file fails inside of Optuna, SQLAlchemy or SQLite.
            raise self._strange(f"is no study of trials ({type(error).__name__})") from error
        for trial in self._trials():
            if trial.state == self._states.RUNNING:
                # What a killed search left, and will never end.
                self._study.tell(trial.number, state=self._states.FAIL)
        # A seed of its own for each call, or it would begin with the same random trials again.
        self._study.sampler = optuna.samplers.TPESampler(
            seed=search.seed + len(self._trials()), n_startup_trials=_STARTUP_TRIALS
        )

    def _strange(self, why: str) -> RecsysError:
        return RecsysError(f"{self._file} {why}", hint="delete it, and search again")

    def _settings(self, trial: optuna.trial.FrozenTrial) -> dict[str, Value]:
        """What a trial was of, which is written into recsys.toml only if it can have been tried."""
        settings, space = trial.user_attrs.get(_SETTINGS), self._search.target.space
        if not isinstance(settings, dict) or set(settings) != set(space):
            raise self._strange("holds a trial of other settings")
        if not all(scope.holds(settings[name]) for name, scope in space.items()):
            raise self._strange("holds settings that no search tries")
        return dict(settings)

    def judge_current(self, config: Config) -> Attempt:
        """Note what the settings as they are give, unless an earlier call did."""
        start = time.monotonic()
        settings = settings_of(self._search.target, config, self._judge.dataset)
        self._current_key = _CURRENT + json.dumps(settings)
        if self._current_key not in self._study.user_attrs:
            values = [np.nanmean(self._judge.current(config, window)) for window in self._windows]
            self._study.set_user_attr(self._current_key, float(np.mean(values)))
        value = self._study.user_attrs[self._current_key]
        return Attempt(0, "complete", value, settings, time.monotonic() - start, self._best_value())

    def compare(self, config: Config) -> None:
        """Note what the best trial gains where none was judged, unless an earlier call did.

        Args:
            config: the settings as they are.
        """
        if self._best_value() == self._study.user_attrs[self._current_key]:
            return
        key = self._gain_key()
        if key in self._study.user_attrs:
            return
        found = self._config_with(self._settings(self._study.best_trial))
        tables = {
            "now": [self._judge.current(config, window) for window in self._held_out],
            "found": [self._judge.score(found, window) for window in self._held_out],
        }
        drawn = bootstrap(
            {name: np.concatenate(figures)[:, None] for name, figures in tables.items()},
            units=np.concatenate([window.truth.users for window in self._held_out]).astype(
                np.int64
            ),
            baseline="now",
            resamples=config.eval.resamples,
            seed=config.eval.seed,
        )
        self._study.set_user_attr(key, drawn.differences["found"][0].to_json())

    def _gain_key(self) -> str:
        """What a comparison depends on: the best trial, the settings as they are, the windows."""
        where = identity(self._judge, self._held_out, self._search)
        return f"gain {self._study.best_trial.number} {where} {self._current_key}"

    def attempt(self) -> Attempt:
        """Run one trial."""
        start = time.monotonic()
        trial = self._study.ask()
        value: float | None = None
        error: str | None = None
        settings: dict[str, Value] = {}
        try:
            space = self._search.target.space
            settings = {name: scope.suggest(trial, name) for name, scope in space.items()}
            trial.set_user_attr(_SETTINGS, settings)
            value = self._value(trial, settings)
            state = self._states.PRUNED if value is None else self._states.COMPLETE
        except RecsysError as problem:
            # Settings that cannot be built are an answer too; others may do better.
            error, state = problem.message, self._states.FAIL
        except BaseException:
            self._study.tell(trial, state=self._states.FAIL)
            raise
        self._study.tell(trial, value, state=state)
        return Attempt(
            number=trial.number + 1,
            state=state.name.lower(),
            value=value,
            settings=settings,
            seconds=time.monotonic() - start,
            best=self._best_value(),
            error=error,
        )

    def _value(self, trial: optuna.Trial, settings: Mapping[str, Value]) -> float | None:
        """The metric's mean over the windows; None where it is given up before the last."""
        config = self._config_with(settings)
        scores: list[float] = []
        for number, window in enumerate(self._windows):
            scores.append(float(np.nanmean(self._judge.score(config, window))))
            trial.report(float(np.mean(scores)), number)
            if number + 1 < len(self._windows) and trial.should_prune():
                return None
        return float(np.mean(scores))

    def _config_with(self, settings: Mapping[str, Value]) -> Config:
        """The configuration with a trial's settings; the dataset's own win over general ones."""
        own = [f"datasets.{self._judge.dataset}.{name}={v}" for name, v in settings.items()]
        return load_config(self._judge.workspace.root, [*self._overrides, *own])

    def _trials(self) -> list[optuna.trial.FrozenTrial]:
        trials: list[optuna.trial.FrozenTrial] = self._study.get_trials(deepcopy=False)
        return trials

    def _values(self) -> list[float]:
        complete = [trial for trial in self._trials() if trial.state == self._states.COMPLETE]
        return [trial.value for trial in complete if trial.value is not None]

    def _best_value(self) -> float:
        """The best so far, the settings as they are included."""
        return float(max([self._study.user_attrs[self._current_key], *self._values()]))

    def outcome(self) -> Tuned:
        """The best of all trials, and how many there were."""
        states = [trial.state.name.lower() for trial in self._trials()]
        best = self._study.best_trial if self._values() else None
        gain = self._study.user_attrs.get(self._gain_key()) if best else None
        seconds = [trial.duration.total_seconds() for trial in self._trials() if trial.duration]
        return Tuned(
            dataset=self._judge.dataset,
            target=self._search.target.name,
            metric=self._search.metric,
            snapshots=[str(window.snapshot) for window in self._windows],
            users=sum(len(window.truth.users) for window in self._windows),
            held_out=[str(window.snapshot) for window in self._held_out],
            held_out_users=sum(len(window.truth.users) for window in self._held_out),
            current=self._study.user_attrs[self._current_key],
            best=best.value if best else None,
            settings=self._settings(best) if best else {},
            trials={state: states.count(state) for state in sorted(set(states))},
            seconds=sum(seconds),
            gain=Interval.from_json(gain) if gain else None,
        )
