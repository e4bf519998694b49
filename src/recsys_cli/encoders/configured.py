"""From what recsys.toml names to an encoder, or to an error that says the ways out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recsys_cli.config import Config
from recsys_cli.config.encoders import SUGGESTED, off_hint
from recsys_cli.config.load import section_for
from recsys_cli.config.models import Precision
from recsys_cli.encoders.contract import ImageEncoder, TextEncoder
from recsys_cli.encoders.problems import cannot_load, first_line, library_missing, unknown_encoder
from recsys_cli.encoders.torchload import Wanted
from recsys_cli.encoders.weights import (
    combined_digest,
    file_digest,
    folder_digest,
    hub_folder,
    looks_like_path,
)
from recsys_cli.errors import ConfigError
from recsys_cli.store.files import HashMemo

_SENTENCES = "sentence-transformers:"
_CLIP = "open_clip:"
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
            chosen[part] = (plain, f'or "{best}", which needs recsys-cli[content]')
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


def load_text_encoder(
    spec: str,
    *,
    dtype: Precision = "auto",
    device: str = "auto",
    config_line: str | None = None,
    root: Path | None = None,
    hashes: HashMemo | None = None,
    fitted: Mapping[str, Any] | None = None,
) -> TextEncoder:
    """The text encoder that `spec` names. Reads no weights into memory and imports no torch.

    Args:
        spec: "sentence-transformers:<hub name or local folder>", "lsa" or "lsa:<dimension>".
        dtype: "fp32", "bf16", or "auto": bf16 where it is faster and as good.
        device: "auto" (the GPU where there is one), "cpu", "cuda", …
        config_line: how errors name the line of recsys.toml; by default the spec itself.
        root: folder that a relative path is relative to; by default the current one.
        hashes: remembers the hashes of weight files.
        fitted: `TextEncoder.to_pack` of an encoder fitted earlier.

    Raises:
        ConfigError: no such encoder, or its model is not here and can't be fetched.
    """
    line = config_line or f'the text encoder "{spec}"'
    kind, _, rest = spec.partition(":")
    if kind == "lsa":
        return _lsa(spec, rest, line, fitted)
    if not spec.startswith(_SENTENCES) or not rest:
        raise unknown_encoder(line, "text", spec)
    folder = _model_folder(rest, root, line)
    try:
        digest = folder_digest(folder, hashes=hashes)
    except OSError as error:
        raise cannot_load(line, "text", error) from error
    from recsys_cli.encoders.sentence import SentenceEncoder

    fingerprint = combined_digest({"kind": _SENTENCES, "files": digest, "dtype": dtype})
    return SentenceEncoder(folder, Wanted(spec, fingerprint, dtype, device, line))


def load_image_encoder(
    spec: str,
    *,
    dtype: Precision = "auto",
    device: str = "auto",
    config_line: str | None = None,
    root: Path | None = None,
    hashes: HashMemo | None = None,
) -> ImageEncoder:
    """The image encoder that `spec` names. Reads no weights into memory and imports no torch.

    Args:
        spec: "open_clip:<architecture>/<pretrained tag or checkpoint path>" or "histogram". A
            file `<architecture>.json` beside the checkpoint describes an architecture that
            open_clip does not have.
        dtype: see `load_text_encoder`, as for the other arguments.
        device: as there.
        config_line: as there.
        root: as there.
        hashes: as there.

    Raises:
        ConfigError: no such encoder, or its checkpoint is not here.
    """
    line = config_line or f'the image encoder "{spec}"'
    if spec == "histogram":
        from recsys_cli.encoders.histogram import HistogramEncoder

        return HistogramEncoder()
    architecture, _, weights = spec.removeprefix(_CLIP).partition("/")
    if not spec.startswith(_CLIP) or not architecture or not weights:
        raise unknown_encoder(line, "image", spec)
    identity = {"kind": _CLIP, "architecture": architecture, "dtype": dtype}
    checkpoint, config = _path(weights, root), None
    if checkpoint.is_file():
        weights = str(checkpoint)
        identity["weights"] = file_digest(checkpoint, hashes)
        config = checkpoint.with_name(f"{architecture}.json")
        config = config if config.is_file() else None
        if config:
            identity["config"] = file_digest(config, hashes)
    elif looks_like_path(weights):
        raise cannot_load(line, "image", f"there is no file {weights}")
    else:
        # The library pins the file behind a tag, so the tag identifies the weights.
        identity["tag"] = weights
    from recsys_cli.encoders.clip import ClipEncoder

    wanted = Wanted(spec, combined_digest(identity), dtype, device, line)
    return ClipEncoder(architecture, weights, config, wanted)


def _lsa(spec: str, dim: str, line: str, fitted: Mapping[str, Any] | None) -> TextEncoder:
    from recsys_cli.encoders.lsa import DEFAULT_DIM, LsaEncoder

    if fitted is not None:
        return LsaEncoder.from_pack(fitted)
    if spec != "lsa" and not (dim.isdecimal() and int(dim) > 0):
        raise unknown_encoder(line, "text", spec)
    return LsaEncoder(dim=int(dim) if dim else DEFAULT_DIM)


def _model_folder(name: str, root: Path | None, line: str) -> Path:
    folder = _path(name, root)
    if folder.is_dir():
        return folder
    if looks_like_path(name):
        raise cannot_load(line, "text", f"there is no folder {name}")
    try:
        return hub_folder(name)
    except ImportError as error:
        raise library_missing(line, "text", error) from error
    except Exception as error:
        # No network, no such model, a refused licence, a full disk: the hub's client raises
        # something else for each, and the ways out are the same.
        why = f"there is no folder {name}, and the hub says: {first_line(error)}"
        raise cannot_load(line, "text", why) from error


def _path(name: str, root: Path | None) -> Path:
    return (root or Path()) / Path(name).expanduser()
