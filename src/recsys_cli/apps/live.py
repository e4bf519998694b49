"""Live events of a workspace: adding them from files, and what there is of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from recsys_cli.apps.opened import Opened
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.build.timeline import Timeline
from recsys_cli.columns import USER
from recsys_cli.config import chosen_datasets
from recsys_cli.config.load import dataset_config
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.engine.since import built_until
from recsys_cli.engine.whose import holder
from recsys_cli.errors import ConfigError
from recsys_cli.live.contract import MOST_AT_ONCE, EventLog
from recsys_cli.live.files import records_of
from recsys_cli.live.incoming import read_events
from recsys_cli.live.opening import open_log
from recsys_cli.moments import at_milliseconds


class Added(NamedTuple):
    """What became of events; `known_items` counts those whose items are built."""

    accepted: int
    known_items: int
    duplicates: int


class LiveDataset(NamedTuple):
    """What the log has of one dataset.

    Attributes:
        dataset: its name.
        events: how many.
        users: of how many.
        first: time of the first one.
        last: of the last one.
        newer: events later than all that are built; None where nothing is.
        unknown_items: items that no build has; None likewise.
    """

    dataset: str
    events: int
    users: int
    first: datetime
    last: datetime
    newer: int | None
    unknown_items: int | None


@contextmanager
def live_log(opened: Opened) -> Iterator[EventLog]:
    """The log of a workspace.

    Raises:
        ConfigError: live events are switched off.
    """
    if not opened.config.live.enabled:
        raise ConfigError("live events are switched off", hint="set live.enabled = true")
    log = open_log(opened.workspace.root, opened.config.live)
    try:
        yield log
    finally:
        log.close()


def add_events(opened: Opened, file: Path, *, dataset: str | None = None) -> Added:
    """Add the events of a file, in batches; one that is wrong keeps all out.

    Args:
        opened: the workspace.
        file: see `records_of`.
        dataset: whose they are; None means what each says, or the one that has its user.

    Raises:
        FieldsError: some are wrong.
        DataError: the file cannot be read.
        LogError: the log cannot be written.
    """
    names = chosen_datasets(opened.config, dataset)
    built = {name: Artifacts(opened.workspace, name) for name in opened.config.datasets}

    def spec_of(user: str, named: str | None) -> DatasetSpec:
        if named is not None:
            dataset_config(opened.config, named)
        elif len(names) > 1:
            named = holder({name: built[name] for name in names}, USER, user)
        return built[named or names[0]].spec

    with live_log(opened) as log:
        places, records = [], []
        for place, record in records_of(file):
            places.append(place)
            records.append(record)
        events = read_events(records, spec_of, place=lambda n: f"{places[n]}: ")
        starts = range(0, len(events), MOST_AT_ONCE)
        made = [log.append(events[start : start + MOST_AT_ONCE]) for start in starts]
    known = sum(built[event.dataset].items.find(event.item) >= 0 for event in events)
    return Added(sum(one.accepted for one in made), known, sum(one.duplicates for one in made))


def live_status(opened: Opened, log: EventLog) -> list[LiveDataset]:
    """What there is, by dataset."""
    timeline, found = Timeline(opened.workspace), []
    for dataset, (events, users, first, last) in log.counts().items():
        newer = unknown = None
        extent = timeline.extent(dataset)
        if extent is not None:
            artifacts = Artifacts(opened.workspace, dataset)
            unknown = sum(artifacts.items.find(item) < 0 for item in log.by_item(dataset))
            newer = sum(log.by_item(dataset, after=built_until(artifacts)).values())
        at = at_milliseconds(first), at_milliseconds(last)
        found.append(LiveDataset(dataset, events, users, *at, newer, unknown))
    return found
