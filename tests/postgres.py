"""A PostgreSQL server of the tests' own: Debian's, run as an ordinary user, on a socket alone.

Whoever may log in needs no password, but for the role `READER`, which asks for `PASSWORD`.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SERVERS = Path("/usr/lib/postgresql")
OWNER = "shop"
READER, PASSWORD = "reader", "s3cret-of-the-reader"
_USER = "nobody" if os.geteuid() == 0 else None
"""Who runs the server, which refuses to be root's."""


@dataclass(frozen=True)
class Postgres:
    """A running server.

    Attributes:
        programs: folder of its programs.
        folder: where its socket is.
    """

    programs: Path
    folder: Path

    def url(self, database: str = "postgres", *, user: str = OWNER, password: str = "") -> str:
        """Where a database is, as libpq and its kin read it."""
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@/{database}?host={quote(str(self.folder), safe='')}"

    def run(self, sql: str, *, database: str = "postgres") -> str:
        """What psql prints of the rows of some statements, which are committed as they come."""
        command = [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d"]
        return _out(*command, self.url(database), input=sql)

    def database(self, name: str) -> str:
        """Make a database anew; its URL."""
        self.run(f'drop database if exists "{name}" with (force);\ncreate database "{name}";')
        return self.url(name)


def programs() -> Path | None:
    """Where the server's programs are, of the newest one; None where it is not installed."""
    found = [path.parent for path in SERVERS.glob("*/bin/initdb")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


@contextmanager
def running(programs: Path) -> Iterator[Postgres]:
    """A new server, which is gone afterwards with all that it holds."""
    # What pytest makes is its user's alone, and a socket's path may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="recsys-pg-"))
    data = folder / "data"
    if _USER:
        shutil.chown(folder, _USER)
    try:
        initdb = [programs / "initdb", "-D", data, "-U", OWNER, "-A", "trust", "--no-sync"]
        _out(*initdb, "-E", "UTF8", "--locale=C", user=_USER)
        rules = data / "pg_hba.conf"
        rules.write_text(f"local all {READER} scram-sha-256\n{rules.read_text()}")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c timezone=UTC"
        control = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
        _out(*control, "-o", options, "start", user=_USER)
        server = Postgres(programs, folder)
        try:
            server.run(f"create role {READER} login password '{PASSWORD}'")
            yield server
        finally:
            _out(*control, "-m", "immediate", "stop", user=_USER)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _out(*command: str | Path, input: str | None = None, user: str | None = None) -> str:
    """What a program prints; what it complains of, where it fails, in the error."""
    done = subprocess.run(
        command, input=input, user=user, cwd="/", text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}")
    return done.stdout.strip()
