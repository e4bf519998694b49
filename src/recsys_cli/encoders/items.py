"""From the items table to what is encoded: a text and a picture for each item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.columns import IMAGE

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec

_SEPARATOR = ". "


def item_texts(items: pl.DataFrame, spec: DatasetSpec) -> list[str | None]:
    """A text per row of `items` from the columns that the spec names, in that order.

    A value that an earlier column of the same item has already is left out, whatever its case:
    saying "Strap top" twice would make it weigh twice. None for an item without any text.
    """
    if not spec.text_columns:
        return [None] * len(items)
    import polars as pl

    columns = items.select(pl.col(spec.text_columns).cast(pl.String).str.strip_chars())
    return [_join(row) for row in columns.iter_rows()]


def item_pictures(items: pl.DataFrame, spec: DatasetSpec) -> list[Path | None]:
    """The picture's file per row of `items`, relative to the workspace; None where none."""
    if spec.image_root is None or IMAGE not in items.columns:
        return [None] * len(items)
    root = Path(spec.image_root)
    return [root / image if image else None for image in items[IMAGE].to_list()]


def _join(parts: tuple[str | None, ...]) -> str | None:
    seen: dict[str, str] = {}
    for part in parts:
        if part:
            seen.setdefault(part.casefold(), part)
    return _SEPARATOR.join(seen.values()) or None
