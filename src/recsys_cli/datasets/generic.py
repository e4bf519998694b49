"""The generic adapter: any events file with a user and an item column.

Columns come from recsys.toml or are guessed from common names; items and users files are
optional. Without an event column every row is one `interaction`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from recsys_cli.columns import EVENT, IMAGE, IN_CATALOGUE, ITEM, NAME, SESSION, TIME, USER, VALUE
from recsys_cli.config.models import DatasetConfig
from recsys_cli.config.template import toml_line
from recsys_cli.datasets import guess
from recsys_cli.datasets.cleaning import clean_events
from recsys_cli.datasets.contents import title_by_content
from recsys_cli.datasets.generic_files import locate_files, look_at
from recsys_cli.datasets.itempictures import (
    PICTURE_SUFFIX,
    Pictures,
    named_pictures,
    picture_column,
    pictures_by_id,
)
from recsys_cli.datasets.joins import joined
from recsys_cli.datasets.lists import split_lists
from recsys_cli.datasets.opening import exact_ids, require_columns
from recsys_cli.datasets.roles import find_roles
from recsys_cli.datasets.spelling import normalised
from recsys_cli.datasets.structure import Structure
from recsys_cli.datasets.tables import (
    Defaults,
    Intake,
    RawCatalogue,
    RawEvents,
    RawTables,
    Slot,
    open_slots,
)
from recsys_cli.datasets.times import SAMPLE_ROWS
from recsys_cli.errors import ConfigError

_KIND = "interaction"
NO_PICTURES = Pictures()
_ID = "__id"
# A text column with at most this many different values is a category too.
_MAX_USER_VALUES = 64
_MAX_CATEGORIES = 1_000
_MOSTLY = 0.5


class GenericAdapter:
    """Reads files of any layout that has one row per event."""

    usual_name = ""
    sign = re.compile(
        r"\.(csv|tsv|txt|dat|data|parquet|jsonl|ndjson|json|inter)(\.gz)?$", re.IGNORECASE
    )

    def locate(self, folder: Path, config: DatasetConfig) -> list[Slot]:
        """The events, items and users files."""
        return locate_files(folder, config)

    def read(self, slots: Mapping[str, Slot], intake: Intake) -> RawTables:
        """The tables with their columns settled."""
        opened = open_slots(slots, intake)
        events = _events(split_lists(joined(opened, intake), intake), intake)
        _report_unreadable(intake)
        pictures = Pictures.below(intake.folder)
        items = _catalogue(opened.get("items"), ITEM, events.item, intake, pictures)
        users = _catalogue(opened.get("users"), USER, events.user, intake)
        intake.findings.raise_if_failed()
        config = intake.config
        text, categories = _item_columns(items)
        defaults = Defaults(
            weights=guess.WEIGHTS,
            repurchase=False,
            text_columns=text,
            category_columns=categories,
            user_columns=_user_columns(users),
            image_root=config.path if config.image_column or pictures.paths else None,
            hide_gone=True,
        )
        return RawTables(events, items, users, defaults)


def _report_unreadable(intake: Intake) -> None:
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


def _events(source: Structure, intake: Intake) -> RawEvents:
    config = intake.config
    asked = config.columns.model_dump(exclude_none=True)
    roles = _roles(source, asked, intake)
    settings = {
        column: _setting(intake, f'columns = {{ {role} = "COLUMN" }}')
        for role, column in roles.items()
        if role in asked
    }
    require_columns(source.file, list(roles.values()), intake.findings, settings=settings)
    intake.findings.raise_if_failed()
    user, item = roles[USER], roles[ITEM]
    exact_ids(source.file, [user, item], intake.findings)
    intake.findings.raise_if_failed()
    if TIME not in roles:
        _report_no_time(source, intake)
    event = roles.get(EVENT)
    cleaning = clean_events(source, roles, intake)
    _report_ratings(source, roles.get(VALUE), intake)
    return RawEvents(
        source,
        user,
        item,
        roles.get(TIME),
        event,
        roles.get(VALUE),
        roles.get(SESSION),
        kinds=None if event else (_KIND,),
        time_format=config.time_format,
        prepare=cleaning.prepare,
        uses=cleaning.uses,
        filtered=cleaning.filtered,
        returns=config.returns,
    )


def _report_ratings(source: Structure, value: str | None, intake: Intake) -> None:
    """Point out ratings that change nothing: half a star is then a like as five are."""
    config = intake.config
    filters = any(value is not None and condition.startswith(value) for condition in config.keep)
    if value is None or config.value_as_weight is not None or filters:
        return
    if guess.normal(value) in guess.RATINGS:
        intake.findings.warn(
            "events.ratings",
            "ratings neither weigh nor filter: the lowest counts as much as the highest",
            file=source.file.label,
            column=value,
            count=source.rows,
            hint=f'in recsys.toml: keep = ["{value}>=4"] or value_as_weight = true; '
            "value_as_weight = false leaves it so",
        )


def _roles(source: Structure, asked: Mapping[str, str], intake: Intake) -> dict[str, str]:
    """The events' columns by role, as asked for, by their names or by what they hold."""
    file = source.file
    try:
        found = find_roles(file.sample(SAMPLE_ROWS), asked, named=file.header)
    except guess.AmbiguousError as error:
        role, columns = error.args
        problem = f"several columns could be the {role}: {columns}"
        raise _no_column(source, problem, f'columns = {{ {role} = "COLUMN" }}', intake) from None
    repeated = {name for name in file.names if name and file.names.count(name) > 1}
    for role in guess.ROLES:
        if role not in found.columns and role not in asked:
            twice = guess.guess_role(sorted(repeated), role)
            # That it is there twice is said where it is asked for.
            found.columns |= {role: twice} if twice else {}
    for role in guess.IDS:
        if role not in found.columns:
            problem, line = f"no column looks like the {role}", f'columns = {{ {role} = "COLUMN" }}'
            raise _no_column(source, problem, line, intake)
    if found.split is not None:
        raise _no_column(
            source,
            f"{found.columns[ITEM]} lists several items in a cell",
            f'columns = {{ item = "{found.columns[ITEM]}" }} and {toml_line("split", found.split)}',
            intake,
        )
    chosen = ", ".join(f"{role} = {column!r}" for role, column in found.columns.items())
    reasons = "; ".join(f"{role} {reason}" for role, reason in found.guesses.items())
    message = f"{chosen} ({reasons})" if reasons else chosen
    intake.findings.ok("events.roles", message, file=file.label)
    return found.columns


