"""Which session an event belongs to, where events name one.

A session is one user's, so that numbers which begin anew with each user will do, and its events
are those that name it, whatever the user did elsewhere in between: sessions on two devices at a
time stay two. Events that name none are one session of their user, for pauses to cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_cli.columns import SESSION, USER

if TYPE_CHECKING:
    import polars as pl

NUMBERS = 2**32
"""What keys of sessions that are named are no multiples of."""


def session_key(events: pl.LazyFrame) -> pl.Expr:
    """An int64 for each session, ascending by user; a multiple of `NUMBERS` where none is named.

    Args:
        events: canonical columns.
    """
    import polars as pl

    user = pl.col(USER).cast(pl.Int64) * NUMBERS
    if SESSION not in events.collect_schema():
        return user
    return user + (pl.col(SESSION).cast(pl.Int64) + 1).fill_null(0)


def in_place_of_users(events: pl.LazyFrame, *, n_users: int) -> tuple[pl.LazyFrame, int]:
    """The events with the rows of their sessions for users, and how many there are.

    Args:
        events: canonical columns; where they name no session they stay as they are.
        n_users: rows of the user table.
    """
    import polars as pl

    if SESSION not in events.collect_schema():
        return events, n_users
    key = session_key(events)
    sessions = events.select(key.n_unique()).collect(engine="streaming").item()
    return events.with_columns((key.rank("dense") - 1).cast(pl.Int32).alias(USER)), sessions
