"""A log of live events in one SQLite file of the workspace, which all its processes share.

The file is made with the first event, whole or not at all. Writers wait for one another, readers
for nobody (WAL), and each thread keeps its connection. A workspace may be somebody else's, so links
are not followed, and a file with other tables than these is refused.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recsys_cli.errors import LogError
from recsys_cli.live.connections import PerThread
from recsys_cli.live.log import SCHEMA, Parameters
from recsys_cli.store.files import atomic_path, fsync

FOLDER, FILE = "live", "events.sqlite"
_APPLICATION = 0x72637379
_PATIENCE_SECONDS, _PAUSE_SECONDS = 5.0, 0.001
_TABLES = (
    """CREATE TABLE recsys_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, "user" TEXT NOT NULL,
    item TEXT NOT NULL, kind TEXT NOT NULL, time INTEGER NOT NULL, value REAL, id TEXT,
    request TEXT, received INTEGER NOT NULL)""",
    # Whoever asks for a user's events gets them from here, side by side.
    """CREATE INDEX recsys_events_of_user ON recsys_events
    (dataset, "user", time, seq, item, kind, value)""",
    """CREATE UNIQUE INDEX recsys_events_by_id ON recsys_events (dataset, id)
    WHERE id IS NOT NULL""",
    """CREATE TABLE recsys_lists (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, dataset TEXT NOT NULL,
    "user" TEXT, strategy TEXT NOT NULL, time INTEGER NOT NULL, items TEXT NOT NULL)""",
    "CREATE INDEX recsys_lists_by_request ON recsys_lists (dataset, request)",
)
_OTHERS = {"CREATE TABLE sqlite_sequence(name,seq)"}
"""What SQLite makes itself."""

Identity = tuple[int, int, int, int]


class SqliteDatabase:
    """See `log.Database`."""

    def __init__(self, root: Path) -> None:
        """Open nothing yet.

        Args:
            root: the workspace.
        """
        self._root = root
        self._folder = root / FOLDER
        self.path = self._folder / FILE
        self._connections = PerThread(self._open)

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """See `Database`."""
        with self._told():
            connection = self._connection()
            return [] if connection is None else connection.execute(sql, parameters).fetchall()

    def stream(self, sql: str, parameters: Parameters = ()) -> Iterator[Any]:
        """See `Database`."""
        with self._told():
            # One of its own, since a query that goes on keeps those of its connection from others.
            connection = self._open() if self._identity() else None
            if connection is not None:
                try:
                    yield from connection.execute(sql, parameters)
                finally:
                    connection.close()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """See `Database`."""
        with self._told():
            if self._identity() is None:
                self._make()
            connection = self._connection()
            if connection is None:
                raise LogError(f"{self.path} is gone as soon as it was made", hint="try again")
            _begin(connection)
            try:
                yield Writer(connection)
                connection.execute("COMMIT")
            except BaseException:
                # After a failure such as a full disk there may be nothing left to roll back.
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def size(self) -> int:
        """See `Database`; those of the file and of what waits to be put into it."""
        found = 0
        for end in ("", "-wal"):
            with suppress(OSError):
                found += self.path.with_name(FILE + end).stat().st_size
        return found

    def close(self) -> None:
        """See `Database`."""
        self._connections.close()

    def _identity(self) -> Identity | None:
        """What changes when the file is another, this process is, or others wrote to it for long.

        Whoever may only read a file that nobody has open sees it as it was then.
        """
        try:
            stat = os.stat(self.path)  # noqa: PTH116  (half the time of Path.stat, at each request)
        except FileNotFoundError:
            return None
        return os.getpid(), stat.st_dev, stat.st_ino, stat.st_mtime_ns

    def _connection(self) -> sqlite3.Connection | None:
        """This thread's; None where there is no file yet."""
        identity = self._identity()
        if identity is None:
            return None
        return self._connections.get(identity)

    def _open(self) -> sqlite3.Connection:
        self._refuse_links()
        writable = all(os.access(path, os.W_OK) for path in (self._folder, self.path))
        how = "mode=rw" if writable else "mode=ro"
        if not writable and not self.path.with_name(f"{FILE}-wal").exists():
            how = "immutable=1"
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?{how}",
            uri=True,
            timeout=_PATIENCE_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._refuse_others(connection)
            # Each commit is on disk before it is answered.
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_links(self) -> None:
        there = [self._folder, *(self._folder.iterdir() if self._folder.is_dir() else ())]
        for path in there:
            if path.is_symlink():
                raise LogError(
                    f"{path} is a link, so the log of live events was not opened",
                    hint="replace the link by what it leads to",
                )

    def _refuse_others(self, connection: sqlite3.Connection) -> None:
        """Refuse a file with other tables, and whatever else a database may have."""
        connection.execute("PRAGMA trusted_schema = OFF")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application == _APPLICATION and version != SCHEMA:
            raise LogError(
                f"{self.path} is of version {version}, and this is a recsys for version {SCHEMA}",
                hint="export its events with the recsys that made it, and add them here",
            )
        made = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master") if sql}
        if application != _APPLICATION or made - _OTHERS != {*_TABLES}:
            raise LogError(f"{self.path} is no log of live events", hint="move it elsewhere")

    def _make(self) -> None:
        """Make the file, unless another process is first."""
        from filelock import FileLock

        self._refuse_links()
        if not self._folder.is_dir():
            self._folder.mkdir(exist_ok=True)
            fsync(self._root)
        with FileLock(self._folder / ".lock", timeout=_PATIENCE_SECONDS):
            if self._identity() is not None:
                return
            with atomic_path(self.path) as temporary:
                connection = sqlite3.connect(temporary, isolation_level=None)
                for statement in (
                    "PRAGMA journal_mode = WAL",
                    f"PRAGMA application_id = {_APPLICATION}",
                    f"PRAGMA user_version = {SCHEMA}",
                    *_TABLES,
                ):
                    connection.execute(statement)
                connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What went wrong, as a sentence."""
        try:
            yield
        except sqlite3.Error as error:
            raise LogError(f"{self.path}: {error}", hint=_way_out(error)) from error
        except OSError as error:
            raise LogError(
                f"the log of live events cannot be written: {error}",
                hint="check who owns the folder, whether it is read-only, and the space left",
            ) from error


class Writer:
    """See `log.Writing`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, rows: Sequence[Parameters]) -> int:
        """See `Writing`."""
        return self._connection.executemany(sql, rows).rowcount

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """See `Writing`."""
        return self._connection.execute(sql, parameters).fetchall()


def _begin(connection: sqlite3.Connection) -> None:
    """Begin to write as soon as nobody else does.

    SQLite itself looks every tenth of a second, by which others who write all the time get ahead.
    """
    last = time.monotonic() + _PATIENCE_SECONDS
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= last:
                    raise
            time.sleep(_PAUSE_SECONDS)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {1000 * _PATIENCE_SECONDS:.0f}")


def _way_out(error: sqlite3.Error) -> str:
    """What to do about an error of SQLite."""
    text = str(error)
    if "locked" in text:
        return "another process is writing to it; try again"
    if "full" in text or "disk I/O" in text:
        return "free some disk space and try again"
    if "readonly" in text or "unable to open" in text:
        return "check who owns the folder and whether it is read-only"
    return "it is damaged, or no log: move it elsewhere, and add its events again"
