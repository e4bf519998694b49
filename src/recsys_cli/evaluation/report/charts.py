"""Where things stand in charts: figures come in, positions in percent and labels go out.

Nothing here knows HTML; the templates draw what these values say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recsys_cli.evaluation.bootstrap import Interval

_FEW_ROWS = 10
"""Groups below this size do not decide how far an axis reaches."""
SHARES = ("coverage", "popularity", "repurchase", "boosted")
"""Metrics that are shown as percentages."""


def number(
    value: float | None, *, share: bool = False, signed: bool = False, like: float | None = None
) -> str:
    """A figure in as few characters as tell it apart; a dash where there is none.

    Args:
        value: the figure.
        share: show it as a percentage.
        signed: show a plus too.
        like: another figure whose number of digits to take, so that bounds fit their value.
    """
    if value is None or math.isnan(value):
        return "–"
    scale = 100 if share else 1
    digits = _digits(abs(value if like is None else like) * scale, share=share)
    text = f"{abs(value) * scale:.{digits}f}" + ("%" if share else "")
    negative = value < 0 and float(text.rstrip("%")) > 0
    return ("−" if negative else "+" if signed else "") + text


def _digits(size: float, *, share: bool) -> int:
    """Digits after the point: fewer for large figures, more for those near 0."""
    steps = ((10, 1), (1, 1 if share else 2), (0.1, 2 if share else 3), (0.01, 3), (0.001, 4))
    smallest = 5
    if size == 0:
        return 1 if share else 3
    return next((digits for least, digits in steps if size >= least), smallest)


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis.

    Attributes:
        low: value at 0%.
        high: value at 100%.
        ticks: values with a label.
        share: whether labels are percentages.
        signed: whether labels carry a sign.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    share: bool = False
    signed: bool = False

    @classmethod
    def over(
        cls,
        values: Sequence[float],
        *,
        zero: bool = True,
        share: bool = False,
        signed: bool = False,
        about: int = 4,
    ) -> Axis:
        """The smallest round axis that holds all values, and 0 if `zero`."""
        known = [value for value in values if not math.isnan(value)] or [0.0]
        low, high = min(known), max(known)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            # Nothing but zeros still needs an axis.
            high = low + (0.1 if low == 0 else abs(low) / 10)
        step = _round_step((high - low) / about)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = tuple(round(i * step, 12) for i in range(first, last + 1))
        return cls(ticks[0], ticks[-1], ticks, share, signed)

    def at(self, value: float) -> float:
        """Position in percent, kept within the axis."""
        return round(min(max((value - self.low) / (self.high - self.low), 0.0), 1.0) * 100, 2)

    def from_top(self, value: float) -> float:
        """The position counted from the other end, as pictures do."""
        return round(100 - self.at(value), 2)

    def labels(self) -> list[tuple[float, str]]:
        """Position and text of each tick."""
        smallest = self.ticks[1] - self.ticks[0]
        factor = 100 if self.share else 1
        digits = max(0, -math.floor(math.log10(smallest * factor) + 1e-9))
        unit = "%" if self.share else ""
        made = []
        for tick in self.ticks:
            sign = "−" if tick < 0 else "+" if self.signed and tick > 0 else ""
            made.append((self.at(tick), f"{sign}{abs(tick * factor):.{digits}f}{unit}"))
        return made


def _round_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough * (1 - 1e-9))


@dataclass(frozen=True, slots=True)
class Bar:
    """One strategy's figure on an axis; positions in percent."""

    strategy: str
    value: float
    low: float
    high: float
    text: str
    interval: str
    mark: str = ""
    cut: bool = False


def bar(strategy: str, interval: Interval, axis: Axis, *, mark: str = "") -> Bar:
    """Place a figure; without bounds its whisker has no length."""
    low, high = interval.ends
    return Bar(
        strategy,
        axis.at(interval.value),
        axis.at(low),
        axis.at(high),
        number(interval.value, share=axis.share, signed=axis.signed),
        between(interval, share=axis.share, signed=axis.signed),
        mark,
        cut=high > axis.high,
    )


def between(interval: Interval, *, share: bool = False, signed: bool = False) -> str:
    """The bounds in words; empty where there are none."""
    if math.isnan(interval.low):
        return ""
    low, high = (
        number(v, share=share, signed=signed, like=interval.value)
        for v in (interval.low, interval.high)
    )
    return f"{low} to {high}"


