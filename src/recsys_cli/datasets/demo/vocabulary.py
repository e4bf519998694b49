"""The words and numbers of the demo shop, as vocabulary.toml holds them.

Each garment knows the silhouette it is drawn with, its usual price and its season; each style
knows whom it suits and which garments, colours and patterns it favours. The catalogue, the texts
and the pictures all read these tables, so what a description says is what the picture shows and
what the latent taste responds to.
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel

_TABLES = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))


class Silhouette(BaseModel, frozen=True, extra="forbid"):
    """What a garment is drawn as: how texts describe it and what it can be made in."""

    detail: str
    """A sentence with the words of `CUT` in braces."""
    plain: bool = False
    """Hardly ever in a pattern."""
    jewellery: bool = False
    """Of gold or silver."""
    printable: bool = False
    """It has a front to print or embroider."""
    delicate: bool = False
    """It comes in lace."""
    sleeved: bool = False
    """Drawn with the sleeves of the product; the others are drawn once for all."""


class Garment(BaseModel, frozen=True, extra="forbid"):
    """One product type."""

    name: str
    noun: str
    """What one would call the thing in a sentence."""
    group: str
    garment_group: str
    shape: str
    """Name of the silhouette."""
    price: float
    peak_week: int = 0
    """Week of the year in which it sells best."""
    swing: float = 0.0
    """How strongly the season acts, 0 (it sells all year) to 1."""
    materials: tuple[str, ...]

    @property
    def silhouette(self) -> Silhouette:
        """What it is drawn as."""
        return SILHOUETTES[self.shape]


class Colour(BaseModel, frozen=True, extra="forbid"):
    """One colour group; `master` is the level at which taste acts."""

    name: str
    master: str
    value: str
    rgb: tuple[int, int, int]
    weight: float


class Pattern(BaseModel, frozen=True, extra="forbid"):
    """One graphical appearance: how often it comes and how texts put it."""

    weight: float
    look: str
    clause: str


class Style(BaseModel, frozen=True, extra="forbid"):
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


class Household(BaseModel, frozen=True, extra="forbid"):
    """A kind of customer: how many are, and how they lean to the styles of each audience."""

    share: float
    leaning: dict[str, float]


def _garment(name: str, row: dict[str, object]) -> Garment:
    materials = _TABLES["materials"][row["materials"]]
    return Garment.model_validate(
        {"name": name, "noun": name.lower(), **row, "materials": materials}
    )


NAMES: list[str] = _TABLES["names"]
"""What products are called after."""
ENDINGS: list[str] = _TABLES["endings"]
CUT: dict[str, dict[str, list[str]]] = _TABLES["cut"]
"""By column of the products and by word, how a description puts the column's numbers."""
SILHOUETTES = {name: Silhouette(**row) for name, row in _TABLES["silhouettes"].items()}
GARMENTS = tuple(_garment(name, row) for name, row in _TABLES["garments"].items())
COLOURS = tuple(Colour(name=name, **row) for name, row in _TABLES["colours"].items())
MASTERS = tuple(dict.fromkeys(colour.master for colour in COLOURS))
PATTERNS = {name: Pattern(**row) for name, row in _TABLES["patterns"].items()}
STYLES = tuple(Style(name=name, **row) for name, row in _TABLES["styles"].items())
HOUSEHOLDS = tuple(Household(**row) for row in _TABLES["households"].values())
"""Her, him, and a family, in this order."""
