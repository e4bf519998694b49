"""Tables that are not files of the workspace: fetched for an ingest, and watched without it.

What is fetched lies in a folder that goes with the ingest, and is read there as files are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from recsys_cli.config.models import Config, DatasetConfig
from recsys_cli.config.sources import (
    DATABASE_FILES,
    Source,
    SqlConfig,
    is_remote,
    scheme_of,
    without_secrets,
)
from recsys_cli.datasets.databases import opened
from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.objects import copied, listed
from recsys_cli.errors import Command, ConfigError, DataError
from recsys_cli.progress import Progress


def remote_sources(config: DatasetConfig) -> dict[str, Source]:
    """The tables of a dataset that have to be fetched."""
    return {table: source for table, source in config.sources.items() if is_remote(source)}


def unwatched(config: Config, datasets: Sequence[str]) -> list[tuple[str | Command, ...]]:
    """What to say of tables of which nothing tells, short of fetching them, that they changed."""
    said: list[tuple[str | Command, ...]] = []
    for name in datasets:
        tables = [
            table
            for table, source in remote_sources(config.datasets[name]).items()
            if isinstance(source, SqlConfig)
            and source.version is None
            and scheme_of(source.url) not in DATABASE_FILES
        ]
        if tables:
            what = f"{name}: {', '.join(tables)} stay as they were fetched until `"
            again = Command("ingest", "--dataset", name, "--force")
            said.append((what, again, "`; a query `version` in recsys.toml tells when they change"))
    return said


def states(config: DatasetConfig, workspace: Path) -> dict[str, str]:
    """By name, a SHA-256 of what changes when a table does, of those that can be watched.

    Raises:
        RecsysError: a URL or a database cannot be reached.
    """
    found = {}
    for table, source in remote_sources(config).items():
        if not isinstance(source, SqlConfig):
            shown = str(without_secrets(source))
            told = "\n".join(f"{each.name} {each.state}" for each in listed(source))
        elif source.version is not None:
            shown = str(source)
            with opened(source, workspace) as database, _of(table):
                told = database.cell(source.version)
        else:
            continue
        found[f"{table} of {shown}"] = hashlib.sha256(told.encode()).hexdigest()
    return found


def fetched(
    config: DatasetConfig,
    into: Path,
    *,
    workspace: Path,
    findings: Findings,
    progress: Progress,
) -> DatasetConfig:
    """Fetch a dataset's tables; its section with the files that came in their place.

    Args:
        config: the section.
        into: folder that gets the files; made where there is something to fetch.
        workspace: the workspace.
        findings: told what cannot be reached.
        progress: told what is fetched.

    Raises:
        DataError: a source cannot be reached.
        ConfigError: a query or a URL is wrong.
    """
    sources = remote_sources(config)
    if not sources:
        return config
    into.mkdir()
    files: dict[str, str] = {}
    for table, source in sources.items():
        if isinstance(source, str):
            (into / table).mkdir()
            with _failing(findings, table):
                progress.start(f"fetch {without_secrets(source)}")
                files[table] = str(into / table / copied(source, into / table))
    queries = {table: each for table, each in sources.items() if isinstance(each, SqlConfig)}
    for url in dict.fromkeys(source.url for source in queries.values()):
        of_url = {table: source for table, source in queries.items() if source.url == url}
        first = next(iter(of_url))
        with _failing(findings, first), opened(of_url[first], workspace) as db:
            for table, source in of_url.items():
                progress.start(f"fetch {table}: {source}")
                path = into / f"{table} (sql).parquet"
                with _of(table):
                    db.write(source.sql, path)
                files[table] = str(path)
    return _with_files(config, files, into)


def _with_files(config: DatasetConfig, files: dict[str, str], into: Path) -> DatasetConfig:
    joined = [
        join.model_copy(update={"file": files.get(f"join{number}", join.file)})
        for number, join in enumerate(config.join, 1)
    ]
    own = {table: file for table, file in files.items() if table in type(config).model_fields}
    return config.model_copy(update={"path": config.path or str(into), "join": joined, **own})


@contextmanager
def _of(table: str) -> Iterator[None]:
    """Say which table an error is about."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise type(error)(f"{table}: {error.message}", hint=error.advice) from None


@contextmanager
def _failing(findings: Findings, table: str) -> Iterator[None]:
    """Have what cannot be read be a finding, as a file's is."""
    try:
        yield
    except DataError as error:
        findings.fatal(f"{table}.source", error.message, hint=error.hint)
