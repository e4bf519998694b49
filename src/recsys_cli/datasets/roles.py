"""Which column plays which part: by its name first, else by what it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import polars as pl

from recsys_cli.columns import CLOCK, EVENT, ITEM, SESSION, TIME, USER
from recsys_cli.config.models import SplitConfig
from recsys_cli.datasets import guess
from recsys_cli.datasets.contents import (
    MOST,
    ROWS_TO_TELL,
    roles_by_content,
    tells_kinds,
    tells_time,
)
from recsys_cli.datasets.lists import list_in
from recsys_cli.datasets.times import days_alone, tells_clock

_BY_CONTENT = "by what it holds"
OF_USERS = re.compile(
    r"user|customer|client|visitor|member|account|buyer|shopper|person|email|reviewer|uid",
    re.IGNORECASE,
)
"""Names that speak of users."""
_OF_TIMES = re.compile(r"(?i:time|date|stamp|(^|[_ ])(ts|dt|at|on|day)$)|[a-z](At|On)$")
_OF_OTHER_TIMES = re.compile(
    r"release|publish|birth|launch|expir|deliver|ship|estimat|approv|updat|modif|cancel|refund"
    r"|regist|signup|member|valid|due|paid",
    re.IGNORECASE,
)
"""Times that say something else than when the event was."""


@dataclass(slots=True)
class Roles:
    """The columns of a table of events by role.

    Attributes:
        columns: by role; what nothing plays is not there.
        guesses: roles whose column's name does not say that it plays it, with the reason.
        split: how the item column lists items, where its cells do.
        history: another column that lists items.
    """

    columns: dict[str, str] = field(default_factory=dict)
    guesses: dict[str, str] = field(default_factory=dict)
    split: SplitConfig | None = None
    history: str | None = None


def find_roles(cells: pl.DataFrame, asked: Mapping[str, str], *, named: bool) -> Roles:
    """The roles of a table's columns.

    Args:
        cells: some rows.
        asked: columns by role as recsys.toml has them, SKIP for none.
        named: whether the names of columns mean anything.

    Raises:
        AmbiguousError: two columns could be the id of the user or the item.
    """
    found = Roles()
    lists = {} if ITEM in asked else _lists(cells, named=named)
    known = {role: guess.resolve(name, cells.columns) for role, name in asked.items() if name}
    by_content = {} if named else roles_by_content(cells, lists, known)
    for role in guess.ROLES:
        wanted = asked.get(role)
        if wanted == guess.SKIP:
            continue
        if wanted is not None:
            found.columns[role] = guess.resolve(wanted, cells.columns)
        elif not named:
            if role in by_content:
                found.columns[role] = by_content[role]
                found.guesses[role] = _BY_CONTENT
        elif role == TIME:
            _find_time(cells, found)
        else:
            column = guess.guess_role(cells.columns, role)
            if column is not None:
                found.columns[role] = column
    if lists and found.columns.get(ITEM, next(iter(lists))) in lists:
        column = found.columns.setdefault(ITEM, next(iter(lists)))
        found.split = lists[column]
        found.history = next((name for name in lists if name != column), None)
        found.guesses.setdefault(ITEM, "lists items")
    _find_clock(cells, found, asked)
    if asked.get(SESSION):
        # Never guessed: it decides what a session is.
        found.columns[SESSION] = guess.resolve(asked[SESSION], cells.columns)
    if named and EVENT not in found.columns and EVENT not in asked:
        kinds = next((name for name in cells.columns if tells_kinds(cells[name])), None)
        found.columns |= {EVENT: kinds} if kinds else {}
    _prefer_repeating_user(cells, found, asked)
    return found


def _lists(cells: pl.DataFrame, *, named: bool) -> dict[str, SplitConfig]:
    """The columns that list items, those with marks first; names of items go before that."""
    called = guess.guess_first(cells.columns, [n for tier in guess.IDS[ITEM] for n in tier])
    looked = [called] if named and called else cells.columns
    found = {name: list_in(cells[name]) for name in looked}
    lists = {name: split for name, split in found.items() if split and not tells_time(cells[name])}
    return dict(sorted(lists.items(), key=lambda each: each[1].mark is None))


def _prefer_repeating_user(cells: pl.DataFrame, found: Roles, asked: Mapping[str, str]) -> None:
    """Take another column called after users where the first is there once in every row."""
    user, item = found.columns.get(USER), found.columns.get(ITEM)
    if USER in asked or user is None or item is None or len(cells) < ROWS_TO_TELL:
        return
    if cells[user].drop_nulls().is_unique().all():
        better = better_user(cells, user, item)
        if better is not None:
            found.columns[USER] = better
            found.guesses[USER] = f"since {user} is there once in every row"


def _find_time(cells: pl.DataFrame, found: Roles) -> None:
    """The finest of the columns that tell when the event was."""
    called = guess.guess_role(cells.columns, TIME)
    hinted = [n for n in cells.columns if _OF_TIMES.search(n) and not _OF_OTHER_TIMES.search(n)]
    candidates = dict.fromkeys([called, *hinted] if called else hinted)
    times = [name for name in candidates if tells_time(cells[name])]
    if not times and (called is None or tells_clock(cells[called])):
        # Dates written out tell more than a name does.
        dates = [n for n in cells.columns if not _OF_OTHER_TIMES.search(n)]
        times = [n for n in dates if not _numbers(cells[n]) and tells_time(cells[n])]
    if not times:
        if called is not None:
            found.columns[TIME] = called
        return
    kinds = {name: cells[name].n_unique() for name in times}
    finest = max(times, key=lambda name: kinds[name])
    # A little finer is no reason against a better name.
    if kinds[finest] <= 1.1 * kinds[times[0]]:
        finest = times[0]
    found.columns[TIME] = finest
    if finest != called:
        others = ", ".join(name for name in times if name != finest)
        if others:
            found.guesses[TIME] = f"finer than {others}"


def _find_clock(cells: pl.DataFrame, found: Roles, asked: Mapping[str, str]) -> None:
    """The time of day, where the column of the time has the day alone and another has that."""
    wanted, time = asked.get(CLOCK), found.columns.get(TIME)
    if wanted:
        found.columns[CLOCK] = guess.resolve(wanted, cells.columns)
    if wanted is not None or TIME in asked or time is None or not days_alone(cells[time]):
        return
    free = [name for name in cells.columns if name not in found.columns.values()]
    clocks = [n for n in free if not _OF_OTHER_TIMES.search(n) and tells_clock(cells[n])]
    if clocks:
        # InvoiceTime goes with InvoiceDate.
        def shared(name: str) -> int:
            pairs = zip(name, time, strict=False)
            return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))

        found.columns[CLOCK] = max(clocks, key=shared)
        found.guesses[CLOCK] = f"goes with {time}"


def _numbers(cells: pl.Series) -> bool:
    there = cells.drop_nulls()
    return bool(there.cast(pl.Float64, strict=False).null_count() < len(there))


def better_user(cells: pl.DataFrame, column: str, item: str) -> str | None:
    """Another column called after users whose values repeat; None without one."""
    called = [
        name
        for name in cells.columns
        if name not in (column, item) and OF_USERS.search(name) and _repeats(cells[name])
    ]
    return max(called, key=lambda name: cells[name].n_unique(), default=None)


def _repeats(cells: pl.Series) -> bool:
    there = cells.drop_nulls()
    return 1 < there.n_unique() < MOST * len(there)


def by_stem(stem: str) -> str | None:
    """The role that a file's name speaks of, as `movies` or `users_2024`; None for none."""
    words = [word for word in re.split(r"[^a-z]+", stem.lower()) if word]
    for role, tiers in guess.IDS.items():
        known: Sequence[str] = [name.removesuffix("id") for tier in tiers for name in tier]
        if any(word.removesuffix("s") in known or word in known for word in words):
            return role
    return None
