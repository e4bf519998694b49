"""Interactions out to other trainers, and their factors in: what is written, what is refused."""

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from committed import commit_pack
from conftest import build
from recsys_cli.apps.exchange import export_interactions, import_als
from recsys_cli.apps.legacy import export_legacy
from recsys_cli.apps.opened import Opened
from recsys_cli.assembly import load_config
from recsys_cli.csr import CSR
from recsys_cli.errors import UsageError
from recsys_cli.store.packs import load_pack
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.collab.als import AlsFactors
from recsys_cli.strategies.collab.foldin import fold_in

PAST = Snapshot(as_of=datetime(2020, 9, 16))
CUTOFF = int(datetime(2020, 9, 16, tzinfo=UTC).timestamp())


def export(root, out, snapshot=NOW, **options):
    return list(export_interactions(Workspace(root), "hm", snapshot, out=out, **options))


@pytest.fixture
def files(workspace, tmp_path):
    """Factor files for all users and items of hm."""
    rng = np.random.default_rng(1)
    ids, paths = load_pack(workspace / "artifacts/ids_hm.joblib"), {}
    for side in ("user", "item"):
        n = len(ids[f"{side}_offsets"]) - 1
        table = {"id": np.arange(n, dtype=np.int32)} | {
            f"f{j}": rng.normal(size=n).astype(np.float32) for j in range(4)
        }
        paths[f"{side}s"] = tmp_path / f"{side}_factors.csv"
        pl.DataFrame(table).write_csv(paths[f"{side}s"])
    return paths


def import_(root, files, snapshot=NOW, **options):
    return import_als(Opened(root), "hm", snapshot, **files, **options)


def test_pairs_of_weight_0_are_in_no_format(workspace, tmp_path):
    pack = load_pack(workspace / "artifacts/interactions_hm.joblib", mmap=False)
    weight = pack["weight"].copy()
    weight[::3] = 0
    changed = pack | {"weight": weight}
    commit_pack(Workspace(workspace), "als.export", "hm", "interactions", changed)
    export(workspace, tmp_path, csv=True)
    export(workspace, tmp_path)
    list(export_legacy(Workspace(workspace), ["hm"], out=tmp_path / "old"))
    types = {"user": pl.Int32, "item": pl.Int32, "weight": pl.Float32}
    want = pl.read_parquet(tmp_path / "interactions_hm.parquet")
    assert len(want) == (weight > 0).sum()
    assert dict(want.schema) == types
    for path in ("interactions_hm.csv", "old/data/mahout/interactions_hm.csv"):
        assert pl.read_csv(tmp_path / path, schema_overrides=types).equals(want), path


def test_factors_trained_on_a_past_export_are_taken_for_that_snapshot(workspace, files, tmp_path):
    build(workspace, "als.export", snapshot=PAST)
    export(workspace, tmp_path, PAST)
    import_(workspace, files, PAST, mapping=tmp_path / "id_map_hm.json")
    pack = load_pack(Workspace(workspace).path("als", "hm", PAST))
    assert (pack["origin"], pack["reference"]) == ("import", CUTOFF)


def test_factors_that_know_of_later_events_are_refused_for_a_past_snapshot(
    workspace, files, tmp_path
):
    build(workspace, "als.train", snapshot=PAST)
    export(workspace, tmp_path)
    mapping = tmp_path / "id_map_hm.json"
    with pytest.raises(UsageError, match="ends before 2020-09-16") as caught:
        import_(workspace, files, PAST, mapping=mapping)
    assert "recsys als export --as-of 2020-09-16" in caught.value.hint
    content = json.loads(mapping.read_text())
    mapping.write_text(json.dumps(content | {"reference": CUTOFF + 1}))
    with pytest.raises(UsageError, match="up to 2020-09-16 00:00:01"):
        import_(workspace, files, PAST, mapping=mapping)
    made = Workspace(workspace).manifest("als.train", "hm", PAST)
    assert made is not None
    assert not made.imported
    import_(workspace, files, mapping=mapping)


def test_factors_of_unknown_age_are_refused_for_a_past_snapshot(workspace, files, tmp_path):
    export(workspace, tmp_path)
    without, timeless = tmp_path / "without.json", tmp_path / "timeless.json"
    content = json.loads((tmp_path / "id_map_hm.json").read_text())
    timeless.write_text(json.dumps(content | {"reference": 0}))
    del content["reference"]
    without.write_text(json.dumps(content))
    for mapping in (None, without, timeless, tmp_path / "id_mappings_hm.joblib"):
        with pytest.raises(UsageError, match="nothing says") as caught:
            import_(workspace, files, PAST, mapping=mapping)
        assert "--as-of 2020-09-16 --out FOLDER" in caught.value.hint
        assert "--mapping" in caught.value.hint
    import_(workspace, files)
    with pytest.raises(UsageError, match="leave-last-out"):
        import_(workspace, files, Snapshot(leave_last=1))


def imported(root) -> AlsFactors:
    return AlsFactors.from_pack(load_pack(root / "artifacts/als_hm.joblib"))


def test_new_users_are_folded_in_with_the_settings_of_the_training(workspace, files):
    config = load_config(workspace)
    assert config.als.regularization != config.spark.regularization
    for scaled, section in ((True, config.spark), (False, config.als)):
        import_(workspace, files, scale_by_count=scaled)
        model = imported(workspace)
        assert model.scale_by_count == scaled
        assert (model.regularization, model.alpha) == (section.regularization, config.als.alpha)
    import_(workspace, files, regularization=0.5, alpha=3.0)
    spark = imported(workspace)
    import_(workspace, files, regularization=0.5, alpha=3.0, scale_by_count=False)
    plain = imported(workspace)
    items = CSR.from_rows([np.array([1, 4, 7], np.int32)], len(spark.item_factors))
    for model, penalty in ((spark, 3 * 0.5), (plain, 0.5)):
        want = fold_in(model.item_factors, items, regularization=penalty, alpha=3.0)
        np.testing.assert_allclose(model.fold_in(items), want, rtol=1e-5)
    assert not np.allclose(spark.fold_in(items), plain.fold_in(items))


def test_own_factors_are_folded_in_without_scaling(built):
    model = imported(built)
    assert not model.scale_by_count
    items = CSR.from_rows([np.array([2, 3], np.int32)], len(model.item_factors))
    settings = {"regularization": model.regularization, "alpha": model.alpha}
    want = fold_in(model.item_factors, items, **settings)
    np.testing.assert_array_equal(model.fold_in(items), want)
    pack = model.to_pack(users_fingerprint="", items_fingerprint="")
    del pack["scale_by_count"]
    assert not AlsFactors.from_pack(pack).scale_by_count
