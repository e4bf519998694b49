"""Factors trained elsewhere: files of Spark's ALS come in, `AlsFactors` in our rows go out.

Two layouts are read, each as one file or as a folder of part files: CSV with the header
`id,f0,f1,…` (also gzipped), and what Spark itself writes, Parquet with an integer `id` and a
list or array `features`. Nothing is guessed about a file that does not fit: each check says
which file, how many rows and one example.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_cli.counted import counted
from recsys_cli.errors import DataError
from recsys_cli.store.idtable import IdTable
from recsys_cli.strategies.collab.als import AlsFactors, Factors, Known
from recsys_cli.strategies.collab.factor_files import factor_files, read_part
from recsys_cli.strategies.collab.idmaps import IdMap


@dataclass(frozen=True, slots=True)
class FactorsReport:
    """What one set of factor files held.

    Attributes:
        files: files read.
        rank: dimension of the factors.
        rows: rows of our table that got factors.
        missing: rows of our table that did not.
        foreign: factors of ids that our table does not have (only with an id map).
    """

    files: int
    rank: int
    rows: int
    missing: int
    foreign: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How much of both tables got factors."""

    users: FactorsReport
    items: FactorsReport

    def __str__(self) -> str:
        def part(what: str, report: FactorsReport) -> str:
            foreign = f", {report.foreign:,} of unknown {what} left out" if report.foreign else ""
            return f"{report.rows:,} of {report.rows + report.missing:,} {what}{foreign}"

        return (
            f"{counted(self.users.rank, 'factors')} for {part('users', self.users)}"
            f" and {part('items', self.items)}"
        )


def import_factors(
    users_path: Path,
    items_path: Path,
    *,
    user_ids: IdTable,
    item_ids: IdTable,
    regularization: float,
    alpha: float,
    scale_by_count: bool = True,
    id_map: IdMap | None = None,
    users_fingerprint: str | None = None,
    items_fingerprint: str | None = None,
) -> tuple[AlsFactors, ImportReport]:
    """Read both sides and check that they fit each other and our tables.

    Args:
        users_path: file or folder of user factors.
        items_path: file or folder of item factors.
        user_ids: our users.
        item_ids: our items.
        regularization: λ they were trained with, for folding in new users.
        alpha: α they were trained with.
        scale_by_count: whether λ was multiplied by the number of a user's items, as Spark does.
        id_map: the numbering the factors were trained in. With fingerprints it must be ours;
            with the ids themselves the factors are moved to our rows. None means ours.
        users_fingerprint: of `user_ids`; computed if missing.
        items_fingerprint: of `item_ids`; computed if missing.

    Raises:
        DataError: naming the file, the number of rows and an example.
    """
    user_rows = item_rows = None
    if id_map is not None:
        id_map.check(
            users_fingerprint or user_ids.fingerprint(), items_fingerprint or item_ids.fingerprint()
        )
        user_rows = id_map.rows("user", user_ids)
        item_rows = id_map.rows("item", item_ids)
    users, user_known, of_users = read_factors(
        users_path, n_rows=len(user_ids), what="user", rows=user_rows
    )
    items, item_known, of_items = read_factors(
        items_path, n_rows=len(item_ids), what="item", rows=item_rows
    )
    if of_users.rank != of_items.rank:
        raise DataError(
            f"{users_path} has {counted(of_users.rank, 'factors')} per user,"
            f" {items_path} {of_items.rank} per item",
            hint="take both from the same training run",
        )
    factors = AlsFactors(
        user_factors=users,
        item_factors=items,
        user_known=user_known,
        item_known=item_known,
        regularization=regularization,
        alpha=alpha,
        origin="import",
        scale_by_count=scale_by_count,
    )
    return factors, ImportReport(of_users, of_items)


def read_factors(
    path: Path,
    *,
    n_rows: int,
    what: str,
    rows: npt.NDArray[np.int64] | None = None,
) -> tuple[Factors, Known, FactorsReport]:
    """Read the factors of one side into the rows of our table.

    Args:
        path: one file, or a folder of part files.
        n_rows: size of our table.
        what: "user" or "item", for messages.
        rows: (ids,) our row of each id in the files, -1 where we have none; None means that the
            ids are our rows.

    Returns:
        factors (n_rows, f) float32 with zero rows where there are none, which rows are known
        (n_rows,) bool, and what was found.

    Raises:
        DataError: see the module; also when no row of ours gets factors.
    """
    factors: Factors | None = None
    seen = np.zeros(n_rows if rows is None else len(rows), np.bool_)
    files = factor_files(path)
    for file in files:
        ids, part = read_part(file)
        if not len(ids):
            continue
        _check_ids(file, ids, seen, what)
        if factors is None:
            factors = np.zeros((n_rows, part.shape[1]), np.float32)
        elif factors.shape[1] != part.shape[1]:
            raise DataError(
                f"{file} has {counted(part.shape[1], 'factors')} per {what},"
                f" the files before it {factors.shape[1]}"
            )
        target = ids if rows is None else rows[ids]
        if (target < 0).any():
            part, target = part[target >= 0], target[target >= 0]
        factors[target] = part
    if factors is None:
        raise DataError(f"{path} holds no factors")
    known = seen if rows is None else np.isin(np.arange(n_rows), rows[seen])
    n_known = int(known.sum())
    if not n_known:
        raise DataError(
            f"none of the {counted(int(seen.sum()), f'{what}s')} in {path} is in this dataset",
            hint="check that the factors and the id map belong to this dataset",
        )
    foreign = int(seen.sum()) - n_known
    report = FactorsReport(len(files), factors.shape[1], n_known, n_rows - n_known, foreign)
    return factors, known, report


def _check_ids(file: Path, ids: npt.NDArray[np.int64], seen: Known, what: str) -> None:
    """Refuse ids out of range or met before, and note the new ones in `seen`."""
    outside = ids[(ids < 0) | (ids >= len(seen))]
    if len(outside):
        raise DataError(
            f"{file}: {counted(len(outside), f'{what} ids are')} outside 0 to {len(seen) - 1},"
            f" such as {outside[0]}",
            hint="check that users and items are not swapped, and that the factors were trained"
            " on this dataset's `recsys als export`",
        )
    times = np.bincount(ids, minlength=len(seen))
    twice = (times > 1) | (seen & (times > 0))
    if twice.any():
        raise DataError(
            f"{file}: {counted(int(twice.sum()), f'{what} ids are')} there more than once,"
            f" such as {int(np.flatnonzero(twice)[0])}"
        )
    seen[ids] = True
