"""The generic adapter: any events file with a user and an item column.

Columns come from recsys.toml or are guessed from common names; items and users files are
optional. Without an event column every row is one `interaction`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from recsys_cli.columns import EVENT, IMAGE, IN_CATALOGUE, ITEM, NAME, TIME, USER, VALUE
from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets import guess, tables
from recsys_cli.datasets.generic_files import locate_files, look_at
from recsys_cli.datasets.opening import exact_ids, require_columns
from recsys_cli.datasets.structure import Structure
from recsys_cli.errors import ConfigError

_KIND = "interaction"
_ID = "__id"
# A text column with at most this many different values is a category too.
_MAX_USER_VALUES = 64
_MAX_CATEGORIES = 1_000


class GenericAdapter:
    """Reads files of any layout that has one row per event."""

    usual_name = ""
    sign = re.compile(r"\.(csv|tsv|txt|parquet|jsonl|ndjson|json|inter)(\.gz)?$", re.IGNORECASE)

    def locate(self, folder: Path, config: DatasetConfig) -> list[tables.Slot]:
        """The events, items and users files."""
        return locate_files(folder, config)

    def read(self, slots: Mapping[str, tables.Slot], intake: tables.Intake) -> tables.RawTables:
        """The tables with their columns settled."""
        opened = tables.open_slots(slots, intake)
        events = _events(opened["events"], intake)
        _report_unreadable(intake)
        items = _catalogue(opened.get("items"), ITEM, events.item, intake)
        users = _catalogue(opened.get("users"), USER, events.user, intake)
        intake.findings.raise_if_failed()
        config = intake.config
        text, categories = _item_columns(items)
        defaults = tables.Defaults(
            weights=guess.WEIGHTS,
            repurchase=False,
            text_columns=text,
            category_columns=categories,
            user_columns=_user_columns(users),
            image_root=config.path if config.image_column else None,
        )
        return tables.RawTables(events, items, users, defaults)


def _report_unreadable(intake: tables.Intake) -> None:
    """Warn of files that could not be looked at when the tables were looked for."""
    config = intake.config
    if None not in (config.events, config.items, config.users):
        return
    for path, finding in look_at(intake.folder, config).unreadable.items():
        intake.findings.warn(
            "files.unreadable",
            f"left aside: {finding.message}",
            file=path.name,
            hint=f"{finding.hint}; or move it away",
        )


def _events(source: Structure, intake: tables.Intake) -> tables.RawEvents:
    asked = intake.config.columns.model_dump(exclude_none=True)
    roles = {role: _column(role, asked.get(role), source, intake) for role in guess.ROLES}
    settings = {
        column: _setting(intake, f'columns = {{ {role} = "COLUMN" }}')
        for role, column in roles.items()
        if column and role in asked
    }
    needed = [column for column in roles.values() if column]
    require_columns(source.file, needed, intake.findings, settings=settings)
    intake.findings.raise_if_failed()
    user, item = str(roles[USER]), str(roles[ITEM])
    exact_ids(source.file, [user, item], intake.findings)
    intake.findings.raise_if_failed()
    chosen = ", ".join(f"{role} = {column!r}" for role, column in roles.items() if column)
    intake.findings.ok("events.roles", chosen, file=source.file.label)
    time, event, value = roles[TIME], roles[EVENT], roles[VALUE]
    if time is None:
        _report_no_time(source, intake)
    return tables.RawEvents(source, user, item, time, event, value, None if event else (_KIND,))


def _column(role: str, asked: str | None, source: Structure, intake: tables.Intake) -> str | None:
    """The events' column for a role, as asked for or by its name; None where there is none."""
    names, problem = source.file.names, f"no column looks like the {role}"
    found = None
    try:
        if asked is None:
            found = guess.guess_role(names, role)
        elif asked != guess.SKIP:
            found = resolve(asked, names)
    except guess.AmbiguousError as error:
        problem = f"several columns could be the {role}: {error.args[0]}"
    if found is None and role in guess.IDS:
        raise _no_column(source, problem, f'columns = {{ {role} = "COLUMN" }}', intake)
    return found


def _no_column(source: Structure, problem: str, line: str, intake: tables.Intake) -> ConfigError:
    return ConfigError(
        f"{source.file.label}: {problem}; the columns are: {', '.join(source.file.names)}",
        hint=f"write in recsys.toml: {_setting(intake, line)}",
    )


def _setting(intake: tables.Intake, line: str) -> str:
    return f"{line} in [datasets.{intake.name}]"


