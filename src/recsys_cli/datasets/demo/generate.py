"""`recsys demo`: makes data/hm_raw (with pictures) and data/rr_raw in their raw schemas.

In: sizes and a seed. Out: two folders, byte for byte the same for the same arguments. They appear
whole or not at all, and replace only what an earlier demo made.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys_cli.counted import counted
from recsys_cli.datasets.demo.catalogue import Catalogue, make_catalogue
from recsys_cli.datasets.demo.customers import Customers, customers_table, make_customers
from recsys_cli.datasets.demo.folders import is_current, publishing, scratch
from recsys_cli.datasets.demo.pictures import write_pictures
from recsys_cli.datasets.demo.purchases import Purchases, make_purchases
from recsys_cli.datasets.demo.retailrocket import RrSize, count_rr, write_rr
from recsys_cli.datasets.demo.shop import day_names
from recsys_cli.datasets.demo.wording import articles_table
from recsys_cli.errors import UsageError
from recsys_cli.progress import Progress, Silent

VERSION = 2
"""Raised whenever the same arguments give other data."""
HM_FILES = ("articles.csv", "customers.csv", "transactions_train.csv")
RR_PROPERTIES = ("item_properties_part1.csv", "item_properties_part2.csv")
RR_FILES = ("events.csv", "category_tree.csv", *RR_PROPERTIES)
ROWS_PER_WRITE = 1_000_000
CENTS_PER_UNIT = 59_000
"""Prices in the raw file are scaled: 19.99 stands as 1999 / 59000."""
PRICE_DIGITS = 16


@dataclass(frozen=True)
class DemoSummary:
    """What `make_demo` made, or found already made."""

    hm: Path
    rr: Path
    customers: int
    transactions: int
    articles: int
    images: int
    rr_visitors: int
    """Visitors with events."""
    rr_items: int
    rr_events: int
    """Rows of events.csv."""
    seed: int
    skipped: tuple[str, ...]
    """Names of the folders that were there already, made from the same arguments."""


def make_demo(
    workspace: Path,
    *,
    customers: int = 5_000,
    transactions: int = 150_000,
    articles: int = 1_500,
    seed: int = 42,
    images: bool = True,
    max_images: int = 2_500,
    force: bool = False,
    progress: Progress | None = None,
) -> DemoSummary:
    """Make the demo's raw folders under `workspace`/data.

    The H&M folder has exactly as many customers, transactions and articles as asked for; the
    RetailRocket folder is sized in proportion, within the bounds of the real data set.

    Args:
        workspace: Where data/hm_raw and data/rr_raw will be.
        customers: Rows of customers.csv.
        transactions: Rows of transactions_train.csv.
        articles: Rows of articles.csv.
        seed: The same arguments and seed give the same files.
        images: Draw a picture of each article.
        max_images: Draw the first so many articles only.
        force: Replace folders that an earlier demo made; those of others are never touched.
        progress: Told what is going on.

    Raises:
        UsageError: a size is not positive, or a folder is in the way.
        LockedError: another demo is being made here.
    """
    progress = progress or Silent()
    sizes = {"customers": customers, "transactions": transactions, "articles": articles}
    check_sizes(**sizes, seed=seed)
    data = workspace / "data"
    hm, rr = data / "hm_raw", data / "rr_raw"
    pictures = min(articles, max_images) if images else 0
    size = RrSize.beside(**sizes)
    parameters: dict[str, object] = {**sizes, "seed": seed, "version": VERSION}
    hm_parameters = parameters | {"images": pictures}
    has_hm = is_current(hm, hm_parameters, HM_FILES, force=force)
    has_rr = is_current(rr, parameters, RR_FILES, force=force)
    with scratch(data) as work:
        if not has_hm:
            with publishing(work, hm, hm_parameters) as made:
                catalogue = write_hm(made, **sizes, seed=seed, progress=progress)
                write_pictures(catalogue, made / "images", limit=pictures, progress=progress)
        if not has_rr:
            with publishing(work, rr, parameters) as made:
                write_rr(made, size=size, seed=seed, progress=progress)
    rr_events, rr_visitors = count_rr(rr)
    return DemoSummary(
        hm=hm,
        rr=rr,
        **sizes,
        images=pictures,
        rr_visitors=rr_visitors,
        rr_items=size.items,
        rr_events=rr_events,
        seed=seed,
        skipped=tuple(f.name for f, there in ((hm, has_hm), (rr, has_rr)) if there),
    )


def check_sizes(**sizes: int) -> None:
    """Refuse sizes that make no shop."""
    for name, value in sizes.items():
        least = 0 if name == "seed" else 1
        if value < least:
            raise UsageError(f"--{name} must be at least {least}, not {value}.")


def write_hm(
    folder: Path, *, customers: int, transactions: int, articles: int, seed: int, progress: Progress
) -> Catalogue:
    """Write the three tables into `folder` and return the catalogue, to draw pictures from."""
    catalogue = make_catalogue(articles, seed)
    people = make_customers(customers, transactions, seed)
    progress.log(
        f"demo: {counted(articles, 'articles')}, {counted(customers, 'customers')}, "
        f"{counted(transactions, 'purchases')}"
    )
    articles_table(catalogue, seed).write_csv(folder / "articles.csv")
    customers_table(people, seed).write_csv(folder / "customers.csv")
    purchases = make_purchases(catalogue, people, seed, progress=progress)
    path = folder / "transactions_train.csv"
    write_transactions(path, purchases, catalogue, people, progress=progress)
    return catalogue


def price_text(cents: int) -> str:
    """The scaled price cut off after 16 decimals, such as 0.0338813559322033 for 1999 cents."""
    decimals = f"{cents * 10**PRICE_DIGITS // CENTS_PER_UNIT:0{PRICE_DIGITS + 1}d}"
    return f"{decimals[:-PRICE_DIGITS]}.{decimals[-PRICE_DIGITS:].rstrip('0')}"


def write_transactions(
    path: Path, purchases: Purchases, catalogue: Catalogue, people: Customers, *, progress: Progress
) -> None:
    """Append the rows to `path` a million at a time, so memory stays bounded."""
    import polars as pl

    days = pl.Series(day_names())
    ids = pl.Series(people.ids)
    items = pl.Series(catalogue.ids())
    amounts, position = np.unique(purchases.cents, return_inverse=True)
    prices = pl.Series([price_text(cents) for cents in amounts.tolist()])
    progress.start("transactions_train.csv", purchases.day.size)
    with path.open("wb") as file:
        for start in range(0, max(purchases.day.size, 1), ROWS_PER_WRITE):
            rows = slice(start, start + ROWS_PER_WRITE)
            part = pl.DataFrame(
                {
                    "t_dat": days.gather(purchases.day[rows]),
                    "customer_id": ids.gather(purchases.customer[rows]),
                    "article_id": items.gather(purchases.article[rows]),
                    "price": prices.gather(position[rows]),
                    "sales_channel_id": purchases.channel[rows],
                }
            )
            part.write_csv(file, include_header=start == 0)
            progress.advance(part.height)
