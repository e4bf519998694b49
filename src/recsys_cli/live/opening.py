"""Which log of live events a workspace has."""

from __future__ import annotations

from pathlib import Path

from recsys_cli.config.models import LiveConfig
from recsys_cli.errors import ConfigError
from recsys_cli.live.contract import EventLog
from recsys_cli.live.log import Database, SqlLog
from recsys_cli.live.postgres import PostgresDatabase
from recsys_cli.live.sqlite import SqliteDatabase

_POSTGRES = ("postgresql://", "postgres://")


def open_log(root: Path, settings: LiveConfig) -> EventLog:
    """The log that settings name; it is not looked at yet.

    Raises:
        ConfigError: live.url is no address of a database that can keep it.
        UsageError: the library for it is not installed.
    """
    database: Database
    if settings.url is None:
        database = SqliteDatabase(root)
    elif settings.url.startswith(_POSTGRES):
        database = PostgresDatabase(settings.url)
    else:
        raise ConfigError(
            "live.url is no address of a PostgreSQL database",
            hint="write postgresql://user@host/database, or unset it to use SQLite",
        )
    return SqlLog(database, most=settings.most, keep_days=settings.keep_days)
