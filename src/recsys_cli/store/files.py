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

_MAX_JSON = 256 << 20
"""Bytes of the largest JSON file that is read."""


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
        if not path.is_file() or path.stat().st_size > _MAX_JSON:
            return None
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
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


class FileMemo:
    """What was found out about files, for as long as they stay untouched.

    The time of the last change to a file's inode, which nobody can set, is looked at too: so a
    memo that came along with somebody else's files says nothing about them.
    """

    def __init__(self, path: Path) -> None:
        """Read the memo in `path`, if there is one."""
        self._path = path
        known = read_json(path)
        self._known: dict[str, Any] = known if isinstance(known, dict) else {}

    def get(self, file: Path) -> str | None:
        """What was noted of `file`; None if it has been touched since, or nothing was."""
        with suppress(OSError):
            match self._known.get(str(file.resolve())):
                case [*known, str(noted)] if known == identity(file):
                    return noted
        return None

    def changed(self, file: Path) -> bool:
        """Whether `file` is surely another than the one that something was noted of."""
        entry = self._known.get(str(file.resolve()))
        return isinstance(entry, list) and file.exists() and entry[:3] != identity(file)[:3]

    def put(self, noted: str, *files: Path) -> None:
        """Note the same of all of `files`."""
        self._known |= {str(file.resolve()): [*identity(file), noted] for file in files}
        self._known = {name: entry for name, entry in self._known.items() if Path(name).exists()}
        # A read-only workspace only loses the shortcut.
        with suppress(OSError):
            write_json(self._path, self._known)


class HashMemo:
    """SHA-256 of files, each computed once per change."""

    def __init__(self, path: Path) -> None:
        """Read the memo in `path`, if there is one."""
        self._memo = FileMemo(path)

    def surely_changed(self, file: Path, digest: str) -> bool:
        """Whether `file` is known not to have this SHA-256, without hashing it."""
        return self._memo.changed(file) or self.known(file) not in (None, digest)

    def known(self, file: Path) -> str | None:
        """Hex SHA-256 of `file` if it is in memory; None if it would have to be hashed."""
        return self._memo.get(file)

    def sha256(self, file: Path) -> str:
        """Hex SHA-256 of `file`, from memory where nothing about the file changed."""
        digest = self.known(file)
        if digest is None:
            digest = sha256(file)
            self._memo.put(digest, file)
        return digest


def identity(file: Path) -> list[int]:
    """What changes whenever a file does.

    Raises:
        OSError: there is none.
    """
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
