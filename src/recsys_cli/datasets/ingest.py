"""`recsys ingest`: raw files in, five artifacts out; and `recsys validate`, its checks alone.

Out go events, items and users as Parquet, the id tables as a pack and the spec as JSON. What is
validated is written into a temporary folder and thrown away, so that what passes there is what
an ingest accepts.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_cli.columns import ITEM, NAME, USER
from recsys_cli.config.models import DatasetConfig
from recsys_cli.counted import counted
from recsys_cli.datasets.adapters import adapter_of
from recsys_cli.datasets.catalogue import Ids, load_ids, write_table
from recsys_cli.datasets.counting import Totals, count_events, last_event
from recsys_cli.datasets.eventchecks import build_events
from recsys_cli.datasets.events import EventReader, make_reader
from recsys_cli.datasets.fetch import fetched
from recsys_cli.datasets.findings import Finding, Findings, IngestReport, ValidationReport
from recsys_cli.datasets.idpack import id_table
from recsys_cli.datasets.later import LaterEvents, add_later
from recsys_cli.datasets.returns import Subtracted, subtract_returns
from recsys_cli.datasets.roworder import order_by_first_event
from recsys_cli.datasets.spec import build_spec
from recsys_cli.datasets.tables import Intake, RawEvents, RawTables, Slot
from recsys_cli.errors import ConfigError, DataError
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.packs import save_pack

_SCRATCH, _FETCHED = "raw-copies", "raw-fetched"
_FEW = 0.1
"""Listed items, as a share of those that only events have, above which the others are gone."""


def ingest(
    name: str,
    config: DatasetConfig,
    *,
    workspace: Path,
    out: Path,
    later: LaterEvents | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Check a dataset's raw files and write its canonical tables.

    Args:
        name: the dataset's name, part of every file name.
        config: its section of recsys.toml.
        workspace: folder that `config.path` is relative to.
        out: existing folder that gets events_, returned_, items_ and users_<name>.parquet,
            ids_<name>.joblib and spec_<name>.json; to be thrown away if this raises.
        later: gives events that came after those of the files; None for none.
        progress: where progress goes.

    Returns:
        Counts and the findings of every check.

    Raises:
        DataError: a check is fatal, or the raw folder is not there.
        ConfigError: columns cannot be guessed, or a setting does not fit the data.
    """
    return _ingest(config, Findings(name), workspace, out, progress or Silent(), later=later)


def attempt(
    name: str,
    config: DatasetConfig,
    *,
    workspace: Path,
    out: Path,
    progress: Progress | None = None,
) -> tuple[IngestReport | None, tuple[Finding, ...]]:
    """An ingest that may fail: its report, or None, and what was found; see `ingest`.

    Raises:
        ConfigError: columns cannot be guessed, or a setting does not fit the data.
    """
    findings = Findings(name)
    try:
        report = _ingest(config, findings, workspace, out, progress or Silent())
        return report, report.findings
    except DataError:
        if not findings.failed:
            raise
        return None, tuple(findings.found)


def validate(
    name: str, config: DatasetConfig, *, workspace: Path, progress: Progress | None = None
) -> ValidationReport:
    """Check a dataset's raw files as an ingest does, with nothing kept.

    Args:
        name: the dataset's name.
        config: its section of recsys.toml.
        workspace: folder that `config.path` is relative to.
        progress: where progress goes.

    Raises:
        ConfigError: columns cannot be guessed, or a setting does not fit the data.
    """
    with TemporaryDirectory(prefix="recsys-validate-") as scratch:
        out = Path(scratch)
        _, found = attempt(name, config, workspace=workspace, out=out, progress=progress)
    return ValidationReport(name, found)


def _ingest(
    config: DatasetConfig,
    findings: Findings,
    workspace: Path,
    out: Path,
    progress: Progress,
    *,
    later: LaterEvents | None = None,
) -> IngestReport:
    reader, totals = _build(config, findings, workspace, out, progress, later=later)
    return IngestReport(
        dataset=findings.dataset,
        events=totals.events,
        users=len(reader.users),
        items=len(reader.items),
        pairs=totals.pairs,
        skipped=totals.skipped,
        first=totals.first,
        last=totals.last,
        findings=tuple(findings.found),
    )


def _build(
    config: DatasetConfig,
    findings: Findings,
    workspace: Path,
    out: Path,
    progress: Progress,
    *,
    later: LaterEvents | None,
) -> tuple[EventReader, Totals]:
    """Run every check and write the tables."""
    name, folder = findings.dataset, workspace / (config.path or "")
    if not folder.is_dir():
        hint = f"set path in [datasets.{name}] of recsys.toml, or put the raw files there"
        findings.fatal("files", f"the raw folder {folder} does not exist", hint=hint)
    scratch = out / _SCRATCH
    scratch.mkdir()
    try:
        config = fetched(
            config, out / _FETCHED, workspace=workspace, findings=findings, progress=progress
        )
        intake = Intake(config, workspace / (config.path or ""), findings, scratch, progress)
        return _build_from(intake, out, later)
    finally:
        for folder in (scratch, out / _FETCHED):
            shutil.rmtree(folder, ignore_errors=True)


