"""What a user had, by name, as the API and `recsys recommend --history` tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from recsys_cli.engine.engine import Engine


def had(engine: Engine, user: str, *, limit: int) -> dict[str, Any]:
    """At most `limit` items of a user's events, the latest first, those of the log among them."""
    artifacts, row = engine.artifacts, engine.artifacts.users.find(user)
    users = np.array([row], np.int32)
    visitors, _ = engine.visitors.of(users, [engine.since(user) or ()])
    found = engine.had.take(users) if visitors is None else visitors.had
    live = set() if visitors is None else set(visitors.later.items.tolist())
    items, last, weights = found.indices, found.last, found.weight
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
                "live": int(items[at]) in live,
            }
            for at in order
        ],
    }


def _time(seconds: int) -> str | None:
    """ISO 8601, UTC; None for 0, which stands for no time."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
