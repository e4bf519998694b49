"""What is returned leaves what learns and what is measured, and no past snapshot knows of it."""

import shutil
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import recsys_cli
from conftest import build
from recsys_cli.apps.live import add_events
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.testsplit import Question, truths_of
from recsys_cli.assembly import load_config
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.engine import Engine
from recsys_cli.events.interactions import Interactions
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import Workspace

CONFIG = """
[datasets.shop]
kind = "generic"
path = "data/shop_raw"
events = "orders.csv"
columns = { user = "customer", item = "sku", time = "day", value = "qty" }
returns = "subtract"
value_as_weight = true
repurchase = false
horizon_days = 7
[als]
factors = 4
iterations = 2
[hybrid]
enabled = false
[twotower]
enabled = false
"""
FIRST, DAYS, CUT = date(2024, 1, 1), 60, 40
PAST = Snapshot(as_of=datetime.combine(FIRST, datetime.min.time()) + timedelta(days=CUT))
USERS, ITEMS = 40, 25


def orders() -> list[tuple]:
    """Who bought how many of what, on which day, each pair once."""
    rng = np.random.default_rng(3)
    rows = {}
    for _ in range(600):
        pair = int(rng.integers(USERS)), int(rng.integers(ITEMS))
        rows.setdefault(pair, (*pair, int(rng.integers(DAYS)), int(rng.integers(1, 4))))
    return sorted(rows.values(), key=lambda row: row[2])


BOUGHT = orders()
BACK_EARLY = [row for row in BOUGHT if row[2] < CUT - 10][::9]
BACK_LATE = [row for row in BOUGHT if row[2] < CUT][4::9]
IN_WINDOW = [row for row in BOUGHT if row[2] >= DAYS - 7][::4]


def shop(root: Path, *, late: bool) -> Path:
    """A workspace; `late` says whether what comes back after the cut-off does."""
    raw = root / "data/shop_raw"
    raw.mkdir(parents=True)
    (root / "recsys.toml").write_text(CONFIG)
    back = [(*row[:2], CUT - 5, -row[3]) for row in BACK_EARLY]
    if late:
        back += [(*row[:2], CUT + 5, -min(row[3], 2)) for row in BACK_LATE]
        back += [(*row[:2], DAYS, -row[3]) for row in IN_WINDOW]
    lines = [
        f"u{user},i{item},{FIRST + timedelta(days=day)},{many}"
        for user, item, day, many in sorted([*BOUGHT, *back], key=lambda row: row[2])
    ]
    (raw / "orders.csv").write_text("\n".join(["customer,sku,day,qty", *lines]) + "\n")
    return root


@pytest.fixture(scope="module")
def returned(tmp_path_factory) -> Path:
    root = shop(tmp_path_factory.mktemp("returned") / "workspace", late=True)
    build(root)
    build(root, snapshot=PAST)
    return root


def had(root: Path, snapshot: Snapshot | None = None) -> dict[tuple[str, str], float]:
    artifacts = Artifacts(Workspace(root), "shop", *([snapshot] if snapshot else []))
    pairs = Interactions.from_pack(artifacts.pack("interactions"))
    users, items = artifacts.users, artifacts.items
    return {
        (users[int(user)], items[int(item)]): float(weight)
        for user, item, weight in zip(pairs.users, pairs.indices, pairs.weight, strict=True)
    }


def expected(before: int) -> dict[tuple[str, str], float]:
    left: Counter = Counter()
    back = [(*row[:2], CUT - 5, -row[3]) for row in BACK_EARLY]
    back += [(*row[:2], CUT + 5, -min(row[3], 2)) for row in BACK_LATE]
    back += [(*row[:2], DAYS, -row[3]) for row in IN_WINDOW]
    for user, item, day, many in [*BOUGHT, *back]:
        if day < before:
            left[f"u{user}", f"i{item}"] += many
    return {pair: float(many) for pair, many in left.items() if many > 0}


def test_what_came_back_is_in_no_history_from_then_on(returned):
    assert had(returned) == expected(DAYS + 1)
    assert had(returned, PAST) == expected(CUT)
    assert had(returned, PAST) != expected(DAYS + 1)


