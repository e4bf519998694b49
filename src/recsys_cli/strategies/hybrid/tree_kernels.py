"""Compiled walk down boosted trees, for `trees`, which says what the arrays are."""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import float32, float64, int32, uint8, void

from recsys_cli.compiled import compiled, readonly

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

_LEFT, _ZERO, _NAN = 2, 4, 8
_NEAR_ZERO = float(np.float32(1e-35))


@compiled(
    void(
        readonly(float32, 2), readonly(int32, 1), readonly(int32, 1), readonly(float64, 1),
        readonly(uint8, 1), readonly(int32, 1), readonly(int32, 1), readonly(float64, 1),
        float64[::1],
    )
)  # fmt: skip
def add_leaves(
    table: F32, roots: I32, feature: I32, threshold: F64, decision: npt.NDArray[np.uint8],
    left: I32, right: I32, values: F64, out: F64,
) -> None:  # fmt: skip
    """Add to `out` (P,) what each tree says of each row of `table` (P, F), tree by tree."""
    for root in roots:
        for row in range(len(table)):
            node = root
            while node >= 0:
                value = float64(table[row, feature[node]])
                flags = decision[node]
                unknown = np.isnan(value)
                if unknown and not flags & _NAN:
                    value, unknown = 0.0, False
                if flags & _ZERO and abs(value) <= _NEAR_ZERO:
                    unknown = True
                goes_left = bool(flags & _LEFT) if unknown else value <= threshold[node]
                node = left[node] if goes_left else right[node]
            out[row] += values[~node]
