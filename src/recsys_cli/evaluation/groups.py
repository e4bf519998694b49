"""The groups of test users that figures are given for.

A `Truth` and the history before it come in; a mask over the test users for each group goes out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from recsys_cli.counted import counted
from recsys_cli.csr import CSR
from recsys_cli.evaluation.truth import Truth

Mask = npt.NDArray[np.bool_]

ALL, WARM, NEW, COLD_ITEMS = "all", "warm", "new", "cold_items"
MAIN_GROUPS = (ALL, WARM, NEW, COLD_ITEMS)
HISTORY = "history"
_LENGTHS = (("0", 0, 0), ("1-2", 1, 2), ("3-9", 3, 9), ("10+", 10, math.inf))
MOST_VALUES = 64
"""Groups that one column of users may make."""


def groups_of(
    truth: Truth, history: CSR, cold: CSR, segments: Mapping[str, Mask]
) -> dict[str, Mask]:
    """Every group's mask (n,) over the test users, empty groups included.

    Args:
        truth: n test users.
        history: (n_users, n_items) what users had before the test.
        cold: the part of `truth.items` that nobody had; see `cold_truth`.
        segments: further groups.
    """
    length = history.counts(truth.users)
    return {
        ALL: np.ones(len(length), np.bool_),
        WARM: length > 0,
        NEW: length == 0,
        COLD_ITEMS: np.diff(cold.indptr) > 0,
        **{
            f"{HISTORY}={name}": (length >= least) & (length <= most)
            for name, least, most in _LENGTHS
        },
        **segments,
    }


def cold_truth(truth: Truth, history: CSR) -> CSR:
    """The relevant items that had no event before the test, row by row."""
    known = np.zeros(truth.items.n_columns, np.bool_)
    known[history.indices] = True
    rows, columns = truth.items.entries()
    cold = ~known[columns]
    return CSR.from_pairs(
        rows[cold], columns[cold], n_rows=truth.items.n_rows, n_columns=truth.items.n_columns
    )


def column_groups(column: str, values: npt.NDArray[np.object_]) -> tuple[dict[str, Mask], str]:
    """A group for each value of a column of users, in the order of the values.

    Args:
        column: its name.
        values: (n,) value of each test user, None where it is not known.

    Returns:
        The groups, and a sentence about what was left out, empty if nothing was: of more than
        `MOST_VALUES` values the most frequent are kept.
    """
    known, counts = np.unique(values[values != None].astype(str), return_counts=True)  # noqa: E711
    kept = sorted(np.argsort(-counts, kind="stable")[:MOST_VALUES])
    masks = {f"{column}={known[at]}": values == known[at] for at in kept}
    left = len(known) - len(kept)
    of_all = counted(left, f"values of {column} are left out of the groups, being rare")
    told = f"{of_all} (of {len(known)})"
    return masks, told if left else ""
