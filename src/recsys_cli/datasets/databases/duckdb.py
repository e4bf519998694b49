"""DuckDB: a file, whose rows it writes as Parquet itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from recsys_cli.datasets.databases.base import CORRECT, Database, bare, check_columns, said
from recsys_cli.errors import ConfigError, DataError, missing_library

_NOTHING_LOADED = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
_KEPT = re.compile(r"(U?(TINY|SMALL|BIG)INT|U?INTEGER|FLOAT|DOUBLE|DATE|TIMESTAMP.*|.*\[\d*\])$")
"""Types that a Parquet file holds as they are; others are written as text."""


@contextmanager
def open_duckdb(path: Path) -> Iterator[Database]:
    """A database in a file; raises as `databases.opened`."""
    try:
        import duckdb
    except ImportError:
        raise missing_library("DuckDB", "duckdb", extra="sql") from None
    try:
        connection = duckdb.connect(str(path), read_only=True, config=_NOTHING_LOADED)
    except duckdb.Error as error:
        raise DataError(f"cannot open {path}: {said(error)}", hint=CORRECT) from None
    with closing(connection):
        connection.execute("begin transaction")
        yield _Duckdb(connection)


class _Duckdb:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def _run(self, query: str) -> Any:
        import duckdb

        try:
            return self._connection.execute(query)
        except duckdb.Error as error:
            words = said(error).partition(" LINE 1:")[0]
            raise ConfigError(f"the database says: {words}", hint=CORRECT) from None

    def _checked(self, query: str) -> str:
        import duckdb

        with suppress(duckdb.Error):
            # What cannot be read is told of where it is run.
            found = self._connection.extract_statements(query)
            if [each.type for each in found] != [duckdb.StatementType.SELECT]:
                raise ConfigError("sql has to be one query", hint=CORRECT)
        return bare(query)

    def cell(self, query: str) -> str:
        row = self._run(self._checked(query)).fetchone()
        return "" if row is None else str(row[0])

    def write(self, query: str, path: Path) -> None:
        query = self._checked(query)
        given = self._run(f"describe ({query}\n)").fetchall()
        types = {row[0]: row[1] for row in given}
        names = [row[0] for row in given]
        check_columns(names, [name for name in names if types[name] == "BLOB"])
        columns = ", ".join(
            name if _KEPT.match(types[each]) else f"cast({name} as varchar) as {name}"
            for each, name in ((name, '"' + name.replace('"', '""') + '"') for name in names)
        )
        where = str(path).replace("'", "''")
        copied = f"copy (select {columns} from ({query}\n)) to '{where}' (format parquet)"  # noqa: S608
        self._run(copied)
