"""The test splits that a question asks for, and what they look like against the history.

A workspace with ingested tables and a `Question` come in, a `Truth` per test window goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.config.models import EvalConfig
from recsys_cli.counted import counted
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.registry import AUTO, find_strategy
from recsys_cli.errors import DataError, UsageError
from recsys_cli.evaluation.truth import (
    LEAVE_LAST_OUT,
    NEXT_IN_SESSION,
    RANDOM_OUT,
    TEMPORAL,
    TRUTH_FILE,
    Truth,
    refuse_overlap,
    seen_pairs,
    without_seen,
)
from recsys_cli.store.snapshot import FIRST_ROUND, Snapshot, events_between

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Question:
    """What `recsys eval` asks.

    Attributes:
        strategies: names; empty means all that make sense for the dataset.
        ks: depths; empty means those of the config.
        protocol: temporal, leave-last-out, next-in-session or random-out; None means the config's,
            and random-out where events carry no time.
        cutoff: start of the last test window; None means that it ends with the last event.
        horizon: length of a window; None means the dataset's.
        windows: number of consecutive test windows; None means the config's.
        truth: file with a given test split, in place of a protocol.
        exclude_seen: None means what the dataset's spec says.
        baseline: strategy to compare the others with, measured too; None means the config's,
            where it is measured.
        live: measure each strategy with and without what users did in the window until so long
            before each moment of theirs; None predicts the window as a whole.
        rules: measure each strategy without any rule, and with each of these (`all`, or `none`);
            None measures what is served.
    """

    strategies: Sequence[str] = ()
    ks: Sequence[int] = ()
    protocol: str | None = None
    cutoff: datetime | None = None
    horizon: timedelta | None = None
    windows: int | None = None
    truth: Path | None = None
    exclude_seen: bool | None = None
    baseline: str | None = None
    live: timedelta | None = None
    rules: Sequence[str] | None = None

    def check(self, settings: EvalConfig) -> None:
        """Refuse what does not go together.

        Args:
            settings: says what holds where the question is silent.

        Raises:
            UsageError: options contradict each other, or a strategy is unknown.
        """
        protocol = self.protocol or settings.protocol
        if self.truth and self.protocol:
            raise UsageError("--truth brings its own test split", hint="leave out --protocol")
        if self.truth and (self.horizon or self.windows):
            raise UsageError(
                "--truth brings its own test window", hint="leave out --horizon and --windows"
            )
        if self.live is not None and (self.truth or protocol != TEMPORAL):
            raise UsageError(
                "--live goes on through a test window", hint="leave out --truth and --protocol"
            )
        if self.live is not None and self.baseline:
            raise UsageError(
                "--live compares every strategy with itself", hint="leave out --baseline"
            )
        if self.rules is not None and (self.baseline or self.live is not None):
            raise UsageError(
                "--rules compares every strategy with itself",
                hint="leave out --baseline and --live",
            )
        windowed = self.cutoff or self.horizon or self.windows
        if not self.truth and protocol in (LEAVE_LAST_OUT, RANDOM_OUT) and windowed:
            raise UsageError(
                f"{protocol} has no window", hint="leave out --cutoff, --horizon and --windows"
            )
        for name in (*self.strategies, *([self.baseline] if self.baseline else [])):
            if name != AUTO:
                find_strategy(name)


def protocol_for(asked: str | None, settings: EvalConfig, spec: DatasetSpec) -> str:
    """The protocol asked for, else that of the config if the dataset's events have times."""
    return asked or (settings.protocol if spec.has_time else RANDOM_OUT)


