"""A compressed sparse row matrix as three numpy arrays, nothing more.

The serving path reads histories and exclusions from memory-mapped arrays; this type keeps
scipy (0.2 s of import) off that path and converts to it where linear algebra needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import scipy.sparse


@dataclass(frozen=True, slots=True)
class CSR:
    """Rows of item ids, ascending and unique within a row.

    Attributes:
        indptr: (rows + 1,) int64, row r is `indices[indptr[r]:indptr[r + 1]]`.
        indices: (nnz,) int32 column ids.
        n_columns: number of columns.
        data: (nnz,) float32 values, or None where only the pattern matters.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    n_columns: int
    data: npt.NDArray[np.float32] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    @property
    def nnz(self) -> int:
        """Number of stored entries."""
        return len(self.indices)

    def row(self, r: int) -> npt.NDArray[np.int32]:
        """Column ids of row `r`; empty for r = -1 (an unknown user)."""
        if r < 0:
            return self.indices[:0]
        return self.indices[self.indptr[r] : self.indptr[r + 1]]

    def counts(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Entries in each of `rows` (n,); 0 for row -1."""
        safe = np.maximum(rows, 0)
        return np.where(rows >= 0, self.indptr[safe + 1] - self.indptr[safe], 0)

    def take(self, rows: npt.NDArray[np.integer]) -> CSR:
        """The given rows (n,) in that order, as a matrix of n rows; row -1 is empty.

        A contiguous run of rows is a view, so a batch over all users copies nothing.
        """
        n = len(rows)
        first = int(rows[0]) if n else 0
        if n and first >= 0 and int(rows[-1]) - first == n - 1 and bool((np.diff(rows) == 1).all()):
            low, high = int(self.indptr[first]), int(self.indptr[first + n])
            data = None if self.data is None else self.data[low:high]
            indptr = np.asarray(self.indptr[first : first + n + 1]) - low
            return CSR(indptr, self.indices[low:high], self.n_columns, data)
        indptr, positions = self.positions(rows)
        data = None if self.data is None else self.data[positions]
        return CSR(indptr, self.indices[positions], self.n_columns, data)

    def positions(
        self, rows: npt.NDArray[np.integer]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the entries of `rows` (n,) lie in `indices`, row after row; row -1 has none.

        Returns:
            indptr (n + 1,) of the rows taken, and positions (indptr[-1],).
        """
        counts = self.counts(rows)
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(counts, out=indptr[1:])
        starts = self.indptr[np.maximum(rows, 0)] - indptr[:-1]
        return indptr, np.arange(indptr[-1]) + np.repeat(starts, counts)

    def entries(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Row and column of every entry, each (nnz,)."""
        return np.repeat(np.arange(self.n_rows), np.diff(self.indptr)), self.indices

    def contains(
        self, rows: npt.NDArray[np.integer], columns: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.bool_]:
        """(n,) whether there is an entry at each of `rows` and `columns`, both (n,).

        Row -1 has none, and neither has a column that the matrix lacks.
        """
        asked, at = np.unique(rows, return_inverse=True)
        known_rows, known_columns = self.take(asked).entries()
        known = known_rows * self.n_columns + known_columns
        if not len(known):
            return np.zeros(len(rows), np.bool_)
        wanted = at * self.n_columns + columns
        nearest = known[np.minimum(np.searchsorted(known, wanted), len(known) - 1)]
        found: npt.NDArray[np.bool_] = nearest == wanted
        return found & (columns >= 0) & (columns < self.n_columns)

    @classmethod
    def from_pairs(
        cls,
        rows: npt.NDArray[np.integer],
        columns: npt.NDArray[np.integer],
        *,
        n_rows: int,
        n_columns: int,
    ) -> CSR:
        """Build from (row, column) pairs in any order; drops duplicates."""
        keys = np.sort(rows.astype(np.int64) * n_columns + columns)
        # np.unique hashes, which takes a hundred times as long.
        keys = keys[np.diff(keys, prepend=-1) > 0]
        starts = np.arange(n_rows + 1, dtype=np.int64) * n_columns
        indptr = np.searchsorted(keys, starts).astype(np.int64)
        return cls(indptr, (keys % max(n_columns, 1)).astype(np.int32), n_columns)

    @classmethod
    def from_rows(cls, rows: list[npt.NDArray[np.int32]], n_columns: int) -> CSR:
        """Build from one array of column ids per row; sorts and drops duplicates."""
        unique = [np.unique(np.asarray(r, np.int32)) for r in rows]
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(r) for r in unique], out=indptr[1:])
        indices = np.concatenate(unique) if unique else np.empty(0, np.int32)
        return cls(indptr, indices, n_columns)

    def to_scipy(self) -> scipy.sparse.csr_matrix:
        """The same matrix for scipy and implicit; a missing `data` becomes ones."""
        import scipy.sparse

        data = self.data if self.data is not None else np.ones(self.nnz, np.float32)
        return scipy.sparse.csr_matrix(
            (data, self.indices, self.indptr), shape=(self.n_rows, self.n_columns)
        )
