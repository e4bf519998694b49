"""Who buys what on which day: the rows of transactions_train.csv, as integer columns.

Customers are simulated in blocks of fixed size, each with its own random stream, so the result
depends neither on threads nor on memory. A block lays out its customers' baskets in time, draws a
line (a favourite, one of the customer's styles, or anything) and a few candidate articles for
each row, and keeps one of them by taste; then some rows become repurchases. Blocks end up in one
table sorted by day, in which the customers of a day keep their order.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys_cli.datasets.demo.catalogue import COLOUR_MASTER, GARMENT_FAMILY, WEEKS, Catalogue
from recsys_cli.datasets.demo.customers import Customers, CustomerTaste, make_taste
from recsys_cli.datasets.demo.sampling import (
    FloatArray,
    IntArray,
    between,
    choose,
    in_order,
    openings,
    prefer,
    stream,
)
from recsys_cli.datasets.demo.shop import DAYS, DemoShop, open_shop, week_of
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
REPURCHASE = 0.11
SAME_ARTICLE = 0.6
"""Of the repurchases: the very same article, rather than the product in another colour."""
DUPLICATE = 0.05
"""Chance that a row repeats the row before it in the same basket (two pieces bought)."""

Column = NDArray[Any]
KINDS = ("uint16", "int32", "int32", "int32", "uint8")
"""Types of the columns, as small as a full-size table needs."""


class Purchases(NamedTuple):
    """One row per transaction (n,), sorted by day; prices in cents."""

    day: Column
    customer: Column
    article: Column
    cents: Column
    channel: Column


@dataclass(frozen=True)
class CustomerBlock:
    """Customers whose rows (n,) are being made up: who buys in which basket on which day."""

    rng: np.random.Generator
    shop: DemoShop
    taste: CustomerTaste
    purchases: IntArray
    """(customers,): how many rows are theirs."""
    who: IntArray
    basket: IntArray
    day: IntArray


def make_purchases(
    catalogue: Catalogue, customers: Customers, seed: int, *, progress: Progress
) -> Purchases:
    """Simulate all transactions, sorted by day and within a day by customer."""
    shop = open_shop(catalogue, seed)
    total = int(customers.purchases.sum())
    table = Purchases(*(np.empty(total, kind) for kind in KINDS))
    progress.start("purchases", total)
    filled = 0
    starts = range(0, len(customers.ids), BLOCK)
    for block in in_order(partial(simulate_block, shop, customers, seed), starts):
        rows = slice(filled, filled + block.day.size)
        for column, part in zip(table, block, strict=True):
            column[rows] = part
        filled = rows.stop
        progress.advance(block.day.size)
    order = np.argsort(table.day, kind="stable")
    return Purchases(*(column[order] for column in table))


def simulate_block(shop: DemoShop, customers: Customers, seed: int, start: int) -> Purchases:
    """Simulate customers `start` to `start + BLOCK`; rows sorted by customer, then day."""
    rng = stream(seed, 6, start)
    chosen = slice(start, start + BLOCK)
    purchases = customers.purchases[chosen]
    taste = make_taste(
        rng, shop.catalogue.lines, age=customers.age[chosen], household=customers.household[chosen]
    )
    who = np.repeat(np.arange(purchases.size), purchases)
    basket, day = lay_out_baskets(rng, shop, customers, chosen)
    block = CustomerBlock(rng, shop, taste, purchases, who, basket, day)
    lines = choose_lines(block)
    article = choose_articles(block, lines, np.arange(who.size))
    article = repurchase(block, avoid_repeats(block, article, shop.catalogue.lines.style[lines[0]]))
    online = np.clip(rng.beta(2.0, 1.0, purchases.size), 0.02, 0.98)
    per_basket = rng.random(int(basket.max(initial=0)) + 1)[basket]
    channel = np.where(per_basket < online[who], 2, 1)
    columns = (day, who + start, article, pay(block, article), channel)
    return Purchases(*(c.astype(kind) for c, kind in zip(columns, KINDS, strict=True)))


def lay_out_baskets(
    rng: np.random.Generator, shop: DemoShop, customers: Customers, chosen: slice
) -> tuple[IntArray, IntArray]:
    """Basket number and day of each row, (sum of purchases,); days ascend within a customer.

    When customers come is a share of all sales, so that nobody shops evenly through a sale and a
    quiet week alike.
    """
    purchases = customers.purchases[chosen]
    opens = openings(rng, purchases, BASKET)
    basket = np.cumsum(opens) - 1
    owner = np.repeat(np.arange(purchases.size), purchases)[opens]
    joined, tenure = customers.joined[chosen][owner], customers.tenure[chosen][owner]
    place = joined + rng.random(owner.size) * tenure
    edges = shop.day_edges
    day = np.searchsorted(edges, place * edges[-1], "right") - 1
    day = day.clip(max=DAYS - 1)
    day = day[np.lexsort((day, owner))]
    return basket, day[basket]


def choose_lines(block: CustomerBlock) -> IntArray:
    """The stretch of lines that each row draws from, as first and last line, (2, n)."""
    rng, taste, basket, total = block.rng, block.taste, block.basket, block.who.size
    baskets = int(basket.max(initial=0)) + 1
    themed = rng.random(total) < THEMED
    luck = np.where(themed, rng.random(baskets)[basket], rng.random(total))
    theme = choose(rng, FAVOURITE_WEIGHTS, baskets)[basket]
    slot = np.where(themed, theme, choose(rng, FAVOURITE_WEIGHTS, total))
    favourite = taste.favourites[block.who, slot]
    style = taste.styles[block.who, np.minimum(slot, taste.styles.shape[1] - 1)]
    kind = np.searchsorted([FAVOURITE, FAVOURITE + OWN_STYLE], luck)
    return np.choose(kind, [favourite, block.shop.lines_of(style), block.shop.everything])


def choose_articles(block: CustomerBlock, lines: IntArray, rows: IntArray) -> IntArray:
    """Draw candidates for some rows from their lines (2, n) as sold that week; keep one each."""
    rng, shop = block.rng, block.shop
    week = week_of(block.day[rows])
    order = np.argsort(week.astype(np.int16), kind="stable")
    edges = np.searchsorted(week[order], np.arange(WEEKS + 1))
    article = np.empty(rows.size, np.int64)
    for w in range(WEEKS):
        sold = order[edges[w] : edges[w + 1]]
        if sold.size == 0:
            continue
        first, last = in_season(rng, shop, w, *lines[:, sold])
        items = shop.shelf.draw(rng, week=w, first=first, last=last, candidates=CANDIDATES)
        article[sold], _ = prefer(rng, items, liking(block, block.who[rows[sold]], items))
    return article


def in_season(
    rng: np.random.Generator, shop: DemoShop, week: int, first: IntArray, last: IntArray
) -> tuple[IntArray, IntArray]:
    """Send some of those who ask for lines out of season to the whole shop instead."""
    demand = shop.demand[week]
    wanted = (demand[last + 1] - demand[first]) / (last + 1 - first)
    astray = rng.random(first.size) > wanted
    return np.where(astray, 0, first), np.where(astray, demand.size - 2, last)


def avoid_repeats(block: CustomerBlock, article: IntArray, style: IntArray) -> IntArray:
    """Draw again where a customer came upon the same article twice by chance.

    First from the whole `style` of the line drawn, then from everything, so that a heavy buyer
    exhausts a line, as in life, rather than buying its best seller ten times.
    """
    article = article.copy()
    within = block.shop.lines_of(style)
    everything = np.broadcast_to(block.shop.everything, within.shape)
    picky = block.rng.random(style.size) < VARIETY
    for lines in (within, within, everything):
        bought = block.who * block.shop.catalogue.size + article
        _, kept = np.unique(bought, return_index=True)
        rows = np.setdiff1d(np.flatnonzero(picky), kept, assume_unique=True)
        article[rows] = choose_articles(block, lines[:, rows], rows)
    return article


def liking(block: CustomerBlock, who: IntArray, items: IntArray) -> NDArray[np.float32]:
    """How much each customer (n,) likes each of their candidates (n, c), as a log-weight."""
    taste, catalogue = block.taste, block.shop.catalogue
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


def repurchase(block: CustomerBlock, article: IntArray) -> IntArray:
    """Turn some rows into what the customer bought before: the article, or another colour of it.

    Only articles still on the shelf are bought again. Some rows repeat the one before them in
    the same basket.
    """
    rng, catalogue, total = block.rng, block.shop.catalogue, article.size
    rows = np.arange(total)
    begin = np.repeat(np.cumsum(block.purchases) - block.purchases, block.purchases)
    again = (rng.random(total) < REPURCHASE) & (rows > begin)
    wanted = article[between(rng, begin, rows)]
    first, product = catalogue.first_of_product, catalogue.product[wanted]
    sibling = between(rng, first[product], first[product + 1])
    wanted = np.where(rng.random(total) < SAME_ARTICLE, wanted, sibling)
    again &= block.shop.shelf.weekly[week_of(block.day), wanted] > 0
    result = np.where(again, wanted, article)
    twice = (rng.random(total) < DUPLICATE) & (rows > begin)
    twice[1:] &= block.basket[1:] == block.basket[:-1]
    return np.where(twice, result[np.maximum(rows - 1, 0)], result)


def pay(block: CustomerBlock, article: IntArray) -> IntArray:
    """Price paid in cents, (n,): marked down as an article fades, now and then a voucher."""
    rng, products = block.rng, block.shop.catalogue.products
    product = block.shop.catalogue.product[article]
    age = (week_of(block.day) - products.intro[product]) / products.life[product]
    fading = np.clip((age - 1.0) * 0.3, 0.0, 0.5)
    sale = np.where(rng.random(article.size) < fading, 0.3, 0.0)
    voucher = np.where(rng.random(article.size) < 0.06, 0.1, 0.0)
    paid: FloatArray = np.rint(products.cents[product] * (1 - sale) * (1 - voucher))
    return paid.clip(min=49).astype(np.int64)
