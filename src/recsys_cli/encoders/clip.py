"""Pictures and texts through a CLIP model (Radford et al. 2021) by way of open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recsys_cli.encoders.contract import Picture, Vectors, unit_rows
from recsys_cli.encoders.pictures import ResizeCrop
from recsys_cli.encoders.torchload import TorchEncoder, Wanted, map_batches

_PICTURES_PER_BATCH = {"cpu": 16, "gpu": 128}
_TEXTS_PER_BATCH = 64
_PROBES = 8
_DEFAULTS = {"resize_mode": "shortest", "interpolation": "bicubic", "fill_color": 0}


class ClipEncoder(TorchEncoder):
    """An open_clip model.

    Args:
        architecture: name of an architecture of open_clip, or of `config`'s file.
        weights: a pretrained tag, or the path of a checkpoint.
        config: a JSON file that describes an architecture that open_clip does not have.
        wanted: the rest.
    """

    def __init__(
        self, architecture: str, weights: str, config: Path | None, wanted: Wanted
    ) -> None:
        super().__init__(wanted)
        self._architecture, self._weights, self._config = architecture, weights, config

    @property
    def dim(self) -> int:
        """Columns of the vectors; loads the model."""
        width, height = self.prepare.size
        return int(self.encode([np.zeros((height, width, 3), np.uint8)]).shape[1])

    @property
    def prepare(self) -> ResizeCrop:
        """Resizing and cropping as the model was trained with; loads the model."""
        return _resize_crop(self._loaded.settings)

    def encode(self, batch: Sequence[Picture]) -> Vectors:
        """(n, dim) float32 at unit length, from (height, width, 3) uint8 pictures.

        Raises:
            ConfigError: the model can't be loaded.
        """
        return self._encode(self._loaded, batch) if len(batch) else self._nothing()

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 at unit length, in the same space as the pictures."""
        if not texts:
            return self._nothing()
        tokens = self._loaded.tokenizer(list(texts)).to(self.device)
        parts = tokens.split(_TEXTS_PER_BATCH)
        return _to_rows(map_batches(self._loaded.model.encode_text, parts, self.device))

    def _nothing(self) -> Vectors:
        return np.zeros((0, self.dim), np.float32)

    @cached_property
    def _loaded(self) -> _Loaded:
        loaded = self.load("image", "open_clip", self._read)
        probes = _noise(_resize_crop(loaded.settings).size)
        model = self.settle(
            loaded.model, lambda one: self._encode(loaded._replace(model=one), probes)
        )
        return loaded._replace(model=model)

    def _read(self, library: Any) -> _Loaded:
        if self._config is not None:
            library.add_model_config(self._config)
        model = library.create_model(self._architecture, self._weights, require_pretrained=True)
        tokenizer = library.get_tokenizer(self._architecture)
        return _Loaded(model, tokenizer, _DEFAULTS | library.get_model_preprocess_cfg(model))

    def _encode(self, loaded: _Loaded, batch: Sequence[Picture]) -> Vectors:
        import torch

        model, device = loaded.model, self.device
        dtype = next(model.parameters()).dtype
        mean, std = (
            torch.tensor(loaded.settings[name], device=device).view(1, 3, 1, 1)
            for name in ("mean", "std")
        )

        def vectors(part: Sequence[Picture]) -> Any:
            pixels = torch.from_numpy(np.stack(part)).to(device)
            scaled = (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std
            return model.encode_image(scaled.to(dtype))

        size = _PICTURES_PER_BATCH["cpu" if device.type == "cpu" else "gpu"]
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        return _to_rows(map_batches(vectors, parts, device))


class _Loaded(NamedTuple):
    """A model in memory, its tokenizer, and open_clip's preprocessing settings."""

    model: Any
    tokenizer: Any
    settings: dict[str, Any]


def _resize_crop(settings: dict[str, Any]) -> ResizeCrop:
    from PIL.Image import Resampling

    size = settings["size"]
    height, width = (size, size) if isinstance(size, int) else size
    return ResizeCrop(
        size=(int(width), int(height)),
        mode=settings["resize_mode"],
        resample=int(Resampling[settings["interpolation"].upper()]),
        fill=int(settings["fill_color"]),
    )


def _noise(size: tuple[int, int]) -> list[Picture]:
    """Coarse coloured noise, the same every time."""
    width, height = size
    cells = np.random.default_rng(0).integers(0, 256, (_PROBES, 6, 6, 3), np.uint8)
    block = np.ones((1, -(-height // 6), -(-width // 6), 1), np.uint8)
    return list(np.kron(cells, block)[:, :height, :width])


def _to_rows(parts: Sequence[Any]) -> Vectors:
    return unit_rows(np.concatenate([part.float().cpu().numpy() for part in parts]))
