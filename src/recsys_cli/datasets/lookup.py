"""Rows by external id, for millions of ids at once and in the order they come.

Ids are compared by two 64-bit hashes. The sorted first hashes are entered through a table indexed
by their leading bits, so that a look-up is a few cache misses; the second hash confirms it. Unlike
a join this keeps a stream's order for free.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_cli.errors import DataError

_SEED_KEY, _SEED_CHECK = 0, 7
_MIN_BITS, _MAX_BITS = 8, 28


class RowLookup:
    """Maps ids to rows, vectorised.

    Attributes:
        first: (2^bits + 1,) int32, where hashes with these leading bits start in `keys`.
        keys: (n + 1,) uint64 first hashes, ascending, ended by a sentinel.
        checks: (n + 1,) uint64 second hashes in the same order.
        rows: (n + 1,) int32 rows in the same order; -1 for the sentinel.
    """

    def __init__(self, ids: pl.Series) -> None:
        """Index `ids` (n,) by row.

        Raises:
            DataError: two ids share their first hash.
        """
        hashes = ids.hash(_SEED_KEY).to_numpy()
        order = np.argsort(hashes)
        sorted_keys = hashes[order]
        if len(ids) > 1 and bool((sorted_keys[1:] == sorted_keys[:-1]).any()):
            raise DataError("two different ids have the same 64-bit hash")
        self.keys = np.append(sorted_keys, np.uint64(2**64 - 1))
        self.checks = np.append(ids.hash(_SEED_CHECK).to_numpy()[order], np.uint64(0))
        self.rows = np.append(order.astype(np.int32), np.int32(-1))
        bits = min(max(_MIN_BITS, (2 * len(ids)).bit_length()), _MAX_BITS)
        self._shift = np.uint64(64 - bits)
        starts = np.arange(1 << bits, dtype=np.uint64) << self._shift
        self.first = np.searchsorted(sorted_keys, starts).astype(np.int32)

    def expr(self, text: pl.Expr) -> pl.Expr:
        """The int32 row of each id in `text`; null for an id without one."""
        hashes = pl.struct(text.hash(_SEED_KEY).alias("key"), text.hash(_SEED_CHECK).alias("check"))
        return hashes.map_batches(self._find, return_dtype=pl.Int32, is_elementwise=True)

    def _find(self, hashes: pl.Series) -> pl.Series:
        key: npt.NDArray[np.uint64] = hashes.struct.field("key").to_numpy()
        check = hashes.struct.field("check").to_numpy()
        at = self.first.take((key >> self._shift).astype(np.int64))
        behind = np.flatnonzero(self.keys.take(at) < key)
        while len(behind):
            at[behind] += 1
            behind = behind[self.keys.take(at[behind]) < key[behind]]
        found = (self.keys.take(at) == key) & (self.checks.take(at) == check)
        rows = pl.Series(self.rows.take(at))
        if found.all():
            return rows
        return pl.select(pl.when(pl.Series(found)).then(rows)).to_series()
