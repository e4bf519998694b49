"""Which file of a generic dataset holds the events, the items and the users.

A file with a user and an item column looks like events; one with an item column alone like
items; one with a user column alone like users.
"""

from __future__ import annotations

from pathlib import Path

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.guess import ITEM_NAMES, SKIP, TITLE_NAMES, USER_NAMES, has_id, normal
from recsys_cli.datasets.opening import open_raw
from recsys_cli.datasets.rawfile import format_of
from recsys_cli.datasets.tables import Slot
from recsys_cli.errors import ConfigError


def locate_files(folder: Path, config: DatasetConfig) -> list[Slot]:
    """Slots for events, items and users: as configured, else guessed.

    Raises:
        ConfigError: no file or several files look like events, or several like items.
    """
    given = {"events": config.events, "items": config.items, "users": config.users}
    named = {t: _slot(folder, t, name) for t, name in given.items() if name not in (None, SKIP)}
    if "events" in named and len(named) == sum(name != SKIP for name in given.values()):
        return list(named.values())
    kinds = _sort_files(folder, config, taken={slot.path for slot in named.values()})
    if "events" not in named:
        named["events"] = _guess_events(folder, config, kinds)
    for table in ("items", "users"):
        if table not in named and given[table] is None:
            path = _guess_optional(folder, table, kinds[table])
            if path is not None:
                named[table] = Slot(table, path, path.name, required=False)
    return [named[table] for table in given if table in named]


def _slot(folder: Path, table: str, name: str | None) -> Slot:
    path = folder / (name or "")
    return Slot(table, path if path.is_file() else None, str(path))


Sorted = dict[str, dict[Path, tuple[str, ...]]]


def _sort_files(folder: Path, config: DatasetConfig, *, taken: set[Path | None]) -> Sorted:
    """Files by what they look like: events, items, users; `columns` has the columns of all."""
    found: Sorted = {"events": {}, "items": {}, "users": {}, "columns": {}}
    for path in sorted(folder.iterdir()):
        if path in taken or not path.is_file() or path.name.startswith("."):
            continue
        if format_of(path) is None:
            continue
        raw = open_raw(path, "guess", Findings(), separator=config.separator)
        names = raw.names if raw else ()
        found["columns"][path] = names
        user, item = has_id(names, USER_NAMES), has_id(names, ITEM_NAMES)
        columns = config.columns
        user = user or (columns.user or SKIP) in names
        item = item or (columns.item or SKIP) in names
        kind = {(True, True): "events", (False, True): "items", (True, False): "users"}.get(
            (user, item)
        )
        if kind:
            found[kind][path] = names
    return found


def _seen(folder: Path, files: dict[Path, tuple[str, ...]]) -> str:
    if not files:
        return f"{folder} holds no CSV, TSV, Parquet or JSON lines file"
    listed = [f"{path.name} ({', '.join(names[:12])})" for path, names in files.items()]
    return "; ".join(listed)


def _guess_events(folder: Path, config: DatasetConfig, kinds: Sorted) -> Slot:
    files = kinds["events"]
    if len(files) == 1:
        path = next(iter(files))
        return Slot("events", path, path.name)
    if not files:
        hint = (
            'name it in recsys.toml: events = "FILE" and '
            'columns = { user = "USER COLUMN", item = "ITEM COLUMN" }'
        )
        raise ConfigError(
            "no file looks like events, with a user and an item column; seen: "
            + _seen(folder, kinds["columns"]),
            hint=hint,
        )
    raise ConfigError(
        f"several files look like events: {_seen(folder, files)}",
        hint=f'choose one in recsys.toml: events = "{next(iter(files)).name}"',
    )


def _guess_optional(folder: Path, table: str, files: dict[Path, tuple[str, ...]]) -> Path | None:
    if len(files) > 1 and table == "items":
        titled = {p: c for p, c in files.items() if any(normal(n) in TITLE_NAMES for n in c)}
        files = titled if len(titled) == 1 else files
    if len(files) > 1:
        raise ConfigError(
            f"several files look like {table}: {_seen(folder, files)}",
            hint=f'choose one in recsys.toml: {table} = "{next(iter(files)).name}", '
            f'or none: {table} = ""',
        )
    return next(iter(files), None)
