"""What happens after the cut-off changes not one byte of any artifact of the snapshot before it."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conftest import CONFIG, build
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.store.idtable import FINGERPRINTS
from recsys_cli.store.kinds import ALL, ARTIFACTS
from recsys_cli.store.layout import ITEMS, USERS, Layout
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
    """There are no later sales but those that number who comes later, which ties are broken by."""
    first = pl.col("article_id").is_first_distinct() | pl.col("customer_id").is_first_distinct()
    return sales.filter(~LATER | first)


def multiplied(sales: pl.DataFrame) -> pl.DataFrame:
    """Later sales are many more, up to a later day."""
    more = [sales.filter(LATER).with_columns(t_dat=pl.lit(f"2020-09-{d:02}")) for d in (23, 24, 25)]
    return pl.concat([sales, *more])


def other_last_items(sales: pl.DataFrame) -> pl.DataFrame:
    """Everybody's last sale is another item at another price, of those that were sold before."""
    first = sales.group_by("article_id").agg(pl.col("t_dat").min().alias("since"))
    last = pl.col("customer_id").is_last_distinct()
    other = sales.with_columns(pl.col("article_id").reverse().alias("other"))
    for column in ("article_id", "other"):
        since = first.rename({"article_id": column, "since": f"since_{column}"})
        other = other.join(since, on=column, how="left", maintain_order="left")
    known = (pl.col("since_article_id") < pl.col("t_dat")) & (
        pl.col("since_other") < pl.col("t_dat")
    )
    return other.with_columns(
        pl.when(last & known).then("other").otherwise("article_id").alias("article_id"),
        pl.when(last).then(pl.col("price").reverse()).otherwise("price").alias("price"),
    ).select(sales.columns)


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


def outputs(root: Path, snapshot: Snapshot) -> dict[str, object]:
    """Every file that a snapshot has of its own; of packs, what they say of who was there then."""
    workspace, config = Workspace(root), load_config(root)
    owners = {stage: ALL if stage.whole else "hm" for stage in default_graph().stages.values()}
    then = workspace.pack("interactions", "hm", snapshot)
    sizes = {USERS: then["n_users"], ITEMS: then["n_items"]}
    found: dict[str, object] = {}
    for stage, owner in owners.items():
        if not stage.per_snapshot or stage.behind or not stage.enabled(config, owner):
            continue
        for kind in stage.outputs:
            path, layout = workspace.path(kind, owner, snapshot), ARTIFACTS[kind].layout
            found[kind] = path.read_bytes() if layout is None else known(path, layout, sizes)
    return found


def known(path: Path, layout: Layout, sizes: dict[str, int]) -> dict[str, object]:
    """The values of a pack, arrays as bytes and only of the first users and items."""
    found: dict[str, object] = {}
    for name, value in load_pack(path).items():
        shape = getattr(layout[name], "shape", ())
        if isinstance(value, np.ndarray):
            cut = tuple(
                slice(sizes[size.removesuffix("+1")] + size.endswith("+1"))
                if size.removesuffix("+1") in sizes
                else slice(None)
                for size in shape
            )
            found[name] = value[cut].tobytes()
        elif name not in FINGERPRINTS:
            found[name] = value
    return found


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
    ours, theirs = (Workspace(root).pack("interactions", "hm", snapshot) for root in (shop, other))
    for side in FINGERPRINTS:
        assert ours[side] == theirs[side], "the change was to leave those who were there alone"
    events = [pl.read_parquet(root / "artifacts/events_hm.parquet") for root in (shop, other)]
    assert not events[0].equals(events[1])
    want, got = outputs(shop, snapshot), outputs(other, snapshot)
    assert {"interactions", "als", "popular"} <= want.keys()
    assert [kind for kind in want if want[kind] != got[kind]] == []
