"""Names and descriptions of the demo's articles, and the articles.csv table made of them.

A description states garment, colour, pattern, material and cut in plain sentences, so that text
embeddings of similar articles are close for the same reason as their sales are.
"""

from typing import TYPE_CHECKING

import numpy as np

from recsys_cli.datasets.demo.catalogue import GARMENT_GROUPS, Catalogue
from recsys_cli.datasets.demo.sampling import stream
from recsys_cli.datasets.demo.vocabulary import (
    COLOURS,
    GARMENTS,
    MASTERS,
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

NAMES: tuple[str, ...] = (
    "Alva", "Bruna", "Calla", "Daphne", "Elin", "Fleur", "Greta", "Hedda", "Iris", "Juno",
    "Klara", "Linnea", "Maja", "Nova", "Orla", "Petra", "Quinn", "Runa", "Saga", "Tuva",
    "Uma", "Vera", "Willow", "Ylva", "Zola", "Ash", "Birch", "Cedar", "Dune", "Ember",
    "Fjord", "Grove", "Harbour", "Isle", "Juniper", "Kelp", "Lagoon", "Meadow", "North", "Opal",
    "Pebble", "Quarry", "Ridge", "Shore", "Tide", "Umber", "Vale", "Wren", "Yarrow", "Zephyr",
)  # fmt: skip

NECKS = ("a round neckline", "a V-neck", "a boat neck", "a high neck")
LENGTHS = ("short", "knee-length", "long")
SLEEVES = ("sleeveless", "short sleeves", "long sleeves")

NOUNS = {
    "Trousers": "trousers",
    "Leggings/Tights": "leggings",
    "Underwear bottom": "briefs",
    "Swimwear bottom": "bikini bottoms",
    "Jumpsuit/Playsuit": "jumpsuit",
    "Pyjama set": "pyjamas",
    "Hat/beanie": "beanie",
    "Earring": "earrings",
    "Heeled shoes": "court shoes",
}
"""Where the product type's name is not what one would call the thing in a sentence."""

SHAPE_DETAILS = {
    "tee": "It has {neck} and {sleeve}.",
    "vest": "It has {neck} and narrow shoulder straps.",
    "shirt": "It has a collar, buttons down the front and {sleeve}.",
    "polo": "It has a ribbed collar, a short button placket and {sleeve}.",
    "sweater": "It has {neck}, long sleeves and ribbing at the cuffs and hem.",
    "cardigan": "It has buttons down the front, long sleeves and ribbing at the hem.",
    "hoodie": "It has a lined drawstring hood, a kangaroo pocket and long sleeves.",
    "blazer": "It has notch lapels, welt pockets and a single button at the front.",
    "jacket": "It has a zip down the front, a stand-up collar and side pockets.",
    "coat": "It has wide lapels, a concealed fastening and deep side pockets.",
    "dress": "The dress is {length} and {sleeved}, with {neck} and a seam at the waist.",
    "jumpsuit": "It is {sleeved}, with {neck}, a seam at the waist and {leg} legs.",
    "trousers": "They have a zip fly, side pockets and {leg} legs.",
    "leggings": "They are {ankle}, with an elasticated waist and a close fit.",
    "shorts": "They are {length}, with an elasticated waist and side pockets.",
    "skirt": "The skirt is {length}, with a concealed zip and a gently flared hem.",
    "bra": "It has narrow adjustable straps and lightly padded cups.",
    "bikini": "It has lined triangular cups and ties at the neck and back.",
    "briefs": "They have a {cut} waist and a lined gusset.",
    "swimsuit": "It is fully lined, with adjustable straps and high-cut legs.",
    "pyjama": "A top with {neck} and matching bottoms with an elasticated waist.",
    "socks": "They are finely ribbed, with an elasticated top.",
    "boots": "They have a side zip, a rounded toe and a chunky sole.",
    "sneakers": "They have laces, a padded edge and a thick rubber sole.",
    "sandals": "They have adjustable straps and a cushioned insole.",
    "heels": "They have a pointed toe and a slender heel.",
    "bag": "It has a zip at the top, a shoulder strap and an inner compartment.",
    "beanie": "It is rib-knitted, with a turn-up at the edge.",
    "cap": "It has a curved peak and an adjustable tab at the back.",
    "scarf": "It is generously long, with fringed ends.",
    "belt": "It has a metal buckle and a single loop.",
    "earring": "They have a polished finish and a hook fastening.",
    "necklace": "It has a pendant and an adjustable chain.",
    "sunglasses": "They have tinted lenses with UV protection.",
    "bodysuit": "It has press-studs at the gusset, an envelope neckline and {sleeve}.",
}


def article_name(name: int, garment: Garment) -> str:
    """Such as `Harbour knit sweater 2`; the same for all colours of a product."""
    noun = NOUNS.get(garment.name, garment.name.lower() if garment.name != "T-shirt" else "tee")
    second = ("", " basic", " fancy", " (1)", " RW", " HW", "")[name // 64 % 7]
    return f"{NAMES[name % len(NAMES)]} {noun}{second}"


def describe(
    garment: Garment, colour: Colour, pattern: str, style: Style, cut: tuple[int, int, int, int]
) -> str:
    """Two or three sentences; every argument leaves its trace in them.

    `cut` is the number of the material, then sleeve, length and neck.
    """
    material, sleeve, length, neck = cut
    noun = NOUNS.get(garment.name, garment.name if garment.name == "T-shirt"
                     else garment.name.lower())  # fmt: skip
    look = PATTERNS[pattern]
    subject = f"{look.look.capitalize()} {colour.name.lower()} {noun}"
    details = SHAPE_DETAILS[garment.shape].format(
        neck=NECKS[neck],
        sleeve=SLEEVES[max(sleeve, 1)],
        sleeved=("sleeveless", "short-sleeved", "long-sleeved")[sleeve],
        length=LENGTHS[length],
        leg=("wide", "straight", "tapered")[length],
        ankle=("cropped", "ankle-length", "full-length")[length],
        cut=("high", "mid", "low")[neck % 3],
    )
    made = f"{garment.materials[material]} {look.clause}"
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
    cuts = np.stack([products.material, products.sleeve, products.length, products.neck], axis=1)
    told = zip(things, shades, looks, styles, cuts[product].tolist(), strict=True)
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
