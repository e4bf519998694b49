"""States of users before given events: factors folded in, last items, content taste.

A state holds what a tower may know about a user at a moment: the ALS factors that folding in
their events until then gives (Hu, Koren and Volinsky 2008; see `foldin`), the mean factors of
their last items, and the mean of the content vectors of their items, later events counting more.
States before training events and states to serve from come out of the same pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_cli.ranking.gram import gram_matrix
from recsys_cli.strategies.twotower.history import OrderedEvents, Steps

Vectors = npt.NDArray[np.float32]
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class UserStates:
    """States of users, one per row.

    Attributes:
        folded: (states, f) factors folded in, zeros without events; (states, 0) where not wanted.
        recent: (states, f) mean of the factors of the last items.
        taste: (states, c) recency-weighted sum of content vectors at unit length.
        seen: (states,) int32 number of events before.
        last: (states,) int64 seconds since 1970 of the last one; 0 for none.
    """

    folded: npt.NDArray[np.floating]
    recent: npt.NDArray[np.floating]
    taste: npt.NDArray[np.floating]
    seen: npt.NDArray[np.int32]
    last: npt.NDArray[np.int64]

    @classmethod
    def allocate(
        cls,
        n: int,
        *,
        factors: int,
        content: int,
        folds: bool = True,
        dtype: str = "float32",
        folder: Path | None,
    ) -> UserStates:
        """Room for n states, in files below `folder` where there is one."""

        def room(name: str, shape: tuple[int, ...], kind: str) -> npt.NDArray[np.floating]:
            if folder is None or not n or not shape[-1]:
                none: npt.NDArray[np.floating] = np.zeros(shape, kind)
                return none
            return np.lib.format.open_memmap(
                folder / f"{name}.npy", mode="w+", dtype=kind, shape=shape
            )

        return cls(
            room("folded", (n, factors if folds else 0), dtype),
            room("recent", (n, factors), dtype),
            room("taste", (n, content), dtype),
            np.zeros(n, np.int32),
            np.zeros(n, np.int64),
        )


@dataclass(frozen=True, slots=True)
class Walk:
    """What states are made with, besides the history.

    Attributes:
        factors: (n_items, f) float32 ALS item factors.
        regularization: λ of the ALS.
        alpha: α of the ALS.
        content: (n_items, c) float32 content vectors; zero rows where there are none.
        half_life_days: age at which an event counts half in the taste; None for no decay.
        last_items: how many events `recent` is the mean of.
    """

    factors: Vectors
    regularization: float
    alpha: float
    content: Vectors
    half_life_days: float | None
    last_items: int


_BLOCK = 1 << 16
"""States computed at a time before they are rounded into their files."""


def user_states(
    history: OrderedEvents, steps: Steps, walk: Walk, users: npt.NDArray[np.integer],
    at: npt.NDArray[np.int64], *, out: UserStates,
) -> None:  # fmt: skip
    """Fill `out` with the states of `users` before the events at positions `at`.

    Args:
        history: the events.
        steps: what each adds.
        walk: factors and settings.
        users: (states,) ascending.
        at: (states,) positions in the history, ascending within a user; the end of the user's
            run stands for the state after all events.
        out: (states,) rows.
    """
    from recsys_cli.strategies.twotower.prefix_kernels import walk as compiled

    gain = np.float32(walk.alpha) * steps.weight
    start = gram_matrix(walk.factors) + walk.regularization * np.eye(walk.factors.shape[1])
    # A hair of a ridge keeps λ = 0 invertible where some factors are all zero.
    inverse = np.linalg.inv(start + 1e-12 * np.eye(len(start)))
    decay = np.log(2) / (walk.half_life_days * _DAY) if walk.half_life_days else 0.0
    distinct, first = np.unique(users, return_index=True)
    bounds = np.append(first, len(users)).astype(np.int64)
    low = 0
    while low < len(distinct):
        high = max(low + 1, int(np.searchsorted(bounds, bounds[low] + _BLOCK, "right")) - 1)
        span = slice(int(bounds[low]), int(bounds[high]))
        n = span.stop - span.start
        part = UserStates.allocate(
            n, factors=walk.factors.shape[1], content=walk.content.shape[1],
            folds=out.folded.shape[1] > 0, folder=None,
        )  # fmt: skip
        compiled(
            history.indptr, history.item, history.time, gain, steps.first, walk.factors, inverse,
            walk.content, decay, history.weight, walk.last_items, distinct[low:high],
            bounds[low : high + 1] - bounds[low], at[span],
            part.folded, part.recent, part.taste, part.seen, part.last,
        )  # fmt: skip
        length = np.linalg.norm(part.taste, axis=1, keepdims=True)
        np.divide(part.taste, length, out=part.taste, where=length > 0)
        for name in ("folded", "recent", "taste", "seen", "last"):
            getattr(out, name)[span] = getattr(part, name)
        low = high
