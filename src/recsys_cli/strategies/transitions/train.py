"""What follows what: how near items come to each other in the order of users' events.

Sequences come in, a sparse matrix goes out whose row i holds the items that come soonest and most
often after item i. Of a user's events in order, an item j that comes g events after item i, for
g up to `reach`, adds g^-`gap_power` to T[i, j]; items of one basket, whose order nobody knows,
add half of what neighbours do, in both directions. Then

    M = T + backward · Tᵀ
    S[i, j] = M[i, j] / ((Σ_j M[i, j] + shrinkage)^(1 - popularity) · (Σ_i M[i, j])^popularity)

and the `neighbours` largest entries of each row are kept. This is a Markov chain of items (Rendle
et al. 2010, FPMC) that looks further than one step, as SR of Ludewig and Jannach (2018) does,
normalised on both sides as in Deshpande and Karypis (2004). A user's score of an item is the sum
over their items h of S[h, item] / (1 + items had since h / half-life).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import Command, TrainingError
from recsys_cli.events.sequences import Sequences
from recsys_cli.store.packs import Packed
from recsys_cli.strategies.neighbours import in_blocks, rows_of_strongest

if TYPE_CHECKING:
    from recsys_cli.strategies.transitions import TransitionsConfig

F64 = npt.NDArray[np.float64]

_BASKET = 0.5
"""What items of one basket count, beside one event after the other."""


@dataclass(frozen=True, slots=True)
class Transitions(Packed):
    """What follows each item.

    Attributes:
        indptr: (n_items + 1,) int64, what follows item i is `indices[indptr[i]:indptr[i + 1]]`.
        indices: (links,) int32 items, ascending within a row; no item follows itself.
        weight: (links,) float32, above 0.
        n_items: size of the catalogue.
        half_life_events: items had since, at which an item of a user's history counts half.
        reference: seconds since the epoch before which all events lie that were seen.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    n_items: int
    half_life_events: float
    reference: int

    @property
    def matrix(self) -> CSR:
        """(n_items, n_items) with the weights as data."""
        return CSR(self.indptr, self.indices, self.n_items, self.weight)


def train_transitions(
    sequences: Sequences, config: TransitionsConfig, *, reference: int, threads: int
) -> Transitions:
    """Add up what follows what.

    Args:
        sequences: users' events in order.
        config: how far and how much.
        reference: moment before which all events lie, in seconds since 1970.
        threads: threads to use; the result does not depend on it.

    Raises:
        TrainingError: there is nothing to learn from.
    """
    from recsys_cli.strategies.transitions.kernels import (
        events_of_items,
        follow,
        places_of,
        totals_of,
    )

    n_items = sequences.n_items
    if not len(sequences.items):
        raise TrainingError("there are no events to learn an order from", hint=Command("status"))
    ahead, behind = _counts_by_gap(config)
    places = np.empty(len(sequences.items), np.int64)
    places_of(sequences.indptr, sequences.times, len(ahead), places)
    indptr, events = np.zeros(n_items + 1, np.int64), np.empty(len(places), np.int64)
    events_of_items(n_items, sequences.items, indptr, events)
    given = (indptr, events, sequences.items, places, ahead, behind)
    rows, columns = np.zeros(n_items), np.zeros(n_items)
    in_blocks(lambda first, last: totals_of(first, last, *given, rows, columns), n_items, threads)
    row_scale = _scale(rows + config.shrinkage, 1 - config.popularity)
    column_scale = _scale(columns, config.popularity)

    def fill(first: int, last: int, *made: npt.NDArray[Any]) -> None:
        follow(first, last, *given, row_scale, column_scale, *made)

    wanted = min(config.neighbours, max(n_items - 1, 1))
    links = rows_of_strongest(fill, n_items, wanted, threads=threads)
    return Transitions(
        indptr=links.indptr,
        indices=links.indices,
        weight=np.asarray(links.data),
        n_items=n_items,
        half_life_events=config.half_life_events,
        reference=reference,
    )


def _counts_by_gap(config: TransitionsConfig) -> tuple[F64, F64]:
    """(2 · reach + 1,) what an event counts by its gap in half steps: later ones, earlier ones."""
    gaps = np.arange(1, 2 * config.reach + 1) / 2
    within = _BASKET * (1 + config.backward)
    ahead = np.concatenate(([within], gaps**-config.gap_power))
    behind = np.concatenate(([within], config.backward * gaps**-config.gap_power))
    return ahead, behind


def _scale(totals: F64, power: float) -> F64:
    """(n_items,) what entries are multiplied by; 1 where there are none."""
    return np.where(totals > 0, totals, 1) ** -power
