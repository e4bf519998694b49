"""Writes settings of a dataset into recsys.toml, as searches and evaluations decide on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from recsys_cli.assembly import load_config
from recsys_cli.config.load import CONFIG_FILE
from recsys_cli.errors import Command, ConfigError
from recsys_cli.store.files import atomic_path
from recsys_cli.strategies.tunable import Value


def write_settings(workspace: Path, dataset: str, settings: Mapping[str, Value]) -> Path:
    """Write settings into recsys.toml, which is as valid afterwards as before.

    Args:
        workspace: folder that holds recsys.toml.
        dataset: the dataset that they are for.
        settings: values by section.key.

    Returns:
        The file.

    Raises:
        RecsysError: there is no recsys.toml that names the dataset.
    """
    text = with_settings(workspace, dataset, settings)
    path = workspace / CONFIG_FILE
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    load_config(workspace)
    return path


def with_settings(workspace: Path, dataset: str, settings: Mapping[str, Value]) -> str:
    """The text of recsys.toml with these settings of one dataset, comments and order as they were.

    They go into the general section where the workspace has one dataset and it overrides
    nothing there, and into the dataset's own section otherwise.

    Args:
        workspace: folder that holds recsys.toml.
        dataset: the dataset that they are for.
        settings: values by section.key.

    Raises:
        ConfigError: there is no recsys.toml.
    """
    import tomlkit

    path, config = workspace / CONFIG_FILE, load_config(workspace)
    if not path.is_file():
        raise ConfigError(f"there is no {path} to write into", hint=Command("init"))
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
    placed: list[tuple[str, str, Value]] = []
    for name, value in settings.items():
        section, _, key = name.partition(".")
        table, header = document, section
        if len(config.datasets) > 1 or getattr(config.datasets[dataset], section):
            # One that was found by its folder need not be named yet.
            datasets = document.setdefault("datasets", tomlkit.table(is_super_table=True))
            table = datasets.setdefault(dataset, tomlkit.table(is_super_table=True))
            header = f"datasets.{dataset}.{section}"
        if section not in table:
            table[section] = tomlkit.table()
        elif key not in table[section]:
            placed.append((header, key, value))
        table[section][key] = value
    text = tomlkit.dumps(document)
    for header, key, value in placed:
        text = _at_its_place(text, header, key, value)
    return text


def _at_its_place(text: str, header: str, key: str, value: Value) -> str:
    """The text with a new last line of a section where its commented default is, or at the top.

    At the end it would stand below the comment of the next section.
    """
    import tomlkit

    line = f"{key} = {tomlkit.item(value).as_string()}"
    found = re.search(rf"^\[{re.escape(header)}\][^\n]*\n((?:(?!\[).*\n?)*)", text, re.M)
    if found is None or f"{line}\n" not in found[1]:
        return text
    first, _, rest = found[1].rpartition(f"{line}\n")
    body, there = re.subn(rf"^# ?{key} = .*$", lambda _: line, first + rest, count=1, flags=re.M)
    body = body if there else f"{line}\n{body}"
    return text[: found.start(1)] + body + text[found.end(1) :]
