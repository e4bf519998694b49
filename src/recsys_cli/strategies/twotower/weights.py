"""two_tower_*.pt: the towers' weights as plain tensors, and what they are made for.

Files are read with `weights_only=True`, so a file from a stranger runs no code. The tables of
columns and the gains of segments belong to one dataset; the rest, the dense weights, can start
the towers of another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from recsys_cli.errors import ArtifactError, ConfigError
from recsys_cli.strategies.twotower.model import Shape, TwoTower

_OF_ONE_DATASET = ("code_tables", "guess_tables", "segment_gain")
_MUST_MATCH = {
    "factors": "als.factors",
    "content": "twotower.content_dim, and the same parts (text, image) of the content",
    "user_numbers": "a version of recsys",
    "item_numbers": "a version of recsys",
    "hidden": "twotower.hidden",
    "extra": "twotower.extra",
}
"""Dimensions of the dense weights, and what sets them."""


def save_weights(path: Path, model: TwoTower, about: dict[str, Any]) -> None:
    """Write weights, shape and JSON-able facts; equal input gives equal bytes."""
    weights = {name: values.detach().cpu() for name, values in model.state_dict().items()}
    # The name of the file inside the archive would be the path's otherwise.
    with path.open("wb") as file:
        torch.save({"shape": model.shape.to_json(), "about": about, "weights": weights}, file)


def load_weights(path: Path) -> tuple[Shape, dict[str, torch.Tensor], dict[str, Any]]:
    """Shape, weights and facts.

    Raises:
        ArtifactError: the file is missing, damaged or something else.
    """
    try:
        made = torch.load(path, map_location="cpu", weights_only=True)
        return Shape.from_json(made["shape"]), dict(made["weights"]), dict(made["about"])
    except FileNotFoundError:
        raise ArtifactError(
            f"{path} does not exist", hint="name a two_tower_*.pt that `recsys twotower train` made"
        ) from None
    except Exception as error:
        # A damaged archive fails in as many ways as it has bytes.
        raise ArtifactError(
            f"{path} holds no two-tower weights ({type(error).__name__})",
            hint="name a two_tower_*.pt that `recsys twotower train` made",
        ) from error


def start_from(model: TwoTower, path: Path) -> None:
    """Carry over the dense weights of another dataset's towers, in place.

    Raises:
        ArtifactError: see `load_weights`.
        ConfigError: the dimensions differ.
    """
    shape, weights, _ = load_weights(path)
    wrong = [
        f"{name} ({getattr(shape, name)} there, {getattr(model.shape, name)} here: {setting})"
        for name, setting in _MUST_MATCH.items()
        if getattr(shape, name) != getattr(model.shape, name)
    ]
    if wrong:
        settings = "; ".join(
            f"--set {_MUST_MATCH[name]}={getattr(shape, name)}"
            for name in ("factors", "hidden", "extra")
            if getattr(shape, name) != getattr(model.shape, name)
        )
        raise ConfigError(
            f"{path.name} does not fit: these must be the same: {', '.join(wrong)}",
            hint=settings or "build both datasets with the same encoders and settings",
        )
    dense = {
        name: values
        for name, values in weights.items()
        if not any(part in name for part in _OF_ONE_DATASET) and name != "factor_scale"
    }
    model.load_state_dict(dense, strict=False)
