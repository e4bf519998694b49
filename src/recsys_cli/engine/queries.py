"""Words and pictures to vectors in the space of the items.

A query goes through the encoders that the items' vectors were made with. Words are compared with
texts through the text encoder, and with pictures where the image encoder reads texts too. An
encoder that was opened stays open, for those who ask again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from recsys_cli.config import Config
from recsys_cli.config.encoders import encoder_named, is_fitted, off_hint
from recsys_cli.config.load import raw_path
from recsys_cli.datasets.spec import read_spec
from recsys_cli.encoders.configured import (
    configured_image_encoder,
    configured_text_encoder,
)
from recsys_cli.errors import ArtifactError, Command, ConfigError, UnknownWordsError, UsageError
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.content.fusion import IMAGE, TEXT, ContentSpace

if TYPE_CHECKING:
    from recsys_cli.encoders import ImageEncoder, TextEncoder

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: words, or a picture as a file or as its bytes."""

    words: str | None = None
    picture: Path | bytes | None = None

    def __str__(self) -> str:
        if self.words is not None:
            return self.words
        return "picture" if isinstance(self.picture, bytes) else str(self.picture)


class QueryEncoders:
    """The encoders that recsys.toml names, opened when first asked for."""

    def __init__(self, workspace: Workspace, config: Config) -> None:
        self._workspace = workspace
        self._config = config
        self._opened: dict[tuple[str, str], TextEncoder | ImageEncoder] = {}

    def vector(self, datasets: Sequence[str], space: ContentSpace, query: Query) -> Vectors:
        """The query in the space of the items, (dim,) float32.

        Args:
            datasets: whose items; any of them may name the encoders.
            space: of the items.
            query: words or a picture.

        Raises:
            ConfigError: no encoder is named that could read the query, or it can't be loaded.
            UsageError: there are no words.
            UnknownWordsError: there are none that any text has.
            ArtifactError: the items' vectors were made with another encoder.
            DataError: the picture can't be read.
        """
        text_by, image_by = (
            next((name for name in datasets if encoder_named(self._config, part, name)), None)
            for part in (TEXT, IMAGE)
        )
        if query.picture is not None:
            self._refuse_without_pictures(datasets)
            return space.query_vector(image=self.picture(image_by, space, query.picture))
        words = (query.words or "").strip()
        if not words:
            raise UsageError("there is nothing to search for", hint=Command("search", "red dress"))
        found: dict[str, Vectors] = {}
        if TEXT in space.encoders and text_by:
            encoded = self._text(text_by, space).encode_queries([words])[0]
            if encoded.any():
                found[TEXT] = encoded
        if IMAGE in space.encoders and image_by:
            from recsys_cli.encoders.contract import TextTower

            encoder = self._image(image_by, space)
            if isinstance(encoder, TextTower):
                found[IMAGE] = encoder.encode_text([words])[0]
        if not found:
            if TEXT in space.encoders and text_by:
                raise UnknownWordsError(f"no item's text has any of the words {words!r}")
            raise ConfigError(
                "items have no vectors that words could be compared with", hint=off_hint(TEXT)
            )
        return space.query_vector(text=found.get(TEXT), image=found.get(IMAGE))

    def _refuse_without_pictures(self, datasets: Sequence[str]) -> None:
        """Say so where no item has a picture, rather than that no encoder reads them."""
        if any(map(self._has_pictures, datasets)):
            return
        folders = " or ".join(filter(None, (raw_path(self._config, name) for name in datasets)))
        raise UsageError(
            f"no item of {' or '.join(datasets)} has a picture to compare with",
            hint=(
                f"put pictures below {folders or 'the folder of the raw files'}, called after the "
                "items' ids or named in a column of the items, and run `",
                Command("build", "all"),
                "`",
            ),
        )

    def _has_pictures(self, dataset: str) -> bool:
        """Whether any item has one, as far as is known before they are encoded."""
        if self._workspace.path("image_embeddings", dataset).exists():
            return bool(self._workspace.pack("image_embeddings", dataset)["has"].any())
        spec = self._workspace.path("spec", dataset)
        return not spec.exists() or read_spec(spec).image_root is not None

    def picture(self, dataset: str | None, space: ContentSpace, picture: Path | bytes) -> Vectors:
        """The embedding (dim,) of a picture; raises as `vector`."""
        from recsys_cli.encoders import encode_picture
        from recsys_cli.encoders.pictures import load_picture

        if dataset is None:
            raise ConfigError("recsys.toml names no image encoder", hint=off_hint(IMAGE))
        if IMAGE not in space.encoders:
            raise ArtifactError(
                "no item has a vector of its picture",
                hint=(Command("embed", "image"), " && ", Command("index")),
            )
        encoder = self._image(dataset, space)
        if isinstance(picture, bytes):
            vector: Vectors = encoder.encode([load_picture(picture, encoder.prepare)])[0]
        else:
            vector = encode_picture(picture, encoder)[0]
        return vector

    def texts(self, dataset: str, space: ContentSpace, texts: Sequence[str]) -> Vectors:
        """Embeddings (n, dim) of items' texts; zero rows for those it can't place.

        Raises:
            ConfigError: no text encoder is named, or it can't be loaded.
            ArtifactError: the items' vectors were made with another encoder, or with none.
        """
        if encoder_named(self._config, TEXT, dataset) is None:
            raise ConfigError("recsys.toml names no text encoder", hint=off_hint(TEXT))
        if TEXT not in space.encoders:
            raise ArtifactError("no item has a vector of its text", hint=Command("embed", "text"))
        return self._text(dataset, space).encode(texts)

    def _text(self, dataset: str, space: ContentSpace) -> TextEncoder:
        opened = self._opened.get((TEXT, dataset))
        if opened is None or opened.name != space.encoders[TEXT]:
            opened = self._opened[TEXT, dataset] = self._open_text(dataset, space)
        return cast("TextEncoder", opened)

    def _open_text(self, dataset: str, space: ContentSpace) -> TextEncoder:
        there = self._workspace.path("text_encoder", dataset).exists()
        fitted = self._workspace.pack("text_encoder", dataset) if there else {}
        named = encoder_named(self._config, TEXT, dataset) or ""
        if is_fitted(named) and not fitted:
            _check_same(space, TEXT, named)
        encoder = configured_text_encoder(
            self._config,
            dataset,
            root=self._workspace.root,
            hashes=self._workspace.hashes(),
            fitted=fitted or None,
        )
        _check_same(space, TEXT, encoder.name)
        return encoder

    def _image(self, dataset: str, space: ContentSpace) -> ImageEncoder:
        opened = self._opened.get((IMAGE, dataset))
        if opened is None or opened.name != space.encoders[IMAGE]:
            encoder = configured_image_encoder(
                self._config, dataset, root=self._workspace.root, hashes=self._workspace.hashes()
            )
            _check_same(space, IMAGE, encoder.name)
            opened = self._opened[IMAGE, dataset] = encoder
        return cast("ImageEncoder", opened)


def _check_same(space: ContentSpace, part: str, name: str) -> None:
    if space.encoders[part] != name:
        raise ArtifactError(
            f"the items' {part} vectors were made with {space.encoders[part]}, but the query would "
            f"be encoded with {name}",
            hint=Command("index"),
        )
