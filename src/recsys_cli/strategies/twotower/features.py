"""What users and items are, as numbers that do not change with time.

The items' content vectors reduced to few dimensions, and columns of the tables as codes. The
reduction is linear and keeps inner products as well as any of its size can, so it commutes with
the means that users' vectors are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

Vectors = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a table as codes.

    Attributes:
        names: of the columns.
        codes: (rows, columns) int32; 0 for a value that is missing or rare.
        values: what codes 1 and up stand for, by column.
    """

    names: tuple[str, ...]
    codes: Codes
    values: tuple[tuple[str, ...], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes by column, 0 included."""
        return tuple(len(values) + 1 for values in self.values)


def column_codes(
    table: pl.DataFrame | None, names: Sequence[str], *, n: int, most: int, fewest: int = 2
) -> Columns:
    """Code the columns of a table.

    Args:
        table: rows in the order of ids, with these columns; None for no columns.
        names: columns; those that the table lacks, or of a single value, are left out.
        n: number of rows.
        most: codes per column; the most frequent values get one.
        fewest: rows that a value needs to get a code.
    """
    import polars as pl

    found: dict[str, tuple[str, ...]] = {}
    for name in names if table is not None else ():
        if table is None or name not in table.columns:
            continue
        text = table[name].cast(pl.String)
        counts = text.drop_nulls().value_counts(name="n").filter(pl.col("n") >= fewest)
        kept = counts.sort(["n", name], descending=[True, False])[name].head(most).to_list()
        if len(kept) >= 2 or text.null_count():  # noqa: PLR2004
            found[name] = tuple(kept)
    return coded(table, found, n=n)


def coded(table: pl.DataFrame | None, values: Mapping[str, Sequence[str]], *, n: int) -> Columns:
    """The columns of a table in codes that are known; values without one are unknown.

    Args:
        table: rows in the order of ids; columns that it lacks are unknown everywhere.
        values: what codes 1 and up stand for, by column.
        n: number of rows.
    """
    import polars as pl

    codes = np.zeros((n, len(values)), np.int32)
    for at, (name, kept) in enumerate(values.items()):
        if table is None or name not in table.columns:
            continue
        of_rows = (
            table[name]
            .cast(pl.String)
            .replace_strict(
                pl.Series(kept, dtype=pl.String),
                pl.Series(np.arange(1, len(kept) + 1, dtype=np.int32)),
                default=0,
                return_dtype=pl.Int32,
            )
        )
        codes[:, at] = of_rows.fill_null(0).to_numpy()
    return Columns(tuple(values), codes, tuple(tuple(kept) for kept in values.values()))


@dataclass(frozen=True, slots=True)
class Reduction:
    """A linear map to fewer dimensions that keeps inner products as well as any of its size can.

    Onto the leading right singular vectors of what tells the vectors that it was made for from
    each other: what they have in common is taken out first.

    Attributes:
        mean: (d,) float32.
        basis: (d, c) float32; signs are fixed so that equal input gives equal output.
    """

    mean: Vectors
    basis: Vectors

    @classmethod
    def of(cls, content: Vectors, *, dim: int) -> Reduction:
        """Made for the rows of `content` (n, d) that are not all zeros, to at most `dim`."""
        vectors = np.asarray(content[np.any(content, axis=1)], np.float32)
        mean = np.zeros(content.shape[1], np.float32)
        if len(vectors):
            mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        vectors = vectors - mean
        values, basis = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
        keep = np.flatnonzero(values > values.max(initial=0) * 1e-9)[::-1][:dim]
        basis = basis[:, keep]
        if basis.size:
            basis *= np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])])
        return cls(mean, np.ascontiguousarray(basis, np.float32))

    def apply(self, content: Vectors) -> Vectors:
        """(n, c) float32 of unit length; zeros for rows of zeros, items without content."""
        out = np.zeros((len(content), self.basis.shape[1]), np.float32)
        rows = np.flatnonzero(np.any(content, axis=1))
        out[rows] = (np.asarray(content[rows], np.float32) - self.mean) @ self.basis
        length = np.linalg.norm(out, axis=1, keepdims=True)
        np.divide(out, length, out=out, where=length > 0)
        return out


def one_hot(columns: Columns, rows: npt.NDArray[np.integer], *, most: int) -> Vectors:
    """(rows, codes) float32 of some rows, one column per code but 0, at most `most` per column."""
    codes = columns.codes[rows]
    parts = [np.zeros((len(rows), 0), np.float32)]
    for column, size in enumerate(columns.sizes):
        wanted = np.arange(1, min(size, most + 1))
        parts.append((codes[:, column, None] == wanted).astype(np.float32))
    return np.concatenate(parts, axis=1)


def ridge(inputs: Vectors, targets: Vectors, *, penalty: float) -> Vectors:
    """Weights (1 + inputs, targets) float32 of the linear map with the least squared error.

    The first row is the constant, which is not penalised. Maps attributes to the factors of
    items that have no events (Gantner et al., ICDM 2010).
    """
    x = np.concatenate([np.ones((len(inputs), 1), np.float32), inputs], axis=1)
    left = x.T.astype(np.float64) @ x
    left[np.arange(1, len(left)), np.arange(1, len(left))] += penalty
    left[0, 0] += 1e-9
    right = x.T.astype(np.float64) @ targets
    return np.linalg.solve(left, right).astype(np.float32)
