"""What `recsys init` makes of a folder of files: their roles, columns and oddities, as settings.

The files are read once, as `recsys validate` reads them; what that finds becomes settings, and
each that was a guess is marked as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from recsys_cli.columns import IMAGE, ITEM, SESSION, USER, VALUE
from recsys_cli.config.models import DatasetConfig
from recsys_cli.counted import counted
from recsys_cli.datasets import guess
from recsys_cli.datasets.cleaning import session_column
from recsys_cli.datasets.contents import mostly_unique, roles_by_content, tells_sessions
from recsys_cli.datasets.findings import Finding, IngestReport
from recsys_cli.datasets.generic_files import Looks, Seen, guess_catalogue, guess_events, look_at
from recsys_cli.datasets.ingest import attempt
from recsys_cli.datasets.itempictures import Pictures, picture_column
from recsys_cli.datasets.joins import propose_joins
from recsys_cli.datasets.lists import MARKED, tells_clicks
from recsys_cli.datasets.plain import mostly_utf8
from recsys_cli.datasets.roles import Roles, find_roles
from recsys_cli.datasets.spec import read_spec
from recsys_cli.errors import ConfigError
from recsys_cli.progress import Progress

Read = Callable[..., tuple[IngestReport | None, tuple[Finding, ...]]]

_BOUGHT_AGAIN = 0.2
_TRIES = 4
_BROWSED = ("click", "view", "play", "listen", "watch", "rating", "score", "star")


@dataclass(frozen=True, slots=True)
class Setting:
    """A line of recsys.toml.

    Attributes:
        key: of the dataset's section.
        value: its value.
        why: what to say behind it; "" for nothing.
        guessed: whether it was a guess.
    """

    key: str
    value: Any
    why: str = ""
    guessed: bool = False


@dataclass(slots=True)
class Understood:
    """What a folder was taken for.

    Attributes:
        settings: lines for recsys.toml.
        columns: of the events.
        said: lines for whoever runs `init`, each a word and what there is to say.
        pictures: whether there are pictures of items.
    """

    settings: list[Setting] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    said: list[tuple[str, str]] = field(default_factory=list)
    pictures: bool = False

    def value(self, key: str) -> Any:
        """What a setting is; None where it is not there."""
        return next((setting.value for setting in self.settings if setting.key == key), None)


def understand(
    name: str, kind: str, path: str, *, workspace: Path, progress: Progress
) -> Understood:
    """Look at a dataset's files, and read them as an ingest would.

    Args:
        name: of the dataset.
        kind: of its adapter.
        path: of its folder, relative to the workspace.
        workspace: the workspace.
        progress: told what is read.
    """
    found = Understood()
    if kind == "generic":
        _find_files(found, workspace / path, DatasetConfig(kind=kind, path=path))
    read = partial(attempt, name, workspace=workspace, progress=progress)
    _read(found, read, kind, path)
    return found


def _config(found: Understood, kind: str, path: str) -> DatasetConfig:
    values = {setting.key: setting.value for setting in found.settings}
    return DatasetConfig.model_validate({"kind": kind, "path": path, **values})


def _find_files(found: Understood, folder: Path, config: DatasetConfig) -> None:
    """The files of events, of what is joined to them, of items and of users."""
    looks = look_at(folder, config)
    files = [path for seen in looks.seen for path in seen.paths[:1]]
    checks = {finding.check for finding in looks.unreadable.values()}
    if "files.encoding" in checks or not all(map(mostly_utf8, files)):
        found.settings.append(Setting("encoding", "cp1252", "not UTF-8", guessed=True))
        config = config.model_copy(update={"encoding": "cp1252"})
        looks = look_at(folder, config)
    used = _find_joined(found, looks) or _find_events(found, folder, config, looks)
    if not used:
        return
    looks.seen = [seen for seen in looks.seen if seen not in used]
    used += _find_catalogues(found, folder, looks, events=_together(used))
    if not any(seen.named for seen in used):
        found.settings.append(Setting("header", False, "no line of names", guessed=True))
    if looks.seen:
        left = ", ".join(seen.name for seen in looks.seen)
        found.said.append(("left aside", left))


def _find_joined(found: Understood, looks: Looks) -> list[Seen]:
    """Events whose user is in other files, and those; none where one file has both."""
    joins = None if looks.events else propose_joins(looks)
    if joins is None:
        return []
    events, joined = joins
    asked = [join.model_dump(exclude_none=True) for join in joined]
    lines = ", ".join(f"{join.file} on {join.on}" for join in joined)
    found.settings += [
        Setting("events", events.name),
        Setting("join", asked, "user and time are there", guessed=True),
    ]
    found.said.append(("events", f"{_files(events)}, joined with {lines}"))
    there = {seen.name: seen for seen in looks.seen}
    used = [events, *(there[str(join.file)] for join in joined)]
    _find_columns(found, _together(used))
    return used


def _together(used: Sequence[Seen]) -> Seen:
    """Files as one table: some rows of each tell what its columns are, together or not."""
    cells = used[0].cells
    for seen in used[1:]:
        new = [column for column in seen.cells.columns if column not in cells.columns]
        cells = pl.concat([cells, seen.cells.select(new)], how="horizontal_extend")
    return replace(used[0], cells=cells)


def _find_events(
    found: Understood, folder: Path, config: DatasetConfig, looks: Looks
) -> list[Seen]:
    """The one file of events; none where there is no such."""
    chosen = _only(partial(guess_events, folder, config, looks), looks.events)
    if chosen is None:
        # No column has a name that is known; what they hold may tell.
        chosen = next((seen for seen in looks.seen if roles_by_content(seen.cells)), None)
    if chosen is None:
        return []
    found.settings.append(Setting("events", chosen.name, guessed=len(looks.events) != 1))
    found.said.append(("events", _files(chosen)))
    _find_columns(found, chosen)
    return [chosen]


def _find_catalogues(found: Understood, folder: Path, looks: Looks, *, events: Seen) -> list[Seen]:
    """The files of items and of users, as far as there are any."""
    used = []
    for table in ("items", "users"):
        among = looks.catalogues(table)
        catalogue = _only(partial(guess_catalogue, folder, table, looks), among)
        if catalogue is None:
            continue
        found.settings.append(Setting(table, catalogue.name, guessed=len(among) > 1))
        own = catalogue.id_of(table)
        if own is not None and own != events.roles.columns.get(table.removesuffix("s")):
            found.settings.append(Setting(f"{table.removesuffix('s')}_id", own))
        found.said.append((table, f"{_files(catalogue)}, by {own}"))
        if table == "items":
            _find_catalogue(found, catalogue, folder)
        looks.seen = [seen for seen in looks.seen if seen is not catalogue]
        used.append(catalogue)
    return used


def _only(choose: Callable[[], Seen | None], several: list[Seen]) -> Seen | None:
    """What was chosen; the first of those that it could not choose among."""
    try:
        return choose()
    except ConfigError:
        return several[0] if several else None


def _files(seen: Seen) -> str:
    return f"{seen.name} ({len(seen.paths)} files)" if len(seen.paths) > 1 else seen.name


def _find_columns(found: Understood, events: Seen) -> None:
    found.columns = tuple(events.cells.columns)
    asked: dict[str, str] = {}
    for role in events.ambiguous:
        several = events.tier(role)
        # What is there once in every row is the row's own id.
        again = [name for name in several if not mostly_unique(events.cells[name])]
        asked[role] = (again or several)[0]
    roles = find_roles(events.cells, asked, named=events.named)
    if not {USER, ITEM} <= roles.columns.keys():
        roles = find_roles(events.cells, asked | roles.columns, named=False)
    guesses = dict(roles.guesses) | dict.fromkeys(asked, "several could be")
    if not roles.columns:
        return
    if events.named:
        free = (name for name in found.columns if name not in roles.columns.values())
        session = next((name for name in free if tells_sessions(events.cells[name])), None)
        roles.columns |= {SESSION: session} if session else {}
    reasons = {reason for reason in guesses.values()}
    why = "; ".join(f"{role} {reason}" for role, reason in guesses.items())
    if len(guesses) == len(roles.columns) and len(reasons) == 1:
        why = f"all {reasons.pop()}"
    found.settings.append(Setting("columns", roles.columns, why, guessed=bool(guesses)))
    shown = ", ".join(f"{role} = {column}" for role, column in roles.columns.items())
    found.said.append(("columns", shown))
    if roles.split is not None:
        _say_lists(found, roles, events.cells)


def _say_lists(found: Understood, roles: Roles, cells: pl.DataFrame) -> None:
    """Settings for items that stand together in a cell, and what is left aside of them."""
    item, split = roles.columns[ITEM], roles.split
    if split is None:
        return
    found.settings.append(Setting("split", split.model_dump(exclude_none=True), guessed=True))
    said = f"{item} lists items between {split.by!r}"
    if split.mark is not None:
        marks = f"{item}{MARKED}"
        if tells_clicks(cells[item], split.mark):
            why = "0 was shown and not clicked"
            found.settings.append(Setting("keep", [f"{marks}=1"], why, guessed=True))
            said += f", of which those with {split.mark}1 count, and {split.mark}0 were but shown"
        else:
            roles.columns.setdefault(VALUE, marks)
    found.said.append(("lists", said))
    if roles.history is not None:
        had = f"{roles.history} lists items without times: left aside"
        found.said.append(("history", f'{had}; history = "{roles.history}" in split counts them'))


def _find_catalogue(found: Understood, items: Seen, folder: Path) -> None:
    name = guess.guess_first(items.cells.columns, guess.TITLES)
    pictures = Pictures.below(folder)
    image = picture_column(items.cells, pictures) if pictures.paths else None
    for key, column in (("name_column", name), ("image_column", image)):
        if column is not None:
            found.settings.append(Setting(key, column))
            found.said.append((key.removesuffix("_column"), column))


def _read(found: Understood, read: Read, kind: str, path: str) -> None:
    """Read the files, and again with the settings that what was found calls for."""
    for _ in range(_TRIES):
        with TemporaryDirectory(prefix="recsys-init-") as scratch:
            out = Path(scratch)
            try:
                report, findings = read(_config(found, kind, path), out=out)
            except ConfigError as error:
                found.said.append(("not clear", error.message))
                return
            new = _called_for(found, findings) if kind == "generic" else []
            if not new:
                _say_problems(found, findings)
                if report is not None:
                    _say_totals(found, report, out)
                return
        found.settings += new
        found.said += [(setting.key, f"{setting.value}: {setting.why}") for setting in new]


def _called_for(found: Understood, findings: Sequence[Finding]) -> list[Setting]:
    """Settings without which too much would be left out, or taken for what it is not."""
    columns = found.value("columns") or {}
    # Events that speak of items which the catalogue has under another spelling.
    bridged = any(f.check.startswith("events.unknown_") and f.status != "pass" for f in findings)
    new: dict[str, Setting] = {}
    rules: list[str] = []
    for finding in findings:
        if finding.check == "events.empty_user" and finding.status == "fail":
            session = columns.get(SESSION) or session_column(found.columns, columns)
            by_session = re.search("session|anonym", session or "", re.IGNORECASE) is not None
            why = f"{counted(finding.count, 'rows')} without a user"
            guests = "session" if by_session else "drop"
            new["guests"] = Setting("guests", guests, why, guessed=True)
        elif finding.check == "events.empty_item" and finding.status == "fail":
            why = f"{counted(finding.count, 'rows')} without an item"
            new["keep"] = Setting("keep", [f"{columns.get(ITEM)}!="], why, guessed=True)
        elif finding.check == "events.negative" and finding.status != "pass":
            if guess.normal(columns.get(VALUE, "")) not in guess.RATINGS:
                why = counted(finding.count, "negative values")
                new["returns"] = Setting("returns", "subtract", why, guessed=True)
        elif finding.check.startswith("events.twins_item_") and bridged:
            rules.append(finding.check.removeprefix("events.twins_item_"))
            why = f"{finding.example} would be two items"
            new["normalize_ids"] = Setting("normalize_ids", rules, why, guessed=True)
    return [setting for key, setting in new.items() if found.value(key) is None]


def _say_problems(found: Understood, findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.status == "fail":
            found.said.append(("not clear", str(finding)))


def _say_totals(found: Understood, report: IngestReport, out: Path) -> None:
    formats = [f.message for f in report.findings if f.check == "events.time_format"]
    if report.first and formats:
        found.said.append(("times", f"{report.first} to {report.last}, {formats[0]}"))
    spec = read_spec(out / f"spec_{report.dataset}.json")
    if spec.category_columns:
        if spec.kind == "generic":
            found.settings.append(Setting("category_columns", spec.category_columns))
        found.said.append(("categories", ", ".join(spec.category_columns)))
    image = pl.col(IMAGE)
    items = pl.scan_parquet(out / f"items_{report.dataset}.parquet")
    pictures = int(items.select(image.is_not_null().sum()).collect().item())
    found.pictures = found.pictures or pictures > 0
    if pictures and spec.kind == "generic":
        found.said.append(("pictures", f"{counted(pictures, 'items')} of {report.items:,}"))
    again = 1 - report.pairs / report.events
    share = f"{again:.0%} of the events are of what the user had before"
    if spec.kind != "generic":
        found.said.append(("repeats", f"{share}; repurchase = {str(spec.repurchase).lower()}"))
        return
    words = " ".join([*found.columns, *spec.events, str(found.value("events"))]).lower()
    browsed = any(word in words for word in _BROWSED)
    repurchase = again >= _BOUGHT_AGAIN and not browsed
    found.settings.append(Setting("repurchase", repurchase, share, guessed=True))
    found.said.append(("repeats", f"{share}; repurchase = {str(repurchase).lower()}"))
    gone = [f for f in report.findings if f.check == "items.gone"]
    if gone:
        why = counted(gone[0].count, "items of the events left the catalogue")
        found.settings.append(Setting("gone_items", "hide", why, guessed=True))
        found.said.append(("gone items", f"{why}, and are not recommended"))
