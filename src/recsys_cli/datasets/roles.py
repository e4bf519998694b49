"""Which column plays which part: by its name first, else by what it holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

import polars as pl

from recsys_cli.columns import CLOCK, EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.config.models import SplitConfig
from recsys_cli.datasets import guess
from recsys_cli.datasets.lists import list_in
from recsys_cli.datasets.times import days_alone, detect_time, tells_clock

_SINCE, _UNTIL = datetime(1990, 1, 1), datetime(2100, 1, 1)
_IDS = 2
_ROWS_TO_TELL = 50
_BY_CONTENT = "by what it holds"
_MOST, _FEW_KINDS, _FEW_VALUES, _LARGEST_VALUE = 0.95, 12, 20, 1000.0
_PRODUCT_CODE = re.compile(r"B0[0-9A-Z]{8}|[0-9]{9}[0-9X]")
"""Amazon's product codes, and ISBNs."""
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
    if USER in asked or user is None or item is None or len(cells) < _ROWS_TO_TELL:
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


def roles_by_content(
    cells: pl.DataFrame, lists: Collection[str] = (), known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The columns of a table of events by role; none where it does not look like one.

    Times are what reads as dates since 1990, kinds of event are a few words, values a few small
    numbers or such with decimals, and of the rest, less what names orders, the first two are the
    user and the item.

    Args:
        cells: some rows.
        lists: columns that list items, of which the first is the item.
        known: columns by role that are known otherwise.
    """
    found = dict(known or {})
    left = [
        name
        for name in cells.columns
        if cells[name].n_unique() > 1 and name not in lists and name not in found.values()
    ]
    times = [name for name in left if tells_time(cells[name])]
    if times and TIME not in found:
        found[TIME] = max(times, key=lambda name: cells[name].n_unique())
    rest = [name for name in left if name not in times and not tells_clock(cells[name])]
    if lists and ITEM not in found:
        found[ITEM] = next(iter(lists))
    wanted = [role for role in (USER, ITEM) if role not in found]
    for role, fits in ((EVENT, _is_kind), (VALUE, _is_value)):
        # Enough columns have to be left for the user and the item.
        enough = role not in found and len(rest) > len(wanted)
        match = next((name for name in rest if fits(cells[name])), None) if enough else None
        if match is not None:
            found[role] = match
            rest.remove(match)
    rest = _less_orders(cells, rest, found.get(TIME), keep=len(wanted))
    if len(rest) < len(wanted) or (
        TIME not in found and rest and wanted and cells[rest[0]].is_unique().all()
    ):
        return {}
    found |= dict(zip(wanted, rest, strict=False))
    user, item = found[USER], found[ITEM]
    if len(wanted) == _IDS and _are_products(cells[user]) and not _are_products(cells[item]):
        found |= {USER: item, ITEM: user}
    return found


def _less_orders(
    cells: pl.DataFrame, names: list[str], time: str | None, *, keep: int
) -> list[str]:
    """Columns without those whose values have one time each, as orders have and users do not."""
    left = list(names)
    if time is None or len(cells) < _ROWS_TO_TELL:
        return left
    for name in names:
        one = cells[[name, time]].n_unique() == cells[name].n_unique()
        if one and len(left) > keep:
            left.remove(name)
    return left


def tells_time(cells: pl.Series) -> bool:
    """Whether nearly all cells read as times between 1990 and 2100."""
    cells = cells.drop_nulls()
    time = detect_time(cells) if len(cells) else None
    if time is None:
        return False
    inside = time.expr.is_between(_SINCE, _UNTIL)
    return bool(cells.to_frame().select(inside.sum()).item() >= _MOST * len(cells))


def _numbers(cells: pl.Series) -> bool:
    there = cells.drop_nulls()
    return bool(there.cast(pl.Float64, strict=False).null_count() < len(there))


def _is_kind(cells: pl.Series) -> bool:
    numbers = cells.cast(pl.Float64, strict=False).drop_nulls()
    return not len(numbers) and cells.n_unique() <= min(_FEW_KINDS, len(cells) // 4)


def _is_value(cells: pl.Series) -> bool:
    numbers = cells.cast(pl.Float64, strict=False).drop_nulls()
    if len(numbers) < _MOST * len(cells):
        return False
    few = numbers.n_unique() <= min(_FEW_VALUES, len(cells) // 4)
    largest = float(numbers.abs().max() or 0)  # type: ignore[arg-type]
    return bool((numbers % 1 != 0).any()) or (few and largest <= _LARGEST_VALUE)


def _are_products(cells: pl.Series) -> bool:
    return all(_PRODUCT_CODE.fullmatch(cell) for cell in cells.drop_nulls())


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
    return 1 < there.n_unique() < _MOST * len(there)


def title_by_content(cells: pl.DataFrame, key: str) -> str | None:
    """The first column but the key that holds words, and seldom the same; None without one."""
    for name in cells.columns:
        words = cells[name].drop_nulls()
        if name != key and mostly_unique(words) and words.str.contains(r"[^\W\d_]{2}").mean() == 1:
            return name
    return None


def mostly_unique(cells: pl.Series) -> bool:
    """Whether a column could be the id of a catalogue: hardly any value is there twice."""
    there = cells.drop_nulls()
    return bool(len(there)) and there.n_unique() >= _MOST * len(there)


def by_stem(stem: str) -> str | None:
    """The role that a file's name speaks of, as `movies` or `users_2024`; None for none."""
    words = [word for word in re.split(r"[^a-z]+", stem.lower()) if word]
    for role, tiers in guess.IDS.items():
        known: Sequence[str] = [name.removesuffix("id") for tier in tiers for name in tier]
        if any(word.removesuffix("s") in known or word in known for word in words):
            return role
    return None
