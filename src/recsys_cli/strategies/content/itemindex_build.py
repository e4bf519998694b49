"""Builds item indexes and measures what they find.

Item vectors (m, d) float32 come in, an `ItemIndex` goes out, of one of three kinds:

    exact   every item is compared; a millisecond for tens of thousands of items.
    pq      product quantisation: 4 bits for every 4 dimensions, compared in registers (André,
            Kermarrec and Le Scouarnec, TPAMI 2021), then exact products for the best k_factor · k
            items. Right for the hundreds of dimensions of content vectors.
    ivf     exact products within the nprobe nearest of about 2√m clusters. For the factors of a
            matrix factorisation, whose few dimensions leave pq and graphs too little to go by.

Recall is measured against exact search for a seeded sample of the items themselves. An index
that misses the bound tries harder, and at last gives way to an exact one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from recsys_cli.counted import counted
from recsys_cli.errors import ArtifactError, Command, ConfigError
from recsys_cli.progress import Progress, Silent
from recsys_cli.strategies.content import IndexConfig
from recsys_cli.strategies.content.itemindex import (
    SUBSPACE,
    IndexFacts,
    IndexKind,
    ItemIndex,
    Vectors,
    load_faiss,
    padded,
    threads_limited,
)

WantedKind = Literal["auto", "exact", "pq", "ivf"]

_EXACT_BELOW = 1 << 23
"""Vector entries up to which comparing all takes a millisecond or two, so that auto is exact."""
_LEAST_TO_TRAIN = 1024
"""With fewer vectors nothing can be learnt about them, nor need it be."""
_POINTS_PER_CLUSTER = 39
"""FAISS's own bound below which clusters are taken to be undertrained."""
_K_FACTORS = (64, 128, 256, 512)
"""16 would do for items themselves, but what users and searches ask for lies between items."""
_NPROBES = (64, 128, 256, 512)
_SAMPLE = 500
_RECALL_AT = 12
_TIE = 1e-6
"""Products this close are as near as each other."""


@dataclass(frozen=True, slots=True)
class _Built:
    index: Any
    kind: IndexKind
    parameters: dict[str, int]
    recall: float


def build_index(
    vectors: Vectors,
    ids: npt.ArrayLike,
    *,
    encoders: Mapping[str, str],
    items_fingerprint: str,
    kind: WantedKind = "auto",
    min_recall: float = IndexConfig().min_recall,
    seed: int = 42,
    progress: Progress | None = None,
) -> ItemIndex:
    """Index vectors; the same vectors and seed give the same index, on one thread.

    Args:
        vectors: (m, d) float32, each of an item that may be found.
        ids: (m,) the items' numbers, ascending.
        encoders: names of the encoders behind the vectors, by part.
        items_fingerprint: of the ids that the numbers stand for.
        kind: how; auto is exact where that is fast, and pq beyond.
        min_recall: recall that an approximate index must reach.
        seed: seed of training and of the sample that recall is measured on.
        progress: told what was chosen, and what was not good enough.

    Raises:
        ConfigError: there is no such kind.
        ArtifactError: vectors that are not finite.
        ValueError: ids that do not fit the vectors.
    """
    report = progress or Silent()
    if kind not in get_args(WantedKind):
        raise ConfigError(
            f"there is no index of kind {kind!r}", hint=f"one of: {', '.join(get_args(WantedKind))}"
        )
    numbers = np.asarray(ids, np.int64)
    if vectors.ndim != 2 or numbers.shape != (len(vectors),):  # noqa: PLR2004
        raise ValueError(f"{numbers.shape} ids for vectors of shape {vectors.shape}")
    if (np.diff(numbers) <= 0).any():
        raise ValueError("ids must be ascending")
    if not np.isfinite(vectors.sum(dtype=np.float64)):
        raise ArtifactError(
            "item vectors hold NaN or infinity", hint=Command("embed", "text", "--force")
        )
    with threads_limited(1):
        built = _build(
            padded(vectors), numbers, kind=kind, min_recall=min_recall, seed=seed, report=report
        )
    facts = IndexFacts(
        kind=built.kind,
        encoders=dict(encoders),
        dim=vectors.shape[1],
        vectors=len(vectors),
        items_fingerprint=items_fingerprint,
        parameters=built.parameters,
        recall=built.recall,
        recall_at=_RECALL_AT,
    )
    report.log(f"{facts.kind} index of {counted(len(vectors), 'items')}, recall {facts.recall:.4f}")
    return ItemIndex(built.index, facts)


