"""The H&M adapter: articles, customers and transactions_train, as Kaggle has them.

Source: the competition "H&M Personalized Fashion Recommendations" of 2022. One row of transactions
is one piece bought, so equal rows are a quantity and all are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import polars as pl

from recsys_cli.columns import IMAGE, ITEM, NAME
from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets import tables
from recsys_cli.datasets.structure import Structure

_ARTICLE_DIGITS = 10
_TEXT = (
    "prod_name", "product_type_name", "product_group_name", "graphical_appearance_name",
    "colour_group_name", "department_name", "section_name", "detail_desc",
)  # fmt: skip
_CATEGORIES = (
    "product_code", "product_type_name", "product_group_name", "graphical_appearance_name",
    "colour_group_name", "perceived_colour_master_name", "department_name", "index_name",
    "index_group_name", "section_name", "garment_group_name",
)  # fmt: skip
_VARIANT = "product_code"
_ABOUT_USERS = ("club_member_status", "fashion_news_frequency", "FN", "Active")
_AGE_BREAKS = (16, 25, 35, 45, 55, 65)
_AGE_GROUPS = ("unknown", "16-24", "25-34", "35-44", "45-54", "55-64", "65+")


class HmAdapter:
    """Reads H&M's three files; pictures are expected at images/0xx/0xxxxxxxxx.jpg."""

    usual_name = "hm"
    sign = re.compile(r"^transactions(_train)?\.(csv|csv\.gz|parquet)$", re.IGNORECASE)

    def locate(self, folder: Path, config: DatasetConfig) -> list[tables.Slot]:
        """The three files, all required."""
        user, item = ("customer_id",), ("article_id",)
        find = partial(tables.find_slot, folder)
        return [
            find("items", "articles", ids=item),
            find("users", "customers", ids=user),
            find("events", "transactions_train", ids=user + item, needed=("t_dat", "price")),
        ]

    def read(self, slots: Mapping[str, tables.Slot], intake: tables.Intake) -> tables.RawTables:
        """Purchases with their price, articles, and customers with an age group."""
        opened = tables.open_slots(slots, intake)
        items, users = opened["items"], opened["users"]
        events = tables.RawEvents(
            opened["events"],
            user="customer_id",
            item="article_id",
            time="t_dat",
            value="price",
            kinds=("purchase",),
            repeats_are_quantity=True,
        )
        columns = set(items.file.names)
        about = tuple(c for c in _ABOUT_USERS if c in users.file.names)
        defaults = tables.Defaults(
            weights={"purchase": 1.0},
            repurchase=True,
            text_columns=tuple(c for c in _TEXT if c in columns),
            category_columns=tuple(c for c in _CATEGORIES if c in columns),
            variant_column=_VARIANT if _VARIANT in columns else None,
            segment_columns=("age_group",),
            user_columns=("age_group", *about),
            image_root=intake.config.path,
        )
        catalogue = _catalogue(items, "article_id", _ARTICLE_DIGITS)
        customers = _catalogue(users, "customer_id", None)
        return tables.RawTables(events, catalogue, customers, defaults)


def _catalogue(source: Structure, id_column: str, width: int | None) -> tables.RawCatalogue:
    file = source.file
    finish = _finish_articles if file.table == "items" else _finish_customers
    return tables.RawCatalogue(
        file.table, file.label, file.scan_text(), id_column, finish, file, width
    )


def _finish_articles(frame: pl.LazyFrame) -> pl.LazyFrame:
    item = pl.col(ITEM)
    image = pl.concat_str(
        pl.lit("images/"), item.str.slice(0, 3), pl.lit("/"), item, pl.lit(".jpg")
    )
    named = "prod_name" in frame.collect_schema()
    name = pl.col("prod_name") if named else item
    return frame.with_columns(name.alias(NAME), image.alias(IMAGE))


def _finish_customers(frame: pl.LazyFrame) -> pl.LazyFrame:
    known = "age" in frame.collect_schema()
    age = pl.col("age").cast(pl.Float32, strict=False) if known else pl.lit(None, pl.Float32)
    group = pl.lit(_AGE_GROUPS[0])
    for start, label in zip(_AGE_BREAKS, _AGE_GROUPS[1:], strict=True):
        group = pl.when(age >= start).then(pl.lit(label)).otherwise(group)
    columns = [group.alias("age_group")]
    return frame.with_columns(*columns, *([age.alias("age")] if known else []))
