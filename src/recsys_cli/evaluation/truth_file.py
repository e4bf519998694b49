"""A test split given as a file with columns user and item, external ids; a `Truth` goes out."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, USER
from recsys_cli.counted import counted
from recsys_cli.errors import DataError
from recsys_cli.evaluation.truth import TRUTH_FILE, Truth
from recsys_cli.store.idtable import IdTable

if TYPE_CHECKING:
    import polars as pl

_SEPARATORS = "\t;|"
"""What may stand in a header instead of a comma."""


def truth_from_file(path: Path, *, users: IdTable, items: IdTable) -> Truth:
    """Read a test split.

    A user whom the dataset does not know is evaluated as a new one; an item that it does not
    know stays in the denominators as a miss. Both are counted and reported.

    Args:
        path: CSV, TSV, Parquet or JSON lines; text files may be gzipped.
        users: external ids of users.
        items: external ids of items.

    Raises:
        DataError: the file is missing, empty, unreadable or lacks a column.
    """
    pairs = _read_pairs(path)
    user_rows, strangers = _rows_of(pairs[USER], users)
    item_rows, missing = _rows_of(pairs[ITEM], items)
    truth = Truth.from_pairs(
        user_rows, item_rows, n_columns=len(items) + len(missing), protocol=TRUTH_FILE
    )
    counts = {"unknown_users": len(strangers), "unknown_items": len(missing)}
    warnings = []
    if strangers:
        warnings.append(
            f"the dataset does not know {len(strangers)} of the truth file's users, such as "
            f"{strangers[0]!r}; they are evaluated as new users"
        )
    if missing:
        warnings.append(
            f"the dataset does not know {len(missing)} of the truth file's items, such as "
            f"{missing[0]!r}; they count as misses"
        )
    known = np.where(truth.users < len(users), truth.users, -1).astype(np.int32)
    return replace(truth, users=known, counts={**truth.counts, **counts}, warnings=tuple(warnings))


def _rows_of(ids: pl.Series, table: IdTable) -> tuple[npt.NDArray[np.int64], list[str]]:
    """(n,) row of each id, and the ids that `table` lacks; these get the rows after its last."""
    import polars as pl

    known = pl.DataFrame({"id": table.to_list(), "row": np.arange(len(table))})
    distinct = pl.DataFrame({"id": ids.unique(maintain_order=True)})
    new = distinct.join(known, on="id", how="anti", maintain_order="left")
    codes = pl.DataFrame({"id": new["id"], "row": np.arange(len(new)) + len(table)})
    found = pl.DataFrame({"id": ids}).join(
        pl.concat([known, codes]), on="id", how="left", maintain_order="left"
    )
    return found["row"].to_numpy(), new["id"].to_list()


def _read_pairs(path: Path) -> pl.DataFrame:
    """Distinct user and item as strings."""
    import polars as pl

    if not path.is_file():
        raise DataError(f"the truth file {path} does not exist")
    try:
        frame = _read(path)
    except (pl.exceptions.PolarsError, OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the truth file {path}: {error}") from error
    lacking = [column for column in (USER, ITEM) if column not in frame.columns]
    if lacking:
        raise DataError(
            f"the truth file {path} has no column {' and '.join(lacking)}; "
            f"its columns are {', '.join(frame.columns)}",
            hint="it needs columns user and item, holding ids as in the raw files",
        )
    pairs = frame.select(pl.col(USER, ITEM).cast(pl.String))
    gaps = pairs.filter(pl.any_horizontal(pl.col(USER, ITEM).is_null()))
    if len(gaps):
        raise DataError(
            counted(len(gaps), f"rows of the truth file {path} without a user or an item")
        )
    if pairs.is_empty():
        raise DataError(f"the truth file {path} has no rows")
    return pairs.unique(maintain_order=True)


def _read(path: Path) -> pl.DataFrame:
    """The whole table; text columns stay strings, so that ids keep their zeros."""
    import polars as pl

    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".parquet" in suffixes:
        return pl.read_parquet(path)
    if {".jsonl", ".ndjson"} & set(suffixes):
        return pl.read_ndjson(path, infer_schema_length=None)
    opener = gzip.open if ".gz" in suffixes else open
    with opener(path, "rt", encoding="utf-8-sig") as file:
        header = file.readline()
    separator = max(_SEPARATORS, key=header.count)
    if not header.count(separator):
        separator = ","
    return pl.read_csv(path, separator=separator, infer_schema=False)
