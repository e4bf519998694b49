"""The encoders that recsys.toml names for a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recsys_cli.config import Config
from recsys_cli.config.encoders import SUGGESTED, off_hint
from recsys_cli.config.load import section_for
from recsys_cli.encoders.contract import ImageEncoder, TextEncoder
from recsys_cli.encoders.load import load_image_encoder, load_text_encoder
from recsys_cli.errors import ConfigError
from recsys_cli.store.files import HashMemo

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
    named = _named(config, "text", dataset)
    return load_text_encoder(**named, root=root, hashes=hashes, fitted=fitted)


def configured_image_encoder(
    config: Config, dataset: str, *, root: Path, hashes: HashMemo | None = None
) -> ImageEncoder:
    """The dataset's image encoder; see `load_image_encoder`.

    Raises:
        ConfigError: none is named, or it can't be loaded.
    """
    return load_image_encoder(**_named(config, "image", dataset), root=root, hashes=hashes)


def _named(config: Config, part: str, dataset: str) -> dict[str, Any]:
    """The encoder that recsys.toml names, how to run it, and the line that names it."""
    section = section_for(config, part, dataset)
    if section.encoder is None:
        raise ConfigError(f"recsys.toml names no {part} encoder", hint=off_hint(part))
    own = dataset in config.datasets and "encoder" in getattr(config.datasets[dataset], part)
    where = f"datasets.{dataset}.{part}" if own else part
    return {
        "spec": section.encoder,
        "dtype": section.dtype,
        "device": section.device,
        "config_line": f'[{where}] encoder = "{section.encoder}"',
    }
