"""The words and numbers of the demo shop: garments, colours, patterns and styles.

Plain data, no code. Each garment knows the silhouette it is drawn with, its usual price and its
season; each style knows whom it suits and which garments, colours and patterns it favours. The
catalogue, the texts and the pictures all read these tables, so what a description says is what
the picture shows and what the latent taste responds to.
"""

from typing import NamedTuple


class Garment(NamedTuple):
    """One product type."""

    name: str
    group: str
    garment_group: str
    shape: str
    price: float
    peak_week: int | None
    """Week of the year in which it sells best; None where it sells all year."""
    swing: float
    """How strongly the season acts, 0 to 1."""
    materials: tuple[str, ...]


class Colour(NamedTuple):
    """One colour group; `family` is the level at which taste acts."""

    name: str
    master: str
    value: str
    rgb: tuple[int, int, int]
    weight: float


class Pattern(NamedTuple):
    """One graphical appearance: how often it comes and how texts put it."""

    weight: float
    look: str
    clause: str


class Style(NamedTuple):
    """One aesthetic for one audience."""

    name: str
    audience: str
    index_name: str
    word: str
    age: float
    spread: float
    share: float
    price: float
    basics: float
    """Share of products that stay in the range for years."""
    garments: tuple[str, ...]
    colours: tuple[str, ...]
    """Favoured colour masters."""
    patterns: tuple[str, ...]


KNIT = ("soft cotton knit", "a wool blend", "rib-knit viscose", "fine merino wool")
JERSEY = ("soft cotton jersey", "organic cotton jersey", "slub jersey", "stretch jersey")
WOVEN = ("airy woven cotton", "crinkled viscose", "satin", "a linen blend", "crisp poplin")
DENIM = ("washed denim", "stretch denim", "rigid cotton denim")
SHELL = ("padded nylon", "a wool blend", "coated cotton twill", "quilted polyester")
SWIM = ("recycled polyamide", "fast-drying stretch fabric")
LEATHER = ("imitation leather", "suede", "smooth leather")
LACE = ("soft lace", "microfibre", "mesh")
METAL = ("gold-coloured metal", "silver-coloured metal")
TECH = ("fast-drying functional fabric", "breathable mesh", "seamless stretch fabric")

UPPER, LOWER, FULL = "Garment Upper body", "Garment Lower body", "Garment Full body"
ACCESSORY, UNDERWEAR = "Accessories", "Underwear"

