"""What users had since the artifacts were made, by external ids, laid over what they had before.

A session that is going on, or the newest events of a log, come in; `Visitors` go out, for whom
every strategy that reads histories answers (`FromHistory`), seen items left out at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.errors import UsageError, meant
from recsys_cli.events.decay import DAY_SECONDS
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later, Trend, Visitors
from recsys_cli.live.contract import Given, Sold
from recsys_cli.live.incoming import usual_kind

_LATEST = 2**32 - 1
_FOUND = 1 << 16
"""Items whose rows are remembered."""


class Overlay:
    """Makes visitors over one dataset's artifacts."""

    def __init__(
        self, artifacts: Artifacts, had: Callable[[], Interactions], *, most: float | None
    ) -> None:
        """Load nothing yet.

        Args:
            artifacts: of the dataset.
            had: what users had, as the artifacts know it.
            most: cap on the weight of a user and item, as in `interactions.max_weight`.
        """
        self._artifacts, self._had, self._most = artifacts, had, most
        # Who clicks on something clicks on it in every answer that follows.
        self._find = lru_cache(_FOUND)(artifacts.items.find)

    @cached_property
    def _weights(self) -> dict[str, float]:
        """What each kind of event weighs."""
        spec = self._artifacts.spec
        return {kind: float(spec.weights.get(kind, 1.0)) for kind in spec.events}

    def of(
        self,
        users: npt.NDArray[np.int32],
        events: Sequence[Sequence[Given]],
        *,
        trend: Trend | None = None,
    ) -> tuple[Visitors | None, list[str]]:
        """`users` (n,) by row, -1 for nobody known, with n sequences of events, each in order.

        Events with items that the catalogue lacks are left out.

        Returns:
            The visitors, None where no event and no trend is left, and ids of unknown items.

        Raises:
            UsageError: there is no such kind of event.
        """
        if not any(events) and trend is None:
            return None, []
        had, find = self._had(), self._find
        by_value = self._artifacts.spec.value_as_weight
        items: list[int] = []
        times: list[int] = []
        weights: list[float] = []
        values: list[float] = []
        unknown: dict[str, None] = {}
        counts = np.zeros(len(users), np.int64)
        for row, (user, own) in enumerate(zip(users.tolist(), events, strict=True)):
            moment = self._last_of(had, user)
            for event in own:
                weight = self._weight(event.event)
                item = find(event.item)
                # Of two at the same time, or with none, the later one is the last.
                moment = moment + 1 if event.time is None else event.time // 1000
                if item < 0:
                    unknown[event.item] = None
                    continue
                value = np.nan if event.value is None else event.value
                if by_value and event.value is not None:
                    weight *= max(event.value, 0.0)
                items.append(item)
                times.append(min(max(moment, 0), _LATEST))
                weights.append(weight)
                values.append(value)
                counts[row] += 1
        if not items and trend is None:
            return None, list(unknown)
        last = np.cumsum(counts)
        later = Later(
            last - counts,
            last,
            np.array(items, np.int32),
            np.array(times, np.uint32),
            np.array(weights, np.float32),
            np.array(values, np.float32),
        )
        return Visitors.of(had, users, later, most=self._most, trend=trend), list(unknown)

    def trend(self, sold: Iterable[Sold], *, half_life_days: float) -> Trend:
        """What everybody did since, on the scale of popularity that decays with a half-life."""
        spec, reference = self._artifacts.spec, self._had().reference
        weights = np.zeros(self._had().n_items)
        counts = np.zeros(len(weights), np.uint32)
        last = reference
        for item, kind, hour, events, value in sold:
            row = self._find(item)
            if row < 0 or kind not in self._weights:
                continue
            moment = 3600 * hour + 1800
            age = (reference - moment) / DAY_SECONDS if spec.has_time else 0
            many = value if spec.value_as_weight else events
            weights[row] += self._weights[kind] * many * 0.5 ** (age / half_life_days)
            counts[row] += events
            last = max(last, moment)
        days = (last - reference) / DAY_SECONDS if spec.has_time else 0.0
        return Trend(weights.astype(np.float32), counts, days)

    def _weight(self, kind: str | None) -> float:
        if kind is None:
            kind = usual_kind(self._artifacts.spec)
        if kind not in self._weights:
            known = ", ".join(self._weights)
            dataset, near = self._artifacts.dataset, meant(kind, list(self._weights))
            raise UsageError(
                f"{dataset} has no kind of event {kind!r}{near}", hint=f"one of: {known}"
            )
        return self._weights[kind]

    @staticmethod
    def _last_of(had: Interactions, user: int) -> int:
        """The last moment of what a user had, and of all that is known."""
        span = slice(int(had.indptr[user]), int(had.indptr[user + 1])) if user >= 0 else slice(0)
        return max(int(np.max(had.last[span], initial=0)), had.reference)
