"""The errors of encoders that can't be had: the config line and both ways out.

An encoder is never swapped for another behind the user's back: vectors of different encoders
look alike and mean nothing to each other.
"""

from __future__ import annotations

from typing import Literal

from recsys_cli.errors import ConfigError, install_extra

Kind = Literal["text", "image"]

_DOWNLOAD = {
    "text": (
        "download the model on a machine with a network (hf download NAME --local-dir FOLDER) "
        'and set "sentence-transformers:FOLDER"'
    ),
    "image": (
        "download the checkpoint on a machine with a network and set "
        '"open_clip:ARCHITECTURE/PATH-OF-THE-FILE"'
    ),
}
_BUILT_IN = {
    "text": 'or set "lsa", which needs no download',
    "image": 'or set "histogram", which needs no download',
}


def cannot_load(config_line: str, kind: Kind, why: BaseException | str) -> ConfigError:
    """A model that is not there or not a model."""
    return ConfigError(
        f"{config_line}: the model could not be loaded ({first_line(why)})",
        hint=f"{_DOWNLOAD[kind]}; {_BUILT_IN[kind]}",
    )


def library_missing(config_line: str, kind: Kind, why: ImportError) -> ConfigError:
    """A model whose library is not installed, or not in a version that works."""
    return ConfigError(
        f"{config_line}: the library for this encoder could not be imported ({first_line(why)})",
        hint=(*install_extra("content"), f"; {_BUILT_IN[kind]}"),
    )


def unknown_encoder(config_line: str, kind: Kind, spec: str) -> ConfigError:
    """A string that names no encoder."""
    forms = {
        "text": '"sentence-transformers:NAME-OR-FOLDER", "lsa" or "lsa:DIMENSION"',
        "image": '"open_clip:ARCHITECTURE/TAG-OR-CHECKPOINT" or "histogram"',
    }
    return ConfigError(
        f'{config_line}: "{spec}" is not {"a text" if kind == "text" else "an image"} encoder',
        hint=f"it can be {forms[kind]}",
    )


def first_line(why: BaseException | str) -> str:
    """What an error says, without the paragraphs after it."""
    text = str(why).strip()
    line = text.splitlines()[0] if text else ""
    return line if isinstance(why, str) or line else type(why).__name__
