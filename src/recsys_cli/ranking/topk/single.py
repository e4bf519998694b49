"""Exact top-k for one user at a time, many times over: what a server warms up for.

Items lie sorted by norm, longest first, in the basis of `balance`, whose leading coordinates
hold most of every product. A compiled loop (`topk_single`) multiplies the leading part first and
goes on only where that product and the norms of the rest can still reach the k-th best (Cauchy
and Schwarz; FEXIPRO: Li, Chan, Yiu and Mamoulis, SIGMOD 2017), and stops where the norms of
whole items can't. What comes through is scored in float64 as everywhere else, so the lists have
the same bits. On ALS factors that reads 7% of the leading parts; on vectors of one length,
where no norm helps, all of them, but few of the rest.

Preparing takes as long as some hundred queries and a copy of the vectors, so it is done only
within `warm.warmed`, and shared between processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.ranking.topk.lists import Items, Mask
from recsys_cli.ranking.topk.scoring import Vectors, float32_slack, moved, upper_norms
from recsys_cli.ranking.topk.search import SortedItems
from recsys_cli.store.scratch import Scratch, array_key

Floats = npt.NDArray[np.float32]
Like = Callable[[], Vectors]
"""Gives vectors (n, f) of users like those to be searched for."""

_LAYOUT = "single 1"
"""Changes with the meaning of what is kept."""
_SAMPLE = 1 << 12
_TRIALS = 8
_TRIAL_K = 12
_STEP = 16
_ANYTHING: Mask = np.zeros(0, np.bool_)
_NOTHING: Items = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class SingleSearch:
    """Candidate items, split for pruning.

    Attributes:
        order: (m,) int32 item ids, longest first.
        heads: (m, h) float32 leading coordinates, in that order.
        tails: (m, f - h) float32 the others.
        norms: (m,) float32 of whole rows, rounded up.
        tail_norms: (m,) float32 likewise of `tails`.
        basis: (f, f) float64 that takes users there.
        distortion: see `Basis`.
        longest: largest norm among the candidates as they were given.
    """

    order: Items
    heads: Vectors
    tails: Vectors
    norms: Floats
    tail_norms: Floats
    basis: npt.NDArray[np.float64]
    distortion: float
    longest: float

    @classmethod
    def kept(
        cls, scratch: Scratch, items: Vectors, candidates: Mask | None, like: Like | None
    ) -> SingleSearch:
        """What `scratch` has for these items; made if need be.

        Args:
            scratch: where it is kept.
            items: (n_items, f) float32.
            candidates: (n_items,) items that may be ranked; None means all.
            like: only makes the search faster; None stands for the items themselves.
        """
        key = array_key(items, candidates, about=_LAYOUT)
        pack = scratch.pack(key, lambda: _split(items, candidates, like))
        # Plain arrays, since numba is slow to recognise memory maps.
        kept: dict[str, Any] = {field.name: pack[field.name] for field in fields(cls)}
        arrays = {name: np.asarray(v) for name, v in kept.items() if isinstance(v, np.ndarray)}
        return cls(**(kept | arrays))

    def best(
        self,
        user: Vectors,
        originals: Vectors,
        *,
        k: int,
        excluded: Items | None = None,
        allow: Mask | None = None,
        looked_at: npt.NDArray[np.int64] | None = None,
    ) -> tuple[Items, npt.NDArray[np.float64]]:
        """The at most k best items of one user (f,) and their scores, best first.

        Args:
            user: finite float32.
            originals: (n_items, f) float32, the items as they were given.
            k: list length.
            excluded: item ids in ascending order.
            allow: (n_items,) items that may be listed; None means all.
            looked_at: (2,) to which the numbers of heads and tails multiplied are added.
        """
        from recsys_cli.ranking.topk.single_kernels import scan_for_one

        best, ids = np.empty(k), np.empty(k, np.int32)
        if not len(self.order):
            return ids[:0], best[:0]
        vector = moved(user[None], self.basis)
        h = self.heads.shape[1]
        head, tail = vector[0, :h], np.ascontiguousarray(vector[0, h:])
        norm = float(upper_norms(vector)[0])
        slack = float(float32_slack(len(user), norm, float(self.norms[0])))
        slack += self.distortion * self.longest * float(upper_norms(user[None])[0])
        filled = scan_for_one(
            user, head, tail, self.heads, self.tails, self.norms, self.tail_norms, self.order,
            originals, norm, float(upper_norms(tail[None])[0]), slack,
            _NOTHING if excluded is None else np.asarray(excluded),
            _ANYTHING if allow is None else np.asarray(allow),
            best, ids, np.zeros(2, np.int64) if looked_at is None else looked_at,
        )  # fmt: skip
        return ids[:filled], best[:filled]


def _split(items: Vectors, candidates: Mask | None, like: Like | None) -> dict[str, Any]:
    """The pack behind a `SingleSearch`."""
    users = items if like is None else like()
    users = np.asarray(users[:: max(1, len(users) // _SAMPLE)])
    users = users[users.any(axis=1)]
    ordered = SortedItems.of(items, candidates, users if len(users) else items[:1])
    # The axes of the basis ascend by their share in the products.
    vectors = np.ascontiguousarray(ordered.vectors[:, ::-1])
    common: dict[str, Any] = {
        "order": ordered.order,
        "norms": _up(ordered.norms),
        "basis": np.ascontiguousarray(ordered.basis.users[:, ::-1]),
        "distortion": ordered.basis.distortion,
        "longest": ordered.longest,
    }
    trials = users[:: max(1, len(users) // _TRIALS)][:_TRIALS]
    factors = vectors.shape[1]
    least, chosen = float("inf"), {}
    for h in [*range(_STEP, factors, _STEP * (1 + factors // 256)), factors]:
        parts = _parts(vectors, h)
        work = _work(SingleSearch(**common, **parts), items, trials)
        # Work falls and rises again with the length of the heads.
        if work >= least:
            break
        least, chosen = work, parts
    return common | chosen


def _parts(vectors: Vectors, h: int) -> dict[str, Any]:
    tails = np.ascontiguousarray(vectors[:, h:])
    return {
        "heads": np.ascontiguousarray(vectors[:, :h]),
        "tails": tails,
        "tail_norms": _up(upper_norms(tails)) if tails.size else np.zeros(len(tails), np.float32),
    }


def _work(search: SingleSearch, items: Vectors, users: Vectors) -> float:
    """Multiplications that some users cost."""
    looked_at = np.zeros(2, np.int64)
    for user in users:
        search.best(np.ascontiguousarray(user), items, k=_TRIAL_K, looked_at=looked_at)
    return float(looked_at[0] * search.heads.shape[1] + looked_at[1] * search.tails.shape[1])


def _up(values: npt.NDArray[np.float64]) -> Floats:
    """To float32, never below."""
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))