GARMENTS: tuple[Garment, ...] = (
    Garment("T-shirt", UPPER, "Jersey Basic", "tee", 9.99, 25, 0.35, JERSEY),
    Garment("Vest top", UPPER, "Jersey Basic", "vest", 7.99, 26, 0.6, JERSEY),
    Garment("Top", UPPER, "Jersey Fancy", "tee", 14.99, 22, 0.2, JERSEY),
    Garment("Blouse", UPPER, "Blouses", "shirt", 24.99, 16, 0.2, WOVEN),
    Garment("Shirt", UPPER, "Shirts", "shirt", 24.99, None, 0.0, WOVEN),
    Garment("Polo shirt", UPPER, "Jersey Fancy", "polo", 19.99, 22, 0.4, JERSEY),
    Garment("Sweater", UPPER, "Knitwear", "sweater", 24.99, 46, 0.6, KNIT),
    Garment("Cardigan", UPPER, "Knitwear", "cardigan", 29.99, 42, 0.5, KNIT),
    Garment("Hoodie", UPPER, "Jersey Fancy", "hoodie", 24.99, 44, 0.4, JERSEY),
    Garment("Blazer", UPPER, "Dressed", "blazer", 49.99, 36, 0.3, ("stretch weave", *WOVEN[3:])),
    Garment("Jacket", UPPER, "Outdoor", "jacket", 49.99, 40, 0.5, SHELL),
    Garment("Coat", UPPER, "Outdoor", "coat", 79.99, 45, 0.8, SHELL),
    Garment("Dress", FULL, "Dresses Ladies", "dress", 29.99, 24, 0.5, WOVEN),
    Garment("Jumpsuit/Playsuit", FULL, "Dresses Ladies", "jumpsuit", 34.99, 24, 0.5, WOVEN),
    Garment("Trousers", LOWER, "Trousers", "trousers", 29.99, None, 0.0, WOVEN),
    Garment("Jeans", LOWER, "Trousers Denim", "trousers", 39.99, 37, 0.2, DENIM),
    Garment("Leggings/Tights", LOWER, "Jersey Basic", "leggings", 12.99, 44, 0.3, JERSEY),
    Garment("Shorts", LOWER, "Shorts", "shorts", 17.99, 26, 0.9, WOVEN),
    Garment("Skirt", LOWER, "Skirts", "skirt", 19.99, 22, 0.3, WOVEN),
    Garment("Bra", UNDERWEAR, "Under-, Nightwear", "bra", 17.99, None, 0.0, LACE),
    Garment("Underwear bottom", UNDERWEAR, "Under-, Nightwear", "briefs", 9.99, None, 0.0, LACE),
    Garment("Pyjama set", "Nightwear", "Under-, Nightwear", "pyjama", 24.99, 49, 0.5, JERSEY),
    Garment("Bikini top", "Swimwear", "Swimwear", "bikini", 14.99, 25, 0.95, SWIM),
    Garment("Swimwear bottom", "Swimwear", "Swimwear", "briefs", 12.99, 25, 0.95, SWIM),
    Garment("Swimsuit", "Swimwear", "Swimwear", "swimsuit", 24.99, 25, 0.9, SWIM),
    Garment("Socks", "Socks & Tights", "Socks and Tights", "socks", 5.99, 48, 0.3, KNIT),
    Garment("Boots", "Shoes", "Shoes", "boots", 49.99, 42, 0.8, LEATHER),
    Garment("Sneakers", "Shoes", "Shoes", "sneakers", 29.99, 15, 0.2, ("canvas", *LEATHER)),
    Garment("Sandals", "Shoes", "Shoes", "sandals", 24.99, 23, 0.9, LEATHER),
    Garment("Heeled shoes", "Shoes", "Shoes", "heels", 34.99, 48, 0.2, LEATHER),
    Garment("Bag", ACCESSORY, "Accessories", "bag", 24.99, None, 0.0, LEATHER),
    Garment("Hat/beanie", ACCESSORY, "Accessories", "beanie", 9.99, 47, 0.9, KNIT),
    Garment("Cap", ACCESSORY, "Accessories", "cap", 9.99, 24, 0.5, ("cotton twill", "corduroy")),
    Garment("Scarf", ACCESSORY, "Accessories", "scarf", 12.99, 46, 0.8, (*KNIT, "satin")),
    Garment("Belt", ACCESSORY, "Accessories", "belt", 9.99, None, 0.0, LEATHER),
    Garment("Earring", ACCESSORY, "Accessories", "earring", 6.99, 49, 0.2, METAL),
    Garment("Necklace", ACCESSORY, "Accessories", "necklace", 8.99, 49, 0.2, METAL),
    Garment("Sunglasses", ACCESSORY, "Accessories", "sunglasses", 9.99, 25, 0.8, ("plastic",)),
    Garment("Sports bra", UNDERWEAR, "Jersey Fancy", "bra", 19.99, 2, 0.3, TECH),
    Garment("Sports tights", LOWER, "Jersey Fancy", "leggings", 24.99, 2, 0.3, TECH),
    Garment("Baby bodysuit", FULL, "Baby Jersey", "bodysuit", 7.99, None, 0.0, JERSEY),
)

