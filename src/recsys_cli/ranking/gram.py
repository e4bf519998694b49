"""YᵀY of a tall float32 matrix, in float64 and in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_ENTRIES = 1 << 20


def gram_matrix(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """YᵀY (f, f) float64 of rows (n, f)."""
    factors = vectors.shape[1]
    total = np.zeros((factors, factors))
    step = max(1, _ENTRIES // factors)
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step].astype(np.float64)
        total += block.T @ block
    return total
