"""Words of a search that are values of catalogue columns: "red", "men", "striped".

Meaning by vectors likes an item for much of what a query says; that it is *not* red costs it
little. So the words that columns have are heard on their own. The items table comes in, once; of a
query each such word, the values that it stands for, and how well each item has it:

    score     cosine + 0.4 · heard / words · Σ_t idf_t · has_t(item) / Σ_t idf_t
    heard     words t of the query that stand for a word of any value, of all its words
    idf_t     log(items / items that have t at all), as in retrieval (Spärck Jones 1972)
    has_t     how surely t stands for a word of the value that the item has, times 0.2 + 0.8 · the
              share of the value's words that the query says, the best over the item's values:
              "light blue" is Light Blue before Blue, and "red" is Red before Dark Red

Words are the same by their stems (Porter 1980, as Snowball has it), else by being spelt nearly so,
else by the encoder of the items' texts, which knows that jeans are denim.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import IMAGE, ITEM, NAME
from recsys_cli.ranking.vectors import Vectors

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.build.artifacts import Artifacts

WEIGHT = 0.4
"""What all that is heard counts, beside a cosine."""
_OF_VALUE = 0.8
"""How much of what a word counts depends on the rest of the value that it is of."""
_ITEMS_PER_VALUE = 3
"""A column whose values are of fewer items on average describes items, and does not group them."""
_MOST_VALUES = 20_000
_LETTERS, _MOSTLY = r"\p{L}\p{L}", 0.9
_MOST_ITEMS = 0.6
"""A word that more of the items have tells them apart too little."""
_MOST_WORDS = 32
"""Words of a query that are listened to."""
_SPELT, _LEAST_SPELT = 0.8, 4
_MEANT = 0.8
"""Cosine from which on a word stands for another, and how alike words are spelt that do."""
_MOST_ENCODED = 5000
"""Words that an encoder is asked about; where columns have more, letters alone tell."""
_TOLD = 3
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_PARTS = re.compile(r"[|/;,&+]")

Encode = Callable[[Sequence[str]], Vectors]
"""Texts (n) to vectors (n, d) float32, zero for those that cannot be placed."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column.

    Attributes:
        name: of the column.
        values: its different values.
        codes: (n_items,) the value of each item; `len(values)` for none.
        counts: (values + 1,) items of each.
        parts: of the values, the stems of their words.
        where: by stem, the parts that have it, each with the value (code) that it is of.
    """

    name: str
    values: list[str]
    codes: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    parts: list[list[str]]
    where: dict[str, list[tuple[int, int]]]

    def has(self, stems: Mapping[str, float], said: set[str]) -> Vectors:
        """(values + 1,) how well each value has a word, and none has it.

        Args:
            stems: what the word stands for, and how well.
            said: all that the query says.
        """
        found = np.zeros(len(self.values) + 1, np.float32)
        for stem, how in stems.items():
            for at, code in self.where.get(stem, ()):
                part = self.parts[at]
                share = sum(other in said for other in part) / len(part)
                found[code] = max(found[code], how * (1 - _OF_VALUE + _OF_VALUE * share))
        return found


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a query.

    Attributes:
        share: (n_items,) float32 how well each item has it, from 0 to 1.
        columns: that were looked at.
        has: by word of the query, how well each value of each column has it.
    """

    share: Vectors
    columns: Sequence[_Column]
    has: Mapping[str, Sequence[Vectors]]

    @property
    def words(self) -> dict[str, list[str]]:
        """By word, the values that it stands for, those that have it best, and of most items."""
        told = {}
        for word, of_columns in self.has.items():
            found = [
                (
                    -float(has[code]),
                    -int(column.counts[code]),
                    f"{column.name}={column.values[code]}",
                )
                for column, has in zip(self.columns, of_columns, strict=True)
                for code in np.flatnonzero(has).tolist()
            ]
            told[word] = [text for *_, text in sorted(found)[:_TOLD]]
        return told

    def of(self, row: int) -> list[str]:
        """The values of an item that have a word of the query, one for each word."""
        found: dict[str, None] = {}
        for of_columns in self.has.values():
            codes = [int(column.codes[row]) for column in self.columns]
            how = [float(has[code]) for has, code in zip(of_columns, codes, strict=True)]
            best = int(np.argmax(how))
            if how[best] > 0:
                column = self.columns[best]
                found[f"{column.name}={column.values[codes[best]]}"] = None
        return list(found)


