"""One writer per workspace: an operating-system lock that names its holder.

The lock dies with its process, so a killed build never leaves a workspace locked.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from recsys_cli.errors import LockedError
from recsys_cli.store.files import read_json, write_json

HOLDER = ".lock-holder.json"
"""File beside the lock that says who holds it."""


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the right to write below `folder`.

    Raises:
        LockedError: another process holds it; the message says which.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / HOLDER
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        who = read_json(holder) or {}
        raise LockedError(
            "another process is writing to this workspace: "
            f"process {who.get('pid', '?')} on {who.get('host', '?')}, "
            f"`{who.get('command', '?')}`, since {who.get('since', '?')}",
            hint="wait for it to finish, or stop it",
        ) from None
    try:
        write_json(
            holder,
            {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "command": " ".join(["recsys", *sys.argv[1:]]),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
