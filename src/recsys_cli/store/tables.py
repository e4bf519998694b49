"""Reads the tables among the artifacts; what is no such table is told as an error of ours."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.errors import ArtifactError, Command, is_panic

if TYPE_CHECKING:
    import polars as pl


def read_table(path: Path, columns: Collection[str] | None = None) -> pl.DataFrame:
    """A Parquet table, or some of its columns.

    Raises:
        ArtifactError: it is damaged, or lacks one of the columns.
    """
    import polars as pl

    with told(path):
        return pl.read_parquet(path, columns=list(columns) if columns is not None else None)


def column_names(path: Path) -> list[str]:
    """Names of a Parquet table's columns; raises as `read_table`."""
    import polars as pl

    with told(path):
        return list(pl.read_parquet_schema(path))


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Tell what polars says of the table at `path` as an error of ours."""
    import polars as pl

    try:
        yield
    except BaseException as error:
        # A panic of polars is no Exception.
        if not isinstance(error, pl.exceptions.PolarsError | OSError) and not is_panic(error):
            raise
        raise ArtifactError(
            f"{path} is no table of its kind ({type(error).__name__})",
            hint=Command("ingest", "--force"),
        ) from None
