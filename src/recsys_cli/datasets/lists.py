"""Cells that list several items, as impressions of news do, and a row for each item of them.

In `N1-0 N2-1` two items were shown, and the second was clicked: what stands behind an item is its
mark, and becomes a column that `keep` can ask for.
"""

from __future__ import annotations

import re

import polars as pl

from recsys_cli.config.models import SplitConfig
from recsys_cli.counted import counted
from recsys_cli.datasets.opening import require_columns
from recsys_cli.datasets.rawfile import as_text
from recsys_cli.datasets.structure import Structure, rewritten
from recsys_cli.datasets.tables import Intake
from recsys_cli.datasets.times import SAMPLE_ROWS, detect_time, given_time
from recsys_cli.errors import ConfigError

MARKED = ".mark"
"""Behind the name of the column of items, that of their marks."""
HAD = "1"
"""The mark of what comes from a history."""
_BETWEEN = (";", "|", ",", " ")
_MARKS = ((":", r":\d+"), ("-", "-[01]"), (None, ""))
"""What stands before a mark, and both: how many pieces, or whether it was clicked."""
_AN_ID = r"[\w/-]*\d[\w/-]*"
_AMOUNT = r"^[+-]?(\d{1,3}(,\d{3})+|\d+,\d{1,3})$"
_AROUND = r"[\[\]\"']"
_MOST, _OFTEN, _HALF = 0.95, 0.2, 0.5


def list_in(cells: pl.Series) -> SplitConfig | None:
    """How a column lists ids that other cells list as well; None where it does not."""
    there = cells.drop_nulls().str.replace_all(_AROUND, "")
    if not len(there) or there.str.contains(_AMOUNT).all():
        return None
    for between in _BETWEEN:
        parts = there.str.split(between)
        if (parts.list.len() > 1).sum() < _OFTEN * len(there):
            continue
        each = parts.explode().str.strip_chars()
        for mark, looks in _MARKS:
            if each.str.contains(f"^{_AN_ID}{looks}$").sum() >= _MOST * len(each):
                ids = each.str.replace(f"{looks}$", "")
                again = ids.n_unique() <= _HALF * len(ids)
                return SplitConfig(by=between, mark=mark) if again else None
    return None


def tells_clicks(cells: pl.Series, mark: str) -> bool:
    """Whether the marks of listed items are 1 for what was clicked, and 0 for what was not."""
    found = cells.drop_nulls().str.extract_all(f"{re.escape(mark)}\\d+").explode()
    return set(found.unique()) == {f"{mark}0", f"{mark}1"}


def split_lists(source: Structure, intake: Intake) -> Structure:
    """The events with a row for each item of a cell, where recsys.toml says that cells list some.

    Raises:
        ConfigError: it does not say which column that is.
        DataError: a column is not there.
    """
    split, columns, file = intake.config.split, intake.config.columns, source.file
    if split is None:
        return source
    needed = {"item": columns.item}
    if split.history:
        needed |= {"user": columns.user, "time": columns.time}
    unsaid = [role for role, column in needed.items() if column is None]
    if unsaid:
        named = ", ".join(f'{role} = "COLUMN"' for role in unsaid)
        raise ConfigError(
            f"split is about columns of {file.label} that recsys.toml does not name",
            hint=f"columns = {{ {named} }}; the columns are: {', '.join(file.usable)}",
        )
    asked = [column for column in (*needed.values(), split.history) if column]
    require_columns(file, asked, intake.findings)
    intake.findings.raise_if_failed()
    item = columns.item or ""
    dtypes = file.dtypes()
    rows = a_row_each(file.scan().with_columns(as_text(item, dtypes[item])), item, split)
    if split.history:
        rows = pl.concat([rows, _history(source, intake, split)], how="diagonal_relaxed")
    made = rewritten(source, rows, intake.findings, intake.scratch)
    intake.findings.ok(
        "events.split",
        f"{counted(source.rows, 'rows')} list {counted(made.rows, 'items')}",
        file=file.label,
        column=item,
        count=made.rows,
    )
    return made


def a_row_each(frame: pl.LazyFrame, item: str, split: SplitConfig) -> pl.LazyFrame:
    """A row for each item that the text of a column lists, with its mark where there are marks."""
    bare = pl.col(item).str.replace_all(_AROUND, "")
    rows = frame.with_columns(bare.str.split(split.by)).explode(item)
    rows = rows.with_columns(pl.col(item).str.strip_chars()).filter(pl.col(item) != "")
    if split.mark is None:
        return rows
    pattern = f"^(.+){re.escape(split.mark)}(.*)$"
    ids, marks = (pl.col(item).str.extract(pattern, place) for place in (1, 2))
    return rows.with_columns(pl.coalesce(ids, item).alias(item), marks.alias(f"{item}{MARKED}"))


def chosen(frame: pl.LazyFrame, item: str, split: SplitConfig) -> pl.LazyFrame:
    """The same columns with a row for each item whose mark, where there are any, is not 0."""
    rows = a_row_each(frame, item, split)
    if split.mark is not None:
        rows = rows.filter(pl.col(f"{item}{MARKED}") != "0")
    return rows.select(frame.collect_schema().names())


def _history(source: Structure, intake: Intake, split: SplitConfig) -> pl.LazyFrame:
    """What users had before, a row each, at the time of their first row."""
    columns, file = intake.config.columns, source.file
    user, time, column = columns.user or "", columns.time or "", split.history or ""
    cells = file.scan([time]).head(SAMPLE_ROWS).collect(engine="streaming").to_series()
    given = intake.config.time_format
    known = given_time(time, given) if given else detect_time(cells)
    first = pl.col(time).get(known.expr.arg_min()) if known else pl.col(time).first()
    text = file.scan([user, column, time]).with_columns(as_text(column, file.dtypes()[column]))
    rows = a_row_each(text, column, split)
    item = columns.item or ""
    had = rows.select(user, time, pl.col(column).alias(item)).group_by(
        user, item, maintain_order=True
    )
    return had.agg(first).with_columns(pl.lit(HAD).alias(f"{item}{MARKED}"))
