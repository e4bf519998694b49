"""What strategies declare, put together: all settings, and all stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from recsys_cli.build.graph import Graph
from recsys_cli.build.stages import base_stages
from recsys_cli.config.load import read_config, set_by
from recsys_cli.config.models import OVERRIDABLE, Config, DatasetConfig
from recsys_cli.datasets.adapters import KINDS
from recsys_cli.errors import ConfigError, meant
from recsys_cli.strategies import STRATEGIES

SECTIONS = {
    name: section
    for strategy in reversed(STRATEGIES.values())
    for name, section in strategy.sections.items()
}
"""The strategies' sections of recsys.toml."""
_OWN: dict[str, Any] = {
    name: (dict[str, Any], Field(default_factory=dict)) for name in (*OVERRIDABLE, *SECTIONS)
}
FullDatasetConfig: type[DatasetConfig] = create_model(
    "FullDatasetConfig", __base__=DatasetConfig, __doc__=DatasetConfig.__doc__, **_OWN
)
"""One data source, with what it overrides."""
_ALL: dict[str, Any] = {
    "datasets": (dict[str, FullDatasetConfig], Field(default_factory=dict)),
    **{name: (section, Field(default_factory=section)) for name, section in SECTIONS.items()},
}
FullConfig: type[Config] = create_model("FullConfig", __base__=Config, **_ALL)
"""The whole of recsys.toml."""


def load_config(workspace: Path, overrides: Sequence[str] = ()) -> Config:
    """The workspace's configuration; see `config.load.read_config`.

    Raises:
        ConfigError: see there; or a dataset is of a kind that there is not.
    """
    config = read_config(FullConfig, workspace, overrides)
    for name, dataset in config.datasets.items():
        if dataset.kind not in KINDS:
            key = f"datasets.{name}.kind"
            override = set_by(key, overrides)
            source = f"--set {override}" if override else key
            raise ConfigError(
                f"{source}: there is no kind {dataset.kind!r}{meant(dataset.kind, KINDS)}",
                hint=f"one of: {', '.join(KINDS)}",
            )
    return config


def default_graph() -> Graph:
    """All stages of `recsys build all`."""
    made = [strategy.stages() for strategy in reversed(STRATEGIES.values())]
    return Graph([*base_stages(), *(stage for stages in made for stage in stages)])
