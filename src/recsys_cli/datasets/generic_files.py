"""Which file of a generic dataset holds the events, the items and the users.

A file with a user and an item column looks like events; one with an item column alone like
items; one with a user column alone like users. Of several that look like events, the one with
the most of a time and a kind of event is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from recsys_cli.columns import EVENT, ITEM, TIME, VALUE
from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets import guess
from recsys_cli.datasets.findings import Finding, Findings
from recsys_cli.datasets.opening import open_raw
from recsys_cli.datasets.rawfile import format_of
from recsys_cli.datasets.tables import Slot
from recsys_cli.errors import ConfigError

Columns = dict[Path, tuple[str, ...]]


@dataclass(slots=True)
class Looks:
    """The files of a folder by what their columns look like.

    Attributes:
        seen: the columns of every readable file.
        events: files with a user and an item column.
        items: files with an item column alone.
        users: files with a user column alone.
        unreadable: what is wrong with each file whose header cannot be read.
    """

    seen: Columns = field(default_factory=dict)
    events: Columns = field(default_factory=dict)
    items: Columns = field(default_factory=dict)
    users: Columns = field(default_factory=dict)
    unreadable: dict[Path, Finding] = field(default_factory=dict)


def locate_files(folder: Path, config: DatasetConfig) -> list[Slot]:
    """Slots for events, items and users: as configured, else guessed.

    Where only unreadable files could be the events, each gets a slot, so that opening it tells
    what is wrong with it.

    Raises:
        ConfigError: no file or several files look like events, or several like items.
    """
    given = {"events": config.events, "items": config.items, "users": config.users}
    named = {table: _slot(folder, table, name) for table, name in given.items() if name}
    if "events" in named and len(named) == sum(name != guess.SKIP for name in given.values()):
        return list(named.values())
    looks = look_at(folder, config)
    if "events" not in named:
        if looks.unreadable and looks.seen.keys() <= looks.items.keys() | looks.users.keys():
            return [*named.values(), *_unreadable_slots(looks.unreadable)]
        named["events"] = _guess_events(folder, config, looks)
    for table, files in (("items", looks.items), ("users", looks.users)):
        if table not in named and given[table] is None:
            path = _guess_optional(folder, table, files)
            if path is not None:
                named[table] = Slot(table, path, path.name, required=False)
    return [named[table] for table in given if table in named]


def _slot(folder: Path, table: str, name: str) -> Slot:
    path = folder / name
    return Slot(table, path if path.is_file() else None, str(path))


def _unreadable_slots(paths: Iterable[Path]) -> list[Slot]:
    tables = ["events"] + [f"file{n}" for n in range(2, len(list(paths)) + 1)]
    return [Slot(table, path, path.name) for table, path in zip(tables, paths, strict=True)]


def look_at(folder: Path, config: DatasetConfig) -> Looks:
    """Sort the files that recsys.toml does not name by the columns in their headers."""
    looks = Looks()
    named = {folder / name for name in (config.events, config.items, config.users) if name}
    for path in sorted(folder.iterdir()):
        if path in named or not path.is_file() or path.name.startswith("."):
            continue
        if format_of(path) is None:
            continue
        findings = Findings("")
        raw = open_raw(path, "files", findings, separator=config.separator or None)
        if raw is None:
            looks.unreadable[path] = findings.failed[0]
            continue
        names = looks.seen[path] = raw.names
        user, item = (_has(names, role, config) for role in guess.IDS)
        if user and item:
            looks.events[path] = names
        elif user or item:
            (looks.items if item else looks.users)[path] = names
    return looks


def _listed(folder: Path, files: Columns) -> str:
    if not files:
        return f"{folder} holds no CSV, TSV, Parquet or JSON lines file"
    listed = [f"{path.name} ({', '.join(names[:12])})" for path, names in files.items()]
    return "; ".join(listed)


def _guess_events(folder: Path, config: DatasetConfig, looks: Looks) -> Slot:
    if not looks.events:
        hint = (
            'name it in recsys.toml: events = "FILE" and '
            'columns = { user = "USER COLUMN", item = "ITEM COLUMN" }'
        )
        broken = [str(finding) for finding in looks.unreadable.values()]
        problem = _no_events(config, looks.seen)
        seen = f"{problem}; seen: {_listed(folder, looks.seen)}"
        raise ConfigError("; ".join([*broken, seen]), hint=hint)
    # How many of a time and a kind of event each file has.
    likeness = {
        path: sum(_has(names, role, config) for role in (TIME, EVENT))
        for path, names in looks.events.items()
    }
    most = max(likeness.values())
    best = [path for path, parts in likeness.items() if parts == most]
    if len(best) == 1:
        _demote(looks, best[0], likeness)
        return Slot("events", best[0], best[0].name)
    first = max(best, key=lambda path: bool(guess.guess_role(looks.events[path], VALUE)))
    raise ConfigError(
        f"several files look like events: {_listed(folder, looks.events)}",
        hint=f'choose one in recsys.toml: events = "{first.name}"',
    )


def _no_events(config: DatasetConfig, seen: Columns) -> str:
    columns = {column for names in seen.values() for column in names}
    known = columns | set(map(guess.bare, columns))
    asked = [name for name in (config.columns.user, config.columns.item) if name]
    missing = [name for name in asked if name not in known]
    if missing and seen:
        return f"no file has the columns {missing} that recsys.toml names"
    return "no file looks like events, with a user and an item column"


def _has(names: tuple[str, ...], role: str, config: DatasetConfig) -> bool:
    return guess.has_role(names, role, getattr(config.columns, role))


def _demote(looks: Looks, events: Path, likeness: dict[Path, int]) -> None:
    """Let files without a time or kind of event that are called after items be items."""
    for path, names in looks.events.items():
        stem = guess.normal(path.name.partition(".")[0])
        called = any(stem in (name, f"{name}s") for tier in guess.IDS[ITEM] for name in tier)
        if path != events and not likeness[path] and called:
            looks.items[path] = names


def _guess_optional(folder: Path, table: str, files: Columns) -> Path | None:
    if len(files) > 1 and table == "items":
        titled = {p: c for p, c in files.items() if guess.guess_first(c, guess.TITLES)}
        files = titled if len(titled) == 1 else files
    if len(files) > 1:
        raise ConfigError(
            f"several files look like {table}: {_listed(folder, files)}",
            hint=f'choose one in recsys.toml: {table} = "{next(iter(files)).name}", '
            f'or none: {table} = ""',
        )
    return next(iter(files), None)
