"""What happens after the cut-off changes not one byte of any artifact of the snapshot before it."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from conftest import CONFIG, build
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.store.kinds import ALL
from recsys_cli.store.packs import load_pack
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import Workspace

CUTOFF = "2020-09-16"
PAST, LEAVE_LAST = Snapshot(as_of=datetime.fromisoformat(CUTOFF)), Snapshot(leave_last=1)
SALES = "data/hm_raw/transactions_train.csv"
RANKER = "[hybrid]\nenabled = true\nwindows = 1\nrounds = 10\nmin_in_leaf = 20"
LATER = pl.col("t_dat") >= CUTOFF


def scrambled(sales: pl.DataFrame) -> pl.DataFrame:
    """Later sales are other items to other customers at other prices on other days."""
    later = sales.filter(LATER)
    other = later.select(
        later["t_dat"].reverse().sort(),
        later["customer_id"].shuffle(seed=1),
        later["article_id"].shuffle(seed=2),
        later["price"].shuffle(seed=3),
        "sales_channel_id",
    )
    return pl.concat([sales.filter(~LATER), other.gather_every(2)])


def deleted(sales: pl.DataFrame) -> pl.DataFrame:
    """There are no later sales."""
    return sales.filter(~LATER)


def multiplied(sales: pl.DataFrame) -> pl.DataFrame:
    """Later sales are many more, up to a later day."""
    more = [sales.filter(LATER).with_columns(t_dat=pl.lit(f"2020-12-{d:02}")) for d in (1, 2, 3)]
    return pl.concat([sales, *more])


def other_last_items(sales: pl.DataFrame) -> pl.DataFrame:
    """Everybody's last sale is another item at another price."""
    return sales.with_columns(
        pl.when(pl.col("customer_id").is_last_distinct())
        .then(pl.col(column).reverse())
        .otherwise(pl.col(column))
        for column in ("article_id", "price")
    )


@pytest.fixture(scope="module")
def shop(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of one dataset, with both snapshots built. Do not write to it."""
    root = tmp_path_factory.mktemp("shop") / "workspace"
    shutil.copytree(raw, root)
    shutil.rmtree(root / "data/rr_raw")
    (root / "recsys.toml").write_text(CONFIG.replace("[hybrid]\nenabled = false", RANKER))
    for snapshot in (PAST, LEAVE_LAST):
        build(root, snapshot=snapshot)
    return root


def outputs(root: Path, snapshot: Snapshot) -> dict[str, bytes]:
    """Every file that a snapshot has of its own."""
    workspace, config = Workspace(root), load_config(root)
    owners = {stage: ALL if stage.whole else "hm" for stage in default_graph().stages.values()}
    return {
        kind: workspace.path(kind, owner, snapshot).read_bytes()
        for stage, owner in owners.items()
        if stage.per_snapshot and not stage.behind and stage.enabled(config, owner)
        for kind in stage.outputs
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "snapshot"),
    [
        (scrambled, PAST),
        (deleted, PAST),
        (multiplied, PAST),
        (other_last_items, LEAVE_LAST),
    ],
)
def test_what_comes_later_changes_nothing(
    shop: Path, tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], snapshot: Snapshot
) -> None:
    other = tmp_path / "workspace"
    shutil.copytree(shop, other, ignore=shutil.ignore_patterns("artifacts"))
    sales = pl.read_csv(shop / SALES, infer_schema=False)
    changed = change(sales)
    assert not changed.equals(sales)
    changed.write_csv(other / SALES)
    build(other, snapshot=snapshot)
    ours, theirs = (load_pack(root / "artifacts/ids_hm.joblib") for root in (shop, other))
    for side in ("users_fingerprint", "items_fingerprint"):
        assert ours[side] == theirs[side], "the change was to leave users and items alone"
    events = [pl.read_parquet(root / "artifacts/events_hm.parquet") for root in (shop, other)]
    assert not events[0].equals(events[1])
    want, got = outputs(shop, snapshot), outputs(other, snapshot)
    assert {"interactions", "als", "popular"} <= want.keys()
    assert [kind for kind in want if want[kind] != got[kind]] == []
