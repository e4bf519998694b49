"""How an event counts less the older it is: 0.5^(age / half-life).

Ages run from the last event of a user and item to a moment; what has no time does not age.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DAY_SECONDS = 86_400


def decay(
    last: npt.NDArray[np.uint32], *, reference: int, half_life_days: float
) -> npt.NDArray[np.float64]:
    """(n,) what an event at each of the moments `last` (n,) counts at another; 1 for none."""
    return np.exp2(-age_seconds(last, reference) / (half_life_days * DAY_SECONDS))


def age_seconds(last: npt.NDArray[np.uint32], reference: int) -> npt.NDArray[np.float64]:
    """(n,) seconds from each moment to the reference; 0 for no moment, and for later ones."""
    moments = last.astype(np.float64)
    return np.where(moments > 0, np.maximum(reference - moments, 0), 0)
