"""Interactions out to other trainers, and their factors back in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recsys_cli.models.interactions import Interactions
from recsys_cli.pipeline.legacy import id_mappings, interactions_frame
from recsys_cli.recommend.artifacts import Artifacts
from recsys_cli.store.files import atomic_path, write_json
from recsys_cli.store.packs import save_pack
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import Workspace


def export_interactions(
    workspace: Workspace, dataset: str, snapshot: Snapshot, *, out: Path, csv: bool = False
) -> Iterator[Path]:
    """Write what a trainer elsewhere needs, yielding each file.

    `interactions_<dataset>` has columns user, item, weight with integer ids and one row per
    pair of weight above 0. `id_map_<dataset>.json` names the ids those integers stand for by
    their fingerprints, for `recsys als import`; `id_mappings_<dataset>.joblib` spells them out
    as plain dicts.
    """
    artifacts = Artifacts(workspace, dataset, snapshot)
    interactions = Interactions.from_pack(artifacts.pack("interactions"))
    target = out / f"interactions_{dataset}.{'csv' if csv else 'parquet'}"
    with atomic_path(target) as temporary:
        if csv:
            interactions_frame(interactions).write_csv(temporary)
        else:
            interactions.write_parquet(temporary)
    yield target
    ids = artifacts.pack("ids")
    target = out / f"id_map_{dataset}.json"
    write_json(
        target,
        {
            "dataset": dataset,
            "users": len(artifacts.users),
            "items": len(artifacts.items),
            "users_fingerprint": ids["users_fingerprint"],
            "items_fingerprint": ids["items_fingerprint"],
        },
    )
    yield target
    target = out / f"id_mappings_{dataset}.joblib"
    with atomic_path(target) as temporary:
        save_pack(temporary, id_mappings(ids))
    yield target
