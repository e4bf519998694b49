"""How long builds will take: what is learned from which run, and what is said of it."""

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from conftest import build
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.status import status_of
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.build.estimate import Ahead, Cost, Countdown, Estimates, lasting
from recsys_cli.build.run import Builder
from recsys_cli.build.timeline import Node
from recsys_cli.store.files import read_json, write_json
from recsys_cli.store.manifest import Manifest, Recipe
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

HALF = Snapshot(as_of=datetime(2020, 1, 6))
"""Of ten days, five are before it."""


def keep(root: Path, node: Node, *, seconds: float = 0.0, **fields) -> None:
    """Have a stage seem to have run."""
    recipe = Recipe(version=1, config={}, inputs={}, snapshot=str(node.snapshot))
    made = Manifest(node.stage, node.dataset, recipe, outputs={}, seconds=seconds, **fields)
    write_json(Workspace(root).manifest_path(*node), made.to_json())


def ingested(root: Path, dataset: str, events: object, items: object = 100) -> None:
    facts = {"events": events, "items": items, "users": 9, "pairs": 10}
    times = {"first": "2020-01-01T00:00:00", "last": "2020-01-11T00:00:00"}
    keep(root, Node("ingest", dataset, NOW), seconds=1.0, facts=facts | times)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    datasets = "".join(
        f'[datasets.{name}]\nkind = "generic"\npath = "data/{name}"\n' for name in "ab"
    )
    (tmp_path / "recsys.toml").write_text(datasets)
    ingested(tmp_path, "a", 1000)
    ingested(tmp_path, "b", 4000, items=300)
    return tmp_path


def expected(root: Path, *nodes: Node) -> list[float | None]:
    estimates = Estimates(Workspace(root), load_config(root), default_graph())
    return [estimates.seconds(node) for node in nodes]


def als(dataset: str, snapshot: Snapshot = NOW) -> Node:
    return Node("als.train", dataset, snapshot)


def test_a_stage_takes_as_long_as_last_time_by_the_events_that_it_sees(shop):
    keep(shop, als("a"), seconds=8.0, size=500.0)
    assert expected(shop, als("a")) == [16.0]
    keep(shop, als("a"), seconds=8.0)
    assert expected(shop, als("a")) == [8.0]


def test_another_snapshot_comes_before_another_dataset(shop):
    keep(shop, als("b"), seconds=40.0)
    assert expected(shop, als("a"), als("a", HALF)) == [10.0, 5.0]
    keep(shop, als("a", HALF), seconds=3.0)
    assert expected(shop, als("a"), als("a", HALF), als("b", HALF)) == [6.0, 3.0, 20.0]


def test_the_snapshot_most_alike_in_size_is_taken(shop):
    for day, seconds in ((3, 100.0), (9, 8.0)):
        keep(shop, als("a", Snapshot(as_of=datetime(2020, 1, day))), seconds=seconds)
    assert expected(shop, als("a")) == [10.0]


def test_what_does_not_depend_on_events_grows_with_the_items(shop):
    keep(shop, Node("embed.text", "a", NOW), seconds=2.0)
    assert expected(shop, Node("embed.text", "b", NOW)) == [6.0]


def test_what_is_about_all_datasets_grows_with_all_of_them(shop):
    node = Node("twotower.pairs.all", "all", NOW)
    keep(shop, node, seconds=2.0, size=2500.0)
    assert expected(shop, node) == [4.0]


def test_nothing_is_known_of_what_never_ran_nor_of_what_was_imported(shop):
    keep(shop, als("a"), seconds=8.0, imported=True)
    keep(shop, Node("popular", "a", NOW), seconds=8.0)
    Workspace(shop).manifest_path("ingest", "b").unlink()
    assert expected(shop, als("a"), Node("graph", "a", NOW), Node("popular", "b", NOW)) == [
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("events", ["many", -1, 1e400, True, None, [1]])
def test_what_a_manifest_of_somebody_else_says_is_no_number(shop, events):
    ingested(shop, "a", events)
    keep(shop, als("a"), seconds=8.0, size=500.0)
    assert expected(shop, als("a")) == [8.0]


@pytest.mark.parametrize("first", ["soon", 7, "2020-01-01T00:00:00+00:00", "2020-01-11T00:00:00"])
def test_nor_are_its_times_times(shop, first):
    path = Workspace(shop).manifest_path("ingest", "a")
    raw = read_json(path)
    raw["facts"]["first"] = first
    write_json(path, raw)
    keep(shop, als("a"), seconds=8.0)
    assert expected(shop, als("a", HALF)) == [8.0]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 s"), (0.2, "1 s"), (12, "12 s"), (59, "59 s"), (59.5, "1 min"), (200, "3 min"),
     (3599, "1 h"), (3600, "1 h"), (8100, "2 h 15 min"), (7190, "2 h")],
)  # fmt: skip
def test_times_are_said_as_people_do(seconds, words):
    assert lasting(seconds) == words


