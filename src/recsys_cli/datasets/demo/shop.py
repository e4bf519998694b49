"""The demo shop as its customers find it: its calendar, and what is on the shelf in each week."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from recsys_cli.datasets.demo.catalogue import WEEKS, Catalogue, line_seasons, weekly_weights
from recsys_cli.datasets.demo.sampling import FloatArray, IntArray, WeeklyShelf, stream

FIRST_DAY = date(2018, 9, 20)
DAYS = 734
"""Up to and including 2020-09-22."""
WEEKDAY = np.array([1.0, 0.95, 1.05, 1.1, 1.15, 1.2, 0.95])
"""Relative sales from Monday on."""


@dataclass(frozen=True)
class DemoShop:
    """What all blocks share."""

    catalogue: Catalogue
    shelf: WeeklyShelf
    line_bounds: IntArray
    """(styles + 1,): the lines of style s are line_bounds[s] to line_bounds[s + 1]."""
    demand: FloatArray
    """(WEEKS, lines + 1): by week, the lines' seasons cumulated over the lines before."""
    day_edges: FloatArray
    """(DAYS + 1,) cumulated sales per day."""

    @property
    def everything(self) -> IntArray:
        """The first and the last line, (2, 1)."""
        return np.array([[0], [self.line_bounds[-1] - 1]])

    def lines_of(self, style: IntArray) -> IntArray:
        """First and last line of each style, (2, n)."""
        return np.stack([self.line_bounds[style], self.line_bounds[style + 1] - 1])


def week_of(day: IntArray) -> IntArray:
    """The week of the data that a day falls in; weeks end on the last day."""
    return WEEKS - 1 - (DAYS - 1 - day) // 7


def open_shop(catalogue: Catalogue, seed: int) -> DemoShop:
    """Prepare the shelf and the calendar."""
    line = catalogue.products.line[catalogue.product]
    count = catalogue.lines.style.size
    shelf = WeeklyShelf(groups=line, n_groups=count, weekly=weekly_weights(catalogue))
    styles = int(catalogue.lines.style.max()) + 1
    bounds = np.searchsorted(catalogue.lines.style, np.arange(styles + 1))
    demand = np.zeros((WEEKS, count + 1))
    demand[:, 1:] = np.cumsum(line_seasons(catalogue), axis=1)
    day = np.arange(DAYS)
    weekday = WEEKDAY[(day + FIRST_DAY.weekday()) % 7]
    yearly = 1.0 + 0.2 * np.cos(2 * np.pi * (day - 270) / 365.25)
    sale = 1.0 + 0.5 * np.exp(-(((day - 66) % 365) ** 2) / 18.0)
    noise = np.exp(stream(seed, 5).normal(0, 0.1, DAYS))
    sales = weekday * yearly * sale * noise * (1.0 + 0.4 * day / DAYS)
    return DemoShop(catalogue, shelf, bounds, demand, np.concatenate([[0.0], np.cumsum(sales)]))


def day_names() -> list[str]:
    """The ISO date of each day."""
    return [(FIRST_DAY + timedelta(days=day)).isoformat() for day in range(DAYS)]
