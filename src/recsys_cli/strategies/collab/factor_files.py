"""Reading one file of factors, CSV or Parquet, into ids and a matrix; see `factors`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.counted import counted
from recsys_cli.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Ids = npt.NDArray[np.int64]
Factors = npt.NDArray[np.float32]

_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_ID = "id"
_FEATURES = "features"
_LAYOUT = "a factor file has the columns id, f0, f1, …, or (Parquet) id and features"


def factor_files(path: Path) -> list[Path]:
    """The file itself, or the part files of a folder in the order of their names.

    Raises:
        DataError: nothing there, or a folder without the _SUCCESS of a finished job.
    """
    if path.is_file():
        if not path.name.endswith(_SUFFIXES):
            raise DataError(f"{path} is neither .csv, .csv.gz nor .parquet")
        return [path]
    return part_files(path, _SUFFIXES)


def part_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The part files of a Spark job's folder in the order of their names.

    Raises:
        DataError: nothing there, or a folder without the _SUCCESS of a finished job.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} does not exist")
    check_finished(folder)
    # Spark marks what is not data with a leading _ or a dot.
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.name[0] not in "_.")
    files = [f for f in files if f.name.endswith(suffixes)]
    if not files:
        raise DataError(f"{folder} holds no {' or '.join(suffixes)} files")
    return files


def check_finished(folder: Path) -> None:
    """Refuse what a job that was killed left: Spark writes _SUCCESS when all parts are there.

    Raises:
        DataError: there is no _SUCCESS.
    """
    if (folder / "_SUCCESS").exists():
        return
    if (folder / "_temporary").exists():
        raise DataError(
            f"{folder} is the output of a Spark job that did not finish",
            hint="let the job finish: it then leaves a file _SUCCESS there",
        )
    raise DataError(
        f"{folder} has no _SUCCESS, which Spark writes when all parts of a folder are there",
        hint=f"copy it again; if you know that nothing is missing: touch {folder}/_SUCCESS",
    )


def read_part(file: Path) -> tuple[Ids, Factors]:
    """Ids (n,) int64 and factors (n, f) float32 of one file; n may be 0.

    Raises:
        DataError: wrong columns, ids that are no integers, factors that are not finite numbers
            or not of one length.
    """
    import polars as pl

    try:
        table = _read_parquet(file) if file.suffix == ".parquet" else _read_csv(file)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{file} cannot be read: {error}") from None
    if table is None or table.is_empty():
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    ids = table[_ID]
    if not ids.dtype.is_integer():
        raise DataError(f"{file}: ids are {ids.dtype}, not integers, such as {ids[0]!r}")
    if ids.null_count():
        row = int(ids.is_null().arg_max() or 0)
        raise DataError(
            f"{file}: {counted(ids.null_count(), 'rows have')} no id, such as row {row + 1}"
        )
    factors = _matrix(file, table)
    _check_finite(file, ids, factors)
    return ids.cast(pl.Int64).to_numpy(), factors


def _factor_columns(file: Path, columns: list[str]) -> list[str]:
    """The columns f0, f1, … in that order."""
    numbers = sorted(int(c[1:]) for c in columns if re.fullmatch(r"f\d+", c))
    wanted = [f"f{number}" for number in numbers]
    if _ID not in columns or not wanted or numbers != list(range(len(numbers))):
        raise DataError(f"{file} has the columns {', '.join(columns[:8])}", hint=_LAYOUT)
    unknown = set(columns) - {_ID, *wanted}
    if unknown:
        raise DataError(f"{file} has unknown columns: {', '.join(sorted(unknown))}", hint=_LAYOUT)
    return wanted


def _read_csv(file: Path) -> pl.DataFrame | None:
    import polars as pl

    try:
        header = pl.read_csv(file, n_rows=0).columns
    except pl.exceptions.NoDataError:
        return None
    wanted = _factor_columns(file, header)
    types: dict[str, type[pl.DataType]] = {_ID: pl.Int64, **dict.fromkeys(wanted, pl.Float32)}
    try:
        return pl.read_csv(file, schema_overrides=types)
    except pl.exceptions.ComputeError:
        _explain(file, types)
        raise


def _explain(file: Path, types: dict[str, type[pl.DataType]]) -> None:
    """Name the first value that is not of its column's type, if that is what is wrong."""
    import polars as pl

    table = pl.read_csv(file, infer_schema=False)
    for name, wanted in types.items():
        text = table[name]
        wrong = text.cast(wanted, strict=False).is_null() & text.is_not_null()
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            kind = "whole number" if name == _ID else "number"
            raise DataError(
                f"{file}: {counted(int(wrong.sum()), f'values in column {name} are')} no {kind},"
                f" such as {text[row]!r} in row {row + 1}"
            )


def _read_parquet(file: Path) -> pl.DataFrame:
    import polars as pl

    columns = list(pl.read_parquet_schema(file))
    if _FEATURES not in columns:
        return pl.read_parquet(file, columns=[_ID, *_factor_columns(file, columns)])
    if _ID not in columns:
        raise DataError(f"{file} has the columns {', '.join(columns[:8])}", hint=_LAYOUT)
    return pl.read_parquet(file, columns=[_ID, _FEATURES])


def _matrix(file: Path, table: pl.DataFrame) -> Factors:
    import polars as pl

    if _FEATURES not in table.columns:
        columns = table.select(pl.col(_factor_columns(file, table.columns)).cast(pl.Float32))
        return columns.to_numpy(order="c")
    features = table[_FEATURES]
    if not isinstance(features.dtype, pl.List | pl.Array):
        raise DataError(f"{file}: features are {features.dtype}, not lists of numbers")
    inner = features.dtype.inner
    if not inner.is_numeric():
        raise DataError(f"{file}: features are lists of {inner}, not of numbers")
    lists = features.cast(pl.List(pl.Float32), strict=False)
    lengths = lists.list.len().fill_null(0)
    rank = int(lengths[0])
    differing = table[_ID].filter((lengths != rank) | (lengths == 0))
    if len(differing):
        raise DataError(
            f"{file}: {counted(len(differing), 'rows have')} no features or not {rank} as the"
            f" first, such as id {differing[0]}"
        )
    return lists.explode().to_numpy().reshape(len(table), rank)


def _check_finite(file: Path, ids: pl.Series, factors: Factors) -> None:
    # Without a mask of the matrix's size: the sum of finite numbers is finite in float64.
    sums = factors.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(sums))
    if len(wrong):
        raise DataError(
            f"{file}: {counted(len(wrong), 'rows have')} factors that are empty, NaN or infinite,"
            f" such as id {ids[int(wrong[0])]}"
        )
