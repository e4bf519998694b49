"""Stand-ins for what takes hours to train at full size, so that serving can be measured there.

    python benchmarks/standins.py --workspace full --ranker-of demo

Into the workspace go two-tower vectors of the usual shape and spread, which are ALS factors and
content vectors side by side, and the ranker of a smaller workspace, which was trained on the same
features. Lists made of them are as much work as any, and worth nothing; each says what it is.
Needs als.train and usermodel of the one workspace, and hybrid.train of the other.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.store.packs import save_pack
from recsys_cli.store.workspace import Workspace

CONTENT = 87
"""Coordinates of the content vectors; with 64 factors and a bias that makes 152, as trained."""
USERS, ITEMS = (0.5, 0.06), (0.05, 0.15)
"""Root mean squares of the factors and of the content, as in two towers trained on the demo."""
ROWS = 100_000
ORIGIN = "a stand-in"


def side_by_side(
    factors: np.ndarray, content: np.ndarray, spread: tuple[float, float], last: np.ndarray
) -> np.ndarray:
    """Vectors (n, f + CONTENT + 1) of factors (n, f), content (n, d) and a last column (n,)."""
    width = factors.shape[1]
    out = np.empty((len(factors), width + CONTENT + 1), np.float32)
    scales = [
        size / np.sqrt(np.mean(np.square(part[:ROWS], dtype=np.float64)))
        for size, part in zip(spread, (factors, content[:, :CONTENT]), strict=True)
    ]
    for start in range(0, len(factors), ROWS):
        rows = slice(start, start + ROWS)
        out[rows, :width] = factors[rows] * scales[0]
        out[rows, width:-1] = content[rows, :CONTENT] * scales[1]
    out[:, -1] = last
    return out


def two_tower_vectors(artifacts: Artifacts) -> dict[str, Any]:
    als, content = artifacts.pack("als"), artifacts.pack("content")
    users, items = als["user_factors"], als["item_factors"]
    bias = np.random.default_rng(0).lognormal(-1.5, 1, len(items))
    of_users = artifacts.pack("user_vectors")["vectors"]
    return {
        "user_vectors": side_by_side(users, of_users, USERS, np.ones(len(users))),
        "item_vectors": side_by_side(items, content["vectors"], ITEMS, bias),
        "user_known": np.array(als["user_known"]),
        "item_known": np.ones(len(items), np.bool_),
        "reference": als["reference"],
        "users_fingerprint": als["users_fingerprint"],
        "items_fingerprint": als["items_fingerprint"],
        "origin": ORIGIN,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--ranker-of", type=Path, required=True, help="a smaller workspace")
    parser.add_argument("--dataset", default="hm")
    arguments = parser.parse_args()
    target, source = Workspace(arguments.workspace), Workspace(arguments.ranker_of)
    paths = [target.path(kind, arguments.dataset) for kind in ("two_tower_vectors", "ranker")]
    for path in paths:
        path.unlink(missing_ok=True)
    save_pack(paths[0], two_tower_vectors(Artifacts(target, arguments.dataset)))
    shutil.copy(source.path("ranker", arguments.dataset), paths[1])
    facts = json.loads(source.path("ranker_facts", arguments.dataset).read_text())
    to = target.path("ranker_facts", arguments.dataset)
    to.unlink(missing_ok=True)
    to.write_text(json.dumps(facts | {"origin": ORIGIN}))


if __name__ == "__main__":
    main()
