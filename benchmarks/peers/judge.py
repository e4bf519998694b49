"""NDCG, MAP and recall of everybody's lists by ranx, which none of them has a part in.

python judge.py FOLDER LIBRARY…
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

# Compiling takes longer than computing.
os.environ["NUMBA_DISABLE_JIT"] = "1"

import numpy as np
import ranx
from worker import Work


def judge(work: Work) -> dict[str, tuple[float, float]]:
    """The mean over users of each metric, and half the width of its 95% interval."""
    known, lists = work.known_users, work.lists()
    truth: dict[str, dict[str, int]] = {}
    for user, item in zip(work.load("test_users"), work.load("test_items"), strict=True):
        truth.setdefault(str(user), {})[str(item)] = 1
    shown = {}
    for user in truth:
        items = lists[np.searchsorted(known, int(user))]
        # A list may not be empty, so an item that is never relevant stands at its end.
        ids = [str(item) for item in items if item >= 0] + ["none"]
        shown[user] = {item: float(len(ids) - rank) for rank, item in enumerate(ids)}
    metrics = [f"{name}@{work.k}" for name in ("ndcg", "map", "recall")]
    values = ranx.evaluate(ranx.Qrels(truth), ranx.Run(shown), metrics, return_mean=False)
    return {
        name: (float(each.mean()), float(1.96 * each.std() / np.sqrt(len(each))))
        for name, each in values.items()
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print(json.dumps({library: judge(Work(folder, library)) for library in sys.argv[2:]}))
