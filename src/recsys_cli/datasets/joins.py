"""Files whose columns belong to the events, such as an order's customer and date.

`propose_joins` looks for them, `joined` puts them together as recsys.toml says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from recsys_cli.columns import ITEM, USER
from recsys_cli.config.models import JoinConfig
from recsys_cli.counted import counted
from recsys_cli.datasets import guess
from recsys_cli.datasets.contents import mostly_unique, tells_time
from recsys_cli.datasets.roles import OF_USERS
from recsys_cli.datasets.structure import Structure, rewritten
from recsys_cli.datasets.tables import Intake
from recsys_cli.errors import ConfigError

if TYPE_CHECKING:
    from recsys_cli.datasets.generic_files import Looks, Seen

_OWN, _HALF = ("id", "_id", "entity_id", "uuid"), 0.5


def propose_joins(looks: Looks) -> tuple[Seen, list[JoinConfig]] | None:
    """A table with items, and those that lead from it to users; None where there is no such."""
    for events in looks.seen:
        if not events.has(ITEM) or events.id_of("items") is not None:
            continue
        columns = {name: events.cells[name] for name in events.cells.columns}
        joins: list[JoinConfig] = []
        left = [seen for seen in looks.seen if seen is not events]
        while step := _leading_on(columns, left, further=bool(joins)):
            seen, join = step
            joins.append(join)
            left.remove(seen)
            columns |= {n: seen.cells[n] for n in seen.cells.columns if n not in columns}
        if joins:
            return events, joins
    return None


def _leading_on(
    columns: Mapping[str, pl.Series], left: Sequence[Seen], *, further: bool
) -> tuple[Seen, JoinConfig] | None:
    """A table with a user that one of the columns finds the rows of, and how.

    Further ones have to bring another column that is called after users.
    """
    for seen in left:
        new = set(seen.cells.columns) - columns.keys()
        brings = any(map(OF_USERS.search, new)) if further else bool(new)
        if not brings or not seen.has(USER) or seen.has(ITEM):
            continue
        keys = [name for name in seen.cells.columns if mostly_unique(seen.cells[name])]
        # An `id` of both is of the rows of each, and equal times are no key.
        shared = [name for name in keys if name in columns and name.lower() not in _OWN]
        on = next((name for name in shared if not tells_time(seen.cells[name])), None)
        if on is not None:
            return seen, JoinConfig(file=seen.name, on=on)
        for key in keys:
            cells = seen.cells[key]
            on = next((n for n in columns if _points_to(columns[n], cells, seen.name)), None)
            if on is not None:
                return seen, JoinConfig(file=seen.name, on=on, key=key)
    return None


def _points_to(cells: pl.Series, keys: pl.Series, table: str) -> bool:
    """Whether a column called after a table, as order_id after orders, holds its keys, as id."""
    words = set(re.findall(r"[a-z]+", cells.name.lower())) - guess.WORDS["id"]
    called = any(word in table.lower() for word in words)
    if not called or not keys.name.lower().endswith("id"):
        return False
    there = cells.drop_nulls()
    return bool(there.is_in(keys.implode()).sum() > _HALF * len(there))


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
        key = join.key or join.on
        own = other.file.usable
        for table, names, wanted in ((file.label, there, join.on), (other.file.label, own, key)):
            if wanted not in names:
                raise ConfigError(
                    f"{table} has no column {wanted!r} to join {other.file.label} on",
                    hint=f"the columns are: {', '.join(names)}",
                )
        new = [name for name in own if name not in there and name != key]
        columns = other.file.scan([key, *new])
        keys = columns.select(pl.len(), pl.col(key).n_unique().alias("keys"))
        rows, distinct = keys.collect(engine="streaming").row(0)
        if rows != distinct:
            intake.findings.fatal(
                f"{other.file.table}.keys",
                counted(rows - distinct, f"rows repeat a value of {key}"),
                file=other.file.label,
                column=key,
                hint="every row of the events may belong to one row of a joined file",
            )
        frame = frame.join(
            columns, left_on=join.on, right_on=key, how="left", maintain_order="left"
        )
    return rewritten(events, frame, intake.findings, intake.scratch)
