"""What a generic dataset's events need before they are read: which rows, whose, how much.

Conditions that recsys.toml sets on rows, words that stand for a missing id, ids that are spelled
in several ways, rows without a user, amounts of money. Nothing is copied: a cleaning is an
expression over the raw columns, so that the line of a row stays known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from recsys_cli.columns import CLOCK, ITEM, SESSION, TIME, USER, VALUE
from recsys_cli.config.models import DatasetConfig
from recsys_cli.counted import counted
from recsys_cli.datasets.findings import MAX_SKIPPED
from recsys_cli.datasets.rawfile import as_text
from recsys_cli.datasets.spelling import SPACES, normalised
from recsys_cli.datasets.structure import Structure
from recsys_cli.datasets.tables import Intake
from recsys_cli.datasets.times import with_clock
from recsys_cli.errors import ConfigError

MISSING = (
    "na", "n/a", "#n/a", "<na>", "nan", "null", "(null)", "\\n", "none", "nil", "undefined",
    "unknown", "missing", "-",
)  # fmt: skip
"""Words that stand for a missing id, in lower case."""
_MAYBE_MISSING = ("-1", "0")
"""Likewise, where one user holds far more of them than any other."""
_FAR_MORE, _HARDLY, _MANY = 5, 0.02, 0.2
_SOME, _AT_LEAST = 20, 100
_CONDITION = re.compile(r"\s*(.+?)\s*(>=|<=|!=|=|>|<)\s*(.*?)\s*$")
_MONEY = re.compile(r"[^\d.,()+\-eE]")


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How raw rows become clean ones.

    Attributes:
        prepare: from raw rows to clean ones, with the same columns.
        uses: raw columns that it needs besides those with a role.
        filtered: rows that it leaves out because recsys.toml says so.
    """

    prepare: Callable[[pl.LazyFrame], pl.LazyFrame]
    uses: tuple[str, ...] = ()
    filtered: int = 0


def clean_events(source: Structure, roles: Mapping[str, str], intake: Intake) -> Cleaning:
    """Settle how the rows of the events are cleaned, and say what that does.

    Args:
        source: the raw events.
        roles: its columns by role.
        intake: its findings are told.

    Raises:
        ConfigError: a condition or setting does not fit the columns.
        DataError: what would be left out is too much to do so unasked.
    """
    config, file = intake.config, source.file
    conditions = [_condition(text, source) for text in config.keep]
    session = _session(roles, config, source)
    dtypes = file.dtypes()
    exprs = {
        role: normalised(as_text(roles[role], dtypes[roles[role]]), config.normalize_ids)
        for role in (SESSION, USER, ITEM)
        if role in roles
    }
    kept = [condition for _, condition in conditions]
    chosen = _filtered(file.scan(), kept)
    missing = {
        role: _missing(role, chosen.select(expr.alias("id")), roles[role], source, intake)
        for role, expr in exprs.items()
    }
    exprs = {
        role: pl.when(~expr.is_in(sorted(missing[role]))).then(expr) if missing[role] else expr
        for role, expr in exprs.items()
    }
    if config.guests == "drop":
        kept.append(exprs[USER].is_not_null())
    elif config.guests == "session" and session is not None:
        own = as_text(session, dtypes[session])
        exprs[USER] = pl.coalesce(exprs[USER], pl.concat_str(pl.lit(f"{session}:"), own))
    value = roles.get(VALUE)
    number = None
    if value is not None and dtypes[value] == pl.String:
        number = _number(source, value, kept, intake)
    if config.returns == "drop" and value is not None:
        amount = number if number is not None else pl.col(value)
        negative = amount.cast(pl.Float64, strict=False) < 0
        kept.append(~negative.fill_null(value=False))
    filtered = _count_filtered(source, kept, intake)
    # By column, since one may be user and session.
    cells = {roles[role]: expr for role, expr in exprs.items()}
    if number is not None and value is not None:
        cells[value] = number
    clock = roles.get(CLOCK)
    if clock is not None and TIME in roles:
        day = roles[TIME]
        texts = (as_text(column, dtypes[column]) for column in (day, clock))
        cells[day] = with_clock(*texts)
    new = [expr.alias(column) for column, expr in cells.items()]

    def prepare(frame: pl.LazyFrame) -> pl.LazyFrame:
        return _filtered(frame, kept).with_columns(new)

    uses = [column for column, _ in conditions] + [c for c in (session, clock) if c]
    return Cleaning(prepare, tuple(uses), filtered)


def _condition(text: str, source: Structure) -> tuple[str, pl.Expr]:
    match = _CONDITION.match(text)
    names = source.file.usable
    if match is None or match[1] not in names:
        raise ConfigError(
            f"keep: {text!r} is no condition on a column of {source.file.label}",
            hint=f"write COLUMN=VALUE or COLUMN>=VALUE; the columns are: {', '.join(names)}",
        )
    column, sign, wanted = match.groups()
    cell = as_text(column, source.file.dtypes()[column]).str.strip_chars()
    number = cell.cast(pl.Float64, strict=False)
    try:
        amount: float | None = float(wanted)
    except ValueError:
        amount = None
    if sign in ("=", "!="):
        same = cell == wanted.strip("\"'")
        if amount is not None:
            same = same | (number == amount).fill_null(value=False)
        if not wanted:
            same = cell.is_null()
        return column, same.fill_null(value=False) if sign == "=" else ~same.fill_null(value=False)
    if amount is None:
        raise ConfigError(
            f"keep: {text!r} compares with what is no number", hint="such as rating>=4"
        )
    compared = {">=": number >= amount, "<=": number <= amount, ">": number > amount}
    return column, compared.get(sign, number < amount).fill_null(value=False)