class Attributes:
    """The words of one dataset's catalogue columns."""

    def __init__(self, columns: Mapping[str, pl.Series]) -> None:
        """Read columns of the items table that group items, each (n_items,)."""
        self._columns = [_read(name, values) for name, values in columns.items()]
        self._directions: Vectors | None = None

    @classmethod
    def of(cls, artifacts: Artifacts) -> Attributes:
        """Those of a dataset."""
        left_out = {ITEM, NAME, IMAGE, "source", artifacts.spec.variant_column}
        known = artifacts.spec.category_columns
        asked = [name for name in artifacts.item_columns if name not in left_out]
        table = artifacts.item_table(asked)
        return cls({c.name: c for c in table if _groups(c, at_all=c.name in known)})

    def heard(self, query: str, encode: Encode | None = None) -> Heard | None:
        """What a query says of columns; None where that is nothing.

        Args:
            query: words.
            encode: the encoder of the items' texts, always the same one; None hears words by their
                letters alone.
        """
        words = {_stem(word): word for word in _words(query)[:_MOST_WORDS]}
        stands = self._stand_for(words, encode)
        said = {stem for stems in stands.values() for stem in stems}
        total: Vectors = np.zeros(0, np.float32)
        weights, has = 0.0, dict[str, list[Vectors]]()
        for word, stems in stands.items():
            of_columns = [column.has(stems, said) for column in self._columns]
            best = np.maximum.reduce(
                [of[column.codes] for of, column in zip(of_columns, self._columns, strict=True)]
            )
            many = int(np.count_nonzero(best))
            if not 0 < many <= _MOST_ITEMS * len(best):
                continue
            idf = np.float32(np.log(len(best) / many))
            total = idf * best if not len(total) else total + idf * best
            weights += float(idf)
            has[word] = of_columns
        if not has:
            return None
        share = total * np.float32(len(has) / len(words) / weights)
        return Heard(share, self._columns, has)

    @cached_property
    def _vocabulary(self) -> dict[str, str]:
        """By stem, a word that has it as it is written."""
        values = (value for column in self._columns for value in column.values)
        return {_stem(word): word for value in values for word in _words(value)}

    def _stand_for(
        self, words: Mapping[str, str], encode: Encode | None
    ) -> dict[str, dict[str, float]]:
        """By word of the query, the stems of the vocabulary that it stands for, and how well."""
        stands: dict[str, dict[str, float]] = {}
        known = self._vocabulary
        for stem, word in words.items():
            if stem in known:
                stands[word] = {stem: 1.0}
            else:
                stands[word] = dict.fromkeys(self._spelt(stem), _MEANT)
        unheard = [word for word, stems in stands.items() if not stems]
        if unheard and 0 < len(known) <= _MOST_ENCODED and encode is not None:
            stems = list(known)
            if self._directions is None:
                self._directions = _unit(encode(list(known.values())))
            near = _unit(encode(unheard)) @ self._directions.T
            for word, cosines in zip(unheard, near, strict=True):
                found = np.flatnonzero(cosines >= _MEANT)
                stands[word] = {stems[at]: float(cosines[at]) for at in found}
        return {word: stems for word, stems in stands.items() if stems}

    def _spelt(self, stem: str) -> list[str]:
        """The stems that one is nearly spelt as."""
        if len(stem) < _LEAST_SPELT:
            return []
        alike = [
            known
            for known in self._vocabulary
            if known[0] == stem[0] and abs(len(known) - len(stem)) <= 1
        ]
        return difflib.get_close_matches(stem, alike, n=_TOLD, cutoff=_SPELT)


def _groups(values: pl.Series, *, at_all: bool) -> bool:
    """Whether a column's values are words that several items share.

    Args:
        values: the column.
        at_all: whether it is known to be a category, however many values it has.
    """
    import polars as pl

    if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return False
    different = values.cast(pl.String).drop_nulls().unique()
    many = len(different)
    if not 2 <= many <= _MOST_VALUES or not (at_all or len(values) >= _ITEMS_PER_VALUE * many):  # noqa: PLR2004
        return False
    return different.str.contains(_LETTERS).sum() > _MOSTLY * many


def _read(name: str, values: pl.Series) -> _Column:
    import polars as pl

    texts = values.cast(pl.String)
    different = texts.drop_nulls().unique().sort()
    codes = texts.rank("dense").fill_null(len(different) + 1).cast(pl.Int64).to_numpy() - 1
    counts = np.bincount(codes, minlength=len(different) + 1)
    parts: list[list[str]] = []
    where: dict[str, list[tuple[int, int]]] = {}
    for code, value in enumerate(different):
        for part in _PARTS.split(value):
            stems = list(map(_stem, _words(part)))
            for stem in stems:
                where.setdefault(stem, []).append((len(parts), code))
            parts.append(stems)
    return _Column(name, different.to_list(), codes, counts, parts, where)


def _words(text: str) -> list[str]:
    """The words of a text in lower case, each once, in order; digits are none."""
    found = (match.lower().replace("’", "'") for match in _WORD.findall(text))
    return list(dict.fromkeys(found))


@lru_cache(1 << 16)
def _stem(word: str) -> str:
    stemmed: str = _stemmer().stemWord(word)
    return stemmed


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, np.where(norms > 0, norms, 1), dtype=np.float32)
