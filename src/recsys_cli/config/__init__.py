"""recsys.toml as typed models: one model per stage, defaults that work with no file at all."""

from recsys_cli.config.load import chosen_datasets, load_config, only_dataset
from recsys_cli.config.models import (
    AlsConfig,
    ColumnsConfig,
    Config,
    ContentConfig,
    DatasetConfig,
    EvalConfig,
    GraphConfig,
    HybridConfig,
    ImageConfig,
    IndexConfig,
    InteractionsConfig,
    ItemKnnConfig,
    PopularConfig,
    RecommendConfig,
    ServeConfig,
    TextConfig,
)

__all__ = [
    "AlsConfig",
    "ColumnsConfig",
    "Config",
    "ContentConfig",
    "DatasetConfig",
    "EvalConfig",
    "GraphConfig",
    "HybridConfig",
    "ImageConfig",
    "IndexConfig",
    "InteractionsConfig",
    "ItemKnnConfig",
    "PopularConfig",
    "RecommendConfig",
    "ServeConfig",
    "TextConfig",
    "chosen_datasets",
    "load_config",
    "only_dataset",
]
