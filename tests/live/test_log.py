"""What a log of live events promises, kept by SQLite and by PostgreSQL."""

import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postgres import PASSWORD, READER
from recsys_cli.config.models import LiveConfig
from recsys_cli.errors import ConfigError, LogError, UsageError
from recsys_cli.live.contract import Appended, Event, ShownList
from recsys_cli.live.opening import open_log
from recsys_cli.live.together import Together

DAY = 86_400_000


@pytest.fixture
def server(request):
    """A PostgreSQL server that can be asked from here."""
    pytest.importorskip("psycopg")
    return request.getfixturevalue("postgres")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """Where the log is; None in the workspace."""
    return request.getfixturevalue("server").database("live") if request.param != "sqlite" else None


@pytest.fixture
def opened(tmp_path):
    """Opens logs, by default in the workspace, and closes them."""
    logs = []

    def make(**settings):
        logs.append(open_log(tmp_path, LiveConfig(**settings)))
        return logs[-1]

    yield make
    for log in logs:
        log.close()


@pytest.fixture
def log(opened, url):
    return opened(url=url)


def event(user="u", item="i", time=0, **more) -> Event:
    return Event("hm", user, item, "view", time, **more)


def test_a_log_that_nobody_wrote_to_is_empty_and_makes_no_file(log, tmp_path):
    assert log.of_user("hm", "u") == []
    assert (log.last_seq(), log.counts(), log.by_item("hm"), log.drop(DAY)) == (0, {}, {}, 0)
    assert list(log.export()) == list(log.lists()) == []
    assert log.append([]) == Appended(0, 0)
    assert list(tmp_path.iterdir()) == []


def test_what_was_accepted_is_there_as_it_came(log):
    odd = Event("hm", " É'\"🙂\n", "0108", "cart", -5, -1.5e-300, "x" * 256, "r")
    many = [odd, event(time=1 << 41), odd._replace(id=None)]
    assert log.append(many) == Appended(3, 0)
    assert list(log.export()) == many
    assert log.of_user("hm", odd.user) == [("0108", "cart", -5, -1.5e-300)] * 2


def test_an_id_is_there_once_in_a_dataset(log):
    first = event(id="1")
    assert log.append([first, event(item="other", id="1"), event(), event()]) == Appended(3, 1)
    assert log.append([first]) == Appended(0, 1)
    assert log.append([first._replace(dataset="rr")]) == Appended(1, 0)
    assert list(log.export("hm")) == [first, event(), event()]


def test_of_a_user_come_the_last_by_time_then_as_they_came(log):
    log.append([event(item=str(n), time=time) for n, time in enumerate([5, 3, 5, 9, 3])])
    log.append([event("v", "of another"), event(item="of another")._replace(dataset="rr")])
    items = [each.item for each in log.of_user("hm", "u")]
    assert items == ["1", "4", "0", "2", "3"]
    assert [each.item for each in log.of_user("hm", "u", limit=2)] == ["2", "3"]
    assert [each.item for each in log.of_user("hm", "u", after=3)] == ["0", "2", "3"]
    assert [each.item for each in log.of_user("hm", "u", after=9)] == []


def test_what_it_has_is_counted_by_dataset_and_item(log):
    log.append([event(time=1), event("v", time=2), event("v", "j", 7)])
    log.append([event()._replace(dataset="rr")])
    assert log.counts() == {"hm": (3, 2, 1, 7), "rr": (1, 1, 0, 0)}
    assert log.by_item("hm") == {"i": 2, "j": 1}
    assert log.by_item("hm", after=2) == {"j": 1}
    assert log.size() > 0


def test_what_everybody_did_is_summed_by_the_hour(log):
    hour = DAY // 24
    log.append([event(time=1, value=2.5), event("v", time=hour - 1), event(time=hour, value=-1.0)])
    log.append([Event("hm", "u", "i", "cart", 5, 3.0), event("u", "j", 5 * hour)])
    assert sorted(log.by_hour("hm")) == [
        ("i", "cart", 0, 1, 3.0, False),
        ("i", "view", 0, 2, 3.5, False),
        ("i", "view", 1, 1, 1.0, True),
        ("j", "view", 5, 1, 1.0, False),
    ]
    assert [each.item for each in log.by_hour("hm", after=hour)] == ["j"]
    assert log.by_hour("rr") == []


def test_a_number_grows_with_what_is_appended_and_with_nothing_else(log):
    log.append([event(id="1")])
    before = log.last_seq()
    log.append([event(id="1")])
    assert log.last_seq() == before
    log.append([event()])
    assert log.last_seq() > before


def test_what_is_old_is_dropped_and_numbers_go_on(log):
    log.append([event(time=1), event(time=5), event(item="later", time=9)])
    log.append_lists([ShownList("r", "hm", None, "popular", 1, ["a"])])
    before = log.last_seq()
    assert log.drop(9) == 2
    assert [each.item for each in log.export()] == ["later"]
    assert list(log.lists()) == []
    assert log.drop(100) == 1
    log.append([event()])
    assert [*log.export()] == [event()]
    assert log.last_seq() > before


