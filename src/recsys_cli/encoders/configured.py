"""The encoders that recsys.toml names for a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recsys_cli.config import Config
from recsys_cli.config.load import section_for
from recsys_cli.encoders.contract import ImageEncoder, TextEncoder
from recsys_cli.encoders.load import load_image_encoder, load_text_encoder
from recsys_cli.errors import Command, ConfigError
from recsys_cli.store.files import HashMemo

SUGGESTED = {
    "text": ("sentence-transformers:all-MiniLM-L6-v2", "lsa"),
    "image": ("open_clip:ViT-B-32/laion2b_s34b_b79k", "histogram"),
}
"""By part, the encoder to prefer and one that needs no download."""


CONTENT_LEFT_OUT = (
    "Texts and pictures are left out, as recsys.toml names no encoder: `",
    Command("init"),
    "` writes one, --set text.encoder=lsa works for one command.",
)
_LIBRARY = {"text": "sentence_transformers", "image": "open_clip"}


def encoders_to_write(*, pictures: bool) -> dict[str, tuple[str, str]]:
    """What `recsys init` names: by part an encoder, and a remark on the other choice.

    The better encoder where its library is installed, which is looked up and not imported, and
    otherwise the one that needs none.

    Args:
        pictures: whether there are any; without them no image encoder is named.
    """
    chosen = {}
    for part in SUGGESTED if pictures else ("text",):
        best, plain = SUGGESTED[part]
        if find_spec(_LIBRARY[part]):
            chosen[part] = (best, f'or "{plain}", which needs no download')
        else:
            chosen[part] = (plain, f"or \"{best}\": pip install 'recsys-cli[content]'")
    return chosen


def encoder_named(config: Config, part: str, dataset: str) -> str | None:
    """The encoder string of "text" or "image" for a dataset; None where that part is off."""
    named: str | None = section_for(config, part, dataset).encoder
    return named


def is_fitted(encoder: str) -> bool:
    """Whether a text encoder is fitted on the catalogue rather than brought from elsewhere."""
    return encoder.partition(":")[0] == "lsa"


def content_on(config: Config, dataset: str) -> bool:
    """Whether any encoder is named for a dataset."""
    return any(encoder_named(config, part, dataset) is not None for part in SUGGESTED)


def configured_text_encoder(
    config: Config,
    dataset: str,
    *,
    root: Path,
    hashes: HashMemo | None = None,
    fitted: Mapping[str, Any] | None = None,
) -> TextEncoder:
    """The dataset's text encoder; see `load_text_encoder`.

    Raises:
        ConfigError: none is named, or it can't be loaded.
    """
    section = section_for(config, "text", dataset)
    return load_text_encoder(
        _named(section.encoder, "text"),
        dtype=section.dtype,
        device=section.device,
        config_line=_line(config, "text", dataset, section.encoder),
        root=root,
        hashes=hashes,
        fitted=fitted,
    )


def configured_image_encoder(
    config: Config, dataset: str, *, root: Path, hashes: HashMemo | None = None
) -> ImageEncoder:
    """The dataset's image encoder; see `load_image_encoder`.

    Raises:
        ConfigError: none is named, or it can't be loaded.
    """
    section = section_for(config, "image", dataset)
    return load_image_encoder(
        _named(section.encoder, "image"),
        dtype=section.dtype,
        device=section.device,
        config_line=_line(config, "image", dataset, section.encoder),
        root=root,
        hashes=hashes,
    )


def off_hint(part: str) -> str:
    """What to write into recsys.toml to switch "text" or "image" on, both ways."""
    best, plain = SUGGESTED[part]
    return (
        f'write [{part}] encoder = "{best}" into recsys.toml, or [{part}] encoder = "{plain}", '
        f"which needs no download; for one command, --set {part}.encoder={plain}"
    )


def _named(encoder: str | None, part: str) -> str:
    if encoder is None:
        raise ConfigError(f"recsys.toml names no {part} encoder", hint=off_hint(part))
    return encoder


def _line(config: Config, part: str, dataset: str, encoder: str | None) -> str:
    """The line of recsys.toml that names the encoder."""
    own = dataset in config.datasets and "encoder" in getattr(config.datasets[dataset], part)
    section = f"datasets.{dataset}.{part}" if own else part
    return f'[{section}] encoder = "{encoder}"'
