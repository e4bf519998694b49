"""What an adapter hands over: raw tables whose columns have roles, and the facts of the dataset.

Everything past this protocol is the same for every source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import polars as pl

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.opening import exact_ids, open_raw, require_columns
from recsys_cli.datasets.plain import Reading
from recsys_cli.datasets.rawfile import RawFile
from recsys_cli.datasets.structure import Structure, check_structure
from recsys_cli.progress import Progress

_SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Intake:
    """What every step of one ingest needs.

    Attributes:
        config: the dataset's section of recsys.toml.
        folder: its raw folder.
        findings: where checks report.
        scratch: folder for temporary files, deleted afterwards.
        progress: where progress goes.
    """

    config: DatasetConfig
    folder: Path
    findings: Findings
    scratch: Path
    progress: Progress

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.findings.dataset


def unchanged(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of a source that needs no cleaning."""
    return frame


@dataclass(frozen=True, slots=True)
class RawEvents:
    """An events file and which column plays which part.

    Attributes:
        source: the file, checked to its end.
        user: column with the user's id.
        item: column with the item's id.
        time: column with the time, or None.
        event: column with the kind of event, or None when all are of one kind.
        value: column with a number, or None.
        session: column with the session that an event belongs to, or None.
        kinds: the kinds of event in the order of the spec; None for whatever the column holds.
        repeats_are_quantity: whether equal rows are several pieces rather than an oddity.
        time_format: how the time column reads, in the notation of strftime; None to find out.
        prepare: from raw rows to clean ones.
        uses: columns that it needs besides those with a role.
        filtered: rows that it leaves out.
        returns: what becomes of negative values.
    """

    source: Structure
    user: str
    item: str
    time: str | None = None
    event: str | None = None
    value: str | None = None
    session: str | None = None
    kinds: tuple[str, ...] | None = None
    repeats_are_quantity: bool = False
    time_format: str | None = None
    prepare: Callable[[pl.LazyFrame], pl.LazyFrame] = unchanged
    uses: tuple[str, ...] = ()
    filtered: int = 0
    returns: str | None = None

    @property
    def rows(self) -> int:
        """How many rows there are to read."""
        return self.source.rows - self.filtered

    def scan(self, *, rows: bool = False) -> pl.LazyFrame:
        """The clean rows, with all columns that play a part."""
        own = (self.user, self.item, self.time, self.event, self.value, self.session)
        parts = (*own, *self.uses)
        columns = list(dict.fromkeys(column for column in parts if column is not None))
        return self.prepare(self.source.file.scan(columns, rows=rows))


@dataclass(frozen=True, slots=True)
class RawCatalogue:
    """The items or the users that a source describes.

    Attributes:
        table: items or users; the first part of its checks' names.
        label: file name for messages.
        frame: text columns in catalogue order, the id column among them.
        id: name of the id column.
        finish: adds derived columns (`name`, `image`, age groups) once ids that only the events
            have were appended; the frame then has `item` or `user` in place of the id column.
        file: the raw file, to find the line of a row; None where several make the catalogue.
        id_width: length that every id should have, or None.
        id_name: raw name of the id column for messages, where it differs from `id`.
    """

    table: str
    label: str
    frame: pl.LazyFrame
    id: str
    finish: Callable[[pl.LazyFrame], pl.LazyFrame]
    file: RawFile | None = None
    id_width: int | None = None
    id_name: str | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """The facts of a source that recsys.toml may override; as in `DatasetSpec`."""

    weights: Mapping[str, float]
    repurchase: bool
    horizon_days: int = 7
    text_columns: tuple[str, ...] = ()
    category_columns: tuple[str, ...] = ()
    variant_column: str | None = None
    segment_columns: tuple[str, ...] = ()
    user_columns: tuple[str, ...] = ()
    image_root: str | None = None
    hide_gone: bool = False


@dataclass(frozen=True, slots=True)
class RawTables:
    """One source, ready to be ingested; `items` or `users` is None where nothing lists them."""

    events: RawEvents
    items: RawCatalogue | None
    users: RawCatalogue | None
    defaults: Defaults


@dataclass(frozen=True, slots=True)
class Slot:
    """A raw table that a source may have.

    Attributes:
        table: what it is for.
        paths: its file, or several that are one table; none if it is absent.
        looked_for: the names tried; the one found, where there is one.
        required: whether the source is unusable without it.
        ids: its columns that hold ids.
        needed: its other columns without which nothing can be done.
    """

    table: str
    paths: tuple[Path, ...]
    looked_for: str
    required: bool = True
    ids: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()


def find_slot(
    folder: Path,
    table: str,
    stem: str,
    *,
    ids: tuple[str, ...],
    needed: tuple[str, ...] = (),
    required: bool = True,
) -> Slot:
    """`stem` as .csv, .csv.gz or .parquet in any case, whichever comes first in `folder`."""
    names = [stem + suffix for suffix in _SUFFIXES]
    present = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    paths = (present.get(name.lower()) for name in names)
    path = next(filter(None, paths), None)
    if path is None:
        return Slot(table, (), ", ".join(names), required, ids, needed)
    return Slot(table, (path,), path.name, required, ids, needed)


class Adapter(Protocol):
    """Knows the raw files of one kind of source.

    Attributes:
        usual_name: what `recsys init` calls the first dataset of that kind; "" for its folder's.
        sign: matches the name of a file that tells a folder of that kind.
    """

    usual_name: str
    sign: re.Pattern[str]

    def locate(self, folder: Path, config: DatasetConfig) -> list[Slot]:
        """The raw files in `folder`, without reading more than their headers."""
        ...

    def read(self, slots: Mapping[str, Slot], intake: Intake) -> RawTables:
        """Open and check the files.

        Raises:
            DataError: a finding is fatal.
        """
        ...


def open_slots(slots: Mapping[str, Slot], intake: Intake) -> dict[str, Structure]:
    """Open the files that are there by table, check their columns and read each once.

    Raises:
        DataError: one of them cannot be used; all were looked at.
    """
    opened = {}
    for table, slot in slots.items():
        found = _open(slot, intake)
        if found is not None:
            opened[table] = found
    intake.findings.raise_if_failed()
    return opened


def _open(slot: Slot, intake: Intake) -> Structure | None:
    findings = intake.findings
    if not slot.paths:
        return None
    reading = Reading.of(intake.config)
    if slot.ids:
        # A source whose columns are known is nothing without their names.
        reading = replace(reading, header=True)
    raw = open_raw(
        slot.paths,
        slot.table,
        findings,
        scratch=intake.scratch,
        reading=reading,
        label=slot.looked_for,
    )
    if raw is None or not require_columns(raw, [*slot.ids, *slot.needed], findings):
        return None
    if not exact_ids(raw, slot.ids, findings):
        return None
    intake.progress.start(f"check {raw.label}")
    return check_structure(raw, findings, intake.scratch)
