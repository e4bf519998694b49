"""Pictures of products as small JPEGs within the page, each of them once.

Files come in, CSS rules with the pictures as base64 go out. A tile names its picture by class,
so a product that stands in fifty lists costs its bytes once.
"""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys_cli.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

    from recsys_cli.encoders.contract import Picture

WIDTH, HEIGHT = 96, 128
_QUALITY = 70


class _Fit:
    """Scale a picture down to fit a tile; what is smaller stays as it is."""

    size = (WIDTH, HEIGHT)

    def __call__(self, image: Image) -> Picture:
        """(height, width, 3) uint8 from an RGB image."""
        image.thumbnail(self.size)
        return np.asarray(image)


@dataclass
class Thumbnails:
    """Collects pictures, and says which class shows which.

    Attributes:
        root: folder that the pictures' paths are relative to.
        rules: data of each picture by class name.
    """

    root: Path
    rules: dict[str, str] = field(default_factory=dict)
    _known: dict[Path, str | None] = field(default_factory=dict)

    def add(self, picture: Path | None) -> str | None:
        """Class name for a picture's file; None where it is missing or cannot be read."""
        if picture is None:
            return None
        if picture not in self._known:
            self._known[picture] = self._read(self.root / picture)
        return self._known[picture]

    def _read(self, path: Path) -> str | None:
        from PIL import Image as Pillow

        from recsys_cli.encoders.pictures import load_picture

        try:
            pixels = load_picture(path.read_bytes(), _Fit())
        except (OSError, DataError):
            # A missing picture has a placeholder; `recsys validate` is where it is reported.
            return None
        buffer = io.BytesIO()
        Pillow.fromarray(pixels.astype(np.uint8)).save(
            buffer, "JPEG", quality=_QUALITY, optimize=True
        )
        data = buffer.getvalue()
        name = f"p{hashlib.sha256(data).hexdigest()[:12]}"
        self.rules[name] = base64.b64encode(data).decode()
        return name
