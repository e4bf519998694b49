"""The one place where recsys.toml overrides what a source says about itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.datasets.tables import Defaults
from recsys_cli.errors import ConfigError


def build_spec(
    name: str,
    config: DatasetConfig,
    defaults: Defaults,
    *,
    kinds: Sequence[str],
    has_time: bool,
    item_columns: Sequence[str],
    user_columns: Sequence[str],
) -> DatasetSpec:
    """The spec of a dataset: the source's defaults under the config's settings.

    Args:
        name: the dataset's name.
        config: its section of recsys.toml.
        defaults: what the adapter says.
        kinds: kinds of event, in the order of their codes.
        has_time: whether events carry a time.
        item_columns: columns of the items table.
        user_columns: columns of the users table.

    Raises:
        ConfigError: a setting names a kind of event or a column that the data does not have.
    """
    weights = {kind: float(defaults.weights.get(kind, 1.0)) for kind in kinds}
    if config.weights is not None:
        _known(name, "weights", config.weights, kinds, "kinds of event")
        weights |= config.weights
    truth = config.truth_events if config.truth_events is not None else list(kinds)
    _known(name, "truth_events", truth, kinds, "kinds of event")

    def columns(setting: str, own: Sequence[str], known: Sequence[str]) -> list[str]:
        wanted: list[str] | None = getattr(config, setting)
        if wanted is None:
            return list(own)
        _known(name, setting, wanted, known, "columns")
        return wanted

    variant = config.variant_column or defaults.variant_column
    _known(name, "variant_column", [variant] if variant else [], item_columns, "columns")
    return DatasetSpec(
        name=name,
        source=config.source or name,
        kind=config.kind,
        events=list(kinds),
        weights=weights,
        value_as_weight=bool(config.value_as_weight),
        truth_events=truth,
        repurchase=defaults.repurchase if config.repurchase is None else config.repurchase,
        horizon_days=config.horizon_days or defaults.horizon_days,
        has_time=has_time,
        text_columns=columns("text_columns", defaults.text_columns, item_columns),
        category_columns=columns("category_columns", defaults.category_columns, item_columns),
        variant_column=variant,
        segment_columns=columns("segment_columns", defaults.segment_columns, user_columns),
        user_columns=columns("user_columns", defaults.user_columns, user_columns),
        image_root=defaults.image_root,
    )


def _known(
    dataset: str, setting: str, wanted: Iterable[str], known: Sequence[str], what: str
) -> None:
    unknown = [w for w in wanted if w not in known]
    if unknown:
        raise ConfigError(
            f"[datasets.{dataset}] {setting} names {unknown}, which the data does not have",
            hint=f"{what}: {', '.join(known)}",
        )
