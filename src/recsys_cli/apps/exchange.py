"""Interactions out to other trainers, and their factors back in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from recsys_cli.apps.legacy import id_mappings, saved, written
from recsys_cli.apps.opened import Opened
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.columns import ITEM, USER
from recsys_cli.config.load import section_for
from recsys_cli.errors import Command, Hint, UsageError
from recsys_cli.events.interactions import Interactions
from recsys_cli.moments import iso, said, seconds_at
from recsys_cli.store.files import sha256, write_json
from recsys_cli.store.idtable import fingerprints_of
from recsys_cli.store.manifest import Manifest, Recipe, environment
from recsys_cli.store.packs import save_pack
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.collab.factors import ImportReport, import_factors
from recsys_cli.strategies.collab.idmaps import IdMap


def export_interactions(
    workspace: Workspace, dataset: str, snapshot: Snapshot, *, out: Path, csv: bool = False
) -> Iterator[Path]:
    """Write what a trainer elsewhere needs, yielding each file.

    `interactions_<dataset>` has columns user, item, weight with integer ids and one row per
    pair of weight above 0. `id_map_<dataset>.json` names the ids those integers stand for by
    their fingerprints, for `recsys als import`; `id_mappings_<dataset>.joblib` spells them out
    as plain dicts, and `users_<dataset>.parquet` and `items_<dataset>.parquet` as id and user or
    item. `seen_<dataset>.parquet` has all pairs, those of weight 0 too, which the Spark job
    `recommend` leaves out of its lists.
    """
    artifacts = Artifacts(workspace, dataset, snapshot)
    interactions = Interactions.from_pack(artifacts.pack("interactions"))
    table = interactions.to_frame()
    if csv:
        yield written(out / f"interactions_{dataset}.csv", table.write_csv)
    else:
        yield written(out / f"interactions_{dataset}.parquet", table.write_parquet)
    id_map = {
        "dataset": dataset,
        "users": len(artifacts.users),
        "items": len(artifacts.items),
        **fingerprints_of(artifacts.pack("ids")),
        "reference": interactions.reference,
    }
    write_json(out / f"id_map_{dataset}.json", id_map)
    yield out / f"id_map_{dataset}.json"
    yield saved(out / f"id_mappings_{dataset}.joblib", id_mappings(artifacts))
    yield from _export_ids(artifacts, out)
    yield written(out / f"seen_{dataset}.parquet", interactions.seen().write_parquet)


def _export_ids(artifacts: Artifacts, out: Path) -> Iterator[Path]:
    """Each row's external id, for engines that join."""
    import polars as pl

    for name, ids in ((USER, artifacts.users), (ITEM, artifacts.items)):
        rows = pl.int_range(len(ids), dtype=pl.Int32, eager=True)
        table = pl.DataFrame({"id": rows, name: pl.Series(ids.to_list(), dtype=pl.String)})
        yield written(out / f"{name}s_{artifacts.dataset}.parquet", table.write_parquet)


def import_als(
    opened: Opened,
    dataset: str,
    snapshot: Snapshot,
    *,
    users: Path,
    items: Path,
    mapping: Path | None = None,
    regularization: float | None = None,
    alpha: float | None = None,
    scale_by_count: bool = True,
) -> ImportReport:
    """Put factors trained elsewhere in the place of `recsys als train`'s.

    Args:
        opened: the workspace; the dataset must have been ingested.
        dataset: name of the dataset.
        snapshot: what the factors were trained on.
        users: file or folder of user factors.
        items: file or folder of item factors.
        mapping: id map that the factors' ids refer to; None means the rows of now.
        regularization: λ of their training, which folding in a new user needs; None means
            `spark.regularization` where it is scaled by count, else `als.regularization`.
        alpha: α of their training; None means `als.alpha`.
        scale_by_count: whether their training multiplied λ by the number of a user's items.

    Raises:
        ArtifactError: the dataset has not been ingested.
        DataError: the files do not fit each other or the ids.
        UsageError: for a past snapshot, the factors are not known to be from before its end.
    """
    workspace, config = opened.workspace, opened.config
    id_map = IdMap.load(mapping) if mapping else None
    reference = id_map.reference if id_map else None
    _refuse_leak(snapshot, reference)
    artifacts = Artifacts(workspace, dataset, snapshot)
    ids, section = artifacts.pack("ids"), section_for(config, "als", dataset)
    fingerprints = fingerprints_of(ids)
    if regularization is None:
        regularization = (config.spark if scale_by_count else section).regularization
    factors, report = import_factors(
        users,
        items,
        user_ids=artifacts.users,
        item_ids=artifacts.items,
        regularization=regularization,
        alpha=section.alpha if alpha is None else alpha,
        scale_by_count=scale_by_count,
        id_map=id_map,
        **fingerprints,
    )
    pack = factors.to_pack(**fingerprints)
    if reference is not None:
        pack["reference"] = reference
    facts = {
        "origin": factors.origin,
        "factors": report.users.rank,
        "regularization": factors.regularization,
        "alpha": factors.alpha,
        "scale_by_count": factors.scale_by_count,
        "users_with_factors": report.users.rows,
        "items_with_factors": report.items.rows,
        **fingerprints,
    }
    recipe = Recipe(0, {}, _inputs(users, items), str(snapshot))
    with workspace.writing(), workspace.staging() as staging:
        staged = staging / workspace.path("als", dataset, snapshot).name
        save_pack(staged, pack)
        made = {"als": staged}
        manifest = Manifest(
            stage="als.train",
            dataset=dataset,
            recipe=recipe,
            outputs=workspace.describe(made, dataset, snapshot),
            facts=facts,
            imported=True,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            **environment(),
        )
        workspace.commit(made, manifest, snapshot)
    return report


def _refuse_leak(snapshot: Snapshot, reference: int | None) -> None:
    """Factors of a past snapshot must not know what came after it."""
    if snapshot == NOW:
        return
    hint: Hint | None = None
    if snapshot.as_of:
        hint = (
            Command("als", "export", "--as-of", iso(snapshot.as_of), "--out", "FOLDER"),
            ", train on that, and import with --mapping FOLDER/id_map_….json",
        )
    if snapshot.as_of is None or reference is None:
        raise UsageError(
            f"nothing says that these factors were trained on the snapshot {snapshot}", hint=hint
        )
    if reference > seconds_at(snapshot.as_of):
        last = datetime.fromtimestamp(reference, UTC)
        raise UsageError(
            f"these factors were trained on events up to {last:%Y-%m-%d %H:%M:%S}, and the"
            f" snapshot ends before {said(snapshot.as_of)}",
            hint=hint,
        )


def _inputs(*paths: Path) -> dict[str, str]:
    """Hashes of the imported files, for the manifest."""
    files = [
        file
        for path in paths
        for file in ([path] if path.is_file() else sorted(path.rglob("*")))
        if file.is_file()
    ]
    return {str(file): sha256(file) for file in files}