def _build_from(intake: Intake, out: Path, later: LaterEvents | None) -> tuple[EventReader, Totals]:
    name, findings, progress = intake.name, intake.findings, intake.progress
    adapter = adapter_of(intake.config.kind)
    slots = {slot.table: slot for slot in adapter.locate(intake.folder, intake.config)}
    for slot in slots.values():
        _report_slot(slot, findings)
    findings.raise_if_failed()
    tables = adapter.read(slots, intake)
    progress.start("read ids")
    users = load_ids(tables.users, USER, findings)
    items = load_ids(tables.items, ITEM, findings)
    findings.raise_if_failed()
    reader = make_reader(tables.events, users, items, findings)
    signed = bool(intake.config.value_as_weight)
    if signed and reader.raw.value is None:
        raise ConfigError(
            f"[datasets.{name}] value_as_weight needs a value column, and the events have none",
            hint='name it in recsys.toml: columns = { value = "COLUMN" }',
        )
    progress.start("map events")
    path = out / f"events_{name}.parquet"
    totals = build_events(reader, path, findings, signed_weights=signed)
    added = 0 if later is None else add_later(path, reader, later, findings)
    last = last_event(path)
    former = out / f"returned_{name}.parquet"
    returned = _subtract(path, tables.events, findings, former)
    if added or returned.rows:
        rows = totals.events + totals.skipped + added - returned.rows
        # Returns are gone, and known of all the same.
        totals = replace(count_events(path, rows_read=rows, n_items=len(items)), last=last)
    if reader.time is not None:
        order_by_first_event([path, former], reader.users, reader.items)
    progress.start("write tables")
    _write(intake, tables, reader, out, [reader.kinds[code] for code in returned.kinds])
    return reader, totals


def _subtract(path: Path, events: RawEvents, findings: Findings, former: Path) -> Subtracted:
    """Take what was returned from what was bought, where that is asked for."""
    returned = subtract_returns(path, former, wanted=events.returns == "subtract")
    if returned.rows:
        findings.ok(
            "events.returns",
            counted(returned.rows, "rows went, returned or taken back"),
            file=events.source.file.label,
            count=returned.rows,
        )
    return returned


def _report_slot(slot: Slot, findings: Findings) -> None:
    check = f"{slot.table}.file"
    message = f"there is no file for {slot.table}; looked for {slot.looked_for}"
    if slot.paths:
        several = f", {len(slot.paths)} files" if len(slot.paths) > 1 else ""
        findings.ok(check, f"found{several}", file=slot.looked_for)
    elif slot.required:
        findings.fail(check, message, hint="put the file into the raw folder")
    else:
        findings.warn(check, message, hint="it is optional")


def _gone(tables: RawTables, items: Ids, intake: Intake) -> npt.NDArray[np.bool_] | None:
    """(n_items,) the items that left the catalogue; None where all may be recommended.

    A catalogue that has hardly any of the events' items is of something else.
    """
    setting = intake.config.gone_items
    hide = tables.defaults.hide_gone if setting is None else setting == "hide"
    if not items.has_catalogue or not len(items.extra) or not hide:
        return None
    if setting is None and len(items.listed) < _FEW * len(items.extra):
        return None
    intake.findings.ok(
        "items.gone",
        counted(len(items.extra), "items are not in the catalogue any more: not recommended")
        + ' (gone_items = "keep" in recsys.toml does)',
        count=len(items.extra),
    )
    gone = np.arange(len(items)) >= len(items.listed)
    return gone if items.order is None else gone[items.order]


def _write(
    intake: Intake, tables: RawTables, reader: EventReader, out: Path, returns: list[str]
) -> None:
    name, config = intake.name, intake.config
    users, items = reader.users, reader.items
    items_path = out / f"items_{name}.parquet"
    source = config.source or name
    item_columns = write_table(tables.items, items, items_path, source=source)
    user_columns = write_table(tables.users, users, out / f"users_{name}.parquet", source=None)
    names = pl.read_parquet(items_path, columns=[NAME]).to_series()
    pack: dict[str, object] = {}
    for prefix, ids in ((USER, users.ordered()), (ITEM, items.ordered())):
        table = id_table(ids, search=True)
        pack |= table.to_pack(prefix)
        pack[f"{prefix}s_fingerprint"] = table.fingerprint()
    pack |= id_table(names, search=False).to_pack(NAME)
    if items.first is not None:
        pack["item_first"] = items.first
    gone = _gone(tables, items, intake)
    if gone is not None:
        pack["item_gone"] = gone
    save_pack(out / f"ids_{name}.joblib", pack)
    spec = build_spec(
        name,
        config,
        tables.defaults,
        kinds=reader.kinds,
        value_column=reader.raw.value,
        return_kinds=sorted(returns),
        has_time=reader.time is not None,
        item_columns=item_columns,
        user_columns=user_columns,
    )
    spec_path = out / f"spec_{name}.json"
    spec_path.write_text(spec.model_dump_json(indent=2) + "\n", encoding="utf-8")
