"""PostgreSQL: the server writes the rows out as text, so ids and times are what it shows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.config.sources import filled_in, without_filled_in, without_secrets
from recsys_cli.datasets.databases.base import (
    CORRECT,
    Database,
    bare,
    check_columns,
    said,
    to_parquet,
)
from recsys_cli.errors import ConfigError, DataError, missing_library

if TYPE_CHECKING:
    import psycopg

_SECONDS = 15
"""How long a server may take to answer at all."""
_FLOATS, _BYTES = (700, 701), 17
"""What PostgreSQL numbers its types float4, float8 and bytea."""
_WRONG_QUERY = "42"
"""Class of SQLSTATE of what is wrong with a query: its syntax, names and rights."""
_HOST = re.compile(r"(\[[\da-fA-F:.%]*\]|[^:@\[\]]*)(:\d*)?")


@contextmanager
def open_postgres(url: str) -> Iterator[Database]:
    """A server's database; raises as `databases.opened`."""
    try:
        import psycopg
    except ImportError:
        raise missing_library("PostgreSQL", "psycopg", extra="sql") from None
    shown, address = without_secrets(url), filled_in(url)
    _check_address(address, shown)
    try:
        given = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        raise _unreadable(shown) from None
    patience = {} if "connect_timeout" in given else {"connect_timeout": _SECONDS}
    if "PGCONNECT_TIMEOUT" in os.environ:
        patience = {}
    try:
        connection = psycopg.connect(address, application_name="recsys", **patience)
    except psycopg.Error as error:
        why = without_filled_in(said(error, str(given.get("password") or "")), url)
        hint = "see that it runs and lets you in; a password can be in PGPASSWORD or ~/.pgpass"
        raise DataError(f"cannot connect to {shown}: {why}", hint=hint) from None
    with closing(connection):
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        server = _Postgres(connection)
        with server.errors():
            # The first query fixes what is seen, and that nothing can be written.
            connection.execute(
                "select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true), "
                "set_config('client_encoding', 'UTF8', true)"
            )
        yield server


def _check_address(address: str, shown: str) -> None:
    """Refuse a URL that libpq would read otherwise than it is meant, and tell of in its errors."""
    authority, _, path = address.partition("://")[2].partition("?")[0].partition("/")
    login, _, hosts = authority.rpartition("@")
    if "@" in login + path or not all(map(_HOST.fullmatch, hosts.split(","))):
        raise _unreadable(shown)


def _unreadable(shown: str) -> ConfigError:
    return ConfigError(
        f"the url {shown} cannot be read",
        hint="in user and password, write %40 for @, %2F for /, %3A for :, %23 for # and %3F for ?",
    )


class _Postgres:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            why = error.diag.message_primary or said(error)
            if (error.sqlstate or "").startswith(_WRONG_QUERY):
                raise ConfigError(f"the database says: {why}", hint=CORRECT) from None
            raise DataError(f"the database says: {why}", hint=CORRECT) from None

    def _described(self, query: str) -> dict[str, int]:
        """The columns of what a query gives, and their types.

        That it is one statement is for the server to see.
        """
        from psycopg import errors, pq

        server = self._connection.pgconn
        done = server.prepare(b"", query.encode())
        if done.status == pq.ExecStatus.COMMAND_OK:
            done = server.describe_prepared(b"")
        if done.status != pq.ExecStatus.COMMAND_OK:
            raise errors.error_from_result(done)
        names = [done.fname(place).decode() for place in range(done.nfields)]
        check_columns(names)
        return {name: done.ftype(place) for place, name in enumerate(names)}

    def cell(self, query: str) -> str:
        with self.errors():
            self._described(query)
            row = self._connection.execute(query, prepare=True).fetchone()
        return "" if row is None else str(row[0])

    def write(self, query: str, path: Path) -> None:
        query, rows = bare(query), path.with_suffix(".csv")
        with self.errors():
            columns = self._described(query)
            check_columns(list(columns), [name for name in columns if columns[name] == _BYTES])
            copied = f"copy ({query}\n) to stdout (format csv, header)".encode()
            with self._connection.cursor().copy(copied) as copy, rows.open("wb") as file:
                for block in copy:
                    file.write(block)
        to_parquet(rows, path, [name for name in columns if columns[name] in _FLOATS])
