"""The demo's pictures: one per article, and what they show follows the article's attributes."""

from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from recsys_cli.datasets.demo import make_demo
from recsys_cli.datasets.demo.fabric import DRAWN_BY, VARIANTS, pattern_masks
from recsys_cli.datasets.demo.outline import CENTRE, HEIGHT, WIDTH, Tone, read, rounded
from recsys_cli.datasets.demo.pictures import jpeg, raster_of, render
from recsys_cli.datasets.demo.vocabulary import COLOURS, GARMENTS, PATTERNS

LOOK = 0


def draw(garment: str, colour: str, pattern: str = "Solid", **cut: int) -> np.ndarray:
    return render(
        garment=[g.name for g in GARMENTS].index(garment),
        colour=next(c.rgb for c in COLOURS if c.name == colour),
        pattern=pattern,
        **({"sleeve": 1, "length": 1, "neck": 0, "look": LOOK} | cut),
    )


def test_every_article_has_a_picture_up_to_the_limit(tmp_path: Path) -> None:
    made = make_demo(tmp_path, customers=5, transactions=20, articles=30, max_images=12)
    ids = pl.read_csv(made.hm / "articles.csv", infer_schema=False)["article_id"]
    there = sorted(path.relative_to(made.hm) for path in made.hm.glob("images/*/*.jpg"))
    assert there == [Path("images", name[:3], f"{name}.jpg") for name in ids[:12]]
    assert made.images == 12
    with Image.open(made.hm / there[0]) as image:
        assert image.format == "JPEG"
        assert image.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("shape", sorted({g.shape for g in GARMENTS}))
@pytest.mark.parametrize("cut", [0, 1, 2])
def test_every_silhouette_fills_the_picture_and_stays_inside(shape: str, cut: int) -> None:
    raster = raster_of(shape, cut, cut, cut + 1)
    cover = np.zeros((HEIGHT, WIDTH))
    for patch in raster.tones.values():
        cover[patch.box] += patch.share
    assert 0.01 < cover.mean() < 0.6
    assert cover.max() < 1.001
    edge = np.concatenate([cover[0], cover[-1], cover[:, 0], cover[:, -1]])
    assert edge.max() < 0.01


@pytest.mark.parametrize("colour", [c.name for c in COLOURS])
def test_colour_is_recognisable(colour: str) -> None:
    rgb = np.array(next(c.rgb for c in COLOURS if c.name == colour), float)
    chest = draw("Sweater", colour)[130:160, 95:130].reshape(-1, 3).mean(axis=0)
    assert np.abs(chest - rgb).max() < 40


def test_silhouettes_differ() -> None:
    shapes = [draw(name, "Black") for name in ("Dress", "Trousers", "Bag", "Sneakers", "Skirt")]
    for i, one in enumerate(shapes):
        for other in shapes[i + 1 :]:
            assert np.abs(one.astype(int) - other).mean() > 8


def test_cut_shows() -> None:
    sleeves = [draw("Dress", "Red", sleeve=s) for s in range(3)]
    lengths = [draw("Dress", "Red", length=n) for n in range(3)]
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(sleeves[a].astype(int) - sleeves[b]).mean() > 2
        assert np.abs(lengths[a].astype(int) - lengths[b]).mean() > 2


def test_every_pattern_is_drawn_and_shows() -> None:
    assert set(DRAWN_BY) == set(PATTERNS)
    plain = draw("Dress", "Blue").astype(int)
    for pattern in set(PATTERNS) - {"Solid"}:
        changed = np.abs(draw("Dress", "Blue", pattern) - plain).max(axis=2) > 12
        assert changed.mean() > 0.004, pattern


@pytest.mark.parametrize("pattern", list(PATTERNS))
def test_masks_are_shares(pattern: str) -> None:
    for variant in range(VARIANTS):
        for mask in pattern_masks(pattern, variant):
            assert mask.shape == (HEIGHT, WIDTH)
            assert mask.dtype == np.float32
            assert mask.min() >= 0
            assert mask.max() <= 1


def test_jpeg_round_trip() -> None:
    pixels = draw("Coat", "Dark Green")
    with Image.open(BytesIO(jpeg(pixels))) as image:
        back = np.asarray(image).astype(int)
    assert np.abs(back - pixels).mean() < 4


def test_rounding_cuts_corners_but_keeps_ends() -> None:
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    assert rounded(square, 0) == square
    assert rounded(square, 1)[:2] == [(1.0, 0.0), (3.0, 0.0)]
    line = rounded(square, 2, closed=False)
    assert line[0] == square[0]
    assert line[-1] == square[-1]


def test_a_sketch_is_read_from_back_to_front() -> None:
    sketch = read("""folds:0.5 half:trim:0 0,10 20,30!
                     at:0.5 10,0 -10,5 both:metal:0 2,4 line:0.2:3:0 0,0 8,8""")
    assert sketch.folds == 0.5
    outlines = [(tone, [(x - CENTRE, y) for x, y in points]) for tone, points in sketch.parts]
    assert outlines == [
        (Tone.TRIM, [(0, 10), (20, 30), (20, 30), (-20, 30), (-20, 30), (0, 10)]),
        (Tone.METAL, [(11, 2)]),
        (Tone.METAL, [(-9, 7)]),
        (Tone.METAL, [(-11, 2)]),
        (Tone.METAL, [(9, 7)]),
    ]
    assert sketch.lines[0] == ([(CENTRE + 10, 0), (CENTRE + 14, 4)], 3, 0.2)
    assert len(sketch.lines) == 2
