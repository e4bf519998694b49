"""What is asked of a database, and what all have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from recsys_cli.errors import ConfigError

CORRECT = "correct sql and url in recsys.toml"


class Database(Protocol):
    """An open database, in a transaction that can only read."""

    def cell(self, query: str) -> str:
        """The first cell of what a query gives, as text; "" for none."""
        ...

    def write(self, query: str, path: Path) -> None:
        """Write what a query gives into a Parquet file.

        Raises:
            ConfigError: the query is none, or gives columns that cannot be used.
            DataError: the database fails otherwise.
        """
        ...


def bare(query: str) -> str:
    """A query that can stand in brackets."""
    return query.strip().rstrip(";").rstrip()


def check_columns(names: Sequence[str], binary: Sequence[str] = ()) -> None:
    """Refuse what a query gives where columns could not be told apart, or are no text."""
    if not names:
        raise ConfigError("sql gives no rows: it has to be a query", hint=CORRECT)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        hint = f"name each in sql: … as {twice}_of_order"
        raise ConfigError(f"sql gives several columns called {twice!r}", hint=hint)
    if binary:
        hint = "leave it out of sql, or have sql make text of it, such as its digits in hex"
        raise ConfigError(f"sql gives bytes in {binary[0]!r}, which are no text", hint=hint)


def to_parquet(rows: Path, path: Path, floats: Sequence[str]) -> None:
    """A CSV file as Parquet: text but for numbers that may have lost digits, which no id may be."""
    types = dict.fromkeys(floats, pl.Float64)
    pl.scan_csv(rows, infer_schema=False, schema_overrides=types, glob=False).sink_parquet(path)
    rows.unlink()


def said(error: Exception, *secrets: str) -> str:
    """The database's own words, in one line, less secrets."""
    text = " ".join(str(error).split()) or type(error).__name__
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text
