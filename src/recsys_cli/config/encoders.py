"""Which encoders of texts and pictures recsys.toml names, and what to say where it names none."""

from __future__ import annotations

from recsys_cli.config.load import section_for
from recsys_cli.config.models import Config
from recsys_cli.errors import Command

SUGGESTED = {
    "text": ("sentence-transformers:all-MiniLM-L6-v2", "lsa"),
    "image": ("open_clip:ViT-B-32/laion2b_s34b_b79k", "histogram"),
}
"""By part, the encoder to prefer and one that needs no download."""


CONTENT_LEFT_OUT = (
    "Texts and pictures are left out, as recsys.toml names no encoder: `",
    Command("init"),
    "` writes one, --set text.encoder=lsa works for one command.",
)


def encoder_named(config: Config, part: str, dataset: str) -> str | None:
    """The encoder string of "text" or "image" for a dataset; None where that part is off."""
    named: str | None = section_for(config, part, dataset).encoder
    return named


def is_fitted(encoder: str) -> bool:
    """Whether a text encoder is fitted on the catalogue rather than brought from elsewhere."""
    return encoder.partition(":")[0] == "lsa"


def content_on(config: Config, dataset: str) -> bool:
    """Whether any encoder is named for a dataset."""
    return any(encoder_named(config, part, dataset) is not None for part in SUGGESTED)


def off_hint(part: str) -> str:
    """What to write into recsys.toml to switch "text" or "image" on, both ways."""
    best, plain = SUGGESTED[part]
    return (
        f'write [{part}] encoder = "{best}" into recsys.toml, or [{part}] encoder = "{plain}", '
        f"which needs no download; for one command, --set {part}.encoder={plain}"
    )
