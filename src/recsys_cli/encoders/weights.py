"""Where a model's files are and what identifies them, without importing torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from recsys_cli.store.files import HashMemo, sha256

# Files that decide what a sentence-transformers model computes. Folders from a hub hold more:
# readmes, and the same weights for other runtimes.
_PATTERNS = ("*.json", "*.safetensors", "*.bin", "*.model", "*.txt")
_OTHER_RUNTIMES = ("onnx", "openvino")
_HUB_NAMESPACE = "sentence-transformers"


def looks_like_path(name: str) -> bool:
    """Whether a name that exists nowhere was meant as a path rather than a hub name or tag."""
    endings = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")
    return (
        name.startswith((".", "/", "~"))
        or "\\" in name
        or name.count("/") > 1
        or name.endswith(endings)
    )


def hub_folder(name: str) -> Path:
    """The local folder of a model of the Hugging Face hub, downloaded if it has to be.

    Raises:
        Exception: whatever the hub's client raises for no network, no such model, …
    """
    from huggingface_hub import snapshot_download

    repository = name if "/" in name else f"{_HUB_NAMESPACE}/{name}"
    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
        if any(_model_files(folder)):
            return folder
    except FileNotFoundError:
        pass
    patterns = [*_PATTERNS, "*/*.json"]
    ignore = [f"{runtime}/*" for runtime in _OTHER_RUNTIMES]
    return Path(snapshot_download(repository, allow_patterns=patterns, ignore_patterns=ignore))


def folder_digest(folder: Path, *, hashes: HashMemo | None = None) -> str:
    """SHA-256 over the names and contents of a model folder's files.

    Raises:
        FileNotFoundError: the folder holds no weights.
    """
    files = _model_files(folder)
    if not any(path.suffix in (".safetensors", ".bin") for path in files):
        raise FileNotFoundError(f"no weights (*.safetensors or *.bin) in {folder}")
    parts = {file.relative_to(folder).as_posix(): file_digest(file, hashes) for file in files}
    return combined_digest(parts)


def file_digest(path: Path, hashes: HashMemo | None = None) -> str:
    """Hex SHA-256 of a file, remembered in `hashes` where that is given."""
    return hashes.sha256(path) if hashes else sha256(path)


def combined_digest(parts: Mapping[str, str]) -> str:
    """Hex SHA-256 over named strings, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        for text in (name, parts[name]):
            encoded = text.encode()
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _model_files(folder: Path) -> list[Path]:
    found = {
        path
        for pattern in _PATTERNS
        for path in folder.rglob(pattern)
        if path.is_file() and path.relative_to(folder).parts[0] not in _OTHER_RUNTIMES
    }
    if any(path.suffix == ".safetensors" for path in found):
        found = {path for path in found if path.suffix != ".bin"}
    return sorted(found)
