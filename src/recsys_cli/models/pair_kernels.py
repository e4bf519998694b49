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
    start = 0
    while start < len(rows):
        row = rows[start]
        stop = start + 1
        while stop < len(rows) and rows[stop] == row:
            stop += 1
        user = users[row]
        # Four at a time, since each sum has to wait for its own last addition.
        for at in range(start, stop - 3, 4):
            a, b = items[columns[at]], items[columns[at + 1]]
            c, d = items[columns[at + 2]], items[columns[at + 3]]
            of_a = of_b = of_c = of_d = 0.0
            for j in range(len(user)):
                factor = np.float64(user[j])
                of_a += factor * np.float64(a[j])
                of_b += factor * np.float64(b[j])
                of_c += factor * np.float64(c[j])
                of_d += factor * np.float64(d[j])
            # Adding 0.0 turns -0.0 into 0.0.
            scores[at], scores[at + 1] = of_a + 0.0, of_b + 0.0
            scores[at + 2], scores[at + 3] = of_c + 0.0, of_d + 0.0
        for at in range(stop - (stop - start) % 4, stop):
            item = items[columns[at]]
            total = 0.0
            for j in range(len(user)):
                total += np.float64(user[j]) * np.float64(item[j])
            scores[at] = total + 0.0
        start = stop
