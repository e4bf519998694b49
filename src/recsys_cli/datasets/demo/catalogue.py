"""The articles of the demo shop: products in several colours, with latent taste and life cycles.

In: a number of articles and a seed. Out: a `Catalogue`, struct of arrays with one row per article
in article_id order. Products belong to lines (a designer's niche within a style); a line has its
own palette, garments, price level and point in taste space, which its articles inherit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_cli.datasets.demo import sampling
from recsys_cli.datasets.demo.sampling import MICRO, FloatArray, IntArray, choose_rows, stream
from recsys_cli.datasets.demo.vocabulary import COLOURS, GARMENTS, MASTERS, PATTERNS, STYLES

WEEKS = 105
"""Weeks of sales; the last one is the usual test window."""
FIRST_WEEK = 38
"""Week of the year in which the data starts."""
ARTICLES_PER_LINE = 30
MAX_LINES = 600
SPREAD = 0.65
"""Sigma of the log-normal popularity of products."""
COLOUR_POWER = 0.3
MAX_COLOURS = 9

COLOUR_MASTER = np.array([MASTERS.index(c.master) for c in COLOURS])
GARMENT_GROUPS = tuple(dict.fromkeys(g.garment_group for g in GARMENTS))
GARMENT_FAMILY = np.array([GARMENT_GROUPS.index(g.garment_group) for g in GARMENTS])
MATERIALS = np.array([len(g.materials) for g in GARMENTS])
PLAIN = np.array([g.silhouette.plain for g in GARMENTS])
JEWELLERY = np.array([g.silhouette.jewellery for g in GARMENTS])
PRINTABLE = np.array([g.silhouette.printable for g in GARMENTS])
DELICATE = np.array([g.silhouette.delicate for g in GARMENTS])
SEASONAL = np.array([g.swing for g in GARMENTS])
PEAK = np.array([g.peak_week for g in GARMENTS])


@dataclass(frozen=True)
class Lines:
    """The shop's lines: `style` (k,), ascending, and `micro` (k, MICRO)."""

    style: IntArray
    size: FloatArray
    """How many products, and how many admirers, relative to others."""
    micro: NDArray[np.float32]
    garments: FloatArray
    colours: FloatArray
    patterns: FloatArray
    price: FloatArray


@dataclass(frozen=True)
class Products:
    """One row per product, in product_code order."""

    line: IntArray
    garment: IntArray
    pattern: IntArray
    material: IntArray
    name: IntArray
    sleeve: IntArray
    length: IntArray
    neck: IntArray
    cents: IntArray
    intro: IntArray
    life: FloatArray
    popularity: FloatArray
    code: IntArray


