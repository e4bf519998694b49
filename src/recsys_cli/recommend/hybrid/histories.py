"""What the users of a block had, laid out for comparing candidates with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.recommend.history import history_of
from recsys_cli.recommend.vectors import Users

Floats = npt.NDArray[np.float32]

LAST_ITEMS = 5
"""Items of the user that a candidate is compared with."""
HISTORY_HALF_LIFE_DAYS = 60.0
_DAY_SECONDS = 86_400


def days_before(moments: npt.NDArray[np.uint32], reference: int) -> npt.NDArray[np.float64]:
    """Days from each moment to the reference; NaN for none."""
    return np.where(moments > 0, (reference - moments.astype(np.float64)) / _DAY_SECONDS, np.nan)


class Block(NamedTuple):
    """Pairs of B users and the items they had, N of them.

    Attributes:
        indptr: (B + 1,) int64 where each user's pairs begin.
        items: (N,) int32 items.
        weight: (N,) float32 weight, halved every `HISTORY_HALF_LIFE_DAYS`.
        events: (N,) float32 number of events.
        days: (N,) float32 days since the last one; NaN without time.
        last: (B, LAST_ITEMS) int32 items had last, the latest first, -1 padded.
    """

    indptr: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    weight: Floats
    events: Floats
    days: Floats
    last: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class History:
    """The interactions artifact.

    Attributes:
        matrix: (n_users, n_items) with weights as data.
        count: (nnz,) uint32 number of events of each pair.
        last: (nnz,) uint32 seconds since 1970 of the last one; 0 without time.
        reference: moment that ages are counted from.
    """

    matrix: CSR
    count: npt.NDArray[np.uint32]
    last: npt.NDArray[np.uint32]
    reference: int

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any]) -> History:
        """From the interactions artifact."""
        matrix = history_of(pack, weighted=True)
        return cls(matrix, pack["count"], pack["last"], int(pack["reference"]))

    def of(self, users: Users) -> Block:
        """What each of `users` (B,) had."""
        matrix = self.matrix
        indptr, at = matrix.positions(users)
        had = np.ascontiguousarray(matrix.indices[at], np.int32)
        moments = self.last[at]
        days = days_before(moments, self.reference)
        weight = np.asarray(matrix.data, np.float32)[at] if len(at) else np.empty(0, np.float32)
        aged = np.where(np.isnan(days), 0, days)
        weight = (weight * np.exp2(-aged / HISTORY_HALF_LIFE_DAYS)).astype(np.float32)
        events = self.count[at].astype(np.float32)
        rows = np.repeat(np.arange(len(users)), np.diff(indptr))
        order = np.lexsort((had, -moments.astype(np.int64), rows))
        place = np.arange(len(at)) - indptr[rows]
        last = np.full((len(users), LAST_ITEMS), -1, np.int32)
        near = place < LAST_ITEMS
        last[rows[near], place[near]] = had[order][near]
        return Block(indptr, had, weight, events, days.astype(np.float32), last)
