"""The RetailRocket adapter: events, item properties (weekly snapshots) and the category tree.

Of an item's properties the latest value counts. `categoryid` and `available` are readable; the
rest is hashed, and properties 888 and 283 are texts whose hashed words still tell alike from
different, so their words become the item's text in `tokens`. There are no users but those of the
events, and equal rows, double logging in the original, are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from recsys_cli.columns import ITEM, NAME
from recsys_cli.config.models import DatasetConfig
from recsys_cli.counted import counted
from recsys_cli.datasets import tables
from recsys_cli.datasets.rawfile import RawFile
from recsys_cli.datasets.structure import Structure

_WEIGHTS = {"view": 1.0, "addtocart": 3.0, "transaction": 5.0}
_PROPERTIES = {"properties1": "item_properties_part1", "properties2": "item_properties_part2"}
_WHOLE = "item_properties"
_TOKENS = ("888", "283")
_TREE_COLUMNS = ("categoryid", "parentid")
_ANCESTORS = pl.Schema(dict.fromkeys((*_TREE_COLUMNS, "rootid"), pl.String))
_TIE_BITS = 20
_WANTED = ("categoryid", "available", *_TOKENS)


class RetailRocketAdapter:
    """Reads RetailRocket's files; all but the events are optional."""

    usual_name = "rr"
    sign = re.compile(
        r"^(item_properties(_part1)?|category_tree)\.(csv|csv\.gz|parquet)$", re.IGNORECASE
    )

    def locate(self, folder: Path, config: DatasetConfig) -> list[tables.Slot]:
        """The events, the property files (two parts, or one whole) and the tree."""
        visit, item = ("visitorid", "itemid"), ("itemid",)
        columns = ("timestamp", "property", "value")
        find = partial(tables.find_slot, folder)
        described = partial(find, ids=item, needed=columns, required=False)
        whole = described("properties1", _WHOLE)
        parts = [described(table, stem) for table, stem in _PROPERTIES.items()]
        return [
            find("events", "events", ids=visit, needed=("timestamp", "event")),
            *([whole] if whole.path else parts),
            find("categories", "category_tree", ids=_TREE_COLUMNS, required=False),
        ]

    def read(self, slots: Mapping[str, tables.Slot], intake: tables.Intake) -> tables.RawTables:
        """Views, baskets and purchases, and items with category, ancestors and tokens."""
        opened = tables.open_slots(slots, intake)
        parts = [opened[table] for table in _PROPERTIES if table in opened]
        tree = opened.get("categories")
        events = tables.RawEvents(
            opened["events"],
            user="visitorid",
            item="itemid",
            time="timestamp",
            event="event",
            kinds=tuple(_WEIGHTS),
        )
        intake.progress.start("latest item properties")
        items = _items(parts, tree, intake)
        described = items is not None
        defaults = tables.Defaults(
            weights=_WEIGHTS,
            repurchase=False,
            text_columns=("tokens",) if described else (),
            category_columns=("categoryid", "parentid", "rootid") if described else (),
        )
        return tables.RawTables(events, items, None, defaults)


def _items(
    parts: Sequence[Structure], tree: Structure | None, intake: tables.Intake
) -> tables.RawCatalogue | None:
    if not parts:
        return None
    latest = pl.concat([_latest(part.file, intake) for part in parts])
    # The parts overlap in time, so the latest of each part is not yet the latest of all.
    values = _newest(latest.lazy()).collect()
    known = values.get_column("property").unique().to_list()
    wide = values.pivot("property", index="itemid", values="value")
    wide = wide.with_columns(pl.lit(None, pl.String).alias(p) for p in _WANTED if p not in known)
    number = pl.col("itemid").cast(pl.Int64, strict=False)
    wide = wide.sort(number, "itemid", nulls_last=True)
    table = wide.select(
        "itemid",
        "categoryid",
        "available",
        pl.concat_str(_TOKENS, separator=" ", ignore_nulls=True).replace("", None).alias("tokens"),
    )
    ancestors = _ancestors(tree, intake)
    table = table.join(ancestors, on="categoryid", how="left", maintain_order="left")
    labels = " and ".join(part.file.label for part in parts)
    return tables.RawCatalogue("items", labels, table.lazy(), "itemid", _finish)


def _latest(file: RawFile, intake: tables.Intake) -> pl.DataFrame:
    """The latest value of every wanted property, of one part, as (itemid, property, value, at)."""
    frame = file.scan_text(["itemid", "property", "value", "timestamp"])
    frame = frame.filter(pl.col("property").is_in(list(_WANTED)))
    at = pl.col("timestamp").cast(pl.Int64, strict=False).alias("at")
    frame = frame.select("itemid", "property", "value", at)
    wrong = frame.filter(pl.col("at").is_null() | pl.col("itemid").is_null())
    count = wrong.select(pl.len()).collect(engine="streaming").item()
    if count:
        example = wrong.head(1).collect(engine="streaming").row(0)
        intake.findings.warn(
            f"{file.table}.incomplete",
            f"{counted(count, 'rows without an item or a time')}, left out",
            file=file.label,
            column="timestamp",
            count=count,
            example=str(example),
            hint="timestamps are in ms",
        )
    return _newest(frame.drop_nulls()).collect(engine="streaming")


def _newest(frame: pl.LazyFrame) -> pl.LazyFrame:
    # A hash of the value orders ties, so that the answer does not depend on the order of rows.
    tie = pl.col("value").hash() % (1 << _TIE_BITS)
    key = pl.col("at") * (1 << _TIE_BITS) + tie.cast(pl.Int64)
    return frame.group_by("itemid", "property").agg(pl.col("value").max_by(key), pl.col("at").max())


def _ancestors(tree: Structure | None, intake: tables.Intake) -> pl.DataFrame:
    """Parent and root of every category, as (categoryid, parentid, rootid)."""
    if tree is None:
        return _ANCESTORS.to_frame()
    rows = tree.file.scan_text(_TREE_COLUMNS).collect().rows()
    parents: dict[str, str | None] = {child: parent for child, parent in rows if child}
    roots, looping = {}, None
    for category in parents:
        seen, at = {category}, category
        while (above := parents.get(at)) is not None:
            if above in seen:
                looping = category
                break
            seen.add(above)
            at = above
        roots[category] = at
    if looping is not None:
        intake.findings.warn(
            "categories.tree",
            "a category is its own ancestor",
            file=tree.file.label,
            column="parentid",
            example=looping,
            hint="its root is cut off there",
        )
    lines = [(category, parent, roots[category]) for category, parent in parents.items()]
    return pl.DataFrame(lines, schema=_ANCESTORS, orient="row")


def _finish(frame: pl.LazyFrame) -> pl.LazyFrame:
    item = pl.concat_str(pl.lit("item "), pl.col(ITEM))
    category = pl.concat_str(item, pl.lit(", category "), pl.col("categoryid"))
    return frame.with_columns(pl.coalesce(category, item).alias(NAME))
