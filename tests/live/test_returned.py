"""What the log says was given back is had no more at once, and the next ingest agrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import recsys_cli
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.since import built_until
from recsys_cli.live.contract import Event, Given, Sold
from recsys_cli.live.opening import open_log
from recsys_cli.shop import Shop
from recsys_cli.store.workspace import Workspace

ROWS = [(f"u{n % 17}", f"i{n * n % 23}", 1 + n // 12, 1 + n % 3) for n in range(240)]
DAY = 86_400_000


def made(folder: Path, *settings: str, weigh: bool = False) -> Shop:
    raw = folder / "data/shop"
    raw.mkdir(parents=True)
    lines = [f"{u},{i},2021-01-{d:02d},{v},sale" for u, i, d, v in ROWS]
    lines += [f"u0,i{n},2021-01-02,,view" for n in range(20, 23)]
    lines += ["u0,i4,2021-01-20,-1,refund"]
    (raw / "log.csv").write_text("\n".join(["user,item,time,qty,event", *lines]) + "\n")
    text = '[datasets.shop]\nkind = "generic"\npath = "data/shop"\nreturns = "subtract"\n'
    text += f"weights = {{ view = 1, sale = 5 }}\nvalue_as_weight = {str(weigh).lower()}\n"
    text += 'truth_events = ["sale"]\ncolumns = { value = "qty" }\n'
    (folder / "recsys.toml").write_text(text + "\n".join(settings) + "\n")
    shop = recsys_cli.open(folder)
    for stage in ("als.train", "itemknn", "transitions", "popular"):
        shop.build(stage)
    return shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return made(tmp_path_factory.mktemp("returned"))


@pytest.fixture(scope="module")
def weighing(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return made(tmp_path_factory.mktemp("weighing"), weigh=True)


def engine(shop: Shop) -> Engine:
    return shop._opened.request("shop")[0]


def had_after(shop: Shop, user: str, *events: Given) -> dict[str, tuple[float, int]]:
    """Weight and count of each item that a user has, with events of a session."""
    one = engine(shop)
    users = np.array([one.artifacts.users.find(user)], np.int32)
    visitors, unknown = one.visitors.of(users, [events])
    assert not unknown
    had = one.had.take(users) if visitors is None else visitors.had
    assert had.indptr.tolist() == [0, len(had.indices)]
    ids = one.artifacts.items
    found = zip(had.indices.tolist(), had.weight.tolist(), had.count.tolist(), strict=True)
    return {ids[item]: (weight, count) for item, weight, count in found}


def test_one_event_goes_with_each_return(shop: Shop) -> None:
    before = had_after(shop, "u1")
    item = max(before, key=lambda item: before[item][1])
    weight, count = before[item]
    assert count > 1
    for times in range(1, count + 1):
        after = had_after(shop, "u1", *[Given(item, "refund", None, -9.0)] * times)
        if times == count:
            assert after == {other: each for other, each in before.items() if other != item}
        else:
            assert after == before | {
                item: (pytest.approx(weight - 5 * times, rel=1e-5), count - times)
            }


def test_pieces_are_counted_where_values_weigh(weighing: Shop) -> None:
    before = had_after(weighing, "u1")
    item = max(before, key=lambda item: before[item][0])
    weight, _ = before[item]
    after = had_after(weighing, "u1", Given(item, "sale", None, -1.0))
    assert after[item][0] == pytest.approx(weight - 5, rel=1e-5)
    assert after | {item: before[item]} == before
    assert item not in had_after(weighing, "u1", Given(item, "sale", None, -weight / 5))
    assert item not in had_after(weighing, "u1", Given(item, "sale", None, -1e6))


def test_what_came_since_goes_back_first(shop: Shop) -> None:
    before = had_after(shop, "u1")
    new = next(f"i{n}" for n in range(23) if f"i{n}" not in before and n * n % 23 != n)
    new = next(f"i{n * n % 23}" for n in range(99) if f"i{n * n % 23}" not in before)
    bought = Given(new, "sale", None, 3.0)
    assert had_after(shop, "u1", bought, Given(new, "refund", None, -3.0)) == before
    some = had_after(shop, "u1", bought, Given(new, "refund", None, -2.0))
    assert some == before | {new: (5.0, 1)}
    looked = Given(new, "view")
    assert had_after(shop, "u1", looked, bought, Given(new, "refund", None, -9.0)) == before | {
        new: (1.0, 1)
    }
    # What comes back before it was bought is of an earlier purchase.
    assert new in had_after(shop, "u1", Given(new, "sale", None, -1.0), bought)


@pytest.mark.parametrize("strategy", ["collab", "itemknn", "transitions", "repurchase"])
def test_a_returned_item_no_longer_leads_anywhere(shop: Shop, strategy: str) -> None:
    """The answer is that of somebody who never had it, and the item may be listed again."""
    one = engine(shop)
    had = had_after(shop, "u1")
    back = [Given(item, "refund", None, -9.0) for item, (_, n) in had.items() for _ in range(n)]
    kept = next(iter(had))
    asked = {"strategy": strategy, "k": 10}
    most = [event for event in back if event.item != kept]
    answer = one.recommend_one("u1", **asked, events=most)
    assert answer["live"] == len(most)
    guest = one.recommend_one(None, **asked, events=[Given(kept, "sale")])
    # ALS knows who had one item once by the weight of their events alone.
    want = [i["item"] for i in guest["items"]]
    assert [i["item"] for i in answer["items"]][:3] == want[:3]
    assert {i["item"] for i in answer["items"]} & set(had) - {kept} or strategy == "repurchase"
    all_back = one.recommend_one("u1", **asked, events=back)
    assert all_back["strategy_used"] == "popular"


def test_a_return_is_no_sale_of_what_is_popular(shop: Shop) -> None:
    sold = [Sold("i1", "sale", 450_000, 4, 4.0), Sold("i1", "refund", 450_000, 1, 3.0, True),
            Sold("i2", "refund", 450_000, 2, 2.0, True)]  # fmt: skip
    one = engine(shop)
    trend = one.visitors.trend(sold, half_life_days=1e9)
    row, other = (one.artifacts.items.find(item) for item in ("i1", "i2"))
    assert trend.weights[row] == pytest.approx(15)
    assert (trend.counts[row], trend.weights[other], trend.counts[other]) == (4, 0, 0)


@pytest.mark.filterwarnings("ignore::recsys_cli.RecsysWarning")
def test_the_log_takes_back_and_the_next_ingest_agrees(tmp_path: Path) -> None:
    shop = made(tmp_path, "[live]", "merge = true", weigh=True)
    log = open_log(tmp_path, shop._opened.config.live)
    end = built_until(Artifacts(Workspace(tmp_path), "shop"))
    assert end is not None
    before = had_after(shop, "u1")
    one, two = sorted(before)[:2]
    amount = before[one][0] / 5
    log.append(
        [
            Event("shop", "u1", one, "refund", end + DAY, -amount),
            Event("shop", "u1", two, "sale", end + DAY, 3.0),
            Event("shop", "u1", two, "sale", end + 2 * DAY, -1.0),
        ]
    )
    live = {i["item"]: i["weight"] for i in shop.history("u1", k=99)["items"]}
    assert one not in live
    assert live[two] == pytest.approx(before[two][0] + 10)
    hours = {(sold.item, sold.back): sold.value for sold in log.by_hour("shop", after=end)}
    assert hours == {(one, True): amount, (two, False): 3.0, (two, True): 1.0}
    shop.build("als.export")
    again = {i["item"]: i["weight"] for i in shop.history("u1", k=99)["items"]}
    assert again == pytest.approx(live)
    assert built_until(Artifacts(Workspace(tmp_path), "shop")) == end + 2 * DAY
