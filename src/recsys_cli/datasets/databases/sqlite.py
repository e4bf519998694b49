"""SQLite: a file, whose rows are written out as text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recsys_cli.datasets.databases.base import CORRECT, Database, check_columns, said, to_parquet
from recsys_cli.errors import ConfigError

_BATCH = 50_000


@contextmanager
def open_sqlite(path: Path) -> Iterator[Database]:
    """A database in a file; raises as `databases.opened`."""
    import sqlite3

    where = f"file:{quote(str(path.resolve()))}?mode=ro"
    with closing(sqlite3.connect(where, uri=True, isolation_level=None)) as connection:
        # Some databases hold text of other encodings, which the checks tell of.
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.execute("begin")
        reading = (
            sqlite3.SQLITE_SELECT,
            sqlite3.SQLITE_READ,
            sqlite3.SQLITE_FUNCTION,
            sqlite3.SQLITE_RECURSIVE,
        )
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in reading else sqlite3.SQLITE_DENY
        )
        yield _Sqlite(connection)


def _names(cursor: Any) -> list[str]:
    return [column[0] for column in cursor.description or ()]


class _Sqlite:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import sqlite3

        try:
            yield
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise ConfigError(f"the database says: {said(error)}", hint=CORRECT) from None

    def cell(self, query: str) -> str:
        with self._errors():
            cursor = self._connection.execute(query)
            check_columns(_names(cursor)[:1])
            row = cursor.fetchone()
        return "" if row is None else str(row[0])

    def write(self, query: str, path: Path) -> None:
        rows, floats, words = path.with_suffix(".csv"), set[str](), set[str]()
        with self._errors(), rows.open("w", encoding="utf-8", newline="") as file:
            cursor = self._connection.execute(query)
            names = _names(cursor)
            check_columns(names)
            out = csv.writer(file)
            out.writerow(names)
            while batch := cursor.fetchmany(_BATCH):
                for name, cells in zip(names, zip(*batch, strict=True), strict=True):
                    kinds = set(map(type, cells))
                    check_columns(names, [name] if bytes in kinds else ())
                    floats |= {name} if float in kinds else set()
                    words |= {name} if str in kinds else set()
                out.writerows(batch)
        to_parquet(rows, path, sorted(floats - words))
