"""Histograms tell colours, layouts and directions apart, and shades of a colour less so."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from recsys_cli.encoders import load_image_encoder
from recsys_cli.encoders.histogram import oklab


def product(colour: str, *, background: str = "white", shape: str = "box") -> Image.Image:
    image = Image.new("RGB", (120, 160), background)
    draw = ImageDraw.Draw(image)
    box = (30, 30, 90, 130)
    if shape == "box":
        draw.rectangle(box, fill=colour)
    else:
        draw.ellipse(box, fill=colour)
    return image


def stripes(*, across: bool) -> Image.Image:
    wave = np.where(np.arange(120) // 6 % 2, 40, 220).astype(np.uint8)
    grey = np.tile(wave, (120, 1))
    return Image.fromarray(grey.T if across else grey).convert("RGB")


@pytest.fixture(scope="module")
def cosine():
    encoder = load_image_encoder("histogram")

    def measure(first: Image.Image, second: Image.Image) -> float:
        a, b = encoder.encode([encoder.prepare(first), encoder.prepare(second)])
        return float(a @ b)

    return measure


def test_vectors_are_unit_rows_of_the_announced_length():
    encoder = load_image_encoder("histogram")
    vectors = encoder.encode([encoder.prepare(product(colour)) for colour in ("red", "blue")])
    assert vectors.shape == (2, encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_colours_are_told_apart_and_shades_are_close(cosine):
    shade = cosine(product("#c01010"), product("#b01515"))
    other = cosine(product("#c01010"), product("#1010c0"))
    assert shade > 0.95
    assert other < shade - 0.3


def test_the_product_counts_more_than_the_background(cosine):
    same_product = cosine(product("#c01010"), product("#c01010", background="#dddddd"))
    same_background = cosine(product("#c01010"), product("#10a010"))
    assert same_product > same_background + 0.1


def test_directions_are_told_apart(cosine):
    assert cosine(stripes(across=True), stripes(across=False)) < 0.85
    assert cosine(stripes(across=True), stripes(across=True)) > 0.9999


def test_shapes_are_told_apart(cosine):
    assert cosine(product("red"), product("red", shape="ellipse")) < 0.99


def test_a_picture_of_one_colour_has_a_vector(cosine):
    red, dark, blue = (Image.new("RGB", (9, 9), colour) for colour in ("red", "#ee0000", "blue"))
    assert cosine(red, dark) > 0.9
    assert cosine(red, blue) < 0.5


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        # Figures of Björn Ottosson's reference implementation.
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab(rgb, expected):
    found = oklab(np.array([[rgb]], np.uint8))[0, 0]
    np.testing.assert_allclose(found, expected, atol=2e-4)
