"""What turns texts, pictures, and what is made of both on: encoders that recsys.toml names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_cli.config.encoders import SUGGESTED, content_on, encoder_named, off_hint
from recsys_cli.config.load import section_for
from recsys_cli.store.kinds import Switch

if TYPE_CHECKING:
    from recsys_cli.config import Config


def _part_switch(part: str) -> Switch:
    return Switch(
        lambda config, dataset: encoder_named(config, part, dataset) is not None,
        f"recsys.toml names no {part} encoder",
        off_hint(part),
    )


def _both_hint() -> str:
    text, image = SUGGESTED["text"][1], SUGGESTED["image"][1]
    return (
        f'write [text] encoder = "{SUGGESTED["text"][0]}" into recsys.toml, or "{text}", which '
        f'needs no download; for pictures [image] encoder = "{SUGGESTED["image"][0]}", or '
        f'"{image}", which needs none'
    )


def comparable(config: Config, _whole: str) -> bool:
    """Whether vectors of all datasets are of the same encoders, as far as there are any."""
    on = [name for name in config.datasets if content_on(config, name)]
    settings = {
        part: {
            (section.encoder, section.dtype)
            for section in (section_for(config, part, name) for name in on)
            if section.encoder
        }
        for part in SUGGESTED
    }
    return bool(on) and all(len(found) <= 1 for found in settings.values())


TEXT, IMAGE = _part_switch("text"), _part_switch("image")
BOTH = Switch(content_on, "recsys.toml names no text or image encoder", _both_hint())
COMMON = Switch(
    comparable,
    "recsys.toml names no encoder, or different ones for different datasets",
    _both_hint(),
)
