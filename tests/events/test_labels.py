"""The labels of a window: what counts, between which snapshots, less what users had."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from committed import commit
from recsys_cli.assembly import FullConfig
from recsys_cli.build.stage import Context
from recsys_cli.build.timeline import Timeline
from recsys_cli.columns import EVENT, ITEM, TIME, USER
from recsys_cli.csr import CSR
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.events.labels import window_labels
from recsys_cli.progress import Silent
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

VIEW, BUY = 0, 1
EVENTS = [
    (0, 1, 14, BUY),
    (2, 0, 15, BUY),
    (0, 1, 16, BUY),
    (0, 3, 16, BUY),
    (0, 3, 17, BUY),
    (3, 2, 18, VIEW),
    (2, 2, 20, BUY),
    (3, 0, 21, BUY),
    (3, 3, 23, BUY),
]
HISTORY = CSR.from_rows([np.array(r, np.int32) for r in ([1], [], [0], [])], 5)
START, END = Snapshot(as_of=datetime(2020, 9, 16)), Snapshot(as_of=datetime(2020, 9, 23))


@pytest.fixture
def context(tmp_path):
    """Gives the context of a stage over the events above."""

    def make(*, repurchase: bool) -> Context:
        workspace = Workspace(tmp_path)
        spec = DatasetSpec(
            name="shop", source="shop", kind="generic", events=["view", "buy"], weights={},
            truth_events=["buy"], repurchase=repurchase, horizon_days=7, has_time=True,
        )  # fmt: skip
        users, items, days, kinds = zip(*EVENTS, strict=True)
        table = pl.DataFrame(
            {
                USER: pl.Series(users, dtype=pl.Int32),
                ITEM: pl.Series(items, dtype=pl.Int32),
                TIME: pl.Series([datetime(2020, 9, d) for d in days], dtype=pl.Datetime("ms")),
                EVENT: pl.Series(kinds, dtype=pl.UInt8),
            }
        )
        made = {
            "events": table.write_parquet,
            "spec": lambda path: path.write_text(spec.model_dump_json()),
        }
        commit(workspace, "ingest", "shop", made)
        timeline = Timeline(workspace)
        return Context(workspace, FullConfig(), "shop", NOW, tmp_path, Silent(), timeline)

    return make


def labels_of(context, start, end):
    return window_labels(context.events(), context.spec, start=start, end=end, history=HISTORY)


def rows(labels):
    return [labels.row(row).tolist() for row in range(labels.n_rows)]


def test_distinct_pairs_of_the_window_and_of_the_kinds_that_count(context):
    labels = labels_of(context(repurchase=True), START, END)
    assert (labels.n_rows, labels.n_columns) == (4, 5)
    assert rows(labels) == [[1, 3], [], [2], [0]]


def test_what_users_had_is_left_out_where_it_is_not_recommended_again(context):
    labels = labels_of(context(repurchase=False), START, END)
    assert (labels.n_rows, labels.n_columns) == (4, 5)
    assert rows(labels) == [[3], [], [2], [0]]


def test_the_last_window_runs_to_the_last_event(context):
    labels = labels_of(context(repurchase=False), END, NOW)
    assert rows(labels) == [[], [], [], [3]]


def test_a_window_of_left_out_events(context):
    one, two = Snapshot(leave_last=1), Snapshot(leave_last=2)
    labels = labels_of(context(repurchase=True), two, one)
    assert rows(labels) == [[3], [], [0], [0]]
