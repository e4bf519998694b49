"""Writes the demo's H&M folder: articles.csv, customers.csv, transactions_train.csv."""

from pathlib import Path

import numpy as np

from recsys_cli.datasets.demo.catalogue import Catalogue, make_catalogue
from recsys_cli.datasets.demo.customers import Customers, customers_table, make_customers
from recsys_cli.datasets.demo.purchases import Purchases, make_purchases
from recsys_cli.datasets.demo.shop import day_names
from recsys_cli.datasets.demo.wording import articles_table
from recsys_cli.progress import Progress

ROWS_PER_WRITE = 1_000_000
CENTS_PER_UNIT = 59_000
"""Prices in the raw file are scaled: 19.99 stands as 1999 / 59000."""
PRICE_DIGITS = 16


def write_hm(
    folder: Path, *, customers: int, transactions: int, articles: int, seed: int, progress: Progress
) -> Catalogue:
    """Write the three tables into `folder` and return the catalogue, to draw pictures from."""
    catalogue = make_catalogue(articles, seed)
    people = make_customers(customers, transactions, seed)
    progress.log(f"demo: {articles} articles, {customers} customers, {transactions} purchases")
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
