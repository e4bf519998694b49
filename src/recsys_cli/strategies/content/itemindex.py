"""The items nearest to a vector, by inner product, through FAISS.

An index finds the k items with the largest inner product with a query (d,) float32; vectors
need not be of one length. `itemindex_build` makes them and explains the kinds. An index is a
native FAISS file with a JSON file beside it that says what it was made of: one made with another
encoder, dimension or set of items is refused when loaded, for it would find wrong neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recsys_cli.counted import counted
from recsys_cli.errors import ArtifactError, Command
from recsys_cli.ranking.topk.lists import empty_lists
from recsys_cli.store.files import read_json, write_json

IndexKind = Literal["exact", "pq", "ivf"]

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

SUBSPACE = 4
"""Dimensions per code of a pq index; vectors are padded with zeros to a multiple of it."""

_LEAST = 12
"""Fewer neighbours are never looked for, since pq would leave too few to choose from."""
_REBUILD = Command("index", "--force")


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What an index is and was made of; the JSON file beside it.

    Attributes:
        kind: exact, pq or ivf.
        encoders: names of the encoders behind the vectors, by part.
        dim: dimension of the vectors.
        vectors: number of vectors.
        items_fingerprint: of the ids that the numbers in the index stand for.
        parameters: those of the kind.
        recall: share of the true nearest items found, of `recall_at` each for a sample; one as
            near as the last of them counts.
        recall_at: depth of that measurement.
        metric: always the inner product.
    """

    kind: IndexKind
    encoders: dict[str, str]
    dim: int
    vectors: int
    items_fingerprint: str
    parameters: dict[str, int]
    recall: float
    recall_at: int
    metric: str = "inner product"


