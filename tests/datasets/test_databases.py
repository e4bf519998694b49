"""Tables from queries: PostgreSQL for real, SQLite and DuckDB as files, by the same words."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from postgres import PASSWORD, READER, Postgres
from recsys_cli.assembly import load_config
from recsys_cli.config.models import DatasetConfig
from recsys_cli.config.sources import filled_in, without_filled_in
from recsys_cli.datasets.databases import opened
from recsys_cli.datasets.ingest import ingest, validate
from recsys_cli.errors import ConfigError, DataError, RecsysError

BIG = 9_007_199_254_740_993
"""No float holds it."""
EVENTS = "select customer, sku, ordered_at, qty from orders"
TABLES = f"""
create table orders (customer bigint, sku varchar, ordered_at timestamp, qty decimal(10, 2));
create table products (sku varchar, title varchar);
insert into orders select {BIG} + g % 9, '00' || (g % 7 + 1), timestamp '2024-01-01 10:00:00'
  + (g || ' hours')::interval, 1.5 from generate_series(1, 300) as t(g);
insert into products values ('001', 'a "b", c'), ('002', E'two\nlines'), ('003', '');
"""


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> str:
    """The URL of a shop's database."""
    pytest.importorskip("psycopg")
    url = postgres.database("sources")
    postgres.run(f"{TABLES} grant select on products to {READER};", database="sources")
    return url


