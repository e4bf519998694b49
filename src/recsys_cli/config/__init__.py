"""recsys.toml as typed models: one model per part, defaults that work with no file at all."""

from recsys_cli.config.load import chosen_datasets, only_dataset
from recsys_cli.config.models import (
    ColumnsConfig,
    Config,
    DatasetConfig,
    EvalConfig,
    ImageConfig,
    InteractionsConfig,
    RecommendConfig,
    ServeConfig,
    TextConfig,
)

__all__ = [
    "ColumnsConfig",
    "Config",
    "DatasetConfig",
    "EvalConfig",
    "ImageConfig",
    "InteractionsConfig",
    "RecommendConfig",
    "ServeConfig",
    "TextConfig",
    "chosen_datasets",
    "only_dataset",
]
