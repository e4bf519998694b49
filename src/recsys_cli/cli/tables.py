"""Lays a table out as lines of text: one row of headers, a rule, and the rows under it.

Done here, since what a single recommendation prints must not wait for a library that draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from unicodedata import combining, east_asian_width

_GAP, _NARROW_GAP = "   ", "  "


def lines(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    width: int,
    title: str | None = None,
    right: Iterable[str] = (),
    paint: Callable[[str], str] = str,
) -> list[str]:
    """A table no wider than `width`; what does not fit into a cell goes on under it.

    `paint` colours what is in a cell, once it is laid out.
    """
    numeric = {position for position, name in enumerate(headers) if name in set(right)}
    cells = [[str(header) for header in headers]]
    cells += [["" if cell is None else str(cell) for cell in row] for row in rows]
    gap, widths = _fitted([*zip(*cells, strict=True)], width, numeric)
    laid = [_row(row, widths, gap, numeric, paint) for row in cells]
    rule = "─" * (sum(widths) + len(gap) * (len(widths) - 1))
    made = [*laid[0], f" {rule}", *(line for row in laid[1:] for line in row)]
    return made if title is None else [title, *made]


def _fitted(
    columns: Sequence[Sequence[str]], most: int, numeric: set[int]
) -> tuple[str, list[int]]:
    """The gap and the widths at which a row fits.

    The widest columns of text give way, down to their longest words as long as that will do.
    """
    widths = [max(map(_width, column)) for column in columns]
    least = [
        width if at in numeric else max(_width(word) for cell in column for word in cell.split(" "))
        for at, (width, column) in enumerate(zip(widths, columns, strict=True))
    ]
    gap = _GAP if sum(widths) + len(_GAP) * (len(widths) - 1) + 1 <= most else _NARROW_GAP
    room = most - len(gap) * (len(widths) - 1) - 1
    while sum(widths) > room and max(widths) > 1:
        able = [at for at, width in enumerate(widths) if width > least[at]] or range(len(widths))
        widths[max(able, key=widths.__getitem__)] -= 1
    return gap, widths


def _row(
    row: Sequence[str],
    widths: Sequence[int],
    gap: str,
    numeric: set[int],
    paint: Callable[[str], str],
) -> list[str]:
    folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
    made = []
    for parts in zip_longest(*folded, fillvalue=""):
        padded = []
        for position, (part, width) in enumerate(zip(parts, widths, strict=True)):
            space = " " * (width - _width(part))
            padded.append(space + part if position in numeric else paint(part) + space)
        made.append(f" {gap.join(padded)}".rstrip())
    return made


def _folded(text: str, width: int) -> list[str]:
    """A text in lines of that width, at spaces where there are any."""
    made, line = [], ""
    for word in text.replace("\n", " ").split(" "):
        joined = f"{line} {word}" if line else word
        if _width(joined) <= width:
            line = joined
            continue
        made += [line] if line else []
        line = ""
        for character in word:
            if _width(line + character) > width:
                made.append(line)
                line = ""
            line += character
    return [*made, line]


def _width(text: str) -> int:
    """Cells of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1
        for character in text
    )
