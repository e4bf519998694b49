"""Where a table comes from, if not from a file of the dataset's folder: a URL, or a query.

Secrets stand in the environment, as `${NAME}` in a URL, which is filled in where it is opened and
nowhere else. What was written into a URL all the same is kept out of all that is shown or stored.
"""

from __future__ import annotations

import os
import re
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    PlainSerializer,
    Tag,
    field_validator,
)

from recsys_cli.errors import ConfigError

STORES = ("s3", "gs", "az")
WEB = ("https", "http")
DATABASE_FILES = ("sqlite", "duckdb")
SERVERS = ("postgresql", "postgres")
NAME, QUERY = "(name)", "(query)"
"""What tells the two ways to write a source apart in the places of pydantic's errors."""
_HIDDEN = "***"
_BEGINS = "begins with postgresql://, sqlite:/// or duckdb:///"
_NAMED = re.compile(r"\$\{(\w+)\}")
_URL = re.compile(r"[A-Za-z][\w+.-]*://")
_PASSWORD = re.compile(r"(://[^\s:/?#@]*):(?!\$\{\w+\}@)(.*)@", re.DOTALL)
_VALUE = re.compile(r"([?&;\s]|^)([\w.-]+)(\s*=\s*)(?!\$\{\w+\}(?:&|$))([^&;\s#]+)")
_SHOWN = frozenset((
    "host", "hostaddr", "port", "dbname", "user", "service", "sslmode", "options",
    "application_name", "connect_timeout", "target_session_attrs", "channel_binding", "gssencmode",
))  # fmt: skip
"""Parts of a database's address that are no secrets."""


def scheme_of(url: str) -> str:
    """What stands before `://`; "" where nothing does."""
    return url.partition("://")[0].lower() if _URL.match(url) else ""


def is_remote(source: Source | None) -> bool:
    """Whether a table has to be fetched."""
    return isinstance(source, SqlConfig) or (source is not None and bool(scheme_of(source)))


def without_secrets(value: Any) -> Any:
    """A text, or what holds texts, with passwords and the values of a URL's query left out.

    Passwords that are not written as a URL wants them (with @ or / in them) are left out, too,
    along with whatever cannot be told from them.
    """
    if isinstance(value, str) and (scheme_of(value) or "://" in value):
        text = _PASSWORD.sub(rf"\1:{_HIDDEN}@", value)
        address, mark, query = text.partition("?")
        return address + _VALUE.sub(_without_value, mark + query)
    if isinstance(value, dict):
        return {key: without_secrets(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return value


def _without_value(found: re.Match[str]) -> str:
    before, name, equals, value = found.groups()
    return f"{before}{name}{equals}{value if name in _SHOWN else _HIDDEN}"


def filled_in(url: str) -> str:
    """A URL with what the environment has in the places of `${NAME}`, quoted where it has to be.

    Raises:
        ConfigError: the environment lacks one.
    """

    def value(name: re.Match[str]) -> str:
        found = os.environ.get(name[1])
        if found is None:
            raise ConfigError(
                f"{without_secrets(url)} needs {name[1]}, which the environment does not have",
                hint=f"export {name[1]}=…",
            )
        before, after = url[: name.start()], url[name.end() :]
        of_login = after.startswith("@") or (before.endswith("//") and after.startswith(":"))
        return quote(found, safe="") if of_login or before.endswith((":", "=")) else found

    return _NAMED.sub(value, url)


def without_filled_in(text: str, url: str) -> str:
    """A text, such as an error's, without what the environment has for a URL."""
    for name in _NAMED.findall(url):
        found = os.environ.get(name)
        if found:
            for spelt in (found, quote(found, safe="")):
                text = text.replace(spelt, f"${{{name}}}")
    return str(without_secrets(text))


Url = Annotated[str, PlainSerializer(without_secrets, return_type=str, when_used="json")]
"""Written into manifests without secrets."""


class SqlConfig(BaseModel):
    """A table that a database's query gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sql: str
    """The query. It is run in a transaction that can only read."""
    url: Url
    """postgresql://user@host/database, sqlite:///shop.db or duckdb:///shop.duckdb; paths of files
    are relative to the workspace, or begin with a fourth slash. `${NAME}`, in it or alone, is taken
    from the environment, as are PGPASSWORD, PGSERVICE and the like."""
    version: str | None = None
    """A query of one cell that changes whenever the rows do, such as select max(updated_at) from
    orders: asked by each build and status. Without it, a server's rows are fetched again only by
    `recsys ingest --force`."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if not _NAMED.fullmatch(url) and scheme_of(url) not in (*SERVERS, *DATABASE_FILES):
            raise ValueError(f"a database's url {_BEGINS}")
        return url

    @property
    def scheme(self) -> str:
        """Of which kind the database is.

        Raises:
            ConfigError: of none that is known, or the environment lacks what the URL names.
        """
        scheme = scheme_of(filled_in(self.url))
        if scheme not in (*SERVERS, *DATABASE_FILES):
            raise ConfigError(f"{self.url} is no database's url", hint=f"it {_BEGINS}")
        return scheme

    @property
    def file(self) -> str | None:
        """The path of a database that is a file; None for a server's."""
        if self.scheme not in DATABASE_FILES:
            return None
        return filled_in(self.url).partition("://")[2].removeprefix("/")

    def __str__(self) -> str:
        return str(without_secrets(self.url))


def _way(source: Any) -> str:
    return QUERY if isinstance(source, dict | SqlConfig) else NAME


def known_scheme(name: str) -> str:
    """A name of files, or a URL that can be fetched.

    Raises:
        ValueError: it is another URL.
    """
    scheme = scheme_of(name)
    if scheme in (*SERVERS, *DATABASE_FILES):
        raise ValueError('a table of a database is written as { sql = "select …", url = "…" }')
    if scheme and scheme not in (*STORES, *WEB):
        raise ValueError("the url of a file begins with s3://, gs://, az:// or https://")
    if scheme and not name.partition("://")[2].strip("/"):
        raise ValueError(f"nothing stands behind {scheme}://")
    return name


Source = Annotated[
    Annotated[Url, AfterValidator(known_scheme), Tag(NAME)] | Annotated[SqlConfig, Tag(QUERY)],
    Discriminator(_way),
]
"""A file, a pattern or a folder within the dataset's own; a URL of such; or a query."""
