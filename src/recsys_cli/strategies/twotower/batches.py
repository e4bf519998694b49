"""Batches of training pairs: positives, uniform negatives, and what corrects for both.

Pairs of a batch are of one window and one fold, so that all candidates are seen as they were at
the start of the window, through the same factors. The order of an epoch follows from the seed
and the epoch, negatives from the seed and the step: a run that was killed finds its place again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from recsys_cli.strategies.twotower.inputs import Facts, Vectors, item_batch, user_batch
from recsys_cli.strategies.twotower.model import ItemBatch, UserBatch
from recsys_cli.strategies.twotower.moments import Pairs
from recsys_cli.strategies.twotower.prefix_kernels import mask_known

_ORDER, _NEGATIVES = 1, 2
"""Tell apart the streams of random numbers of one seed."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's input.

    Attributes:
        users: B users.
        items: B + N candidates, the positives first.
        log_expected: (B + N,) log of how often each candidate is expected among them.
        mask: (B, B + N) candidates that are no negatives for the user.
    """

    users: UserBatch
    items: ItemBatch
    log_expected: torch.Tensor
    mask: torch.Tensor

    def __len__(self) -> int:
        return len(self.mask)


class Feeder:
    """Makes batches.

    Args:
        pairs: what to learn from.
        facts: of users and items.
        numbers: (windows, n_items, n) items' trends by window.
        sales: (windows, n_items, s) items' sales by segment and window.
        size: pairs in a batch.
        negatives: uniform ones per batch.
        seed: of order and negatives.
        device: where tensors go.
    """

    def __init__(
        self,
        pairs: Pairs,
        facts: Facts,
        numbers: Vectors,
        sales: Vectors,
        *,
        size: int,
        negatives: int,
        seed: int,
        device: str,
    ) -> None:
        self._pairs = pairs
        self._facts = facts
        self._numbers, self._sales = numbers, sales
        self._negatives = negatives
        self._seed = seed
        self._device = device
        history = pairs.history
        self._n_items = history.n_items
        self._user = history.users[pairs.event]
        self._item = history.item[pairs.event]
        self._time = history.time[pairs.event]
        changed = (np.diff(pairs.window) != 0) | (np.diff(pairs.fold) != 0)
        self._bounds = np.concatenate(([0], np.flatnonzero(changed) + 1, [len(pairs)]))
        self._parts = np.maximum(1, -(-np.diff(self._bounds) // size))
        self._share = np.zeros((len(numbers), self._n_items), np.float32)
        np.add.at(self._share, (pairs.window, self._item), 1)
        self._share /= np.maximum(self._share.sum(axis=1, keepdims=True), 1)
        self._column = np.full(self._n_items, -1, np.int32)

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return int(self._parts.sum())

    def epoch(self, number: int) -> list[npt.NDArray[np.int64]]:
        """Positions of the pairs of each batch, in the order of the epoch."""
        rng = np.random.default_rng([self._seed, _ORDER, number])
        found: list[npt.NDArray[np.int64]] = []
        for low, high, parts in zip(self._bounds[:-1], self._bounds[1:], self._parts, strict=True):
            found += np.array_split(low + rng.permutation(high - low), parts)
        return [found[i] for i in rng.permutation(len(found))]

    def batch(self, rows: npt.NDArray[np.int64], step: int) -> Batch:
        """The batch of the pairs at `rows` (B,)."""
        pairs = self._pairs
        window, fold = int(pairs.window[rows[0]]), int(pairs.fold[rows[0]])
        rng = np.random.default_rng([self._seed, _NEGATIVES, step])
        positives = self._item[rows]
        uniform = rng.integers(0, self._n_items, self._negatives, np.int32)
        candidates = np.concatenate([positives, uniform])
        expected = len(rows) * self._share[window, candidates] + self._negatives / self._n_items
        return Batch(
            users=user_batch(
                pairs.states, pairs.state[rows], self._user[rows], self._time[rows], self._facts,
                device=self._device,
            ),
            items=item_batch(
                candidates, pairs.moments[fold], self._numbers[window], self._sales[window],
                self._facts, device=self._device,
            ),
            log_expected=torch.from_numpy(np.log(expected)).to(self._device),
            mask=torch.from_numpy(self._mask(rows, candidates)).to(self._device),
        )  # fmt: skip

    def _mask(
        self, rows: npt.NDArray[np.int64], candidates: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.bool_]:
        """(B, B + N) candidates that the user has anyway, or that are the positive again."""
        order = np.argsort(candidates, kind="stable").astype(np.int32)
        same = candidates[order][1:] == candidates[order][:-1]
        following = np.full(len(candidates), -1, np.int32)
        following[order[:-1][same]] = order[1:][same]
        first = order[np.concatenate(([True], ~same))]
        self._column[candidates[first]] = first
        mask = np.zeros((len(rows), len(candidates)), np.bool_)
        pairs = self._pairs
        mask_known(
            candidates[: len(rows)], pairs.low[rows], pairs.high[rows], pairs.history.item,
            self._column, following, mask,
        )  # fmt: skip
        self._column[candidates[first]] = -1
        return mask
