"""Names and descriptions of the demo's articles, and the articles.csv table made of them.

A description states garment, colour, pattern, material and cut in plain sentences, so that text
embeddings of similar articles are close for the same reason as their sales are.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_cli.datasets.demo.catalogue import GARMENT_GROUPS, Catalogue
from recsys_cli.datasets.demo.sampling import stream
from recsys_cli.datasets.demo.vocabulary import (
    COLOURS,
    CUT,
    ENDINGS,
    GARMENTS,
    MASTERS,
    NAMES,
    PATTERNS,
    STYLES,
    Colour,
    Garment,
    Style,
)

if TYPE_CHECKING:
    import polars as pl

VALUES = tuple(dict.fromkeys(colour.value for colour in COLOURS))
INDEXES = tuple(dict.fromkeys(style.index_name for style in STYLES))
INDEX_GROUPS = ("Ladies", "Youth", "Men", "Children", "Sport")
PATTERN_NAMES = tuple(PATTERNS)
UNDESCRIBED = 0.004
"""Share of articles without a description, as in real catalogues."""


def article_name(name: int, garment: Garment) -> str:
    """Such as `Harbour knit sweater 2`; the same for all colours of a product."""
    noun = "tee" if garment.name == "T-shirt" else garment.noun
    return f"{NAMES[name % len(NAMES)]} {noun}{ENDINGS[name // 64 % len(ENDINGS)]}"


def describe(
    garment: Garment, colour: Colour, pattern: str, style: Style, cut: Mapping[str, int]
) -> str:
    """Two or three sentences; every argument leaves its trace in them.

    `cut` holds the numbers of material, sleeve, length and neck.
    """
    look = PATTERNS[pattern]
    subject = f"{look.look.capitalize()} {colour.name.lower()} {garment.noun}"
    words = {word: forms[cut[column]] for column, of in CUT.items() for word, forms in of.items()}
    details = garment.silhouette.detail.format(**words)
    made = f"{garment.materials[cut['material']]} {look.clause}"
    return f"{subject} in {made}. {details} A {style.word} piece."


def articles_table(catalogue: Catalogue, seed: int) -> "pl.DataFrame":
    """articles.csv as a frame: 25 columns, one row per article in article_id order.

    A few articles have no description.
    """
    import polars as pl

    products, product = catalogue.products, catalogue.product
    garment = products.garment[product].tolist()
    colour = catalogue.colour.tolist()
    pattern = products.pattern[product].tolist()
    style = catalogue.lines.style[products.line[product]].tolist()
    names = [article_name(n, GARMENTS[g]) for n, g in
             zip(products.name.tolist(), products.garment.tolist(), strict=True)]  # fmt: skip
    things = [GARMENTS[g] for g in garment]
    shades = [COLOURS[c] for c in colour]
    styles = [STYLES[s] for s in style]
    looks = [PATTERN_NAMES[p] for p in pattern]
    cuts = [
        {column: int(getattr(products, column)[p]) for column in ("material", *CUT)}
        for p in product.tolist()
    ]
    told = zip(things, shades, looks, styles, cuts, strict=True)
    silent = (stream(seed, 2).random(catalogue.size) < UNDESCRIBED).tolist()
    return pl.DataFrame(
        {
            "article_id": catalogue.ids(),
            "product_code": products.code[product],
            "prod_name": [names[p] for p in product.tolist()],
            "product_type_no": [250 + g for g in garment],
            "product_type_name": [g.name for g in things],
            "product_group_name": [g.group for g in things],
            "graphical_appearance_no": [1010001 + p for p in pattern],
            "graphical_appearance_name": looks,
            "colour_group_code": [1 + c for c in colour],
            "colour_group_name": [c.name for c in shades],
            "perceived_colour_value_id": [1 + VALUES.index(c.value) for c in shades],
            "perceived_colour_value_name": [c.value for c in shades],
            "perceived_colour_master_id": [1 + MASTERS.index(c.master) for c in shades],
            "perceived_colour_master_name": [c.master for c in shades],
            "department_no": [1000 + 50 * s + g for s, g in zip(style, garment, strict=True)],
            "department_name": [
                f"{s.name} {g.garment_group}" for s, g in zip(styles, things, strict=True)
            ],
            "index_code": [chr(65 + INDEXES.index(s.index_name)) for s in styles],
            "index_name": [s.index_name for s in styles],
            "index_group_no": [1 + INDEX_GROUPS.index(s.audience) for s in styles],
            "index_group_name": [s.audience for s in styles],
            "section_no": [10 + s for s in style],
            "section_name": [f"{s.audience} {s.name}" for s in styles],
            "garment_group_no": [1001 + GARMENT_GROUPS.index(g.garment_group) for g in things],
            "garment_group_name": [g.garment_group for g in things],
            "detail_desc": [
                None if quiet else describe(*about)
                for about, quiet in zip(told, silent, strict=True)
            ],
        }
    )
