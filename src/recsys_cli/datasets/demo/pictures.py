"""Pictures of the demo's articles: silhouette by garment, colour by colour group, cloth by pattern.

In: a catalogue. Out: images/0xx/0xxxxxxxxx.jpg, 224 × 300, one per article up to a limit.
"""

from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys_cli.datasets.demo import accessories, bottoms, tops
from recsys_cli.datasets.demo.catalogue import Catalogue
from recsys_cli.datasets.demo.fabric import VARIANTS, pattern_masks
from recsys_cli.datasets.demo.outline import HEIGHT, WIDTH, Image32, Raster, Tone, rasterise, read
from recsys_cli.datasets.demo.sampling import in_order
from recsys_cli.datasets.demo.vocabulary import COLOURS, GARMENTS, PATTERNS
from recsys_cli.progress import Progress

QUALITY = 88
BACKDROPS = ((240, 239, 237), (236, 237, 239), (243, 240, 235), (234, 235, 233))
INK, PAPER, BRASS, STEEL = (38, 38, 42), (244, 242, 236), (196, 168, 108), (178, 182, 188)
DEPENDS_ON = ("garment", "sleeve", "length", "neck")
"""Columns of the products that a silhouette depends on."""
Colour = tuple[int, int, int]
BRIGHT = 120.0
"""Brightness above which a colour counts as light."""


def write_pictures(catalogue: Catalogue, folder: Path, *, limit: int, progress: Progress) -> None:
    """Draw the first `limit` articles into `folder`."""
    ids = catalogue.ids()[:limit]
    for start in sorted({name[:3] for name in ids}):
        (folder / start).mkdir(parents=True, exist_ok=True)
    progress.start("pictures", len(ids))

    def draw(article: int) -> None:
        name = ids[article]
        (folder / name[:3] / f"{name}.jpg").write_bytes(picture(catalogue, article))

    for _ in in_order(draw, range(len(ids))):
        progress.advance()


def picture(catalogue: Catalogue, article: int) -> bytes:
    """The picture of one article as JPEG."""
    products, product = catalogue.products, int(catalogue.product[article])
    pixels = render(
        colour=COLOURS[int(catalogue.colour[article])].rgb,
        pattern=tuple(PATTERNS)[int(products.pattern[product])],
        look=int(products.name[product]),
        **{cut: int(getattr(products, cut)[product]) for cut in DEPENDS_ON},
    )
    return jpeg(pixels)


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Encode (HEIGHT, WIDTH, 3) pixels."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


@lru_cache(maxsize=1024)
def raster_of(shape: str, sleeve: int, length: int, neck: int) -> Raster:
    """The masks of a silhouette in one of its cuts."""
    drawn = {**vars(tops), **vars(bottoms), **vars(accessories)}[shape]
    return rasterise(read(drawn(sleeve, length, neck)))


def render(
    *, garment: int, colour: Colour, pattern: str, sleeve: int, length: int, neck: int, look: int
) -> NDArray[np.uint8]:
    """Paint one article, (HEIGHT, WIDTH, 3); `look` picks variants that no text mentions."""
    thing = GARMENTS[garment]
    raster = raster_of(thing.shape, sleeve if thing.silhouette.sleeved else 0, length, neck)
    second = flat(companion(colour, 0.82 if brightness(colour) > BRIGHT else 1.25))
    plain: dict[Tone, NDArray[np.float32]] = {
        Tone.INSIDE: flat(companion(colour, 0.55)),
        Tone.TRIM: flat(PAPER),
        Tone.DARK: flat(INK),
        Tone.METAL: flat(BRASS if look % 3 else STEEL),
    }
    wall = backdrop(look % len(BACKDROPS))
    canvas = wall * (1.0 - 0.3 * raster.shadow)[:, :, None]
    for tone, patch in raster.tones.items():
        box = patch.box
        colours = plain[tone] if tone in plain else paint(colour, pattern, look, box)
        if tone is Tone.SECOND:
            colours = 0.5 * (colours + second)
        lit = np.minimum(colours * raster.shade[box][:, :, None], 255.0)
        canvas[box] += (lit - wall[box]) * patch.share[:, :, None]
    return np.clip(canvas, 0, 255).astype(np.uint8)


def paint(colour: Colour, pattern: str, look: int, box: tuple[slice, slice]) -> NDArray[np.float32]:
    """Cloth of this colour and pattern within `box` of the picture, (rows, columns, 3)."""
    second, third = (mask[box] for mask in pattern_masks(pattern, look // 3 % VARIANTS))
    first_rgb = np.array(colour, np.float32)
    other, accent = accents(colour, pattern, look)
    cloth = first_rgb + second[:, :, None] * (np.array(other, np.float32) - first_rgb)
    if third.any():
        cloth += third[:, :, None] * (np.array(accent, np.float32) - cloth)
    return cloth


def accents(colour: Colour, pattern: str, look: int) -> tuple[Colour, Colour]:
    """The second and third colour that go with `colour`."""
    light = brightness(colour) > BRIGHT
    tonal = companion(colour, 0.6 if light else 1.7)
    contrast = INK if light else PAPER
    choices = (contrast, tonal, COLOURS[look // 12 % len(COLOURS)].rgb, contrast)
    if pattern in {"Solid", "Melange", "Denim", "Lace", "Jacquard"}:
        soft = companion(colour, 0.72 if light else 1.6)
        return (soft, contrast if pattern == "Jacquard" else soft)
    if pattern == "Glittering/Metallic":
        return companion(colour, 1.5), PAPER
    if pattern in {"All over pattern", "Embroidery"}:
        flowers = ((232, 140, 150), (246, 232, 214), (236, 190, 92), (120, 148, 112))
        petal = flowers[look // 5 % 4]
        close = abs(brightness(petal) - brightness(colour)) < BRIGHT / 4
        return (contrast if close else petal), companion(colour, 0.5 if light else 2.0)
    return choices[look // 7 % 4], choices[(look // 7 + 1) % 4]


def companion(colour: Colour, factor: float) -> Colour:
    """A darker or lighter version of a colour; very dark ones are lifted a little first."""
    lift = 18 if factor > 1 else 0
    r, g, b = (int(min(255, c * factor + lift)) for c in colour)
    return r, g, b


def brightness(colour: Colour) -> float:
    """Perceived brightness, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def flat(colour: Colour) -> NDArray[np.float32]:
    """One colour, ready to broadcast."""
    return np.array(colour, np.float32).reshape(1, 1, 3)


@lru_cache
def backdrop(which: int) -> Image32:
    """A softly lit studio wall, (HEIGHT, WIDTH, 3)."""
    rows = np.linspace(1.02, 0.95, HEIGHT, dtype=np.float32)[:, None, None]
    return np.broadcast_to(rows * flat(BACKDROPS[which]), (HEIGHT, WIDTH, 3)).astype(np.float32)
