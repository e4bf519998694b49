"""Boosted trees as flat arrays, so that scoring candidates needs no LightGBM.

A model in LightGBM's text format comes in; scores of feature rows go out, with the bits that
LightGBM itself would give them. One user's hundred candidates take a tenth of a millisecond, and
a process that only serves is spared a library of 70 MB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

_LEFT, _ZERO, _NAN = 2, 4, 8
"""LightGBM's flags of a node: unknown goes left, zero is unknown, NaN is."""
_PLAIN = ("lambdarank", "rank_xendcg", "regression")
"""Objectives whose scores are the sums of leaves, and not a function of them."""


@dataclass(frozen=True, slots=True)
class Trees:
    """T trees with N nodes in all, leaves among them.

    A leaf's children are the leaf itself, so that rows may walk on while others are on their way.

    Attributes:
        roots: (T,) int32 node.
        depths: (T,) int32 steps after which every row is at its leaf.
        feature: (N,) int32 column that a node looks at; 0 for a leaf.
        threshold: (N,) float64; values up to it go left.
        unknown_left: (N,) bool whether NaN goes left.
        children: (N, 2) int32 node to the right, and to the left.
        values: (N,) float64 what a leaf adds; 0 for what is none.
    """

    roots: Codes
    depths: Codes
    feature: Codes
    threshold: npt.NDArray[np.float64]
    unknown_left: npt.NDArray[np.bool_]
    children: Codes
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
        trees = [_tree(dict(_fields(body)), features=features) for body in bodies]
        sizes = [len(tree["values"]) for tree in trees]
        roots = np.cumsum([0, *sizes])[:-1]
        for tree, root in zip(trees, roots, strict=True):
            tree["children"] = tree["children"] + root
        nothing = {name: np.empty((0, 2) if name == "children" else 0) for name in _TYPES}
        parts = [nothing, *trees]
        joined = {
            name: np.concatenate([tree[name] for tree in parts]).astype(kind)
            for name, kind in _TYPES.items()
        }
        return cls(roots=roots.astype(np.int32), **joined)

    def predict(self, table: Floats) -> npt.NDArray[np.float64]:
        """Scores (P,) of feature rows (P, F) float32, C-contiguous.

        Args:
            table: features; NaN is unknown.
        """
        from recsys_cli.strategies.hybrid.tree_kernels import add_leaves

        scores = np.zeros(len(table))
        add_leaves(
            table, self.roots, self.depths, self.feature, self.threshold, self.unknown_left,
            self.children, self.values, scores,
        )  # fmt: skip
        return scores


_TYPES: dict[str, type[np.generic]] = {
    "depths": np.int32, "feature": np.int32, "threshold": np.float64, "unknown_left": np.bool_,
    "children": np.int32, "values": np.float64,
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
    """One tree's arrays, its inner nodes and then its leaves, counted from 0."""
    if fields.get("num_cat") != "0" or fields.get("is_linear", "0") != "0":
        raise ValueError("it has splits by category or linear leaves")
    leaves = int(fields["num_leaves"]) if fields.get("num_leaves", "").isdecimal() else 0
    inner = leaves - 1
    feature = _numbers(fields, "split_feature", np.int32, inner)
    threshold = _numbers(fields, "threshold", np.float64, inner)
    decision = _numbers(fields, "decision_type", np.uint8, inner)
    values = _numbers(fields, "leaf_value", np.float64, leaves)
    children = np.stack(
        [_numbers(fields, f"{side}_child", np.int32, inner) for side in ("right", "left")], axis=1
    )
    # Children come behind their parents, so that walking down a tree comes to an end.
    ends = (children > np.arange(inner)[:, None]) | (children < 0)
    within = (children < inner) & (children >= -leaves)
    looked_at = (feature >= 0) & (feature < features)
    if not (ends.all() and within.all() and looked_at.all()):
        raise ValueError("a tree leads nowhere")
    if (decision & _ZERO).any():
        raise ValueError("it takes zero for unknown")
    # Where training saw no NaN, it counts as 0.
    unknown_left = np.where(decision & _NAN, decision & _LEFT > 0, threshold >= 0)
    # In LightGBM's text a leaf is the complement (~) of its number.
    children = np.where(children < 0, inner + ~children, children)
    stay = np.repeat(np.arange(inner, inner + leaves)[:, None], 2, axis=1)
    none = np.zeros(leaves)
    return {
        "depths": np.array([_depth(children)]),
        "feature": np.concatenate([feature, none]),
        "threshold": np.concatenate([threshold, none]),
        "unknown_left": np.concatenate([unknown_left, none]),
        "children": np.concatenate([children, stay]),
        "values": np.concatenate([np.zeros(inner), values]),
    }


def _depth(children: Codes) -> int:
    """Steps to the deepest leaf of a tree whose inner nodes have `children` (n, 2), behind them."""
    steps = np.zeros(2 * len(children) + 1, np.int32)
    for node, behind in enumerate(children):
        steps[behind] = np.maximum(steps[behind], steps[node] + 1)
    return int(steps.max())


def _numbers(fields: dict[str, str], name: str, dtype: Any, count: int) -> npt.NDArray[Any]:
    words: Sequence[str] = fields.get(name, "").split()
    if count < 0 or len(words) != count:
        raise ValueError(f"a tree has {len(words)} for {name}, not {count}")
    return np.array([float(word) for word in words]).astype(dtype)