def _session(roles: Mapping[str, str], config: DatasetConfig, source: Structure) -> str | None:
    """The column of sessions or orders, where guests become one each."""
    if config.guests != "session":
        return None
    names = source.file.usable
    column = roles.get(SESSION) or session_column(names, roles)
    if column is None or column not in names:
        raise ConfigError(
            f'guests = "session" needs a column of sessions, and {source.file.label} has none',
            hint='name it in recsys.toml: columns = { session = "COLUMN" }; the columns are: '
            + ", ".join(names),
        )
    return column


def session_column(names: Sequence[str], roles: Mapping[str, str]) -> str | None:
    """The column that is called after sessions, visits, orders or invoices; None without one."""
    for word in ("session", "anonymous", "visit", "order", "invoice", "basket", "transaction"):
        found = [
            name
            for name in names
            if word in name.lower()
            and name not in roles.values()
            and not re.search(r"date|time|status|qty|quantity|number_of|at$", name.lower())
        ]
        if found:
            return found[0]
    return None


def _filtered(frame: pl.LazyFrame, conditions: Sequence[pl.Expr]) -> pl.LazyFrame:
    for condition in conditions:
        frame = frame.filter(condition)
    return frame


def _missing(
    role: str, ids: pl.LazyFrame, column: str, source: Structure, intake: Intake
) -> list[str]:
    """The ids that are none, as they are spelled; `ids` holds those of the rows as `id`."""
    words = intake.config.missing_ids
    wanted = MISSING if words is None else tuple(word.lower() for word in words)
    counts = ids.drop_nulls().group_by("id").len().collect(engine="streaming")
    counts = counts.sort("len", "id", descending=[True, False])
    spelled = pl.col("id").str.strip_chars(SPACES).str.to_lowercase().is_in(wanted)
    found = counts.filter(spelled)
    if words is None and role == USER:
        found = pl.concat([found, _implausible(counts.filter(~spelled))])
    if not len(found):
        return []
    rows = int(found["len"].sum())
    shown = ", ".join(repr(each) for each in found["id"].head(3))
    intake.findings.warn(
        f"events.missing_{role}",
        f"{counted(rows, 'rows')} with {shown} for the {role}: taken as without one",
        file=source.file.label,
        column=column,
        count=rows,
        example=found["id"][0],
        hint=f"if that is a real {role}: missing_ids = [] in recsys.toml",
    )
    return found["id"].to_list()


def _implausible(counts: pl.DataFrame) -> pl.DataFrame:
    """The user who holds far more events than any other, if there is one: no single person.

    Args:
        counts: ids and how many events each has, most first.
    """
    if len(counts) < _SOME or counts["len"][0] < _AT_LEAST:
        return counts.clear()
    share = counts["len"][0] / int(counts["len"].sum())
    least = _HARDLY if counts["id"][0] in _MAYBE_MISSING else _MANY
    far = counts["len"][0] >= _FAR_MORE * counts["len"][1]
    return counts.head(1) if far and share >= least else counts.clear()


def _number(
    source: Structure, column: str, kept: Sequence[pl.Expr], intake: Intake
) -> pl.Expr | None:
    """The value column as plain numbers, where its cells are amounts of money; else None."""
    cell = pl.col(column).str.strip_chars()
    frame = _filtered(source.file.scan(), kept)
    unread = frame.filter(cell.ne("") & cell.cast(pl.Float64, strict=False).is_null())
    cells = unread.select(cell).head(1000).collect(engine="streaming").to_series().to_list()
    if not cells:
        return None
    style = money_style(cells)
    if style is None:
        return None
    bare = cell.str.replace_all(_MONEY.pattern, "").str.replace(r"^\((.*)\)$", "-$1")
    if style == ",":
        plain = bare.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    else:
        plain = bare.str.replace_all(",", "", literal=True)
    intake.findings.ok(
        "events.value_format",
        f"read as amounts with {style!r} before the decimals, such as {cells[0]!r}",
        file=source.file.label,
        column=column,
    )
    return plain


def money_style(cells: Sequence[str]) -> str | None:
    """What stands before the decimals of these amounts, a point or a comma; None for no amounts."""
    bare = [_MONEY.sub("", cell) for cell in cells]
    amounts = [cell for cell in bare if re.fullmatch(r"[(+-]*\d[\d.,]*\)?", cell)]
    if len(amounts) < (1 - 2 * MAX_SKIPPED) * len(cells):
        return None
    both = [cell for cell in amounts if "." in cell and "," in cell]
    if both:
        return "," if both[0].rindex(",") > both[0].rindex(".") else "."
    commas = [cell for cell in amounts if "," in cell]
    grouped = all(re.fullmatch(r"[(+-]*\d{1,3}(,\d{3})+\)?", cell) for cell in commas)
    return "," if commas and not grouped else "."


def _count_filtered(source: Structure, kept: Sequence[pl.Expr], intake: Intake) -> int:
    if not kept:
        return 0
    frame = _filtered(source.file.scan(), kept)
    left = int(frame.select(pl.len()).collect(engine="streaming").item())
    out = source.rows - left
    intake.findings.ok(
        "events.keep",
        counted(out, "rows left out, as recsys.toml says"),
        file=source.file.label,
        count=out,
    )
    if not left:
        intake.findings.fatal(
            "events.keep",
            "no row is left by what recsys.toml keeps",
            file=source.file.label,
            hint="look at keep, guests and returns",
        )
    return out
