"""From outlines to masks: what the demo's pictures are drawn with.

A `Sketch` is a stack of closed outlines, each in a tone (fabric, trim, metal, …), and of lines
such as seams. Rasterising gives the share of every tone in every pixel and a shade map that makes
flat areas look like cloth. Sketches are few and pictures many, so the result is kept.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import product

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 224, 300
CENTRE = WIDTH / 2
SCALE = 3
"""Outlines are drawn this much larger, then reduced, for smooth edges."""

TWICE = frozenset({"both", "lines"})
"""Commands that draw a mirror image too."""

Points = list[tuple[float, float]]
Image32 = NDArray[np.float32]


class Tone(IntEnum):
    """What an area is made of; the picture decides on the colours."""

    FABRIC = 0
    INSIDE = 1
    """The inner side of the fabric, in shadow."""
    SECOND = 2
    """A lighter or darker companion of the fabric: ribbing, soles of one colour, linings."""
    TRIM = 3
    """Off-white: soles, buttons on dark cloth, laces."""
    DARK = 4
    """Nearly black: lenses, hard soles."""
    METAL = 5
    """Zips, buckles, buttons."""


@dataclass
class Sketch:
    """Outlines and lines from back to front."""

    parts: list[tuple[Tone, Points]] = field(default_factory=list)
    lines: list[tuple[Points, float, float]] = field(default_factory=list)
    """Points, width in pixels and darkness 0 to 1 (negative: lighter)."""
    folds: float = 1.0
    """How much the cloth falls in folds."""


@dataclass(frozen=True)
class Patch:
    """Where one tone is: a box of the picture and the share, 0 to 1, of the tone in it."""

    box: tuple[slice, slice]
    share: Image32


@dataclass(frozen=True)
class Raster:
    """A sketch in pixels, (HEIGHT, WIDTH) each."""

    tones: dict[Tone, Patch]
    """Where the shares add up to less than one, the background shows."""
    shade: Image32
    """Factor on the brightness of the garment."""
    shadow: Image32
    """Darkness the garment casts on the background."""


def read(text: str) -> Sketch:
    """Read a sketch written as `command:option:… x,y x,y …`, from back to front.

    x counts from the centre line. A `!` after a point repeats it, which keeps its corner sharper.

    - `folds:how_much`
    - `at:scale x,y …`: what follows is drawn in each of these places
    - `area:tone:smooth` an outline, `both` with its mirror image, `half` the right half of a
      symmetrical one, from top to bottom; `smooth` rounds corners so many times
    - `line:dark:width:smooth` a line, `lines` with its mirror image
    - `disc:tone:rx:ry:steps` an ellipse around each point
    - `ring:tone:rx:ry:rx:ry:steps` what an ellipse leaves of another, around two points
    """
    sketch, scale, places = Sketch(), 1.0, [(0.0, 0.0)]
    for command in re.split(r"\s+(?=[a-z])", text.strip()):
        head, *words = command.split()
        how, *options = head.split(":")
        points = [_point(word) for word in words for _ in range(1 + word.endswith("!"))]
        if how == "folds":
            sketch.folds = float(options[0])
        elif how == "at":
            scale, places = float(options[0]), points
        else:
            for sign, (dx, dy) in product((1, -1) if how in TWICE else (1,), places):
                placed = [(sign * (x * scale + dx), y * scale + dy) for x, y in points]
                _draw(sketch, how, options, placed)
    return sketch


def _point(word: str) -> tuple[float, float]:
    x, y = word.rstrip("!").split(",")
    return float(x), float(y)


def _draw(sketch: Sketch, how: str, options: list[str], points: Points) -> None:
    """Put one command's outlines or lines on top; x is still counted from the centre line."""
    if how == "half":
        points = points + [(-x, y) for x, y in reversed(points)]
    outline = [(CENTRE + x, y) for x, y in points]
    if how in {"line", "lines"}:
        dark, width, smooth = _numbers(options, 0.35, 1.2, 2)
        sketch.lines.append((rounded(outline, int(smooth), closed=False), width, dark))
        return
    tone, *options = options
    if how == "disc":
        rx, ry, steps = _numbers(options, 0, 0, 28)
        shapes = [ellipse(x, y, rx, ry or rx, int(steps)) for x, y in outline]
    elif how == "ring":
        rx, ry, inner_rx, inner_ry, steps = _numbers(options, 0, 0, 0, 0, 40)
        (x, y), (u, v) = outline
        hole = ellipse(u, v, inner_rx, inner_ry, int(steps))
        shapes = [[*ellipse(x, y, rx, ry, int(steps)), (x + rx, y), *reversed(hole)]]
    else:
        (smooth,) = _numbers(options, 2)
        shapes = [rounded(outline, int(smooth))]
    sketch.parts += [(Tone[tone.upper()], shape) for shape in shapes]


