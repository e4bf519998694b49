"""Encoders in a process of their own, which all of a server's processes share.

Models stay out of the processes that answer: they are in memory once, no answer waits for
another's model, and a picture that exhausts memory takes nothing else along. Whoever needs the
process first starts it; when it or its parent dies, whoever needs it next starts another.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.config import Config
from recsys_cli.encoders.pictures import FORMATS, start_worker, unreadable
from recsys_cli.engine.queries import Query, QueryEncoders
from recsys_cli.errors import BusyError, DataError, RecsysError, sentence
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.content.fusion import ContentSpace

Vectors = npt.NDArray[np.float32]
Encodable = Query | bytes | Sequence[str]

_SOCKET = "encoders.sock"
_GONE = (ConnectionError, EOFError, FileNotFoundError)
"""What it means that nobody answers there."""
_NICE = 5
"""Answers go before encoding where both want a core."""


class Host:
    """What the process offers: `QueryEncoders`, one call at a time."""

    def __init__(self, root: Path, config: Config, pixels: int) -> None:
        self._encoders = QueryEncoders(Workspace(root), config)
        self._pixels = pixels
        self._lock = threading.Lock()

    def encode(self, dataset: str, space: ContentSpace, asked: Encodable) -> Vectors:
        """See `Encoders.encode`."""
        picture = asked.picture if isinstance(asked, Query) else asked
        if isinstance(picture, bytes):
            check_picture(picture, self._pixels)
        with self._lock:
            try:
                return np.asarray(self._encoded(dataset, space, asked))
            except RecsysError:
                raise
            except Exception as error:
                # What libraries raise may not survive the way to the other process.
                raise RecsysError(f"encoding failed: {sentence(error)}") from None

    def _encoded(self, dataset: str, space: ContentSpace, asked: Encodable) -> Vectors:
        if isinstance(asked, Query):
            return self._encoders.vector([dataset], space, asked)
        if isinstance(asked, bytes):
            return self._encoders.picture(dataset, space, asked)
        return self._encoders.texts(dataset, space, asked)


def check_picture(data: bytes, pixels: int) -> None:
    """Refuse a picture by its header, before anything is decoded.

    Raises:
        DataError: it is no picture, or has more than that many pixels.
    """
    import io
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                image.verify()
        except Exception as error:
            # Decoders of damaged files fail in as many ways as there are formats.
            why = unreadable(error, data)
            raise DataError(f"image: it can't be read as a picture ({why})") from None
    if width * height > pixels:
        raise DataError(f"image: {width} × {height} are more than {pixels:,} pixels")


class _Manager(BaseManager):
    """Serves a `Host` over a socket that only this user can reach."""


_host: Host | None = None


def _the_host() -> Host | None:
    return _host


_Manager.register("host", callable=_the_host)


def _begin(root: Path, config: Config, pixels: int) -> None:
    global _host  # noqa: PLW0603  (the process has one, and nothing else)
    start_worker()
    os.nice(_NICE)
    _host = Host(root, config, pixels)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where the processes of one server meet.

    Attributes:
        folder: for what they share; private to the user.
        secret: that they know each other by.
    """

    folder: Path
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))


class Encoders:
    """The way to the process, from any other; calls block."""

    def __init__(self, root: Path, config: Config, meeting: Meeting) -> None:
        """Start nothing yet.

        Args:
            root: the workspace.
            config: names the encoders.
            meeting: of this server's processes.
        """
        self._root, self._config = root, config
        self._folder, self._secret = meeting.folder, meeting.secret
        self._started: _Manager | None = None

    def encode(self, dataset: str, space: ContentSpace, asked: Encodable) -> Vectors:
        """What `QueryEncoders` makes of a search, the bytes of a picture, or several texts."""
        for _ in range(2):
            try:
                vectors: Vectors = self._host().encode(dataset, space, asked)
                return vectors
            except _GONE:
                continue
        raise BusyError("the process that encodes has died", hint="try again")

    def close(self) -> None:
        """End the process, if it was started here."""
        if self._started is not None:
            self._started.shutdown()
            self._started = None

    def _host(self) -> Any:
        """The process's `Host`, after starting the process where there is none."""
        from filelock import FileLock

        with suppress(*_GONE):
            return self._connected()
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "encoders.lock"):
            with suppress(*_GONE):
                return self._connected()
            (self._folder / _SOCKET).unlink(missing_ok=True)
            manager = self._manager()
            pixels = self._config.serve.image_pixels
            manager.start(_begin, (self._root, self._config, pixels))
            self._started = manager
        return self._connected()

    def _connected(self) -> Any:
        manager = self._manager()
        manager.connect()
        return manager.host()  # type: ignore[attr-defined]

    def _manager(self) -> _Manager:
        return _Manager(str(self._folder / _SOCKET), authkey=self._secret, ctx=get_context("spawn"))
