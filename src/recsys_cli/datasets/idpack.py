"""Id tables from columns of a million strings, without a Python object for each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_cli.store.idtable import IdTable, byte_prefixes

# Strings that share their first bytes are ordered one by one, up to this share of all.
_MAX_TIED = 0.1


def id_table(strings: pl.Series, *, search: bool) -> IdTable:
    """What `IdTable.from_strings` makes of the same strings."""
    offsets = np.zeros(len(strings) + 1, np.int64)
    np.cumsum(strings.str.len_bytes().to_numpy(), out=offsets[1:])
    joined = strings.str.join("").item() if len(strings) else ""
    data = np.frombuffer(joined.encode(), np.uint8)
    order = None
    if search:
        order = _byte_order(strings, offsets, data)
    return IdTable(offsets, data, order)


def _byte_order(
    strings: pl.Series, offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int32]:
    """Rows in ascending byte order: by the first bytes as one number, ties in full."""
    prefix = byte_prefixes(offsets, data)
    order = np.argsort(prefix).astype(np.int32)
    ranked = prefix[order]
    same = np.flatnonzero(ranked[1:] == ranked[:-1])
    if len(same) > _MAX_TIED * len(strings):
        return strings.arg_sort().cast(pl.Int32).to_numpy()
    starts = same[np.diff(same, prepend=-2) > 1]
    ends = same[np.diff(same, append=len(strings) + 2) > 1] + 2
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        tied = order[start:end].tolist()
        texts = {row: data[offsets[row] : offsets[row + 1]].tobytes() for row in tied}
        order[start:end] = sorted(tied, key=texts.__getitem__)
    return order