def truths_of(artifacts: Artifacts, question: Question, settings: EvalConfig) -> list[Truth]:
    """The test split of each window, the earliest first.

    Raises:
        DataError: there is nothing to test on, or nothing to learn from before it.
        UsageError: the question is about windows, and the dataset's events carry no time.
    """
    import polars as pl

    from recsys_cli.evaluation import splits
    from recsys_cli.evaluation.steps import next_event, next_in_session

    if question.truth:
        return [_given(artifacts, question.truth, question.cutoff)]
    events = pl.scan_parquet(artifacts.workspace.file("events", artifacts.dataset))
    spec, n_items = artifacts.spec, len(artifacts.items)
    protocol = protocol_for(question.protocol, settings, spec)
    replace(question, protocol=protocol).check(settings)
    if protocol == RANDOM_OUT:
        return [splits.random_out_truth(events, spec=spec, n_items=n_items)]
    if protocol == LEAVE_LAST_OUT:
        return [splits.leave_last_out_truth(events, spec=spec, n_items=n_items)]
    starts = splits.window_starts(
        events,
        spec=spec,
        windows=question.windows or settings.windows,
        cutoff=question.cutoff,
        horizon=question.horizon,
    )
    truths = [
        splits.temporal_truth(
            events, spec=spec, n_items=n_items, cutoff=start, horizon=question.horizon
        )
        for start in starts
    ]
    if protocol != NEXT_IN_SESSION and question.live is None:
        return truths
    ends = [Snapshot(as_of=start + (question.horizon or spec.horizon)) for start in starts]
    windows = [
        events_between(events, snapshot_before(truth), end)
        for truth, end in zip(truths, ends, strict=True)
    ]
    common: Any = {"spec": spec, "seed": settings.seed}
    if question.live is not None:
        return [
            next_event(truth, window, lag=question.live, **common)
            for truth, window in zip(truths, windows, strict=True)
        ]
    gap = timedelta(minutes=settings.gap_minutes) if settings.gap_minutes else None
    return [
        next_in_session(truth, window, gap=gap, **common)
        for truth, window in zip(truths, windows, strict=True)
    ]


def _given(artifacts: Artifacts, file: Path, cutoff: datetime | None) -> Truth:
    from recsys_cli.evaluation.truth_file import truth_from_file

    given = truth_from_file(file, users=artifacts.users, items=artifacts.items)
    if given.items.indices.min() >= len(artifacts.items) and given.users.max() < 0:
        raise DataError(
            f"{artifacts.dataset} has none of the users and items in {file}",
            hint="check --dataset, and that the file holds external ids",
        )
    return replace(given, cutoff=cutoff)


def snapshot_before(truth: Truth) -> Snapshot:
    """What models may see that are tested on `truth`."""
    if truth.protocol == LEAVE_LAST_OUT:
        return Snapshot(leave_last=1)
    if truth.protocol == RANDOM_OUT:
        return FIRST_ROUND
    return Snapshot(as_of=truth.cutoff)


def without_what_cannot_be_hit(truth: Truth, engine: Engine, *, exclude_seen: bool) -> Truth:
    """Reconcile the test pairs with what users already had.

    Items that lists leave out cannot be hits: our own splits drop them, a given split that has
    them is wrong. Where having an item again counts, a given split may still be one that the
    models were trained on, which nobody but its author can tell.
    """
    if exclude_seen and truth.protocol == TRUTH_FILE:
        ids = engine.artifacts
        refuse_overlap(truth, engine.history, users=ids.users, items=ids.items)
    elif exclude_seen:
        return without_seen(truth, engine.history)
    elif truth.protocol == TRUTH_FILE:
        seen = int(seen_pairs(truth, engine.history).sum())
        if seen:
            warning = (
                f"{seen:,} of {counted(truth.items.nnz, 'pairs')} of the truth file "
                f"{'is' if seen == 1 else 'are'} in the history that "
                "the models learned from; unless users really had these items again, give the "
                "split's start as --cutoff"
            )
            return replace(truth, warnings=(*truth.warnings, warning))
    return truth


def segments_of(artifacts: Artifacts, truth: Truth) -> tuple[dict[str, Mask], list[str]]:
    """Masks over the test users, one for each value of the spec's segment columns.

    Returns:
        The masks, and sentences about what was left out.
    """
    import numpy as np
    import polars as pl

    from recsys_cli.evaluation.groups import column_groups

    masks: dict[str, Mask] = {}
    warnings = []
    inside, file = truth.users >= 0, artifacts.workspace.file("users", artifacts.dataset)
    for column in artifacts.spec.segment_columns:
        table = pl.read_parquet(file, columns=[column])
        values = np.full(len(truth.users), None, object)
        values[inside] = table[column].cast(pl.String).gather(truth.users[inside]).to_list()
        groups, left_out = column_groups(column, values)
        masks |= groups
        warnings += [left_out] if left_out else []
    return masks, warnings
