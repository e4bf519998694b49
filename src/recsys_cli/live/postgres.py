"""A log of live events in a PostgreSQL database, for several machines that serve one shop.

The tables are made with the first event. Each thread keeps its connection, and gets a new one after
the server was away. Passwords may stand in the environment (PGPASSWORD) or in ~/.pgpass; what the
client library says of an address may hold one, so it is not passed on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from recsys_cli.errors import LogError, missing_library
from recsys_cli.live.connections import PerThread
from recsys_cli.live.log import SCHEMA, Parameters

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS = 5
_KEY = 0x72637379
"""Of the lock that whoever writes holds until the commit, so that `seq` grows in that order."""
_ABOUT = f"recsys live events {SCHEMA}"
"""Comment of the table, by which it is known."""
_MAKE = f"""
CREATE TABLE recsys_events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, dataset text NOT NULL,
    "user" text NOT NULL, item text NOT NULL, kind text NOT NULL, time bigint NOT NULL,
    value double precision, id text, request text, received bigint NOT NULL);
CREATE INDEX recsys_events_of_user ON recsys_events (dataset, "user", time, seq)
    INCLUDE (item, kind, value);
CREATE UNIQUE INDEX recsys_events_by_id ON recsys_events (dataset, id) WHERE id IS NOT NULL;
CREATE TABLE recsys_lists (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, request text NOT NULL,
    dataset text NOT NULL, "user" text, strategy text NOT NULL, time bigint NOT NULL,
    items text NOT NULL);
CREATE INDEX recsys_lists_by_request ON recsys_lists (dataset, request);
COMMENT ON TABLE recsys_events IS '{_ABOUT}';
"""
_THERE = (
    "SELECT to_regclass('recsys_events') IS NOT NULL, "
    "obj_description(to_regclass('recsys_events'), 'pg_class')"
)
_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(name)), 0)
FROM unnest(ARRAY[to_regclass('recsys_events'), to_regclass('recsys_lists')]) AS name
"""


class PostgresDatabase:
    """See `log.Database`."""

    def __init__(self, url: str) -> None:
        """Open nothing yet.

        Args:
            url: postgresql://user@host:port/database, as libpq reads it.

        Raises:
            UsageError: psycopg is not installed.
        """
        try:
            import psycopg
        except ModuleNotFoundError:
            raise missing_library(
                "live.url", "psycopg", extra="sql", otherwise="unset it to use SQLite"
            ) from None
        self._psycopg, self._url = psycopg, url
        self._connections = PerThread(self._connect)

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """See `Database`."""
        with self._told():
            try:
                return list(self._begun(sql, parameters).fetchall())
            except self._psycopg.errors.UndefinedTable:
                return []

    def stream(self, sql: str, parameters: Parameters = ()) -> Iterator[Any]:
        """See `Database`."""
        with self._told(), self._connect() as connection, connection.transaction():
            if _is_there(connection):
                with connection.cursor("recsys") as cursor:
                    yield from cursor.execute(_placed(sql), parameters)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """See `Database`."""
        with self._told():
            connection = self._begun("SELECT 1").connection
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_KEY,))
                if not _is_there(connection):
                    # What another made while this one waited for the lock may not be seen yet.
                    with suppress(self._psycopg.errors.DuplicateTable), connection.transaction():
                        connection.execute(_MAKE)
                    _is_there(connection)
                yield Writer(connection)

    def size(self) -> int:
        """See `Database`; those of the tables, with what was dropped and is not yet reused."""
        ((size,),) = self.rows(_SIZE)
        return int(size)

    def close(self) -> None:
        """See `Database`."""
        self._connections.close()

    def _begun(self, sql: str, parameters: Parameters = ()) -> psycopg.Cursor[Any]:
        """A query in this thread's connection, or in a new one where the server was away since."""
        connection = self._connections.get(os.getpid())
        try:
            return connection.execute(_placed(sql), parameters)
        except self._psycopg.OperationalError:
            if not connection.closed:
                raise
            self._connections.forget()
        return self._connections.get(os.getpid()).execute(_placed(sql), parameters)

    def _connect(self) -> psycopg.Connection[Any]:
        try:
            connection = self._psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                application_name="recsys",
            )
        except self._psycopg.Error as error:
            raise LogError(
                "the PostgreSQL database of live.url cannot be opened",
                hint=f"try it: psql URL ({_why(error)})",
            ) from None
        try:
            # What the address says of `options` stands, so this is no part of it.
            connection.execute("SET lock_timeout = '5s'")
            _is_there(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What went wrong, as a sentence."""
        try:
            yield
        except self._psycopg.Error as error:
            why = error.diag.message_primary or "the connection was lost"
            passing = isinstance(error, self._psycopg.OperationalError)
            raise LogError(
                f"the log of live events in PostgreSQL: {why}",
                hint="try again" if passing else "check what the role of live.url may do there",
            ) from error


class Writer:
    """See `log.Writing`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def run(self, sql: str, rows: Sequence[Parameters]) -> int:
        """See `Writing`."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_placed(sql), rows)
            return int(cursor.rowcount)

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """See `Writing`."""
        return list(self._connection.execute(_placed(sql), parameters).fetchall())


def _placed(sql: str) -> Any:
    """A statement with this library's placeholders."""
    return sql.replace("?", "%s")


def _is_there(connection: psycopg.Connection[Any]) -> bool:
    """Whether the tables are there; refuses others of that name."""
    row = connection.execute(_THERE).fetchone()
    there, about = row or (False, None)
    if there and about != _ABOUT:
        raise LogError(
            f"the table recsys_events in the database of live.url is {about or 'another one'}, "
            f"and not {_ABOUT}",
            hint="name another database in live.url",
        )
    return bool(there)


def _why(error: Exception) -> str:
    """What of a failure to connect can be told without the address."""
    text = str(error)
    for known in ("password", "timeout", "refused", "does not exist", "No such file", "resolve"):
        if known in text:
            return {"password": "user or password", "resolve": "unknown host"}.get(known, known)
    return "see the server's log"
