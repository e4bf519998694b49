"""What columns hold: times, kinds of event, values and ids; and which parts they play by that."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime

import polars as pl

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.datasets import guess
from recsys_cli.datasets.times import detect_time, tells_clock

ROWS_TO_TELL = 50
"""Rows from which on it means something that a value is not there again."""
MOST = 0.95
_SINCE, _UNTIL = datetime(1990, 1, 1), datetime(2100, 1, 1)
_IDS = 2
_FEW_KINDS, _FEW_VALUES, _LARGEST_VALUE = 12, 20, 1000.0
_YES_OR_NO = 2
_PRODUCT_CODE = re.compile(r"B0[0-9A-Z]{8}|[0-9]{9}[0-9X]")
"""Amazon's product codes, and ISBNs."""


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
    if TIME not in found and rest and wanted and cells[rest[0]].is_unique().all():
        return {}
    pair = _who_and_what(cells, found, rest, listed=bool(lists))
    if pair is None:
        return {}
    found |= dict(zip((USER, ITEM), pair, strict=True))
    user, item = pair
    if len(wanted) == _IDS and _are_products(cells[user]) and not _are_products(cells[item]):
        found |= {USER: item, ITEM: user}
    return found


def _who_and_what(
    cells: pl.DataFrame, found: Mapping[str, str], rest: list[str], *, listed: bool
) -> tuple[str, str] | None:
    """The first two columns that may be the users and the items, one of which may be found.

    Users have several items. Where names tell one of them, what the other holds has to be there
    several times, and to go with several of the first: else it is an order, or the user's name.
    """
    users = [found[USER]] if USER in found else rest
    strict = (USER in found or ITEM in found) and not listed
    for at, user in enumerate(users):
        for item in [found[ITEM]] if ITEM in found else rest if USER in found else rest[at + 1 :]:
            if len(cells) < ROWS_TO_TELL:
                return user, item
            several = [cells[names].n_unique() for names in ([user], [item], [user, item])]
            if several[0] == several[2] or (strict and several[1] in (several[2], len(cells))):
                continue
            return user, item
    return None


def _less_orders(
    cells: pl.DataFrame, names: list[str], time: str | None, *, keep: int
) -> list[str]:
    """Columns without those whose values have one time each, as orders have and users do not."""
    left = list(names)
    if time is None or len(cells) < ROWS_TO_TELL:
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
    return bool(cells.to_frame().select(inside.sum()).item() >= MOST * len(cells))


def tells_sessions(cells: pl.Series) -> bool:
    """Whether a column is called after sessions or visits, and several rows share some of them."""
    ids = "|".join(sorted(guess.WORDS["id"]))
    called = rf"(id|user)?(session|visit)|.*(session|visit)({ids})"
    named = re.fullmatch(called, guess.normal(cells.name))
    return bool(named) and _YES_OR_NO < cells.n_unique() < MOST * len(cells)


def tells_kinds(cells: pl.Series) -> bool:
    """Whether a column holds a few words, all of which are known for kinds of event."""
    kinds = cells.drop_nulls().unique()
    if not 1 < len(kinds) <= _FEW_KINDS:
        return False
    return all(guess.normal(kind).removesuffix("s") in guess.KINDS for kind in kinds)


def _is_kind(cells: pl.Series) -> bool:
    numbers = cells.cast(pl.Float64, strict=False).drop_nulls()
    return not len(numbers) and cells.n_unique() <= min(_FEW_KINDS, len(cells) // 4)


def _is_value(cells: pl.Series) -> bool:
    numbers = cells.cast(pl.Float64, strict=False).drop_nulls()
    if len(numbers) < MOST * len(cells):
        return False
    few = numbers.n_unique() <= min(_FEW_VALUES, len(cells) // 4)
    largest = float(numbers.abs().max() or 0)  # type: ignore[arg-type]
    return bool((numbers % 1 != 0).any()) or (few and largest <= _LARGEST_VALUE)


def _are_products(cells: pl.Series) -> bool:
    return all(_PRODUCT_CODE.fullmatch(cell) for cell in cells.drop_nulls())


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
    return bool(len(there)) and there.n_unique() >= MOST * len(there)