def _report_no_time(source: Structure, intake: tables.Intake) -> None:
    message = "no time column: popularity has no window, and `recsys eval` needs --truth"
    label = source.file.label
    if intake.config.columns.time == guess.SKIP:
        intake.findings.ok("events.time", message, file=label)
        return
    intake.findings.warn(
        "events.time",
        message,
        file=label,
        count=source.rows,
        hint="if a column holds the time, name it in recsys.toml: "
        + _setting(intake, 'columns = { time = "COLUMN" }')
        + '; with time = "" this is no warning',
    )


def resolve(wanted: str, names: Sequence[str]) -> str:
    """The column that a setting means: its exact name, or its name without a RecBole type."""
    if wanted in names:
        return wanted
    return next((name for name in names if guess.bare(name) == wanted), wanted)


def _own_id(source: Structure, role: str, in_events: str, intake: tables.Intake) -> str:
    """The id column of a catalogue: named as in the events, or like an id."""
    names = source.file.names
    same = resolve(guess.bare(in_events), names)
    if same in names:
        return same
    try:
        found = guess.guess_role(names, role) or guess.guess_first(names, ("id",))
    except guess.AmbiguousError:
        found = None
    if found is None:
        problem = f"no column looks like the id of {source.file.table}"
        raise _no_column(source, problem, f'{role}_id = "COLUMN"', intake)
    return found


def _catalogue(
    source: Structure | None, role: str, in_events: str, intake: tables.Intake
) -> tables.RawCatalogue | None:
    """The items or the users, where there is a file of them."""
    if source is None:
        return None
    file, config, findings = source.file, intake.config, intake.findings
    asked = {ITEM: config.item_id, USER: config.user_id}
    own = asked[role]
    if own is None:
        id_column = _own_id(source, role, in_events, intake)
    else:
        id_column = resolve(own, file.names)
    settings = {}
    if id_column in asked.values():
        settings[id_column] = _setting(intake, f'{role}_id = "COLUMN"')
    if not require_columns(file, [id_column], findings, settings=settings):
        return None
    if not exact_ids(file, [id_column], findings):
        return None
    parts: dict[str, str | None] = {}
    if role == ITEM:
        title = _chosen(config.name_column, file.names, guess.TITLES)
        image = _chosen(config.image_column, file.names, ())
        parts = {NAME: title, IMAGE: image}
    columns = _free_names(file.names, parts, role)
    columns[id_column] = _ID
    frame = file.scan_text(list(columns)).rename(columns)

    def finish(table: pl.LazyFrame) -> pl.LazyFrame:
        return table.with_columns(pl.col(columns[c]).alias(part) for part, c in parts.items() if c)

    return tables.RawCatalogue(file.table, file.label, frame, _ID, finish, file, id_name=id_column)


def _free_names(names: Sequence[str], parts: Mapping[str, str | None], role: str) -> dict[str, str]:
    """New names of the raw columns: without RecBole types, and not like a canonical column.

    Args:
        names: the raw columns.
        parts: by canonical name the raw column that plays it, which may keep it.
        role: `user` or `item`.
    """
    taken = {role, IN_CATALOGUE} | ({"source", NAME, IMAGE} if role == ITEM else set())
    columns: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = guess.bare(name)
        if parts.get(plain) != name and (plain in taken or plain in columns.values()):
            plain = f"{plain}_raw"
        columns[name] = plain
    return columns


def _chosen(asked: str | None, names: Sequence[str], known: Sequence[str]) -> str | None:
    if asked is None:
        return guess.guess_first(names, known)
    found = resolve(asked, names)
    if found not in names:
        raise ConfigError(
            f"there is no column {asked!r}", hint=f"the columns are: {', '.join(names)}"
        )
    return found


def _item_columns(items: tables.RawCatalogue | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that read like text, and columns that are categories, by their content."""
    number = pl.all().cast(pl.Float64, strict=False).is_not_null() | pl.all().is_null()
    names, counts = _counts(items, number.all().name.suffix(":number"), pl.len().alias(":rows"))
    text = tuple(n for n in names if not counts[f"{n}:number"])
    limit = min(_MAX_CATEGORIES, counts.get(":rows", 0) // 2)
    return text, tuple(n for n in text if counts[f"{n}:unique"] <= limit)


def _user_columns(users: tables.RawCatalogue | None) -> tuple[str, ...]:
    """Columns with few values."""
    names, counts = _counts(users)
    return tuple(n for n in names if 1 < counts[f"{n}:unique"] <= _MAX_USER_VALUES)


def _counts(table: tables.RawCatalogue | None, *more: pl.Expr) -> tuple[list[str], dict[str, int]]:
    """Columns but the id, and of each `NAME:unique`, about how many values it has, and `more`."""
    frame = table.frame.drop(table.id) if table else pl.LazyFrame()
    names = frame.collect_schema().names()
    if not names:
        return [], {}
    counted = frame.select(pl.all().approx_n_unique().name.suffix(":unique"), *more)
    return names, counted.collect(engine="streaming").row(0, named=True)
