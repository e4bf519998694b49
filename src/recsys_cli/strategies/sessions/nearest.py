"""Scores by the sessions most similar to what somebody had; see `train` for the formula.

A few rows take numpy alone, so that one request need not load compiled loops; many, or a server
that asks again and again, take those. Both give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.strategies.sessions.train import Sessions

F64 = npt.NDArray[np.float64]

_MIDDLE = 255
_FEW_POSTINGS = 1 << 16
"""Sessions to look at up to which numpy alone is as fast as loading what is compiled."""
_CELLS = 1 << 20


def latest(history: CSR, length: int) -> CSR:
    """The `length` entries of each row that count most, those first; of equals the lower items."""
    rows, items = history.entries()
    counts = np.asarray(history.data)
    order = np.lexsort((items, -counts, rows))
    place = np.arange(len(rows)) - history.indptr[rows]
    order = order[(place < length) & (counts[order] > 0)]
    indptr = np.searchsorted(rows[order], np.arange(history.n_rows + 1))
    return CSR(indptr.astype(np.int64), items[order], history.n_columns, counts[order])


class _Near(NamedTuple):
    """The S sessions most similar to what somebody had.

    Attributes:
        sessions: (S,) ascending.
        similarity: (S,) float64.
        place: (S,) step of the latest item that each shares.
        terms: (entries,) float64 what each entry adds to the similarity of a session, unweighted.
        number: (shared,) which of the sessions, of each that shares an entry.
        entry: (shared,) which entry.
    """

    sessions: npt.NDArray[np.integer]
    similarity: F64
    place: npt.NDArray[np.int64]
    terms: F64
    number: npt.NDArray[np.int64]
    entry: npt.NDArray[np.int64]


class Nearest:
    """Scores items for what somebody had."""

    def __init__(self, model: Sessions, *, compiled: bool = False, cells: int = _CELLS) -> None:
        """Keep views of the arrays.

        Args:
            model: the sessions.
            compiled: whether even one row is scored by compiled loops, which is faster once they
                are loaded.
            cells: scores in memory at a time, or as many as there are items.
        """
        self._model = model
        self._compiled = compiled
        self._cells = cells
        self._near = _by_distance(model.half_life_steps, model.backward)
        n_items = len(model.rarity)
        self._with_item = CSR(model.item_starts, model.sessions, len(model.weight))
        self._in_session = CSR(model.session_starts, model.items, n_items)

    def score_blocks(self, history: CSR) -> Iterator[tuple[int, CSR]]:
        """Scores of rows of `history`, a bounded number at a time.

        Args:
            history: (n, n_items) what somebody had, with what each item counts for data.

        Yields:
            The first row of a block, and its scores (rows, n_items) with data, in no order within
            a row.
        """
        if self._compiled or self._with_item.counts(history.indices).sum() > _FEW_POSTINGS:
            yield from self._by_kernel(history)
        else:
            asked = latest(history, self._model.length)
            rows = [self._by_numpy(asked.take(np.array([row]))) for row in range(asked.n_rows)]
            yield 0, _stacked(rows, asked.n_columns)

    def _by_kernel(self, history: CSR) -> Iterator[tuple[int, CSR]]:
        from recsys_cli.strategies.sessions.kernels import score_rows

        model, first, n_items = self._model, 0, history.n_columns
        room = max(n_items, 0 if history.n_rows == 1 else self._cells)
        while first < history.n_rows:
            indptr = np.zeros(history.n_rows + 1, np.int64)
            items, scores = np.empty(room, np.int32), np.empty(room, np.float32)
            end = score_rows(
                first, history.indptr, history.indices, history.data, model.length,
                model.neighbours, self._near,
                model.rarity, model.item_starts, model.sessions, model.shared,
                model.session_starts, model.items, model.steps, model.weight,
                indptr, items, scores,
            )  # fmt: skip
            used = indptr[end]
            yield first, CSR(indptr[first : end + 1], items[:used], n_items, scores[:used])
            first = end

    def _by_numpy(self, asked: CSR) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Items and scores of the only row."""
        model, near = self._model, self._nearest(asked)
        at, session, counts = self._at_distance(near)
        terms = near.similarity[session] * counts
        items, number = np.unique(model.items[at], return_inverse=True)
        return items, np.bincount(number, terms, minlength=len(items)).astype(np.float32)

    def parts(self, history: CSR, items: npt.NDArray[np.int32]) -> F64:
        """(m, entries) what each entry of one row adds to the scores of `items` (m,)."""
        model, n_items = self._model, history.n_columns
        asked = latest(history, self._model.length)
        near = self._nearest(asked)
        at, session, counts = self._at_distance(near)
        # Sessions by entries, and sessions by items.
        shares = np.zeros((len(near.sessions), asked.nnz))
        shares[near.number, near.entry] = near.terms[near.entry]
        shares *= model.weight[near.sessions][:, None]
        place = np.full(n_items, -1, np.int64)
        place[items] = np.arange(len(items))
        columns = model.items[at]
        wanted = place[columns] >= 0
        nearness = np.zeros((len(items), len(near.sessions)))
        # A session has an item once.
        nearness[place[columns[wanted]], session[wanted]] = counts[wanted]
        parts = np.zeros((len(items), history.nnz))
        parts[:, np.searchsorted(history.indices, asked.indices)] = nearness @ shares
        return parts

    def _nearest(self, asked: CSR) -> _Near:
        """The sessions most similar to the only row."""
        model = self._model
        counts = np.asarray(asked.data)
        indptr, at = self._with_item.positions(asked.indices)
        repeats = np.diff(indptr)
        found, number = np.unique(model.sessions[at], return_inverse=True)
        terms = counts.astype(np.float64) * model.rarity[asked.indices]
        sums = np.bincount(number, np.repeat(terms, repeats), minlength=len(found))
        similarity: F64 = (sums * model.weight[found]).astype(np.float64)
        most = np.sort(np.lexsort((found, -similarity))[: model.neighbours])
        # Of the items that a session shares, the latest one says where it is.
        shared = model.shared[at].astype(np.int64)
        order = np.lexsort((-shared, -np.repeat(counts, repeats), number))
        place = shared[order[np.searchsorted(number[order], most)]]
        among = np.full(len(found), -1, np.int64)
        among[most] = np.arange(len(most))
        kept = among[number] >= 0
        entry = np.repeat(np.arange(asked.nnz), repeats)
        return _Near(found[most], similarity[most], place, terms, among[number][kept], entry[kept])

    def _at_distance(self, near: _Near) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], F64]:
        """Where the items of sessions are, of which session, and what each counts there."""
        indptr, at = self._in_session.positions(near.sessions)
        session = np.repeat(np.arange(len(near.sessions)), np.diff(indptr))
        distance = self._model.steps[at] - near.place[session]
        return at, session, self._near[distance + _MIDDLE]


def _by_distance(half_life: float, backward: float) -> F64:
    """(511,) what an item counts at each distance in steps from the shared one, plus 255."""
    after = 1 / (1 + np.arange(_MIDDLE) / half_life)
    return np.concatenate((backward * after[::-1], [(1 + backward) / 2], after))


def _stacked(
    rows: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]], n_columns: int
) -> CSR:
    indptr = np.concatenate(([0], np.cumsum([len(items) for items, _ in rows], dtype=np.int64)))
    items = np.concatenate([np.empty(0, np.int32), *(items for items, _ in rows)])
    scores = np.concatenate([np.empty(0, np.float32), *(scores for _, scores in rows)])
    return CSR(indptr, items, n_columns, scores)
