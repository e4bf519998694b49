"""Lays a table out as lines of text: one row of headers, a rule, and the rows under it.

Done here, since what a single recommendation prints must not wait for a library that draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from unicodedata import combining, east_asian_width

_GAP = "   "


def lines(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    width: int,
    title: str | None = None,
    right: Iterable[str] = (),
) -> list[str]:
    """A table no wider than `width`; what does not fit into a cell goes on under it."""
    numeric = {position for position, name in enumerate(headers) if name in set(right)}
    cells = [[str(header) for header in headers]]
    cells += [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = _fitted([max(map(_width, column)) for column in zip(*cells, strict=True)], width)
    laid = [_row(row, widths, numeric) for row in cells]
    rule = "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    made = [*laid[0], f" {rule}", *(line for row in laid[1:] for line in row)]
    return made if title is None else [title, *made]


def _fitted(widths: list[int], most: int) -> list[int]:
    """The widest columns made narrower until a row fits."""
    room = most - len(_GAP) * (len(widths) - 1) - 1
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int], numeric: set[int]) -> list[str]:
    folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
    made = []
    for parts in zip_longest(*folded, fillvalue=""):
        padded = []
        for position, (part, width) in enumerate(zip(parts, widths, strict=True)):
            space = " " * (width - _width(part))
            padded.append(space + part if position in numeric else part + space)
        made.append(f" {_GAP.join(padded)}".rstrip())
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
