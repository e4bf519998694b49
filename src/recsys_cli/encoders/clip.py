"""Pictures and texts through a CLIP model (Radford et al. 2021) by way of open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_cli.encoders.contract import Picture, Precision, Vectors, unit_rows
from recsys_cli.encoders.pictures import ResizeCrop
from recsys_cli.encoders.problems import cannot_load, library_missing
from recsys_cli.encoders.torchload import (
    import_beside_torch,
    map_batches,
    pick_device,
    quiet,
    settle_precision,
)

if TYPE_CHECKING:
    import torch

_PICTURES_PER_BATCH = {"cpu": 16, "gpu": 128}
_TEXTS_PER_BATCH = 64
_PROBES = 8
_DEFAULTS = {"resize_mode": "shortest", "interpolation": "bicubic", "fill_color": 0}


class ClipEncoder:
    """An open_clip model.

    Args:
        architecture: name of an architecture of open_clip, or of `config`'s file.
        weights: a pretrained tag, or the path of a checkpoint.
        config: a JSON file that describes an architecture that open_clip does not have.
        spec: the string from recsys.toml.
        fingerprint: identifies weights and settings.
        dtype: see `settle_precision`.
        device: "auto" or a torch device.
        config_line: the line of recsys.toml to name when it can't be loaded.
    """

    def __init__(
        self,
        architecture: str,
        weights: str,
        *,
        config: Path | None,
        spec: str,
        fingerprint: str,
        dtype: Precision,
        device: str,
        config_line: str,
    ) -> None:
        self._architecture = architecture
        self._weights = weights
        self._config = config
        self._dtype: Precision = dtype
        self._device_name = device
        self._config_line = config_line
        self.fingerprint = fingerprint
        self.name = f"{spec}@{fingerprint[:12]}"
        self.facts: dict[str, Any] = {}

    @property
    def dim(self) -> int:
        """Columns of the vectors; loads the model."""
        width, height = self.prepare.size
        return int(self.encode([np.zeros((height, width, 3), np.uint8)]).shape[1])

    @property
    def prepare(self) -> ResizeCrop:
        """Resizing and cropping as the model was trained with; loads the model."""
        return self._loaded.prepare

    def encode(self, batch: Sequence[Picture]) -> Vectors:
        """(n, dim) float32 at unit length, from (height, width, 3) uint8 pictures.

        Raises:
            ConfigError: the model can't be loaded.
        """
        if not len(batch):
            return np.zeros((0, self.dim), np.float32)
        return self._loaded.encode_pictures(batch)

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 at unit length, in the same space as the pictures."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        return self._loaded.encode_texts(texts)

    @cached_property
    def _loaded(self) -> _Loaded:
        try:
            library = import_beside_torch("open_clip")
        except ImportError as error:
            raise library_missing(self._config_line, "image", error) from error
        device = pick_device(self._device_name, config_line=self._config_line)
        try:
            with quiet():
                if self._config is not None:
                    library.add_model_config(self._config)
                model = library.create_model(
                    self._architecture, self._weights, require_pretrained=True
                )
                tokenizer = library.get_tokenizer(self._architecture)
        except Exception as error:
            # A name, a download or a file can be wrong in as many ways as there are layers.
            raise cannot_load(self._config_line, "image", error) from error
        settings = _DEFAULTS | library.get_model_preprocess_cfg(model)
        loaded = _Loaded(model, tokenizer, device, _resize_crop(settings), settings)
        probes = _noise(loaded.prepare.size)
        model, self.facts = settle_precision(
            model,
            self._dtype,
            device,
            probe=lambda candidate: replace(loaded, model=candidate).encode_pictures(probes),
        )
        return replace(loaded, model=model)


@dataclass(frozen=True)
class _Loaded:
    """A model in memory, and what goes with it.

    Attributes:
        model: in its final precision, on `device`.
        tokenizer: texts to (n, length) int64.
        device: where it runs.
        prepare: the first step for pictures.
        settings: open_clip's preprocessing settings, with mean and standard deviation.
    """

    model: Any
    tokenizer: Any
    device: torch.device
    prepare: ResizeCrop
    settings: dict[str, Any]

    def encode_pictures(self, batch: Sequence[Picture]) -> Vectors:
        """Vectors of prepared pictures."""
        import torch

        dtype = next(self.model.parameters()).dtype
        mean, std = (
            torch.tensor(self.settings[name], device=self.device).view(1, 3, 1, 1)
            for name in ("mean", "std")
        )

        def vectors(part: Sequence[Picture]) -> Any:
            pixels = torch.from_numpy(np.stack(part)).to(self.device)
            scaled = (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std
            return self.model.encode_image(scaled.to(dtype))

        size = _PICTURES_PER_BATCH["cpu" if self.device.type == "cpu" else "gpu"]
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        return _to_rows(map_batches(vectors, parts, self.device))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Vectors of texts."""
        tokens = self.tokenizer(list(texts)).to(self.device)
        parts = tokens.split(_TEXTS_PER_BATCH)
        return _to_rows(map_batches(self.model.encode_text, parts, self.device))


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
