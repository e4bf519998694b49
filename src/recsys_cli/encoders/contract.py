"""What an encoder is, and what embedding a catalogue gives.

An encoder turns inputs into unit vectors, so that an inner product is a cosine. Making one costs
nothing: weights are read when the first vector is asked for, so that a run that finds everything
in the cache never imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from recsys_cli.errors import ArtifactError, Command, TrainingError

if TYPE_CHECKING:
    from PIL.Image import Image

Vectors = npt.NDArray[np.float32]
Picture = npt.NDArray[np.generic]


class Encoder(Protocol):
    """What text and image encoders share."""

    @property
    def name(self) -> str:
        """The string from recsys.toml, `@` and the start of the fingerprint.

        Vectors of encoders with different names must not be compared.
        """

    @property
    def fingerprint(self) -> str:
        """Hex digest of all that decides the vectors, such as the weights; needs no torch."""

    @property
    def dim(self) -> int:
        """Columns of the vectors; may have to load the model."""

    @property
    def facts(self) -> dict[str, Any]:
        """What is worth recording about how it ran: precision, device; empty before."""


@runtime_checkable
class TextEncoder(Encoder, Protocol):
    """Texts to vectors."""

    @property
    def cacheable(self) -> bool:
        """Whether vectors are worth keeping: not for encoders fitted anew on each catalogue."""

    def fit(self, texts: Iterable[str | None]) -> TextEncoder:
        """This encoder made ready for a corpus; itself where there is nothing to fit."""

    def encode(self, batch: Sequence[str]) -> Vectors:
        """(n, dim) float32, rows at unit length, or zero for a text it can't place."""

    def encode_queries(self, batch: Sequence[str]) -> Vectors:
        """As `encode`, for what a user typed; differs for models trained on both roles."""

    def to_pack(self) -> dict[str, Any]:
        """What `load_text_encoder(fitted=…)` needs to bring `fit`'s result back; may be {}."""


class Prepare(Protocol):
    """Picklable first step of an image encoder, which worker processes run."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height below which a picture need not be decoded."""

    def __call__(self, image: Image) -> Picture:
        """One RGB image as an array of a fixed shape."""


@runtime_checkable
class ImageEncoder(Encoder, Protocol):
    """Pictures to vectors, in two steps: prepare (in workers) and encode (in batches)."""

    @property
    def prepare(self) -> Prepare:
        """The first step; may have to load the model."""

    def encode(self, batch: Sequence[Picture]) -> Vectors:
        """(n, dim) float32, rows at unit length, from prepared pictures."""


@runtime_checkable
class TextTower(Protocol):
    """An image encoder that puts texts into the same space."""

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, rows at unit length."""


class Skipped(NamedTuple):
    """A picture that could not be used."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors by row.

    Attributes:
        vectors: (n, dim) float32, rows at unit length, zero where there is none.
        has: (n,) bool, which rows have a vector.
        encoded: distinct inputs that went through the encoder in this run.
        reused: distinct inputs whose vectors were there already.
        skipped: pictures that could not be used, in row order, each file once.
    """

    vectors: Vectors
    has: npt.NDArray[np.bool_]
    encoded: int
    reused: int
    skipped: tuple[Skipped, ...] = ()

    def to_pack(self, *, encoder: str, items_fingerprint: str) -> dict[str, Any]:
        """As the artifact text_embeddings_<d> or image_embeddings_<d>."""
        return {
            "vectors": self.vectors,
            "has": self.has,
            "encoder": encoder,
            "dim": int(self.vectors.shape[1]),
            "items_fingerprint": items_fingerprint,
            "skipped": [skipped._asdict() for skipped in self.skipped],
        }

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any], *, items_fingerprint: str) -> Embeddings:
        """The inverse of `to_pack`; nothing counts as encoded.

        Raises:
            ArtifactError: the vectors belong to another catalogue.
        """
        if pack["items_fingerprint"] != items_fingerprint:
            raise ArtifactError(
                "the embeddings belong to other items", hint=Command("build", "all")
            )
        skipped = tuple(Skipped(**entry) for entry in pack.get("skipped", ()))
        return cls(pack["vectors"], pack["has"], 0, int(pack["has"].sum()), skipped)


def unit_rows(vectors: npt.NDArray[np.floating]) -> Vectors:
    """Rows (n, dim) at unit length, as float32; zero rows stay zero.

    Raises:
        TrainingError: a value is not finite.
    """
    vectors = np.ascontiguousarray(vectors, np.float32)
    if not np.isfinite(vectors).all():
        raise TrainingError(
            "the encoder returned values that are not numbers", hint='set dtype = "fp32"'
        )
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return (vectors / np.where(norms > 0, norms, 1.0)[:, None]).astype(np.float32)
