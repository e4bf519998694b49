"""Who buys what on which day: the rows of transactions_train.csv, as integer columns.

Customers are simulated in blocks of fixed size, each with its own random stream, so the result
depends neither on threads nor on memory. A block lays out its customers' baskets in time, draws a
line (a favourite, one of the customer's styles, or anything) and a few candidate articles for
each row, and keeps one of them by taste; then some rows become repurchases. Blocks end up in one
table sorted by day, in which the customers of a day keep their order.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from recsys_cli.datasets.demo.catalogue import (
    COLOUR_MASTER,
    GARMENT_FAMILY,
    WEEKS,
    Catalogue,
    weekly_weights,
)
from recsys_cli.datasets.demo.customers import Customers, Taste, make_taste
from recsys_cli.datasets.demo.sampling import (
    FloatArray,
    IntArray,
    Shelf,
    choose,
    prefer,
    stream,
)
from recsys_cli.progress import Progress

FIRST_DAY = date(2018, 9, 20)
DAYS = 734
"""Up to and including 2020-09-22."""
BLOCK = 40_000
CANDIDATES = 8
KINSHIP = 0.5
"""Weight of the fine-grained taste beside colours, garments and prices."""
BASKET = 3.2
WEEKDAY = np.array([1.0, 0.95, 1.05, 1.1, 1.15, 1.2, 0.95])
"""Relative sales from Monday on."""
FAVOURITE, OWN_STYLE = 0.76, 0.14
"""Chance that a row comes from a favourite line, or from another line of a liked style."""
FAVOURITE_WEIGHTS = np.array([0.42, 0.22, 0.16, 0.12, 0.08])
THEMED = 0.5
"""Chance that a row follows the theme of its basket."""
VARIETY = 0.65
"""Chance that an article come upon twice is passed over for another."""
REPURCHASE = 0.12
SAME_ARTICLE = 0.6
"""Of the repurchases: the very same article, rather than the product in another colour."""
DUPLICATE = 0.07
"""Chance that a row repeats the row before it in the same basket (two pieces bought)."""


@dataclass(frozen=True)
class Purchases:
    """One row per transaction (n,), sorted by day; prices in cents."""

    day: NDArray[np.uint16]
    customer: NDArray[np.int32]
    article: NDArray[np.int32]
    cents: NDArray[np.int32]
    channel: NDArray[np.uint8]

    def reordered(self, order: IntArray) -> "Purchases":
        """The rows in the given order."""
        return Purchases(
            self.day[order],
            self.customer[order],
            self.article[order],
            self.cents[order],
            self.channel[order],
        )


@dataclass(frozen=True)
class Shop:
    """What all blocks share."""

    catalogue: Catalogue
    shelf: Shelf
    line_bounds: IntArray
    """(styles + 1,): the lines of style s are line_bounds[s] to line_bounds[s + 1]."""
    day_edges: FloatArray
    """(DAYS + 1,) cumulated sales per day."""


def week_of(day: IntArray) -> IntArray:
    """The week of the data that a day falls in; weeks end on the last day."""
    return WEEKS - 1 - (DAYS - 1 - day) // 7


def open_shop(catalogue: Catalogue, seed: int) -> Shop:
    """Prepare the shelf and the calendar."""
    line = catalogue.products.line[catalogue.product]
    count = catalogue.lines.style.size
    shelf = Shelf(groups=line, n_groups=count, weekly=weekly_weights(catalogue))
    styles = int(catalogue.lines.style.max()) + 1
    bounds = np.searchsorted(catalogue.lines.style, np.arange(styles + 1))
    day = np.arange(DAYS)
    weekday = WEEKDAY[(day + FIRST_DAY.weekday()) % 7]
    yearly = 1.0 + 0.2 * np.cos(2 * np.pi * (day - 270) / 365.25)
    sale = 1.0 + 0.5 * np.exp(-(((day - 66) % 365) ** 2) / 18.0)
    noise = np.exp(stream(seed, 5).normal(0, 0.1, DAYS))
    sales = weekday * yearly * sale * noise * (1.0 + 0.4 * day / DAYS)
    return Shop(catalogue, shelf, bounds, np.concatenate([[0.0], np.cumsum(sales)]))


def make_purchases(
    catalogue: Catalogue, customers: Customers, seed: int, *, progress: Progress
) -> Purchases:
    """Simulate all transactions, sorted by day and within a day by customer."""
    shop = open_shop(catalogue, seed)
    total = int(customers.purchases.sum())
    table = Purchases(
        np.empty(total, np.uint16),
        np.empty(total, np.int32),
        np.empty(total, np.int32),
        np.empty(total, np.int32),
        np.empty(total, np.uint8),
    )
    progress.start("purchases", total)
    filled = 0
    for block in _blocks(shop, customers, seed):
        rows = slice(filled, filled + block.day.size)
        table.day[rows], table.customer[rows] = block.day, block.customer
        table.article[rows], table.cents[rows] = block.article, block.cents
        table.channel[rows] = block.channel
        filled = rows.stop
        progress.advance(block.day.size)
    return table.reordered(np.argsort(table.day, kind="stable"))


def _blocks(shop: Shop, customers: Customers, seed: int) -> Iterator[Purchases]:
    """The blocks in order, simulated two at a time (numpy lets go of the interpreter lock)."""
    starts = range(0, len(customers.ids), BLOCK)
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting: list[Future[Purchases]] = []
        try:
            for start in starts:
                waiting.append(pool.submit(simulate_block, shop, customers, seed, start))
                if len(waiting) > 2:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def simulate_block(shop: Shop, customers: Customers, seed: int, start: int) -> Purchases:
    """Simulate customers `start` to `start + BLOCK`; rows sorted by customer, then day."""
    rng = stream(seed, 6, start)
    chosen = slice(start, start + BLOCK)
    purchases = customers.purchases[chosen]
    taste = make_taste(
        rng, shop.catalogue.lines, age=customers.age[chosen], household=customers.household[chosen]
    )
    who = np.repeat(np.arange(purchases.size), purchases)
    basket, day = lay_out_baskets(
        rng, shop, purchases, joined=customers.joined[chosen], tenure=customers.tenure[chosen]
    )
    first, last = choose_lines(rng, shop, taste, who=who, basket=basket)
    article = choose_articles(rng, shop, taste, who=who, day=day, first=first, last=last)
    article = avoid_repeats(rng, shop, taste, article, who=who, day=day, first=first)
    article = repurchase(rng, shop, article, who=who, day=day, basket=basket, purchases=purchases)
    online = np.clip(rng.beta(2.0, 1.0, purchases.size), 0.02, 0.98)
    per_basket = rng.random(int(basket.max(initial=0)) + 1)[basket]
    return Purchases(
        day=day.astype(np.uint16),
        customer=(who + start).astype(np.int32),
        article=article.astype(np.int32),
        cents=pay(rng, shop, article, day).astype(np.int32),
        channel=np.where(per_basket < online[who], 2, 1).astype(np.uint8),
    )


def lay_out_baskets(
    rng: np.random.Generator,
    shop: Shop,
    purchases: IntArray,
    *,
    joined: FloatArray,
    tenure: FloatArray,
) -> tuple[IntArray, IntArray]:
    """Basket number and day of each row, (sum of purchases,); days ascend within a customer.

    `joined` and `tenure` (customers,) are shares of all sales, so that nobody shops evenly
    through a sale and a quiet week alike.
    """
    count = purchases.size
    total = int(purchases.sum())
    opens = rng.random(total) < 1.0 / BASKET
    starts = np.cumsum(purchases) - purchases
    opens[starts[purchases > 0]] = True
    basket = np.cumsum(opens) - 1
    owner = np.repeat(np.arange(count), purchases)[opens]
    place = joined[owner] + rng.random(owner.size) * tenure[owner]
    edges = shop.day_edges
    day = np.searchsorted(edges, place * edges[-1], "right") - 1
    day = np.minimum(day, DAYS - 1)
    day = day[np.lexsort((day, owner))]
    return basket, day[basket]


def choose_lines(
    rng: np.random.Generator, shop: Shop, taste: Taste, *, who: IntArray, basket: IntArray
) -> tuple[IntArray, IntArray]:
    """The stretch of lines that each row draws from, as first and last line, both (n,)."""
    total = who.size
    baskets = int(basket.max(initial=0)) + 1
    themed = rng.random(total) < THEMED
    luck = np.where(themed, rng.random(baskets)[basket], rng.random(total))
    slot = np.where(
        themed,
        choose(rng, FAVOURITE_WEIGHTS, baskets)[basket],
        choose(rng, FAVOURITE_WEIGHTS, total),
    )
    favourite = taste.favourites[who, slot]
    style = taste.styles[who, np.minimum(slot, taste.styles.shape[1] - 1)]
    bounds = shop.line_bounds
    kind = np.searchsorted([FAVOURITE, FAVOURITE + OWN_STYLE], luck)
    first = np.choose(kind, [favourite, bounds[style], np.zeros_like(style)])
    last = np.choose(kind, [favourite, bounds[style + 1] - 1, np.full_like(style, bounds[-1] - 1)])
    return first, last


def choose_articles(
    rng: np.random.Generator,
    shop: Shop,
    taste: Taste,
    *,
    who: IntArray,
    day: IntArray,
    first: IntArray,
    last: IntArray,
) -> IntArray:
    """Draw candidates from each row's lines as sold that week and keep one by taste, (n,)."""
    week = week_of(day)
    order = np.argsort(week.astype(np.int16), kind="stable")
    edges = np.searchsorted(week[order], np.arange(WEEKS + 1))
    article = np.empty(who.size, np.int64)
    for w in range(WEEKS):
        rows = order[edges[w] : edges[w + 1]]
        if rows.size == 0:
            continue
        items = shop.shelf.draw(
            rng, week=w, first=first[rows], last=last[rows], candidates=CANDIDATES
        )
        article[rows], _ = prefer(rng, items, liking(shop.catalogue, taste, who[rows], items))
    return article


