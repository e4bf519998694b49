"""`recsys demo --next-day`: one more day in a demo's files, with new customers and new articles.

In: the folders of a demo, and a seed. Out: rows at the end of the sales and events, dated the day
after the last, and the customers, articles and properties that go with them; byte for byte the
same for the same files and seed. A day is made of what single visitors bought or looked at on
single days of the last week, each time as somebody else's doing, so people come and things sell as
they did lately. Of the sales only the last days are ever in memory.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys_cli.datasets.demo.customers import hex_ids
from recsys_cli.datasets.demo.folders import require_made, scratch
from recsys_cli.datasets.demo.generate import HM_FILES, RR_FILES, RR_PROPERTIES, check_sizes
from recsys_cli.datasets.demo.sampling import IntArray, stream
from recsys_cli.datasets.demo.visits import DAY_MS, FIRST_MS

if TYPE_CHECKING:
    import polars as pl

WEEK = 7
PER_NEWCOMER, PER_ARRIVAL = 2_000, 1_000
"""So many customers bring a new one a day, and so many articles another; one comes at least."""


@dataclass(frozen=True)
class NewDay:
    """A day that was added to `folder`."""

    folder: Path
    day: date
    added: dict[str, int]
    """How much of what, such as 3 of "new customers"."""


@dataclass(frozen=True)
class Draw:
    """The rows of a day (n,), some by new users and some of new items."""

    rows: "pl.DataFrame"
    """As those of the week, whose dates they still have."""
    users: "pl.Series"
    """The new users among them."""
    like: "pl.DataFrame"
    """A row per new item: its id, `new`, and the `old` one in whose place it sells."""


def demo_folders(workspace: Path) -> tuple[Path, Path]:
    """The folders of a workspace's demo, H&M's and RetailRocket's.

    Raises:
        UsageError: they are not there, not whole, or somebody else's.
    """
    hm, rr = workspace / "data" / "hm_raw", workspace / "data" / "rr_raw"
    require_made(hm, HM_FILES)
    require_made(rr, RR_FILES)
    return hm, rr


def add_day(workspace: Path, *, seed: int = 42) -> tuple[NewDay, NewDay]:
    """Append one day to both folders of the demo under `workspace`/data.

    All files are written beside the demo first. Then each takes the place of the one before it,
    sales and events last: a run that is killed in between leaves new articles without sales.

    Raises:
        UsageError: there is no demo, or the seed is negative.
        LockedError: another demo is being made here.
    """
    check_sizes(seed=seed)
    hm, rr = demo_folders(workspace)
    with scratch(workspace / "data") as work:
        days = _add_hm(hm, work / hm.name, seed), _add_rr(rr, work / rr.name, seed)
        for folder, log in ((hm, HM_FILES[-1]), (rr, RR_FILES[0])):
            made = [path for path in (work / folder.name).rglob("*") if path.is_file()]
            for path in sorted(made, key=lambda path: path.name == log):
                target = folder / path.relative_to(work / folder.name)
                target.parent.mkdir(exist_ok=True)
                path.replace(target)
    return days


def draw_day(
    rng: np.random.Generator,
    week: "pl.DataFrame",
    *,
    user: str,
    item: str,
    users: Sequence[str] | IntArray,
    items: Sequence[str] | IntArray,
) -> Draw:
    """As many rows as an average day of `week` has.

    Args:
        rng: the day's own.
        week: rows with the columns `user`, `item` and `day`, each visit in the order of time.
        user: the column of who comes.
        item: the column of what they buy or look at.
        users: new ids; each makes a visit, as far as there are visits.
        items: new ids; each takes the place of another item, as far as there are items.
    """
    import polars as pl

    visits = week.select(user, "day").unique(maintain_order=True)
    owner = visits[user].gather(rng.permutation(visits.height))
    newcomers = pl.Series(users, dtype=owner.dtype)
    visits = visits[rng.permutation(visits.height)].with_row_index("visit")
    visits = visits.with_columns(owner=pl.concat([newcomers, owner]).head(visits.height))
    rows = week.join(visits, on=[user, "day"], maintain_order="left")
    rows = rows.sort("visit", maintain_order=True).head(round(week.height / week["day"].n_unique()))
    sold = rows[item].unique(maintain_order=True)
    old = sold.gather(rng.permutation(sold.len())[: len(items)])
    new = pl.Series(items, dtype=old.dtype).head(old.len())
    return Draw(
        rows=rows.with_columns(pl.col("owner").alias(user), pl.col(item).replace(old, new)),
        users=newcomers.filter(newcomers.is_in(rows["owner"].implode())),
        like=pl.DataFrame({"new": new, "old": old}),
    )


def fresh(rng: np.random.Generator, known: IntArray, count: int) -> IntArray:
    """`count` numbers between the `known` ones, ascending; a few above them where that is full."""
    low = known.min()
    free = np.ones(known.max() + count + 1 - low, bool)
    free[known - low] = False
    chosen: IntArray = low + rng.choice(np.flatnonzero(free), count, replace=False)
    return np.sort(chosen)


def _arriving(known: int, each: int) -> int:
    return max(1, known // each)


def last_week(sales: Path, *, chunk: int = 4 << 20) -> "pl.DataFrame":
    """The sales of the last seven days, read from the file's end, as it is in order of days.

    Args:
        sales: transactions_train.csv.
        chunk: bytes to try first.
    """
    import polars as pl

    with sales.open("rb") as file:
        names = file.readline().decode().rstrip().split(",")
        first, end = file.tell(), sales.stat().st_size
        while True:
            file.seek(max(first, end - chunk))
            if not (whole := end - chunk <= first):
                # Most likely the rest of a row.
                file.readline()
            rows = pl.read_csv(file.read(), has_header=False, new_columns=names, infer_schema=False)
            since = date.fromisoformat(rows[-1, "t_dat"]) - timedelta(days=WEEK)
            if whole or rows[0, "t_dat"] <= since.isoformat():
                return rows.filter(pl.col("t_dat") > since.isoformat())
            chunk *= 4


def _add_hm(folder: Path, made: Path, seed: int) -> NewDay:
    """Write what changes of the H&M folder into `made`."""
    import polars as pl

    made.mkdir()
    articles, customers = (pl.read_csv(folder / f, infer_schema=False) for f in HM_FILES[:2])
    week = last_week(folder / HM_FILES[-1])
    day = date.fromisoformat(week[-1, "t_dat"]) + timedelta(days=1)
    rng = stream(seed, 12, day.toordinal())
    newcomers = hex_ids(rng, _arriving(customers.height, PER_NEWCOMER))
    codes = articles["product_code"].cast(pl.Int64).to_numpy()
    codes = fresh(rng, codes, _arriving(articles.height, PER_ARRIVAL))
    draw = draw_day(
        rng,
        week.with_columns(day="t_dat"),
        user="customer_id",
        item="article_id",
        users=newcomers,
        items=[f"{code:07d}001" for code in codes.tolist()],
    )
    rows = draw.rows.with_columns(t_dat=pl.lit(day.isoformat())).select(week.columns)
    _append(rows.sort("customer_id", maintain_order=True), folder / HM_FILES[-1], made)
    _insert(articles, _articles_like(draw.like, articles)).write_csv(made / HM_FILES[0])
    _copy_pictures(folder, made, draw.like)
    others = customers[rng.integers(0, customers.height, draw.users.len())]
    _insert(customers, others.with_columns(customer_id=draw.users)).write_csv(made / HM_FILES[1])
    counts = {"new customers": draw.users.len(), "new articles": draw.like.height}
    return NewDay(folder, day, {"purchases": rows.height, **counts})


def _articles_like(like: "pl.DataFrame", articles: "pl.DataFrame") -> "pl.DataFrame":
    """A row per new article: a new product that is described as the old one is."""
    import polars as pl

    rows = like.join(articles, left_on="old", right_on="article_id", maintain_order="left")
    code = pl.col("new").str.head(7).str.strip_chars_start("0")
    return rows.with_columns(article_id="new", product_code=code)


def _add_rr(folder: Path, made: Path, seed: int) -> NewDay:
    """Write what changes of the RetailRocket folder into `made`."""
    import polars as pl

    made.mkdir()
    events = pl.scan_csv(folder / "events.csv", schema_overrides={"transactionid": pl.Int64})
    text = {"property": pl.String, "value": pl.String}
    properties = pl.scan_csv([folder / name for name in RR_PROPERTIES], schema_overrides=text)
    events = events.with_columns(day=(pl.col("timestamp") - FIRST_MS) // DAY_MS)
    latest = events.select(pl.col("timestamp", "day", "transactionid").max())
    moment, last, bill = _collected(latest).row(0)
    start = (moment // DAY_MS + 1) * DAY_MS
    visitors = _collected(events.select(pl.col("visitorid").unique())).to_series().to_numpy()
    known = _collected(properties.select(pl.col("itemid").unique())).to_series().to_numpy()
    rng = stream(seed, 13, start // DAY_MS)
    draw = draw_day(
        rng,
        _collected(events.filter(pl.col("day") > last - WEEK)).sort(pl.all()),
        user="visitorid",
        item="itemid",
        users=fresh(rng, visitors, _arriving(visitors.size, PER_NEWCOMER)),
        items=fresh(rng, known, _arriving(known.size, PER_ARRIVAL)),
    )
    paid = pl.col("transactionid").rank("dense").cast(pl.Int64) + (bill or 0)
    # The shop's days end in the night; moved to a date's first moment they are whole within it.
    moved = start + (pl.col("timestamp") - FIRST_MS) % DAY_MS
    rows = draw.rows.with_columns(timestamp=moved, transactionid=paid).sort("timestamp")
    _append(rows.drop("day", "visit", "owner"), folder / "events.csv", made)
    _append(_properties_like(draw.like, properties, start), folder / RR_PROPERTIES[-1], made)
    day = datetime.fromtimestamp(start / 1000, UTC).date()
    counts = {"new visitors": draw.users.len(), "new items": draw.like.height}
    return NewDay(folder, day, {"events": rows.height, **counts})


def _properties_like(like: "pl.DataFrame", properties: "pl.LazyFrame", time: int) -> "pl.DataFrame":
    """The latest properties of the old items as the new ones', noted at `time` in ms."""
    import polars as pl

    latest = _collected(properties.filter(pl.col("itemid").is_in(like["old"].implode())))
    latest = latest.sort("timestamp", "value").unique(["itemid", "property"], keep="last")
    new = pl.col("itemid").replace(like["old"], like["new"])
    return latest.with_columns(new, timestamp=pl.lit(time)).sort("itemid", "property")


def _collected(frame: "pl.LazyFrame") -> "pl.DataFrame":
    return frame.collect(engine="streaming")


def _append(rows: "pl.DataFrame", file: Path, made: Path) -> None:
    """Write `file` with `rows` after its own into `made`."""
    copy = made / file.name
    shutil.copyfile(file, copy)
    with copy.open("ab") as end:
        rows.write_csv(end, include_header=False)


def _insert(table: "pl.DataFrame", rows: "pl.DataFrame") -> "pl.DataFrame":
    """`table` and those of `rows` whose id, its first column, it lacks; sorted if it is sorted."""
    key = table.columns[0]
    whole = table.vstack(rows.select(table.columns)).unique(key, keep="first", maintain_order=True)
    return whole.sort(key) if table[key].is_sorted() else whole


def _copy_pictures(folder: Path, made: Path, like: "pl.DataFrame") -> None:
    """Give each new article the picture, if there is one, of the one it is like."""
    for new, old in like.select("new", "old").iter_rows():
        picture, copy = (Path("images") / name[:3] / f"{name}.jpg" for name in (old, new))
        if (folder / picture).is_file():
            (made / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / picture, made / copy)
