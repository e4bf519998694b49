"""The commented recsys.toml that `recsys init` writes, made from the config models.

Defaults stand as comments, so that a setting left alone follows the default of the next
version.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from recsys_cli.config.models import Config, DatasetConfig

_WIDTH = 92


DEMO_TEXT = """\
# Written by `recsys demo`. `recsys init --force` writes every setting with its default.

[text]
encoder = "lsa"          # or "sentence-transformers:all-MiniLM-L6-v2"
"""
DEMO_IMAGE = """
[image]
encoder = "histogram"    # or "open_clip:ViT-B-32/laion2b_s34b_b79k"
"""


@dataclass(frozen=True)
class FoundDataset:
    """A folder of raw files that looks like a dataset."""

    name: str
    kind: str
    path: str
    pictures: bool = False
    lines: tuple[str, ...] = ()
    """What is known of it, as lines of TOML."""


_MATTER = (
    "recommend.strategy", "recommend.k", "text.encoder", "image.encoder", "als.factors",
    "als.regularization", "als.alpha", "twotower.enabled", "hybrid.enabled", "popular.window_days",
)  # fmt: skip
"""The settings that a short recsys.toml has."""


def render_config(
    model: type[Config],
    datasets: Sequence[FoundDataset],
    *,
    encoders: Mapping[str, tuple[str, str]] | None = None,
    full: bool = False,
) -> str:
    """The text of a recsys.toml for these datasets.

    Args:
        model: of all sections.
        datasets: what was found.
        encoders: by "text" and "image" the line's encoder, and what to say of the other choice;
            a part left out is off.
        full: whether every setting is there, and not only those that matter.
    """
    parts = [
        "# Settings of `recsys`. Commented lines show the defaults; remove the # to change one.",
        "# Any of them can be overridden for one command with --set section.key=value.",
    ]
    if full:
        own = Config.model_fields.keys() - {"datasets", *_sections(Config)}
        parts += ["", *_fields(Config, only=own)]
    else:
        parts += ["# `recsys init --full --force` writes all of them. # ? marks what was guessed."]
    for dataset in datasets:
        parts += ["", f"[datasets.{dataset.name}]"]
        parts += [f"kind = {_toml(dataset.kind)}", f"path = {_toml(dataset.path)}"]
        parts += dataset.lines
        if full:
            known = {line.partition(" ")[0] for line in dataset.lines}
            parts += _fields(DatasetConfig, only=_relevant(dataset.kind) - known)
    if not datasets:
        parts += [
            "",
            "# [datasets.shop]",
            '# kind = "generic"             # hm | retailrocket | generic',
            '# path = "data/shop_raw"',
            '# events = "orders.csv"        # items = "…", users = "…" where there are such files',
            '# or, without path: events = "s3://…", { sql = "select …", url = "postgresql://…" }',
            '# columns = { user = "customer", item = "sku", time = "ordered_at" }',
        ]
    for name, section in _sections(model).items():
        matter = {key for part, _, key in map(_parted, _MATTER) if part == name}
        if full or matter:
            parts += ["", *_comment(section.__doc__ or ""), f"[{name}]"]
            only = None if full else matter
            parts += _fields(section, only=only, active=_encoder_line(name, encoders or {}))
    return "\n".join(parts) + "\n"


def _parted(setting: str) -> tuple[str, str, str]:
    return setting.partition(".")


def toml_line(key: str, value: Any, *, why: str = "", guessed: bool = False) -> str:
    """A line of TOML, with what there is to say behind it."""
    mark = " ".join(filter(None, ["?" if guessed else "", why]))
    return f"{key} = {_toml(value)}" + (f"  # {mark}" if mark else "")


def _encoder_line(part: str, encoders: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """The line that switches a part on, by the name of its setting."""
    if part not in encoders:
        return {}
    encoder, other = encoders[part]
    return {"encoder": f"encoder = {_toml(encoder)}  # {other}"}


def _sections(model: type[Config]) -> dict[str, type[BaseModel]]:
    kinds = {name: field.annotation for name, field in model.model_fields.items()}
    return {k: v for k, v in kinds.items() if isinstance(v, type) and issubclass(v, BaseModel)}


def _relevant(kind: str) -> set[str]:
    """Further fields worth showing for a kind; `generic:` in a description marks the others.

    `horizon` says what `horizon_days` does in older files.
    """
    return {
        name
        for name, text in descriptions(DatasetConfig).items()
        if kind == "generic" or not text.startswith("generic:")
    } - {"kind", "path", "horizon_days"}


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """The docstring under each field of a model.

    Read from the source here and not by pydantic, which would do so at every start.
    """
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    found = {}
    for field, text in pairwise(getattr(body, "body", [])):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            found[ast.unparse(field.target)] = str(getattr(text.value, "value", ""))
    return found


def _fields(
    model: type[BaseModel],
    *,
    only: set[str] | None = None,
    active: Mapping[str, str] | None = None,
) -> list[str]:
    lines: list[str] = []
    described = descriptions(model)
    for name, field in model.model_fields.items():
        if only is not None and name not in only:
            continue
        lines += _comment(described.get(name, "").removeprefix("generic: "))
        default = field.get_default(call_default_factory=True)
        if active and name in active:
            lines.append(active[name])
        elif default is None:
            given = field.examples
            example = _toml(given[0]) if given else _example(str(field.annotation))
            lines.append(f"# {name} = {example}  # unset by default")
        else:
            lines.append(f"# {name} = {_toml(default)}")
    return lines


def _example(annotation: str) -> str:
    """A value of the right type for a setting that is unset by default."""
    choice = re.search(r"Literal\[('\w+')", annotation)
    if choice:
        return _toml(choice[1].strip("'"))
    for kind, example in (
        ("dict[str", "{ view = 1, purchase = 5 }"),
        ("list[", '["…"]'),
        ("bool", "true"),
        ("int", "7"),
        ("float", "30.0"),
    ):
        if kind in annotation.lower():
            return example
    return '"…"'


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# "
    )


def _toml(value: Any) -> str:
    if isinstance(value, BaseModel):
        set_fields = {k: v for k, v in value.model_dump().items() if v is not None}
        return _toml(set_fields)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
