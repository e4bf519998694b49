"""Sessions, and which of them each item is in.

Sequences come in; what a query needs goes out, as VMIS-kNN keeps it (Kersbergen, Sprangers and
Schelter 2022): sessions as rows of items, and by item the latest sessions with it. A session is
what a user had, in the session that events name where they name one, without a pause longer than
the gap, cut after `LONGEST` events, each item where it stands last; those of a single item say
nothing. Places in a session count in steps, one for each
moment, so that items of one basket are at one place.

The similarity of session s to somebody's latest items h, which have been followed by n_h others,
is, as in VSKNN (Ludewig and Jannach 2018) with the decays of STAN (Garg et al. 2019),

    |s|^(-1/3) / (1 + age of s / half-life) · Σ_(h in s) rarity_h / (1 + n_h / half-life)

where rarity is log(1 + sessions / sessions with the item), squared. Item j's score is the sum,
over the most similar sessions, of their similarity times what counts at the distance d, in steps,
from the latest h in the session to j: 1 / (1 + (d - 1) / half-life) after it, `backward` times
that before it, and the mean of the two at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import Command, TrainingError
from recsys_cli.events.decay import DAY_SECONDS, age_seconds
from recsys_cli.store.packs import Packed

if TYPE_CHECKING:
    from recsys_cli.events.sequences import Sequences
    from recsys_cli.strategies.sessions import SessionsConfig

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]

LONGEST = 200
"""Events of one session; steps fit a byte."""
_LENGTH_POWER = -1 / 3


@dataclass(frozen=True, slots=True)
class Sessions(Packed):
    """Sessions, the latest first, and by item those with it.

    Attributes:
        session_starts: (sessions + 1,) int64, session s is `items[starts[s]:starts[s + 1]]`.
        items: (entries,) int32 items by place, then item.
        steps: (entries,) uint8 place of each in its session.
        weight: (sessions,) float32 what a session counts by its length and age.
        item_starts: (n_items + 1,) int64, where each item's sessions begin.
        sessions: (postings,) int32 the latest sessions with an item, ascending.
        shared: (postings,) uint8 place of the item in each.
        rarity: (n_items,) float32, above 0 for items in sessions.
        neighbours: most similar sessions that count.
        length: latest items of a user that sessions are compared by.
        half_life_events: items had since, at which an item of the user counts half.
        half_life_steps: steps beyond the next one at which an item of a session counts half.
        backward: what an item before the one that is shared counts, beside one after it.
        reference: seconds since the epoch before which all events lie that were seen.
    """

    session_starts: I64
    items: I32
    steps: U8
    weight: F32
    item_starts: I64
    sessions: I32
    shared: U8
    rarity: F32
    neighbours: int
    length: int
    half_life_events: float
    half_life_steps: float
    backward: float
    reference: int


def index_sessions(sequences: Sequences, config: SessionsConfig, *, reference: int) -> Sessions:
    """Cut sequences into sessions and index those by item.

    Args:
        sequences: events in order of users, or of sessions that events name.
        config: what a session is, and how many are kept for an item.
        reference: moment before which all events lie, in seconds since 1970.

    Raises:
        TrainingError: no session has two items.
    """
    starts, items, steps, ends = _latest_first(sequences, config.gap_minutes)
    if not len(ends):
        raise TrainingError(
            "no session has two items, so nothing says what goes with what", hint=Command("status")
        )
    lengths = np.diff(starts)
    age = age_seconds(ends, reference) / DAY_SECONDS
    weight = lengths**_LENGTH_POWER / (1 + age / config.half_life_days)
    item_starts, entries, counts = _latest_with_each(items, sequences.n_items, config.recent)
    rarity = np.log1p(len(ends) / np.maximum(counts, 1)) ** 2 * (counts > 0)
    of_entry = np.repeat(np.arange(len(ends), dtype=np.int32), lengths)
    return Sessions(
        session_starts=starts,
        items=items,
        steps=steps,
        weight=weight.astype(np.float32),
        item_starts=item_starts,
        sessions=of_entry[entries],
        shared=steps[entries],
        rarity=rarity.astype(np.float32),
        neighbours=config.neighbours,
        length=config.length,
        half_life_events=config.half_life_events,
        half_life_steps=config.half_life_steps,
        backward=config.backward,
        reference=reference,
    )


def _latest_first(
    sequences: Sequences, gap_minutes: float | None
) -> tuple[I64, I32, U8, npt.NDArray[np.uint32]]:
    """Where sessions begin, their items, the places of these, and when each session ended."""
    from recsys_cli.strategies.sessions.kernels import cut

    n = len(sequences.items)
    gap = int(min(60 * gap_minutes, _NEVER)) if gap_minutes is not None else _NEVER
    starts, ends = np.zeros(n + 1, np.int64), np.empty(n, np.uint32)
    items, steps = np.empty(n, np.int32), np.empty(n, np.uint8)
    found = cut(
        sequences.indptr, sequences.items, sequences.times, gap, LONGEST,
        np.full(sequences.n_items, -1, np.int64), starts, items, steps, ends,
    )  # fmt: skip
    starts, ends = starts[: found + 1], ends[:found]
    order = np.argsort(-ends.astype(np.int64), kind="stable")
    indptr, at = CSR(starts, items, sequences.n_items).positions(order)
    return indptr, items[at], steps[at], ends[order]


_NEVER = 1 << 32
"""Seconds, more than between any two events."""


def _latest_with_each(items: I32, n_items: int, recent: int) -> tuple[I64, I64, I64]:
    """Of the entries with each item the first `recent`: where they begin, the entries, and counts.

    The counts (n_items,) are those of all entries.
    """
    counts = np.bincount(items, minlength=n_items)
    order = np.argsort(items, kind="stable")
    before = np.cumsum(counts) - counts
    kept = np.arange(len(items)) - np.repeat(before, counts) < recent
    indptr = np.concatenate(([0], np.cumsum(np.minimum(counts, recent))))
    return indptr, order[kept], counts
