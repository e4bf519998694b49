"""Stages that learn from earlier snapshots, which are built first and make their readers stale."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from conftest import CONFIG
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.build.graph import Graph
from recsys_cli.build.run import Builder
from recsys_cli.build.stage import FITTED, START, Context, Stage
from recsys_cli.build.timeline import Extent, Timeline
from recsys_cli.store.packs import load_pack
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

NAME, MADE = "learner", "two_tower_curve"
BASE = ("ingest", "als.export")


def learner(earlier=(("interactions", 2), ("interactions", 1)), **options) -> Stage:
    """Notes the moments of the interactions that it reads, under the name of another artifact."""

    def run(context: Context):
        back = [0, *(windows for _, windows in earlier)]
        packs = [
            load_pack(context.past_input("interactions", ago) or context.input("interactions"))
            for ago in back
        ]
        moments = [pack["reference"] for pack in packs]
        context.output(MADE).write_text(json.dumps(moments))
        return {"snapshots": [str(context.earlier(ago)) for ago in back]}

    return Stage(NAME, "", ("interactions",), (MADE,), (), run, earlier=earlier, **options)


def graph(stage: Stage | None = None) -> Graph:
    known = default_graph().stages
    return Graph([*(known[name] for name in BASE), stage or learner()])


@pytest.fixture
def shop(raw: Path, tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    shutil.copytree(raw, root, ignore=shutil.ignore_patterns("hm_raw", "images"))
    (root / "recsys.toml").write_text(CONFIG)
    return root


def run(root: Path, stage: Stage | None = None, **options) -> list:
    config = load_config(root)
    builder = Builder(Workspace(root), config, graph(stage))
    return list(builder.build([NAME], datasets=list(config.datasets), **options))


def test_earlier_snapshots_are_built_first_and_read(shop):
    steps = run(shop)
    assert [(s.stage, s.action) for s in steps] == [
        ("ingest", "ran"),
        ("als.export", "ran"),
        ("als.export", "ran"),
        ("als.export", "ran"),
        (NAME, "ran"),
    ]
    now, two, one = (s.snapshot for s in steps[1:4])
    assert now == NOW
    assert (one.as_of - two.as_of).days == 7
    assert steps[-1].facts["snapshots"] == ["now", str(two), str(one)]
    moments = json.loads(Workspace(shop).path(MADE, "rr").read_text())
    assert moments[0] >= moments[2] + 7 * 86_400
    assert moments[2] == moments[1] + 7 * 86_400
    assert {s.action for s in run(shop)} == {"skipped"}


def test_windows_of_hours_lie_on_a_grid_before_an_hour(shop):
    dataset = '[datasets.rr]\nkind = "retailrocket"\npath = "data/rr_raw"\nhorizon = "6h"\n'
    (shop / "recsys.toml").write_text(CONFIG + dataset)
    steps = run(shop, snapshot=Snapshot(as_of=datetime(2015, 8, 20, 14)))
    assert steps[-1].facts["snapshots"] == [
        "asof=2015-08-20T14-00-00",
        "asof=2015-08-20",
        "asof=2015-08-20T06-00-00",
    ]
    moments = json.loads(Workspace(shop).path(MADE, "rr", steps[-1].snapshot).read_text())
    assert moments == [1_440_079_200 - hours * 3_600 for hours in (0, 14, 8)]
    run(shop)
    now, two, one = json.loads(Workspace(shop).path(MADE, "rr").read_text())
    assert one - two == 6 * 3_600 <= now - one < 12 * 3_600
    assert one % (6 * 3_600) == 0


def test_what_changes_in_an_earlier_snapshot_makes_its_reader_stale(shop):
    steps = run(shop)
    past = steps[2].snapshot
    workspace = Workspace(shop)
    manifest = workspace.manifest_path("als.export", "rr", past)
    record = json.loads(manifest.read_text())
    record["recipe"]["version"] = 0
    manifest.write_text(json.dumps(record))
    made = {(s.stage, s.snapshot): s for s in run(shop, dry_run=True)}
    assert made["als.export", past].action == "would run"
    assert made[NAME, NOW].action == "would run"
    assert made[NAME, NOW].reason == "after als.export"
    # It was made again and is what it was, so its reader need not run.
    made = {(s.stage, s.snapshot): s.action for s in run(shop)}
    assert made["als.export", past] == "ran"
    assert made[NAME, NOW] == "skipped"


def test_force_makes_only_what_was_asked_for_again(shop):
    run(shop)
    steps = run(shop, force=True)
    assert [s.stage for s in steps if s.action == "ran"] == [NAME]


def test_leave_last_out_looks_back_by_events(shop):
    steps = run(shop, snapshot=Snapshot(leave_last=1))
    assert steps[-1].facts["snapshots"] == [
        "leave-last-out",
        "leave-last-3-out",
        "leave-last-2-out",
    ]


def test_a_history_too_short_to_learn_from_is_no_failure(shop):
    far = learner(earlier=(("interactions", 500),))
    steps = run(shop, far)
    assert [s.action for s in steps] == ["ran", "ran", "skipped"]
    assert "there are none: it looks back over windows of 7 days" in steps[-1].reason
    assert "(horizon in [datasets.rr])" in steps[-1].reason
    assert {s.action for s in run(shop, far)} == {"skipped"}


def without_times(root: Path, events: str) -> Path:
    folder = root / "data/shop_raw"
    folder.mkdir(parents=True)
    (folder / "events.csv").write_text(f"user_id,item_id\n{events}")
    (root / "recsys.toml").write_text('[datasets.shop]\nkind = "generic"\npath = "data/shop_raw"\n')
    return root


def test_without_times_rounds_of_random_pairs_are_earlier(tmp_path):
    root = without_times(tmp_path, "a,x\na,y\nb,x\na,z\n")
    steps = run(root)
    assert [s.action for s in steps] == ["ran"] * 5
    assert steps[-1].facts["snapshots"] == ["now", "leave-random-2-out", "leave-random-1-out"]
    assert {s.action for s in run(root)} == {"skipped"}
    asked = Snapshot(leave_random=(1,))
    steps = run(root, snapshot=asked)
    assert steps[-1].facts["snapshots"] == [
        "leave-random-1-out",
        "leave-random-1-3-out",
        "leave-random-1-2-out",
    ]


@pytest.mark.parametrize(
    ("events", "stage", "snapshot", "why"),
    [
        ("a,x\na,y\n", learner(timed=True), NOW, ", and it learns from their order"),
        ("a,x\na,y\n", learner(), Snapshot(as_of=datetime(2020, 1, 1)), ""),
        ("a,x\nb,y\n", learner(), NOW, ", and no user has two items"),
    ],
)
def test_what_random_pairs_cannot_stand_for_is_left_out(tmp_path, events, stage, snapshot, why):
    steps = run(without_times(tmp_path, events), stage, snapshot=snapshot)
    assert steps[-1].action == "skipped"
    assert steps[-1].reason == f"the events of shop carry no time{why}"


def test_what_needs_times_is_not_read_where_there_are_none(tmp_path, shop):
    follows = Stage("follows", "", (), ("popular",), (), _nothing, timed=True)
    reader = Stage("reader", "", ("interactions", "popular"), ("graph",), (), _nothing)
    stages = Graph([*graph().stages.values(), follows, reader])
    for root, read in ((without_times(tmp_path / "timeless", "a,x\n"), 1), (shop, 2)):
        config, timeline = load_config(root), Timeline(Workspace(root))
        dataset = next(iter(config.datasets))
        list(Builder(Workspace(root), config, stages).build(["ingest"], datasets=[dataset]))
        assert len(stages.reads(reader, dataset, config, timeline.extent(dataset))) == read
        assert len(stages.reads(reader, dataset, config)) == 2


def _nothing(_context: Context) -> dict[str, object]:
    return {}


def test_before_ingest_nothing_is_known_of_earlier(shop):
    assert [s.action for s in run(shop, dry_run=True)] == ["would run"] * 3


def extent(days: int = 700, horizon: int = 7) -> Extent:
    """Of a log that ends on a Wednesday."""
    last = datetime(2020, 9, 23, 12)
    return Extent("rr", last - timedelta(days=days), last, timedelta(days=horizon), single=False)


def test_how_far_back_a_stage_looks_adds_up_along_what_it_reads():
    last = Stage("last", "", (), ("popular",), (), lambda _: {}, earlier=((MADE, 3),))
    whole = Graph([*graph().stages.values(), last])
    config = load_config(Path(__file__).parent)
    found = whole.oldest(last, NOW, config, extent())
    assert found == extent().earlier(NOW, 5)  # 3 and learner's 2
    ingest = whole.stages["ingest"]
    assert whole.oldest(ingest, NOW, config, extent()) == NOW


def test_what_is_trained_now_and_then_stays_for_as_long():
    """A cold build and a later one find the same; nothing after a moment is looked at."""
    for days, period in ((28, 28), (27, 14), (1, 7), (365, 84), (10_000, 84)):
        starts, fits = set(), set()
        for ago in range(84):
            at = Snapshot(as_of=datetime(2020, 9, 24) - timedelta(days=ago))
            start, fitted = extent().past(at, START, days), extent().past(at, FITTED, days)
            assert fitted.as_of <= at.as_of
            assert at.as_of - fitted.as_of < timedelta(days=max(period, 7))
            fits.add(fitted.as_of)
            if start is not None:
                starts.add(start.as_of)
                assert fitted.as_of == start.as_of + timedelta(days=7)
                # What others start from starts from nothing.
                assert extent().past(start, START, days) is None
        assert len(fits) <= 84 // min(period, 56) + 2
        assert starts
    assert extent().past(Snapshot(leave_last=2), FITTED, 28) == Snapshot(leave_last=2)
    assert extent().past(Snapshot(leave_last=2), START, 28) is None


def test_a_short_log_trains_more_often_and_starts_from_nothing_where_nothing_was_before():
    at = Snapshot(as_of=datetime(2020, 9, 23))
    assert extent(days=100).past(at, FITTED, 28) == Snapshot(as_of=datetime(2020, 9, 21))
    assert extent(days=100).past(at, START, 28) == Snapshot(as_of=datetime(2020, 9, 14))
    assert extent(days=5).past(at, START, 28) is None


@pytest.mark.parametrize("earlier", [(("events", 1),), (("interactions", 0),), (("popular", 1),)])
def test_wrong_declarations_are_refused(earlier):
    with pytest.raises(ValueError, match=r"no earlier snapshot|no stage makes"):
        graph(learner(earlier=earlier))


def test_reading_what_one_makes_is_a_cycle():
    with pytest.raises(ValueError, match="cycle"):
        graph(learner(earlier=((MADE, 1),)))
