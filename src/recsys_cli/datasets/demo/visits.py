"""Who looks at what in the demo's RetailRocket shop: the rows of events.csv, as integer columns.

Visitors come in sessions; a session sticks to a category that the visitor likes, or wanders. Of
the items viewed some are put in the cart, more likely the better they fit, and some carts are
paid at the end of the session.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys_cli.datasets.demo import sampling
from recsys_cli.datasets.demo.sampling import MICRO, FloatArray, IntArray, WeeklyShelf, choose

KNOWN_VISITOR = 123
"""This visitor always exists and has history."""
KNOWN_SESSIONS, KNOWN_VIEWS = 10, 5
KNOWN_ITEMS = 12
FIRST_MS = 1_430_622_000_000
"""2015-05-03 03:00 UTC."""
DAYS = 138
WEEKS = 20
DAY_MS = 86_400_000
FAVOURITES = 4
FAVOURITE_WEIGHTS = np.array([0.45, 0.25, 0.18, 0.12])
FAVOURITE, DEPARTMENT = 0.68, 0.14
"""Chance that a session is about a favourite category, or about another one of its department."""
CANDIDATES = 6
SESSION = 4.0
AGAIN = 0.12
"""Chance that a view repeats an earlier one of the session."""
CART, PAID = 0.05, 0.4


@dataclass(frozen=True)
class RrItems:
    """The items: `leaf` (n,) category, `micro` (n, MICRO), `shelf` by leaf category."""

    ids: IntArray
    leaf: IntArray
    department: IntArray
    """(leaves,): the department of each leaf, ascending."""
    centre: NDArray[np.float32]
    micro: NDArray[np.float32]
    shelf: WeeklyShelf


@dataclass(frozen=True)
class Views:
    """Views (n,) that are being made up: who looks in which session at what time."""

    rng: np.random.Generator
    items: RrItems
    who: IntArray
    """Positions of visitors, ascending."""
    known: int
    """Position of the known one."""
    session: IntArray
    time: IntArray

    @property
    def sessions(self) -> int:
        """How many."""
        return int(self.session.max()) + 1


class Visits(NamedTuple):
    """One row per event (n,), by day; `event` is 0 for a view, 1 in the cart, 2 paid.

    `transaction` is -1 where nothing was paid.
    """

    time: NDArray[Any]
    visitor: NDArray[Any]
    event: NDArray[Any]
    item: NDArray[Any]
    transaction: NDArray[Any]


def visitor_ids(rng: np.random.Generator, count: int) -> IntArray:
    """Ascending ids of `count` visitors, the known one among them."""
    top = max(1_407_580, 2 * count)
    ids = rng.choice(top, count, replace=False)
    if KNOWN_VISITOR not in ids:
        ids[0] = KNOWN_VISITOR
    return np.sort(ids)


def make_visits(items: RrItems, *, visitors: int, events: int, seed: int) -> Visits:
    """Simulate about `events` events of `visitors` visitors, in order of the day."""
    rng = sampling.stream(seed, 11)
    ids = visitor_ids(rng, visitors)
    known = int(np.searchsorted(ids, KNOWN_VISITOR))
    activity = np.minimum(np.exp(rng.normal(0.0, 1.3, visitors)), 60.0)
    views = sampling.split_exactly(activity, int(events / (1 + CART * (1 + PAID))))
    views[known] = KNOWN_SESSIONS * KNOWN_VIEWS
    who = np.repeat(np.arange(visitors), views)
    laid_out = Views(rng, items, who, known, *lay_out_sessions(rng, views, known))
    item, fit = choose_items(laid_out)
    return funnel(laid_out, visitor=ids[who], item=items.ids[item], fit=fit)


def lay_out_sessions(
    rng: np.random.Generator, views: IntArray, known: int
) -> tuple[IntArray, IntArray]:
    """Session number and time in ms of each view, both (sum of views,), visitor by visitor."""
    opens = sampling.openings(rng, views, SESSION)
    start = int(views[:known].sum())
    mine = np.arange(views[known])
    opens[start + mine] = mine % KNOWN_VIEWS == 0
    session = np.cumsum(opens) - 1
    owner = np.repeat(np.arange(views.size), views)[opens]
    centre, width = rng.random(views.size), rng.beta(1.0, 1.2, views.size)
    place = centre[owner] + (rng.random(owner.size) - 0.5) * width[owner]
    # Folding at both ends keeps the number of visits per day even.
    place = 1.0 - np.abs(1.0 - np.abs(place))
    place[owner == known] = (np.arange(KNOWN_SESSIONS) + 0.8) / KNOWN_SESSIONS
    day = np.minimum((place * DAYS).astype(np.int64), DAYS - 1)
    day = day[np.lexsort((day, owner))]
    hour = np.clip(rng.normal(15.5, 3.5, day.size), 0.0, 22.5)
    begin = FIRST_MS + day * DAY_MS + (hour * 3_600_000).astype(np.int64)
    pause = np.where(opens, 0.0, rng.exponential(55_000.0, opens.size) + 3_000.0)
    elapsed = np.cumsum(pause)
    elapsed -= elapsed[opens][session]
    return session, begin[session] + np.minimum(elapsed, 5_000_000).astype(np.int64)


def choose_items(views: Views) -> tuple[IntArray, FloatArray]:
    """The item viewed and how well it fits its visitor, both (n,)."""
    rng, items, who = views.rng, views.items, views.who
    favourites, micro = visitor_taste(rng, items, int(who.max()) + 1)
    leaves = session_stretch(views, favourites)
    week = WEEKS - 1 - (DAYS - 1 - (views.time - FIRST_MS) // DAY_MS) // 7
    item = np.empty(who.size, np.int64)
    fit = np.empty(who.size)
    for w in range(WEEKS):
        rows = np.flatnonzero(week == w)
        first, last = leaves[:, rows]
        drawn = items.shelf.draw(rng, week=w, first=first, last=last, candidates=CANDIDATES)
        match = 0.4 * np.einsum("nm,ncm->nc", micro[who[rows]], items.micro[drawn])
        item[rows], fit[rows] = sampling.prefer(rng, drawn, match)
    item = look_again(rng, item, views.session)
    mine = np.flatnonzero(who == views.known)
    item[mine] = known_history(views, favourites[views.known], micro[views.known], mine.size)
    return item, fit


def visitor_taste(
    rng: np.random.Generator, items: RrItems, visitors: int
) -> tuple[IntArray, NDArray[np.float32]]:
    """Favourite leaves (visitors, FAVOURITES) and points in taste space (visitors, MICRO)."""
    size = np.diff(items.shelf.bounds).astype(np.float64)
    favourites = choose(rng, size, visitors * FAVOURITES).reshape(visitors, FAVOURITES)
    # The second favourite is a neighbour of the first, as tastes cluster by department.
    step = np.where(rng.random(visitors) < 0.5, 1, -1)
    favourites[:, 1] = np.clip(favourites[:, 0] + step, 0, size.size - 1)
    noise = rng.normal(0, 0.6, (visitors, MICRO)).astype(np.float32)
    return favourites, 0.6 * items.centre[favourites[:, 0]] + noise


def session_stretch(views: Views, favourites: IntArray) -> IntArray:
    """First and last leaf category that each view draws from, (2, n)."""
    rng, session, departments = views.rng, views.session, views.items.department
    slot = choose(rng, FAVOURITE_WEIGHTS, views.sessions)[session]
    leaf = favourites[views.who, slot]
    department = departments[leaf]
    luck = rng.random(views.sessions)[session]
    kind = np.searchsorted([FAVOURITE, FAVOURITE + DEPARTMENT], luck)
    low = np.searchsorted(departments, department, "left")
    high = np.searchsorted(departments, department, "right") - 1
    everything = np.array([[0], [departments.size - 1]])
    return np.choose(kind, [leaf, np.stack([low, high]), everything])


def look_again(rng: np.random.Generator, item: IntArray, session: IntArray) -> IntArray:
    """Let some views repeat an earlier one of the same session."""
    source = sampling.between(rng, np.searchsorted(session, session, "left"), np.arange(item.size))
    return np.where(rng.random(item.size) < AGAIN, item[source], item)


def known_history(
    views: Views, favourites: IntArray, micro: NDArray[np.float32], count: int
) -> IntArray:
    """What the known visitor views: its dozen best-fitting long-lived items, each at least once."""
    items, rng = views.items, views.rng
    liked = 0.4 * items.micro @ micro + 4.0 * np.isin(items.leaf, favourites)
    liked = liked + 8.0 * (items.shelf.weekly > 0).all(axis=0)
    pool = np.argsort(-liked, kind="stable")[:KNOWN_ITEMS]
    again = [rng.permutation(pool), rng.choice(pool, max(count - pool.size, 0))]
    return np.concatenate(again)[:count]


def funnel(views: Views, *, visitor: IntArray, item: IntArray, fit: FloatArray) -> Visits:
    """Add carts and payments to the views and put all events in order of the day."""
    rng, session, time = views.rng, views.session, views.time
    count = session.size
    eager = CART * np.exp(fit - np.log(np.exp(fit).mean()))
    carted = np.flatnonzero(rng.random(count) < np.minimum(eager, 0.6))
    cart_time = time[carted] + rng.integers(4_000, 50_000, carted.size)
    pays = rng.random(views.sessions) < PAID
    paid = carted[pays[session[carted]]]
    end = np.searchsorted(session, session[paid], "right") - 1
    sessions, number = np.unique(session[paid], return_inverse=True)
    codes = rng.permutation(max(17_672, 2 * sessions.size))[: sessions.size]
    wait = rng.integers(60_000, 300_000, sessions.size)[number]
    rows = np.concatenate([np.arange(count), carted, paid])
    event = np.repeat(np.arange(3, dtype=np.uint8), [count, carted.size, paid.size])
    moment = np.concatenate([time, cart_time, time[end] + wait])
    bill = np.concatenate([np.full(count + carted.size, -1), codes[number]])
    # Sorted by day only: within a day the real file is in no particular order either.
    order = np.lexsort((rng.random(rows.size), (moment - FIRST_MS) // DAY_MS))
    columns = (moment, visitor[rows], event, item[rows], bill)
    return Visits(*(column[order] for column in columns))