def axis_of_groups(figures: Mapping[str, Sequence[Interval]], rows: Mapping[str, int]) -> Axis:
    """One axis for the figures of many groups; tiny groups' wide intervals are cut off."""
    values = [i.value for intervals in figures.values() for i in intervals]
    ends = [i.high for g, intervals in figures.items() for i in intervals if rows[g] >= _FEW_ROWS]
    return Axis.over([*values, *ends])


@dataclass(frozen=True, slots=True)
class Point:
    """A strategy in a plane: positions in percent from the left and the bottom.

    `side` says on which its name stands, right or left, and `lines` how many lines further down.
    """

    strategy: str
    x: float
    y: float
    low: float
    high: float
    side: str
    lines: int
    text: str

    @property
    def leader(self) -> tuple[float, float]:
        """Length in pixels and turn in degrees of a line from the point to its name."""
        aside = _DOT if self.side == "right" else -_DOT
        down = self.lines * _LINE
        return round(math.hypot(aside, down), 1), round(math.degrees(math.atan2(down, aside)), 1)


@dataclass(frozen=True, slots=True)
class Scatter:
    """A trade-off plot."""

    title: str
    note: str
    x_title: str
    y_title: str
    x: Axis
    y: Axis
    points: Sequence[Point]


# Sizes in pixels that names are kept apart for: a narrow phone's, and a desktop's.
_PLOTS = ((280.0, 230.0), (430.0, 250.0))
_LETTER, _LINE, _DOT = 8.0, 15.0, 8.0
_FURTHEST = 8
"""Lines that a name may stand above or below its point."""

Box = tuple[float, float, float, float]


def scatter(
    title: str,
    note: str,
    titles: tuple[str, str],
    figures: Mapping[str, tuple[Interval, Interval]],
    *,
    share: bool,
) -> Scatter:
    """Place strategies by (x, y) figures, and their names where they cover nothing."""
    x = Axis.over([a.value for a, _ in figures.values()], share=share, about=3)
    y = Axis.over([v for _, b in figures.values() for v in (b.value, b.high)], about=4)
    at = {n: (x.at(a.value), y.at(b.value)) for n, (a, b) in figures.items()}
    taken = [_boxes(px, py, -_DOT / 2, 0, _DOT) for px, py in at.values()]
    points = []
    for name, (px, py) in sorted(at.items(), key=lambda entry: -entry[1][1]):
        side, lines = _place(name, px, py, taken)
        a, b = figures[name]
        low, high = b.ends
        text = f"{name}: {number(a.value, share=share)}, {number(b.value)}"
        points.append(Point(name, px, py, y.at(low), y.at(high), side, lines, text))
    return Scatter(title, note, *titles, x, y, points)


def _place(name: str, px: float, py: float, taken: list[list[Box]]) -> tuple[str, int]:
    """Beside the point, or as few lines above or below as leave a name free; takes the place."""
    width = _LETTER * len(name)
    lefts = {"right": _DOT, "left": -_DOT - width}
    nearest = sorted(range(-_FURTHEST, _FURTHEST + 1), key=abs)
    places = {
        (side, lines): _boxes(px, py, left, lines, width)
        for lines in nearest
        for side, left in lefts.items()
    }

    def cost(place: tuple[str, int]) -> float:
        found = float(abs(place[1]))
        for at, box in enumerate(places[place]):
            found += 9 * sum(_overlap(box, other[at]) for other in taken)
            found += 9 * _LINE * _outside(box, _PLOTS[at])
        return found

    best = min(places, key=cost)
    taken.append(places[best])
    return best


def _boxes(px: float, py: float, left: float, lines: int, width: float) -> list[Box]:
    """Left, bottom, right, top in pixels of something around a point, in each size of a plot."""
    made = []
    for wide, high in _PLOTS:
        x, y = px / 100 * wide + left, py / 100 * high - lines * _LINE
        made.append((x, y - _LINE / 2, x + width, y + _LINE / 2))
    return made


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _outside(box: Box, plot: tuple[float, float]) -> float:
    aside = max(-box[0], 0.0) + max(box[2] - plot[0], 0.0)
    return aside + max(-box[1] - _LINE / 2, 0.0) + max(box[3] - plot[1] - _LINE, 0.0)
