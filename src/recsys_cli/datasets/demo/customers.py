"""The customers of the demo shop: who they are (customers.csv) and what they like.

Age and household decide which styles somebody leans to, so that popularity within an age group
says more than popularity overall. A customer's taste is a handful of favourite lines plus
likings for colours, kinds of garment, prices and a point in the articles' taste space.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsys_cli.datasets.demo.catalogue import GARMENT_GROUPS, Lines
from recsys_cli.datasets.demo.sampling import (
    MICRO,
    FloatArray,
    IntArray,
    choose,
    choose_rows,
    split_exactly,
    stream,
)
from recsys_cli.datasets.demo.vocabulary import HOUSEHOLDS, MASTERS, STYLES

if TYPE_CHECKING:
    import polars as pl

FAVOURITES = 5
STYLES_EACH = 3
ACTIVITY_SPREAD = 1.3
"""Sigma of the log-normal number of purchases: median 9 where the mean is 23."""
BUSIEST = 30.0
"""No one buys more than this many times the mean."""
NEWCOMERS, LEAVERS = 0.45, 0.3
"""Share of customers who join after the first day, and who leave before the last."""
MISSING_AGE = 0.012
AGE_PULL = 2.0
"""How strictly styles keep to their age."""


@dataclass(frozen=True)
class Customers:
    """One row per customer (n,), in customer_id order."""

    ids: list[str]
    age: IntArray
    household: IntArray
    joined: FloatArray
    """When each comes to the shop, as a share of all sales made by then."""
    tenure: FloatArray
    """How long each stays, likewise."""
    purchases: IntArray
    """How many transactions each will make; they add up to the number asked for."""


@dataclass(frozen=True)
class CustomerTaste:
    """What a block of customers likes, (n, …)."""

    styles: IntArray
    """(n, STYLES_EACH), the strongest first."""
    favourites: IntArray
    """(n, FAVOURITES) lines, the strongest first."""
    colours: NDArray[np.float32]
    garments: NDArray[np.float32]
    price: NDArray[np.float32]
    micro: NDArray[np.float32]


def hex_ids(rng: np.random.Generator, count: int) -> list[str]:
    """`count` random ids of 64 hexadecimal digits."""
    digits = rng.bytes(32 * count).hex()
    return [digits[i : i + 64] for i in range(0, 64 * count, 64)]


def make_customers(count: int, transactions: int, seed: int) -> Customers:
    """Invent `count` customers who will make `transactions` purchases between them."""
    rng = stream(seed, 3)
    young = rng.normal(25.5, 4.5, count)
    older = rng.normal(50.0, 8.5, count)
    age = np.clip(np.where(rng.random(count) < 0.62, young, older), 16, 90).astype(np.int64)
    family = np.exp(-((age - 36.0) ** 2) / 120.0)
    shares = np.tile([h.share for h in HOUSEHOLDS], (count, 1))
    shares[:, 2] *= 0.2 + 3.0 * family
    joined = np.where(rng.random(count) < NEWCOMERS, rng.random(count), 0.0)
    stays = np.where(rng.random(count) < LEAVERS, rng.random(count), 1.0)
    tenure = (1.0 - joined) * stays
    activity = np.exp(rng.normal(0.0, ACTIVITY_SPREAD, count)) * (0.02 + tenure) ** 0.8
    activity = np.minimum(activity, activity.mean() * BUSIEST)
    return Customers(
        ids=sorted(hex_ids(rng, count)),
        age=age,
        household=choose_rows(rng, shares),
        joined=joined,
        tenure=tenure,
        purchases=split_exactly(activity, transactions, phase=float(rng.random())),
    )


def style_leaning(age: IntArray, household: IntArray) -> FloatArray:
    """Log-weight of each style for each customer, (n, number of styles)."""
    centre = np.array([s.age for s in STYLES], np.float64)
    spread = np.array([s.spread for s in STYLES], np.float64)
    share = np.log([s.share for s in STYLES])
    fit = -0.5 * ((age[:, None] - centre) / spread) ** 2
    bonus = np.array([[h.leaning.get(s.audience, 0.0) for s in STYLES] for h in HOUSEHOLDS])
    leaning: FloatArray = np.maximum(AGE_PULL * fit, -5.0) + share + bonus[household]
    return leaning


def make_taste(
    rng: np.random.Generator, lines: Lines, *, age: IntArray, household: IntArray
) -> CustomerTaste:
    """Draw the taste of a block of customers with the given ages and households, each (n,)."""
    count = age.size
    leaning = style_leaning(age, household) + rng.gumbel(size=(count, len(STYLES)))
    styles = np.argsort(-leaning, axis=1)[:, :STYLES_EACH]
    # The first style claims most of the favourite lines.
    slots = styles[:, [0, 0, 1, 0, 2]]
    edges = np.concatenate([[0.0], np.cumsum(lines.size)])
    low = edges[np.searchsorted(lines.style, slots, "left")]
    high = edges[np.searchsorted(lines.style, slots, "right")]
    target = low + (high - low) * rng.random(slots.shape)
    favourites = np.searchsorted(edges, target, "right") - 1
    blend = np.array([0.45, 0.25, 0.15, 0.1, 0.05], np.float32)
    point = np.einsum("nfm,f->nm", lines.micro[favourites], blend)
    return CustomerTaste(
        styles=styles,
        favourites=favourites,
        colours=rng.normal(0, 0.9, (count, len(MASTERS))).astype(np.float32),
        garments=rng.normal(0, 0.7, (count, len(GARMENT_GROUPS))).astype(np.float32),
        price=(rng.normal(0, 0.6, count) + (age - 35) / 50).astype(np.float32),
        micro=point + rng.normal(0, 0.6, (count, MICRO)).astype(np.float32),
    )


def customers_table(customers: Customers, seed: int) -> "pl.DataFrame":
    """customers.csv as a frame, one row per customer in customer_id order."""
    import polars as pl

    rng = stream(seed, 4)
    count = len(customers.ids)
    reads = rng.random(count) < 0.35
    active = reads & (rng.random(count) < 0.97)
    member = choose(rng, np.array([92.5, 6.8, 0.1, 0.6]), count)
    news = np.where(reads, choose(rng, np.array([99.0, 0.7, 0.3]), count), 1)
    news[rng.random(count) < 0.008] = 3
    postal = hex_ids(rng, max(1, count // 3))
    where = np.sort(rng.integers(0, len(postal), (2, count)), axis=0)[0]
    status = ["ACTIVE", "PRE-CREATE", "LEFT CLUB", None]
    often = ["Regularly", "NONE", "Monthly", None]
    known = rng.random(count) >= MISSING_AGE
    return pl.DataFrame(
        {
            "customer_id": customers.ids,
            "FN": np.where(reads, 1.0, np.nan),
            "Active": np.where(active, 1.0, np.nan),
            "club_member_status": [status[i] for i in member.tolist()],
            "fashion_news_frequency": [often[i] for i in news.tolist()],
            "age": np.where(known, customers.age, np.nan),
            "postal_code": [postal[i] for i in where.tolist()],
        },
        nan_to_null=True,
    )
