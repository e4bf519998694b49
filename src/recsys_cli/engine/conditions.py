"""Conditions on the items table, such as `price<20`, `colour in red,blue` or `brand!=X`.

One text comes in, with the columns that there are; a mask of the items that meet it goes out. The
command line, the API and the rules of recsys.toml all read conditions here. Equality is of texts,
as ids are; of numbers, dates and truth values also by what they stand for. What is smaller or
larger is a matter of numbers and dates, and of texts where all of a column's read as such. An item
without a value meets no condition on it, `!=` and `not in` among them.
"""

from __future__ import annotations

import csv
import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.counted import counted
from recsys_cli.errors import UsageError, meant, no_column
from recsys_cli.moments import parsed_moment

if TYPE_CHECKING:
    import polars as pl

Mask = npt.NDArray[np.bool_]

_SIGN = re.compile(
    r"\s+(?P<word>not\s+in|in)(?:\s+|$)|(?P<space>\s*)(?P<sign>!=|<=|>=|=|<|>)", re.IGNORECASE
)
_QUOTES = "\"'"
_EXAMPLES = 5
_MOST_ALIKE = 2000
"""Values that a misspelt one is compared with."""
_FORM = (
    "write column=value, or one of !=, <, <=, >, >=, in and not in: 'price<20', "
    "'colour in red,blue'"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, read.

    Attributes:
        text: as it was given.
        column: of the items table.
        sign: =, !=, <, <=, >, >=, in, or not in.
        values: what it compares with; one, but for in and not in.
        where: who gave it, for messages.
    """

    text: str
    column: str
    sign: str
    values: tuple[str, ...]
    where: str

    def refused(self, why: str, hint: str | None = None) -> UsageError:
        """The error that says `why` this condition cannot be."""
        return UsageError(f"{self.where}: {why}", hint=hint)


def parsed(text: str, columns: Sequence[str], *, dataset: str, where: str = "--where") -> Condition:
    """Read a condition.

    A column is named as it is, or in quotes. What stands before the first sign that makes a column
    of it is the column: `made in country=SE` is about the column `made in country` if there is one.

    Args:
        text: such as `price<20`.
        columns: of the items table.
        dataset: for messages.
        where: who gives it, for messages.

    Raises:
        UsageError: it is not of the form, or names no column.
    """
    column, equals, value = text.partition("=")
    if equals and column in columns:
        return Condition(text, column, "=", (value,), where)
    readings = [_read(text, match) for match in _SIGN.finditer(text)]
    if not readings:
        raise UsageError(f"{where} {text!r} is not of the form column=value", hint=_FORM)
    for column, sign, rest in readings:
        if column in columns:
            return Condition(text, column, sign, _values(text, sign, rest, where), where)
    unknown = no_column(dataset, readings[0][0], columns)
    raise UsageError(f"{where} {text!r}: {unknown.message}", hint=unknown.hint)


def _read(text: str, match: re.Match[str]) -> tuple[str, str, str]:
    """Column, sign and the rest, where the sign is the one found."""
    column, rest = text[: match.start()].strip(), text[match.end() :]
    if len(column) > 1 and column[0] == column[-1] and column[0] in _QUOTES:
        column = column[1:-1]
    if match["word"]:
        return column, " ".join(match["word"].lower().split()), rest
    # Spaces are part of a value, but where they stand on both sides of the sign.
    return column, match["sign"], rest.strip() if match["space"] else rest


def _values(text: str, sign: str, rest: str, where: str) -> tuple[str, ...]:
    """What stands between the commas after `in`, or all that stands after another sign."""
    if not sign.endswith("in"):
        return (rest,)
    try:
        values = next(csv.reader([rest], skipinitialspace=True, strict=True), [])
    except csv.Error:
        values = []
    if not all(value.strip() for value in values) or not values:
        raise UsageError(
            f"{where} {text!r}: values with commas between them are expected after {sign!r}",
            hint="one that holds a comma stands in double quotes: "
            "'colour in red,\"black, dotted\"'",
        )
    return tuple(value.strip() for value in values)


def mask_of(condition: Condition, values: pl.Series) -> Mask:
    """(n_items,) the items that meet a condition.

    Args:
        condition: on the column.
        values: the column.

    Raises:
        UsageError: no item does, or the column has no such values to compare.
    """
    if condition.sign in _ORDERED:
        cells, wanted = _comparable(condition, values)
        met = _ORDERED[condition.sign](cells, wanted)
    else:
        cells, met = values, _equal(condition, values)
        if condition.sign in ("!=", "not in"):
            met = ~met
    found: Mask = (met & values.is_not_null()).fill_null(value=False).to_numpy()
    if not found.any():
        raise _met_by_none(condition, cells)
    return found


_ORDERED: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _equal(condition: Condition, values: pl.Series) -> pl.Series:
    """Whether each value is one of the condition's: as text, or by what it stands for."""
    import polars as pl

    texts = values.cast(pl.String)
    met = texts.is_in(list(condition.values))
    for value in condition.values:
        bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        if bare != value and not (texts == value).any():
            met |= texts == bare
        if values.dtype == pl.Boolean:
            met |= texts == bare.lower()
        elif values.dtype != pl.String:
            for cells, wanted in _readings(values, bare):
                met |= cells == wanted
    return met


def _comparable(condition: Condition, values: pl.Series) -> tuple[pl.Series, Any]:
    """The values and the one to compare them with, as numbers or as moments.

    Raises:
        UsageError: the column's are neither, or the one is not as they are.
    """
    import polars as pl

    column, wanted = condition.column, condition.values[0].strip()
    for found in _readings(values, wanted):
        return found
    example = values.drop_nulls().cast(pl.String).head(1).to_list()
    if _numbers(values) is not None:
        hint = "".join(["such as ", column, condition.sign, *example])
        raise condition.refused(f"{wanted!r} is no number, and {column} holds numbers", hint)
    if _moments(values) is not None:
        raise condition.refused(
            f"{wanted!r} is no date or time, and {column} holds such",
            "write YYYY-MM-DD or YYYY-MM-DDTHH:MM",
        )
    told = values.cast(pl.String).drop_nulls()
    told = told.filter(told.cast(pl.Float64, strict=False).is_null())
    such = f", such as {told[0]!r}," if len(told) else ""
    raise condition.refused(
        f"{column} holds what has no order{such} so there is nothing {condition.sign} to it",
        "compare it with =, !=, in or not in",
    )


def _readings(values: pl.Series, wanted: str) -> Iterator[tuple[pl.Series, Any]]:
    """A column and a value to compare it with, as numbers and as moments where both are such."""
    for cells, read in ((_numbers, _number), (_moments, parsed_moment)):
        try:
            one = read(wanted)
        except (ValueError, OverflowError):
            continue
        column = cells(values)
        if column is not None:
            yield column, one


def _number(text: str) -> float:
    number = float(text)
    if math.isnan(number):
        raise ValueError("NaN is no number")
    return number


def _numbers(values: pl.Series) -> pl.Series | None:
    """The values as float64, null for NaN; None where there is one that is no number."""
    import polars as pl

    if values.dtype.is_numeric():
        return values.cast(pl.Float64).fill_nan(None)
    return _all_read(values, pl.col(values.name).str.strip_chars().cast(pl.Float64, strict=False))


def _moments(values: pl.Series) -> pl.Series | None:
    """The values as moments in UTC; None where there is one that is none."""
    import polars as pl

    from recsys_cli.datasets.times import SAMPLE_ROWS, detect_time

    texts = values.dtype == pl.String
    if not texts and not isinstance(values.dtype, pl.Date | pl.Datetime):
        return None
    time = detect_time(values.drop_nulls().head(SAMPLE_ROWS))
    # Any number could be an epoch.
    if time is None or time.name.startswith("epoch"):
        return None
    return (
        _all_read(values, time.expr) if texts else values.to_frame().select(time.expr).to_series()
    )


def _all_read(values: pl.Series, read: pl.Expr) -> pl.Series | None:
    """What an expression makes of texts; None where it makes nothing of one that is not empty."""
    import polars as pl

    if values.dtype != pl.String:
        return None
    made = values.to_frame().select(read).to_series()
    missing = made.is_null() & values.is_not_null() & (values.str.strip_chars() != "")
    return None if missing.any() or made.is_null().all() else made


def _met_by_none(condition: Condition, cells: pl.Series) -> UsageError:
    import polars as pl

    nulls, wanted = cells.null_count(), condition.values[0]
    why = f"no item has {condition.text}"
    if nulls:
        why += f"; {counted(nulls, 'items have')} no {condition.column} and never match"
    if condition.sign in _ORDERED:
        ends: list[Any] = [cells.min(), cells.max()]
        low, high = (f"{end:g}" if isinstance(end, float) else end for end in ends)
        return condition.refused(why, f"{condition.column} goes from {low} to {high}")
    texts = cells.drop_nulls().cast(pl.String).unique(maintain_order=True)
    near = meant(wanted, texts.head(_MOST_ALIKE)) if condition.sign == "=" else ""
    return condition.refused(why + near, f"such as: {', '.join(texts.head(_EXAMPLES))}")