class ItemIndex:
    """A FAISS index over items that are known by number."""

    def __init__(self, index: Any, facts: IndexFacts) -> None:
        """Wrap an `IndexIDMap2`; see `build_index` and `load_index`."""
        faiss = load_faiss()
        self._index = index
        self._inner = faiss.downcast_index(index.index)
        self._ids = faiss.vector_to_array(index.id_map)
        self.facts = facts

    def __len__(self) -> int:
        return self.facts.vectors

    def search(
        self,
        queries: Vectors,
        *,
        k: int,
        skip: npt.ArrayLike | None = None,
        allow: Mask | None = None,
        threads: int = 1,
    ) -> tuple[Ids, Vectors]:
        """The k items nearest to each query.

        Args:
            queries: (n, d) float32.
            k: list length.
            skip: (n,) item that each query must not find, such as the one it came from; -1 for
                none.
            allow: mask over item numbers of what may be found; searched exactly. None means all.
            threads: OpenMP threads; one query gains nothing from more than one.

        Returns:
            items (n, k) int32 padded with -1, scores (n, k) float32 padded with NaN; by score
            descending, ties by the lower number.

        Raises:
            ValueError: shapes that do not fit.
        """
        if queries.ndim != 2 or queries.shape[1] != self.facts.dim:  # noqa: PLR2004
            raise ValueError(f"queries of shape {queries.shape}, not (n, {self.facts.dim})")
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        asked = min(max(k + (skip is not None), _LEAST), len(self))
        items, scores = empty_lists(len(queries), k)
        if not asked or not len(queries):
            return items, scores
        with threads_limited(threads):
            found, products = self._found(padded(queries), asked, allow)
        if skip is not None:
            found = np.where(found == np.asarray(skip, np.int64)[:, None], -1, found)
        products = np.where(found < 0, -np.inf, products)
        order = np.lexsort((found, -products), axis=1)[:, :k]
        best = np.take_along_axis(found, order, axis=1)
        there = best >= 0
        items[:, : best.shape[1]][there] = best[there]
        scores[:, : best.shape[1]][there] = np.take_along_axis(products, order, axis=1)[there]
        return items, scores

    def _found(
        self, queries: Vectors, k: int, allow: Mask | None
    ) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Numbers (n, k), -1 for none, and inner products (n, k)."""
        if allow is None:
            products, found = self._index.search(queries, k)
            return found, products
        faiss = load_faiss()
        allowed = np.packbits(allow[self._ids], bitorder="little")
        selector = faiss.IDSelectorBitmap(len(self), faiss.swig_ptr(allowed))
        if self.facts.kind == "ivf":
            exact = self._inner
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=exact.nlist)
        else:
            exact, parameters = self._flat, faiss.SearchParameters(sel=selector)
        products, places = exact.search(queries, k, params=parameters)
        return np.where(places >= 0, self._ids[places], -1), products

    @property
    def _flat(self) -> Any:
        """The vectors themselves, of an exact or pq index."""
        faiss = load_faiss()
        inner = self._inner
        return faiss.downcast_index(inner.refine_index) if self.facts.kind == "pq" else inner

    def vector(self, item: int) -> Vectors:
        """(d,) float32, the vector of an item, of an exact or pq index.

        Raises:
            KeyError: the item is not in the index.
        """
        place = int(np.searchsorted(self._ids, item))
        if place == len(self._ids) or self._ids[place] != item:
            raise KeyError(item)
        vector: Vectors = self._flat.reconstruct(place)[: self.facts.dim]
        return vector

    def save(self, path: Path, facts_path: Path | None = None) -> None:
        """Write the index to `path`, and its facts as JSON beside it."""
        faiss = load_faiss()
        faiss.write_index(self._index, str(path))
        write_json(facts_path or path.with_suffix(".json"), asdict(self.facts))


def load_index(
    path: Path,
    *,
    encoders: Mapping[str, str],
    dim: int,
    items_fingerprint: str,
    facts_path: Path | None = None,
) -> ItemIndex:
    """Read an index that was made for these vectors.

    Args:
        path: the FAISS file.
        encoders: names of the encoders behind the items' vectors, by part.
        dim: dimension of the items' vectors.
        items_fingerprint: of the ids that the numbers in the index must stand for.
        facts_path: the JSON file, where it is not `path` with another suffix.

    Raises:
        ArtifactError: it is missing, damaged, or was made with another encoder, dimension or set
            of items.
    """
    faiss = load_faiss()
    facts = _facts(path, facts_path or path.with_suffix(".json"))
    if facts.encoders != dict(encoders):
        raise _refused(
            path,
            f"was made with {_names(facts.encoders)}, but the items' vectors with"
            f" {_names(encoders)}",
        )
    if facts.dim != dim:
        held = counted(facts.dim, "dimensions")
        raise _refused(path, f"holds {held}, but the items' vectors have {dim}")
    if facts.items_fingerprint != items_fingerprint:
        raise _refused(path, "was made for other items than there are now")
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise _refused(path, "is damaged or not an index") from error
    if not isinstance(index, faiss.IndexIDMap2) or index.ntotal != facts.vectors:
        raise _refused(path, "is not the index that is described beside it")
    return ItemIndex(index, facts)


def _facts(path: Path, facts_path: Path) -> IndexFacts:
    if not path.exists() or not facts_path.exists():
        missing = path if not path.exists() else facts_path
        raise ArtifactError(f"{missing} does not exist", hint=Command("index"))
    stored = read_json(facts_path)
    try:
        return IndexFacts(**stored)
    except TypeError as error:
        raise _refused(facts_path, "does not describe an index") from error


def _refused(path: Path, why: str) -> ArtifactError:
    return ArtifactError(f"{path.name} {why}", hint=_REBUILD)


def _names(encoders: Mapping[str, str]) -> str:
    return " and ".join(f"{encoders[part]} ({part})" for part in sorted(encoders)) or "no encoder"


def load_faiss() -> Any:
    """The module, untyped, for its type hints know a part of it only."""
    import faiss

    return faiss


def padded(vectors: Vectors) -> Vectors:
    """`vectors` (n, d) with columns of zeros up to a multiple of `SUBSPACE`; a copy if need be."""
    missing = -vectors.shape[1] % SUBSPACE
    if missing:
        vectors = np.pad(vectors, ((0, 0), (0, missing)))
    return np.ascontiguousarray(vectors, np.float32)


@contextmanager
def threads_limited(threads: int) -> Iterator[None]:
    """Run FAISS on so many threads.

    On a busy machine OpenMP threads that wait for each other take tens of times longer.
    """
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(max(threads, 1))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