COLOURS: tuple[Colour, ...] = (
    Colour("Black", "Black", "Dark", (30, 30, 33), 22.0),
    Colour("White", "White", "Light", (246, 246, 244), 9.0),
    Colour("Off White", "White", "Dusty Light", (238, 232, 219), 4.0),
    Colour("Grey", "Grey", "Medium Dusty", (142, 145, 149), 3.0),
    Colour("Light Grey", "Grey", "Light", (196, 198, 200), 2.5),
    Colour("Dark Grey", "Grey", "Dark", (78, 81, 86), 3.0),
    Colour("Light Beige", "Beige", "Dusty Light", (224, 207, 184), 4.0),
    Colour("Beige", "Beige", "Medium Dusty", (200, 174, 143), 4.0),
    Colour("Brown", "Brown", "Dark", (98, 66, 46), 2.0),
    Colour("Yellowish Brown", "Brown", "Medium", (164, 112, 58), 2.0),
    Colour("Dark Blue", "Blue", "Dark", (32, 42, 78), 9.0),
    Colour("Blue", "Blue", "Medium", (58, 98, 168), 4.5),
    Colour("Light Blue", "Blue", "Dusty Light", (158, 190, 220), 4.0),
    Colour("Turquoise", "Turquoise", "Bright", (46, 160, 164), 1.2),
    Colour("Dark Green", "Green", "Dark", (34, 74, 56), 3.0),
    Colour("Green", "Green", "Bright", (72, 148, 86), 1.4),
    Colour("Light Green", "Green", "Dusty Light", (172, 202, 170), 1.2),
    Colour("Greenish Khaki", "Khaki green", "Medium Dusty", (116, 116, 84), 3.5),
    Colour("Yellow", "Yellow", "Bright", (240, 200, 62), 2.0),
    Colour("Light Yellow", "Yellow", "Light", (248, 232, 156), 1.2),
    Colour("Orange", "Orange", "Bright", (232, 124, 50), 1.2),
    Colour("Dark Orange", "Orange", "Medium", (190, 88, 44), 1.4),
    Colour("Red", "Red", "Bright", (196, 38, 44), 3.5),
    Colour("Dark Red", "Red", "Dark", (112, 26, 40), 3.0),
    Colour("Pink", "Pink", "Medium", (230, 122, 158), 2.6),
    Colour("Light Pink", "Pink", "Dusty Light", (242, 204, 206), 4.5),
    Colour("Light Purple", "Lilac Purple", "Dusty Light", (196, 178, 216), 1.2),
    Colour("Dark Purple", "Lilac Purple", "Dark", (82, 48, 96), 0.9),
    Colour("Gold", "Metal", "Medium", (204, 166, 86), 1.4),
    Colour("Silver", "Metal", "Light", (186, 190, 196), 1.0),
)

MASTERS: tuple[str, ...] = tuple(dict.fromkeys(colour.master for colour in COLOURS))

PATTERNS: dict[str, Pattern] = {
    "Solid": Pattern(50.0, "plain", "in one even colour"),
    "All over pattern": Pattern(11.0, "floral patterned", "with a floral pattern all over"),
    "Stripe": Pattern(8.0, "striped", "with stripes all over"),
    "Melange": Pattern(6.0, "melange", "in a heathered melange"),
    "Check": Pattern(4.0, "checked", "with a checked pattern"),
    "Dot": Pattern(4.0, "spotted", "with a dotted pattern"),
    "Denim": Pattern(0.0, "five-pocket", "with a worn-in wash"),
    "Lace": Pattern(2.0, "lace-trimmed", "with lace panels"),
    "Embroidery": Pattern(2.5, "embroidered", "with embroidered flowers"),
    "Front print": Pattern(4.0, "printed", "with a print on the front"),
    "Colour blocking": Pattern(2.5, "colour-block", "in blocks of contrasting colour"),
    "Glittering/Metallic": Pattern(2.0, "glittery", "with glittery threads"),
    "Jacquard": Pattern(2.0, "jacquard", "with a woven jacquard pattern"),
}

TOPS = ("T-shirt", "Top", "Sweater", "Vest top")
NEUTRAL = ("Black", "White", "Grey", "Beige")

