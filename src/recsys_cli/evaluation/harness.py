"""Measures strategies exactly as they are served: full catalogue, with fallback, in blocks.

Strategies, a `Truth` and the history before it come in; what was measured for each user of one
test window goes out, with the groups that users fall into. `evaluation.summary` turns windows
into figures with intervals. Nothing that was made from events of the test window is let in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import Command, DataError
from recsys_cli.evaluation.beyond import Exposure, ItemFacts, list_metrics, list_names
from recsys_cli.evaluation.groups import COLD_ITEMS, cold_truth, groups_of
from recsys_cli.evaluation.truth import Truth, seen_pairs
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Trend
from recsys_cli.moments import said, spoken
from recsys_cli.progress import Progress, Silent
from recsys_cli.ranking.fallback import WithFallback
from recsys_cli.ranking.metrics import metric_names, ranking_metrics

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_BLOCK_CELLS = 1 << 19
"""Recommended items in memory at a time."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one strategy did in one window.

    Attributes:
        values: (n, m) float64, a row per test user, columns as `Measured.names`; NaN where a
            list is too short to say something about it.
        cold: (c, m) the same for the users of the group of cold items, with only such items
            counting as relevant.
        catalogue: group → metric@k → one number for all lists of the group.
        served_by: number of users by the strategy that gave their first item.
        fallback_reasons: number of users by the reason why others had a part in their lists.
        short: number of users whose lists are shorter than the largest depth.
    """

    values: Floats
    cold: Floats
    catalogue: Mapping[str, Mapping[str, float]]
    served_by: Mapping[str, int]
    fallback_reasons: Mapping[str, int]
    short: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """One test window, measured.

    Attributes:
        truth: test users and their relevant items.
        names: metric@k of each column.
        groups: masks (n,) over the test users by name.
        history: (n,) how many items each test user had before the test.
        ks: depths.
        exclude_seen: whether items that users already had were left out of the lists.
        strategies: figures by strategy.
        warnings: sentences that the reader of the numbers must know.
        details: anything else worth keeping, such as the artifacts' fingerprints.
    """

    truth: Truth
    names: tuple[str, ...]
    groups: Mapping[str, Mask]
    history: npt.NDArray[np.int64]
    ks: tuple[int, ...]
    exclude_seen: bool
    strategies: Mapping[str, Figures]
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known before the test, which every strategy is measured against."""

    history: CSR
    facts: ItemFacts
    cold_truth: CSR
    had: Interactions | None
    trends_halve: float | None = None


