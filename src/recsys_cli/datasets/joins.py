"""Files whose columns belong to the events, such as an order's customer and date.

`propose_joins` looks for them, `joined` puts them together as recsys.toml says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from recsys_cli.columns import ITEM, USER
from recsys_cli.config.models import JoinConfig
from recsys_cli.counted import counted
from recsys_cli.datasets.roles import OF_USERS, mostly_unique
from recsys_cli.datasets.structure import Structure, rewritten
from recsys_cli.datasets.tables import Intake
from recsys_cli.errors import ConfigError

if TYPE_CHECKING:
    from recsys_cli.datasets.generic_files import Looks, Seen


def propose_joins(looks: Looks) -> tuple[Seen, list[JoinConfig]] | None:
    """A table with items, and those that lead from it to users; None where there is no such."""
    for events in looks.seen:
        if not events.has(ITEM) or events.id_of("items") is not None:
            continue
        columns, joins = set(events.cells.columns), list[JoinConfig]()
        left = [seen for seen in looks.seen if seen is not events]
        while step := _leading_on(columns, left, further=bool(joins)):
            seen, on = step
            joins.append(JoinConfig(file=seen.name, on=on))
            left.remove(seen)
            columns |= set(seen.cells.columns)
        if joins:
            return events, joins
    return None


def _leading_on(
    columns: set[str], left: Sequence[Seen], *, further: bool
) -> tuple[Seen, str] | None:
    """A table with a user that one of the columns finds the rows of, and that column.

    Further ones have to bring another column that is called after users.
    """
    for seen in left:
        shared = [name for name in seen.cells.columns if name in columns]
        keys = [name for name in shared if mostly_unique(seen.cells[name])]
        new = set(seen.cells.columns) - columns
        brings = any(map(OF_USERS.search, new)) if further else bool(new)
        if keys and brings and seen.has(USER) and not seen.has(ITEM):
            return seen, keys[0]
    return None


def joined(opened: Mapping[str, Structure], intake: Intake) -> Structure:
    """The events with the columns of the files that recsys.toml joins to them."""
    events = opened["events"]
    if not intake.config.join:
        return events
    file = events.file
    frame = file.scan()
    for number, join in enumerate(intake.config.join, 1):
        other = opened[f"join{number}"]
        there = frame.collect_schema().names()
        for table, names in ((file.label, there), (other.file.label, other.file.usable)):
            if join.on not in names:
                raise ConfigError(
                    f"{table} has no column {join.on!r} to join {other.file.label} on",
                    hint=f"the columns are: {', '.join(names)}",
                )
        new = [name for name in other.file.usable if name not in there]
        columns = other.file.scan([join.on, *new])
        keys = columns.select(pl.len(), pl.col(join.on).n_unique().alias("keys"))
        rows, distinct = keys.collect(engine="streaming").row(0)
        if rows != distinct:
            intake.findings.fatal(
                f"{other.file.table}.keys",
                counted(rows - distinct, f"rows repeat a value of {join.on}"),
                file=other.file.label,
                column=join.on,
                hint="every row of the events may belong to one row of a joined file",
            )
        frame = frame.join(columns, on=join.on, how="left", maintain_order="left")
    return rewritten(events, frame, intake.findings, intake.scratch)