def avoid_repeats(
    rng: np.random.Generator,
    shop: Shop,
    taste: Taste,
    article: IntArray,
    *,
    who: IntArray,
    day: IntArray,
    first: IntArray,
) -> IntArray:
    """Draw again where a customer came upon the same article twice by chance.

    First from the whole style of the line drawn (`first`), then from everything, so that a
    heavy buyer exhausts a line, as in life, rather than buying its best seller ten times.
    """
    article = article.copy()
    style = shop.catalogue.lines.style[first]
    bounds = shop.line_bounds
    stretches = (
        (bounds[style], bounds[style + 1] - 1),
        (bounds[style], bounds[style + 1] - 1),
        (np.zeros_like(style), np.full_like(style, bounds[-1] - 1)),
    )
    picky = rng.random(who.size) < VARIETY
    for low, high in stretches:
        _, kept = np.unique(who * shop.catalogue.size + article, return_index=True)
        rows = np.setdiff1d(np.flatnonzero(picky), kept, assume_unique=True)
        article[rows] = choose_articles(
            rng, shop, taste, who=who[rows], day=day[rows], first=low[rows], last=high[rows]
        )
    return article


def liking(
    catalogue: Catalogue, taste: Taste, who: IntArray, items: IntArray
) -> NDArray[np.float32]:
    """How much each customer (n,) likes each of their candidates (n, c), as a log-weight."""
    products, product = catalogue.products, catalogue.product[items]
    person = who[:, None]
    dear = np.log(products.cents / 2500.0).astype(np.float32)[product]
    match = np.einsum("nm,ncm->nc", taste.micro[who], catalogue.micro[items])
    return np.asarray(
        KINSHIP * match
        + taste.colours[person, COLOUR_MASTER[catalogue.colour[items]]]
        + taste.garments[person, GARMENT_FAMILY[products.garment[product]]]
        + taste.price[person] * dear,
        np.float32,
    )


