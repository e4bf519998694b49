"""What goes into the towers, taken by index from arrays: no loop runs over rows.

The arrays of states and trends may be memory maps; a batch reads only its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from recsys_cli.strategies.twotower.features import Columns
from recsys_cli.strategies.twotower.history import OrderedEvents
from recsys_cli.strategies.twotower.model import ItemBatch, UserBatch
from recsys_cli.strategies.twotower.moments import Moment
from recsys_cli.strategies.twotower.prefix import UserStates
from recsys_cli.strategies.twotower.trends import NAMES, Trends

USER_NUMBERS = 4
ITEM_NUMBERS = len(NAMES)

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.integer]
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change with time.

    Attributes:
        content: (n_items, c) float32.
        items: columns of items as codes.
        users: columns of users as codes.
        segment: (n_users,) int16, 0 for none.
        segments: how many segments there are.
    """

    content: Vectors
    items: Columns
    users: Columns
    segment: npt.NDArray[np.int16]
    segments: int


def user_batch(
    states: UserStates,
    rows: Rows,
    users: Rows,
    moment: npt.NDArray[np.int64] | int,
    facts: Facts,
    *,
    device: str,
    trained: Moment | None = None,
) -> UserBatch:
    """Users (B,) in the states `rows` (B,), as seen at `moment` (B,) in seconds since 1970.

    `trained` gives users' factors by user where ALS has trained them, in place of folded ones.
    """
    seen, last = states.seen[rows], states.last[rows]
    folded, known = states.folded[rows], seen > 0
    if trained is not None:
        folded, known = trained.factors[users], trained.known[users]
    days = np.where(seen > 0, np.maximum(moment - last, 0) / _DAY, 0)
    numbers = np.stack([np.log1p(seen) / 3, 1 / (1 + seen), np.log1p(days) / 4, seen > 0], axis=1)
    return UserBatch(
        folded=_tensor(folded, np.float32, device),
        known=_tensor(known, np.bool_, device),
        recent=_tensor(states.recent[rows], np.float32, device),
        taste=_tensor(states.taste[rows], np.float32, device),
        numbers=_tensor(numbers, np.float32, device),
        codes=_tensor(facts.users.codes[users], np.int64, device),
        segment=_tensor(facts.segment[users], np.int64, device),
    )


def item_batch(
    items: Rows, moment: Moment, numbers: Vectors, sales: Vectors, facts: Facts, *, device: str
) -> ItemBatch:
    """Items (N,), given factors, trends (n_items, n) and segment sales (n_items, s) of all."""
    return ItemBatch(
        factors=_tensor(moment.factors[items], np.float32, device),
        known=_tensor(moment.known[items], np.bool_, device),
        content=_tensor(facts.content[items], np.float32, device),
        numbers=_tensor(numbers[items], np.float32, device),
        codes=_tensor(facts.items.codes[items], np.int64, device),
        sales=_tensor(sales[items], np.float32, device),
    )


def _tensor(values: npt.NDArray[np.generic], kind: type[np.generic], device: str) -> torch.Tensor:
    return torch.from_numpy(np.require(values, kind, ["C", "W"])).to(device, non_blocking=True)


class Shelf:
    """Items' trends, and sales by segment, at the start of each window.

    Args:
        history: the events that may be seen.
        reference: moment that windows are counted back from, in seconds since 1970.
        window: length of a window.
        facts: tells the segments.
    """

    def __init__(
        self, history: OrderedEvents, *, reference: int, window: timedelta, facts: Facts
    ) -> None:
        self.trends = Trends.of(history, reference=reference, window=window)
        segment = facts.segment[history.users]
        self._segments = [
            Trends.of(history.only(np.equal(segment, s)), reference=reference, window=window)
            for s in range(1, facts.segments + 1)
        ]

    def numbers(self, window: int) -> Vectors:
        """(n_items, ITEM_NUMBERS) as the last `window` windows begin."""
        return self.trends.features(window)

    def sales(self, window: int) -> Vectors:
        """(n_items, segments) log of sales in each segment, halved per window of age, centred."""
        n_items = self.trends.counts.shape[1]
        out = np.zeros((n_items, len(self._segments)), np.float32)
        for s, trends in enumerate(self._segments):
            past = trends.counts[window:]
            recent = np.exp2(-np.arange(len(past), dtype=np.float32)) @ past
            out[:, s] = np.log(0.1 + recent)
        out -= out.mean(axis=0)
        return out

    def tables(self, windows: int, *, folder: Path | None) -> tuple[Vectors, Vectors]:
        """`numbers` and `sales` at the start of each of the newest windows.

        Args:
            windows: how many.
            folder: where to keep them as float16 files; None keeps float32 in memory.

        Returns:
            (windows, n_items, ITEM_NUMBERS) and (windows, n_items, segments); row w is as of the
            start of window w.
        """
        n_items = self.trends.counts.shape[1]
        found = []
        for name, make, width in (
            ("numbers", self.numbers, ITEM_NUMBERS),
            ("sales", self.sales, len(self._segments)),
        ):
            shape = (windows, n_items, width)
            if folder is None or not width:
                table = np.empty(shape, np.float32)
            else:
                table = np.lib.format.open_memmap(
                    folder / f"{name}.npy", mode="w+", dtype=np.float16, shape=shape
                )
            for window in range(windows):
                table[window] = make(window + 1)
            found.append(table)
        return found[0], found[1]
