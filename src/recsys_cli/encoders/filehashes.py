"""SHA-256 of many files, remembered for as long as a file's size and mtime stay the same."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from recsys_cli.progress import Progress, Silent
from recsys_cli.store.files import read_json, sha256, write_json

_HEX = re.compile("[0-9a-f]{64}")
_SAVE_EVERY = 4096
"""Files between two writes of the memo: what a killed run has to hash again."""


class Hashed(NamedTuple):
    """The digest of a file, or why there is none."""

    digest: bytes | None
    reason: str = ""


class FileHashes:
    """Digests by file, kept in one JSON file.

    `store.files.HashMemo` serves a handful of large files and writes itself after each; this
    one serves a hundred thousand pictures.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        known = read_json(path)
        self._known: dict[str, list[Any]] = known if isinstance(known, dict) else {}

    def digests(
        self,
        files: Sequence[Path],
        *,
        root: Path,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> list[Hashed]:
        """A digest for each of `files`, which are relative to `root`.

        Only new and changed files are read. A file that can't be read has no digest and is
        looked at again next time.
        """
        progress = progress or Silent()
        found: dict[int, Hashed] = {}
        new: dict[int, list[int]] = {}
        for row, file in enumerate(files):
            try:
                identity = _identity(root / file)
            except OSError as error:
                found[row] = Hashed(None, _reason(error))
                continue
            match self._known.get(file.as_posix()):
                case [*known, str(digest)] if known == identity and _HEX.fullmatch(digest):
                    found[row] = Hashed(bytes.fromhex(digest))
                case _:
                    new[row] = identity
        if new:
            progress.start("reading pictures", len(new))
        with ThreadPoolExecutor(max(threads, 1)) as pool:
            for start in range(0, len(new), _SAVE_EVERY):
                rows = list(new)[start : start + _SAVE_EVERY]
                hashes = pool.map(_hash, [root / files[row] for row in rows])
                for row, hashed in zip(rows, hashes, strict=True):
                    found[row] = hashed
                    if hashed.digest:
                        entry = [*new[row], hashed.digest.hex()]
                        self._known[files[row].as_posix()] = entry
                # A read-only workspace only loses the shortcut.
                with suppress(OSError):
                    write_json(self._path, self._known)
                progress.advance(len(rows))
        return [found[row] for row in range(len(files))]


def _identity(path: Path) -> list[int]:
    """Size and mtime of a file."""
    stat = path.stat()
    if not S_ISREG(stat.st_mode):
        raise OSError(errno.EINVAL, "it is no file")
    return [stat.st_size, stat.st_mtime_ns]


def _hash(path: Path) -> Hashed:
    try:
        return Hashed(bytes.fromhex(sha256(path)))
    except OSError as error:
        return Hashed(None, _reason(error))


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return (error.strerror or type(error).__name__).lower()
