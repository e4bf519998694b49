"""What a user had, by name, as the API and `recsys recommend --history` tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from recsys_cli.build.artifacts import Artifacts


def had(artifacts: Artifacts, user: str, *, row: int, limit: int) -> dict[str, Any]:
    """At most `limit` items of the events of a user in `row`, the latest first; none of row -1."""
    pack = artifacts.pack("interactions")
    span = slice(int(pack["indptr"][row]), int(pack["indptr"][row + 1])) if row >= 0 else slice(0)
    items, last = np.asarray(pack["indices"][span]), np.asarray(pack["last"][span])
    weights = np.asarray(pack["weight"][span])
    order = np.lexsort((items, -last.astype(np.int64)))[:limit]
    ids, names = artifacts.items, artifacts.names
    return {
        "user": user,
        "dataset": artifacts.dataset,
        "total": len(items),
        "items": [
            {
                "item": ids[int(items[at])],
                "name": names[int(items[at])],
                "weight": float(str(weights[at])),
                "last": _time(int(last[at])),
            }
            for at in order
        ],
    }


def _time(seconds: int) -> str | None:
    """ISO 8601, UTC; None for 0, which stands for no time."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
