"""`recsys ingest`: raw files in, five artifacts out; and `recsys validate`, its checks alone.

Out go events, items and users as Parquet, the id tables as a pack and the spec as JSON. What is
validated is written into a temporary folder and thrown away, so that what passes there is what
an ingest accepts.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from recsys_cli.columns import ITEM, NAME, USER
from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.adapters import adapter_of
from recsys_cli.datasets.catalogue import Ids, load_ids, write_table
from recsys_cli.datasets.counting import Totals
from recsys_cli.datasets.eventchecks import build_events
from recsys_cli.datasets.events import EventReader, make_reader
from recsys_cli.datasets.findings import Findings, IngestReport, ValidationReport
from recsys_cli.datasets.idpack import id_table
from recsys_cli.datasets.spec import build_spec
from recsys_cli.datasets.tables import Context, RawTables, Slot
from recsys_cli.errors import ConfigError
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.packs import save_pack

_SCRATCH = "raw-copies"


@dataclass(frozen=True, slots=True)
class Built:
    """What one run wrote, before it is turned into a report."""

    users: Ids
    items: Ids
    totals: Totals


def ingest(
    name: str,
    config: DatasetConfig,
    *,
    workspace: Path,
    out: Path,
    progress: Progress | None = None,
) -> IngestReport:
    """Check a dataset's raw files and write its canonical tables.

    Args:
        name: the dataset's name, part of every file name.
        config: its section of recsys.toml.
        workspace: folder that `config.path` is relative to.
        out: existing folder that gets events_, items_ and users_<name>.parquet,
            ids_<name>.joblib and spec_<name>.json; to be thrown away if this raises.
        progress: where progress goes.

    Returns:
        Counts and the findings of every check.

    Raises:
        DataError: a check is fatal, or the raw folder is not there.
        ConfigError: columns cannot be guessed, or a setting does not fit the data.
    """
    findings = Findings()
    built = build(name, config, workspace=workspace, out=out, findings=findings, progress=progress)
    findings.raise_if_failed(name)
    if built is None:
        raise AssertionError("nothing was built although no check failed")
    totals = built.totals
    return IngestReport(
        dataset=name,
        events=totals.events,
        users=len(built.users),
        items=len(built.items),
        pairs=totals.pairs,
        skipped=totals.skipped,
        first=totals.first,
        last=totals.last,
        findings=tuple(findings.found),
    )


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
    findings = Findings()
    with TemporaryDirectory(prefix="recsys-validate-") as scratch:
        out = Path(scratch)
        build(name, config, workspace=workspace, out=out, findings=findings, progress=progress)
    return ValidationReport(name, tuple(findings.found))


def build(
    name: str,
    config: DatasetConfig,
    *,
    workspace: Path,
    out: Path,
    findings: Findings,
    progress: Progress | None = None,
) -> Built | None:
    """Run every check and write the tables; None as soon as a finding is fatal."""
    folder = workspace / config.path
    if not folder.is_dir():
        hint = f"set path in [datasets.{name}] of recsys.toml, or put the raw files there"
        message = f"the raw folder {folder} does not exist"
        findings.fail("files", message, hint=hint)
        return None
    scratch = out / _SCRATCH
    scratch.mkdir()
    context = Context(name, config, folder, findings, scratch, progress or Silent())
    try:
        return _build(context, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _build(context: Context, out: Path) -> Built | None:
    name, findings, progress = context.name, context.findings, context.progress
    adapter = adapter_of(context.config.kind)
    slots = {slot.table: slot for slot in adapter.locate(context.folder, context.config)}
    for slot in slots.values():
        _report_slot(slot, findings)
    tables = None if findings.failed else adapter.read(slots, context)
    if tables is None or findings.failed:
        return None
    progress.start("read ids")
    users = load_ids(tables.users, USER, findings)
    items = load_ids(tables.items, ITEM, findings)
    reader = None if findings.failed else make_reader(tables.events, users, items, findings)
    if reader is None:
        return None
    events_path = out / f"events_{name}.parquet"
    signed = bool(context.config.value_as_weight)
    if signed and reader.raw.value is None:
        raise ConfigError(
            f"[datasets.{name}] value_as_weight needs a value column, and the events have none",
            hint='name it in recsys.toml: columns = { value = "COLUMN" }',
        )
    progress.start("map events")
    totals = build_events(reader, events_path, findings, signed_weights=signed)
    if totals is None or findings.failed:
        return None
    progress.start("write tables")
    _write(context, tables, reader, out)
    return Built(users, items, totals)


def _report_slot(slot: Slot, findings: Findings) -> None:
    check = f"{slot.table}.file"
    message = f"there is no file for {slot.table}; looked for {slot.looked_for}"
    if slot.path is not None:
        findings.ok(check, "found", file=slot.path.name)
    elif slot.required:
        findings.fail(check, message, hint="put the file into the raw folder")
    else:
        findings.warn(check, message, hint="it is optional")


def _write(context: Context, tables: RawTables, reader: EventReader, out: Path) -> None:
    name, config = context.name, context.config
    users, items = reader.users, reader.items
    items_path = out / f"items_{name}.parquet"
    source = config.source or name
    item_columns = write_table(tables.items, items, items_path, source=source)
    user_columns = write_table(tables.users, users, out / f"users_{name}.parquet", source=None)
    names = pl.read_parquet(items_path, columns=[NAME]).to_series()
    pack: dict[str, object] = {}
    for prefix, ids in ((USER, users.all()), (ITEM, items.all())):
        table = id_table(ids, search=True)
        pack |= table.to_pack(prefix)
        pack[f"{prefix}s_fingerprint"] = table.fingerprint()
    pack |= id_table(names, search=False).to_pack(NAME)
    save_pack(out / f"ids_{name}.joblib", pack)
    spec = build_spec(
        name,
        config,
        tables.defaults,
        kinds=reader.kinds,
        has_time=reader.time is not None,
        item_columns=item_columns,
        user_columns=user_columns,
    )
    spec_path = out / f"spec_{name}.json"
    spec_path.write_text(spec.model_dump_json(indent=2) + "\n", encoding="utf-8")
