"""What users had since the artifacts were made, by external ids, laid over what they had before.

A session that is going on, or the newest events of a log, come in; `Visitors` go out, for whom
every strategy that reads histories answers (`FromHistory`), seen items left out at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.errors import UsageError
from recsys_cli.events.decay import DAY_SECONDS
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later, Trend, Visitors
from recsys_cli.live.contract import Given, Sold
from recsys_cli.live.incoming import no_such_kind, usual_kind

_LATEST = 2**32 - 1
_ROUNDING = 1e-5
_FOUND = 1 << 16
"""Items whose rows are remembered."""


class _Taken(NamedTuple):
    """What returns take from before: how many there are, and the weight of their pieces."""

    events: int
    weight: float


@dataclass(slots=True, eq=False)
class _Came:
    """An event: item (row), kind, seconds, weight of its kind, value or NaN."""

    item: int
    kind: str
    time: int
    weight: float
    value: float

    @property
    def pieces(self) -> float:
        """How many it is of; one where nobody said."""
        return 1.0 if np.isnan(self.value) else self.value

    def less(self, pieces: float) -> float:
        """Take pieces from it; how many are left to take from others."""
        taken = min(pieces, self.pieces)
        self.value = self.pieces - taken
        return pieces - taken

    def weighs(self, *, by_value: bool) -> float:
        """What it weighs, by its value too where that counts."""
        return self.weight * (max(self.pieces, 0.0) if by_value else 1.0)


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
        disliked: Sequence[int] = (),
    ) -> tuple[Visitors | None, list[str]]:
        """`users` (n,) by row, -1 for nobody known, with n sequences of events, each in order.

        Events with items that the catalogue lacks are left out. What was returned, and items (rows)
        that all of them dislike, are in no history.

        Returns:
            The visitors, None where there is nothing to lay over, and ids of unknown items.

        Raises:
            UsageError: there is no such kind of event.
        """
        if not any(events) and trend is None and not disliked:
            return None, []
        had, unknown = self._had(), dict[str, None]()
        came: list[_Came] = []
        less: list[tuple[int, int, float]] = []
        counts = np.zeros(len(users), np.int64)
        for row, (user, own) in enumerate(zip(users.tolist(), events, strict=True)):
            kept, back = self._kept(own, self._last_of(had, user), unknown)
            kept = [one for one in kept if one.item not in disliked]
            counts[row] = len(kept)
            came += kept
            left = {item: self._left(had, user, item, taken) for item, taken in back.items()}
            left |= dict.fromkeys(disliked, 0.0)
            less += [(row, item, part) for item, part in left.items()]
        if not came and not less and trend is None:
            return None, list(unknown)
        last = np.cumsum(counts)
        by_value = self._artifacts.spec.value_as_weight
        later = Later(
            last - counts,
            last,
            np.array([one.item for one in came], np.int32),
            np.array([min(max(one.time, 0), _LATEST) for one in came], np.uint32),
            np.array([one.weighs(by_value=by_value) for one in came], np.float32),
            np.array([one.value for one in came], np.float32),
            np.array([row for row, _, _ in less], np.int64),
            np.array([item for _, item, _ in less], np.int32),
            np.array([part for _, _, part in less], np.float32),
        )
        return Visitors.of(had, users, later, most=self._most, trend=trend), list(unknown)

    def _kept(
        self, events: Sequence[Given], moment: int, unknown: dict[str, None]
    ) -> tuple[list[_Came], dict[int, _Taken]]:
        """Somebody's events without returns, and what these take from what came before them.

        Args:
            events: in order.
            moment: the last one before them, in seconds.
            unknown: gets ids that the catalogue lacks.
        """
        spec = self._artifacts.spec
        usual = usual_kind(spec)
        kept: list[_Came] = []
        back: dict[int, _Taken] = {}
        for event in events:
            weight, item = self._weight(event.event), self._find(event.item)
            kind = event.event or usual
            of_any = kind in spec.return_kinds
            weight = self._weights[usual] if of_any else weight
            # Of two at the same time, or with none, the later one is the last.
            moment = moment + 1 if event.time is None else event.time // 1000
            if item < 0:
                unknown[event.item] = None
                continue
            value = np.nan if event.value is None else event.value
            one = _Came(item, kind, moment, weight, value)
            if not spec.takes_back or not value < 0:
                kept.append(one)
                continue
            pieces = -value
            for earlier in [e for e in reversed(kept) if e.item == item]:
                if np.isnan(earlier.value) if of_any else earlier.kind != kind:
                    continue
                pieces = earlier.less(pieces)
                if not earlier.pieces:
                    kept.remove(earlier)
            if pieces > 0:
                taken = back.get(item, _Taken(0, 0.0))
                back[item] = _Taken(taken.events + 1, taken.weight + weight * pieces)
        return kept, back

    def _left(self, had: Interactions, user: int, item: int, taken: _Taken) -> float:
        """The part of an item that a user has left once that is taken from it."""
        span = slice(int(had.indptr[user]), int(had.indptr[user + 1])) if user >= 0 else slice(0)
        place = np.flatnonzero(had.indices[span] == item)
        if not len(place):
            return 0.0
        if self._artifacts.spec.value_as_weight:
            before, less = float(had.weight[span][place[0]]), taken.weight
        else:
            before, less = float(had.count[span][place[0]]), float(taken.events)
        part = 1 - less / max(before, _ROUNDING)
        return part if part > _ROUNDING else 0.0

    def trend(self, sold: Iterable[Sold], *, half_life_days: float) -> Trend:
        """What everybody did since, on the scale of popularity that decays with a half-life."""
        spec, reference = self._artifacts.spec, self._had().reference
        weights = np.zeros(self._had().n_items)
        counts = np.zeros(len(weights), np.uint32)
        last = reference
        for item, kind, hour, events, value, back in sold:
            row = self._find(item)
            if row < 0 or kind not in self._weights:
                continue
            moment = 3600 * hour + 1800
            age = (reference - moment) / DAY_SECONDS if spec.has_time else 0
            many = value if spec.value_as_weight else events
            if back and spec.takes_back:
                of = usual_kind(spec) if kind in spec.return_kinds else kind
                many = -many * self._weights[of] / (self._weights[kind] or 1.0)
            elif back and spec.value_as_weight:
                many = 0.0
            weights[row] += self._weights[kind] * many * 0.5 ** (age / half_life_days)
            counts[row] += 0 if back and spec.takes_back else events
            last = max(last, moment)
        # What comes back of what was built makes others' purchases no fewer.
        np.maximum(weights, 0, out=weights)
        days = (last - reference) / DAY_SECONDS if spec.has_time else 0.0
        return Trend(weights.astype(np.float32), counts, days)

    def _weight(self, kind: str | None) -> float:
        if kind is None:
            kind = usual_kind(self._artifacts.spec)
        if kind not in self._weights:
            message = no_such_kind(self._artifacts.spec, kind)
            raise UsageError(message, hint=f"one of: {', '.join(self._weights)}")
        return self._weights[kind]

    @staticmethod
    def _last_of(had: Interactions, user: int) -> int:
        """The last moment of what a user had, and of all that is known."""
        span = slice(int(had.indptr[user]), int(had.indptr[user + 1])) if user >= 0 else slice(0)
        return max(int(np.max(had.last[span], initial=0)), had.reference)