def repurchase(
    rng: np.random.Generator,
    shop: Shop,
    article: IntArray,
    *,
    who: IntArray,
    day: IntArray,
    basket: IntArray,
    purchases: IntArray,
) -> IntArray:
    """Turn some rows into what the customer bought before: the article, or another colour of it.

    Only articles still on the shelf are bought again. Some rows repeat the one before them in
    the same basket.
    """
    total = article.size
    rows = np.arange(total)
    begin = np.repeat(np.cumsum(purchases) - purchases, purchases)
    again = (rng.random(total) < REPURCHASE) & (rows > begin)
    source = begin + ((rows - begin) * rng.random(total)).astype(np.int64)
    wanted = article[source]
    first = shop.catalogue.first_of_product
    product = shop.catalogue.product[wanted]
    sibling = first[product] + (
        (first[product + 1] - first[product]) * rng.random(total)
    ).astype(np.int64)  # fmt: skip
    wanted = np.where(rng.random(total) < SAME_ARTICLE, wanted, sibling)
    again &= shop.shelf.weekly[week_of(day), wanted] > 0
    result = np.where(again, wanted, article)
    twice = (rng.random(total) < DUPLICATE) & (rows > begin)
    twice[1:] &= basket[1:] == basket[:-1]
    return np.where(twice, result[np.maximum(rows - 1, 0)], result)


def pay(rng: np.random.Generator, shop: Shop, article: IntArray, day: IntArray) -> IntArray:
    """Price paid in cents, (n,): marked down as an article fades, now and then a voucher."""
    products = shop.catalogue.products
    product = shop.catalogue.product[article]
    age = (week_of(day) - products.intro[product]) / products.life[product]
    fading = np.clip((age - 1.0) * 0.3, 0.0, 0.5)
    sale = np.where(rng.random(article.size) < fading, 0.3, 0.0)
    voucher = np.where(rng.random(article.size) < 0.06, 0.1, 0.0)
    return np.maximum(np.rint(products.cents[product] * (1 - sale) * (1 - voucher)), 49).astype(
        np.int64
    )


def day_names() -> list[str]:
    """The ISO date of each day."""
    return [(FIRST_DAY + timedelta(days=day)).isoformat() for day in range(DAYS)]
