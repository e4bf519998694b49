"""Reads recsys.toml and `--set` overrides into `Config`, with errors that name the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from recsys_cli.config.found import dataset_model, found_datasets, is_dataset_name, overridable
from recsys_cli.config.models import UNSET, Config, DatasetConfig, Section
from recsys_cli.config.sources import NAME, QUERY, without_secrets
from recsys_cli.errors import Command, ConfigError, meant

CONFIG_FILE = "recsys.toml"


def read_config(model: type[Config], workspace: Path, overrides: Sequence[str] = ()) -> Config:
    """The workspace's configuration.

    Without a recsys.toml, or with one that says of no dataset what kind it is of, those are used
    that are found, with what it says of them.

    Args:
        model: of all sections.
        workspace: folder that holds recsys.toml.
        overrides: `section.key=value` strings; values are read as TOML, else as text.

    Raises:
        ConfigError: the file is not TOML, or a key or value is wrong.
    """
    path = workspace / CONFIG_FILE
    raw: dict[str, Any] = {}
    if path.is_file():
        import tomllib

        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from error
    stated = raw.setdefault("datasets", {})
    tables = stated.values() if isinstance(stated, dict) else [stated]
    if all(isinstance(of, dict) and "kind" not in of for of in tables):
        raw["datasets"] = _laid_over(found_datasets(model, workspace), stated)
    for override in overrides:
        _apply(raw, override)
    where = str(path) if path.is_file() else "the configuration"
    config = validate(model, raw, where=where, overrides=overrides)
    for name in config.datasets:
        if not is_dataset_name(name):
            raise ConfigError(
                f"dataset name {name!r} cannot be part of a file name",
                hint="use lower-case letters, digits and underscores, and not 'all'",
            )
        for section in overridable(model):
            section_for(config, section, name, overrides=overrides)
    return config


def _laid_over(found: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Tables with what is stated in place of what was found, down to single values."""
    made = dict(found)
    for name, value in stated.items():
        own = made.get(name)
        both = isinstance(own, dict) and isinstance(value, dict)
        made[name] = _laid_over(own or {}, value) if both else value
    return made


def section_for(
    config: Config, section: str, dataset: str, *, overrides: Sequence[str] = ()
) -> Any:
    """One stage's section with the dataset's own overrides, if it has any, applied.

    `overrides` are those of `--set`, which errors name.
    """
    base: Section = getattr(config, section)
    own: dict[str, Any] = getattr(config.datasets.get(dataset), section, {})
    if not own:
        return base
    merged = base.model_dump(exclude_unset=True) | own
    table = f"datasets.{dataset}.{section}"
    return validate(type(base), merged, where=f"[{table}]", within=f"{table}.", overrides=overrides)


def changed(config: Config, section: str, values: dict[str, Any]) -> Config:
    """The configuration with some settings of a section replaced.

    Raises:
        ConfigError: a value is wrong.
    """
    base: Section = getattr(config, section)
    made = validate(type(base), base.model_dump() | values, where=f"[{section}]")
    return config.model_copy(update={section: made})


def dataset_config(config: Config, dataset: str) -> DatasetConfig:
    """The named dataset's section.

    Raises:
        ConfigError: no such dataset.
    """
    if dataset not in config.datasets:
        known = ", ".join(config.datasets) or "none"
        raise ConfigError(
            f"there is no dataset {dataset!r}{meant(dataset, config.datasets)}",
            hint=f"datasets: {known}",
        )
    return config.datasets[dataset]


def raw_path(config: Config, dataset: str) -> str | None:
    """Where recsys.toml says that a dataset's raw files are; None where it does not name it."""
    own = config.datasets.get(dataset)
    return None if own is None else own.path


def chosen_datasets(config: Config, chosen: str | None = None) -> list[str]:
    """The datasets that a command is about: the chosen one, or all (None or "all").

    Raises:
        ConfigError: there is none, or none of that name.
    """
    if chosen and chosen != "all":
        dataset_config(config, chosen)
        return [chosen]
    if not config.datasets:
        raise ConfigError(
            "this workspace has no datasets",
            hint=(
                "run `",
                Command("demo"),
                "` for sample data, or `",
                Command("init"),
                "` and edit recsys.toml",
            ),
        )
    return list(config.datasets)


def only_dataset(config: Config, chosen: str | None = None) -> str:
    """The one dataset that a command is about.

    Raises:
        ConfigError: there are several and none was chosen.
    """
    names = chosen_datasets(config, chosen)
    if len(names) > 1:
        raise ConfigError(
            f"this command is about one dataset, and there are {', '.join(names)}",
            hint=f"add --dataset {names[0]}",
        )
    return names[0]


M = TypeVar("M", bound=BaseModel)


def validate(
    model: type[M],
    raw: dict[str, Any],
    *,
    where: str,
    within: str = "",
    overrides: Sequence[str] = (),
) -> M:
    """`model` from `raw`, with every problem as one readable line.

    It names `where`, or the one of `overrides` that the key, which is one `within` others, is from.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key, what = _explained(model, raw, problem)
            override = set_by(within + key, overrides)
            source = ": ".join(filter(None, [where, key]))
            if override:
                source = f"--set {without_secrets(override)}"
            lines.append(f"{source}: {what}")
        # The original shows what was given, secrets too.
        raise ConfigError("; ".join(lines)) from None


def _explained(model: type[BaseModel], raw: dict[str, Any], problem: Any) -> tuple[str, str]:
    """The key that a problem is about, and what is wrong with it."""
    place = tuple(part for part in problem["loc"] if part not in (NAME, QUERY))
    what, given = problem["msg"].removeprefix("Value error, "), problem["input"]
    if problem["type"] == "extra_forbidden":
        what = f"there is no such setting{_meant(model, place)}"
    elif problem["type"] == "missing":
        place, what = place[:-1], f"{place[-1]} {UNSET}"
    elif not isinstance(given, dict):
        # A whole section says no more than its name does.
        what += f" (got {without_secrets(given)!r})"
    if place[:-1] == ("datasets",) and what.endswith(UNSET) and len(raw["datasets"]) > 1:
        # Perhaps another dataset was meant.
        others = (name for name in raw["datasets"] if name != place[1])
        what += f"; beside it there is {', '.join(others)}"
    return ".".join(map(str, place)), what


def set_by(key: str, overrides: Sequence[str]) -> str | None:
    """The last `--set` of a setting, of something in it, or of what it is in; None without one."""
    for override in reversed(overrides):
        given = override.partition("=")[0].strip()
        if f"{given}.".startswith(f"{key}.") or f"{key}.".startswith(f"{given}."):
            return override
    return None


def _meant(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """The setting that a misspelt one was probably meant to be."""
    section: Any = model
    for part in location[:-1]:
        fields = getattr(section, "model_fields", {})
        section = fields[part].annotation if part in fields else dataset_model(model)
    known = getattr(section, "model_fields", {})
    return meant(str(location[-1]), known)


def _apply(raw: dict[str, Any], override: str) -> None:
    import tomllib

    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set {override!r} is not of the form section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = raw
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(
                f"--set {without_secrets(override)!r}: {part!r} is a value, not a section"
            )
    table[parts[-1]] = value
