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

import numpy as np
from numpy.typing import NDArray

from recsys_cli.datasets.demo.catalogue import (
    COLOUR_MASTER,
    GARMENT_FAMILY,
    WEEKS,
    Catalogue,
)
from recsys_cli.datasets.demo.customers import Customers, Taste, make_taste
from recsys_cli.datasets.demo.sampling import (
    FloatArray,
    IntArray,
    choose,
    prefer,
    stream,
)
from recsys_cli.datasets.demo.shop import DAYS, Shop, open_shop, pay, repurchase, week_of
from recsys_cli.progress import Progress

BLOCK = 40_000
CANDIDATES = 8
KINSHIP = 0.55
"""Weight of the fine-grained taste beside colours, garments and prices."""
BASKET = 3.2
"""Mean number of rows of a basket."""
FAVOURITE, OWN_STYLE = 0.76, 0.14
"""Chance that a row comes from a favourite line, or from another line of a liked style."""
FAVOURITE_WEIGHTS = np.array([0.42, 0.22, 0.16, 0.12, 0.08])
THEMED = 0.5
"""Chance that a row follows the theme of its basket."""
VARIETY = 0.6
"""Chance that an article come upon twice is passed over for another."""


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
        low, high = in_season(rng, shop, week=w, first=first[rows], last=last[rows])
        items = shop.shelf.draw(rng, week=w, first=low, last=high, candidates=CANDIDATES)
        article[rows], _ = prefer(rng, items, liking(shop.catalogue, taste, who[rows], items))
    return article


def in_season(
    rng: np.random.Generator, shop: Shop, *, week: int, first: IntArray, last: IntArray
) -> tuple[IntArray, IntArray]:
    """Send some of those who ask for lines out of season to the whole shop instead."""
    demand = shop.demand[week]
    wanted = (demand[last + 1] - demand[first]) / (last + 1 - first)
    astray = rng.random(first.size) > wanted
    return np.where(astray, 0, first), np.where(astray, demand.size - 2, last)


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