STYLES: tuple[Style, ...] = (
    Style("Everyday", "Ladies", "Ladieswear", "easy everyday", 38, 18, 1.6, -0.25, 0.55,
          (*TOPS, "Leggings/Tights", "Jeans", "Cardigan", "Socks", "Underwear bottom"),
          NEUTRAL, ("Solid", "Stripe", "Melange")),
    Style("Tailoring", "Ladies", "Ladieswear", "sharp office", 42, 9, 1.0, 0.35, 0.3,
          ("Blazer", "Trousers", "Shirt", "Blouse", "Skirt", "Coat", "Heeled shoes", "Belt"),
          ("Black", "Blue", "Grey", "White"), ("Solid", "Check", "Stripe")),
    Style("Romantic", "Ladies", "Ladieswear", "romantic", 31, 8, 1.1, 0.0, 0.15,
          ("Dress", "Blouse", "Skirt", "Top", "Cardigan", "Earring", "Sandals"),
          ("Pink", "White", "Red", "Lilac Purple"), ("All over pattern", "Dot", "Lace")),
    Style("Minimal", "Ladies", "Ladieswear", "clean minimal", 36, 9, 1.0, 0.4, 0.35,
          ("Sweater", "Trousers", "Coat", "Shirt", "Dress", "Bag", "Boots", "Necklace"),
          ("Beige", "White", "Black", "Grey"), ("Solid", "Melange")),
    Style("Country", "Ladies", "Ladieswear", "boho country", 46, 10, 0.8, 0.05, 0.2,
          ("Dress", "Blouse", "Cardigan", "Jeans", "Boots", "Scarf", "Hat/beanie", "Skirt"),
          ("Brown", "Orange", "Khaki green", "Beige"), ("All over pattern", "Check", "Embroidery")),
    Style("Coastal", "Ladies", "Ladieswear", "classic coastal", 55, 9, 1.0, 0.15, 0.35,
          ("Sweater", "Polo shirt", "Trousers", "Jacket", "Cardigan", "Scarf", "Sneakers", "Shirt"),
          ("Blue", "White", "Red"), ("Stripe", "Solid", "Dot")),
    Style("Party", "Youth", "Young fashion", "going-out", 23, 5, 1.0, 0.0, 0.1,
          ("Dress", "Top", "Skirt", "Heeled shoes", "Earring", "Bag", "Jumpsuit/Playsuit"),
          ("Black", "Metal", "Red", "Lilac Purple"), ("Glittering/Metallic", "Solid", "Lace")),
    Style("Street", "Youth", "Young fashion", "oversized street", 20, 4, 1.1, -0.15, 0.2,
          ("Hoodie", "T-shirt", "Trousers", "Sneakers", "Cap", "Jacket", "Socks", "Bag"),
          ("Black", "Grey", "Green", "Yellow"), ("Front print", "Solid", "Colour blocking")),
    Style("Retro", "Youth", "Young fashion", "seventies-inspired", 25, 6, 0.9, -0.1, 0.15,
          ("Jeans", "Sweater", "Shirt", "Skirt", "Sunglasses", "Top", "Jacket", "Belt"),
          ("Orange", "Brown", "Yellow", "Green"), ("Stripe", "All over pattern", "Check")),
    Style("Active", "Sport", "Sport", "high-support training", 29, 9, 0.9, 0.0, 0.4,
          ("Sports bra", "Sports tights", "T-shirt", "Hoodie", "Shorts", "Sneakers", "Vest top"),
          ("Black", "Turquoise", "Pink", "Grey"), ("Solid", "Melange", "Colour blocking")),
    Style("Outdoor", "Sport", "Sport", "weatherproof outdoor", 47, 10, 0.6, 0.3, 0.35,
          ("Jacket", "Sweater", "Trousers", "Boots", "Hat/beanie", "Socks", "Coat"),
          ("Khaki green", "Orange", "Blue", "Grey"), ("Solid", "Colour blocking", "Check")),
    Style("Lingerie", "Ladies", "Lingerie and nightwear", "delicate", 32, 12, 1.2, -0.05, 0.45,
          ("Bra", "Underwear bottom", "Pyjama set", "Socks", "Leggings/Tights"),
          ("Black", "Pink", "White", "Red"), ("Lace", "Solid", "Dot")),
    Style("Beach", "Ladies", "Swimwear", "sun-bleached beach", 28, 8, 0.9, -0.05, 0.15,
          ("Bikini top", "Swimwear bottom", "Swimsuit", "Shorts", "Dress", "Sandals", "Sunglasses"),
          ("Black", "Orange", "Turquoise", "Blue"), ("Solid", "All over pattern", "Stripe")),
    Style("Men casual", "Men", "Menswear", "relaxed", 31, 10, 0.9, 0.05, 0.45,
          ("T-shirt", "Hoodie", "Jeans", "Sneakers", "Sweater", "Socks", "Cap", "Shorts"),
          ("Black", "Blue", "Grey", "Khaki green"), ("Solid", "Melange", "Stripe")),
    Style("Men tailored", "Men", "Menswear", "slim-fit", 41, 10, 0.6, 0.4, 0.4,
          ("Shirt", "Blazer", "Trousers", "Coat", "Polo shirt", "Belt", "Scarf"),
          ("Blue", "White", "Grey", "Black"), ("Solid", "Check", "Stripe")),
    Style("Baby", "Children", "Baby", "snuggly", 32, 4, 0.7, -0.5, 0.35,
          ("Baby bodysuit", "Leggings/Tights", "Cardigan", "Hat/beanie", "Socks", "Pyjama set"),
          ("White", "Yellow", "Green", "Pink"), ("All over pattern", "Stripe", "Solid")),
    Style("Kids", "Children", "Children", "playful", 39, 5, 0.7, -0.35, 0.2,
          ("T-shirt", "Hoodie", "Dress", "Jeans", "Jacket", "Sneakers", "Pyjama set", "Shorts"),
          ("Red", "Yellow", "Blue", "Pink"), ("Front print", "Stripe", "All over pattern")),
)  # fmt: skip
