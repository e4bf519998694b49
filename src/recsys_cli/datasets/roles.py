"""Which column plays which part, from what the columns hold, where their names say nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.datasets.times import detect_time

_SINCE, _UNTIL = datetime(1990, 1, 1), datetime(2100, 1, 1)
_MOST, _FEW_KINDS, _FEW_VALUES, _LARGEST_VALUE = 0.95, 12, 20, 1000.0
_PRODUCT_CODE = re.compile(r"B0[0-9A-Z]{8}|[0-9]{9}[0-9X]")
"""Amazon's product codes, and ISBNs."""


def roles_by_content(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The columns of a table of events by role; none where it does not look like one.

    Times are what reads as dates since 1990, kinds of event are a few words, values a few small
    numbers or such with decimals, and of the rest the first two are the user and the item.

    Args:
        columns: some cells of every column, in the order of the file.
    """
    cells = {name: pl.Series(name, list(some), dtype=pl.String) for name, some in columns.items()}
    left = {name: some for name, some in cells.items() if some.n_unique() > 1 and name}
    found: dict[str, str] = {}
    times = [name for name, some in left.items() if tells_time(some)]
    if times:
        found[TIME] = max(times, key=lambda name: left[name].n_unique())
    rest = [name for name in left if name not in times]
    for role, fits in ((EVENT, _is_kind), (VALUE, _is_value)):
        # Two columns have to be left for the user and the item.
        match = next((name for name in rest if fits(left[name])), None) if len(rest) > 2 else None
        if match is not None:
            found[role] = match
            rest.remove(match)
    if len(rest) < 2 or (TIME not in found and left[rest[0]].is_unique().all()):
        return {}
    user, item = rest[:2]
    if _are_products(left[user]) and not _are_products(left[item]):
        user, item = item, user
    return {USER: user, ITEM: item, **found}


def tells_time(cells: pl.Series) -> bool:
    """Whether nearly all cells read as times between 1990 and 2100."""
    cells = cells.drop_nulls()
    time = detect_time(cells) if len(cells) else None
    if time is None:
        return False
    read = cells.to_frame().select(time.expr.is_between(_SINCE, _UNTIL).sum()).item()
    return bool(read >= _MOST * len(cells))


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