def test_more_is_dropped_than_goes_at_once(opened):
    log = opened()
    log.append([event(time=number % 3) for number in range(25_000)])
    assert log.drop(2) == 16_667
    assert {each.time for each in log.export()} == {2}
    assert log.counts()["hm"].events == 25_000 - 16_667


def test_lists_that_were_shown_are_there_in_order(log):
    shown = [
        ShownList("r1", "hm", "u", "hybrid", 5, ["b", "a"]),
        ShownList("r2", "rr", None, "popular", 6, []),
    ]
    log.append_lists(shown)
    assert list(log.lists()) == shown
    assert list(log.lists("rr")) == shown[1:]


def test_a_full_log_refuses_a_batch_whole(opened, url):
    log = opened(url=url, most=3)
    log.append([event(), event()])
    with pytest.raises(LogError, match=r"live\.most allows 3") as refused:
        log.append([event(), event()])
    assert "recsys events drop --before" in refused.value.hint
    assert log.append([event()]) == Appended(1, 0)
    log.drop(1)
    assert log.append([event()]) == Appended(1, 0)


def test_days_that_are_kept_are_counted_from_today(opened, url):
    opened(url=url).append([event(time=0), event(time=1 << 42)])
    log = opened(url=url, keep_days=2)
    log.append([event(item="new", time=1 << 42)])
    assert [each.time for each in log.export()] == [1 << 42, 1 << 42]


ids = st.sampled_from("abcdef") | st.none()
batches = st.lists(st.lists(ids, max_size=6), max_size=8)


@given(batches=batches)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_accepted_is_there_once(log, batches):
    start = len(list(log.export()))
    known = {each.id for each in log.export() if each.id}
    accepted = 0
    for number, batch in enumerate(batches):
        new, seen = log.append([event(item=str(number), id=each) for each in batch])
        assert new + seen == len(batch)
        accepted += new
        known |= {each for each in batch if each}
    there = [each.id for each in log.export()]
    assert len(there) == start + accepted
    assert {each for each in there if each} == known
    assert max(Counter(each for each in there if each).values(), default=0) <= 1


def _write(root, url, name, batches):
    log = open_log(root, LiveConfig(url=url))

    def one(thread):
        for number in range(batches):
            same, own = f"same-{number}", f"{name}-{thread}-{number}"
            log.append([event(id=own), event(id=same), event(f"{name}-{thread}")])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(one, range(4)))
    log.close()


def test_processes_and_threads_write_and_read_at_a_time(log, url, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(tmp_path, url, n, 20)) for n in ("p", "q")]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        events = len(list(log.export()))
        assert events >= seen
        seen = events
        writers[0].join(0.05)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    there = Counter(each.id for each in log.export())
    assert there.pop(None) == 2 * 4 * 20
    assert len(there) == 2 * 4 * 20 + 20
    assert set(there.values()) == {1}
    assert len(log.of_user("hm", "p-0")) == 20


def test_batches_of_threads_that_wait_are_written_together():
    written, begun, go = [], threading.Event(), threading.Event()

    def write(batches):
        written.append(len(batches))
        begun.set()
        go.wait()
        return [batch * 2 for batch in batches]

    together = Together(write)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(together.run, 0)
        begun.wait()
        others = [threads.submit(together.run, n) for n in range(1, 9)]
        while len(together.waiting) < 8:
            pass
        go.set()
        assert [each.result() for each in [first, *others]] == list(range(0, 18, 2))
    assert written == [1, 8]


def test_who_wrote_together_fails_together_and_others_after_them_do_not():
    def write(batches):
        return [1 // batch for batch in batches]

    together = Together(write)
    with pytest.raises(ZeroDivisionError):
        together.run(0)
    assert together.run(1) == 1


@pytest.fixture
def made(opened, tmp_path):
    """The file of a log with an event in it."""
    log = opened()
    log.append([event()])
    log.close()
    return tmp_path / "live/events.sqlite"


def foreign(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE recsys_events (a)")


def with_trigger(path):
    with closing(sqlite3.connect(path)) as file:
        file.execute(
            "CREATE TRIGGER t AFTER INSERT ON recsys_events BEGIN DELETE FROM recsys_events; END"
        )


def of_other_version(path):
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 9")


def cut_off(path):
    path.write_bytes(path.read_bytes()[:5000])


def scribbled(path):
    path.write_bytes(b"x" * 5000)


def linked(path):
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to("../elsewhere")


def linked_beside(path):
    path.with_name("events.sqlite-wal").symlink_to("/tmp/elsewhere")


def linked_above(path):
    path.parent.rename(path.parent.parent / "elsewhere")
    path.parent.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (foreign, "is no log of live events"),
        (with_trigger, "is no log of live events"),
        (of_other_version, "is of version 9"),
        (cut_off, "malformed"),
        (scribbled, "not a database"),
        (linked, "is a link"),
        (linked_beside, "is a link"),
        (linked_above, "is a link"),
    ],
)
def test_a_file_that_is_no_log_of_ours_is_refused_and_left_alone(opened, made, change, said):
    change(made)
    before = made.read_bytes()
    log = opened()
    for refused in (
        lambda: log.append([event()]),
        lambda: log.of_user("hm", "u"),
        lambda: list(log.export()),
    ):
        with pytest.raises(LogError, match=said) as error:
            refused()
        assert error.value.hint
    assert made.read_bytes() == before


