"""Where the pictures of a generic dataset's items lie: named in a column, or by the items' ids."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

PICTURE_SUFFIX = r"(?i)\.(jpe?g|png|webp|gif)"
PICTURE = re.compile(f"{PICTURE_SUFFIX}$")
_MOST_CELLS = 200
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures below a folder.

    Attributes:
        paths: of all of them, relative to the folder, with /.
        by_name: path by file name; none where two share it.
        by_stem: path by file name without suffix and leading zeros; likewise.
    """

    paths: frozenset[str] = frozenset()
    by_name: dict[str, str] = field(default_factory=dict)
    by_stem: dict[str, str] = field(default_factory=dict)

    @classmethod
    def below(cls, folder: Path) -> Pictures:
        """Look through a folder and those in it, in the order of their names."""
        paths = []
        for where, folders, files in os.walk(folder, followlinks=True):
            folders.sort()
            root = Path(where).relative_to(folder)
            paths += [(root / name).as_posix() for name in sorted(files) if PICTURE.search(name)]
        return cls(
            frozenset(paths),
            _once((path.rpartition("/")[2], path) for path in paths),
            _once((_bare(Path(path).stem), path) for path in paths),
        )

    def of_cell(self, cell: str) -> str | None:
        """The picture that a cell names by its path, or by its file name alone."""
        path = cell.strip().replace("\\", "/").removeprefix("./").lstrip("/")
        if path in self.paths:
            return path
        return self.by_name.get(path.rpartition("/")[2])

    def of_id(self, item: str) -> str | None:
        """The picture that is called after an item, zeros in front of it left aside."""
        return self.by_stem.get(_bare(item))


def picture_column(cells: pl.DataFrame, pictures: Pictures) -> str | None:
    """The column most of whose cells name pictures that are there; None without one."""
    found = {}
    for name in cells.columns:
        some = cells[name].drop_nulls().head(_MOST_CELLS)
        there = sum(pictures.of_cell(cell) is not None for cell in some)
        if len(some) and there >= _HALF * len(some):
            found[name] = there
    return max(found, key=lambda name: found[name], default=None)


def named_pictures(column: pl.Expr, pictures: Pictures) -> pl.Expr:
    """Paths for a column that names pictures; a cell that names none stays as it is."""
    return column.map_elements(lambda cell: pictures.of_cell(cell) or cell, return_dtype=pl.String)


def pictures_by_id(column: pl.Expr, pictures: Pictures) -> pl.Expr:
    """Paths for a column of item ids; null where no picture is called after one."""
    return column.map_elements(pictures.of_id, return_dtype=pl.String)


def _bare(stem: str) -> str:
    return stem.strip().lstrip("0").lower() or "0"


def _once(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    twice = set()
    for name, path in named:
        if found.setdefault(name, path) != path:
            twice.add(name)
    return {name: path for name, path in found.items() if name not in twice}
