"""The items of several datasets side by side, for one index over all of them.

Embeddings of each dataset come in; fused vectors of all items that have any go out, with a table
that says which dataset and row stands behind each number. The embeddings are joined before they
are fused, so that an item means the same whichever dataset it is from: where only one dataset
has pictures, the items of the others are items without a picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.errors import ArtifactError, Command
from recsys_cli.store.packs import Packed
from recsys_cli.strategies.content.fusion import (
    IMAGE,
    TEXT,
    ContentSpace,
    ContentVectors,
    Vectors,
    fuse,
)

Embeddings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SourceRows(Packed):
    """What the numbers in an index over all sources stand for, and how its vectors are laid out.

    Attributes:
        datasets: names, in the order of their codes.
        dataset: (m,) uint8 code of each number's dataset, ascending.
        row: (m,) int32 item row in that dataset, ascending within a dataset.
        items_fingerprint: of all datasets' ids together.
        space: layout of the vectors.
    """

    datasets: list[str]
    dataset: npt.NDArray[np.uint8]
    row: npt.NDArray[np.int32]
    items_fingerprint: str
    space: ContentSpace

    @classmethod
    def empty(cls) -> SourceRows:
        """Where no item of any dataset has a text or picture."""
        none = np.zeros(0, np.uint8), np.zeros(0, np.int32)
        return cls([], *none, sources_fingerprint({}), ContentSpace.empty())

    def number(self, dataset: str, row: int) -> int:
        """The number of an item, or -1 where it has no vector or there is no such dataset."""
        if dataset not in self.datasets:
            return -1
        code = np.uint8(self.datasets.index(dataset))
        first = int(np.searchsorted(self.dataset, code, "left"))
        last = int(np.searchsorted(self.dataset, code, "right"))
        at = first + int(np.searchsorted(self.row[first:last], row))
        return at if at < last and self.row[at] == row else -1

    def only(self, dataset: str) -> npt.NDArray[np.bool_]:
        """(m,) mask of one dataset's items, to filter a search with."""
        code = self.datasets.index(dataset) if dataset in self.datasets else len(self.datasets)
        mask: npt.NDArray[np.bool_] = np.asarray(self.dataset) == code
        return mask


def fuse_sources(
    text: Embeddings,
    image: Embeddings,
    *,
    text_weight: float = 0.5,
    image_weight: float = 0.5,
) -> tuple[Vectors, SourceRows]:
    """Fused vectors of all datasets' items that have any.

    Args:
        text: the text_embeddings artifacts there are, by dataset.
        image: the image_embeddings artifacts there are, by dataset.
        text_weight: as for `fuse`.
        image_weight: as for `fuse`.

    Returns:
        vectors (m, d) float32, whose rows are the numbers in the index, and what they stand for.

    Raises:
        ArtifactError: as for `fuse`, or datasets whose encoders differ.
    """
    sizes = {
        name: len(pack["has"]) for packs in (text, image) for name, pack in sorted(packs.items())
    }
    datasets = tuple(sorted(sizes))
    fingerprint = _fingerprint(datasets, text, image)
    content = fuse(
        _joined(text, datasets, sizes, what=TEXT),
        _joined(image, datasets, sizes, what=IMAGE),
        text_weight=text_weight,
        image_weight=image_weight,
    )
    return _compact(content, datasets, sizes, fingerprint)


def _joined(
    packs: Embeddings, datasets: tuple[str, ...], sizes: Mapping[str, int], *, what: str
) -> dict[str, Any] | None:
    """The packs as one, datasets in order; those without one have no vectors."""
    if not packs:
        return None
    made = {(str(pack["encoder"]), int(pack["dim"])) for pack in packs.values()}
    if len(made) > 1:
        shown = " and ".join(f"{name} with {packs[name]['encoder']}" for name in sorted(packs))
        raise ArtifactError(
            f"the {what} embeddings differ: {shown}",
            hint=Command("embed", what),
        )
    ((encoder, dim),) = made
    vectors = np.zeros((sum(sizes.values()), dim), np.float32)
    has = np.zeros(len(vectors), np.bool_)
    start = 0
    for name in datasets:
        stop = start + sizes[name]
        if name in packs:
            vectors[start:stop], has[start:stop] = packs[name]["vectors"], packs[name]["has"]
        start = stop
    # What the joined rows stand for is `_fingerprint`'s to say, once for both parts.
    return {"vectors": vectors, "has": has, "encoder": encoder, "items_fingerprint": ""}


def _compact(
    content: ContentVectors, datasets: tuple[str, ...], sizes: Mapping[str, int], fingerprint: str
) -> tuple[Vectors, SourceRows]:
    counts = [sizes[name] for name in datasets]
    dataset = np.repeat(np.arange(len(datasets), dtype=np.uint8), counts)
    row = np.concatenate([np.arange(n, dtype=np.int32) for n in counts])
    has = content.has
    rows = SourceRows(list(datasets), dataset[has], row[has], fingerprint, content.space)
    return content.vectors[has], rows


def _fingerprint(datasets: tuple[str, ...], text: Embeddings, image: Embeddings) -> str:
    found: dict[str, str] = {}
    for name in datasets:
        known = {str(packs[name]["items_fingerprint"]) for packs in (text, image) if name in packs}
        if len(known) > 1:
            raise ArtifactError(
                f"text and image embeddings of {name} were made for different items",
                hint=(Command("embed", "text"), " && ", Command("embed", "image")),
            )
        found[name] = known.pop()
    return sources_fingerprint(found)


def sources_fingerprint(fingerprints: Mapping[str, str]) -> str:
    """One fingerprint of the items of several datasets, from each one's by name."""
    digest = hashlib.sha256()
    for name in sorted(fingerprints):
        digest.update(f"{name}\n{fingerprints[name]}\n".encode())
    return digest.hexdigest()
