"""Files that appear whole or not at all, and hashes that are computed once per change."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that replaces it when the block ends without error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        # mkstemp makes files private; what a user writes should follow the umask.
        temporary.chmod(0o666 & ~_umask())
        yield temporary
        fsync(temporary)
        temporary.replace(path)
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, default=str) + "\n")


def read_json(path: Path) -> Any:
    """The JSON value in `path`, or None where there is no readable one."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def fsync(path: Path) -> None:
    """Force a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems cannot sync a folder; the rename is still atomic.
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class HashMemo:
    """SHA-256 of files, remembered for as long as size, mtime and inode stay the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known = read_json(path)
        self._known: dict[str, list[Any]] = known if isinstance(known, dict) else {}

    def surely_changed(self, file: Path, digest: str) -> bool:
        """Whether `file` is known not to have this SHA-256, without hashing it."""
        entry = self._known.get(str(file.resolve()))
        if not entry or not file.exists():
            return False
        return entry[:3] != _identity(file) or entry[3] != digest

    def sha256(self, file: Path) -> str:
        """Hex SHA-256 of `file`, from memory where nothing about the file changed."""
        identity, key = _identity(file), str(file.resolve())
        entry = self._known.get(key)
        if entry and entry[:3] == identity:
            return str(entry[3])
        digest = sha256(file)
        self._known[key] = [*identity, digest]
        # A read-only workspace only loses the shortcut.
        with suppress(OSError):
            write_json(self._path, self._known)
        return digest


def _identity(file: Path) -> list[int]:
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