def _no_column(source: Structure, problem: str, line: str, intake: Intake) -> ConfigError:
    return ConfigError(
        f"{source.file.label}: {problem}; the columns are: {', '.join(source.file.names)}",
        hint=f"write in recsys.toml: {_setting(intake, line)}",
    )


def _setting(intake: Intake, line: str) -> str:
    return f"{line} in [datasets.{intake.name}]"


def _report_no_time(source: Structure, intake: Intake) -> None:
    message = "no time column: popularity has no window, and random pairs are held out"
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


def _own_id(source: Structure, role: str, in_events: str, intake: Intake) -> str:
    """The id column of a catalogue: named as in the events, or like an id."""
    names = source.file.names
    same = guess.resolve(guess.bare(in_events), names)
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
    source: Structure | None,
    role: str,
    in_events: str,
    intake: Intake,
    pictures: Pictures = NO_PICTURES,
) -> RawCatalogue | None:
    """The items or the users, where there is a file of them."""
    if source is None:
        return None
    file, config, findings = source.file, intake.config, intake.findings
    asked = {ITEM: config.item_id, USER: config.user_id}
    own = asked[role]
    if own is None:
        id_column = _own_id(source, role, in_events, intake)
    else:
        id_column = guess.resolve(own, file.names)
    settings = {}
    if id_column in asked.values():
        settings[id_column] = _setting(intake, f'{role}_id = "COLUMN"')
    if not require_columns(file, [id_column], findings, settings=settings):
        return None
    if not exact_ids(file, [id_column], findings):
        return None
    parts: dict[str, str | None] = {}
    if role == ITEM:
        title = _chosen(config.name_column, file.usable, guess.TITLES)
        if title is None and not file.header:
            title = title_by_content(file.sample(SAMPLE_ROWS), id_column)
        image = _chosen(config.image_column, file.usable, ())
        if image is None and pictures.paths:
            image = picture_column(file.sample(SAMPLE_ROWS), pictures)
        parts = {NAME: title, IMAGE: image}
    columns = _free_names(file.usable, parts, role)
    columns[id_column] = _ID
    frame = file.scan_text(list(columns)).rename(columns)
    if config.normalize_ids:
        frame = frame.with_columns(normalised(pl.col(_ID), config.normalize_ids))

    def finish(table: pl.LazyFrame) -> pl.LazyFrame:
        made = [pl.col(columns[c]).alias(part) for part, c in parts.items() if c]
        table = table.with_columns(made)
        if parts.get(IMAGE):
            return table.with_columns(named_pictures(pl.col(IMAGE), pictures))
        if role == ITEM and pictures.paths:
            return table.with_columns(pictures_by_id(pl.col(ITEM), pictures).alias(IMAGE))
        return table

    return RawCatalogue(file.table, file.label, frame, _ID, finish, file, id_name=id_column)


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
    found = guess.resolve(asked, names)
    if found not in names:
        raise ConfigError(
            f"there is no column {asked!r}", hint=f"the columns are: {', '.join(names)}"
        )
    return found


def _item_columns(items: RawCatalogue | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that read like text, and columns that are categories, by their content.

    What names pictures is neither.
    """
    number = pl.all().cast(pl.Float64, strict=False).is_not_null() | pl.all().is_null()
    picture = pl.all().str.contains(rf"{PICTURE_SUFFIX}(\?.*)?$").mean()
    names, counts = _counts(
        items,
        number.all().name.suffix(":number"),
        picture.name.suffix(":picture"),
        pl.len().alias(":rows"),
    )
    text = tuple(
        n for n in names if not counts[f"{n}:number"] and (counts[f"{n}:picture"] or 0) < _MOSTLY
    )
    limit = min(_MAX_CATEGORIES, counts.get(":rows", 0) // 2)
    return text, tuple(n for n in text if counts[f"{n}:unique"] <= limit)


def _user_columns(users: RawCatalogue | None) -> tuple[str, ...]:
    """Columns with few values."""
    names, counts = _counts(users)
    return tuple(n for n in names if 1 < counts[f"{n}:unique"] <= _MAX_USER_VALUES)


def _counts(table: RawCatalogue | None, *more: pl.Expr) -> tuple[list[str], dict[str, int]]:
    """Columns but the id, and of each `NAME:unique`, about how many values it has, and `more`."""
    frame = table.frame.drop(table.id) if table else pl.LazyFrame()
    names = frame.collect_schema().names()
    if not names:
        return [], {}
    counted = frame.select(pl.all().approx_n_unique().name.suffix(":unique"), *more)
    return names, counted.collect(engine="streaming").row(0, named=True)
