"""Patterns of cloth: for each graphical appearance, where its second and third colour go.

A pattern is one or two masks over the picture, the same for all colours, so it is drawn once and
kept; a picture mixes its own colours by them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys_cli.datasets.demo.outline import HEIGHT, WIDTH, Image32, Points, ellipse, rounded

VARIANTS = 4
Masks = tuple[Image32, Image32]
Draw = Callable[[int, Image32, Image32], Masks]
NOWHERE = np.zeros((HEIGHT, WIDTH), np.float32)


def _soft(value: NDArray[np.floating[Any]]) -> Image32:
    """A step at zero, one pixel wide, from a signed distance in pixels."""
    return (value + 0.5).clip(0.0, 1.0).astype(np.float32)


def _stripe(variant: int, x: Image32, y: Image32) -> Masks:
    along = x if variant == 2 else y
    period = (18.0, 9.0, 13.0, 26.0)[variant]
    width = (6.0, 3.0, 2.0, 13.0)[variant]
    return _soft(width / 2 - np.abs(along % period - period / 2)), NOWHERE


def _check(variant: int, x: Image32, y: Image32) -> Masks:
    period = (30.0, 16.0, 44.0, 24.0)[variant]
    u, v = (x, y) if variant != 2 else (x + y, x - y)
    bars = 0.5 * _soft(period / 4 - np.abs(u % period - period / 2))
    bars = bars + 0.5 * _soft(period / 4 - np.abs(v % period - period / 2))
    thin = _soft(0.9 - np.abs(u % period - 2)) + _soft(0.9 - np.abs(v % period - 2))
    return bars.astype(np.float32), np.clip(thin, 0, 1) * np.float32(0.7)


def _dot(variant: int, x: Image32, y: Image32) -> Masks:
    period = (20.0, 12.0, 30.0, 16.0)[variant]
    radius = (4.2, 2.1, 7.5, 2.6)[variant]
    row = np.floor(y / period)
    u = (x + (row % 2) * period / 2) % period - period / 2
    v = y % period - period / 2
    return _soft(radius - np.sqrt(u * u + v * v)), NOWHERE


def _melange(variant: int, x: Image32, y: Image32) -> Masks:
    rng = np.random.default_rng(90 + variant)
    grain = rng.random((HEIGHT, WIDTH), dtype=np.float32)
    long = (grain + np.roll(grain, 1, 0) + np.roll(grain, 2, 0) + np.roll(grain, 1, 1)) / 4
    return np.clip((long - 0.35) * 1.1, 0, 0.7), NOWHERE


def _denim(variant: int, x: Image32, y: Image32) -> Masks:
    rng = np.random.default_rng(80 + variant)
    twill = 0.5 + 0.5 * np.sin((x + y) * 2.1)
    slub = rng.random((1, WIDTH), dtype=np.float32) * 0.5
    wash = np.exp(-((np.abs(x - WIDTH / 2) - 26) ** 2) / 260) * np.exp(-((y - 120) ** 2) / 5200)
    light = 0.22 * twill + 0.25 * slub + (0.1, 0.35, 0.5, 0.2)[variant] * wash
    return np.clip(light, 0, 0.8).astype(np.float32), NOWHERE


def _floral(variant: int, x: Image32, y: Image32) -> Masks:
    """Flowers with a centre, or leaves, scattered over a jittered grid."""
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(70 + variant)
    size = (9.0, 14.0, 7.0, 11.0)[variant]
    petals, hearts = (Image.new("L", (WIDTH * 2, HEIGHT * 2)) for _ in range(2))
    on_petals, on_hearts = ImageDraw.Draw(petals), ImageDraw.Draw(hearts)
    step = size * 2.5
    for row in range(int(HEIGHT / step) + 2):
        for column in range(int(WIDTH / step) + 2):
            shift = rng.normal(0, step * 0.14, 2)
            cx = (column + 0.5 * (row % 2)) * step + shift[0]
            cy = row * step + shift[1]
            turn, scale = rng.random() * 6.3, size * (0.7 + 0.5 * rng.random())
            if variant == 3:
                leaf = [(0.0, -scale), (scale * 0.55, 0.0), (0.0, scale), (-scale * 0.55, 0.0)]
                on_petals.polygon(_twice(rounded(_turned(leaf, turn, cx, cy), 2)), fill=255)
                vein = _turned([(0.0, -scale * 0.7), (0.0, scale * 1.3)], turn, cx, cy)
                on_hearts.line(_twice(vein), fill=255, width=2)
                continue
            for petal in range(5):
                angle = turn + petal * 2 * np.pi / 5
                px, py = cx + np.cos(angle) * scale * 0.5, cy + np.sin(angle) * scale * 0.5
                on_petals.polygon(_twice(ellipse(px, py, scale * 0.36, scale * 0.36, 14)), fill=255)
            on_hearts.polygon(_twice(ellipse(cx, cy, scale * 0.24, scale * 0.24, 12)), fill=255)
    return _halved(petals), _halved(hearts)


def _twice(points: Points) -> Points:
    return [(2 * x, 2 * y) for x, y in points]


def _turned(points: Points, angle: float, x: float, y: float) -> Points:
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return [(x + c * u - s * v, y + s * u + c * v) for u, v in points]


def _halved(image: object) -> Image32:
    """A mask drawn at twice the size, reduced."""
    big = np.asarray(image, np.float32) / np.float32(255)
    small: Image32 = big.reshape(HEIGHT, 2, WIDTH, 2).mean(axis=(1, 3), dtype=np.float32)
    return small


def _lace(variant: int, x: Image32, y: Image32) -> Masks:
    a = np.sin(x * 0.55) * np.sin(y * 0.55)
    b = np.sin((x + y) * 0.28 + variant) * np.sin((x - y) * 0.28)
    return _soft((a - 0.25) * 4) * np.float32(0.45), _soft((b - 0.45) * 5) * np.float32(0.5)


def _embroidery(variant: int, x: Image32, y: Image32) -> Masks:
    petals, hearts = _floral(2, x, y)
    where = np.exp(-((x - WIDTH / 2 - (0, 24, -24, 0)[variant]) ** 2) / 900)
    where = where * np.exp(-((y - (110, 120, 130, 200)[variant]) ** 2) / 2600)
    keep = _soft((where - 0.35) * 20)
    return petals * keep, hearts * keep


def _front_print(variant: int, x: Image32, y: Image32) -> Masks:
    cx, cy = WIDTH / 2, 128.0
    if variant == 0:
        disc = _soft(24 - np.hypot(x - cx, y - cy))
        return disc, disc * _soft(3 - np.abs((y - cy) % 10 - 5))
    if variant == 1:
        ray = np.cos(5 * np.arctan2(y - cy, x - cx) + np.pi / 2)
        star = _soft(17 + 9 * ray - np.hypot(x - cx, y - cy))
        return star.astype(np.float32), NOWHERE
    if variant == 2:
        box = _soft(30 - np.abs(x - cx)) * _soft(19 - np.abs(y - cy))
        rows = _soft(2.6 - np.abs((y - cy) % 12 - 6))
        return box * np.float32(0.9), box * rows
    hills = 9 * np.sin((x - cx) / 7.0) + 5 * np.sin((x - cx) / 3.1)
    box = _soft(28 - np.hypot(x - cx, y - cy))
    return box, box * _soft(y - cy - 4 - hills)


def _blocks(variant: int, x: Image32, y: Image32) -> Masks:
    cut = (x - WIDTH / 2, y - 150, (x - 112) + (y - 150) * 0.7, y - 110)[variant]
    third = (y - 175, -(y - 95), -(x - 100) - (y - 90), y - 190)[variant]
    return _soft(cut), _soft(third)


def _glitter(variant: int, x: Image32, y: Image32) -> Masks:
    rng = np.random.default_rng(60 + variant)
    spark = rng.random((HEIGHT, WIDTH), dtype=np.float32)
    glow = np.clip(np.sin(x / 9 + y / 23 + variant), 0, 1)
    bright = (spark > 0.93).astype(np.float32)
    return (0.25 * glow + 0.15 * spark).astype(np.float32), bright * np.float32(0.85)


def _jacquard(variant: int, x: Image32, y: Image32) -> Masks:
    period = (24.0, 18.0, 30.0, 21.0)[variant]
    u = np.abs((x % period) - period / 2) + np.abs((y % period) - period / 2)
    x, y = x + period / 2, y + period / 2
    v = np.abs((x % period) - period / 2) + np.abs((y % period) - period / 2)
    return _soft(period * 0.36 - u) * np.float32(0.8), _soft(period * 0.16 - v)


def _solid(variant: int, x: Image32, y: Image32) -> Masks:
    rng = np.random.default_rng(50 + variant)
    return rng.random((HEIGHT, WIDTH), dtype=np.float32) * np.float32(0.05), NOWHERE


DRAWN_BY: dict[str, Draw] = {
    "Solid": _solid,
    "All over pattern": _floral,
    "Stripe": _stripe,
    "Melange": _melange,
    "Check": _check,
    "Dot": _dot,
    "Denim": _denim,
    "Lace": _lace,
    "Embroidery": _embroidery,
    "Front print": _front_print,
    "Colour blocking": _blocks,
    "Glittering/Metallic": _glitter,
    "Jacquard": _jacquard,
}


@lru_cache(maxsize=64)
def pattern_masks(pattern: str, variant: int) -> Masks:
    """Where the second and the third colour go, (HEIGHT, WIDTH) each, 0 to 1."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    second, third = DRAWN_BY[pattern](variant % VARIANTS, x, y)
    return second.astype(np.float32), third.astype(np.float32)