@pytest.fixture(scope="module")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            create table orders (customer integer, sku text, ordered_at text, qty);
            create table products (sku text, title text, photo blob);
            insert into products values
              ('001', 'a "b", c', null), ('002', 'two' || char(10) || 'lines', x'00'),
              ('003', '', null);
        """)
        rows = [
            (BIG + n % 9, f"00{n % 7 + 1}", f"2024-01-{n % 28 + 1:02d} 10:00:00", 1.5)
            for n in range(300)
        ]
        connection.executemany("insert into orders values (?, ?, ?, ?)", rows)
    connection.close()
    return path


@pytest.fixture(scope="module")
def duckdb_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path_factory.mktemp("duckdb") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES.replace("customer bigint", "customer hugeint"))
        connection.execute("alter table products add column photo blob default '\\x00'::blob")
    return path


@pytest.fixture(params=["server", "sqlite_file", "duckdb_file"])
def url(request: pytest.FixtureRequest) -> str:
    """Each database by its URL."""
    found = request.getfixturevalue(request.param)
    return found if isinstance(found, str) else f"{request.param.removesuffix('_file')}:///{found}"


def section(sql: str, url: str, **more: object) -> DatasetConfig:
    events = {"sql": sql, "url": url}
    return DatasetConfig.model_validate({"kind": "generic", "events": events, **more})


def test_ingested_as_a_file_would_be(url: str, tmp_path: Path) -> None:
    items = {"sql": "select sku, title from products order by sku;", "url": url}
    report = ingest("shop", section(EVENTS, url, items=items), workspace=tmp_path, out=tmp_path)
    assert (report.events, report.users, report.items) == (300, 9, 7)
    events = pl.read_parquet(tmp_path / "events_shop.parquet")
    assert events["value"].unique().to_list() == [1.5]
    users = pl.read_parquet(tmp_path / "users_shop.parquet")["user"]
    assert set(users) == {str(BIG + n) for n in range(9)}
    titles = pl.read_parquet(tmp_path / "items_shop.parquet").sort("item")["name"].head(3)
    assert titles.to_list() == ['a "b", c', "two\nlines", "003"]
    # What was fetched goes with the ingest.
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    "sql",
    [
        "select customer, nope from orders",
        "select * from nope",
        "selec 1",
        "select 1; select 2",
        "select customer, sku from orders; drop table orders",
        "select 1) to stdout; --",
        "drop table orders",
        "delete from orders",
        "insert into orders (sku) values ('x') returning sku",
        "create table more (x integer)",
        "commit",
        "",
    ],
)
def test_what_is_no_query_is_refused_and_changes_nothing(
    sql: str, url: str, tmp_path: Path
) -> None:
    for run in (
        lambda database: database.write(sql, tmp_path / "rows.parquet"),
        lambda database: database.cell(sql),
    ):
        source = section(EVENTS, url).events
        with pytest.raises(RecsysError) as raised, opened(source, tmp_path) as database:
            run(database)
        assert "\n" not in raised.value.message
        assert raised.value.hint
    with opened(section(EVENTS, url).events, tmp_path) as database:
        assert database.cell("select count(*) from orders") == "300"


def test_columns_of_one_name_are_refused(url: str, tmp_path: Path) -> None:
    config = section("select customer, sku, sku from orders", url)
    with pytest.raises(ConfigError, match="several columns called 'sku'"):
        ingest("shop", config, workspace=tmp_path, out=tmp_path)


def test_bytes_are_refused(sqlite_file: Path, tmp_path: Path) -> None:
    config = section(
        "select sku as customer, photo as sku from products", f"sqlite:///{sqlite_file}"
    )
    with pytest.raises(ConfigError, match="bytes in 'sku'"):
        ingest("shop", config, workspace=tmp_path, out=tmp_path)


def test_types_of_postgresql(server: str, tmp_path: Path) -> None:
    sql = """select 18446744073709551615::numeric(20, 0) as number,
      '0b7e1d2c-0000-4000-8000-000000000001'::uuid as uuid, '007' as zeros, null as nothing,
      timestamptz '2024-05-01 12:00:00.25+05' as zoned, timestamp '2024-05-01 12:00:00' as plain,
      1.10::numeric as price, 'NaN'::float8 as score, 'Köln' as city"""
    with opened(section(sql, server).events, tmp_path) as database:
        database.write(sql, tmp_path / "rows.parquet")
        with pytest.raises(ConfigError, match=r"bytes in 'b'"):
            database.write("select '\\x00'::bytea as b", tmp_path / "b.parquet")
    row = pl.read_parquet(tmp_path / "rows.parquet").row(0, named=True)
    assert str(row.pop("score")) == "nan"
    assert row == {
        "number": "18446744073709551615",
        "uuid": "0b7e1d2c-0000-4000-8000-000000000001",
        "zeros": "007",
        "nothing": None,
        "zoned": "2024-05-01 07:00:00.25+00",
        "plain": "2024-05-01 12:00:00",
        "price": "1.10",
        "city": "Köln",
    }


def test_ids_that_lost_digits_and_no_rows_fail(url: str, tmp_path: Path) -> None:
    inexact = section("select cast(customer as double precision) as customer, sku from orders", url)
    assert "Float64" in str(validate("shop", inexact, workspace=tmp_path).findings[-1])
    none = section("select customer, sku from orders where customer = 0", url)
    assert "no rows" in str(validate("shop", none, workspace=tmp_path).findings[-1])


def test_rights_and_connections(postgres: Postgres, server: str, tmp_path: Path) -> None:
    reader = postgres.url("sources", user=READER, password=PASSWORD)
    with (
        opened(section(EVENTS, reader).events, tmp_path) as database,
        pytest.raises(ConfigError, match="permission denied for table orders"),
    ):
        database.cell("select count(*) from orders")
    wrong = postgres.url("sources", user=READER, password="wr0ng/@:")
    for url, said in (
        (wrong, "password authentication failed"),
        (server.replace("/sources", "/nope"), 'database "nope" does not exist'),
        ("postgresql://127.0.0.1:1/x", "refused"),
        ("sqlite:///nope.db", "there is no database"),
    ):
        with pytest.raises(DataError, match=said), opened(section("", url).events, tmp_path):
            pass


@pytest.mark.parametrize("password", ["pa@ss", "pa/ss", "a@b/c@d", "12?4", "a#b", "a:b@c", "%zz"])
def test_a_url_that_would_be_read_otherwise_is_refused_unseen(
    password: str, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg")
    source = section("", f"postgresql://u:{password}@localhost:1/shop").events
    with pytest.raises(RecsysError) as raised, opened(source, tmp_path):
        pass
    assert password not in f"{raised.value.message} {raised.value.hint}"
    assert not re.search("resolve|port", raised.value.message) or ":1/shop" in raised.value.message


def recsys(
    root: Path, *words: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recsys_cli", *words, "-w", root],
        env=os.environ | (environment or {}), capture_output=True, text=True, check=False,
    )  # fmt: skip


def written(root: Path, events: str) -> Path:
    root.mkdir(exist_ok=True)
    (root / "recsys.toml").write_text(
        f'[datasets.shop]\nkind = "generic"\nevents = {events}\n'
        "[twotower]\nenabled = false\n[hybrid]\nenabled = false\n"
    )
    return root


@pytest.mark.slow
def test_a_server_is_asked_again_by_force_or_by_version(
    postgres: Postgres, server: str, tmp_path: Path
) -> None:
    url = postgres.database("changing")
    postgres.run(TABLES, database="changing")
    more = f"insert into orders select {BIG}, '001', now()::timestamp, 1"
    root = written(tmp_path / "w", f'{{ sql = "{EVENTS}", url = "{url}" }}')
    done = recsys(root, "ingest")
    assert "events 300" in done.stdout
    assert "stay as they were fetched until `recsys ingest --dataset shop --force" in done.stderr
    postgres.run(more, database="changing")
    assert "skipped" in recsys(root, "ingest").stdout
    assert "--force" in recsys(root, "status").stderr
    assert "events 301" in recsys(root, "ingest", "--force").stdout

    version = "select count(*) from orders"
    written(root, f'{{ sql = "{EVENTS}", url = "{url}", version = "{version}" }}')
    assert "ran" in recsys(root, "ingest").stdout
    assert "skipped" in recsys(root, "ingest").stdout
    postgres.run(more, database="changing")
    assert "stale" in recsys(root, "status").stdout
    assert "events 302" in (done := recsys(root, "ingest")).stdout
    assert "--force" not in done.stderr


def test_a_file_is_watched(sqlite_file: Path, tmp_path: Path) -> None:
    root = written(tmp_path / "w", f'{{ sql = "{EVENTS}", url = "sqlite:///shop.db" }}')
    (root / "shop.db").write_bytes(sqlite_file.read_bytes())
    assert "events 300" in recsys(root, "ingest").stdout
    assert "skipped" in recsys(root, "ingest").stdout
    with sqlite3.connect(root / "shop.db") as connection:
        connection.execute("delete from orders where rowid = 1")
    connection.close()
    assert "events 299" in recsys(root, "ingest").stdout


SECRET = "t0p-s3cret-w0rd"


def everything(root: Path, done: subprocess.CompletedProcess[str]) -> bytes:
    """All that was said, and all that lies in the workspace but recsys.toml."""
    files = [p for p in root.rglob("*") if p.is_file() and p.name != "recsys.toml"]
    return (done.stdout + done.stderr).encode() + b"".join(p.read_bytes() for p in files)


@pytest.mark.slow
def test_a_password_is_never_told(postgres: Postgres, server: str, tmp_path: Path) -> None:
    good = postgres.url("sources", user=READER, password=PASSWORD)
    sql = "select sku as customer, sku from products"
    cases = [
        (f'{{ sql = "{sql}", url = "{good}" }}', PASSWORD, 0),
        (f'{{ sql = "select * from nope", url = "{good}" }}', PASSWORD, 2),
        (f'{{ sql = "{sql}", url = "{good}", speling = 1 }}', PASSWORD, 2),
        (f'{{ sql = 3, url = "{good}" }}', PASSWORD, 2),
        (f'{{ url = "{good}" }}', PASSWORD, 2),
        (
            f'{{ sql = "{sql}", url = "{server.replace("shop@", f"{READER}:{SECRET}@")}" }}',
            SECRET,
            1,
        ),
        (f'{{ sql = "{sql}", url = "postgresql://u:{SECRET}@127.0.0.1:1/x" }}', SECRET, 1),
        (f'{{ sql = "{sql}", url = "postgresql://u:a@{SECRET}@h/x" }}', SECRET, 2),
        (f'{{ sql = "{sql}", url = "postgresql:///x?password={SECRET}&nope=1" }}', SECRET, 2),
        (f'{{ sql = "{sql}", url = "mysql://u:{SECRET}@h/x" }}', SECRET, 2),
        (f'"postgresql://u:{SECRET}@h/x"', SECRET, 2),
        (f'"http://u:{SECRET}@127.0.0.1:1/x.csv?sig={SECRET}"', SECRET, 1),
    ]
    for number, (events, secret, code) in enumerate(cases):
        root = written(tmp_path / str(number), events)
        done = recsys(root, "ingest", environment={"RECSYS_TRACEBACK": "1"})
        assert done.returncode == code, done.stderr
        assert secret.encode() not in everything(root, done), events
    for number, secret in ((0, PASSWORD), (6, SECRET)):
        root = tmp_path / str(number)
        for words in (["ingest"], ["status", "--json"], ["validate"], ["init", "--force"]):
            assert secret.encode() not in everything(root, recsys(root, *words)), words
    given = f"datasets.shop.events.url=mysql://u:{SECRET}@h"
    done = recsys(written(tmp_path / "set", '"x.csv"'), "ingest", "--set", given)
    assert SECRET not in done.stdout + done.stderr


def test_a_password_from_the_environment(postgres: Postgres, server: str, tmp_path: Path) -> None:
    sql = "select sku as customer, sku from products"
    url = postgres.url("sources", user=f"{READER}:${{SHOP_PASSWORD}}")
    root = written(tmp_path / "w", f'{{ sql = "{sql}", url = "{url}" }}')
    done = recsys(root, "ingest")
    assert done.returncode == 2
    assert "needs SHOP_PASSWORD" in done.stderr
    done = recsys(root, "ingest", environment={"SHOP_PASSWORD": PASSWORD})
    assert done.returncode == 0, done.stderr
    assert PASSWORD.encode() not in everything(root, done)
    whole = {"DATABASE_URL": postgres.url("sources", user=READER, password=PASSWORD)}
    written(root, f'{{ sql = "{sql}", url = "${{DATABASE_URL}}" }}')
    done = recsys(root, "ingest", environment=whole)
    assert done.returncode == 0, done.stderr
    assert PASSWORD.encode() not in everything(root, done)
    bare = postgres.url("sources", user=READER)
    written(root, f'{{ sql = "{sql}", url = "{bare}" }}')
    assert recsys(root, "ingest", environment={"PGPASSWORD": PASSWORD}).returncode == 0


def test_what_the_environment_has_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "p@/:%")
    monkeypatch.setenv("WHERE", "h:5432/d")
    assert filled_in("postgresql://u:${PW}@${WHERE}") == "postgresql://u:p%40%2F%3A%25@h:5432/d"
    assert filled_in("postgresql:///d?password=${PW}") == "postgresql:///d?password=p%40%2F%3A%25"
    for said in ("p@/:% is wrong", "p%40%2F%3A%25 is wrong"):
        assert without_filled_in(said, "postgresql://u:${PW}@h/d") == "${PW} is wrong"


def test_one_moment_of_the_database(postgres: Postgres, server: str, tmp_path: Path) -> None:
    url = postgres.database("moment")
    postgres.run(TABLES, database="moment")
    with opened(section(EVENTS, url).events, tmp_path) as database:
        before = database.cell("select count(*) from orders")
        postgres.run("delete from orders", database="moment")
        assert database.cell("select count(*) from orders") == before == "300"


def test_without_a_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    source = section("", "postgresql:///x").events
    with (
        pytest.raises(RecsysError, match="psycopg, which is not installed") as raised,
        opened(source, tmp_path),
    ):
        pass
    assert "recsys-cli[sql]" in (raised.value.hint or "")


def test_what_an_artifact_states_opens_no_database(sqlite_file: Path, tmp_path: Path) -> None:
    """A workspace without its recsys.toml is recommended from, and asks nobody."""
    root = written(tmp_path / "w", f'{{ sql = "{EVENTS}", url = "sqlite:///{sqlite_file}" }}')
    assert recsys(root, "ingest").returncode == 0
    (root / "recsys.toml").unlink()
    assert load_config(root).datasets["shop"].events is None


def test_a_dataset_needs_its_folder_unless_its_events_come_from_elsewhere() -> None:
    make: Callable[..., DatasetConfig] = DatasetConfig
    for given in ({"kind": "generic"}, {"kind": "generic", "events": "x.csv"}, {"kind": "hm"}):
        with pytest.raises(ValueError, match="path has to be set"):
            make(**given)