def test_a_log_that_is_replaced_or_removed_is_seen_at_once(opened, made):
    log = opened()
    assert len(log.of_user("hm", "u")) == 1
    made.unlink()
    assert log.of_user("hm", "u") == []
    assert log.append([event(), event()]) == Appended(2, 0)
    assert len(log.of_user("hm", "u")) == 2


FULL = """
import pathlib, resource, signal, sys
from recsys_cli.config.models import LiveConfig
from recsys_cli.errors import LogError
from recsys_cli.live.contract import Appended, Event
from recsys_cli.live.opening import open_log
log = open_log(pathlib.Path(sys.argv[1]), LiveConfig())
batch = lambda n: [Event("hm", "u" * 100, "i", "view", 0, None, f"{n}-{k}") for k in range(100)]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
log.append(batch(0))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, most))
kept = 1
try:
    while True:
        log.append(batch(kept))
        kept += 1
except LogError as error:
    assert "disk space" in error.hint, error
assert kept > 1
assert len(list(log.export())) == 100 * kept
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
assert log.append(batch(kept)) == Appended(100, 0)
assert log.append(batch(kept)) == Appended(0, 100)
"""


def test_a_full_disk_loses_nothing_and_is_got_over(tmp_path):
    subprocess.run([sys.executable, "-c", FULL, tmp_path], check=True, timeout=60)


READS = """
import os, pathlib, sys
from recsys_cli.config.models import LiveConfig
from recsys_cli.errors import LogError
from recsys_cli.live.contract import Event
from recsys_cli.live.opening import open_log
os.geteuid() or os.setuid(65534)
log = open_log(pathlib.Path(sys.argv[1]), LiveConfig())
assert len(log.of_user("hm", "u")) == len(list(log.export())) == 1
try:
    log.append([Event("hm", "u", "i", "view", 0)])
except LogError as error:
    assert "read-only" in error.hint, error
else:
    raise SystemExit("written")
"""


def test_a_log_that_may_only_be_read_is_read(made):
    # Root may write everywhere, and what pytest makes is for its own eyes.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(made.parent, Path(folder, "live"))
        for path, mode in ((Path(folder), 0o755), (Path(folder, "live"), 0o555)):
            path.chmod(mode)
        Path(folder, "live", made.name).chmod(0o444)
        subprocess.run([sys.executable, "-c", READS, folder], check=True, timeout=60)
        Path(folder, "live").chmod(0o755)


def test_a_table_of_that_name_that_is_not_ours_is_refused(opened, server):
    url = server.database("foreign")
    server.run("create table recsys_events (a int)", database="foreign")
    for refused in (lambda log: log.append([event()]), lambda log: log.of_user("hm", "u")):
        with pytest.raises(LogError, match="is another one"):
            refused(opened(url=url))


def test_a_server_that_was_away_is_connected_to_again(opened, server):
    log = opened(url=server.database("away"))
    log.append([event(id="1")])
    gone = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'away'"
    server.run(gone)
    assert log.append([event(id="2")]) == Appended(1, 0)
    server.run(gone)
    assert len(log.of_user("hm", "u")) == 2


@pytest.mark.parametrize("secret", ["s3cret", "s3cr@t7r", "s3%", "s3/cret", "s3 = cret"])
def test_a_password_is_told_nobody(opened, server, secret):
    log = opened(url=f"postgresql://reader:{secret}@/postgres?host={server.folder}")
    with pytest.raises(LogError) as error:
        log.append([event()])
    assert error.value.__cause__ is None
    told = f"{error.value.message} {error.value.hint}"
    assert not [part for part in secret.split("@") if part in told]


def test_an_address_of_something_else_is_refused_without_being_told(opened):
    with pytest.raises(ConfigError) as error:
        opened(url="mysql://u:s3cret@host/shop")
    assert "s3cret" not in f"{error.value.message} {error.value.hint}"


def test_what_an_address_says_of_options_stands(opened, server):
    url = server.database("options")
    server.run("create schema other", database="options")
    opened(url=f"{url}&options=-csearch_path%3Dother").append([event()])
    assert server.run("select count(*) from other.recsys_events", database="options") == "1"


def test_a_role_that_may_not_write_is_told_so(opened, server):
    server.database("rights")
    log = opened(url=server.url("rights", user=READER, password=PASSWORD))
    assert log.of_user("hm", "u") == []
    with pytest.raises(LogError, match="permission denied") as error:
        log.append([event()])
    assert "role" in error.value.hint


def test_who_lacks_the_library_is_told_how_to_get_it(opened, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match="psycopg, which is not installed") as error:
        opened(url="postgresql://host/shop")
    assert "recsys-cli[sql]" in error.value.hint
