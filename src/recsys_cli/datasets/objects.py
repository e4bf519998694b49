"""Files behind URLs: which there are, what tells one state of them from another, and copies.

`s3://`, `gs://` and `az://` are read by obstore, with credentials from the environment; `https://`
by Python itself. A copy is byte for byte, so that what comes after reads any format as it would
from a folder.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from recsys_cli.config.sources import (
    STORES,
    filled_in,
    scheme_of,
    without_filled_in,
    without_secrets,
)
from recsys_cli.datasets.rawfile import format_of
from recsys_cli.errors import DataError, missing_library

_SECONDS, _BLOCK = 60, 1 << 20
_WILD = "*?["


@dataclass(frozen=True, slots=True)
class Remote:
    """A file behind a URL.

    Attributes:
        name: its place below what the URL names, as a relative path.
        state: what changes when it does: size, ETag, time; "" where nothing tells.
    """

    name: str
    state: str


def listed(url: str) -> list[Remote]:
    """The files that a URL names.

    Raises:
        DataError: there are none, or they cannot be reached.
        UsageError: what reads them is not installed.
    """
    if scheme_of(url) not in STORES:
        with _answer(url) as answer:
            told = [answer.headers.get(key) for key in ("ETag", "Last-Modified", "Content-Length")]
        return [Remote(_name(url), " ".join(filter(None, told)))]
    store, key, errors = _store(url)
    return [Remote(name, state) for name, _, state in _found(url, store, key, errors)]


def copied(url: str, folder: Path) -> str:
    """Copy the files that a URL names into a folder; what recsys.toml would call them there.

    Raises as `listed`.
    """
    if scheme_of(url) not in STORES:
        name = _name(url)
        with _answer(url) as answer, (folder / name).open("wb") as file:
            shutil.copyfileobj(answer, file, _BLOCK)
            if answer.length:
                raise _unreachable(url, f"the answer lacks its last {answer.length:,} bytes")
        return name
    store, key, errors = _store(url)
    import obstore

    found = _found(url, store, key, errors)
    for name, whole, _ in found:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _told(url, errors), path.open("wb") as file:
            for block in obstore.get(store, whole).stream(min_chunk_size=_BLOCK):
                file.write(block)
    return found[0][0] if found[0][1] == key else ""


@contextmanager
def _told(url: str, errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise _unreachable(url, str(error)) from None


def _unreachable(url: str, why: str) -> DataError:
    said = " ".join(why.split("\n\nDebug", maxsplit=1)[0].split())
    return DataError(
        f"cannot read {without_secrets(url)}: {without_filled_in(said, url)}",
        hint="check the URL, the network and the credentials in the environment",
    )


def _store(url: str) -> tuple[Any, str, type[Exception]]:
    """A bucket, the key within it, and what it raises."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        what = f"{scheme_of(url)}://"
        raise missing_library(what, "obstore", extra="cloud") from None
    scheme, _, rest = filled_in(url).partition("://")
    bucket, _, key = rest.partition("/")
    with _told(url, BaseError):
        return from_url(f"{scheme}://{bucket}"), key, BaseError


def _found(url: str, store: Any, key: str, errors: type[Exception]) -> list[tuple[str, str, str]]:
    """What `_objects` finds of a URL, which is something."""
    with _told(url, errors):
        found = list(_objects(store, key))
    if not found:
        hint = "a URL names a file, a folder or a pattern of tables"
        raise DataError(f"there is no table at {without_secrets(url)}", hint=hint)
    return found


def _objects(store: Any, key: str) -> Iterator[tuple[str, str, str]]:
    """Of each object of a key, pattern or folder: relative path, key, and what tells its state."""
    import obstore

    wild = any(mark in key for mark in _WILD)
    fixed = key[: min(key.find(mark) for mark in _WILD if mark in key)] if wild else key
    prefix = fixed.rpartition("/")[0] if wild else key.rstrip("/")
    seen: Iterator[Any] = (each for batch in obstore.list(store, prefix or None) for each in batch)
    if not wild and format_of(Path(key)):
        single = _head(store, key)
        seen = iter([single]) if single else seen
    for each in sorted(seen, key=lambda each: each["path"]):
        path = each["path"]
        name = path.removeprefix(prefix).strip("/") or PurePosixPath(path).name
        if (wild and not _matches(path, key)) or not _is_table(name):
            continue
        state = (each["e_tag"], each["version"], each["last_modified"], each["size"])
        yield name, path, " ".join(map(str, filter(None, state)))


def _head(store: Any, key: str) -> Any:
    import obstore

    try:
        return obstore.head(store, key)
    except FileNotFoundError:
        return None


def _matches(path: str, pattern: str) -> bool:
    """Whether each part of a path is like that of a pattern."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _is_table(name: str) -> bool:
    parts = PurePosixPath(name).parts
    safe = all(part[0] not in "._" for part in parts)
    return safe and format_of(Path(name)) is not None


def _name(url: str) -> str:
    """What a copy is called: as the URL ends, where that says of what kind it is."""
    name = PurePosixPath(unquote(urlsplit(filled_in(url)).path)).name.lstrip(".")
    return name if name and format_of(Path(name)) else "table.csv"


@contextmanager
def _answer(url: str) -> Iterator[Any]:
    """The answer to a GET, which some signed URLs are for alone."""
    parts = urlsplit(filled_in(url))
    login, _, host = parts.netloc.rpartition("@")
    request = Request(urlunsplit(parts._replace(netloc=host)))  # noqa: S310 - https or http
    request.add_header("Accept-Encoding", "identity")
    if login:
        token = base64.b64encode(unquote(login).encode()).decode()
        # Whoever is redirected to does not get it.
        request.add_unredirected_header("Authorization", f"Basic {token}")
    try:
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            yield answer
    except HTTPError as error:
        raise _unreachable(url, f"HTTP {error.code} {error.reason}") from None
    except (OSError, ValueError, HTTPException) as error:
        raise _unreachable(url, str(getattr(error, "reason", error))) from None
