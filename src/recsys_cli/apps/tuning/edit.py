"""Writes settings into an existing recsys.toml, leaving comments and order as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recsys_cli.assembly import load_config
from recsys_cli.config.load import CONFIG_FILE
from recsys_cli.errors import Command, ConfigError, RecsysError


def with_settings(workspace: Path, dataset: str, settings: Mapping[str, float | int | str]) -> str:
    """The text of recsys.toml with these settings of one dataset.

    They go into the general section where the workspace has one dataset and it overrides
    nothing there, and into the dataset's own section otherwise.

    Args:
        workspace: folder that holds recsys.toml.
        dataset: the dataset that they are for.
        settings: values by section.key.

    Raises:
        ConfigError: there is no recsys.toml.
        RecsysError: tomlkit is not installed.
    """
    try:
        import tomlkit
    except ImportError as error:
        raise RecsysError(
            "writing into recsys.toml needs tomlkit, which is not installed",
            hint="pip install 'recsys-cli[tune]'",
        ) from error

    path, config = workspace / CONFIG_FILE, load_config(workspace)
    if not path.is_file():
        raise ConfigError(f"there is no {path} to write into", hint=Command("init"))
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
    if "datasets" not in document:
        # They were found by their folders; once one is named, all have to be.
        document["datasets"] = tomlkit.table(is_super_table=True)
        for name, found in config.datasets.items():
            document["datasets"][name] = {"kind": found.kind, "path": found.path}
    for name, value in settings.items():
        section, _, key = name.partition(".")
        table = document
        if len(config.datasets) > 1 or getattr(config.datasets[dataset], section):
            table = document["datasets"][dataset]
        if section not in table:
            table[section] = tomlkit.table()
        table[section][key] = value
    return tomlkit.dumps(document)
