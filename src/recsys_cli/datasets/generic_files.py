"""Which files of a generic dataset hold the events, the items and the users.

A table with a user and an item column looks like events; one with an item column alone, hardly
ever twice the same, like items; one with such a user column like users. Of several that look like
events, the one with the most of a time and a kind of event is taken. Files that are called alike
but for a number or date, and have the same columns, are one table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.config.models import DatasetConfig
from recsys_cli.config.sources import Source, is_remote
from recsys_cli.config.template import toml_line
from recsys_cli.datasets import guess
from recsys_cli.datasets.contents import mostly_unique
from recsys_cli.datasets.findings import Finding, Findings
from recsys_cli.datasets.joins import propose_joins
from recsys_cli.datasets.opening import open_raw
from recsys_cli.datasets.plain import HEAD, Reading
from recsys_cli.datasets.rawfile import format_of
from recsys_cli.datasets.roles import (
    Roles,
    by_stem,
    find_roles,
)
from recsys_cli.datasets.tables import Slot
from recsys_cli.datasets.times import SAMPLE_ROWS
from recsys_cli.errors import ConfigError

_OF_LINES = re.compile(
    r"(order|invoice|basket|cart|transaction)[ _-]?(id|no|nr|number|key)$", re.IGNORECASE
)
"""What the lines of orders have and a catalogue has not."""
_CATALOGUES = {"items": ITEM, "users": USER}


@dataclass(frozen=True)
class Seen:
    """A table of the folder, by its beginning.

    Attributes:
        name: what recsys.toml would call it: a file, a pattern or a folder.
        paths: its files.
        cells: its first rows.
        named: whether its columns have names.
        asked: columns by role that recsys.toml names.
        own_ids: id columns of catalogues that recsys.toml names, by table.
    """

    name: str
    paths: tuple[Path, ...]
    cells: pl.DataFrame
    named: bool
    asked: Mapping[str, str]
    own_ids: Mapping[str, str | None]

    def has(self, role: str) -> bool:
        """Whether a column plays the role, or several could."""
        return role in self.roles.columns or role in self.ambiguous

    @cached_property
    def ambiguous(self) -> frozenset[str]:
        """Roles of ids that several columns could play."""
        return frozenset(role for role in guess.IDS if self._several(role))

    def _several(self, role: str) -> bool:
        return bool(self.tier(role)) and not self.asked.get(role)

    def tier(self, role: str) -> list[str]:
        """The columns that could all be the id of a role."""
        try:
            guess.guess_role(self.cells.columns, role)
        except guess.AmbiguousError as error:
            return list(error.args[1])
        return []

    @cached_property
    def roles(self) -> Roles:
        """The roles of its columns, those that recsys.toml names for the events among them."""
        here = {role: name for role, name in self.asked.items() if self._holds(name)}
        skipped = dict.fromkeys(self.ambiguous, guess.SKIP)
        return find_roles(self.cells, here | skipped, named=self.named)

    def _holds(self, name: str) -> bool:
        return name == guess.SKIP or guess.resolve(name, self.cells.columns) in self.cells.columns

    def id_of(self, table: str) -> str | None:
        """The column that could be the id of a catalogue of items or users."""
        role = _CATALOGUES[table]
        if not self.named:
            stem = by_stem(self.name.partition(".")[0])
            first = self.cells.columns[0]
            return first if stem == role and mostly_unique(self.cells[first]) else None
        own = self.own_ids[table]
        if own is None and any(map(_OF_LINES.search, self.cells.columns)):
            return None
        wanted = [own] if own else [self.roles.columns.get(role), *self.tier(role)]
        there = (column for column in wanted if column in self.cells.columns)
        return next((column for column in there if mostly_unique(self.cells[column])), None)


@dataclass(slots=True)
class Looks:
    """The tables of a folder by what they look like.

    Attributes:
        seen: every readable table.
        unreadable: what is wrong with each file that cannot be read.
    """

    seen: list[Seen] = field(default_factory=list)
    unreadable: dict[Path, Finding] = field(default_factory=dict)

    @property
    def events(self) -> list[Seen]:
        """Tables with a user and an item."""
        return [seen for seen in self.seen if seen.has(USER) and seen.has(ITEM)]

    def catalogues(self, table: str) -> list[Seen]:
        """Tables that could list the items or the users, and are not like events."""
        (other,) = set(guess.IDS) - {_CATALOGUES[table]}
        return [seen for seen in self.seen if seen.id_of(table) and not seen.has(other)]


def locate_files(folder: Path, config: DatasetConfig) -> list[Slot]:
    """Slots for events, items, users and what is joined: as configured, else guessed.

    Where only unreadable files could be the events, each gets a slot, so that opening it tells
    what is wrong with it.

    Raises:
        ConfigError: no table or several look like events, or several like items.
    """
    given = {"events": config.events, "items": config.items, "users": config.users}
    slots = {table: _slot(folder, table, source) for table, source in config.sources.items()}
    named = {table: slot for table, slot in slots.items() if table in given}
    joined = [slot for table, slot in slots.items() if table not in given]
    wanted = sum(source != guess.SKIP for source in given.values())
    if config.path is not None and ("events" not in named or len(named) < wanted):
        looks = look_at(folder, config)
        if "events" not in named:
            catalogues = [seen for seen in looks.seen if seen.id_of("items") or seen.id_of("users")]
            if looks.unreadable and len(catalogues) == len(looks.seen):
                return [*named.values(), *_unreadable_slots(list(looks.unreadable))]
            events = guess_events(folder, config, looks)
            named["events"] = Slot("events", events.paths, events.name)
            looks.seen.remove(events)
        for table in _CATALOGUES:
            if table not in named and given[table] is None:
                found = guess_catalogue(folder, table, looks)
                if found is not None:
                    named[table] = Slot(table, found.paths, found.name, required=False)
                    looks.seen.remove(found)
    return [named[table] for table in given if table in named] + joined


def _slot(folder: Path, table: str, source: Source) -> Slot:
    label = Path(source).name if isinstance(source, str) else str(source)
    paths = tuple(paths_of(folder, source))
    # What is not fetched yet is no file that is missing.
    return Slot(table, paths, label, required=not is_remote(source))


def paths_of(folder: Path, source: Source) -> list[Path]:
    """The files that a setting names: one, those of a folder below, or those of a pattern."""
    if not isinstance(source, str) or is_remote(source):
        return []
    name, path = source, folder / source
    if path.is_file():
        return [path]
    if path.is_dir():
        return _parts_in(path)
    pattern = any(mark in name for mark in "*?[")
    return sorted(p for p in folder.glob(name) if p.is_file()) if pattern else []


def _parts_in(folder: Path) -> list[Path]:
    """The tables of a folder, and of those below that are called after a value, as day=3."""
    below = sorted(p for p in folder.iterdir() if p.is_dir() and "=" in p.name)
    return [*_tables_in(folder), *(path for part in below for path in _parts_in(part))]


def _tables_in(folder: Path) -> list[Path]:
    # Spark marks what is no data with a leading _ or a dot.
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name[0] not in "._")
    return [path for path in files if format_of(path) is not None]


def _unreadable_slots(paths: Sequence[Path]) -> list[Slot]:
    tables = ["events"] + [f"file{n}" for n in range(2, len(paths) + 1)]
    return [Slot(t, (path,), path.name) for t, path in zip(tables, paths, strict=True)]


def look_at(folder: Path, config: DatasetConfig) -> Looks:
    """The tables of a folder that recsys.toml does not name, by their beginnings."""
    looks = Looks()
    named = {path for source in config.sources.values() for path in paths_of(folder, source)}
    asked = config.columns.model_dump(exclude_none=True)
    own_ids = {"items": config.item_id, "users": config.user_id}
    reading = Reading.of(config)
    with TemporaryDirectory(prefix="recsys-look-") as scratch:
        for name, paths in _groups(folder, named):
            findings = Findings("")
            raw = open_raw(
                paths, "files", findings,
                scratch=Path(scratch), reading=reading, label=name, most=HEAD,
            )  # fmt: skip
            if raw is None:
                looks.unreadable |= dict.fromkeys(paths, findings.failed[0])
                continue
            try:
                cells = raw.sample(SAMPLE_ROWS)
            except pl.exceptions.PolarsError:
                # Its rows are looked at, and mended, when it is read.
                cells = pl.DataFrame(schema=dict.fromkeys(raw.usable, pl.String))
            looks.seen.append(Seen(name, tuple(paths), cells, raw.header, asked, own_ids))
    return looks


def _groups(folder: Path, named: set[Path]) -> Iterator[tuple[str, list[Path]]]:
    """Files, those that are called alike but for digits together, and folders of files."""
    alike: dict[str, list[Path]] = {}
    for path in _tables_in(folder):
        if path not in named:
            alike.setdefault(re.sub(r"[\d]+([-_.]\d+)*", "*", path.name), []).append(path)
    for pattern, paths in alike.items():
        if len(paths) > 1 and len({path.stat().st_size > 0 for path in paths}) == 1:
            yield pattern, paths
        else:
            yield from ((path.name, [path]) for path in paths)
    if not alike and not named:
        for below in sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] not in "._"):
            paths = _parts_in(below)
            if paths:
                yield below.name, paths


def _listed(folder: Path, seen: Sequence[Seen]) -> str:
    if not seen:
        return f"{folder} holds no CSV, TSV, Parquet or JSON lines file"
    return "; ".join(f"{each.name} ({', '.join(each.cells.columns[:12])})" for each in seen)


def guess_events(folder: Path, config: DatasetConfig, looks: Looks) -> Seen:
    """The table of events.

    Raises:
        ConfigError: none looks like one, or several do.
    """
    events = looks.events
    if not events:
        raise _no_events(folder, config, looks)
    # How many of a time and a kind of event each has; what is called after items is no event.
    likeness = {
        each.name: sum(each.has(role) for role in (TIME, EVENT)) - _is_catalogue(each)
        for each in events
    }
    most = max(likeness.values())
    best = [each for each in events if likeness[each.name] == most]
    if len(best) == 1:
        return best[0]
    first = max(best, key=lambda each: each.has(VALUE))
    raise ConfigError(
        f"several files look like events: {_listed(folder, events)}",
        hint=f'choose one in recsys.toml: events = "{first.name}"',
    )


def _is_catalogue(seen: Seen) -> bool:
    """Whether a table that has users and items is called after one of them, and has no time."""
    return not seen.has(TIME) and by_stem(seen.name.partition(".")[0]) is not None


def _no_events(folder: Path, config: DatasetConfig, looks: Looks) -> ConfigError:
    columns = {column for seen in looks.seen for column in seen.cells.columns}
    known = columns | set(map(guess.bare, columns))
    asked = [name for name in (config.columns.user, config.columns.item) if name]
    missing = [name for name in asked if name not in known]
    problem = "no file looks like events, with a user and an item column"
    hint = (
        'name it in recsys.toml: events = "FILE" and '
        'columns = { user = "USER COLUMN", item = "ITEM COLUMN" }'
    )
    if missing and looks.seen:
        problem = f"no file has the columns {missing} that recsys.toml names"
    elif joins := propose_joins(looks):
        events, joined = joins
        problem = f"{problem}; but {events.name} with {joined[0].file} has both"
        line = toml_line("join", [join.model_dump(exclude_none=True) for join in joined])
        hint = f'write in recsys.toml: events = "{events.name}" and {line}'
    broken = [str(finding) for finding in looks.unreadable.values()]
    seen = f"{problem}; seen: {_listed(folder, looks.seen)}"
    return ConfigError("; ".join([*broken, seen]), hint=hint)


def guess_catalogue(folder: Path, table: str, looks: Looks) -> Seen | None:
    """The table that lists the items or the users; None without one.

    Raises:
        ConfigError: several could.
    """
    found = looks.catalogues(table)
    called = [seen for seen in looks.events if _is_catalogue(seen) and seen.id_of(table)]
    found += [seen for seen in called if seen not in found]
    if len(found) > 1 and table == "items":
        titled = [seen for seen in found if guess.guess_first(seen.cells.columns, guess.TITLES)]
        found = titled if len(titled) == 1 else found
    if len(found) > 1:
        raise ConfigError(
            f"several files look like {table}: {_listed(folder, found)}",
            hint=f'choose one in recsys.toml: {table} = "{found[0].name}", or none: {table} = ""',
        )
    return found[0] if found else None