def _numbers(options: list[str], *usual: float) -> list[float]:
    """The options as numbers, with the usual ones for those left out at the end."""
    return [*map(float, options), *usual[len(options) :]]


def rounded(points: Points, times: int, *, closed: bool = True) -> Points:
    """Cut the corners `times` times (Chaikin 1974); repeat a point to keep its corner sharper."""
    for _ in range(times):
        following = points[1:] + points[:1] if closed else points[1:]
        cut: Points = [] if closed else [points[0]]
        for (x, y), (u, v) in zip(points, following, strict=closed):
            cut.append((0.75 * x + 0.25 * u, 0.75 * y + 0.25 * v))
            cut.append((0.25 * x + 0.75 * u, 0.25 * y + 0.75 * v))
        points = cut if closed else [*cut, points[-1]]
    return points


def ellipse(x: float, y: float, rx: float, ry: float, steps: int = 28) -> Points:
    """An ellipse as an outline."""
    angles = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return [(x + rx * np.cos(a), y + ry * np.sin(a)) for a in angles.tolist()]


def rasterise(sketch: Sketch) -> Raster:
    """Turn a sketch into masks."""
    from PIL import Image, ImageFilter

    tones: dict[Tone, Image32] = {}
    for tone, points in sketch.parts:
        box, alpha = _drawn(points, None)
        for below in tones.values():
            below[box] *= 1.0 - alpha
        tones.setdefault(tone, np.zeros((HEIGHT, WIDTH), np.float32))[box] += alpha
    cover = np.clip(sum(tones.values(), np.zeros((HEIGHT, WIDTH), np.float32)), 0, 1)
    solid = Image.fromarray((cover * 255).astype(np.uint8))
    volume = _array(solid.filter(ImageFilter.GaussianBlur(9)))
    soft = _array(solid.filter(ImageFilter.GaussianBlur(7)))
    shadow = np.zeros_like(soft)
    shadow[7:, 3:] = soft[:-7, :-3]
    patches = {tone: _patch(share) for tone, share in tones.items()}
    return Raster(patches, _shade(sketch, volume), shadow * (1 - cover))


def _patch(share: Image32) -> Patch:
    """Cut a mask down to where it is not empty."""
    rows, columns = np.flatnonzero(share.any(axis=1)), np.flatnonzero(share.any(axis=0))
    if rows.size == 0:
        return Patch((slice(0, 0), slice(0, 0)), share[:0, :0])
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Patch(box, share[box])


def _shade(sketch: Sketch, volume: Image32) -> Image32:
    """Lighter in the middle, darker at the edges, in soft folds, with the seams drawn in."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    folds = np.sin(x / 11.0 + 1.6 * np.sin(y / 53.0)) * np.sin(y / 97.0 + 0.8)
    shade: Image32 = 0.66 + 0.38 * np.clip(volume, 0, 1) ** 1.4
    shade = shade + 0.035 * sketch.folds * folds - 0.05 * (x - CENTRE) / CENTRE
    for points, width, dark in sketch.lines:
        box, stroke = _drawn(points, width)
        shade[box] *= 1.0 - dark * stroke
    return shade.astype(np.float32)


def _drawn(points: Points, width: float | None) -> tuple[tuple[slice, slice], Image32]:
    """A closed outline, or a line of some width, as a mask over its part of the picture."""
    from PIL import Image, ImageDraw

    margin = 2 + int(width or 0)
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right = (int(np.clip(v, 0, WIDTH)) for v in (min(xs) - margin, max(xs) + margin + 1))
    top, bottom = (int(np.clip(v, 0, HEIGHT)) for v in (min(ys) - margin, max(ys) + margin + 1))
    box = slice(top, bottom), slice(left, right)
    image = Image.new("L", (max(right - left, 1) * SCALE, max(bottom - top, 1) * SCALE))
    scaled = [((x - left) * SCALE, (y - top) * SCALE) for x, y in points]
    if width is None:
        ImageDraw.Draw(image).polygon(scaled, fill=255)
    else:
        ImageDraw.Draw(image).line(scaled, fill=255, width=round(width * SCALE), joint="curve")
    return box, _array(image.reduce(SCALE))[: bottom - top, : right - left]


def _array(image: object) -> Image32:
    return np.asarray(image, np.float32) / np.float32(255)
