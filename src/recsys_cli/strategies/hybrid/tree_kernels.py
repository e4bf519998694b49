"""Compiled walk down boosted trees, for `trees`, which says what the arrays are."""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import boolean, float32, float64, int32, void

from recsys_cli.compiled import compiled, readonly

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

_ROWS = 256
"""Rows that all trees walk before the next ones come, so that they stay in the cache."""
_ABREAST = 8
"""Rows that walk down a tree abreast, since each of their steps waits for memory."""


@compiled(
    void(
        readonly(float32, 2), readonly(int32, 1), readonly(int32, 1), readonly(int32, 1),
        readonly(float64, 1), readonly(boolean, 1), readonly(int32, 2), readonly(float64, 1),
        float64[::1],
    )
)  # fmt: skip
def add_leaves(
    table: F32, roots: I32, depths: I32, feature: I32, threshold: F64,
    unknown_left: npt.NDArray[np.bool_], children: I32, values: F64, out: F64,
) -> None:  # fmt: skip
    """Add to `out` (P,) what each tree says of each row of `table` (P, F), tree by tree.

    No step branches, since which way a row goes cannot be foretold.
    """
    nodes = np.empty(_ABREAST, np.int32)
    for first in range(0, len(table), _ROWS):
        end = min(first + _ROWS, len(table))
        for tree in range(len(roots)):
            for row in range(first, end, _ABREAST):
                nodes[:] = roots[tree]
                for _ in range(depths[tree]):
                    for j in range(_ABREAST):
                        node = nodes[j]
                        value = float64(table[min(row + j, end - 1), feature[node]])
                        is_left = (value <= threshold[node]) | (
                            np.isnan(value) & unknown_left[node]
                        )
                        nodes[j] = children[node, int32(is_left)]
                for j in range(min(_ABREAST, end - row)):
                    out[row + j] += values[nodes[j]]
