"""recsys.toml as typed models: one model per part, defaults that work with no file at all."""

from recsys_cli.config.load import chosen_datasets, only_dataset
from recsys_cli.config.models import Config, ServeConfig

__all__ = ["Config", "ServeConfig", "chosen_datasets", "only_dataset"]
