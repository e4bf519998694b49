"""Texts through latent semantic analysis (Deerwester et al. 1990), fitted on the catalogue.

TF-IDF weights of words, projected on the first right singular vectors of the corpus. It needs no
download, and words that go together in the catalogue end up near each other. Fitting uses
scikit-learn; encoding is a few lines of numpy over the fitted arrays, so that a search reads
from a memory-mapped pack just the words of its query.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.encoders.contract import Vectors, unit_rows
from recsys_cli.encoders.weights import combined_digest
from recsys_cli.store.idtable import IdTable

DEFAULT_DIM = 256
FIT_LIMIT = 50_000
"""Distinct texts to fit on; of more, evenly spaced ones are taken."""
VOCABULARY_LIMIT = 50_000
_ITERATIONS = 5
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words of `text` without accents, in order."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(char for char in plain if not unicodedata.combining(char)))


@dataclass(frozen=True)
class _Fitted:
    """The arrays that encoding needs.

    Attributes:
        vocabulary: word by row.
        idf: (v,) float32 inverse document frequencies.
        components: (v, dim) float32 right singular vectors.
    """

    vocabulary: IdTable
    idf: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each word."""
        return {word: row for row, word in enumerate(self.vocabulary.to_list())}

    @cached_property
    def digest(self) -> str:
        """Identifies the fit."""
        return combined_digest(
            {
                "vocabulary": self.vocabulary.fingerprint(),
                "0": _array_digest(self.idf),
                "1": _array_digest(self.components),
            }
        )


class LsaEncoder:
    """TF-IDF and truncated SVD.

    Args:
        dim: columns of the vectors; fewer where the corpus has fewer texts or words.
        seed: seed of the randomised SVD.
    """

    cacheable = False

    def __init__(
        self, *, dim: int = DEFAULT_DIM, seed: int = 42, fitted: _Fitted | None = None
    ) -> None:
        self._dim = dim
        self._seed = seed
        self._maybe = fitted

    @property
    def name(self) -> str:
        """Dimension asked for, and the start of the fingerprint."""
        return f"lsa:{self._dim}@{self.fingerprint[:12]}"

    @property
    def fingerprint(self) -> str:
        """Digest of what was fitted: another corpus makes another encoder."""
        return self._fitted.digest

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        return int(self._fitted.components.shape[1])

    @property
    def facts(self) -> dict[str, Any]:
        """Size of the vocabulary."""
        return {"words": len(self._maybe.vocabulary)} if self._maybe else {}

    @property
    def _fitted(self) -> _Fitted:
        if self._maybe is None:
            raise ValueError("an lsa encoder has to be fitted first: encoder.fit(all texts)")
        return self._maybe

    def fit(self, texts: Iterable[str | None]) -> LsaEncoder:
        """The encoder fitted on a corpus; the same set of texts gives the same bytes.

        Args:
            texts: one per item, in any order, with repeats; None where an item has none.
        """
        corpus = sorted({text for text in texts if text})
        if len(corpus) > FIT_LIMIT:
            places = np.linspace(0, len(corpus) - 1, FIT_LIMIT).astype(np.int64)
            corpus = [corpus[place] for place in places]
        fitted = self._fit(corpus) if any(map(words, corpus)) else _fitted_on_nothing()
        return LsaEncoder(dim=self._dim, seed=self._seed, fitted=fitted)

    def _fit(self, corpus: list[str]) -> _Fitted:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer
        from threadpoolctl import threadpool_limits

        vectorizer = TfidfVectorizer(
            analyzer=words, sublinear_tf=True, max_features=VOCABULARY_LIMIT, dtype=np.float32
        )
        # More BLAS threads sum in another order, and then the bytes differ between machines
        # with other numbers of cores.
        with threadpool_limits(1, "blas"):
            weights = vectorizer.fit_transform(corpus)
            dim = max(min(self._dim, weights.shape[0] - 1, weights.shape[1] - 1), 1)
            if weights.shape[1] > 1:
                svd = TruncatedSVD(dim, n_iter=_ITERATIONS, random_state=self._seed).fit(weights)
                components = svd.components_.T
            else:
                components = np.ones((1, 1))
        return _Fitted(
            IdTable.from_strings(vectorizer.get_feature_names_out().tolist(), search=False),
            vectorizer.idf_.astype(np.float32),
            np.ascontiguousarray(components, np.float32),
        )

    def encode(self, batch: Sequence[str]) -> Vectors:
        """(n, dim) float32 at unit length; zero for a text without a known word.

        Raises:
            ValueError: the encoder was not fitted.
        """
        fitted = self._fitted
        vectors = np.zeros((len(batch), self.dim), np.float32)
        for row, text in enumerate(batch):
            counts = Counter(
                at for word in words(text) if (at := fitted.rows.get(word)) is not None
            )
            if counts:
                # Ascending, so that equal bags of words sum to equal bits.
                known = np.array(sorted(counts), np.int64)
                weights = [1 + math.log(counts[at]) for at in known.tolist()]
                vectors[row] = (np.array(weights) * fitted.idf[known]) @ fitted.components[known]
        return unit_rows(vectors)

    def encode_queries(self, batch: Sequence[str]) -> Vectors:
        """As `encode`."""
        return self.encode(batch)

    def to_pack(self) -> dict[str, Any]:
        """The fitted arrays, as values of a pack."""
        fitted = self._fitted
        return {
            "kind": "lsa",
            "requested_dim": self._dim,
            "idf": fitted.idf,
            "components": fitted.components,
            **fitted.vocabulary.to_pack("word"),
        }

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any]) -> LsaEncoder:
        """The inverse of `to_pack`."""
        fitted = _Fitted(IdTable.from_pack(pack, "word"), pack["idf"], pack["components"])
        return cls(dim=pack["requested_dim"], fitted=fitted)


def _fitted_on_nothing() -> _Fitted:
    no_words = IdTable.from_strings([], search=False)
    return _Fitted(no_words, np.zeros(0, np.float32), np.zeros((0, 1), np.float32))


def _array_digest(array: npt.NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