def test_the_past_does_not_know_what_will_come_back(returned, tmp_path):
    other = shop(tmp_path / "workspace", late=False)
    build(other, snapshot=PAST)
    folders = [root / "artifacts" / PAST.folder for root in (returned, other)]
    names = {path.name for path in folders[0].glob("*.joblib")}
    assert {"als_shop.joblib", "interactions_shop.joblib", "transitions_shop.joblib"} <= names
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_what_came_back_is_no_hit_and_may_be_recommended_again(returned):
    artifacts = Artifacts(Workspace(returned), "shop")
    (truth,) = truths_of(artifacts, Question(), load_config(returned).eval)
    users, items = artifacts.users, artifacts.items
    rows = np.repeat(truth.users, np.diff(truth.items.indptr))
    hits = {
        (users[int(user)], items[int(item)])
        for user, item in zip(rows, truth.items.indices, strict=True)
    }
    gone = {(f"u{user}", f"i{item}") for user, item, *_ in IN_WINDOW}
    assert gone
    assert not gone & hits
    engine = Engine(Workspace(returned), "shop")
    user, item = sorted(gone)[0]
    answer = engine.recommend_one(user, strategy="popular", k=ITEMS)
    listed = {one["item"] for one in answer["items"]}
    kept = {item for who, item in expected(DAYS + 1) if who == user}
    assert item in listed
    assert not listed & kept


def test_what_comes_back_live_is_in_no_history_at_once(returned, tmp_path):
    root = tmp_path / "workspace"
    shutil.copytree(returned, root)
    kept = expected(DAYS + 1)
    (user, item), many = next((pair, many) for pair, many in kept.items() if many > 1)
    more = next(item for item in (f"i{n}" for n in range(ITEMS)) if (user, item) not in kept)
    last = datetime.combine(FIRST + timedelta(days=DAYS + 1), datetime.min.time())

    def event(what: str, pieces: float, minutes: int) -> dict:
        return {"item": what, "value": pieces, "time": f"{last + timedelta(minutes=minutes)}Z"}

    def listed(*events: dict) -> set[str]:
        answer = shop.recommend(user, strategy="popular", k=ITEMS, events=events)
        assert answer["live"] == len(events)
        return {one["item"] for one in answer["items"]}

    shop = recsys_cli.open(root)
    assert item not in listed()
    assert item not in listed(event(item, -1, 1))
    assert item in listed(event(item, -many, 1))
    assert item not in listed(event(item, -many, 1), event(item, 1, 2))
    assert more in listed()
    assert more not in listed(event(more, 2, 1))
    assert more not in listed(event(more, 2, 1), event(more, -1, 2))
    assert more in listed(event(more, 2, 1), event(more, -2, 2))


def test_what_came_back_live_is_taken_off_by_the_next_ingest(returned, tmp_path):
    root = tmp_path / "workspace"
    shutil.copytree(returned, root)
    kept = expected(DAYS + 1)
    (user, item), many = next(iter(kept.items()))
    with (root / "recsys.toml").open("a") as file:
        file.write("[live]\nmerge = true\n")
    opened = Opened(root)
    file = tmp_path / "events.jsonl"
    at = FIRST + timedelta(days=DAYS + 2)
    file.write_text(f'{{"user": "{user}", "item": "{item}", "value": {-many}, "time": "{at}"}}')
    assert add_events(opened, file, dataset="shop").accepted == 1
    build(root, "als.export")
    assert had(root) == {pair: left for pair, left in kept.items() if pair != (user, item)}


def test_without_returns_a_negative_value_is_an_event_like_others(tmp_path):
    root = shop(tmp_path / "workspace", late=False)
    config = (root / "recsys.toml").read_text().replace('"subtract"', '"keep"')
    (root / "recsys.toml").write_text(config.replace("value_as_weight = true\n", ""))
    build(root, "als.export", "popular")
    (user, item) = next(pair for pair in expected(DAYS) if pair in had(root))
    answer = recsys_cli.open(root).recommend(
        user, strategy="popular", k=ITEMS, events=[{"item": item, "value": -5}]
    )
    assert item not in {one["item"] for one in answer["items"]}
