"""Old file names hold current data under the right external ids, or are not written."""

import polars as pl
import pytest

from conftest import build, last_sale_first
from recsys_cli.apps.legacy import export_legacy
from recsys_cli.columns import ITEM
from recsys_cli.errors import ArtifactError
from recsys_cli.store.packs import load_pack
from recsys_cli.store.workspace import Workspace


def export(root, out):
    return list(export_legacy(Workspace(root), ["hm", "rr"], out=out))


def test_every_vector_has_the_id_of_its_row(built, tmp_path):
    export(built, tmp_path)
    items = pl.read_parquet(built / "artifacts/items_hm.parquet")[ITEM]
    als = load_pack(built / "artifacts/als_hm.joblib")
    vectors = load_pack(tmp_path / "artifacts/item_vectors_mahout_hm.joblib")
    known = als["item_known"].nonzero()[0].tolist()
    assert list(vectors) == items[known].to_list()
    for row in known[:10]:
        assert vectors[items[row]] == als["item_factors"][row].tolist()


def test_events_carry_the_external_ids_of_their_rows(built, tmp_path):
    export(built, tmp_path)
    events = pl.read_parquet(built / "artifacts/events_rr.parquet")
    users = pl.read_parquet(built / "artifacts/users_rr.parquet")["user"]
    items = pl.read_parquet(built / "artifacts/items_rr.parquet")["item"]
    old = pl.read_parquet(tmp_path / "artifacts/events_rr.parquet")
    assert old["user_id"].to_list() == users.gather(events["user"]).to_list()
    assert old["item_id"].to_list() == items.gather(events["item"]).to_list()
    assert old["timestamp"].to_list() == events["time"].to_list()
    assert set(old["event"]) <= {"view", "addtocart", "transaction"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["interactions", "als"])
def test_factors_of_rows_in_another_order_are_refused_before_anything_is_written(
    workspace, tmp_path, kind
):
    last_sale_first(workspace)
    build(workspace, "ingest")
    other = {"interactions": "als", "als": "interactions"}[kind]
    (workspace / f"artifacts/{other}_hm.joblib").unlink()
    stage = {"interactions": "als.export", "als": "als.train"}[other]
    Workspace(workspace).manifest_path(stage, "hm").unlink()
    with pytest.raises(ArtifactError, match=f"{kind}_hm.joblib was made for other") as caught:
        export(workspace, tmp_path / "out")
    assert "recsys build all --dataset hm" in caught.value.hint
    assert not (tmp_path / "out").exists()
    build(workspace)
    export(workspace, tmp_path / "out")


def test_what_was_not_built_is_left_out(workspace, tmp_path):
    for path in (workspace / "artifacts").glob("als_*"):
        path.unlink()
    for path in (workspace / "artifacts/manifests").glob("als.train_*"):
        path.unlink()
    made = {path.name for path in export(workspace, tmp_path)}
    assert "interactions_hm.csv" in made
    assert not any("factors" in name or name.startswith("als") for name in made)
