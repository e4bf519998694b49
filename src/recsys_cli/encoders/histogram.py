"""Pictures as colour and edge histograms (Swain and Ballard 1991; Dalal and Triggs 2005).

Needs Pillow and numpy alone. A picture's vector is made of colours over the whole picture,
colours in a grid of cells, and directions of edges in a grid of cells. Colours are counted in
Oklab (Ottosson 2020), where equal distances look about equally different, and each pixel counts
in the bins around it, so that two shades of a colour share bins. Pixels that look like the
picture's border count little: product photos have plain backgrounds.
Square roots of shares make an inner product of two blocks their Bhattacharyya coefficient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.encoders.contract import Picture, Vectors, unit_rows
from recsys_cli.encoders.weights import combined_digest

if TYPE_CHECKING:
    from PIL.Image import Image

Floats = npt.NDArray[np.float32]

VERSION = 1
"""Raised whenever the vectors change, so that cached ones are not mixed with new ones."""

_SIDE = 64
_COLOUR_BINS = (4, 6, 6)
_CELL_BINS = (2, 4, 4)
_COLOUR_GRID = 3
_EDGE_GRID = 4
_DIRECTIONS = 8
_WEIGHTS = {"colours": 0.45, "layout": 0.25, "edges": 0.30}
"""Share of each block in the inner product of two vectors."""

_LOW = np.array([0.0, -0.26, -0.32], np.float32)
_HIGH = np.array([1.0, 0.28, 0.20], np.float32)
"""Range of L, a and b over all of sRGB."""

_BACKGROUND = 0.06
"""Distance in Oklab from the border's colour at which a pixel counts half."""

_LINEAR_BELOW = 0.04045
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)


@dataclass(frozen=True, slots=True)
class Histograms:
    """The features of one picture; picklable, run by worker processes."""

    @property
    def size(self) -> tuple[int, int]:
        """Pixels looked at."""
        return (_SIDE, _SIDE)

    def __call__(self, image: Image) -> Picture:
        """(dim,) float32 features of an RGB image."""
        from PIL.Image import Resampling

        small = image.resize((_SIDE, _SIDE), Resampling.BOX)
        lab = oklab(np.asarray(small, np.uint8))
        weight = _foreground(lab)
        blocks = {
            "colours": _colours(lab, weight, _COLOUR_BINS, grid=1),
            "layout": _colours(lab, weight, _CELL_BINS, grid=_COLOUR_GRID),
            "edges": _edges(lab[..., 0]),
        }
        return np.concatenate(
            [np.sqrt(_WEIGHTS[name] * _shares(block)) for name, block in blocks.items()]
        ).astype(np.float32)


class HistogramEncoder:
    """The encoder over `Histograms`, which does the work."""

    def __init__(self) -> None:
        self.fingerprint = combined_digest({"histogram": str(VERSION)})
        self.name = f"histogram@{self.fingerprint[:12]}"
        self.facts: dict[str, Any] = {}

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        colours = int(np.prod(_COLOUR_BINS))
        cells = _COLOUR_GRID**2 * int(np.prod(_CELL_BINS))
        return colours + cells + _EDGE_GRID**2 * _DIRECTIONS

    @property
    def prepare(self) -> Histograms:
        """The features."""
        return Histograms()

    def encode(self, batch: Sequence[Picture]) -> Vectors:
        """(n, dim) float32 at unit length."""
        if not len(batch):
            return np.zeros((0, self.dim), np.float32)
        return unit_rows(np.stack(batch).astype(np.float32))


def oklab(rgb: npt.NDArray[np.uint8]) -> Floats:
    """Oklab (…, 3) float32 of sRGB (…, 3) uint8."""
    lms = np.cbrt(_LINEAR[rgb] @ _TO_LMS.T)
    return np.asarray(lms @ _TO_OKLAB.T, np.float32)


def _linear_light() -> Floats:
    """Light by sRGB byte (256,); IEC 61966-2-1."""
    value = np.arange(256) / 255
    curve = np.where(value <= _LINEAR_BELOW, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return curve.astype(np.float32)


_LINEAR = _linear_light()


def _foreground(lab: Floats) -> Floats:
    """How much each pixel counts (h, w): little where it looks like the border."""
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    squared = ((lab - np.median(border, axis=0)) ** 2).sum(axis=-1)
    # The floor keeps a picture that is all of one colour from having no colour at all.
    return np.asarray(0.02 + squared / (squared + _BACKGROUND**2), np.float32)


def _cells(side: int, grid: int) -> npt.NDArray[np.int64]:
    """Number of the grid cell of each pixel (side, side)."""
    place = np.arange(side) * grid // side
    return place[:, None] * grid + place[None, :]


def _colours(lab: Floats, weight: Floats, bins: tuple[int, int, int], *, grid: int) -> Floats:
    """Counts of colours per cell (grid² · bins), each pixel shared among the 8 bins around it."""
    sizes = np.array(bins)[:, None]
    channels = np.ascontiguousarray(((lab - _LOW) / (_HIGH - _LOW)).reshape(-1, 3).T)
    place = channels.clip(0, 1) * (sizes - 1)
    low = np.minimum(place.astype(np.int64), sizes - 2)
    share = place - low
    shares = (1 - share, share)
    steps = (bins[1] * bins[2], bins[2], 1)
    first = _cells(len(lab), grid).ravel() * int(sizes.prod())
    first += sum(step * one for step, one in zip(steps, low, strict=True))
    total = np.zeros(grid**2 * int(sizes.prod()))
    for i, j, k in product((0, 1), repeat=3):
        part = weight.ravel() * shares[i][0] * shares[j][1] * shares[k][2]
        index = first + (i * steps[0] + j * steps[1] + k)
        total += np.bincount(index, part, len(total))
    return total.astype(np.float32)


def _edges(light: Floats) -> Floats:
    """Strength of edges per cell and direction (grid² · directions), from lightness (h, w)."""
    down, right = np.gradient(light)
    strength = np.hypot(down, right)
    turn = (np.arctan2(down, right) / np.pi % 1) * _DIRECTIONS
    low = np.floor(turn).astype(np.int64)
    share = turn - low
    cell = _cells(len(light), _EDGE_GRID) * _DIRECTIONS
    total = np.zeros(_EDGE_GRID**2 * _DIRECTIONS)
    for step, part in ((0, 1 - share), (1, share)):
        index = cell + (low + step) % _DIRECTIONS
        total += np.bincount(index.ravel(), (strength * part).ravel(), len(total))
    return total.astype(np.float32)


def _shares(counts: Floats) -> Floats:
    total = float(counts.sum())
    return counts / total if total > 0 else counts