@dataclass(frozen=True)
class Catalogue:
    """One row per article (n,); `product` indexes `products`, whose `line` indexes `lines`."""

    lines: Lines
    products: Products
    product: IntArray
    first_of_product: IntArray
    """(number of products + 1,): articles of product p are first[p] to first[p + 1]."""
    colour: IntArray
    number: IntArray
    """The three digits that follow the product code."""
    popularity: FloatArray
    micro: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Number of articles."""
        return int(self.product.size)

    def ids(self) -> list[str]:
        """article_id of each article, zero-padded to 10 digits."""
        codes = self.products.code[self.product] * 1000 + self.number
        return [f"{code:010d}" for code in codes.tolist()]


def make_catalogue(articles: int, seed: int) -> Catalogue:
    """Invent `articles` articles; the same arguments give the same catalogue."""
    rng = stream(seed, 1)
    lines = make_lines(rng, articles)
    sizes = colours_per_product(rng, articles)
    products = make_products(rng, lines, sizes.size)
    product = np.repeat(np.arange(sizes.size), sizes)
    first = np.concatenate([[0], np.cumsum(sizes)])
    within = np.arange(articles) - first[product]
    colour = colour_articles(rng, lines, products, sizes)
    number = 1 + within * rng.integers(1, 6, sizes.size)[product]
    fade = np.exp(rng.normal(0.0, 0.35, articles) - 0.25 * within)
    popularity = products.popularity[product] * fade * colour_weight(colour)
    line = products.line[product]
    micro = lines.micro[line] + rng.normal(0, 0.55, (articles, MICRO)).astype(np.float32)
    return Catalogue(lines, products, product, first, colour, number, popularity, micro)


def make_lines(rng: np.random.Generator, articles: int) -> Lines:
    """Invent the lines: at least one per style, more where the catalogue is larger."""
    count = int(np.clip(articles // ARTICLES_PER_LINE, len(STYLES), MAX_LINES))
    shares = np.array([style.share for style in STYLES])
    per_style = 1 + sampling.split_exactly(shares, count - len(STYLES))
    style = np.repeat(np.arange(len(STYLES)), per_style)
    jitter = np.exp(rng.normal(0, 0.7, (count, len(GARMENTS))))
    garments = np.array([[g.name in s.garments for g in GARMENTS] for s in STYLES], np.float64)
    base = np.array([c.weight for c in COLOURS])
    liked = np.array([[1.0 + 3.0 * (c.master in s.colours) for c in COLOURS] for s in STYLES])
    plain = np.array([[p.weight * (1 + 3 * (name in s.patterns)) for name, p in PATTERNS.items()]
                      for s in STYLES])  # fmt: skip
    return Lines(
        style=style,
        size=np.exp(rng.normal(0, 0.3, count)),
        micro=rng.normal(0, 1.0, (count, MICRO)).astype(np.float32),
        garments=garments[style] * jitter,
        colours=(base * liked)[style] * np.exp(rng.normal(0, 0.8, (count, len(COLOURS)))),
        patterns=plain[style] * np.exp(rng.normal(0, 0.5, (count, len(PATTERNS)))),
        price=np.array([s.price for s in STYLES])[style] + rng.normal(0, 0.15, count),
    )


def colours_per_product(rng: np.random.Generator, articles: int) -> IntArray:
    """How many colours each product comes in; sums to exactly `articles`."""
    sizes = np.minimum(rng.geometric(0.45, articles), MAX_COLOURS)
    count = int(np.searchsorted(np.cumsum(sizes), articles)) + 1
    sizes = sizes[:count]
    sizes[-1] -= int(sizes.sum()) - articles
    return sizes


def make_products(rng: np.random.Generator, lines: Lines, count: int) -> Products:
    """Invent `count` products in order of their introduction."""
    line = rng.permutation(
        np.repeat(np.arange(lines.size.size), sampling.split_exactly(lines.size, count))
    )
    garment = choose_rows(rng, lines.garments[line])
    style = lines.style[line]
    staple = rng.random(count) < np.array([s.basics for s in STYLES])[style]
    staple[0] = True
    intro, life = life_cycles(rng, staple)
    order = np.argsort(intro, kind="stable")
    line, garment, intro, life = line[order], garment[order], intro[order], life[order]
    top = max(999_999, 110_000 + 2 * count)
    gaps = sampling.split_exactly(rng.random(count) + 0.05, top - 110_000 - count)
    popularity = np.exp(rng.normal(0.0, SPREAD, count))
    return Products(
        line=line,
        garment=garment,
        pattern=product_patterns(rng, lines, line, garment),
        material=sampling.between(rng, np.zeros_like(garment), MATERIALS[garment]),
        name=rng.integers(0, 1 << 30, count),
        sleeve=rng.integers(0, 3, count),
        length=rng.integers(0, 3, count),
        neck=rng.integers(0, 4, count),
        cents=price_points(rng, lines.price[line], garment),
        intro=intro,
        life=life,
        popularity=popularity,
        code=110_000 + np.cumsum(gaps + 1) - 1,
    )


def life_cycles(rng: np.random.Generator, staple: NDArray[np.bool_]) -> tuple[IntArray, FloatArray]:
    """First week of sale (negative: before the data starts) and weeks until sales fade, each (n,).

    Staples sell for years. One product in seventy appears in the last week only, so that a
    test window always holds items without any history.
    """
    count = staple.size
    life = np.where(staple, 400.0, 6.0 + rng.gamma(2.0, 7.0, count))
    intro = rng.integers(-20, WEEKS, count)
    intro = np.where(staple & (rng.random(count) < 0.7), -20, intro)
    fresh = np.argsort(staple * WEEKS - intro, kind="stable")[: -(-count // 70)]
    intro[fresh] = WEEKS - 1
    intro[0] = -20 if staple[0] else intro[0]
    return intro, life


def product_patterns(
    rng: np.random.Generator, lines: Lines, line: IntArray, garment: IntArray
) -> IntArray:
    """Graphical appearance of each product, as far as its garment allows one."""
    names = list(PATTERNS)
    weights = lines.patterns[line].copy()
    plain = PLAIN[garment]
    weights[plain] *= 0.02
    weights[plain, names.index("Solid")] += 50.0
    for name, fit in (("Front print", PRINTABLE), ("Embroidery", PRINTABLE), ("Lace", DELICATE)):
        weights[~fit[garment], names.index(name)] = 0.0
    chosen = choose_rows(rng, weights)
    is_jeans = np.array([g.name == "Jeans" for g in GARMENTS])[garment]
    return np.where(is_jeans, names.index("Denim"), chosen)


def price_points(rng: np.random.Generator, level: FloatArray, garment: IntArray) -> IntArray:
    """Prices in cents, each ending in 99."""
    base = np.array([g.price for g in GARMENTS])[garment]
    raw = base * np.exp(level + rng.normal(0, 0.25, garment.size))
    step = np.where(raw < 20, 1.0, np.where(raw < 50, 5.0, 10.0))
    euros: FloatArray = np.maximum(np.rint(raw / step) * step, 2.0)
    return euros.astype(np.int64) * 100 - 1


def colour_articles(
    rng: np.random.Generator, lines: Lines, products: Products, sizes: IntArray
) -> IntArray:
    """Colours of the articles, distinct within a product; (sum of sizes,) in product order."""
    weights = lines.colours[products.line].copy()
    metal = np.array([c.master == "Metal" for c in COLOURS])
    weights[:, metal] *= np.where(JEWELLERY[products.garment], 500.0, 0.3)[:, None]
    denim = products.pattern == list(PATTERNS).index("Denim")
    blue = np.array([c.master in {"Blue", "Black", "Grey"} for c in COLOURS])
    weights[:, ~blue] *= np.where(denim, 0.02, 1.0)[:, None]
    keys = np.log(weights) + rng.gumbel(size=weights.shape)
    ranked = np.argsort(-keys, axis=1)[:, :MAX_COLOURS]
    return ranked[np.arange(MAX_COLOURS) < sizes[:, None]]


def colour_weight(colour: IntArray) -> FloatArray:
    """How much better some colours sell."""
    weight = np.array([c.weight for c in COLOURS])
    return np.asarray((weight / weight.mean()) ** COLOUR_POWER)[colour]


def garment_seasons() -> FloatArray:
    """How much better or worse each garment sells in each week, (WEEKS, number of garments)."""
    phase = 2 * np.pi * ((np.arange(WEEKS)[:, None] + FIRST_WEEK) % 52 - PEAK) / 52
    seasons: FloatArray = np.exp(1.3 * SEASONAL * np.cos(phase))
    return seasons


def line_seasons(catalogue: Catalogue) -> FloatArray:
    """What is left of each line's usual demand out of its season, (WEEKS, lines), 0 to 1."""
    share = np.zeros((catalogue.lines.style.size, len(GARMENTS)))
    np.add.at(share, (catalogue.products.line, catalogue.products.garment), 1.0)
    demand: FloatArray = garment_seasons() @ (share + 1e-9).T
    demand /= demand.mean(axis=0)
    return demand.clip(max=1.0)


def weekly_weights(catalogue: Catalogue) -> NDArray[np.float32]:
    """How much is sold of each article in each week, (WEEKS, n) float32, all else being equal.

    Sales rise for two weeks after the introduction, decay with the product's life and follow
    the season of the garment; an article that has faded is off the shelf.
    """
    products, product = catalogue.products, catalogue.product
    intro, life = products.intro[product], products.life[product]
    table = np.zeros((WEEKS, catalogue.size), np.float32)
    for week, season in enumerate(garment_seasons()):
        age = week - intro
        shape = np.minimum(1.0, (age + 1.5) / 2.5) * np.exp(-np.maximum(age - 2, 0) / life)
        sold = catalogue.popularity * shape * season[products.garment[product]]
        table[week] = np.where((age >= 0) & (shape > 0.03), sold, 0.0)
    return table
