"""The generic adapter: any events file with a user and an item column.

Columns come from recsys.toml or are guessed from common names; items and users files are
optional. Without an event column every row is one `interaction`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from recsys_cli.columns import IMAGE, IN_CATALOGUE, ITEM, NAME, USER
from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets import guess
from recsys_cli.datasets.generic_files import locate_files, look_at
from recsys_cli.datasets.opening import exact_ids, require_columns
from recsys_cli.datasets.rawfile import as_text
from recsys_cli.datasets.structure import Structure
from recsys_cli.datasets.tables import (
    Context,
    Defaults,
    RawCatalogue,
    RawEvents,
    RawTables,
    Slot,
    open_slot,
)
from recsys_cli.errors import ConfigError

_KIND = "interaction"
_ID = "__id"
# Defaults for kinds of event that go by these names; any other counts 1.
_WEIGHTS = {
    "addtocart": 3.0, "add_to_cart": 3.0, "cart": 3.0, "basket": 3.0, "favorite": 3.0,
    "fav": 3.0, "wishlist": 3.0, "transaction": 5.0, "purchase": 5.0, "buy": 5.0, "order": 5.0,
}  # fmt: skip
# A text column with at most this many different values is a category too.
_MAX_USER_VALUES = 64
_MAX_CATEGORIES = 1_000


class GenericAdapter:
    """Reads files of any layout that has one row per event."""

    usual_name = ""
    sign = re.compile(r"\.(csv|tsv|txt|parquet|jsonl|ndjson|json|inter)(\.gz)?$", re.IGNORECASE)

    def locate(self, folder: Path, config: DatasetConfig) -> list[Slot]:
        """The events, items and users files."""
        return locate_files(folder, config)

    def read(self, slots: Mapping[str, Slot], context: Context) -> RawTables | None:
        """The tables with their columns settled."""
        opened = {table: open_slot(slot, context) for table, slot in slots.items()}
        events = opened["events"]
        if events is None or context.findings.failed:
            return None
        raw_events = _events(events, context)
        if raw_events is None:
            return None
        _report_unreadable(context)
        config = context.config
        items_file, users_file = opened.get("items"), opened.get("users")
        items = users = None
        text: tuple[str, ...] = ()
        about: tuple[str, ...] = ()
        categories: tuple[str, ...] = ()
        if items_file is not None:
            column = _own_id(items_file, config.item_id, raw_events.item, guess.ITEM_NAMES, context)
            items = _catalogue(items_file, column, ITEM, context)
            text, categories = _item_columns(items, context)
        if users_file is not None:
            column = _own_id(users_file, config.user_id, raw_events.user, guess.USER_NAMES, context)
            users = _catalogue(users_file, column, USER, context)
            about = _user_columns(users)
        if context.findings.failed:
            return None
        defaults = Defaults(
            weights=_WEIGHTS | {_KIND: 1.0},
            repurchase=False,
            text_columns=text,
            category_columns=categories,
            user_columns=about,
            image_root=config.path if config.image_column else None,
        )
        return RawTables(raw_events, items, users, defaults)


def _report_unreadable(context: Context) -> None:
    """Warn of files that could not be looked at when the tables were looked for."""
    config = context.config
    if None not in (config.events, config.items, config.users):
        return
    for path, finding in look_at(context.folder, config).unreadable.items():
        context.findings.warn(
            "files.unreadable",
            f"left aside: {finding.message}",
            file=path.name,
            count=1,
            hint=f"{finding.hint}; or move it away",
        )


def _events(source: Structure, context: Context) -> RawEvents | None:
    names, asked = source.file.names, context.config.columns

    def part(role: str, find: Callable[[], str | None]) -> str | None:
        wanted: str | None = getattr(asked, role)
        if wanted == guess.SKIP:
            return None
        return find() if wanted is None else resolve(wanted, names)

    def by_id(role: str, tiers: Sequence[Sequence[str]]) -> str:
        try:
            found = part(role, lambda: guess.guess_id(names, tiers))
        except guess.AmbiguousError as error:
            found, message = None, f"several columns could be the {role}: {error.args[0]}"
        else:
            message = f"no column looks like the {role}"
        if found is None:
            raise ConfigError(
                f"{source.file.label}: {message}; the columns are: {', '.join(names)}",
                hint="write in recsys.toml: "
                + _setting(context, f'columns = {{ {role} = "COLUMN" }}'),
            )
        return found

    user, item = by_id(USER, guess.USER_NAMES), by_id(ITEM, guess.ITEM_NAMES)
    time = part("time", lambda: guess.guess_first(names, guess.TIME_NAMES))
    event = part("event", lambda: guess.guess_first(names, guess.EVENT_NAMES))
    value = part("value", lambda: guess.guess_first(names, guess.VALUE_NAMES))
    roles = {USER: user, ITEM: item, "time": time, "event": event, "value": value}
    settings = {
        column: _setting(context, f'columns = {{ {role} = "COLUMN" }}')
        for role, column in roles.items()
        if column and getattr(asked, role) is not None
    }
    needed = [column for column in roles.values() if column]
    if not require_columns(source.file, needed, context.findings, settings=settings):
        return None
    if not exact_ids(source.file, [user, item], context.findings):
        return None
    chosen = ", ".join(f"{role} = {column!r}" for role, column in roles.items() if column)
    context.findings.ok("events.roles", chosen, file=source.file.label)
    if time is None:
        _report_no_time(source, context)
    kinds = None if event else (_KIND,)
    return RawEvents(source, user, item, time, event, value, kinds)


def _setting(context: Context, line: str) -> str:
    return f"{line} in [datasets.{context.name}]"


def _report_no_time(source: Structure, context: Context) -> None:
    message = "no time column: popularity has no window, and `recsys eval` needs --truth"
    label = source.file.label
    if context.config.columns.time == guess.SKIP:
        context.findings.ok("events.time", message, file=label)
        return
    context.findings.warn(
        "events.time",
        message,
        file=label,
        count=source.rows,
        hint="if a column holds the time, name it in recsys.toml: "
        + _setting(context, 'columns = { time = "COLUMN" }')
        + '; with time = "" this is no warning',
    )


def resolve(wanted: str, names: Sequence[str]) -> str:
    """The column that a setting means: its exact name, or its name without a RecBole type."""
    if wanted in names:
        return wanted
    return next((name for name in names if guess.bare(name) == wanted), wanted)


def _own_id(
    source: Structure,
    asked: str | None,
    in_events: str,
    tiers: Sequence[Sequence[str]],
    context: Context,
) -> str:
    names = source.file.names
    if asked is not None:
        return resolve(asked, names)
    same = resolve(guess.bare(in_events), names)
    if same in names:
        return same
    try:
        found = guess.guess_id(names, tiers) or guess.guess_first(names, ("id",))
    except guess.AmbiguousError:
        found = None
    if found is None:
        table = source.file.table
        raise ConfigError(
            f"{source.file.label}: no column looks like the id of {table}; the columns are: "
            + ", ".join(names),
            hint="write in recsys.toml: "
            + _setting(context, f'{table.removesuffix("s")}_id = "COLUMN"'),
        )
    return found


def _catalogue(
    source: Structure, id_column: str, canonical: str, context: Context
) -> RawCatalogue | None:
    file, config = source.file, context.config
    findings = context.findings
    settings = {}
    if id_column in (config.item_id, config.user_id):
        settings[id_column] = _setting(context, f'{canonical}_id = "COLUMN"')
    if not require_columns(file, [id_column], findings, settings=settings):
        return None
    if not exact_ids(file, [id_column], findings):
        return None
    dtypes = file.dtypes()
    title = image = None
    if canonical == ITEM:
        title = _chosen(config.name_column, file.names, guess.TITLE_NAMES)
        image = _chosen(config.image_column, file.names, ())
    columns = _free_names(file.names, {title: NAME, image: IMAGE}, canonical)
    columns[id_column] = _ID
    frame = file.scan(list(columns)).select(
        as_text(name, dtypes[name]).alias(new) for name, new in columns.items()
    )

    def finish(table: pl.LazyFrame) -> pl.LazyFrame:
        named = [pl.col(columns[title]).alias(NAME)] if title else []
        pictured = [pl.col(columns[image]).alias(IMAGE)] if image else []
        return table.with_columns(*named, *pictured)

    return RawCatalogue(file.table, file.label, frame, _ID, finish, file, id_name=id_column)


def _free_names(
    names: Sequence[str], parts: Mapping[str | None, str], canonical: str
) -> dict[str, str]:
    """New names of the raw columns: without RecBole types, and not like a canonical column.

    Args:
        names: the raw columns.
        parts: canonical names by the raw columns that play them, which may keep them.
        canonical: `user` or `item`.
    """
    taken = {canonical, IN_CATALOGUE} | ({"source", NAME, IMAGE} if canonical == ITEM else set())
    columns: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = guess.bare(name)
        if parts.get(name) != plain and (plain in taken or plain in columns.values()):
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


def _item_columns(
    items: RawCatalogue | None, context: Context
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that read like text, and columns that are categories, by their content."""
    if items is None:
        return (), ()
    frame = items.frame.drop(items.id)
    names = frame.collect_schema().names()
    if not names:
        return (), ()
    number = pl.all().cast(pl.Float64, strict=False).is_not_null() | pl.all().is_null()
    counted = frame.select(
        number.all().name.suffix(":number"),
        pl.all().approx_n_unique().name.suffix(":unique"),
        pl.len().alias(":rows"),
    )
    counts = counted.collect(engine="streaming").row(0, named=True)
    text = tuple(n for n in names if not counts[f"{n}:number"])
    limit = min(_MAX_CATEGORIES, counts[":rows"] // 2)
    categories = tuple(n for n in text if counts[f"{n}:unique"] <= limit)
    return text, categories


def _user_columns(users: RawCatalogue | None) -> tuple[str, ...]:
    """Columns with few values."""
    if users is None:
        return ()
    frame = users.frame.drop(users.id)
    names = frame.collect_schema().names()
    if not names:
        return ()
    counts = frame.select(pl.all().approx_n_unique()).collect(engine="streaming").row(0, named=True)
    return tuple(name for name in names if 1 < counts[name] <= _MAX_USER_VALUES)
