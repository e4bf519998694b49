"""The compiled loop behind `topk.pairs`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import float32, float64, int32, int64, void

from recsys_cli.models.compiled import compiled, readonly


@compiled(
    void(
        readonly(float32, 2),
        readonly(float32, 2),
        readonly(int64, 1),
        readonly(int32, 1),
        float64[::1],
    )
)
def pair_scores(
    users: npt.NDArray[np.float32],
    items: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
) -> None:
    """Write the inner product of each pair, added in index order, into `scores`."""
    for pair in range(len(rows)):
        user, item = users[rows[pair]], items[columns[pair]]
        total = 0.0
        for j in range(len(user)):
            total += np.float64(user[j]) * np.float64(item[j])
        # Adding 0.0 turns -0.0 into 0.0.
        scores[pair] = total + 0.0
