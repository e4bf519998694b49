"""One vector per item from its text and its picture: inner products are weighted cosines.

Text and image embeddings (n_items, d_t) and (n_items, d_m) come in, one vector per item goes out.
With t and m the embeddings at unit length and w_t + w_m = 1,

    v = [√w_t · t, √w_m · m]     so that     v_i · v_j = w_t cos(t_i, t_j) + w_m cos(m_i, m_j)

An item that lacks a part gets the mean of that part over all items that have it, not brought to
unit length. Its product with item j then holds, in place of the cosine that nobody knows, the
mean of j's cosines with everybody: the best guess without having seen the part. The two obvious
alternatives both favour one kind of item. Zeros count the unknown cosine as 0, which buries an
item without a picture below all that have one, since cosines between pictures are mostly well
above 0. Stretching the one part to unit length multiplies its cosine by 1/√w_t in searches by
text, which puts items without a picture in front of better ones that have one. The price of the
mean is that |v|² = w_t + w_m |mean|² for such an item: its product with itself is below 1, the
highest score it can have with another item like it. Items without any part have zero vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.errors import ArtifactError, Command, ConfigError
from recsys_cli.store.packs import Packed

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

TEXT, IMAGE = "text", "image"

_ROWS = 8192
"""Rows worked on at a time, which bounds the temporaries to tens of MB."""


@dataclass(frozen=True, slots=True)
class ContentSpace(Packed):
    """How fused vectors are laid out, which is what a query needs to know.

    Attributes:
        text_dim: columns of the text part, which come first; 0 where texts play no role.
        image_dim: columns of the image part; 0 where pictures play no role.
        text_weight: w_t; 0 where `text_dim` is.
        image_weight: w_m; 0 where `image_dim` is.
        encoders: name of the encoder of each part that plays a role, by "text" and "image".
    """

    text_dim: int
    image_dim: int
    text_weight: float
    image_weight: float
    encoders: dict[str, str]

    @classmethod
    def empty(cls) -> ContentSpace:
        """Where no item has a text or picture."""
        return cls(0, 0, 0.0, 0.0, {})

    @property
    def dim(self) -> int:
        """Dimension of the fused vectors."""
        return self.text_dim + self.image_dim

    def query_vector(self, *, text: Vectors | None = None, image: Vectors | None = None) -> Vectors:
        """What to search the items with, (dim,) float32.

        Its product with an item is the mean of the cosines of the parts given, weighted by w_t
        and w_m: with a text alone the cosine of the texts, whatever the weights. To search
        pictures by words, give the embedding of the words by the image encoder's text tower as
        `image`, besides the text encoder's as `text` or alone.

        Args:
            text: (text_dim,) embedding of a text, of any length above 0.
            image: (image_dim,) embedding in the space of the pictures.

        Raises:
            ArtifactError: nothing given plays a role in the items' vectors.
            ValueError: a dimension that does not fit, or an embedding of zeros.
        """
        query = np.zeros(self.dim, np.float32)
        weight = 0.0
        for part, where, share in (
            (text, slice(0, self.text_dim), self.text_weight),
            (image, slice(self.text_dim, None), self.image_weight),
        ):
            if part is not None and share > 0:
                query[where] = np.sqrt(share) * _unit(part, len(query[where]))
                weight += share
        if not weight:
            given = [name for name, part in ((TEXT, text), (IMAGE, image)) if part is not None]
            raise ArtifactError(
                f"the items' vectors have no {' or '.join(given) or 'such'} part to search in",
                hint=(Command("embed", given[0] if given else TEXT), " && ", Command("index")),
            )
        return query / np.float32(weight)


@dataclass(frozen=True, slots=True)
class ContentVectors(Packed):
    """Fused item vectors, and what they were made of.

    Attributes:
        vectors: (n_items, dim) float32, at most of unit length.
        has_text: (n_items,) whether the text part is the item's own.
        has_image: (n_items,) whether the image part is the item's own.
        items_fingerprint: of the ids that the rows stand for.
        space: layout of the vectors.
    """

    vectors: Vectors
    has_text: Mask
    has_image: Mask
    items_fingerprint: str
    space: ContentSpace

    @property
    def has(self) -> Mask:
        """(n_items,) items with a vector."""
        return self.has_text | self.has_image


def fuse(
    text: Mapping[str, Any] | None,
    image: Mapping[str, Any] | None,
    *,
    text_weight: float = 0.5,
    image_weight: float = 0.5,
    settled: int | None = None,
) -> ContentVectors:
    """Join the embeddings of one dataset's items.

    A part plays no role where its pack is missing, holds no vector or has weight 0; the weight
    of the other is then 1. Embeddings may be float16 and need not be normalised.

    Args:
        text: the text_embeddings artifact.
        image: the image_embeddings artifact.
        text_weight: how much texts count; only the ratio of the weights matters.
        image_weight: how much pictures count.
        settled: the first items, whose mean stands for a part that an item lacks; None for all.

    Raises:
        ConfigError: a negative weight, or nothing left with a weight above 0.
        ArtifactError: there are no embeddings, they are of different items, or not finite.
    """
    if min(text_weight, image_weight) < 0:
        raise ConfigError("content.text_weight and content.image_weight must be at least 0")
    packs = {TEXT: text, IMAGE: image}
    there = {name: pack for name, pack in packs.items() if pack is not None and pack["has"].any()}
    n_items, fingerprint = _common_items(packs)
    if not there:
        raise ArtifactError("no item has a text or image embedding", hint=Command("embed", "text"))
    wanted = {TEXT: text_weight, IMAGE: image_weight}
    weights = {name: wanted[name] for name in there if wanted[name] > 0}
    if not weights:
        raise ConfigError(
            f"items have {' and '.join(there)} embeddings only, which have weight 0",
            hint="set content.text_weight or content.image_weight above 0",
        )
    total = sum(weights.values())
    dims = {name: int(there[name]["vectors"].shape[1]) for name in weights}
    has = {
        name: np.asarray(there[name]["has"]) if name in weights else np.zeros(n_items, np.bool_)
        for name in packs
    }
    vectors = np.zeros((n_items, sum(dims.values())), np.float32)
    start = 0
    for name, weight in weights.items():
        part = vectors[:, start : start + dims[name]]
        _fill(part, there[name]["vectors"], has[name], np.sqrt(weight / total), what=name)
        known = has[name] & (np.arange(n_items) < (n_items if settled is None else settled))
        mean = _mean(part, known if known.any() else has[name])
        part[~has[name] & (has[TEXT] | has[IMAGE])] = mean
        start += dims[name]
    return ContentVectors(
        vectors=vectors,
        has_text=has[TEXT],
        has_image=has[IMAGE],
        space=ContentSpace(
            text_dim=dims.get(TEXT, 0),
            image_dim=dims.get(IMAGE, 0),
            text_weight=weights.get(TEXT, 0.0) / total,
            image_weight=weights.get(IMAGE, 0.0) / total,
            encoders={name: str(there[name]["encoder"]) for name in weights},
        ),
        items_fingerprint=fingerprint,
    )


def _common_items(packs: Mapping[str, Mapping[str, Any] | None]) -> tuple[int, str]:
    """Number and fingerprint of the items, which all packs must share."""
    known = {
        (len(pack["has"]), str(pack["items_fingerprint"]))
        for pack in packs.values()
        if pack is not None
    }
    if len(known) > 1:
        raise ArtifactError(
            "text and image embeddings were made for different items",
            hint=(Command("embed", "text"), " && ", Command("embed", "image")),
        )
    return next(iter(known), (0, ""))


def _fill(part: Vectors, vectors: npt.NDArray[Any], has: Mask, length: float, *, what: str) -> None:
    """Put the rows of `vectors` that `has` into `part`, each brought to `length`."""
    for start in range(0, len(part), _ROWS):
        rows = start + np.flatnonzero(has[start : start + _ROWS])
        block = vectors[rows].astype(np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", block, block))
        wrong = rows[~(np.isfinite(norms) & (norms > 0))]
        if len(wrong):
            raise ArtifactError(
                f"the {what} embedding of item row {wrong[0]} is zero or not finite",
                hint=Command("embed", what, "--force"),
            )
        part[rows] = block * (length / norms)[:, None]


def _mean(part: Vectors, has: Mask) -> npt.NDArray[np.float64]:
    total = np.zeros(part.shape[1])
    for start in range(0, len(part), _ROWS):
        block = part[start : start + _ROWS]
        total += block[has[start : start + _ROWS]].sum(axis=0, dtype=np.float64)
    return total / int(has.sum())


def _unit(vector: Vectors, dim: int) -> npt.NDArray[np.float64]:
    if vector.shape != (dim,):
        raise ValueError(f"a query part has shape {vector.shape}, not ({dim},)")
    wide = vector.astype(np.float64)
    norm = float(np.sqrt(wide @ wide))
    if not (np.isfinite(norm) and norm > 0):
        raise ValueError("a query part is zero or not finite")
    unit: npt.NDArray[np.float64] = wide / norm
    return unit
