"""The log in tables of an SQL database, whichever it is: statements are written here, once.

Placeholders are `?`, and a database that has others puts them in. `seq` grows in the order of
commits, since one transaction appends at a time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import starmap
from typing import Any, Protocol

from recsys_cli.errors import Command, LogError
from recsys_cli.live.contract import MOST_AT_ONCE, Appended, Counts, Did, Event, ShownList, Sold
from recsys_cli.live.together import Together
from recsys_cli.moments import now_ms

SCHEMA = 1
"""Version of the tables; a log of another one is refused."""
_EVENT = 'dataset, "user", item, kind, time, value, id, request'
_LIST = 'request, dataset, "user", strategy, time, items'
_ADD_EVENT = (
    f"INSERT INTO recsys_events ({_EVENT}, received) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
    "ON CONFLICT (dataset, id) WHERE id IS NOT NULL DO NOTHING"
)
_ADD_LIST = f"INSERT INTO recsys_lists ({_LIST}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
_OF_USER = (
    "SELECT item, kind, time, value FROM recsys_events "
    'WHERE dataset = ? AND "user" = ? AND time > ? ORDER BY time DESC, seq DESC LIMIT ?'
)
_BEFORE_ALL = -(1 << 63)
_DAY_MS = 86_400_000
_DROPPED_AT_ONCE = 10_000

Parameters = Sequence[Any]


class Writing(Protocol):
    """A transaction that may write, and nobody else meanwhile."""

    def run(self, sql: str, rows: Sequence[Parameters]) -> int:
        """Run a statement with each of the rows; how many rows of the table it touched."""

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """All rows of a query."""


class Database(Protocol):
    """Where the tables are. All raise LogError."""

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """All rows of a query; none where there is no database yet."""

    def stream(self, sql: str, parameters: Parameters = ()) -> Iterator[Any]:
        """The rows of a query as they are at one moment, one by one."""

    def writing(self) -> AbstractContextManager[Writing]:
        """A transaction, committed to disk at the end of the block; makes the tables if need be."""

    def size(self) -> int:
        """Bytes."""

    def close(self) -> None:
        """Give back connections."""


class SqlLog:
    """See `EventLog`."""

    def __init__(
        self, database: Database, *, most: int | None = None, keep_days: int | None = None
    ) -> None:
        """Open nothing yet.

        Args:
            database: with the tables.
            most: events that may be there; a batch that comes to more is refused.
            keep_days: age at which events are dropped, once a day; None means never.
        """
        self._database, self._most, self._keep_days = database, most, keep_days
        self._dropped_on = 0
        self._dropping = threading.Lock()
        self._appending = Together(self._append_all)

    def append(self, events: Sequence[Event]) -> Appended:
        """See `EventLog`."""
        self._drop_old()
        return self._appending.run(events) if events else Appended(0, 0)

    def _append_all(self, batches: Sequence[Sequence[Event]]) -> list[Appended]:
        received = now_ms()
        with self._database.writing() as writing:
            self._refuse_too_many(writing, sum(map(len, batches)))
            made = []
            for batch in batches:
                new = writing.run(_ADD_EVENT, [(*event, received) for event in batch])
                made.append(Appended(new, len(batch) - new))
        return made

    def _refuse_too_many(self, writing: Writing, more: int) -> None:
        if self._most is None:
            return
        # Each of them alone is found at once.
        ((first,),) = writing.rows("SELECT min(seq) FROM recsys_events")
        ((last,),) = writing.rows("SELECT max(seq) FROM recsys_events")
        if (0 if first is None else last - first + 1) + more > self._most:
            raise LogError(
                f"the log of live events is full: live.most allows {self._most:,}",
                hint=("drop old ones: ", Command("events", "drop", "--before", "DAY")),
            )

    def _drop_old(self) -> None:
        """Once a day, if events are to be dropped at all."""
        if self._keep_days is None:
            return
        today = now_ms() // _DAY_MS
        with self._dropping:
            if today != self._dropped_on:
                self.drop((today - self._keep_days) * _DAY_MS)
                self._dropped_on = today

    def append_lists(self, lists: Sequence[ShownList]) -> None:
        """See `EventLog`."""
        rows = [(*each[:-1], json.dumps(list(each.items))) for each in lists]
        if rows:
            with self._database.writing() as writing:
                writing.run(_ADD_LIST, rows)

    def of_user(
        self, dataset: str, user: str, *, after: int | None = None, limit: int = MOST_AT_ONCE
    ) -> list[Did]:
        """See `EventLog`."""
        since = _BEFORE_ALL if after is None else after
        rows = self._database.rows(_OF_USER, (dataset, user, since, limit))
        return list(map(Did._make, reversed(rows)))

    def last_seq(self) -> int:
        """See `EventLog`."""
        rows = self._database.rows("SELECT max(seq) FROM recsys_events")
        return (rows[0][0] or 0) if rows else 0

    def counts(self) -> dict[str, Counts]:
        """See `EventLog`."""
        rows = self._database.rows(
            'SELECT dataset, count(*), count(DISTINCT "user"), min(time), max(time) '
            "FROM recsys_events GROUP BY dataset ORDER BY dataset"
        )
        return {dataset: Counts(*counted) for dataset, *counted in rows}

    def by_item(self, dataset: str, *, after: int | None = None) -> dict[str, int]:
        """See `EventLog`."""
        rows = self._database.rows(
            "SELECT item, count(*) FROM recsys_events WHERE dataset = ? AND time > ? GROUP BY item",
            (dataset, _BEFORE_ALL if after is None else after),
        )
        return dict(rows)

    def by_hour(self, dataset: str, *, after: int | None = None) -> list[Sold]:
        """See `EventLog`."""
        rows = self._database.rows(
            "SELECT item, kind, time / 3600000 AS hour, count(*), "
            "sum(CASE WHEN value IS NULL THEN 1.0 ELSE abs(value) END), "
            "CASE WHEN value < 0 THEN 1 ELSE 0 END AS back "
            "FROM recsys_events WHERE dataset = ? AND time > ? GROUP BY item, kind, hour, back",
            (dataset, _BEFORE_ALL if after is None else after),
        )
        return [Sold._make((*row[:-1], bool(row[-1]))) for row in rows]

    def export(self, dataset: str | None = None) -> Iterator[Event]:
        """See `EventLog`."""
        yield from starmap(Event, self._all_of(_EVENT, "recsys_events", dataset))

    def lists(self, dataset: str | None = None) -> Iterator[ShownList]:
        """See `EventLog`."""
        for row in self._all_of(_LIST, "recsys_lists", dataset):
            shown = ShownList._make(row)
            yield shown._replace(items=json.loads(row[-1]))

    def _all_of(self, columns: str, table: str, dataset: str | None) -> Iterator[Any]:
        where, parameters = ("", ()) if dataset is None else (" WHERE dataset = ?", (dataset,))
        select = f"SELECT {columns} FROM {table}{where} ORDER BY seq"  # noqa: S608
        return self._database.stream(select, parameters)

    def drop(self, before: int) -> int:
        """See `EventLog`."""
        self._drop_of("recsys_lists", before)
        return self._drop_of("recsys_events", before)

    def _drop_of(self, table: str, before: int) -> int:
        """Drop the rows of a table bit by bit, so that others write meanwhile."""
        dropped = 0
        ends = self._database.rows(f"SELECT min(seq), max(seq) FROM {table}")  # noqa: S608
        first, last = ends[0] if ends and ends[0][0] is not None else (0, -1)
        delete = f"DELETE FROM {table} WHERE seq >= ? AND seq < ? AND time < ?"  # noqa: S608
        for start in range(first, last + 1, _DROPPED_AT_ONCE):
            began = time.monotonic()
            with self._database.writing() as writing:
                dropped += writing.run(delete, [(start, start + _DROPPED_AT_ONCE, before)])
            if last - start >= _DROPPED_AT_ONCE:
                # Who waits looks now and then whether it is their turn: half of the time is theirs.
                time.sleep(time.monotonic() - began)
        return dropped

    def size(self) -> int:
        """See `EventLog`."""
        return self._database.size()

    def close(self) -> None:
        """See `EventLog`."""
        self._database.close()
