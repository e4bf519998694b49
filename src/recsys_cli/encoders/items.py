"""From the items table to what is encoded: a text and a picture for each item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.columns import IMAGE
from recsys_cli.datasets.spec import DatasetSpec, picture_folder

if TYPE_CHECKING:
    import polars as pl

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


def item_pictures(
    items: pl.DataFrame, spec: DatasetSpec, *, workspace: Path, named: str | None
) -> list[Path | None]:
    """The picture's file per row of `items`, relative to the workspace; None where none.

    A name that leads out of the folder of pictures is none.

    Args:
        items: the items table.
        spec: of its dataset.
        workspace: the workspace.
        named: path of the dataset in recsys.toml; None where it is not there.

    Raises:
        UnsafeWorkspaceError: the folder is not one to look into; see `picture_folder`.
    """
    if picture_folder(spec, workspace, named) is None or IMAGE not in items.columns:
        return [None] * len(items)
    root = Path(str(spec.image_root))
    return [
        root / image if image and _stays_inside(image) else None for image in items[IMAGE].to_list()
    ]


def _stays_inside(image: str) -> bool:
    return not image.startswith("/") and ".." not in image.split("/") and "\0" not in image


def _join(parts: tuple[str | None, ...]) -> str | None:
    seen: dict[str, str] = {}
    for part in parts:
        if part:
            seen.setdefault(part.casefold(), part)
    return _SEPARATOR.join(seen.values()) or None