def test_a_sum_says_that_something_is_missing():
    assert str(Cost(3, 200, 0)) == "about 3 min"
    assert str(Cost(3, 200, 1)) == "at least 3 min"
    assert str(Cost(3, 0, 3)) == "no estimate"
    assert Cost(3, 200, 0).summary() == "3 stages, about 3 min"
    assert Cost(3, 200, 1).summary() == "3 stages, at least 3 min: 1 stage has no estimate"
    assert Cost(1, 0, 1).summary() == "1 stage, no estimate"


def ahead(own: float | None, rest: Cost) -> Ahead:
    cost = Cost(1, own or 0.0, own is None)
    return Ahead(als("a", HALF), done=3, own=cost, rest=rest)


def test_a_stage_counts_down_until_it_is_late():
    one = ahead(60, Cost(50, 120, 0))
    which = "a als.train [asof=2020-01-06]"
    assert one.text() == f"3 of 54 stages done, about 3 min left: {which}"
    assert one.text(30) == f"3 of 54 stages done, about 2 min left: {which}"
    assert one.text(70) == f"3 of 54 stages done, at least 2 min left: {which}"
    assert ahead(0, Cost(0, 0, 0)).text() == f"3 of 4 stages done, about 1 s left: {which}"
    last = ahead(10, Cost(0, 0, 0))
    assert last.text(11) == f"3 of 4 stages done: {which}"
    assert ahead(None, Cost(2, 0, 2)).text() == f"3 of 6 stages done: {which}"


def test_the_countdown_takes_in_what_ran(shop):
    keep(shop, als("a", HALF), seconds=3.0)
    workspace = Workspace(shop)
    countdown = Countdown(Estimates(workspace, load_config(shop), default_graph()))
    popular = Node("popular", "a", HALF), Node("popular", "a", NOW)
    countdown.expect([als("a"), *popular])
    assert countdown.begin(als("a")) == Ahead(als("a"), 0, Cost(1, 6.0, 0), Cost(2, 0, 2))
    countdown.passed(als("a"), ran=True)
    keep(shop, popular[0], seconds=2.0)
    assert countdown.begin(popular[0]).rest == Cost(1, 0, 1)
    countdown.passed(popular[0], ran=True)
    countdown.expect([*popular, als("b")])
    assert countdown.begin(popular[1]) == Ahead(popular[1], 2, Cost(1, 4.0, 0), Cost(1, 24.0, 0))


def told(root: Path, **options) -> tuple[list[Ahead], Iterable]:
    starts: list[Ahead] = []
    builder = Builder(Workspace(root), load_config(root, options.pop("overrides", ())),
                      default_graph())  # fmt: skip
    steps = list(builder.build(datasets=["hm"], on_start=starts.append, **options))
    return starts, steps


def test_a_build_says_how_far_it_is_before_each_stage(workspace):
    starts, _ = told(workspace, targets=["als.train"], force=True)
    assert [(one.node.stage, one.done, one.rest.stages) for one in starts] == [("als.train", 0, 0)]
    assert starts[0].own.seconds > 0
    assert told(workspace)[0] == []


def test_a_first_build_learns_what_there_is_to_do_from_ingest(raw, tmp_path):
    root = tmp_path / "first"
    shutil.copytree(raw, root)
    starts, _ = told(root, targets=["als.train", "itemknn"])
    assert [one.done for one in starts] == list(range(len(starts)))
    # That factors start from earlier ones, and from which, is known once there are events.
    expected = [one.done + 1 + one.rest.stages for one in starts]
    assert expected == [4] + [len(starts)] * (len(starts) - 1)
    assert starts[0].text() == "0 of 4 stages done: hm ingest"
    made = Workspace(root).manifest("als.train", "hm")
    assert made.size == Workspace(root).manifest("ingest", "hm").facts["events"]


def test_a_dry_run_and_the_status_expect_the_same_as_the_build_does(workspace):
    overrides = ["als.factors=8"]
    starts, steps = told(workspace, overrides=overrides, dry_run=True)
    assert not starts
    due = [step for step in steps if step.action == "would run"]
    assert due
    assert all(step.estimate > 0 for step in due)
    opened = Opened(workspace, overrides=overrides)
    cost = status_of(opened, dataset="hm").build
    assert cost == (len(due), pytest.approx(sum(step.estimate for step in due)), 0)
    assert status_of(Opened(workspace)).build == Cost(0, 0, 0)


def test_no_manifest_is_read_twice(workspace, monkeypatch):
    read = []
    load = Manifest.load

    def counting(path: Path):
        read.append(path)
        return load(path)

    monkeypatch.setattr(Manifest, "load", counting)
    status_of(Opened(workspace, overrides=["als.factors=8"]))
    assert len(read) == len(set(read)) > 0
    build(workspace, dry_run=True, force=True)
    read.clear()
    build(workspace, dry_run=True, force=True)
    assert len(read) == len(set(read)) > 0