def _build(
    vectors: Vectors,
    ids: npt.NDArray[np.int64],
    *,
    kind: WantedKind,
    min_recall: float,
    seed: int,
    report: Progress,
) -> _Built:
    if kind == "auto":
        kind = "exact" if vectors.size <= _EXACT_BELOW else "pq"
    if kind != "exact" and len(vectors) < _LEAST_TO_TRAIN:
        report.log(f"{counted(len(vectors), 'items are')} too few for a {kind} index")
        kind = "exact"
    if kind == "exact":
        return _exact(vectors, ids)
    inner = _trained(vectors, kind, seed)
    index = _with_ids(inner, vectors, ids)
    sample = _Sample.of(vectors, seed)
    knob, settings = ("k_factor", _K_FACTORS) if kind == "pq" else ("nprobe", _NPROBES)
    fixed = _fixed_parameters(inner, kind)
    for setting in settings:
        setattr(inner, knob, setting)
        recall = sample.recall(inner)
        if recall >= min_recall:
            return _Built(index, kind, fixed | {knob: setting}, recall)
        report.log(f"{kind} index: with {knob} {setting}, recall {recall:.4f} is below the bound")
    report.warn(
        f"no {kind} index of these vectors has a recall of {min_recall}, so it will be exact"
    )
    return _exact(vectors, ids)


def _exact(vectors: Vectors, ids: npt.NDArray[np.int64]) -> _Built:
    faiss = load_faiss()
    flat = faiss.IndexFlatIP(vectors.shape[1])
    return _Built(_with_ids(flat, vectors, ids), "exact", {}, 1.0)


def _with_ids(inner: Any, vectors: Vectors, ids: npt.NDArray[np.int64]) -> Any:
    faiss = load_faiss()
    index = faiss.IndexIDMap2(inner)
    index.add_with_ids(vectors, ids)
    return index


def _trained(vectors: Vectors, kind: IndexKind, seed: int) -> Any:
    faiss = load_faiss()
    m, d = vectors.shape
    if kind == "pq":
        base = faiss.IndexPQFastScan(d, d // SUBSPACE, 4, faiss.METRIC_INNER_PRODUCT)
        base.pq.cp.seed = seed
        inner = faiss.IndexRefineFlat(base)
    else:
        clusters = max(1, min(round(2 * m**0.5), m // _POINTS_PER_CLUSTER))
        inner = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, clusters, faiss.METRIC_INNER_PRODUCT)
        inner.cp.seed = seed
    inner.train(vectors)
    return inner


def _fixed_parameters(inner: Any, kind: IndexKind) -> dict[str, int]:
    if kind == "pq":
        return {"subspaces": inner.d // SUBSPACE, "bits": 4}
    return {"clusters": inner.nlist}


@dataclass(frozen=True, slots=True)
class _Sample:
    """Some of the items, and how near their true neighbours are.

    Attributes:
        rows: (s,) which.
        vectors: (s, d) theirs.
        others: (s,) how many of the nearest `_RECALL_AT` + 1 items are not the item itself, which
            need not be its own nearest where vectors differ in length.
        bar: (s,) product with the last of them.
    """

    rows: npt.NDArray[np.int64]
    vectors: Vectors
    others: npt.NDArray[np.int64]
    bar: npt.NDArray[np.float32]

    @classmethod
    def of(cls, vectors: Vectors, seed: int) -> _Sample:
        """Choose a sample and search it exactly."""
        faiss = load_faiss()
        size = min(_SAMPLE, len(vectors))
        rows = np.sort(np.random.default_rng(seed).choice(len(vectors), size, replace=False))
        queries = vectors[rows]
        products, found = faiss.knn(
            queries, vectors, _RECALL_AT + 1, metric=faiss.METRIC_INNER_PRODUCT
        )
        return cls(rows, queries, (found != rows[:, None]).sum(axis=1), products[:, -1])

    def recall(self, index: Any) -> float:
        """Share of the true neighbours, or of others as near, that `index` finds."""
        products, found = index.search(self.vectors, _RECALL_AT + 1)
        near = (products >= self.bar[:, None] - _TIE) & (found >= 0) & (found != self.rows[:, None])
        return float(np.minimum(near.sum(axis=1), self.others).sum() / self.others.sum())
