"""Tables from queries: each becomes a Parquet file, written as the rows come.

All queries of one database are read in one transaction, so that they agree, and the transaction can
only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_cli.config.sources import SERVERS, SqlConfig
from recsys_cli.datasets.databases.base import CORRECT, Database
from recsys_cli.datasets.databases.duckdb import open_duckdb
from recsys_cli.datasets.databases.postgres import open_postgres
from recsys_cli.datasets.databases.sqlite import open_sqlite
from recsys_cli.errors import DataError


@contextmanager
def opened(source: SqlConfig, workspace: Path) -> Iterator[Database]:
    """The database of a source.

    Raises:
        UsageError: what reads it is not installed, or the URL cannot be read.
        DataError: it is not there, or does not let one in.
    """
    if source.scheme in SERVERS:
        with open_postgres(source.url) as server:
            yield server
        return
    path = workspace / (source.file or "")
    if not path.is_file():
        raise DataError(f"there is no database {path}", hint=CORRECT)
    with (open_sqlite if source.scheme == "sqlite" else open_duckdb)(path) as file:
        yield file
