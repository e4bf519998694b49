"""The session that events name: from its column to where sessions end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recsys_cli.assembly import load_config
from recsys_cli.columns import ITEM, SESSION, USER
from recsys_cli.store.packs import load_pack

from .conftest import Workspace, write_csv
from .test_formats import run

HEADER = ("user_id", "visit_id", "item_id", "timestamp")
ROWS = [
    (f"u{n % 7}", f"{n % 7}-{n // 70}", f"i{n * n % 19}", 1_600_000_000 + 60 * n + 3600 * (n // 35))
    for n in range(420)
]
"""Seven users with six visits each, and a pause in the middle of each visit."""
NAMED = {SESSION: "visit_id"}


def write(shop: Workspace, rows: list[tuple[object, ...]]) -> None:
    (shop.raw / "log.csv").unlink()
    write_csv(shop.raw / "log.csv", HEADER, rows)


def sessions(shop: Workspace) -> dict[tuple[str, str, int], int | None]:
    """The number of each event's session."""
    shop.ingest()
    users, items = shop.table("users")[USER], shop.table("items")[ITEM]
    events = shop.table("events")
    return {
        (users[user], items[item], time): session
        for user, item, time, session in events.select(
            USER, ITEM, events["time"].dt.epoch("s"), SESSION
        ).iter_rows()
    }


def test_only_a_column_that_is_named_says_what_a_session_is(shop: Workspace) -> None:
    write(shop, ROWS)
    shop.ingest()
    plain = shop.artifacts()
    assert SESSION not in shop.table("events").columns
    shop.set(columns={SESSION: ""}).ingest()
    assert shop.artifacts() == plain
    shop.set(columns=NAMED).ingest()
    named = shop.table("events")
    named.drop(SESSION).write_parquet(shop.out / "events_shop.parquet", **_AS_WRITTEN)
    shop.table("returned").drop(SESSION).write_parquet(
        shop.out / "returned_shop.parquet", **_AS_WRITTEN
    )
    assert shop.artifacts() == plain


_AS_WRITTEN = {"compression": "zstd", "compression_level": 1, "row_group_size": 1 << 18}


def test_events_of_one_visit_have_one_number_in_whatever_order(shop: Workspace) -> None:
    write(shop, ROWS)
    found = sessions(shop.set(columns=NAMED))
    visits = {(user, item, time): visit for user, visit, item, time in ROWS}
    assert len(found) == len(ROWS)
    pairs = {(visits[event], number) for event, number in found.items()}
    assert len(pairs) == len(set(visits.values())) == len({number for _, number in pairs})
    write(shop, [ROWS[at] for at in np.random.default_rng(4).permutation(len(ROWS))])
    assert sessions(shop) == found


def test_what_is_missing_is_no_session(shop: Workspace) -> None:
    words = ["", "NA", " null "]
    rows = [
        (u, visit if n % 9 else words[n // 9 % 3], i, t) for n, (u, visit, i, t) in enumerate(ROWS)
    ]
    write(shop, rows)
    found = sessions(shop.set(columns=NAMED))
    for n, (user, _, item, time) in enumerate(rows):
        assert (found[user, item, time] is None) == (n % 9 == 0)
    assert shop.find("events.missing_session").status == "warn"
    assert shop.set(missing_ids=[]).find("events.sessions").count == 42 + len(words) - 1


def test_rows_that_differ_in_their_session_do_not_repeat_one_another(shop: Workspace) -> None:
    user, _, item, time = ROWS[0]
    write(shop, [*ROWS, (user, "elsewhere", item, time)])
    assert shop.find("events.repeats").status == "warn"
    assert shop.set(columns=NAMED).find("events.repeats").status == "pass"
    write(shop, [*ROWS, ROWS[0]])
    assert shop.find("events.repeats").count == 1


def test_a_session_may_be_a_guest_and_is_one_all_the_same(shop: Workspace) -> None:
    write(shop, [("" if n % 4 else row[0], *row[1:]) for n, row in enumerate(ROWS)])
    shop.set(columns=NAMED, guests="session").ingest()
    assert "visit_id:0-0" in shop.table("users")[USER].to_list()
    assert shop.table("events")[SESSION].n_unique() == 42
    shop.set(columns={USER: "visit_id", **NAMED}, guests=None).ingest()
    events = shop.events()
    sessions = sorted(set(events[USER]))
    assert events[USER].to_list() == [sessions[number] for number in events[SESSION]]


def test_returns_are_taken_off_whatever_their_session(shop: Workspace) -> None:
    rows = [(*row, -1 if n == 399 else 2) for n, row in enumerate([*ROWS[:399], ROWS[398]])]
    (shop.raw / "log.csv").unlink()
    write_csv(shop.raw / "log.csv", (*HEADER, "qty"), rows)
    shop.set(columns=NAMED, returns="subtract").ingest()
    events = shop.table("events")
    assert (len(events), events["value"].min()) == (399, 1.0)
    assert events[SESSION].null_count() == 0


def test_a_column_that_is_not_there_is_asked_for(shop: Workspace) -> None:
    write(shop, ROWS)
    finding = shop.set(columns={SESSION: "visit"}).find("events.columns")
    assert finding.hint == (
        'correct recsys.toml: columns = { session = "visit_id" } in [datasets.shop]'
    )


def test_what_each_row_has_is_asked_about(shop: Workspace) -> None:
    write(shop, [(user, n, *rest) for n, (user, _, *rest) in enumerate(ROWS)])
    finding = shop.set(columns=NAMED).find("events.sessions")
    assert (finding.status, finding.column) == ("warn", "visit_id")
    write(shop, ROWS)
    assert shop.find("events.sessions").status == "pass"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("visit_id", True), ("session", True), ("ga_session_id", True), ("idVisit", True),
        ("visitor_ref", False), ("last_visit", False), ("session_length", False),
        ("visits", False), ("order_id", False),
    ],
)  # fmt: skip
def test_init_writes_a_column_that_is_called_after_sessions(
    tmp_path: Path, name: str, written: bool
) -> None:
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    write_csv(folder / "log.csv", ("user_id", name, *HEADER[2:]), ROWS)
    run("init", "-w", tmp_path)
    columns = load_config(tmp_path).datasets["shop"].columns
    assert (columns.user, columns.session) == ("user_id", name if written else None)


def test_init_takes_no_session_that_each_row_has_or_that_is_yes_or_no(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    for visit in (lambda n: n, lambda n: n % 2):
        rows = [(user, visit(n), *rest) for n, (user, _, *rest) in enumerate(ROWS)]
        write_csv(folder / "log.csv", HEADER, rows)
        run("init", "--force", "-w", tmp_path)
        assert load_config(tmp_path).datasets["shop"].columns.session is None


def test_sessions_are_built_of_the_column_and_of_pauses_where_they_are_asked_for(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    write_csv(folder / "log.csv", HEADER, ROWS)
    run("init", "-w", tmp_path)

    def built(*options: str) -> int:
        run("build", "sessions", "-w", tmp_path, *options)
        return len(load_pack(tmp_path / "artifacts/sessions_shop.joblib")["weight"])

    assert built() == 42
    assert built("--set", "sessions.gap_minutes=30") == 84
    settings = tmp_path / "recsys.toml"
    settings.write_text(settings.read_text().replace(', session = "visit_id"', ""))
    assert built() == 7
