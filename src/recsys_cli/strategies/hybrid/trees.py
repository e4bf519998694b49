"""Boosted trees as flat arrays, so that scoring candidates needs no LightGBM.

A model in LightGBM's text format comes in; scores of feature rows go out, with the bits that
LightGBM itself would give them. One user's hundred candidates take a tenth of a millisecond, and
a process that only serves is spared a library of 70 MB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

_PLAIN = ("lambdarank", "rank_xendcg", "regression")
"""Objectives whose scores are the sums of leaves, and not a function of them."""


@dataclass(frozen=True, slots=True)
class Trees:
    """T trees with N inner nodes and L leaves in all.

    A node is its row; a leaf is the complement (~) of its own, and thus negative.

    Attributes:
        roots: (T,) int32 node, or leaf of a tree that has no other.
        feature: (N,) int32 column that a node looks at.
        threshold: (N,) float64; values up to it go left.
        decision: (N,) uint8 LightGBM's flags: 2 where what is missing goes left, 4 where zero
            counts as missing, 8 where NaN does.
        left: (N,) int32 node or leaf.
        right: (N,) int32 likewise.
        values: (L,) float64 what a leaf adds.
    """

    roots: Codes
    feature: Codes
    threshold: npt.NDArray[np.float64]
    decision: npt.NDArray[np.uint8]
    left: Codes
    right: Codes
    values: npt.NDArray[np.float64]

    @classmethod
    def parse(cls, text: str, *, features: int) -> Trees:
        """Read a model in LightGBM's text format.

        Args:
            text: of `Booster.model_to_string`.
            features: columns that there are.

        Raises:
            ValueError: it is damaged, or has what rankers of ours never have.
        """
        head, *bodies = text.partition("\nend of trees")[0].split("\nTree=")
        _check_head(dict(_fields(head)))
        parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in cls.__slots__}
        nodes = leaves = 0
        for body in bodies:
            tree = _tree(dict(_fields(body)), features=features)
            of_leaf = ~leaves
            parts["roots"].append(np.array([nodes if len(tree["feature"]) else of_leaf]))
            for side in ("left", "right"):
                child = tree[side]
                tree[side] = np.where(child >= 0, child + nodes, child - leaves)
            for name, array in tree.items():
                parts[name].append(array)
            nodes += len(tree["feature"])
            leaves += len(tree["values"])
        return cls(
            **{
                name: np.concatenate([np.empty(0), *found]).astype(_TYPES[name])
                for name, found in parts.items()
            }
        )

    def predict(self, table: Floats, *, threads: int) -> npt.NDArray[np.float64]:
        """Scores (P,) of feature rows (P, F) float32, C-contiguous.

        Args:
            table: features; NaN is unknown.
            threads: threads to use; the result does not depend on it.
        """
        from recsys_cli.strategies.hybrid.tree_kernels import add_leaves

        scores = np.zeros(len(table))

        def score(span: slice) -> None:
            add_leaves(
                table[span], self.roots, self.feature, self.threshold, self.decision,
                self.left, self.right, self.values, scores[span],
            )  # fmt: skip

        if threads <= 1:
            score(slice(None))
            return scores
        from concurrent.futures import ThreadPoolExecutor

        bounds = np.linspace(0, len(table), threads + 1).astype(int)
        with ThreadPoolExecutor(threads) as pool:
            spans = [slice(a, b) for a, b in pairwise(bounds)]
            list(pool.map(score, spans))
        return scores


_TYPES: dict[str, type[np.generic]] = {
    "roots": np.int32, "feature": np.int32, "threshold": np.float64, "decision": np.uint8,
    "left": np.int32, "right": np.int32, "values": np.float64,
}  # fmt: skip


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.partition("=")
        yield name, value


def _check_head(head: dict[str, str]) -> None:
    objective = head.get("objective", "")
    if head.get("num_tree_per_iteration") != "1" or "average_output" in head:
        raise ValueError("it is not a plain sum of trees")
    if objective not in _PLAIN:
        raise ValueError(f"it was trained for {objective or 'nothing known'}, not for ranking")


def _tree(fields: dict[str, str], *, features: int) -> dict[str, npt.NDArray[Any]]:
    """One tree's arrays, its nodes and leaves counted from 0."""
    if fields.get("num_cat") != "0" or fields.get("is_linear", "0") != "0":
        raise ValueError("it has splits by category or linear leaves")
    leaves = int(fields["num_leaves"]) if fields.get("num_leaves", "").isdecimal() else 0
    tree = {
        "feature": _numbers(fields, "split_feature", np.int32, leaves - 1),
        "threshold": _numbers(fields, "threshold", np.float64, leaves - 1),
        "decision": _numbers(fields, "decision_type", np.uint8, leaves - 1),
        "left": _numbers(fields, "left_child", np.int32, leaves - 1),
        "right": _numbers(fields, "right_child", np.int32, leaves - 1),
        "values": _numbers(fields, "leaf_value", np.float64, leaves),
    }
    # Children come behind their parents, so that walking down a tree comes to an end.
    own = np.arange(leaves - 1)
    children = np.concatenate([tree["left"], tree["right"]])
    ends = (children > np.tile(own, 2)) | (children < 0)
    within = (children < leaves - 1) & (children >= -leaves)
    looked_at = (tree["feature"] >= 0) & (tree["feature"] < features)
    if not (ends.all() and within.all() and looked_at.all()):
        raise ValueError("a tree leads nowhere")
    return tree


def _numbers(fields: dict[str, str], name: str, dtype: Any, count: int) -> npt.NDArray[Any]:
    words: Sequence[str] = fields.get(name, "").split()
    if count < 0 or len(words) != count:
        raise ValueError(f"a tree has {len(words)} for {name}, not {count}")
    return np.array([float(word) for word in words]).astype(dtype)
