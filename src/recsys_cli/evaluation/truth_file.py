"""A test split given as a file with columns user and item, external ids; a `Truth` goes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
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


def truth_from_file(path: Path, *, users: IdTable, items: IdTable) -> Truth:
    """Read a test split.

    A user whom the dataset does not know is evaluated as a new one; an item that it does not
    know stays in the denominators as a miss. Both are counted and reported.

    Args:
        path: of any format that events may have.
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
    pairs = _read(path)
    gaps = pairs.filter(pl.any_horizontal(pl.col(USER, ITEM).is_null()))
    if len(gaps):
        raise DataError(
            counted(len(gaps), f"rows of the truth file {path} without a user or an item")
        )
    if pairs.is_empty():
        raise DataError(f"the truth file {path} has no rows")
    return pairs.unique(maintain_order=True)


def _read(path: Path) -> pl.DataFrame:
    """User and item of every row, read as raw events are; ids keep their zeros."""
    import polars as pl

    from recsys_cli.datasets.findings import Findings
    from recsys_cli.datasets.guess import AmbiguousError
    from recsys_cli.datasets.lists import chosen
    from recsys_cli.datasets.opening import open_raw
    from recsys_cli.datasets.roles import find_roles
    from recsys_cli.datasets.times import SAMPLE_ROWS

    findings = Findings("truth")
    with TemporaryDirectory(prefix="recsys-truth-") as scratch:
        raw = open_raw(path, "truth", findings, scratch=Path(scratch))
        if raw is None:
            raise DataError(f"cannot read the truth file {path}: {findings.failed[0].message}")
        try:
            own = {role: role for role in (USER, ITEM) if role in raw.usable}
            found = find_roles(raw.sample(SAMPLE_ROWS), own, named=raw.header)
            columns = found.columns
            if not raw.header and not columns:
                columns = dict(zip((USER, ITEM), raw.names, strict=False))
            lacking = [role for role in (USER, ITEM) if role not in columns]
            if not lacking:
                names = {columns[USER]: USER, columns[ITEM]: ITEM}
                rows = raw.scan_text(list(names)).rename(names)
                return (chosen(rows, ITEM, found.split) if found.split else rows).collect()
        except (pl.exceptions.PolarsError, OSError, EOFError) as error:
            raise DataError(f"cannot read the truth file {path}: {error}") from error
        except AmbiguousError as error:
            lacking = [str(error.args[0])]
    raise DataError(
        f"the truth file {path} has no column {' and '.join(lacking)}; "
        f"its columns are {', '.join(raw.names)}",
        hint="it needs columns user and item, holding ids as in the raw files",
    )
