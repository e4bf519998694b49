"""The demo's RetailRocket folder: events.csv, item properties in two parts, category_tree.csv.

The number of visitors, items and events follows the size asked for the H&M folder, bounded by
the size of the real data set. Item properties are weekly snapshots that record changes only, and
their tokens depend on the item's category, so that they say something about it.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys_cli.datasets.demo.sampling import MICRO, IntArray, WeeklyShelf, choose, stream
from recsys_cli.datasets.demo.visits import DAY_MS, FIRST_MS, WEEKS, RrItems, make_visits
from recsys_cli.progress import Progress

if TYPE_CHECKING:
    import polars as pl

MOST_VISITORS, MOST_ITEMS, MOST_EVENTS = 1_407_580, 235_061, 2_756_101
FEWEST_VISITORS, FEWEST_ITEMS, FEWEST_EVENTS = 50, 60, 1_000
EVENTS = ("view", "addtocart", "transaction")
SNAPSHOTS = 18
FIRST_SNAPSHOT_MS = FIRST_MS + 7 * DAY_MS
PRICE_PROPERTY, TEXT_PROPERTIES = 790, (888, 283, 6, 776)
TOKENS_PER_LEAF, TOKENS = 12, 1_180_000
RECATEGORISED = 0.02


@dataclass(frozen=True)
class RrSize:
    """How large the RetailRocket folder is for a given H&M folder."""

    visitors: int
    items: int
    events: int

    @classmethod
    def beside(cls, *, customers: int, transactions: int, articles: int) -> "RrSize":
        """Proportional to the H&M folder, within the bounds of the real data set."""
        return cls(
            visitors=int(np.clip(customers * 3 // 2, FEWEST_VISITORS, MOST_VISITORS)),
            items=int(np.clip(articles, FEWEST_ITEMS, MOST_ITEMS)),
            events=int(np.clip(transactions * 5 // 6, FEWEST_EVENTS, MOST_EVENTS)),
        )


@dataclass(frozen=True)
class Tree:
    """Departments, sections and leaves by position; `ids` are the external category ids."""

    ids: IntArray
    parent: IntArray
    """Position of the parent, -1 for a root."""
    leaves: IntArray
    department: IntArray
    """Department of each leaf, ascending."""


def write_rr(folder: Path, *, size: RrSize, seed: int, progress: Progress) -> None:
    """Write the four tables into `folder`."""
    import polars as pl

    progress.start("RetailRocket", 3)
    tree = make_tree(size.items, seed)
    items = make_items(size.items, tree, seed)
    parents = [None if p < 0 else int(tree.ids[p]) for p in tree.parent.tolist()]
    categories = pl.DataFrame({"categoryid": tree.ids, "parentid": parents})
    categories.write_csv(folder / "category_tree.csv")
    progress.advance()
    properties = properties_table(items, tree, seed)
    half = (properties.height + 1) // 2
    properties[:half].write_csv(folder / "item_properties_part1.csv")
    properties[half:].write_csv(folder / "item_properties_part2.csv")
    progress.advance()
    visits = make_visits(items, visitors=size.visitors, events=size.events, seed=seed)
    events = pl.DataFrame(
        {
            "timestamp": visits.time,
            "visitorid": visits.visitor,
            "event": pl.Series(EVENTS).gather(visits.event),
            "itemid": visits.item,
            "transactionid": pl.Series(visits.transaction).replace(-1, None),
        }
    )
    # The same item viewed or paid twice in one moment would look like double logging.
    events.unique(maintain_order=True).write_csv(folder / "events.csv")
    progress.advance()


def count_rr(folder: Path) -> tuple[int, int]:
    """Events and visitors in a folder that `write_rr` has written."""
    import polars as pl

    visitors = pl.col("visitorid").n_unique()
    frame = pl.scan_csv(folder / "events.csv").select(pl.len(), visitors)
    events, seen = frame.collect(engine="streaming").row(0)
    return events, seen


def make_tree(items: int, seed: int) -> Tree:
    """A tree of departments, sections and leaves fit for `items` items."""
    rng = stream(seed, 8)
    leaves = int(np.clip(items // 25, 8, 1_200))
    sections = max(3, leaves // 4)
    departments = max(2, leaves // 20)
    section_of = np.sort(rng.integers(0, sections, leaves))
    department_of = np.sort(rng.integers(0, departments, sections))
    total = departments + sections + leaves
    parent = np.concatenate([np.full(departments, -1), department_of, departments + section_of])
    return Tree(
        ids=rng.permutation(max(1_700, 2 * total))[:total],
        parent=parent,
        leaves=np.arange(departments + sections, total),
        department=department_of[section_of],
    )


def make_items(count: int, tree: Tree, seed: int) -> RrItems:
    """Items with category, taste and weeks on sale."""
    rng = stream(seed, 9)
    leaves = tree.leaves.size
    leaf = choose(rng, np.exp(rng.normal(0, 0.6, leaves)), count)
    centre = rng.normal(0, 1.0, (leaves, MICRO)).astype(np.float32)
    intro = np.where(rng.random(count) < 0.75, -1, rng.integers(0, WEEKS, count))
    life = np.where(rng.random(count) < 0.5, 200.0, 4.0 + rng.gamma(2.0, 4.0, count))
    popularity = np.exp(rng.normal(0, 0.95, count))
    age = np.arange(WEEKS)[:, None] - intro
    shape = np.exp(-np.maximum(age, 0) / life) * (age >= 0)
    weekly = np.where(shape > 0.05, popularity * shape, 0.0).astype(np.float32)
    weekly[:, 0] = popularity[0]
    return RrItems(
        ids=np.sort(rng.choice(max(466_868, 2 * count), count, replace=False)),
        leaf=leaf,
        department=tree.department,
        centre=centre,
        micro=centre[leaf] + rng.normal(0, 0.5, (count, MICRO)).astype(np.float32),
        shelf=WeeklyShelf(groups=leaf, n_groups=leaves, weekly=weekly),
    )


def properties_table(items: RrItems, tree: Tree, seed: int) -> "pl.DataFrame":
    """All item properties as (timestamp, itemid, property, value), in no particular order."""
    import polars as pl

    rng = stream(seed, 10)
    parts = [_categories(rng, items, tree), _availability(items), _prices(rng, items)]
    table = pl.concat(parts + [_texts(rng, items, code) for code in TEXT_PROPERTIES])
    return table[rng.permutation(table.height)]


def _rows(week: IntArray, item: IntArray, name: str, value: list[str]) -> "pl.DataFrame":
    """Property rows of one kind; `week` counts snapshots."""
    import polars as pl

    return pl.DataFrame(
        {
            "timestamp": FIRST_SNAPSHOT_MS + week * (7 * DAY_MS),
            "itemid": item,
            "property": pl.Series([name]).new_from_index(0, len(value)),
            "value": pl.Series(value, dtype=pl.String),
        }
    )


def _categories(rng: np.random.Generator, items: RrItems, tree: Tree) -> "pl.DataFrame":
    """The category of every item, first seen in an early snapshot; a few move later."""
    count = items.leaf.size
    moved = np.flatnonzero(rng.random(count) < RECATEGORISED)
    neighbour = np.minimum(items.leaf[moved] + 1, tree.leaves.size - 1)
    leaf = np.concatenate([items.leaf, neighbour])
    week = np.concatenate([rng.integers(0, 3, count), rng.integers(4, SNAPSHOTS, moved.size)])
    values = tree.ids[tree.leaves[leaf]].astype(str).tolist()
    return _rows(week, np.concatenate([items.ids, items.ids[moved]]), "categoryid", values)


def _availability(items: RrItems) -> "pl.DataFrame":
    """Whether an item is on sale, at the first snapshot and whenever that changes."""
    on_sale = items.shelf.weekly[1 : SNAPSHOTS + 1] > 0
    changed = np.ones_like(on_sale)
    changed[1:] = on_sale[1:] != on_sale[:-1]
    week, item = np.nonzero(changed)
    values = np.where(on_sale[week, item], "1", "0").tolist()
    return _rows(week, items.ids[item], "available", values)


def _prices(rng: np.random.Generator, items: RrItems) -> "pl.DataFrame":
    """A price such as n5880.000, changing now and then."""
    count = items.ids.size
    base = np.exp(rng.normal(9.5, 1.0, count))
    changes = 1 + rng.poisson(1.5, count)
    item = np.repeat(np.arange(count), changes)
    week = np.where(np.diff(item, prepend=-1) > 0, 0, rng.integers(1, SNAPSHOTS, item.size))
    cents = np.rint(base[item] * np.exp(rng.normal(0, 0.08, item.size)) / 12.0) * 12
    return _rows(week, items.ids[item], str(PRICE_PROPERTY), [f"n{p:.3f}" for p in cents.tolist()])


def _texts(rng: np.random.Generator, items: RrItems, code: int) -> "pl.DataFrame":
    """Hashed tokens and numbers; two thirds of the tokens belong to the item's category."""
    count = items.ids.size
    words = rng.integers(3, 9, count)
    item = np.repeat(np.arange(count), words)
    own = items.leaf[item] * TOKENS_PER_LEAF + rng.integers(0, TOKENS_PER_LEAF, item.size)
    free = rng.integers(0, TOKENS, item.size)
    token = np.where(rng.random(item.size) < 0.66, (own * 7_919 + code) % TOKENS, free)
    number = rng.random(item.size) < 0.1
    texts = (
        f"n{t % 500}.000" if is_number else str(t)
        for t, is_number in zip(token.tolist(), number.tolist(), strict=True)
    )
    values = [" ".join(islice(texts, size)) for size in words.tolist()]
    return _rows(rng.integers(0, 3, count), items.ids, str(code), values)