def measure(
    strategies: Mapping[str, WithFallback],
    truth: Truth,
    *,
    dataset: str,
    history: CSR,
    history_reference: int,
    ks: Sequence[int],
    exclude_seen: bool,
    segments: Mapping[str, Mask] | None = None,
    vectors: npt.NDArray[np.float32] | None = None,
    boosted: Mask | None = None,
    had: Interactions | None = None,
    as_built: Collection[str] = (),
    trends_halve: float | None = None,
    details: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Rank the whole catalogue for every test user of one window and measure the lists.

    Args:
        strategies: by name, each with the fallback chain that it is served with.
        truth: test users and their relevant items.
        dataset: name for messages.
        history: (n_users, n_items) what users had before the test events.
        history_reference: seconds since the epoch before which the history's events lie.
        ks: depths of the metrics.
        exclude_seen: leave what users already had out of their lists; `truth` must not hold
            such pairs then.
        segments: further groups by name, each a mask (n,) over the test users.
        vectors: (n_items, d) float32 content vectors for the diversity of lists, zero for items
            without one; None where there are none.
        boosted: (n_items,) what rules move up, for its share of lists; None without such.
        had: `history` in full, for a truth of steps, which are predicted from what was had since
            besides, by those strategies that can be given it.
        as_built: names of strategies that are told nothing of what was had since.
        trends_halve: days in which popularity halves, where the others are told by the hour what
            everybody did since; None where they are not.
        details: further fields of the report.
        progress: told how many users are done.

    Raises:
        DataError: there is no test user, or a strategy or the history was made from events
            that lie after the cut-off.
        ValueError: `truth` holds pairs that the lists cannot.
    """
    report = progress or Silent()
    _refuse_empty(truth, dataset)
    unchecked = _refuse_leaks(strategies, truth, history_reference)
    if exclude_seen and seen_pairs(truth, history).any():
        raise ValueError("truth holds pairs that the lists leave out; see `without_seen`")
    facts, depths = ItemFacts.from_history(history, vectors, boosted), tuple(sorted(set(ks)))
    known = _Known(history, facts, cold_truth(truth, history), had, trends_halve)
    window = Measured(
        truth=truth,
        names=(*metric_names(depths), *list_names(depths, facts)),
        groups=groups_of(truth, history, known.cold_truth, segments or {}),
        history=history.counts(truth.users),
        ks=depths,
        exclude_seen=exclude_seen,
        strategies={},
        warnings=truth.warnings + unchecked,
        details=details or {},
    )
    blind = replace(known, had=None, trends_halve=None)
    measured = {
        n: _measure_one(n, s, window, blind if n in as_built else known, report)
        for n, s in strategies.items()
    }
    return replace(window, strategies=measured)


def _refuse_empty(truth: Truth, dataset: str) -> None:
    if len(truth.users):
        return
    window = ""
    if truth.cutoff and truth.horizon:
        window = f" in the {spoken(truth.horizon)} from {said(truth.cutoff)}"
    raise DataError(
        f"no user of {dataset} has a test event{window}",
        hint="choose another --cutoff or --horizon",
    )


def _refuse_leaks(
    strategies: Mapping[str, WithFallback], truth: Truth, history_reference: int
) -> tuple[str, ...]:
    """Compare what everything was made from with the cut-off; warn where that is not known.

    Without a cut-off the history sets the limit: a strategy from a later snapshot than the
    history has seen events that the history lacks, the test events among them.
    """
    limit = truth.cutoff_seconds
    if limit is None:
        limit = history_reference
    unchecked = []
    references: list[tuple[str, int | None]] = [("the history", history_reference)]
    for chain in strategies.values():
        references += [(part.name, part.reference) for part in chain.chain]
    for what, reference in dict.fromkeys(references):
        if reference is None:
            unchecked.append(f"{what} does not say up to when it saw events")
        elif reference > limit:
            raise DataError(
                f"{what} was made from events up to {_moment(reference)}, "
                f"but the test starts at {_moment(limit)}: it has seen what it would be tested on",
                hint=(
                    "build the snapshot at the cut-off: ",
                    Command("build", "all", "--as-of", "DATE"),
                ),
            )
    return tuple(unchecked)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _blocks(
    truth: Truth, known: _Known, size: int
) -> Iterator[tuple[npt.NDArray[np.int64], Trend | None]]:
    """Rows to ask for at a time, and what everybody did by then where that is told."""
    n, steps, had = len(truth.users), truth.steps, known.had
    if known.trends_halve is None or steps is None or had is None:
        for start in range(0, n, size):
            yield np.arange(start, min(start + size, n)), None
        return
    hours = steps.times.astype(np.int64) // 3600
    order = np.argsort(hours, kind="stable")
    for of_hour in np.split(order, np.flatnonzero(np.diff(hours[order])) + 1):
        trend = steps.trend_at(
            int(hours[of_hour[0]]),
            reference=had.reference,
            n_items=had.n_items,
            half_life_days=known.trends_halve,
        )
        for start in range(0, len(of_hour), size):
            yield of_hour[start : start + size], trend


def _measure_one(
    name: str, strategy: WithFallback, window: Measured, known: _Known, progress: Progress
) -> Figures:
    truth, ks, n, width = window.truth, window.ks, len(window.truth.users), len(window.names)
    values, cold_values = np.empty((n, width)), np.empty((n, width))
    exposure = {g: Exposure(ks=ks, n_items=strategy.n_items) for g in window.groups}
    served, reasons, short = _Counts(), _Counts(), 0
    progress.start(f"evaluate {name}", n)
    k = min(ks[-1], strategy.n_items)
    for rows, trend in _blocks(truth, known, max(1, _BLOCK_CELLS // k)):
        given = truth.given(rows, known.had, trend=trend)
        had = known.history.take(truth.users[rows]) if given is None else given.had.items
        exclude = had if window.exclude_seen else None
        answer = strategy.answer(truth.users[rows], k=k, exclude=exclude, visitors=given)
        items = answer.recommendations.items
        short += int((items[:, -1] < 0).sum())
        beyond = list_metrics(items, known.facts, had, ks=ks)
        for table, relevant in ((values, truth.items), (cold_values, known.cold_truth)):
            hits = ranking_metrics(items, relevant.take(rows), ks=ks)
            table[rows] = np.stack([*hits.values(), *beyond.values()], axis=1)
        for group, mask in window.groups.items():
            exposure[group].add(items[mask[rows]])
        served.add(answer.used, answer.strategies)
        reasons.add(answer.reason, answer.reasons)
        progress.advance(len(rows))
    return Figures(
        values=values,
        cold=cold_values[window.groups[COLD_ITEMS]],
        catalogue={
            group: {
                metric: value if window.groups[group].any() else np.nan
                for metric, value in shown.values().items()
            }
            for group, shown in exposure.items()
        },
        served_by=served.counts,
        fallback_reasons=reasons.counts,
        short=short,
    )


class _Counts:
    """Counts codes over blocks, by name; code names of None don't count."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, codes: npt.NDArray[np.uint8], names: Sequence[str | None]) -> None:
        """Count the codes of a block; those beyond `names` stand for nothing."""
        for code, name in enumerate(names):
            count = int((codes == code).sum())
            if name is not None and count:
                self.counts[name] = self.counts.get(name, 0) + count
