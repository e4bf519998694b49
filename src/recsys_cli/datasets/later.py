"""Adds events that came after the last one of a shop's own files, such as those of a log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl

from recsys_cli.columns import EVENT, SESSION, TIME, VALUE
from recsys_cli.counted import counted
from recsys_cli.datasets.catalogue import COMPRESSION, COMPRESSION_LEVEL
from recsys_cli.datasets.events import ROW_GROUP, EventReader
from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.lookup import RowLookup
from recsys_cli.datasets.times import MILLISECONDS
from recsys_cli.errors import ConfigError

LaterEvents = Callable[[datetime], pl.DataFrame]
"""Takes a moment (UTC), and gives the events after it: user, item and event (String), time (Int64,
milliseconds since 1970) and value (Float64), in order."""


def add_later(path: Path, reader: EventReader, later: LaterEvents, findings: Findings) -> int:
    """Write the events table again with the events after its last one behind it.

    Users and items that nothing else has get rows; kinds of event that the files lack are left out.

    Args:
        path: the table, with rows in the order of `reader`.
        reader: how it was read; ids that are new are added.
        later: gives the events.
        findings: told how many came.

    Returns:
        How many events were added.

    Raises:
        ConfigError: the events carry no time.
    """
    if reader.time is None:
        raise ConfigError(
            f"events of {findings.dataset} carry no time, so live ones cannot be told from theirs",
            hint="set live.merge = false",
        )
    last = pl.scan_parquet(path).select(pl.col(TIME).max()).collect(engine="streaming").item()
    found = later(last)
    known = found.filter(pl.col(EVENT).is_in(reader.kinds))
    for ids in (reader.users, reader.items):
        new = known[ids.column].unique()
        ids.extra = pl.concat([ids.extra, new.filter(~new.is_in(ids.all().implode())).sort()])
    there = pl.scan_parquet(path)
    rows = known.lazy().select(
        *(
            RowLookup(ids.all()).expr(pl.col(ids.column)).alias(ids.column)
            for ids in (reader.users, reader.items)
        ),
        pl.col(TIME).cast(MILLISECONDS),
        pl.col(EVENT).cast(pl.Enum(reader.kinds)).to_physical().cast(pl.UInt8),
        pl.col(VALUE).cast(pl.Float32),
    )
    schema = there.collect_schema()
    if SESSION in schema:
        rows = rows.with_columns(pl.lit(None, schema[SESSION]).alias(SESSION))
    whole = path.with_suffix(".whole")
    pl.concat([there, rows.select(schema.names()).cast(schema)]).sink_parquet(
        whole,
        compression=COMPRESSION,
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP,
        maintain_order=True,
    )
    whole.replace(path)
    message = counted(len(known), "live events came after the last one of the files")
    if others := len(found) - len(known):
        message += f"; {counted(others, 'more')} of other kinds are left out"
        findings.warn("events.live", message, count=others)
    else:
        findings.ok("events.live", message, count=len(known))
    return len(known)
